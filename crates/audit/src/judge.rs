//! What is wrong with what was seen. Pure: the time is given, and nothing is asked for here.
//!
//! A replica's findings stand in the replica's Region, where its readers are. A message has no time
//! and no request id in it, so that the same fault is the same finding tomorrow.

use std::collections::BTreeSet;

use regent_guard::{Finding, rules};
use serde::{Deserialize, Serialize};

use crate::keys::{Fault, Key, Metadata};
use crate::observe::{Replica, Secret, Seen, Status};
use crate::reason;
use crate::tally::Group;

/// A finding as it is kept in a state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub rule: String,
    /// Account and Region.
    pub path: String,
    pub resource: Option<String>,
    pub message: String,
    /// The key that the replica or the secret names, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The Region from whose list it came, which is known from the list.
    #[serde(skip)]
    pub home: String,
}

impl Found {
    /// `None` if there is no such rule, which only another version can have written.
    pub fn finding(self) -> Option<Finding> {
        let Self { rule, path, resource, message, .. } = self;
        let rule = rules::find(&rule)?;
        Some(Finding { rule, path, at: None, resource, message, snippet: None, question: None })
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Judge<'j> {
    pub account: &'j str,
    pub now_s: i64,
    /// How long replication may take.
    pub patience_s: i64,
}

impl Judge<'_> {
    pub fn path(&self, region: &str) -> String {
        format!("{}/{region}", self.account)
    }

    pub fn found(&self, rule: &str, region: &str, name: &str, message: String) -> Found {
        let (rule, path) = (rule.to_owned(), self.path(region));
        let resource = (!name.is_empty()).then(|| name.to_owned());
        Found { rule, path, resource, message, key: None, home: String::new() }
    }

    /// A secret that is no replica, and its key there; `None` for the key of Secrets Manager.
    pub fn secret(&self, region: &str, secret: &Secret, key: Option<&Key>) -> Vec<Found> {
        let name = secret.name.as_str();
        let Some(key) = key else { return Vec::new() };
        let mut all = self.key(region, name, key, "RG218", "");
        if let Key::There(Metadata { arn, customer: true, multi_region: false, .. }) = key
            && !secret.replicas.is_empty()
        {
            let message = format!("{arn} is in {region} only");
            all.push(self.found("RG214", region, name, message));
        }
        all
    }

    /// What is wrong with a key: `absent` is the rule if there is none, and `besides` what is said
    /// then.
    fn key(&self, region: &str, name: &str, key: &Key, absent: &str, besides: &str) -> Vec<Found> {
        let (rule, message) = match (key.fault(), key.unknown()) {
            (Some(Fault::Absent(said)), _) => (absent, format!("{said}{besides}")),
            (Some(Fault::PendingDeletion(said)), _) => ("RG211", said),
            (Some(Fault::Unusable(said)), _) => ("RG210", said),
            (Some(Fault::ShutsOut(said)), _) => ("RG212", said),
            (None, Some(why)) => ("RG298", why.to_owned()),
            (None, None) => return Vec::new(),
        };
        vec![self.found(rule, region, name, message)]
    }

    /// One entry of a primary, what its Region has, and the entry's key there.
    pub fn replica(
        &self,
        region: &str,
        primary: &Secret,
        entry: &Replica,
        seen: &Seen,
        key: Option<&Key>,
    ) -> Vec<Found> {
        let name = primary.name.as_str();
        let there =
            |rule: &str, message: String| vec![self.found(rule, &entry.region, name, message)];
        match &entry.status {
            Status::Failed => {
                let reason = reason::decode(entry.message.as_deref());
                let now = match key {
                    Some(key @ Key::There(_)) if key.fault().is_none() => {
                        "; the key can be used now"
                    }
                    _ => "",
                };
                there(reason.rule, format!("{}{now}", reason.text))
            }
            Status::InProgress => {
                let begun_s = primary.changed_s.or(primary.created_s).unwrap_or(self.now_s);
                if self.now_s.saturating_sub(begun_s) < self.patience_s {
                    return Vec::new();
                }
                let why = match key.and_then(Key::fault) {
                    Some(
                        Fault::Absent(said)
                        | Fault::PendingDeletion(said)
                        | Fault::Unusable(said)
                        | Fault::ShutsOut(said),
                    ) => format!("; {said}"),
                    None => String::new(),
                };
                there(
                    "RG206",
                    format!("longer than {} since the last change{why}", span(self.patience_s)),
                )
            }
            Status::InSync => self.in_sync(region, primary, entry, seen, key),
            Status::Other(status) => there("RG298", format!("its status is {status}")),
        }
    }

    fn in_sync(
        &self,
        region: &str,
        primary: &Secret,
        entry: &Replica,
        seen: &Seen,
        key: Option<&Key>,
    ) -> Vec<Found> {
        let name = primary.name.as_str();
        let found = |rule: &str, message: String| self.found(rule, &entry.region, name, message);
        let mut all = match seen {
            Seen::Absent => return vec![found("RG208", format!("there is no {}", primary.name))],
            Seen::Unknown(why) => vec![found("RG298", why.clone())],
            Seen::There(secret) if secret.primary_region.as_deref() != Some(region) => {
                let other = secret.primary_region.as_deref();
                let whose = match other.filter(|other| *other != entry.region) {
                    Some(other) => format!("its primary is in {other}, not in {region}"),
                    None => format!("it is no replica of the one in {region} any more"),
                };
                return vec![found("RG217", whose)];
            }
            Seen::There(secret) => {
                difference(primary, secret).map(|text| found("RG207", text)).into_iter().collect()
            }
        };
        let value = if primary.versions.is_empty() {
            "; the secret has no value yet, and the first one will fail"
        } else {
            "; the value there cannot be read"
        };
        let judged = |key| self.key(&entry.region, name, key, "RG209", value);
        all.extend(key.map(judged).unwrap_or_default());
        all
    }

    /// A replica that no primary lists.
    pub fn stranded(&self, region: &str, replica: &Secret, primary: &Seen) -> Option<Found> {
        let home = replica.primary_region.as_deref()?;
        let (rule, message) = match primary {
            Seen::Absent => ("RG213", format!("there is no primary in {home} any more")),
            Seen::There(found) if found.deleted => {
                ("RG213", format!("its primary in {home} is marked for deletion"))
            }
            Seen::There(found) if found.replicas.iter().any(|entry| entry.region == region) => {
                return None;
            }
            Seen::There(_) => ("RG213", format!("its primary in {home} does not list {region}")),
            Seen::Unknown(why) => ("RG298", format!("its primary in {home}: {why}")),
        };
        Some(self.found(rule, region, &replica.name, message))
    }

    /// A prefix under which most secrets are replicated.
    pub fn group(&self, region: &str, prefix: &str, group: &Group) -> Option<Found> {
        if group.others == 0 || group.replicated < 2 || group.replicated <= group.others {
            return None;
        }
        let names = group.names.join(", ");
        let more = group.others.saturating_sub(u64::try_from(group.names.len()).unwrap_or(0));
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let regions: Vec<&str> = group.regions.iter().map(String::as_str).collect();
        let message = format!(
            "{} of {} are not replicated: {names}{more}; the others are in {}",
            group.others,
            group.others + group.replicated,
            regions.join(", ")
        );
        Some(self.found("RG215", region, prefix, message))
    }
}

/// Which labels stand at other versions, if any.
pub fn difference(primary: &Secret, replica: &Secret) -> Option<String> {
    if primary.versions == replica.versions {
        return None;
    }
    let labels = |secret: &Secret| -> BTreeSet<String> {
        secret.versions.values().flatten().cloned().collect()
    };
    let at = |secret: &Secret, label: &str| {
        let found = secret.versions.iter().find(|(_, labels)| labels.contains(label));
        found.map_or("at none", |(version, _)| version.as_str()).to_owned()
    };
    let all: BTreeSet<String> = labels(primary).union(&labels(replica)).cloned().collect();
    let different = all.iter().filter(|label| at(primary, label) != at(replica, label));
    let texts: Vec<String> = different
        .map(|label| {
            format!(
                "{label} is {} there and {} in the primary",
                at(replica, label),
                at(primary, label)
            )
        })
        .collect();
    Some(texts.join("; "))
}

/// A whole number of the largest unit that fits.
fn span(seconds: i64) -> String {
    match seconds {
        s if s % 3600 == 0 && s > 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 && s > 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
