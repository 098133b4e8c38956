//! Identifiers, parsed once into types that cannot be wrong.
//!
//! An account and a Region are fixed-size values, never strings that are normalised twice, and
//! every key of a record begins with both. Text comparisons are of bytes: no case folding.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use crate::limits;

/// An identifier that is not well-formed. The edge, which still has the input, chooses the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(pub &'static str);

/// A Region name, such as `us-east-1`.
///
/// AWS: `^([a-z]+-){2,3}\d+$`, 1 to 32 characters (KMS; Secrets Manager's own pattern is wider).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    bytes: [u8; limits::REGION_LEN_MAX],
    len: u8,
}

impl Region {
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The partition that the Region belongs to, the second field of an ARN.
    pub fn partition(&self) -> &'static str {
        let name = &self.bytes;
        if name.starts_with(b"cn-") {
            "aws-cn"
        } else if name.starts_with(b"us-gov-") {
            "aws-us-gov"
        } else if name.starts_with(b"us-isob-") {
            "aws-iso-b"
        } else if name.starts_with(b"us-iso-") {
            "aws-iso"
        } else if name.starts_with(b"eusc-") {
            "aws-eusc"
        } else {
            "aws"
        }
    }
}

impl FromStr for Region {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = Malformed("Region");
        let mut bytes = [0; limits::REGION_LEN_MAX];
        bytes.get_mut(..text.len()).ok_or(malformed)?.copy_from_slice(text.as_bytes());
        let mut parts = text.as_bytes().rsplit(|byte| *byte == b'-');
        let number = parts.next().unwrap_or_default();
        let mut words = 0;
        let are_words = parts.all(|word| {
            words += 1;
            !word.is_empty() && word.iter().all(u8::is_ascii_lowercase)
        });
        let is_number = !number.is_empty() && number.iter().all(u8::is_ascii_digit);
        let valid = is_number && are_words && (2..=3).contains(&words);
        let len = u8::try_from(text.len()).map_err(|_| malformed)?;
        if valid { Ok(Self { bytes, len }) } else { Err(malformed) }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account: twelve digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; limits::ACCOUNT_ID_LEN]);

impl AccountId {
    /// The account that no credential belongs to: a Region's own bookkeeping is done in its name.
    pub const NOBODY: Self = Self([b'0'; limits::ACCOUNT_ID_LEN]);

    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for AccountId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let bytes: [u8; limits::ACCOUNT_ID_LEN] =
            text.as_bytes().try_into().map_err(|_| Malformed("account"))?;
        if bytes.iter().all(u8::is_ascii_digit) {
            Ok(Self(bytes))
        } else {
            Err(Malformed("account"))
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a record lives: the first part of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub region: Region,
    pub account: AccountId,
}

/// Declares a cheaply cloned string newtype with a fallible constructor.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(Malformed($what)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

pub(crate) use text_newtype;

text_newtype! {
    /// The friendly name of a secret.
    ///
    /// AWS: 1 to 512 of `A-Za-z0-9/_+=.@-!`.
    SecretName, "secret name", |text| {
        (1..=limits::SECRET_NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&b))
    }
}

text_newtype! {
    /// The id of a secret's version: the client request token as given, not always a UUID.
    VersionId, "version id", |text| {
        (limits::VERSION_ID_LEN_MIN..=limits::VERSION_ID_LEN_MAX).contains(&text.chars().count())
            && !text.contains('\0')
    }
}

text_newtype! {
    /// A staging label of a secret's version, such as `AWSCURRENT`.
    StageLabel, "staging label", |text| {
        (1..=limits::STAGE_LABEL_LEN_MAX).contains(&text.chars().count()) && !text.contains('\0')
    }
}

impl StageLabel {
    pub fn current() -> Self {
        Self("AWSCURRENT".into())
    }

    pub fn previous() -> Self {
        Self("AWSPREVIOUS".into())
    }

    pub fn pending() -> Self {
        Self("AWSPENDING".into())
    }
}

text_newtype! {
    /// The name of a resource policy of a secret.
    PolicyName, "policy name", |text| {
        (1..=limits::POLICY_NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }
}

impl PolicyName {
    /// The policy that a request means which names none, and the only one that requests change.
    pub fn of_requests() -> Self {
        Self("default".into())
    }

    /// The policy that a replica in another account has from the service.
    pub fn of_cross_account_replication() -> Self {
        Self("cross-account-replication".into())
    }
}

text_newtype! {
    /// The name of a KMS alias with its `alias/` prefix.
    AliasName, "alias name", |text| {
        text.strip_prefix("alias/").is_some_and(|rest| !rest.is_empty())
            && text.len() <= limits::ALIAS_NAME_LEN_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b))
    }
}

impl AliasName {
    /// The alias of the key that Secrets Manager uses when a secret names none.
    pub fn aws_secretsmanager() -> Self {
        Self("alias/aws/secretsmanager".into())
    }
}

text_newtype! {
    /// The ARN of a principal of IAM or STS, as a grant names one.
    ///
    /// AWS: an account's root, a user, a role, a role session or a federated user.
    PrincipalArn, "principal ARN", |text| {
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let [ "arn", partition, service, "", account, name ] = parts.as_slice() else {
            return false;
        };
        let named = |kinds: &[&str]| {
            name.split_once('/').is_some_and(|(kind, rest)| kinds.contains(&kind) && !rest.is_empty())
        };
        let known = match *service {
            "iam" => *name == "root" || named(&["user", "role"]),
            "sts" => named(&["assumed-role", "federated-user"]),
            _ => false,
        };
        known
            && partition.starts_with("aws")
            && account.parse::<AccountId>().is_ok()
            && text.len() <= limits::PRINCIPAL_LEN_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&b))
    }
}

impl PrincipalArn {
    /// The account that the principal belongs to.
    pub fn account(&self) -> Option<AccountId> {
        self.0.split(':').nth(4)?.parse().ok()
    }
}

text_newtype! {
    /// The friendly name of a grant.
    GrantName, "grant name", |text| {
        (1..=limits::GRANT_NAME_LEN_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b))
    }
}

/// The six characters that set a secret apart from earlier ones of the same name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretSuffix([u8; limits::SECRET_SUFFIX_LEN]);

impl SecretSuffix {
    const ALPHABET: &'static [u8; 62] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// A suffix from random bytes. The bias of the modulus is of no consequence: a suffix is no
    /// secret, and equal suffixes of one name are found when the record is written.
    pub fn from_entropy(bytes: [u8; limits::SECRET_SUFFIX_LEN]) -> Self {
        Self(bytes.map(|b| {
            Self::ALPHABET.get(usize::from(b) % Self::ALPHABET.len()).copied().unwrap_or(b'A')
        }))
    }

    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for SecretSuffix {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let bytes: [u8; limits::SECRET_SUFFIX_LEN] =
            text.as_bytes().try_into().map_err(|_| Malformed("secret suffix"))?;
        if bytes.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(bytes))
        } else {
            Err(Malformed("secret suffix"))
        }
    }
}

impl fmt::Display for SecretSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SecretSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a KMS key: a UUID, or `mrk-` and 32 hex digits for a multi-Region key.
///
/// AWS: a multi-Region key has the same id in every Region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId {
    bytes: [u8; 16],
    multi_region: bool,
}

impl KeyId {
    /// A new id from random bytes, shaped as a version 4 UUID.
    pub fn from_entropy(mut bytes: [u8; 16], multi_region: bool) -> Self {
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self { bytes, multi_region }
    }

    /// The id with these bytes, as stored or found in a ciphertext.
    pub const fn from_bytes(bytes: [u8; 16], multi_region: bool) -> Self {
        Self { bytes, multi_region }
    }

    pub const fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    pub const fn is_multi_region(&self) -> bool {
        self.multi_region
    }
}

impl FromStr for KeyId {
    type Err = Malformed;

    /// AWS: 32 hex digits without dashes, or `mrk-` with any other number of digits, is no key id.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = Malformed("key id");
        if let Some(hex) = text.strip_prefix("mrk-") {
            let bytes = unhex(hex.as_bytes()).ok_or(malformed)?;
            return Ok(Self { bytes, multi_region: true });
        }
        let mut hex = [0u8; 32];
        let mut digits = hex.iter_mut();
        for (at, byte) in text.bytes().enumerate() {
            match (DASHES.contains(&at), byte) {
                (true, b'-') => {}
                (true, _) => return Err(malformed),
                (false, byte) => *digits.next().ok_or(malformed)? = byte,
            }
        }
        if digits.next().is_some() {
            return Err(malformed);
        }
        Ok(Self { bytes: unhex(&hex).ok_or(malformed)?, multi_region: false })
    }
}

impl KeyId {
    /// Characters of an id, in either form.
    pub const TEXT_LEN: usize = 36;

    /// The id's text, without a formatter: every answer and every audit record has some.
    pub fn text(&self) -> KeyIdText {
        let digits: [u8; 32] = hex(&self.bytes);
        let mut text = [b'-'; Self::TEXT_LEN];
        if self.multi_region {
            text[..3].copy_from_slice(b"mrk");
            text[4..].copy_from_slice(&digits);
        } else {
            // The lengths are constants, so that each is a move or two.
            text[..8].copy_from_slice(&digits[..8]);
            text[9..13].copy_from_slice(&digits[8..12]);
            text[14..18].copy_from_slice(&digits[12..16]);
            text[19..23].copy_from_slice(&digits[16..20]);
            text[24..].copy_from_slice(&digits[20..]);
        }
        KeyIdText(text)
    }
}

/// Where the dashes of a UUID are.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// The text of a [`KeyId`] or a [`RequestId`], on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyIdText([u8; KeyId::TEXT_LEN]);

impl KeyIdText {
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sixteen bytes from 32 lower- or upper-case hex digits.
fn unhex(digits: &[u8]) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = digits.try_into().ok()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

/// The hex digits of bytes, twice as many.
fn hex<const BYTES: usize, const DIGITS: usize>(bytes: &[u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES) };
    let mut text = [0; DIGITS];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
    }
    text
}

/// The lower-case hex digit of a value below 16.
const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// The id of one generation of a key's material: 64 hex digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaterialId(pub [u8; 32]);

impl fmt::Display for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: [u8; 64] = hex(&self.0);
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for MaterialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MaterialId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        unhex_id(text).map(Self).ok_or(Malformed("key material id"))
    }
}

/// The bytes that 64 hex digits stand for.
fn unhex_id(text: &str) -> Option<[u8; 32]> {
    let (first, second) = text.as_bytes().split_at_checked(32)?;
    let (first, second) = (unhex(first)?, unhex(second)?);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(first.into_iter().chain(second)).for_each(|(to, from)| *to = from);
    Some(bytes)
}

/// The id of a grant: 64 hex digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub [u8; 32]);

impl FromStr for GrantId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        unhex_id(text).map(Self).ok_or(Malformed("grant id"))
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: [u8; 64] = hex(&self.0);
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of one request, a version 4 UUID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(KeyId);

impl RequestId {
    /// The id's bytes: [`Self::from_entropy`] of them is the same id.
    pub fn bytes(&self) -> &[u8; 16] {
        self.0.bytes()
    }

    pub fn from_entropy(bytes: [u8; 16]) -> Self {
        Self(KeyId::from_entropy(bytes, false))
    }

    /// As [`KeyId::text`].
    pub fn text(&self) -> KeyIdText {
        self.0.text()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<suffix>`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretArn {
    pub scope: Scope,
    pub name: SecretName,
    pub suffix: SecretSuffix,
}

impl SecretArn {
    /// The same secret's ARN in another Region.
    ///
    /// AWS: a replica has the primary's name and suffix; only the Region differs.
    #[must_use]
    pub fn in_region(&self, region: Region) -> Self {
        let scope = Scope { region, account: self.scope.account };
        Self { scope, name: self.name.clone(), suffix: self.suffix }
    }
}

impl SecretArn {
    /// The ARN's text, in one allocation and without a formatter: every read of a value has some.
    pub fn text(&self) -> String {
        self.parts().concat()
    }

    fn parts(&self) -> [&str; 10] {
        let Self { scope: Scope { region, account }, name, suffix } = self;
        let (partition, region, account) = (region.partition(), region.as_str(), account.as_str());
        let (name, suffix) = (name.as_str(), suffix.as_str());
        ["arn:", partition, ":secretsmanager:", region, ":", account, ":secret:", name, "-", suffix]
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().into_iter().try_for_each(|part| f.write_str(part))
    }
}

/// `arn:<partition>:kms:<region>:<account>:key/<id>`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyArn {
    pub scope: Scope,
    pub id: KeyId,
}

impl KeyArn {
    /// As [`SecretArn::text`].
    pub fn text(&self) -> String {
        self.parts(self.id.text().as_str()).concat()
    }

    fn parts<'a>(&'a self, id: &'a str) -> [&'a str; 8] {
        let Scope { region, account } = &self.scope;
        let (partition, region, account) = (region.partition(), region.as_str(), account.as_str());
        ["arn:", partition, ":kms:", region, ":", account, ":key/", id]
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts(self.id.text().as_str()).into_iter().try_for_each(|part| f.write_str(part))
    }
}

/// `arn:<partition>:kms:<region>:<account>:alias/<name>`
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AliasArn {
    pub scope: Scope,
    pub name: AliasName,
}

impl fmt::Display for AliasArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { region, account } = self.scope;
        write!(f, "arn:{}:kms:{region}:{account}:{}", region.partition(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        for good in ["us-east-1", "eu-west-1", "us-gov-west-1", "ap-southeast-12"] {
            assert_eq!(good.parse::<Region>().unwrap().as_str(), good);
        }
        for bad in ["", "us", "us-1", "US-east-1", "us-east-", "us-east-1a", "a-b-c-d-1", "us--1"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
        assert!(format!("{}-aaa-1", "a".repeat(40)).parse::<Region>().is_err());
        assert_eq!("us-gov-west-1".parse::<Region>().unwrap().partition(), "aws-us-gov");
    }

    #[test]
    fn key_ids_round_trip() {
        for good in ["mrk-1234abcd12ab34cd56ef1234567890ab", "1234abcd-12ab-34cd-56ef-1234567890ab"]
        {
            assert_eq!(good.parse::<KeyId>().unwrap().to_string(), good);
        }
        let shown =
            MaterialId(core::array::from_fn(|at| u8::try_from(at * 8 + 1).unwrap())).to_string();
        assert_eq!(shown.len(), 64);
        assert!(shown.starts_with("0109111921") && shown.ends_with("e1e9f1f9"), "{shown}");
    }

    #[test]
    fn texts_and_displays_are_the_same() {
        let scope = Scope {
            region: "us-gov-west-1".parse().unwrap(),
            account: "777864510236".parse().unwrap(),
        };
        let key = KeyArn { scope, id: KeyId::from_bytes([0xa7; 16], false) };
        let expected = "arn:aws-us-gov:kms:us-gov-west-1:777864510236:key/a7a7a7a7-a7a7-a7a7-a7a7-a7a7a7a7a7a7";
        assert_eq!((key.text(), key.to_string()), (expected.to_owned(), expected.to_owned()));
        let (name, suffix) = ("a/b".parse().unwrap(), "4BS2cc".parse().unwrap());
        let secret = SecretArn { scope, name, suffix };
        assert_eq!(secret.text(), secret.to_string());
        let id = RequestId::from_entropy([3; 16]);
        assert_eq!(id.text().as_str(), id.to_string());
    }

    /// The seed's own ids have 33 digits; KMS calls them invalid, not absent.
    #[test]
    fn the_seeds_key_ids_are_malformed() {
        for bad in [
            "mrk-1234abcd12ab34cd56ef12345678990ab",
            "mrk-1234abcd12ab34cd56ef12345678990aa",
            "MyNameIsDylan1610916109",
            "1234abcd12ab34cd56ef1234567890ab",
            "mrk-fake-key-id",
            "1234abcd-12ab-34cd-56ef-1234567890a",
            "1234abcd-12ab-34cd-56ef-1234567890abc",
            "",
        ] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn grant_ids_round_trip() {
        let text = "0123456789abcdef".repeat(4);
        assert_eq!(text.parse::<GrantId>().unwrap().to_string(), text);
        for bad in ["", "0123", &text[1..], &format!("{text}0"), &text.replace('f', "g")] {
            assert!(bad.parse::<GrantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn principals() {
        for good in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/a/b",
            "arn:aws-cn:iam::111122223333:role/r",
            "arn:aws:sts::111122223333:assumed-role/r/s",
            "arn:aws:sts::111122223333:federated-user/f",
        ] {
            assert_eq!(good.parse::<PrincipalArn>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "111122223333",
            "arn:aws:iam::111122223333:group/g",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::1111:root",
            "arn:aws:iam:us-east-1:111122223333:root",
            "arn:aws:kms::111122223333:root",
            "arn:aws:sts::111122223333:root",
            "arn:aws:iam::111122223333:user/*",
        ] {
            assert!(bad.parse::<PrincipalArn>().is_err(), "{bad}");
        }
    }

    #[test]
    fn secret_names() {
        assert!("a/b_+=.@-!9".parse::<SecretName>().is_ok());
        for bad in ["", "a b", "a*", "a?", "a]", "a\\", "a$", "é"] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad}");
        }
        assert!("x".repeat(513).parse::<SecretName>().is_err());
    }

    #[test]
    fn replica_arn_differs_in_region_only() {
        let arn = SecretArn {
            scope: Scope {
                region: "us-east-1".parse().unwrap(),
                account: "777864510236".parse().unwrap(),
            },
            name: "TestSecretMrkFailure".parse().unwrap(),
            suffix: "4BS2cc".parse().unwrap(),
        };
        assert_eq!(
            arn.to_string(),
            "arn:aws:secretsmanager:us-east-1:777864510236:secret:TestSecretMrkFailure-4BS2cc"
        );
        assert_eq!(
            arn.in_region("us-west-2".parse().unwrap()).to_string(),
            "arn:aws:secretsmanager:us-west-2:777864510236:secret:TestSecretMrkFailure-4BS2cc"
        );
    }
}
