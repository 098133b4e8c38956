//! Records as bytes: protobuf messages with explicit field numbers.
//!
//! Every message has its format's number in field 1. What the key of a record says is not said
//! again in the message, so a record is read together with its key. Bytes that do not make a
//! record are a [`Corruption`], never a panic, and never a record that is nearly right. The
//! messages are listed in `docs/storage-format.md` and pinned by golden tests.

mod change_set;
mod grant;
mod key;
mod key_store;
mod replication;
mod rotation;
mod secret;
mod stack;

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message;
use regent_core::ids::{KeyId, Scope};
use regent_core::ports::{StoreFault, TransportKey};
use regent_core::records::{Key, Record};
use regent_core::replication::change::Stamp;
use regent_core::stacks::ids::{ChangeSetId, StackId};
use regent_core::tags::Tags;
use regent_core::time::Timestamp;

use crate::encode::{self, Kind};

/// The format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;

/// Stored bytes that cannot be read as what their key says they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} record: {flaw}")]
pub struct Corruption {
    pub kind: Kind,
    pub flaw: Flaw,
}

/// What is wrong with a stored record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("not a message")]
    Bytes,
    #[error("format {0}, which this version does not read")]
    Format(u32),
    #[error("field `{0}` is missing or malformed")]
    Field(&'static str),
}

/// A record that does not belong under its key: a mistake of the caller, not of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record for a key of kind {0:?}")]
pub struct Misplaced(pub Kind);

/// The bytes of a record, to be stored under `key`.
pub fn encode(key: &Key, record: &Record) -> Result<Vec<u8>, Misplaced> {
    let bytes = match (key, record) {
        (Key::Secret { name, .. }, Record::Secret(secret)) if secret.name == *name => {
            secret::encode_secret(secret)
        }
        (Key::Version { id, .. }, Record::Version(version)) if version.id == *id => {
            secret::encode_version(version)
        }
        (Key::Replica { region, .. }, Record::Replica(replica)) if replica.region == *region => {
            secret::encode_replica(replica)
        }
        (Key::Tombstone { .. }, Record::Tombstone(tombstone)) => {
            replication::encode_tombstone(*tombstone)
        }
        (Key::KmsKey { id, .. }, Record::KmsKey(kms_key)) if kms_key.id == *id => {
            key::encode_kms_key(kms_key)
        }
        (Key::Alias { name, .. }, Record::Alias(alias)) if alias.name == *name => {
            key::encode_alias(alias)
        }
        (Key::Grant { id, .. }, Record::Grant(grant)) if grant.id == *id => grant::encode(grant),
        (Key::KeyStores { .. }, Record::KeyStores(stores)) => key_store::encode(stores),
        (Key::KeyUse { .. }, Record::KeyUse(used)) => key::encode_key_use(used),
        (Key::GrantCount { .. }, Record::Count(count)) => {
            CountRecord { format: FORMAT, count: *count }.encode_to_vec()
        }
        (Key::Outbox { .. }, Record::Outbox(outbox)) => replication::encode_outbox(*outbox),
        (Key::Peer { .. }, Record::Peer(TransportKey(key))) => sealed(key),
        (Key::Identity { .. }, Record::Identity(identity)) => sealed(identity),
        (
            Key::SecretByCreated { .. }
            | Key::SecretByFacet { .. }
            | Key::SecretByMoment { .. }
            | Key::AliasOfKey { .. }
            | Key::Deadline { .. }
            | Key::ExternalKey { .. }
            | Key::GrantOfGrantee { .. }
            | Key::GrantOfName { .. }
            | Key::GrantOfRetiring { .. }
            | Key::StackImport { .. },
            Record::Index,
        ) => IndexRecord { format: FORMAT }.encode_to_vec(),
        (Key::Indexed { .. }, Record::Indexed(generation)) => {
            IndexedRecord { format: FORMAT, generation: *generation }.encode_to_vec()
        }
        (Key::Stack { id, .. }, Record::Stack(stack)) if stack.id == *id => {
            stack::encode_stack(stack)
        }
        (Key::StackOfName { .. } | Key::StackExport { .. }, Record::StackRef(id)) => {
            sealed(id.bytes())
        }
        (Key::StackResource { .. }, Record::StackResource(resource)) => {
            stack::encode_resource(resource)
        }
        (Key::StackEvent { .. }, Record::StackEvent(event)) => stack::encode_event(event),
        (Key::StackRun { .. }, Record::StackRun(run)) => stack::encode_run(run),
        (Key::ChangeSet { id, .. }, Record::ChangeSet(set)) if set.id == *id => {
            change_set::encode(set)
        }
        (Key::ChangeSetOfName { .. }, Record::ChangeSetRef(id)) => sealed(id.bytes()),
        _ => return Err(Misplaced(Kind::of(key))),
    };
    Ok(bytes)
}

/// The record that is stored under `key`.
pub fn decode(key: &Key, bytes: &[u8]) -> Result<Record, Corruption> {
    decode_under(key, bytes).map_err(|flaw| Corruption { kind: Kind::of(key), flaw })
}

fn decode_under(key: &Key, bytes: &[u8]) -> Result<Record, Flaw> {
    Ok(match key {
        Key::Secret { name, .. } => {
            Record::Secret(Arc::new(secret::decode_secret(name.clone(), bytes)?))
        }
        Key::Version { id, .. } => {
            Record::Version(Arc::new(secret::decode_version(id.clone(), bytes)?))
        }
        Key::Replica { region, .. } => {
            Record::Replica(Arc::new(secret::decode_replica(*region, bytes)?))
        }
        Key::Tombstone { .. } => Record::Tombstone(replication::decode_tombstone(bytes)?),
        Key::KmsKey { id, .. } => Record::KmsKey(Arc::new(key::decode_kms_key(*id, bytes)?)),
        Key::Alias { name, .. } => Record::Alias(Arc::new(key::decode_alias(name.clone(), bytes)?)),
        Key::Grant { id, .. } => Record::Grant(Arc::new(grant::decode(*id, bytes)?)),
        Key::KeyStores { scope } => Record::KeyStores(key_store::decode(*scope, bytes)?),
        Key::KeyUse { .. } => Record::KeyUse(key::decode_key_use(bytes)?),
        Key::GrantCount { .. } => Record::Count(read::<CountRecord>(bytes)?.count),
        Key::Outbox { .. } => Record::Outbox(replication::decode_outbox(bytes)?),
        Key::Peer { .. } => {
            Record::Peer(TransportKey(read::<SealedRecord>(bytes)?.sealed.into_boxed_slice()))
        }
        Key::Identity { .. } => Record::Identity(read::<SealedRecord>(bytes)?.sealed.into()),
        Key::SecretByCreated { .. }
        | Key::SecretByFacet { .. }
        | Key::SecretByMoment { .. }
        | Key::AliasOfKey { .. }
        | Key::Deadline { .. }
        | Key::ExternalKey { .. }
        | Key::GrantOfGrantee { .. }
        | Key::GrantOfName { .. }
        | Key::GrantOfRetiring { .. }
        | Key::StackImport { .. } => {
            read::<IndexRecord>(bytes)?;
            Record::Index
        }
        Key::Indexed { .. } => Record::Indexed(read::<IndexedRecord>(bytes)?.generation),
        Key::Stack { id, .. } => Record::Stack(Arc::new(stack::decode_stack(*id, bytes)?)),
        Key::StackOfName { .. } | Key::StackExport { .. } => {
            let id = read::<SealedRecord>(bytes)?.sealed;
            let id = id.try_into().map_err(|_| Flaw::Field("id"))?;
            Record::StackRef(StackId::from_bytes(id))
        }
        Key::StackResource { .. } => {
            Record::StackResource(Arc::new(stack::decode_resource(bytes)?))
        }
        Key::StackEvent { .. } => Record::StackEvent(Arc::new(stack::decode_event(bytes)?)),
        Key::StackRun { scope, .. } => {
            Record::StackRun(Arc::new(stack::decode_run(scope.account, bytes)?))
        }
        Key::ChangeSet { id, .. } => Record::ChangeSet(Arc::new(change_set::decode(*id, bytes)?)),
        Key::ChangeSetOfName { .. } => {
            let id = read::<SealedRecord>(bytes)?.sealed;
            let id = id.try_into().map_err(|_| Flaw::Field("id"))?;
            Record::ChangeSetRef(ChangeSetId::from_bytes(id))
        }
    })
}

/// Reads a row. The one place where corruption is logged.
pub(crate) fn read_record(key: &Key, bytes: &[u8]) -> Result<Record, StoreFault> {
    decode(key, bytes).map_err(|corruption| {
        tracing::error!(%corruption, ?key, "a stored record cannot be read");
        StoreFault
    })
}

/// Reads the key of a row, as [`read_record`] reads its value.
pub(crate) fn read_key(bytes: &[u8]) -> Result<Key, StoreFault> {
    encode::parse(bytes).map_err(|_| {
        tracing::error!(len = bytes.len(), tag = bytes.first(), "a stored key cannot be read");
        StoreFault
    })
}

/// A message that says which format it has.
trait Formatted: Message + Default {
    fn format(&self) -> u32;
}

macro_rules! formatted {
    ($($message:ty),* $(,)?) => {
        $(impl $crate::codec::Formatted for $message {
            fn format(&self) -> u32 {
                self.format
            }
        })*
    };
}
use formatted;

fn read<M: Formatted>(bytes: &[u8]) -> Result<M, Flaw> {
    match M::decode(bytes) {
        Ok(message) if message.format() == FORMAT => Ok(message),
        Ok(message) => Err(Flaw::Format(message.format())),
        // A later format may have other types in its fields, but it has its number in field 1.
        Err(_) => match IndexRecord::decode(bytes) {
            Ok(IndexRecord { format }) if format > FORMAT => Err(Flaw::Format(format)),
            _ => Err(Flaw::Bytes),
        },
    }
}

/// A record that is its key.
#[derive(Clone, PartialEq, Message)]
struct IndexRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
}

/// How far a store's index records go.
#[derive(Clone, PartialEq, Message)]
struct IndexedRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint32, tag = "2")]
    generation: u32,
}

/// A number of other records.
#[derive(Clone, PartialEq, Message)]
struct CountRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(uint32, tag = "2")]
    count: u32,
}

/// Bytes that the store does not look into: a transport key, a sealed identity.
#[derive(Clone, PartialEq, Message)]
struct SealedRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(bytes = "vec", tag = "2")]
    sealed: Vec<u8>,
}

formatted!(IndexRecord, IndexedRecord, CountRecord, SealedRecord);

fn sealed(bytes: &[u8]) -> Vec<u8> {
    SealedRecord { format: FORMAT, sealed: bytes.to_vec() }.encode_to_vec()
}

/// The number of a replicated state.
#[derive(Clone, Copy, PartialEq, Message)]
struct StampMessage {
    #[prost(uint64, tag = "1")]
    epoch: u64,
    #[prost(uint64, tag = "2")]
    revision: u64,
}

impl From<Stamp> for StampMessage {
    fn from(Stamp { epoch, revision }: Stamp) -> Self {
        Self { epoch, revision }
    }
}

impl From<StampMessage> for Stamp {
    fn from(StampMessage { epoch, revision }: StampMessage) -> Self {
        Self { epoch, revision }
    }
}

/// A choice that carries nothing.
#[derive(Clone, Copy, PartialEq, Message)]
struct Nothing {}

fn from_stamp(stamp: Option<StampMessage>, field: &'static str) -> Result<Stamp, Flaw> {
    stamp.map(Stamp::from).ok_or(Flaw::Field(field))
}

fn parse<T: core::str::FromStr>(text: &str, field: &'static str) -> Result<T, Flaw> {
    text.parse().map_err(|_| Flaw::Field(field))
}

fn key_id(bytes: &[u8], field: &'static str) -> Result<KeyId, Flaw> {
    encode::parse_key_id(bytes).ok_or(Flaw::Field(field))
}

fn scope(region: &str, account: &str) -> Result<Scope, Flaw> {
    Ok(Scope { region: parse(region, "region")?, account: parse(account, "account")? })
}

fn texts<K: ToString, V: ToString>(map: &BTreeMap<K, V>) -> BTreeMap<String, String> {
    map.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn tags(map: BTreeMap<String, String>) -> Tags {
    map.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

fn text(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}
