//! How far an audit has come: in memory, and in a file if it is to go on after an interruption.
//!
//! The file has one JSON object in each line: first what is audited, then a page in each line, added
//! and flushed when all of the page is known. A last line that is cut off is a page that was not
//! finished. It has names, ARNs and findings in it, and no values.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::tally::Delta;

/// What an audit is of. A file of another plan is not gone on with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The format of the file.
    pub version: u32,
    /// Accounts, and the Regions of each.
    pub accounts: BTreeMap<String, Vec<String>>,
    pub probe: bool,
    pub patience_s: i64,
}

/// The lists are read twice: first for secrets, then for replicas that no secret lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pass {
    Secrets,
    Replicas,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct List {
    pub account: String,
    pub region: String,
    pub pass: Pass,
}

/// What comes next of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Next {
    #[default]
    First,
    Page(String),
    Done,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    list: List,
    /// Whether what was known of the list is forgotten.
    #[serde(default)]
    again: bool,
    next: Option<String>,
    delta: Delta,
}

#[derive(Debug, thiserror::Error)]
pub enum BadState {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("this is the state of another audit: other accounts, Regions or options")]
    OtherPlan,
    #[error("this is no state that an audit wrote")]
    NoState,
}

#[derive(Debug, Default)]
pub struct State {
    file: Option<(PathBuf, File)>,
    lists: BTreeMap<List, (Next, Delta)>,
}

impl State {
    /// Goes on where the file ends; begins one if there is none.
    pub fn open(path: &Path, plan: &Plan) -> Result<Self, BadState> {
        let mut state = Self::default();
        let mut kept = 0;
        match std::fs::read_to_string(path) {
            Ok(text) => kept = state.replay(&text, plan)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let file = if kept == 0 {
            let mut file = private(path)?;
            file.write_all(line(plan)?.as_bytes())?;
            file
        } else {
            // What was cut off goes, and what is whole is not touched: no kill can lose it.
            let file = OpenOptions::new().append(true).open(path)?;
            file.set_len(kept)?;
            file
        };
        state.file = Some((path.to_owned(), file));
        Ok(state)
    }

    /// Takes what whole lines say, and returns how many bytes these are.
    fn replay(&mut self, text: &str, plan: &Plan) -> Result<u64, BadState> {
        let whole = text.rfind('\n').map_or("", |end| text.get(..=end).unwrap_or(""));
        let mut lines = whole.lines();
        let Some(first) = lines.next() else {
            return if text.is_empty() { Ok(0) } else { Err(BadState::NoState) };
        };
        let found: Plan = serde_json::from_str(first).map_err(|_| BadState::NoState)?;
        if found != *plan {
            return Err(BadState::OtherPlan);
        }
        for text in lines {
            let line: Line = serde_json::from_str(text).map_err(|_| BadState::NoState)?;
            self.take(line);
        }
        Ok(u64::try_from(whole.len()).unwrap_or(u64::MAX))
    }

    fn take(&mut self, line: Line) {
        let (next, delta) = self.lists.entry(line.list).or_default();
        if line.again {
            (*next, *delta) = Default::default();
            return;
        }
        *next = line.next.map_or(Next::Done, Next::Page);
        delta.add(line.delta);
    }

    pub fn next(&self, list: &List) -> Next {
        self.lists.get(list).map(|(next, _)| next.clone()).unwrap_or_default()
    }

    /// A page is known, and which comes next.
    pub fn page(&mut self, list: &List, next: Option<String>, delta: Delta) -> io::Result<()> {
        self.put(Line { list: list.clone(), again: false, next, delta })
    }

    /// The list is read from its beginning.
    pub fn again(&mut self, list: &List) -> io::Result<()> {
        self.put(Line { list: list.clone(), again: true, next: None, delta: Delta::default() })
    }

    fn put(&mut self, entry: Line) -> io::Result<()> {
        if let Some((_, file)) = &mut self.file {
            file.write_all(line(&entry)?.as_bytes())?;
        }
        self.take(entry);
        Ok(())
    }

    pub fn lists(&self) -> impl Iterator<Item = (&List, &Delta)> {
        self.lists.iter().map(|(list, (_, delta))| (list, delta))
    }

    /// The audit is whole, and the next one begins anew.
    pub fn remove(&mut self) -> io::Result<()> {
        match self.file.take() {
            Some((path, _)) => std::fs::remove_file(path),
            None => Ok(()),
        }
    }
}

fn line(value: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

/// Opens a new or emptied file that its owner alone may read: names of secrets are nobody else's
/// business.
pub fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let accounts = BTreeMap::from([("1".to_owned(), vec!["us-east-1".to_owned()])]);
        Plan { version: 1, accounts, probe: false, patience_s: 900 }
    }

    fn list() -> List {
        List { account: "1".to_owned(), region: "us-east-1".to_owned(), pass: Pass::Secrets }
    }

    fn delta(secrets: u64) -> Delta {
        let mut delta = Delta::default();
        delta.row("us-east-1").secrets = secrets;
        delta
    }

    #[test]
    fn it_goes_on_after_the_last_whole_page() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = State::open(&path, &plan()).unwrap();
        assert_eq!(state.next(&list()), Next::First);
        state.page(&list(), Some("t1".to_owned()), delta(100)).unwrap();
        state.page(&list(), Some("t2".to_owned()), delta(100)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        // Cut off at any place, it is where the last whole line was.
        let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        for cut in lines[0]..=text.len() {
            std::fs::write(&path, &text[..cut]).unwrap();
            let state = State::open(&path, &plan()).unwrap();
            let pages = lines.iter().filter(|end| **end <= cut).count() - 1;
            let next = [Next::First, Next::Page("t1".to_owned()), Next::Page("t2".to_owned())];
            assert_eq!(state.next(&list()), next[pages], "{cut}");
            let known: u64 = state.lists().map(|(_, delta)| delta.rows["us-east-1"].secrets).sum();
            assert_eq!(known, 100 * u64::try_from(pages).unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap().len(), lines[pages]);
        }
    }

    #[test]
    fn a_list_begins_again_or_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = State::open(&path, &plan()).unwrap();
        state.page(&list(), Some("t".to_owned()), delta(100)).unwrap();
        state.again(&list()).unwrap();
        assert_eq!(state.next(&list()), Next::First);
        state.page(&list(), None, delta(7)).unwrap();
        drop(state);
        let mut state = State::open(&path, &plan()).unwrap();
        assert_eq!(state.next(&list()), Next::Done);
        assert_eq!(state.lists().next().unwrap().1, &delta(7));
        state.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_state_of_this_audit_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        drop(State::open(&path, &plan()).unwrap());
        let other = Plan { probe: true, ..plan() };
        assert!(matches!(State::open(&path, &other), Err(BadState::OtherPlan)));
        for text in ["notes", "notes\n", "{}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(State::open(&path, &plan()), Err(BadState::NoState)), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
