//! What a drill makes of what it saw. Pure: times are given, and nothing is asked for here.
//!
//! A secret passes if the backup Region read the value that the primary has; a key, if each Region
//! understood what the other one had made. What could not be compared is neither.

use std::time::Duration;

use super::calls::Version;
use crate::client::Refusal;
use crate::judge::difference;
use crate::keys::Metadata;
use crate::observe::{Secret, Seen, Status};
use crate::probe::{self, Read};
use crate::reason;

/// The two Regions of a drill.
#[derive(Debug, Clone, Copy)]
pub struct Route<'r> {
    pub from: &'r str,
    pub to: &'r str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    Pass,
    Unknown,
    Fail,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub kind: &'static str,
    pub name: String,
    pub verdict: Verdict,
    /// Why it does not pass.
    pub reasons: Vec<String>,
    /// How much older what the backup has is; `None` if that is not known.
    pub behind: Option<Duration>,
    /// From the beginning of the failover; `None` if it never was.
    pub readable_after: Option<Duration>,
}

/// What was seen of a secret.
#[derive(Debug, Clone, Default)]
pub struct SecretSeen {
    /// As it was selected, or its name.
    pub name: String,
    pub primary: Option<Seen>,
    pub backup: Option<Seen>,
    /// The values that the two Regions read.
    pub here: Option<Result<Read, Refusal>>,
    pub there: Option<Result<Read, Refusal>>,
    /// When the backup was read, in milliseconds since 1970.
    pub read_ms: i64,
    pub readable_after: Option<Duration>,
    /// All versions that the primary has, if the backup read another than it did.
    pub versions: Vec<Version>,
}

/// What was seen of a key.
#[derive(Debug, Clone, Default)]
pub struct KeySeen {
    /// As it was selected.
    pub name: String,
    pub here: Option<Result<Metadata, Refusal>>,
    pub there: Option<Result<Metadata, Refusal>>,
    /// Whether what the primary made is good in the backup, and the reverse.
    pub forth: Option<Result<bool, Refusal>>,
    pub back: Option<Result<bool, Refusal>>,
    pub usable_after: Option<Duration>,
}

/// Reasons, and whether any of them is certain.
#[derive(Debug, Default)]
struct Reasons {
    failed: bool,
    all: Vec<String>,
}

impl Reasons {
    fn fail(&mut self, text: String) {
        self.failed = true;
        self.open(text);
    }

    /// What is not known.
    fn open(&mut self, text: String) {
        if !self.all.contains(&text) {
            self.all.push(text);
        }
    }

    fn verdict(&self) -> Verdict {
        match (self.failed, self.all.is_empty()) {
            (true, _) => Verdict::Fail,
            (false, false) => Verdict::Unknown,
            (false, true) => Verdict::Pass,
        }
    }
}

/// Judges a secret; what the backup has may be older than the primary's by `limit`.
pub fn secret(route: Route<'_>, seen: &SecretSeen, limit: Duration) -> Outcome {
    let mut reasons = Reasons::default();
    let primary = match &seen.primary {
        Some(Seen::There(secret)) => {
            described(route, secret, &mut reasons);
            Some(&**secret)
        }
        Some(Seen::Absent) => {
            reasons.fail(format!("there is none in {}", route.from));
            None
        }
        Some(Seen::Unknown(why)) => {
            reasons.open(format!("{}: {why}", route.from));
            None
        }
        None => None,
    };
    match &seen.backup {
        Some(Seen::There(secret)) => replicated(route, primary, secret, &mut reasons),
        Some(Seen::Absent) => reasons.fail(format!("there is none in {}", route.to)),
        // Whether it can be read is what counts.
        Some(Seen::Unknown(_)) | None => {}
    }
    let mut behind = None;
    match (&seen.here, &seen.there) {
        (_, Some(Err(why))) if !matches!(seen.backup, Some(Seen::Absent)) => {
            reasons.fail(format!("it cannot be read in {}: {why}", route.to));
        }
        (Some(Err(why)), _) if primary.is_some_and(|one| !one.versions.is_empty()) => {
            reasons.open(format!("it cannot be read in {}: {why}", route.from));
        }
        (Some(Ok(here)), Some(Ok(there))) => {
            behind = compared(route, (here, there), seen, primary, limit, &mut reasons);
        }
        _ => {}
    }
    if seen.there.is_none() {
        reasons.open(format!("it was not read in {}", route.to));
    }
    Outcome {
        kind: "secret",
        name: seen.name.clone(),
        verdict: reasons.verdict(),
        reasons: reasons.all,
        behind,
        readable_after: seen.readable_after,
    }
}

/// What the primary itself says.
fn described(route: Route<'_>, secret: &Secret, reasons: &mut Reasons) {
    let Route { from, to } = route;
    if secret.deleted {
        reasons.fail(format!("it is marked for deletion in {from}"));
    }
    if secret.versions.is_empty() {
        reasons.fail("it has no value yet, so that none was replicated".to_owned());
    }
    if secret.is_replica_in(from) {
        let home = secret.primary_region.as_deref().unwrap_or_default();
        reasons.fail(format!("its primary is in {home}, not in {from}"));
        return;
    }
    match secret.replicas.iter().find(|entry| entry.region == to) {
        None => reasons.fail(format!("it is not replicated to {to}")),
        Some(entry) => match &entry.status {
            Status::Failed => {
                let reason = reason::decode(entry.message.as_deref());
                reasons.fail(format!("replication failed: {}", reason.text));
            }
            Status::Other(status) => reasons.fail(format!("replication has the status {status}")),
            // What is read says whether it has arrived.
            Status::InProgress | Status::InSync => {}
        },
    }
}

/// What the backup has.
fn replicated(route: Route<'_>, primary: Option<&Secret>, replica: &Secret, reasons: &mut Reasons) {
    let Some(primary) = primary.filter(|one| !one.is_replica_in(route.from)) else { return };
    if replica.primary_region.as_deref() != Some(route.from) {
        reasons.fail(format!("the one in {} is no replica of the one in {}", route.to, route.from));
    } else if current(primary) == current(replica)
        && let Some(text) = difference(primary, replica)
    {
        reasons.fail(format!("in {}: {text}", route.to));
    }
}

fn current(secret: &Secret) -> Option<&String> {
    secret.versions.iter().find(|(_, labels)| labels.contains("AWSCURRENT")).map(|(id, _)| id)
}

/// Compares what both read. Returns how much older the backup's is.
fn compared(
    route: Route<'_>,
    (here, there): (&Read, &Read),
    seen: &SecretSeen,
    primary: Option<&Secret>,
    limit: Duration,
    reasons: &mut Reasons,
) -> Option<Duration> {
    if here.version() == there.version() {
        if let Some(text) = probe::compare(here, there) {
            reasons.fail(text);
            return None;
        }
        return Some(Duration::ZERO);
    }
    let missed = missed(&seen.versions, here.version(), there.version());
    let changed_ms = primary.and_then(|one| one.changed_s).map(|changed_s| changed_s * 1000);
    // Clocks differ: what is missed is never of no age.
    let behind = missed.or(changed_ms).map(|since_ms| {
        Duration::from_millis(u64::try_from(seen.read_ms - since_ms).unwrap_or_default().max(1))
    });
    if behind.is_none_or(|behind| behind > limit) {
        let age = behind.map_or_else(String::new, |behind| {
            format!("; nothing that was written since {} before is there", shown(behind))
        });
        reasons.fail(format!(
            "{} has the version {}, {} has {}{age}",
            route.to,
            there.version(),
            route.from,
            here.version()
        ));
    }
    behind
}

/// When the first version was made that the backup lacks; `None` if the current one is older than
/// the backup's, as after a label was moved back.
fn missed(versions: &[Version], here: &str, there: &str) -> Option<i64> {
    let created = |id: &str| versions.iter().find(|one| one.id == id).map(|one| one.created_ms);
    let Some(theirs) = created(there) else { return created(here) };
    let ours = created(here).filter(|ours| *ours >= theirs)?;
    let later = versions.iter().filter(|one| one.created_ms > theirs);
    Some(later.map(|one| one.created_ms).min().unwrap_or(ours))
}

/// Judges a key.
pub fn key(route: Route<'_>, seen: &KeySeen) -> Outcome {
    let Route { from, to } = route;
    let mut reasons = Reasons::default();
    match &seen.here {
        Some(Ok(key)) if !key.multi_region => {
            reasons.fail(format!("it is a key of one Region, and {to} can have none like it"));
        }
        Some(Ok(key)) => usable(from, key, &mut reasons),
        Some(Err(Refusal::Absent(_))) => reasons.fail(format!("there is none in {from}")),
        Some(Err(why)) => reasons.open(format!("{from}: {why}")),
        None => reasons.open(format!("it was not looked up in {from}")),
    }
    match (&seen.here, &seen.there) {
        (Some(Ok(here)), Some(Ok(there))) if here.key_id() != there.key_id() => {
            reasons.fail(format!("in {to} this name has another key, {}", there.arn));
        }
        (_, Some(Ok(there))) => usable(to, there, &mut reasons),
        (_, Some(Err(Refusal::Absent(_)))) => reasons.fail(format!("there is none in {to}")),
        (_, Some(Err(why))) => reasons.fail(format!("{to}: {why}")),
        (_, None) => {}
    }
    used((from, to), seen.forth.as_ref(), &mut reasons);
    used((to, from), seen.back.as_ref(), &mut reasons);
    if reasons.all.is_empty() && (seen.forth.is_none() || seen.back.is_none()) {
        reasons.open("it was not used in both Regions".to_owned());
    }
    Outcome {
        kind: "key",
        name: seen.name.clone(),
        verdict: reasons.verdict(),
        reasons: reasons.all,
        behind: None,
        readable_after: seen.usable_after,
    }
}

fn usable(region: &str, key: &Metadata, reasons: &mut Reasons) {
    let state = key.state.as_str();
    if !matches!(state, "Enabled" | "Updating" | "Creating") {
        reasons.fail(format!("its state in {region} is {state}"));
    }
}

/// What came of taking what one Region made to the other.
fn used((from, to): (&str, &str), used: Option<&Result<bool, Refusal>>, reasons: &mut Reasons) {
    match used {
        None | Some(Ok(true)) => {}
        Some(Ok(false)) => {
            reasons.fail(format!("what was made under it in {from} is not understood in {to}"));
        }
        Some(Err(why)) => {
            reasons.fail(format!("what is made under it in {from} and used in {to}: {why}"));
        }
    }
}

impl Metadata {
    pub(super) fn key_id(&self) -> &str {
        self.arn.rsplit_once('/').map_or(self.arn.as_str(), |(_, id)| id)
    }
}

/// Whether a key is one that a drill takes of itself: one of several Regions, the backup among them,
/// that nobody has scheduled for deletion.
pub fn taken(key: &Metadata, to: &str) -> bool {
    let deleted = key.state.starts_with("Pending") && key.state.ends_with("Deletion");
    key.customer && !deleted && key.regions.iter().any(|region| region == to)
}

/// A span of time, as people say it.
pub fn shown(span: Duration) -> String {
    let (seconds, millis) = (span.as_secs(), span.as_millis());
    match seconds {
        _ if millis == 0 => "0 s".to_owned(),
        0 => format!("{millis} ms"),
        1..120 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
