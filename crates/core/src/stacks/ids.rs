//! The names of stacks and of what is in them, parsed once.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use crate::ids::{KeyId, Malformed, Scope, text_newtype};
use crate::limits;
use crate::ports::{Entropy, random};
use crate::time::Timestamp;

text_newtype! {
    /// The name of a stack.
    ///
    /// AWS: `[a-zA-Z][-a-zA-Z0-9]*`, up to 128 characters.
    StackName, "stack name", |text| {
        text.len() <= limits::STACK_NAME_LEN_MAX
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    }
}

text_newtype! {
    /// The name of a change set, of the same form as a stack's.
    ChangeSetName, "change set name", |text| text.parse::<StackName>().is_ok()
}

text_newtype! {
    /// The name of a resource in its template.
    LogicalId, "logical id", |text| {
        (1..=regent_cfn::limits::NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric())
    }
}

text_newtype! {
    /// The name under which an output is exported.
    ExportName, "export name", |text| {
        (1..=regent_cfn::limits::NAME_LEN_MAX).contains(&text.len()) && !text.contains('\0')
    }
}

/// The last part of a stack's ARN: a UUID of version 7, so that ids sort by creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(KeyId);

impl StackId {
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut bytes: [u8; 16] = random(entropy);
        let time = now.millis().to_be_bytes();
        for (byte, part) in bytes.iter_mut().zip(time.into_iter().skip(2)) {
            *byte = part;
        }
        Self(KeyId::from_bytes(shaped(bytes), false))
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(KeyId::from_bytes(bytes, false))
    }

    pub const fn bytes(&self) -> &[u8; 16] {
        self.0.bytes()
    }
}

const fn shaped(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

impl FromStr for StackId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let id: KeyId = text.parse().map_err(|_| Malformed("stack id"))?;
        if id.is_multi_region() { Err(Malformed("stack id")) } else { Ok(Self(id)) }
    }
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `arn:<partition>:cloudformation:<region>:<account>:stack/<name>/<id>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackArn {
    pub scope: Scope,
    pub name: StackName,
    pub id: StackId,
}

impl fmt::Display for StackArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, name, id } = self;
        write!(f, "{}stack/{name}/{id}", prefix(*scope))
    }
}

impl FromStr for StackArn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scope, name, id) = parts(text, "stack/").ok_or(Malformed("stack ARN"))?;
        Ok(Self { scope, name: name.parse()?, id: id.parse()? })
    }
}

/// The last part of a change set's ARN: a UUID of version 7, as a stack's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChangeSetId(StackId);

impl ChangeSetId {
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        Self(StackId::new(now, entropy))
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(StackId::from_bytes(bytes))
    }

    pub const fn bytes(&self) -> &[u8; 16] {
        self.0.bytes()
    }
}

impl FromStr for ChangeSetId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ChangeSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `arn:<partition>:cloudformation:<region>:<account>:changeSet/<name>/<id>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetArn {
    pub scope: Scope,
    pub name: ChangeSetName,
    pub id: ChangeSetId,
}

impl fmt::Display for ChangeSetArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, name, id } = self;
        write!(f, "{}changeSet/{name}/{id}", prefix(*scope))
    }
}

impl FromStr for ChangeSetArn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (scope, name, id) = parts(text, "changeSet/").ok_or(Malformed("change set ARN"))?;
        Ok(Self { scope, name: name.parse()?, id: id.parse()? })
    }
}

/// What stands before the kind of thing in an ARN.
fn prefix(scope: Scope) -> String {
    let Scope { region, account } = scope;
    format!("arn:{}:cloudformation:{region}:{account}:", region.partition())
}

/// The scope, name and id in an ARN of a kind of thing.
fn parts<'t>(text: &'t str, kind: &str) -> Option<(Scope, &'t str, &'t str)> {
    let mut parts = text.splitn(6, ':');
    let head = (parts.next()?, parts.next()?, parts.next()?);
    let scope = Scope { region: parts.next()?.parse().ok()?, account: parts.next()?.parse().ok()? };
    if head != ("arn", scope.region.partition(), "cloudformation") {
        return None;
    }
    let (name, id) = parts.next()?.strip_prefix(kind)?.split_once('/')?;
    Some((scope, name, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counter;

    #[test]
    fn ids_sort_by_creation_and_read_back() {
        let entropy = Counter::default();
        let at = |ms| StackId::new(Timestamp::from_millis(ms), &entropy);
        let (first, second) = (at(1_700_000_000_000), at(1_700_000_000_001));
        assert!(first < second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(&first.to_string()[14..15], "7");
        assert!("mrk-1234abcd12ab34cd56ef1234567890ab".parse::<StackId>().is_err());
    }

    #[test]
    fn arns_read_back() {
        let text = "arn:aws:cloudformation:us-east-1:111122223333:stack/a-b/0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(text.parse::<StackArn>().unwrap().to_string(), text);
        for wrong in [
            "arn:aws:cloudformation:us-east-1:111122223333:stack/a-b",
            "arn:aws-cn:cloudformation:us-east-1:111122223333:stack/a/0190163d-8694-739b-aea5-966c26f8ad91",
            "arn:aws:kms:us-east-1:111122223333:stack/a/0190163d-8694-739b-aea5-966c26f8ad91",
            "a-b",
        ] {
            assert!(wrong.parse::<StackArn>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn arns_of_change_sets_are_no_arns_of_stacks() {
        let text = "arn:aws:cloudformation:us-east-1:111122223333:changeSet/a-b/0190163d-8694-739b-aea5-966c26f8ad91";
        assert_eq!(text.parse::<ChangeSetArn>().unwrap().to_string(), text);
        assert!(text.parse::<StackArn>().is_err());
        assert!(text.replace("changeSet", "stack").parse::<ChangeSetArn>().is_err());
    }

    #[test]
    fn names() {
        for (text, good) in [("a", true), ("A-1", true), ("1a", false), ("", false), ("a_b", false)]
        {
            assert_eq!(text.parse::<StackName>().is_ok(), good, "{text}");
        }
        assert!("a".repeat(129).parse::<StackName>().is_err());
    }
}
