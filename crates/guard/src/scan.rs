//! Finding files, and checking each: in parallel, in the order of their paths.
//!
//! `.gitignore` holds, hidden files are left out, and a file that was named is always looked at.

use std::io;
use std::path::Path;

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;
use rayon::prelude::*;

use crate::config::Options;
use crate::finding::{Finding, Severity};
use crate::read::{self, Content, Context};
use crate::{rules, suppress};

/// LIMIT: bytes of a file that is looked at; a template has 1 MB at most, a plan more.
const FILE_LEN_MAX: u64 = 64 << 20;

/// What a check found, and what it looked at.
#[derive(Debug, Default)]
pub struct Checked {
    /// By path, place and rule.
    pub findings: Vec<Finding>,
    /// Files with secrets or keys in them.
    pub files: usize,
    /// Files that were opened.
    pub opened: usize,
    /// Findings that a baseline knows, and that are not among these.
    pub known: usize,
}

/// A file to look at.
struct Candidate {
    path: String,
    named: bool,
}

/// Checks files and folders.
pub fn check(paths: &[String], options: &Options) -> io::Result<Checked> {
    let mut candidates = Vec::new();
    let mut checked = Checked::default();
    for path in paths {
        collect(path, options, &mut candidates, &mut checked.findings)?;
    }
    candidates.sort_by(|a, b| a.path.cmp(&b.path).then(b.named.cmp(&a.named)));
    candidates.dedup_by(|a, b| a.path == b.path);
    checked.opened = candidates.len();
    let each: Vec<(bool, Vec<Finding>)> =
        candidates.par_iter().map(|candidate| check_file(candidate, options)).collect();
    for (ours, findings) in each {
        checked.files += usize::from(ours);
        checked.findings.extend(findings);
    }
    ignored(options, &mut checked.findings)?;
    checked.findings.sort_by(|a, b| {
        (&a.path, a.at, a.rule.id, &a.message).cmp(&(&b.path, b.at, b.rule.id, &b.message))
    });
    Ok(checked)
}

impl Checked {
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.rule.severity == severity).count()
    }

    /// Files that could not be read.
    pub fn unreadable(&self) -> usize {
        self.findings.iter().filter(|finding| finding.rule.id == "RG102").count()
    }
}

fn collect(
    root: &str,
    options: &Options,
    candidates: &mut Vec<Candidate>,
    findings: &mut Vec<Finding>,
) -> io::Result<()> {
    if Path::new(root).is_file() {
        candidates.push(Candidate { path: plain(Path::new(root)), named: true });
        return Ok(());
    }
    let mut excluded = OverrideBuilder::new(root);
    for pattern in &options.exclude {
        excluded.add(&format!("!{pattern}")).map_err(io::Error::other)?;
    }
    let excluded = excluded.build().map_err(io::Error::other)?;
    // Files of a repository are left out as git leaves them out, also where there is no repository.
    for entry in WalkBuilder::new(root).require_git(false).overrides(excluded).build() {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                let ending = entry.path().extension().and_then(|ending| ending.to_str());
                let ending = ending.map(str::to_ascii_lowercase);
                if ending.is_some_and(|ending| read::ENDINGS.contains(&ending.as_str())) {
                    candidates.push(Candidate { path: plain(entry.path()), named: false });
                }
            }
            Ok(_) => {}
            Err(error) => findings.extend(unreadable(root, None, error.to_string())),
        }
    }
    Ok(())
}

/// A path with `/` between its parts, and without `./` in front.
fn plain(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

fn unreadable(path: &str, at: Option<regent_cfn::Position>, message: String) -> Option<Finding> {
    let rule = rules::find("RG102")?;
    Some(Finding { rule, path: path.to_owned(), at, resource: None, message, snippet: None })
}

/// Whether the file has anything in it to look at, and what is found.
fn check_file(candidate: &Candidate, options: &Options) -> (bool, Vec<Finding>) {
    let path = candidate.path.as_str();
    let failed = |message: String| (true, unreadable(path, None, message).into_iter().collect());
    match std::fs::metadata(path) {
        Ok(found) if found.len() > FILE_LEN_MAX => {
            return failed(format!("it has more than {FILE_LEN_MAX} bytes"));
        }
        Ok(_) => {}
        Err(error) => return failed(error.to_string()),
    }
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return failed(error.to_string()),
    };
    let Ok(text) = String::from_utf8(bytes) else {
        let named = candidate.named;
        return if named { failed("it is not UTF-8".to_owned()) } else { (false, Vec::new()) };
    };
    check_text(path, &text, candidate.named, options)
}

/// Checks one text; `named` if somebody asked for this file.
pub fn check_text(path: &str, text: &str, named: bool, options: &Options) -> (bool, Vec<Finding>) {
    let context = Context {
        region: options.region.as_deref(),
        account: options.account.as_deref(),
        parameters: &options.parameters,
    };
    match read::read(text, &context) {
        Content::Nothing => (false, Vec::new()),
        Content::Other => {
            let message = "it is no template".to_owned();
            let found = named.then(|| unreadable(path, None, message)).flatten();
            (false, found.into_iter().collect())
        }
        Content::Unreadable(problem) => {
            let found = unreadable(path, problem.at, problem.problem.to_string());
            (true, found.into_iter().collect())
        }
        Content::Unit(unit) => {
            let findings = rules::judge(&unit, path, text);
            let (mut left, faults) = suppress::apply(text, findings);
            let rule = rules::find("RG103");
            left.extend(faults.into_iter().filter_map(|fault| {
                let (rule, path, message) = (rule?, path.to_owned(), fault.message);
                let (at, resource) = (fault.at, fault.resource);
                Some(Finding { rule, path, at, resource, message, snippet: None })
            }));
            (true, left)
        }
    }
}

/// Takes out what the options leave out.
fn ignored(options: &Options, findings: &mut Vec<Finding>) -> io::Result<()> {
    for ignore in &options.ignore {
        let mut paths = OverrideBuilder::new("");
        for pattern in &ignore.paths {
            paths.add(pattern).map_err(io::Error::other)?;
        }
        let paths = paths.build().map_err(io::Error::other)?;
        findings.retain(|finding| {
            let here = paths.is_empty() || paths.matched(&finding.path, false).is_whitelist();
            !(here && finding.rule.id.eq_ignore_ascii_case(&ignore.rule))
        });
    }
    Ok(())
}
