//! What is counted: by Region, by prefix, and what a page adds.
//!
//! A `Delta` is all that one page of a list adds to an audit. It is what the state file keeps, so
//! that an audit that goes on and one that ran through come to the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::judge::Found;

/// LIMIT: names of a group that are listed.
const NAMES_MAX: usize = 10;

/// The row of one Region of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// Secrets that have their primary here.
    pub secrets: u64,
    /// Those of them that have replicas.
    pub replicated: u64,
    /// Replicas that are here.
    pub replicas: u64,
    /// Of replicas here, as their primaries say.
    pub in_sync: u64,
    pub in_progress: u64,
    pub failed: u64,
    /// The last change of the secret of the replica that has been in progress longest, in seconds
    /// since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress_since_s: Option<i64>,
    /// Secrets that nobody has read for long.
    pub unread: u64,
}

impl Row {
    pub(crate) fn add(&mut self, other: &Self) {
        self.secrets += other.secrets;
        self.replicated += other.replicated;
        self.replicas += other.replicas;
        self.in_sync += other.in_sync;
        self.in_progress += other.in_progress;
        self.failed += other.failed;
        let both = [self.in_progress_since_s, other.in_progress_since_s];
        self.in_progress_since_s = both.into_iter().flatten().min();
        self.unread += other.unread;
    }
}

/// The secrets under one prefix of names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub replicated: u64,
    pub others: u64,
    /// The first of the others.
    pub names: Vec<String>,
    /// Where the replicated ones are.
    pub regions: BTreeSet<String>,
}

/// What one page adds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    pub found: Vec<Found>,
    /// By Region.
    pub rows: BTreeMap<String, Row>,
    /// By prefix, in the Region of the list.
    pub groups: BTreeMap<String, Group>,
    /// Hashes of the ARNs of replicas that a primary lists.
    pub listed: BTreeSet<u64>,
    /// ARNs of customer managed keys.
    pub keys: BTreeSet<String>,
}

impl Delta {
    pub fn row(&mut self, region: &str) -> &mut Row {
        self.rows.entry(region.to_owned()).or_default()
    }

    pub fn add(&mut self, other: Self) {
        self.found.extend(other.found);
        for (region, row) in &other.rows {
            self.row(region).add(row);
        }
        for (prefix, group) in other.groups {
            self.groups.entry(prefix).or_default().add(group);
        }
        self.listed.extend(other.listed);
        self.keys.extend(other.keys);
    }

    /// Counts a secret of a group: where its replicas are, or nowhere.
    pub fn member(&mut self, name: &str, regions: impl Iterator<Item = String>) {
        let Some((prefix, _)) = name.rsplit_once('/') else { return };
        let mut one = Group { regions: regions.collect(), ..Group::default() };
        if one.regions.is_empty() {
            one.others = 1;
            one.names.push(name.to_owned());
        } else {
            one.replicated = 1;
        }
        self.groups.entry(format!("{prefix}/")).or_default().add(one);
    }
}

impl Group {
    fn add(&mut self, other: Self) {
        self.replicated += other.replicated;
        self.others += other.others;
        let room = NAMES_MAX.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(room));
        self.regions.extend(other.regions);
    }
}

/// A name for an ARN that is as good as the ARN, in eight bytes: FNV-1a, the same in every run.
pub fn hash(arn: &str) -> u64 {
    arn.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Left-aligned columns, two spaces apart, the first row a heading.
pub fn table(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // A string takes everything.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_in_any_cut_come_to_the_same() {
        let members = [("a/x", true), ("a/y", false), ("b", false), ("a/z", true)];
        let delta = |members: &[(&str, bool)]| {
            let mut delta = Delta::default();
            for (name, replicated) in members {
                delta.row("us-east-1").secrets += 1;
                let regions = replicated.then(|| "us-west-2".to_owned());
                delta.member(name, regions.into_iter());
                delta.listed.insert(hash(name));
            }
            delta
        };
        let whole = delta(&members);
        for cut in 0..members.len() {
            let (left, right) = members.split_at(cut);
            let mut both = delta(left);
            both.add(delta(right));
            assert_eq!(both, whole);
            let json = serde_json::to_string(&both).unwrap();
            assert_eq!(serde_json::from_str::<Delta>(&json).unwrap(), whole);
        }
        let group = &whole.groups["a/"];
        assert_eq!(
            (group.replicated, group.others, group.names.as_slice()),
            (2, 1, &["a/y".to_owned()][..])
        );
        assert_eq!(whole.groups.len(), 1);
    }

    #[test]
    fn hashes_stay_what_they_are() {
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
