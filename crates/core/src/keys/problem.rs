//! Why a key, as somebody named it, cannot be used.
//!
//! The conditions behind KMS's resolution and state errors. They also travel between Regions and
//! stand in replica statuses, so they are plain data; the wire gives them KMS's words.

use crate::ids::{AliasArn, KeyArn};
use crate::keys::proxy::ProxyProblem;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProblem {
    /// Neither a UUID nor `mrk-` and 32 digits, nor an ARN or alias. As given.
    Invalid {
        given: Box<str>,
    },
    /// Well-formed, but there is no such key in this Region and account.
    Absent {
        key: KeyArn,
    },
    AliasAbsent {
        alias: AliasArn,
    },
    /// An ARN of another Region than the one asked.
    OtherRegion {
        region: Box<str>,
    },
    Disabled {
        key: KeyArn,
    },
    PendingImport {
        key: KeyArn,
    },
    PendingDeletion {
        key: KeyArn,
    },
    PendingReplicaDeletion {
        key: KeyArn,
    },
    /// The key's store is not connected.
    Unavailable {
        key: KeyArn,
    },
    /// The key's usage does not allow the operation, both in AWS's spelling.
    WrongUsage {
        key: KeyArn,
        usage: Box<str>,
        operation: Box<str>,
    },
    /// The proxy behind the key's store does not let it be used.
    Proxy {
        problem: ProxyProblem,
    },
    /// Neither policy nor grant allows the use.
    Denied {
        action: Box<str>,
        key: Box<str>,
    },
}
