//! What a KMS key can be named by: an id, an ARN, an alias, an alias ARN.
//!
//! AWS checks nothing of a replica's key when it is given; KMS checks it when the replica is made,
//! where nobody looks. Pieces that are not known stand as `HOLE` and fit everywhere.

use crate::model::{HOLE, OWN_REGION};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyName<'a> {
    Id(&'a str),
    /// With the `alias/` in front.
    Alias(&'a str),
    Arn(Arn<'a>),
    Malformed(Fault<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    pub partition: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub resource: Resource<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    Key(&'a str),
    Alias(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault<'a> {
    Empty,
    /// `mrk-` and something other than 32 hexadecimal digits.
    MultiRegion(&'a str),
    Id(&'a str),
    Alias(&'a str),
    Arn(&'a str),
}

impl<'a> KeyName<'a> {
    pub fn parse(text: &'a str) -> Self {
        if text.is_empty() {
            return Self::Malformed(Fault::Empty);
        }
        if text.starts_with("arn:") {
            return arn(text).map_or(Self::Malformed(Fault::Arn(text)), Self::Arn);
        }
        if let Some(name) = text.strip_prefix("alias/") {
            let valid = is_alias(name);
            return if valid { Self::Alias(text) } else { Self::Malformed(Fault::Alias(text)) };
        }
        id(text).map_or_else(Self::Malformed, Self::Id)
    }

    pub fn is_multi_region(text: &str) -> bool {
        let name = match KeyName::parse(text) {
            KeyName::Id(id) | KeyName::Arn(Arn { resource: Resource::Key(id), .. }) => id,
            _ => "",
        };
        name.starts_with("mrk-")
    }
}

fn id(text: &str) -> Result<&str, Fault<'_>> {
    if is_open(text) {
        return Ok(text);
    }
    match text.strip_prefix("mrk-") {
        Some(digits) if is_hex(digits, 32) => Ok(text),
        Some(digits) => Err(Fault::MultiRegion(digits)),
        None if is_uuid(text) => Ok(text),
        None => Err(Fault::Id(text)),
    }
}

fn arn(text: &str) -> Option<Arn<'_>> {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next();
    let (scheme, partition, service) = (next()?, next()?, next()?);
    let (region, account, resource) = (next()?, next()?, next()?);
    let account_fits =
        is_open(account) || (account.len() == 12 && account.bytes().all(|x| x.is_ascii_digit()));
    if scheme != "arn" || service != "kms" || partition.is_empty() || region.is_empty() {
        return None;
    }
    let resource = match resource.split_once('/') {
        Some(("key", name)) => Resource::Key(id(name).ok()?),
        Some(("alias", name)) if is_alias(name) => Resource::Alias(resource),
        None if is_open(resource) => Resource::Key(resource),
        _ => return None,
    };
    account_fits.then_some(Arn { partition, region, account, resource })
}

/// Whether some of it is not known.
pub fn is_open(text: &str) -> bool {
    text.contains([HOLE, OWN_REGION])
}

fn is_alias(name: &str) -> bool {
    let valid =
        |x: char| x.is_ascii_alphanumeric() || "/_-:".contains(x) || x == HOLE || x == OWN_REGION;
    !name.is_empty() && name.len() <= 250 && name.chars().all(valid)
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    let lens = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lens.len() && parts.iter().zip(lens).all(|(part, len)| is_hex(part, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_kind() {
        let uuid = "1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(KeyName::parse(uuid), KeyName::Id(uuid));
        let mrk = "mrk-1234abcd12ab34cd56ef1234567890ab";
        assert_eq!(KeyName::parse(mrk), KeyName::Id(mrk));
        assert_eq!(KeyName::parse("alias/a/b"), KeyName::Alias("alias/a/b"));
        let text = format!("arn:aws:kms:us-west-2:123456789012:key/{mrk}");
        let KeyName::Arn(arn) = KeyName::parse(&text) else { panic!("no ARN") };
        assert_eq!((arn.region, arn.resource), ("us-west-2", Resource::Key(mrk)));
        assert!(KeyName::is_multi_region(&text));
        assert!(!KeyName::is_multi_region(uuid));
    }

    #[test]
    fn what_aws_takes_and_kms_does_not() {
        let digits = "1234abcd12ab34cd56ef12345678990ab";
        let seed = format!("mrk-{digits}");
        assert_eq!(KeyName::parse(&seed), KeyName::Malformed(Fault::MultiRegion(digits)));
        for text in ["MyNameIsDylan$$$$", "", "alias/", "arn:aws:kms:us-east-1:1:key/x", "mrk-"] {
            assert!(matches!(KeyName::parse(text), KeyName::Malformed(_)), "{text}");
        }
    }

    #[test]
    fn holes_fit_everywhere() {
        let text = format!("arn:aws:kms:us-west-2:{HOLE}:key/{HOLE}");
        assert!(matches!(KeyName::parse(&text), KeyName::Arn(_)));
        assert!(matches!(KeyName::parse(&format!("mrk-{HOLE}")), KeyName::Id(_)));
    }
}
