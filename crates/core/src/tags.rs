//! Tags of secrets and keys: a small ordered map with the service's bounds.
//!
//! Order is by key. Bounds are checked by the operations, which know their service's error.

use std::collections::BTreeMap;

/// Tag keys and values, ordered by key.
pub type Tags = BTreeMap<Box<str>, Box<str>>;

/// What CloudFormation tags the resources of stacks with. AWS: shown in this order.
pub const OF_STACKS: [&str; 3] = [
    "aws:cloudformation:stack-name",
    "aws:cloudformation:logical-id",
    "aws:cloudformation:stack-id",
];

/// Whether AWS reserves this tag key.
///
/// AWS: the `aws:` prefix is reserved in any case.
pub fn is_reserved(key: &str) -> bool {
    key.as_bytes().get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"aws:"))
}
