//! Keys of records as bytes, in the order that `regent_core::records` states.
//!
//! A key is one byte for its kind, then its parts in the order of their declaration. Texts end in
//! a zero byte, which none of them contains, so that comparing bytes compares parts, and no
//! Region, account or name is a prefix of another. What the bytes are is fixed by
//! `docs/storage-format.md` and its golden tests.

use core::str::FromStr;

use regent_core::ids::{AccountId, GrantId, KeyId, MaterialId, Region, Scope, SecretSuffix};
use regent_core::limits;
use regent_core::records::{Due, Facet, Key, Moment, Order, Prefix, Scan, Subject};
use regent_core::stacks::ids::{ChangeSetId, StackId};
use regent_core::time::Timestamp;

/// The first byte of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Secret = 1,
    SecretByCreated = 2,
    Version = 3,
    Replica = 4,
    Tombstone = 5,
    KmsKey = 6,
    Alias = 7,
    AliasOfKey = 8,
    Outbox = 9,
    Deadline = 10,
    Peer = 11,
    Identity = 12,
    SecretByFacet = 13,
    Indexed = 14,
    SecretByMoment = 15,
    Grant = 20,
    GrantCount = 21,
    GrantOfGrantee = 22,
    GrantOfName = 23,
    GrantOfRetiring = 24,
    KeyUse = 25,
    KeyStores = 28,
    ExternalKey = 29,
    Stack = 40,
    StackOfName = 41,
    StackResource = 42,
    StackEvent = 43,
    StackRun = 44,
    ChangeSet = 45,
    ChangeSetOfName = 46,
    StackExport = 47,
    StackImport = 48,
}

impl Kind {
    const ALL: [Self; 32] = [
        Self::Secret,
        Self::SecretByCreated,
        Self::Version,
        Self::Replica,
        Self::Tombstone,
        Self::KmsKey,
        Self::Alias,
        Self::AliasOfKey,
        Self::Outbox,
        Self::Deadline,
        Self::Peer,
        Self::Identity,
        Self::SecretByFacet,
        Self::Indexed,
        Self::SecretByMoment,
        Self::Grant,
        Self::GrantCount,
        Self::GrantOfGrantee,
        Self::GrantOfName,
        Self::GrantOfRetiring,
        Self::KeyUse,
        Self::KeyStores,
        Self::ExternalKey,
        Self::Stack,
        Self::StackOfName,
        Self::StackResource,
        Self::StackEvent,
        Self::StackRun,
        Self::ChangeSet,
        Self::ChangeSetOfName,
        Self::StackExport,
        Self::StackImport,
    ];

    pub fn of(key: &Key) -> Self {
        match key {
            Key::Secret { .. } => Self::Secret,
            Key::SecretByCreated { .. } => Self::SecretByCreated,
            Key::Version { .. } => Self::Version,
            Key::Replica { .. } => Self::Replica,
            Key::Tombstone { .. } => Self::Tombstone,
            Key::KmsKey { .. } => Self::KmsKey,
            Key::KeyUse { .. } => Self::KeyUse,
            Key::KeyStores { .. } => Self::KeyStores,
            Key::ExternalKey { .. } => Self::ExternalKey,
            Key::Alias { .. } => Self::Alias,
            Key::AliasOfKey { .. } => Self::AliasOfKey,
            Key::Outbox { .. } => Self::Outbox,
            Key::Deadline { .. } => Self::Deadline,
            Key::Peer { .. } => Self::Peer,
            Key::Identity { .. } => Self::Identity,
            Key::SecretByFacet { .. } => Self::SecretByFacet,
            Key::Indexed { .. } => Self::Indexed,
            Key::SecretByMoment { .. } => Self::SecretByMoment,
            Key::Grant { .. } => Self::Grant,
            Key::GrantCount { .. } => Self::GrantCount,
            Key::GrantOfGrantee { .. } => Self::GrantOfGrantee,
            Key::GrantOfName { .. } => Self::GrantOfName,
            Key::GrantOfRetiring { .. } => Self::GrantOfRetiring,
            Key::Stack { .. } => Self::Stack,
            Key::StackOfName { .. } => Self::StackOfName,
            Key::StackResource { .. } => Self::StackResource,
            Key::StackEvent { .. } => Self::StackEvent,
            Key::StackRun { .. } => Self::StackRun,
            Key::ChangeSet { .. } => Self::ChangeSet,
            Key::ChangeSetOfName { .. } => Self::ChangeSetOfName,
            Key::StackExport { .. } => Self::StackExport,
            Key::StackImport { .. } => Self::StackImport,
        }
    }

    const fn tag(self) -> u8 {
        self as u8
    }

    fn from_tag(tag: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag)
    }
}

/// Bytes that are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the bytes of a key")]
pub struct NotAKey;

/// A range of encoded keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// The first key of the range.
    pub start: Vec<u8>,
    /// The first key beyond it. Not greater than `start` if the range is empty.
    pub end: Vec<u8>,
    pub order: Order,
}

/// The bytes of a key.
pub fn key(key: &Key) -> Vec<u8> {
    let mut out = Writer::begin(Kind::of(key));
    match key {
        Key::Secret { scope, name } => out.scope(scope).text(name.as_str()),
        Key::SecretByCreated { scope, created, name } => {
            out.scope(scope).time(*created).text(name.as_str())
        }
        Key::Version { scope, name, suffix, id } => {
            out.scope(scope).text(name.as_str()).suffix(*suffix).text(id.as_str())
        }
        Key::Replica { scope, name, region } => {
            out.scope(scope).text(name.as_str()).text(region.as_str())
        }
        Key::Tombstone { scope, subject } => out.scope(scope).subject(subject),
        Key::KeyStores { scope } => out.scope(scope),
        Key::ExternalKey { scope, store, key } => out.scope(scope).text(store.as_str()).text(key),
        Key::KmsKey { scope, id } | Key::KeyUse { scope, id } => out.scope(scope).key_id(*id),
        Key::Alias { scope, name } => out.scope(scope).text(name.as_str()),
        Key::AliasOfKey { scope, id, name } => out.scope(scope).key_id(*id).text(name.as_str()),
        Key::Outbox { region, peer, account, subject } => {
            out.text(region.as_str()).text(peer.as_str()).account(*account).subject(subject)
        }
        Key::Deadline { region, at, account, due } => {
            out.text(region.as_str()).time(*at).account(*account).due(due)
        }
        Key::Peer { region, peer } => out.text(region.as_str()).text(peer.as_str()),
        Key::Identity { region } | Key::Indexed { region } => out.text(region.as_str()),
        Key::SecretByFacet { scope, facet, text, created, name } => {
            out.scope(scope).facet(*facet).escaped(text).bytes(&[0]);
            out.time(*created).text(name.as_str())
        }
        Key::SecretByMoment { scope, moment, at, name } => {
            out.scope(scope).moment(*moment).time(*at).text(name.as_str())
        }
        Key::Grant { scope, key, id } => out.scope(scope).key_id(*key).bytes(&id.0),
        Key::GrantCount { scope, key } => out.scope(scope).key_id(*key),
        Key::GrantOfGrantee { scope, key, grantee, id } => {
            out.scope(scope).key_id(*key).text(grantee.as_str()).bytes(&id.0)
        }
        Key::GrantOfName { scope, key, name, id } => {
            out.scope(scope).key_id(*key).text(name.as_str()).bytes(&id.0)
        }
        Key::GrantOfRetiring { region, retiring, account, key, id } => out
            .text(region.as_str())
            .text(retiring.as_str())
            .account(*account)
            .key_id(*key)
            .bytes(&id.0),
        Key::Stack { scope, id } | Key::StackRun { scope, id } => {
            out.scope(scope).bytes(id.bytes())
        }
        Key::ChangeSet { scope, id } => out.scope(scope).bytes(id.bytes()),
        Key::ChangeSetOfName { scope, stack, name } => {
            out.scope(scope).bytes(stack.bytes()).text(name.as_str())
        }
        Key::StackOfName { scope, name } => out.scope(scope).text(name.as_str()),
        Key::StackExport { scope, name } => out.scope(scope).text(name.as_str()),
        Key::StackImport { scope, name, stack } => {
            out.scope(scope).text(name.as_str()).bytes(stack.bytes())
        }
        Key::StackResource { scope, stack, logical } => {
            out.scope(scope).bytes(stack.bytes()).text(logical.as_str())
        }
        Key::StackEvent { scope, stack, number } => {
            out.scope(scope).bytes(stack.bytes()).bytes(&number.to_be_bytes())
        }
    };
    out.0
}

/// The key that the bytes are of. Only what [`key`] returns is accepted.
pub fn parse(bytes: &[u8]) -> Result<Key, NotAKey> {
    let mut parts = Parts(bytes);
    let [tag] = parts.array()?;
    let kind = Kind::from_tag(tag).ok_or(NotAKey)?;
    let key = match kind {
        Kind::Secret => Key::Secret { scope: parts.scope()?, name: parts.text()? },
        Kind::Version => Key::Version {
            scope: parts.scope()?,
            name: parts.text()?,
            suffix: parts.suffix()?,
            id: parts.text()?,
        },
        Kind::Replica => {
            Key::Replica { scope: parts.scope()?, name: parts.text()?, region: parts.text()? }
        }
        Kind::Tombstone => Key::Tombstone { scope: parts.scope()?, subject: parts.subject()? },
        Kind::KmsKey => Key::KmsKey { scope: parts.scope()?, id: parts.key_id()? },
        Kind::KeyStores => Key::KeyStores { scope: parts.scope()? },
        Kind::ExternalKey => parts.external_key()?,
        Kind::KeyUse => Key::KeyUse { scope: parts.scope()?, id: parts.key_id()? },
        Kind::Alias => Key::Alias { scope: parts.scope()?, name: parts.text()? },
        Kind::AliasOfKey => {
            Key::AliasOfKey { scope: parts.scope()?, id: parts.key_id()?, name: parts.text()? }
        }
        Kind::Outbox => Key::Outbox {
            region: parts.text()?,
            peer: parts.text()?,
            account: parts.account()?,
            subject: parts.subject()?,
        },
        Kind::Deadline => Key::Deadline {
            region: parts.text()?,
            at: parts.time()?,
            account: parts.account()?,
            due: parts.due()?,
        },
        Kind::Peer => Key::Peer { region: parts.text()?, peer: parts.text()? },
        Kind::Identity => Key::Identity { region: parts.text()? },
        Kind::Indexed => Key::Indexed { region: parts.text()? },
        Kind::SecretByCreated | Kind::SecretByFacet | Kind::SecretByMoment => {
            parts.index_of_secret(kind)?
        }
        Kind::Grant | Kind::GrantCount | Kind::GrantOfGrantee | Kind::GrantOfName => {
            parts.grant_of_key(kind)?
        }
        Kind::GrantOfRetiring => Key::GrantOfRetiring {
            region: parts.text()?,
            retiring: parts.text()?,
            account: parts.account()?,
            key: parts.key_id()?,
            id: parts.grant_id()?,
        },
        // What is left belongs to stacks.
        _ => parts.of_stack(kind)?,
    };
    if parts.0.is_empty() { Ok(key) } else { Err(NotAKey) }
}

/// The range that a scan walks.
pub fn range(scan: &Scan) -> Range {
    let start = prefix(&scan.prefix);
    let mut range = Range { end: end_of(&start), start, order: scan.order };
    if let Prefix::Secrets { name, .. } = &scan.prefix
        && name.contains('\0')
    {
        // No name contains a zero byte; here it would match the end of one.
        range.end.clone_from(&range.start);
    }
    if let Some(after) = &scan.after {
        let mut after = key(after);
        match scan.order {
            Order::Ascending => {
                // The least key that is greater.
                after.push(0);
                range.start = range.start.max(after);
            }
            Order::Descending => range.end = range.end.min(after),
        }
    }
    range
}

fn prefix(prefix: &Prefix) -> Vec<u8> {
    match prefix {
        Prefix::Secrets { scope, name } => {
            begin(Kind::Secret, |out| out.scope(scope).bytes(name.as_bytes()))
        }
        Prefix::SecretsOfRegion { region } => begin(Kind::Secret, |out| out.text(region.as_str())),
        Prefix::Facets { scope, facet, start } => {
            begin(Kind::SecretByFacet, |out| out.scope(scope).facet(*facet).escaped(start))
        }
        Prefix::FacetsOfText { scope, facet, text } => begin(Kind::SecretByFacet, |out| {
            out.scope(scope).facet(*facet).escaped(text).bytes(&[0])
        }),
        Prefix::SecretsByCreated { scope } => begin(Kind::SecretByCreated, |out| out.scope(scope)),
        Prefix::SecretsByMoment { scope, moment } => {
            begin(Kind::SecretByMoment, |out| out.scope(scope).moment(*moment))
        }
        Prefix::Versions { scope, name, suffix } => {
            begin(Kind::Version, |out| out.scope(scope).text(name.as_str()).suffix(*suffix))
        }
        Prefix::KmsKeys { scope } => begin(Kind::KmsKey, |out| out.scope(scope)),
        Prefix::Aliases { scope } => begin(Kind::Alias, |out| out.scope(scope)),
        Prefix::AliasesOfKey { scope, id } => {
            begin(Kind::AliasOfKey, |out| out.scope(scope).key_id(*id))
        }
        Prefix::GrantsOfKey { scope, key } => {
            begin(Kind::Grant, |out| out.scope(scope).key_id(*key))
        }
        Prefix::GrantsOfGrantee { scope, key, grantee } => {
            begin(Kind::GrantOfGrantee, |out| out.scope(scope).key_id(*key).text(grantee.as_str()))
        }
        Prefix::GrantsOfName { scope, key, name } => {
            begin(Kind::GrantOfName, |out| out.scope(scope).key_id(*key).text(name.as_str()))
        }
        Prefix::GrantsOfRetiring { region, retiring } => {
            begin(Kind::GrantOfRetiring, |out| out.text(region.as_str()).text(retiring.as_str()))
        }
        Prefix::Outbox { region, peer } => {
            begin(Kind::Outbox, |out| out.text(region.as_str()).text(peer.as_str()))
        }
        Prefix::Deadlines { region } => begin(Kind::Deadline, |out| out.text(region.as_str())),
        Prefix::Identities => begin(Kind::Identity, |out| out),
        Prefix::Stacks { scope } => begin(Kind::Stack, |out| out.scope(scope)),
        Prefix::StackResources { scope, stack } => {
            begin(Kind::StackResource, |out| out.scope(scope).bytes(stack.bytes()))
        }
        Prefix::StackEvents { scope, stack } => {
            begin(Kind::StackEvent, |out| out.scope(scope).bytes(stack.bytes()))
        }
        Prefix::ChangeSets { scope, stack } => {
            begin(Kind::ChangeSetOfName, |out| out.scope(scope).bytes(stack.bytes()))
        }
        Prefix::StackRuns { region } => begin(Kind::StackRun, |out| out.text(region.as_str())),
        Prefix::StackExports { scope } => begin(Kind::StackExport, |out| out.scope(scope)),
        Prefix::StackImports { scope, name } => {
            begin(Kind::StackImport, |out| out.scope(scope).text(name.as_str()))
        }
    }
}

fn begin(kind: Kind, write: impl FnOnce(&mut Writer) -> &mut Writer) -> Vec<u8> {
    let mut out = Writer::begin(kind);
    write(&mut out);
    out.0
}

/// The least bytes that are greater than everything that begins with `start`.
fn end_of(start: &[u8]) -> Vec<u8> {
    let mut end = start.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

/// Tells the kinds of subjects and of deadlines apart within a key.
mod part {
    pub(super) const SECRET: u8 = 1;
    pub(super) const DETACHED: u8 = 2;
    pub(super) const KEY: u8 = 3;
    pub(super) const KEY_GONE: u8 = 4;
    pub(super) const ACCESSED: u8 = 5;
    pub(super) const PENDING_HELD: u8 = 6;
    pub(super) const PURGE_SECRET: u8 = 1;
    pub(super) const DELETE_KEY: u8 = 2;
    pub(super) const FORGET_TOMBSTONE: u8 = 3;
    pub(super) const ROTATE: u8 = 4;
    pub(super) const ROTATE_KEY: u8 = 6;
    pub(super) const EXPIRE_MATERIAL: u8 = 7;
    pub(super) const TAG_KEY: u8 = 1;
    pub(super) const TAG_VALUE: u8 = 2;
    pub(super) const PRIMARY_REGION: u8 = 3;
    pub(super) const CHANGED: u8 = 1;
    pub(super) const ACCESSED_AT: u8 = 2;
    /// What stands before an escaped byte, and after it for a zero and for itself.
    pub(super) const ESCAPE: u8 = 1;
    pub(super) const ZERO: u8 = 1;
    pub(super) const ONE: u8 = 2;
}

struct Writer(Vec<u8>);

impl Writer {
    fn begin(kind: Kind) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(kind.tag());
        Self(bytes)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes()).bytes(&[0])
    }

    /// A text that may hold anything. Zero bytes are escaped so that order and beginnings stay.
    fn escaped(&mut self, text: &str) -> &mut Self {
        for byte in text.bytes() {
            match byte {
                0 => self.bytes(&[part::ESCAPE, part::ZERO]),
                part::ESCAPE => self.bytes(&[part::ESCAPE, part::ONE]),
                byte => self.bytes(&[byte]),
            };
        }
        self
    }

    fn facet(&mut self, facet: Facet) -> &mut Self {
        self.bytes(&[match facet {
            Facet::TagKey => part::TAG_KEY,
            Facet::TagValue => part::TAG_VALUE,
            Facet::PrimaryRegion => part::PRIMARY_REGION,
        }])
    }

    fn moment(&mut self, moment: Moment) -> &mut Self {
        self.bytes(&[match moment {
            Moment::Changed => part::CHANGED,
            Moment::Accessed => part::ACCESSED_AT,
        }])
    }

    fn account(&mut self, account: AccountId) -> &mut Self {
        self.bytes(account.as_str().as_bytes())
    }

    fn scope(&mut self, scope: &Scope) -> &mut Self {
        self.text(scope.region.as_str()).account(scope.account)
    }

    /// Big-endian with the sign flipped, so that earlier sorts first.
    fn time(&mut self, time: Timestamp) -> &mut Self {
        self.bytes(&(time.millis() ^ i64::MIN).to_be_bytes())
    }

    fn suffix(&mut self, suffix: SecretSuffix) -> &mut Self {
        self.bytes(suffix.as_str().as_bytes())
    }

    fn key_id(&mut self, id: KeyId) -> &mut Self {
        self.bytes(&key_id(id))
    }

    fn subject(&mut self, subject: &Subject) -> &mut Self {
        match subject {
            Subject::Secret { name, suffix } => {
                self.bytes(&[part::SECRET]).text(name.as_str()).suffix(*suffix)
            }
            Subject::Detached { name, suffix } => {
                self.bytes(&[part::DETACHED]).text(name.as_str()).suffix(*suffix)
            }
            Subject::Key { id } => self.bytes(&[part::KEY]).key_id(*id),
            Subject::KeyGone { id } => self.bytes(&[part::KEY_GONE]).key_id(*id),
            Subject::Accessed { name, suffix } => {
                self.bytes(&[part::ACCESSED]).text(name.as_str()).suffix(*suffix)
            }
            Subject::PendingHeld { id } => self.bytes(&[part::PENDING_HELD]).key_id(*id),
        }
    }

    fn due(&mut self, due: &Due) -> &mut Self {
        match due {
            Due::PurgeSecret { name, suffix } => {
                self.bytes(&[part::PURGE_SECRET]).text(name.as_str()).suffix(*suffix)
            }
            Due::DeleteKey { id } => self.bytes(&[part::DELETE_KEY]).key_id(*id),
            Due::RotateKey { id } => self.bytes(&[part::ROTATE_KEY]).key_id(*id),
            Due::ExpireMaterial { id, material } => {
                self.bytes(&[part::EXPIRE_MATERIAL]).key_id(*id).bytes(&material.0)
            }
            Due::ForgetTombstone { subject } => {
                self.bytes(&[part::FORGET_TOMBSTONE]).subject(subject)
            }
            Due::Rotate { name, suffix } => {
                self.bytes(&[part::ROTATE]).text(name.as_str()).suffix(*suffix)
            }
        }
    }
}

/// Bytes of a key id: sixteen, and one that is 1 for a multi-Region key.
pub(crate) const KEY_ID_LEN: usize = 17;

pub(crate) fn key_id(id: KeyId) -> [u8; KEY_ID_LEN] {
    let mut bytes = [0; KEY_ID_LEN];
    let (head, multi_region) = bytes.split_at_mut(KEY_ID_LEN - 1);
    head.copy_from_slice(id.bytes());
    multi_region.fill(u8::from(id.is_multi_region()));
    bytes
}

pub(crate) fn parse_key_id(bytes: &[u8]) -> Option<KeyId> {
    let (multi_region, id) = bytes.split_last()?;
    let id = id.try_into().ok()?;
    match multi_region {
        0 => Some(KeyId::from_bytes(id, false)),
        1 => Some(KeyId::from_bytes(id, true)),
        _ => None,
    }
}

/// What is left of a key while it is taken apart.
struct Parts<'a>(&'a [u8]);

impl Parts<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotAKey> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(NotAKey)?;
        self.0 = rest;
        Ok(*head)
    }

    fn text<T: FromStr>(&mut self) -> Result<T, NotAKey> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(NotAKey)?;
        let (head, rest) = self.0.split_at_checked(end).ok_or(NotAKey)?;
        self.0 = rest.get(1..).ok_or(NotAKey)?;
        from_utf8(head)
    }

    /// What [`Writer::escaped`] wrote, and the zero after it.
    fn escaped(&mut self) -> Result<Box<str>, NotAKey> {
        let mut bytes = Vec::new();
        loop {
            match self.array()? {
                [0] => break,
                [part::ESCAPE] => match self.array()? {
                    [part::ZERO] => bytes.push(0),
                    [part::ONE] => bytes.push(part::ESCAPE),
                    _ => return Err(NotAKey),
                },
                [byte] => bytes.push(byte),
            }
        }
        String::from_utf8(bytes).map(String::into_boxed_str).map_err(|_| NotAKey)
    }

    fn index_of_secret(&mut self, kind: Kind) -> Result<Key, NotAKey> {
        Ok(match kind {
            Kind::SecretByCreated => Key::SecretByCreated {
                scope: self.scope()?,
                created: self.time()?,
                name: self.text()?,
            },
            Kind::SecretByFacet => Key::SecretByFacet {
                scope: self.scope()?,
                facet: self.facet()?,
                text: self.escaped()?,
                created: self.time()?,
                name: self.text()?,
            },
            Kind::SecretByMoment => Key::SecretByMoment {
                scope: self.scope()?,
                moment: self.moment()?,
                at: self.time()?,
                name: self.text()?,
            },
            _ => return Err(NotAKey),
        })
    }

    fn facet(&mut self) -> Result<Facet, NotAKey> {
        match self.array()? {
            [part::TAG_KEY] => Ok(Facet::TagKey),
            [part::TAG_VALUE] => Ok(Facet::TagValue),
            [part::PRIMARY_REGION] => Ok(Facet::PrimaryRegion),
            _ => Err(NotAKey),
        }
    }

    fn moment(&mut self) -> Result<Moment, NotAKey> {
        match self.array()? {
            [part::CHANGED] => Ok(Moment::Changed),
            [part::ACCESSED_AT] => Ok(Moment::Accessed),
            _ => Err(NotAKey),
        }
    }

    fn account(&mut self) -> Result<AccountId, NotAKey> {
        from_utf8(&self.array::<{ limits::ACCOUNT_ID_LEN }>()?)
    }

    fn scope(&mut self) -> Result<Scope, NotAKey> {
        let region: Region = self.text()?;
        Ok(Scope { region, account: self.account()? })
    }

    fn time(&mut self) -> Result<Timestamp, NotAKey> {
        Ok(Timestamp::from_millis(i64::from_be_bytes(self.array()?) ^ i64::MIN))
    }

    fn suffix(&mut self) -> Result<SecretSuffix, NotAKey> {
        from_utf8(&self.array::<{ limits::SECRET_SUFFIX_LEN }>()?)
    }

    fn key_id(&mut self) -> Result<KeyId, NotAKey> {
        parse_key_id(&self.array::<KEY_ID_LEN>()?).ok_or(NotAKey)
    }

    fn external_key(&mut self) -> Result<Key, NotAKey> {
        let (scope, store) = (self.scope()?, self.text()?);
        Ok(Key::ExternalKey { scope, store, key: self.text::<String>()?.into() })
    }

    /// What belongs to stacks: it begins with a scope.
    fn of_stack(&mut self, kind: Kind) -> Result<Key, NotAKey> {
        let scope = self.scope()?;
        match kind {
            Kind::StackOfName => return Ok(Key::StackOfName { scope, name: self.text()? }),
            Kind::StackExport => return Ok(Key::StackExport { scope, name: self.text()? }),
            Kind::StackImport => {
                let name = self.text()?;
                return Ok(Key::StackImport { scope, name, stack: self.stack()? });
            }
            Kind::ChangeSet => {
                return Ok(Key::ChangeSet { scope, id: ChangeSetId::from_bytes(self.array()?) });
            }
            _ => {}
        }
        let stack = self.stack()?;
        Ok(match kind {
            Kind::ChangeSetOfName => Key::ChangeSetOfName { scope, stack, name: self.text()? },
            Kind::Stack => Key::Stack { scope, id: stack },
            Kind::StackRun => Key::StackRun { scope, id: stack },
            Kind::StackResource => Key::StackResource { scope, stack, logical: self.text()? },
            Kind::StackEvent => {
                Key::StackEvent { scope, stack, number: u64::from_be_bytes(self.array()?) }
            }
            _ => return Err(NotAKey),
        })
    }

    fn stack(&mut self) -> Result<StackId, NotAKey> {
        Ok(StackId::from_bytes(self.array()?))
    }

    fn grant_id(&mut self) -> Result<GrantId, NotAKey> {
        Ok(GrantId(self.array()?))
    }

    /// What begins with a scope and a key.
    fn grant_of_key(&mut self, kind: Kind) -> Result<Key, NotAKey> {
        let (scope, key) = (self.scope()?, self.key_id()?);
        Ok(match kind {
            Kind::Grant => Key::Grant { scope, key, id: self.grant_id()? },
            Kind::GrantCount => Key::GrantCount { scope, key },
            Kind::GrantOfGrantee => {
                Key::GrantOfGrantee { scope, key, grantee: self.text()?, id: self.grant_id()? }
            }
            Kind::GrantOfName => {
                Key::GrantOfName { scope, key, name: self.text()?, id: self.grant_id()? }
            }
            _ => return Err(NotAKey),
        })
    }

    fn subject(&mut self) -> Result<Subject, NotAKey> {
        match self.array()? {
            [part::SECRET] => Ok(Subject::Secret { name: self.text()?, suffix: self.suffix()? }),
            [part::DETACHED] => {
                Ok(Subject::Detached { name: self.text()?, suffix: self.suffix()? })
            }
            [part::KEY] => Ok(Subject::Key { id: self.key_id()? }),
            [part::KEY_GONE] => Ok(Subject::KeyGone { id: self.key_id()? }),
            [part::ACCESSED] => {
                Ok(Subject::Accessed { name: self.text()?, suffix: self.suffix()? })
            }
            [part::PENDING_HELD] => Ok(Subject::PendingHeld { id: self.key_id()? }),
            _ => Err(NotAKey),
        }
    }

    fn due(&mut self) -> Result<Due, NotAKey> {
        match self.array()? {
            [part::PURGE_SECRET] => {
                Ok(Due::PurgeSecret { name: self.text()?, suffix: self.suffix()? })
            }
            [part::DELETE_KEY] => Ok(Due::DeleteKey { id: self.key_id()? }),
            [part::ROTATE_KEY] => Ok(Due::RotateKey { id: self.key_id()? }),
            [part::EXPIRE_MATERIAL] => {
                Ok(Due::ExpireMaterial { id: self.key_id()?, material: MaterialId(self.array()?) })
            }
            [part::FORGET_TOMBSTONE] => Ok(Due::ForgetTombstone { subject: self.subject()? }),
            [part::ROTATE] => Ok(Due::Rotate { name: self.text()?, suffix: self.suffix()? }),
            _ => Err(NotAKey),
        }
    }
}

fn from_utf8<T: FromStr>(bytes: &[u8]) -> Result<T, NotAKey> {
    core::str::from_utf8(bytes).map_err(|_| NotAKey)?.parse().map_err(|_| NotAKey)
}
