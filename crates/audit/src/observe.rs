//! What was seen of a secret, without AWS's types, and without its value.

use std::collections::{BTreeMap, BTreeSet};

/// The key that a secret is under when it names none.
pub const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// What ListSecrets or DescribeSecret says of one secret. Times are seconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    pub arn: String,
    pub name: String,
    /// `None` for the default key.
    pub key: Option<String>,
    pub primary_region: Option<String>,
    /// Versions with staging labels, and these.
    pub versions: BTreeMap<String, BTreeSet<String>>,
    /// Of a primary.
    pub replicas: Vec<Replica>,
    pub created_s: Option<i64>,
    pub changed_s: Option<i64>,
    pub accessed_s: Option<i64>,
    /// Marked for deletion.
    pub deleted: bool,
}

impl Secret {
    /// Whether another Region has its primary.
    pub fn is_replica_in(&self, region: &str) -> bool {
        self.primary_region.as_deref().is_some_and(|primary| primary != region)
    }
}

/// One entry of a primary's `ReplicationStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    pub region: String,
    /// As it was given.
    pub key: Option<String>,
    pub status: Status,
    pub message: Option<String>,
    pub accessed_s: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    InSync,
    InProgress,
    Failed,
    /// One that this program does not know.
    Other(String),
}

/// What came of looking for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    There(Box<Secret>),
    Absent,
    /// The caller may not look, or the Region did not answer.
    Unknown(String),
}

/// The same ARN in another Region: replicas have the suffix of their primary.
pub fn arn_in(arn: &str, region: &str) -> Option<String> {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if parts.len() != 6 {
        return None;
    }
    *parts.get_mut(3)? = region;
    Some(parts.join(":"))
}

/// A key as it is named in a secret; `None` if it is the one of Secrets Manager.
pub fn own_key(key: Option<&str>) -> Option<&str> {
    key.filter(|key| *key != DEFAULT_KEY && !key.ends_with(":alias/aws/secretsmanager"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_moves_to_another_region() {
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf";
        let there = "arn:aws:secretsmanager:us-west-2:123456789012:secret:a/b-AbCdEf";
        assert_eq!(arn_in(arn, "us-west-2").as_deref(), Some(there));
        assert_eq!(arn_in("a/b", "us-west-2"), None);
    }

    #[test]
    fn the_default_key_is_nobodys_own() {
        assert_eq!(own_key(None), None);
        assert_eq!(own_key(Some(DEFAULT_KEY)), None);
        assert_eq!(own_key(Some("arn:aws:kms:us-east-1:1:alias/aws/secretsmanager")), None);
        assert_eq!(own_key(Some("alias/mine")), Some("alias/mine"));
    }
}
