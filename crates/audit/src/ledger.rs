//! What is known to be wrong, and what of it is still to be told. Pure: the time is given.
//!
//! A problem is a rule, a place and a name; it is told when it is found and when it is over, and not in
//! between. It is over only if what would show it was looked at: a Region that could not be read, or a
//! secret that the caller may not look at, proves nothing. Notices wait in order until they are
//! delivered. A ledger that is written and read again is the same, so that a restart repeats nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use regent_guard::Baseline;
use regent_guard::finding::Severity;
use regent_guard::rules::{self, Rule};
use serde::{Deserialize, Serialize};

use crate::judge::Found;

/// The format of a ledger that is kept.
const VERSION: u32 = 1;
/// LIMIT: characters of a reason, which others than AWS may have written.
const REASON_LEN_MAX: usize = 2000;

/// The Region of an account that could not be reached at all.
const WHOLE: &str = "*";

/// What a problem is known by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub account: String,
    /// Where its readers are. Empty or `*` if an account as a whole cannot be looked at.
    pub region: String,
    /// A secret, a prefix of secrets (RG215), or nothing if it is about the Region itself.
    pub name: String,
    pub rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The Region whose list shows it: the primary's, for replicas.
    pub home: String,
    pub key: Option<String>,
    pub reason: String,
    /// When it was first found, in seconds since 1970.
    pub since_s: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    Found,
    Recovered,
    /// It is not looked for any more: the Region is not watched, or the level has changed.
    Withdrawn,
}

impl Event {
    pub const ALL: [Self; 3] = [Self::Found, Self::Recovered, Self::Withdrawn];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Recovered => "recovered",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A change of state, to be told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same in each attempt to deliver it, and of no other notice.
    pub id: String,
    pub event: Event,
    pub at_s: i64,
    pub place: Place,
    pub problem: Problem,
}

impl Notice {
    pub fn rule(&self) -> Option<&'static Rule> {
        rules::find(&self.place.rule)
    }
}

/// What a look covers.
#[derive(Debug)]
pub enum Scope<'s> {
    /// Everything, in these accounts and Regions, except secrets (account, home, name) that were looked
    /// at apart in the meantime.
    All { read: &'s BTreeSet<(String, String)>, except: &'s BTreeSet<(String, String, String)> },
    /// One secret, with its primary in this Region.
    Secret { account: &'s str, home: &'s str, name: &'s str },
}

/// What is told of at all.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// The least finding.
    pub least: Severity,
    /// Findings that somebody knows and wants to hear nothing of.
    pub baseline: Option<&'w Baseline>,
}

impl Wanted<'_> {
    fn has(&self, place: &Place) -> bool {
        let bad = rules::find(&place.rule).is_some_and(|rule| rule.severity >= self.least);
        let path = format!("{}/{}", place.account, place.region);
        let knows = |known: &Baseline| known.knows(&place.rule, &path, &place.name);
        bad && !self.baseline.is_some_and(knows)
    }
}

/// Whether what was not found again is over.
enum Verdict {
    Holds,
    Over(Event),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Ledger {
    /// Begins each id, so that no other ledger has the same.
    name: String,
    next: u64,
    problems: BTreeMap<Place, Problem>,
    waiting: VecDeque<Notice>,
}

/// A ledger as it is written.
#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    name: String,
    next: u64,
    problems: Vec<(Place, Problem)>,
    waiting: Vec<Notice>,
}

impl From<Ledger> for Kept {
    fn from(ledger: Ledger) -> Self {
        let Ledger { name, next, problems, waiting } = ledger;
        let (problems, waiting) = (problems.into_iter().collect(), waiting.into());
        Self { version: VERSION, name, next, problems, waiting }
    }
}

impl TryFrom<Kept> for Ledger {
    type Error = &'static str;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        let Kept { version, name, next, problems, waiting } = kept;
        if version != VERSION {
            return Err("another version wrote it");
        }
        Ok(Self { name, next, problems: problems.into_iter().collect(), waiting: waiting.into() })
    }
}

impl Ledger {
    /// An empty one; no other may have the same name.
    pub fn new(name: String) -> Self {
        Self { name, next: 0, problems: BTreeMap::new(), waiting: VecDeque::new() }
    }

    pub fn problems(&self) -> &BTreeMap<Place, Problem> {
        &self.problems
    }

    /// What was found in `scope`, as far as it is wanted. Returns what has changed.
    pub fn take(
        &mut self,
        found: &[Found],
        scope: &Scope<'_>,
        wanted: &Wanted<'_>,
        now_s: i64,
    ) -> Vec<Notice> {
        let seen = Seen::of(found, wanted);
        let mut changes = Vec::new();
        let mut over = Vec::new();
        for (place, problem) in &self.problems {
            if seen.problems.contains_key(place) {
                continue;
            }
            if let Verdict::Over(event) = seen.verdict(place, problem, scope, wanted) {
                over.push((place.clone(), event));
            }
        }
        for (place, event) in over {
            if let Some(problem) = self.problems.remove(&place) {
                changes.push(self.notice(event, place, problem, now_s));
            }
        }
        for (place, found) in seen.problems {
            if apart(scope, &place, &found.home) {
                continue;
            }
            let since_s = self.problems.get(&place).map(|known| known.since_s);
            let problem = Problem {
                home: found.home.clone(),
                key: found.key.clone(),
                reason: found.message.chars().take(REASON_LEN_MAX).collect(),
                since_s: since_s.unwrap_or(now_s),
            };
            self.problems.insert(place.clone(), problem.clone());
            if since_s.is_none() {
                changes.push(self.notice(Event::Found, place, problem, now_s));
            }
        }
        changes
    }

    fn notice(&mut self, event: Event, place: Place, problem: Problem, at_s: i64) -> Notice {
        let id = format!("{}-{}", self.name, self.next);
        self.next += 1;
        Notice { id, event, at_s, place, problem }
    }

    /// Has a notice wait for its delivery. What comes back before anybody was told that it was over
    /// has not been away: then both are left out. The first that waits may be on its way.
    pub fn tell(&mut self, notice: Notice) {
        let undone = |other: &Notice| {
            notice.event == Event::Found
                && other.event != Event::Found
                && other.place == notice.place
        };
        match self.waiting.iter().skip(1).position(undone) {
            Some(at) => {
                self.waiting.remove(at + 1);
            }
            None => self.waiting.push_back(notice),
        }
    }

    /// What is to be told next.
    pub fn first(&self) -> Option<&Notice> {
        self.waiting.front()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn delivered(&mut self, id: &str) {
        self.waiting.retain(|notice| notice.id != id);
    }
}

/// What was found, by what it is known by.
struct Seen<'f> {
    problems: BTreeMap<Place, &'f Found>,
    /// Accounts and Regions that could not be read, and names that could not be looked at there.
    lost: BTreeSet<(String, String)>,
    unknown: BTreeSet<(String, String, String)>,
}

impl<'f> Seen<'f> {
    fn of(found: &'f [Found], wanted: &Wanted<'_>) -> Self {
        let mut seen =
            Self { problems: BTreeMap::new(), lost: BTreeSet::new(), unknown: BTreeSet::new() };
        for one in found {
            let (account, region) = one.path.split_once('/').unwrap_or((&one.path, ""));
            let (account, region) = (account.to_owned(), region.to_owned());
            let name = one.resource.clone().unwrap_or_default();
            match one.rule.as_str() {
                "RG299" => {
                    seen.lost.insert((account.clone(), region.clone()));
                }
                "RG298" => {
                    seen.unknown.insert((account.clone(), region.clone(), name.clone()));
                }
                _ => {}
            }
            let place = Place { account, region, name, rule: one.rule.clone() };
            if wanted.has(&place) {
                seen.problems.entry(place).or_insert(one);
            }
        }
        seen
    }

    fn verdict(
        &self,
        place: &Place,
        problem: &Problem,
        scope: &Scope<'_>,
        wanted: &Wanted<'_>,
    ) -> Verdict {
        let at = |region: &str| (place.account.clone(), region.to_owned());
        let known = |region: &str| {
            let (account, region) = at(region);
            !self.unknown.contains(&(account, region, place.name.clone()))
        };
        match scope {
            Scope::Secret { account, home, name } => {
                let own = place.account == *account && problem.home == *home;
                // These two are of lists, and no look at a secret shows them.
                let listed = matches!(place.rule.as_str(), "RG213" | "RG215" | "RG299");
                if own && place.name == *name && !listed && known(&place.region) && known(home) {
                    return Verdict::Over(Event::Recovered);
                }
                Verdict::Holds
            }
            Scope::All { read, .. } => {
                // What could not be read came from no list but its own Region's.
                let home = if problem.home.is_empty() { &place.region } else { &problem.home };
                // An account without a name is the caller's own, before it could be asked for it.
                let lost = self.lost.contains(&(String::new(), String::new()))
                    || ["", WHOLE, home].into_iter().any(|region| self.lost.contains(&at(region)));
                let back = match home.as_str() {
                    "" => true,
                    WHOLE => read.iter().any(|(account, _)| *account == place.account),
                    home => read.contains(&at(home)),
                };
                if lost || apart(scope, place, &problem.home) {
                    Verdict::Holds
                } else if !wanted.has(place) {
                    Verdict::Over(Event::Withdrawn)
                } else if !known(&place.region) || !known(&problem.home) {
                    Verdict::Holds
                } else if back {
                    Verdict::Over(Event::Recovered)
                } else {
                    Verdict::Over(Event::Withdrawn)
                }
            }
        }
    }
}

/// Whether somebody has looked at it later than the list that is being taken.
fn apart(scope: &Scope<'_>, place: &Place, home: &str) -> bool {
    match scope {
        Scope::All { except, .. } => {
            !except.is_empty()
                && except.contains(&(place.account.clone(), home.to_owned(), place.name.clone()))
        }
        Scope::Secret { .. } => false,
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
