//! Secrets, their versions and the primary's view of their replicas, as messages.
//!
//! Values are stored as the core sealed them: this file sees ciphertext only (promise R7).

use std::collections::BTreeMap;

use prost::{Message, Oneof};
use regent_core::ids::{PolicyName, Region, RequestId, SecretArn, SecretName, VersionId};
use regent_core::secrets::model::{
    Deletion, Link, LinkStatus, Replica, ReplicaFailure, ReplicaStatus, Role, SealedValue, Secret,
    ValueKind, Version,
};
use regent_core::secrets::policies::{Policies, ResourcePolicy};
use regent_core::time::Timestamp;

use super::replication::{FailureMessage, failure, from_failure};
use super::rotation::{self, RotationMessage};
use super::{FORMAT, Flaw, Nothing, StampMessage};
use super::{formatted, from_stamp, key_id, parse, read, scope, tags, text, texts, time};
use crate::encode;

#[derive(Clone, PartialEq, Message)]
struct SecretRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    suffix: String,
    #[prost(string, optional, tag = "3")]
    description: Option<String>,
    #[prost(string, optional, tag = "4")]
    kms_key_id: Option<String>,
    #[prost(string, optional, tag = "5")]
    secret_type: Option<String>,
    #[prost(int64, tag = "6")]
    created_ms: i64,
    #[prost(int64, tag = "7")]
    last_changed_ms: i64,
    #[prost(int64, optional, tag = "8")]
    last_accessed_ms: Option<i64>,
    #[prost(message, optional, tag = "9")]
    deletion: Option<DeletionMessage>,
    #[prost(message, optional, tag = "10")]
    tags: Option<TagsMessage>,
    #[prost(btree_map = "string, string", tag = "11")]
    stages: BTreeMap<String, String>,
    #[prost(uint32, tag = "12")]
    version_count: u32,
    #[prost(message, optional, tag = "13")]
    at: Option<StampMessage>,
    #[prost(oneof = "RoleMessage", tags = "14, 15, 19")]
    role: Option<RoleMessage>,
    /// Policy name to text.
    #[prost(btree_map = "string, string", tag = "16")]
    policies: BTreeMap<String, String>,
    #[prost(string, optional, tag = "17")]
    created_by: Option<String>,
    #[prost(message, optional, tag = "18")]
    rotation: Option<RotationMessage>,
    #[prost(message, optional, tag = "20")]
    cross_account_replica: Option<LinkMessage>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct DeletionMessage {
    #[prost(int64, tag = "1")]
    requested_ms: i64,
    #[prost(int64, tag = "2")]
    scheduled_ms: i64,
}

/// Tags in a message of their own, so that no tags differ from never tagged.
#[derive(Clone, PartialEq, Message)]
struct TagsMessage {
    #[prost(btree_map = "string, string", tag = "1")]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Oneof)]
enum RoleMessage {
    #[prost(message, tag = "14")]
    Primary(PrimaryMessage),
    #[prost(string, tag = "15")]
    ReplicaOf(String),
    #[prost(message, boxed, tag = "19")]
    CrossAccountReplica(Box<LinkMessage>),
}

#[derive(Clone, PartialEq, Message)]
struct LinkMessage {
    #[prost(message, optional, tag = "1")]
    other: Option<SecretArnMessage>,
    #[prost(oneof = "LinkStatusMessage", tags = "2, 3, 4, 5")]
    status: Option<LinkStatusMessage>,
    #[prost(string, optional, tag = "6")]
    role: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SecretArnMessage {
    #[prost(string, tag = "1")]
    region: String,
    #[prost(string, tag = "2")]
    account: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    suffix: String,
}

#[derive(Clone, PartialEq, Oneof)]
enum LinkStatusMessage {
    #[prost(message, tag = "2")]
    Pending(Nothing),
    #[prost(message, tag = "3")]
    InSync(Nothing),
    #[prost(message, tag = "4")]
    Failed(FailedMessage),
    #[prost(message, tag = "5")]
    Detached(Nothing),
}

#[derive(Clone, PartialEq, Message)]
struct PrimaryMessage {
    #[prost(string, repeated, tag = "1")]
    replicas: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct VersionRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(int64, tag = "2")]
    created_ms: i64,
    #[prost(int64, optional, tag = "3")]
    last_accessed_ms: Option<i64>,
    #[prost(uint64, tag = "4")]
    changed: u64,
    /// 1 string, 2 binary.
    #[prost(uint32, tag = "5")]
    kind: u32,
    #[prost(bytes = "vec", tag = "6")]
    sealed: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    data_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    kms_key: Vec<u8>,
    #[prost(bool, tag = "9")]
    kms_key_is_default: bool,
}

#[derive(Clone, PartialEq, Message)]
struct ReplicaRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, optional, tag = "2")]
    kms_key_id: Option<String>,
    #[prost(oneof = "StatusMessage", tags = "3, 4, 5")]
    status: Option<StatusMessage>,
    #[prost(message, optional, tag = "6")]
    acknowledged: Option<StampMessage>,
    #[prost(bool, tag = "7")]
    overwrite: bool,
    #[prost(int64, optional, tag = "8")]
    last_accessed_ms: Option<i64>,
}

#[derive(Clone, PartialEq, Oneof)]
enum StatusMessage {
    #[prost(message, tag = "3")]
    InProgress(Nothing),
    #[prost(message, tag = "4")]
    InSync(Nothing),
    #[prost(message, tag = "5")]
    Failed(FailedMessage),
}

#[derive(Clone, PartialEq, Message)]
struct FailedMessage {
    #[prost(message, optional, tag = "1")]
    failure: Option<FailureMessage>,
    /// The UUID as text.
    #[prost(string, tag = "2")]
    request_id: String,
}

formatted!(SecretRecord, VersionRecord, ReplicaRecord);

const KIND_STRING: u32 = 1;
const KIND_BINARY: u32 = 2;

pub(super) fn encode_secret(secret: &Secret) -> Vec<u8> {
    let role = match &secret.role {
        Role::Primary { replicas } => RoleMessage::Primary(PrimaryMessage {
            replicas: replicas.iter().map(Region::to_string).collect(),
        }),
        Role::Replica { primary } => RoleMessage::ReplicaOf(primary.to_string()),
        Role::CrossAccountReplica(link) => {
            RoleMessage::CrossAccountReplica(Box::new(link_message(link)))
        }
    };
    SecretRecord {
        format: FORMAT,
        suffix: secret.suffix.to_string(),
        description: text(secret.description.as_deref()),
        kms_key_id: text(secret.kms_key_id.as_deref()),
        secret_type: text(secret.secret_type.as_deref()),
        created_ms: secret.created.millis(),
        last_changed_ms: secret.last_changed.millis(),
        last_accessed_ms: secret.last_accessed.map(Timestamp::millis),
        deletion: secret.deletion.map(|deletion| DeletionMessage {
            requested_ms: deletion.requested.millis(),
            scheduled_ms: deletion.scheduled.millis(),
        }),
        tags: secret.tags.as_ref().map(|tags| TagsMessage { tags: texts(tags) }),
        stages: texts(&secret.stages),
        version_count: secret.version_count,
        at: Some(secret.at.into()),
        role: Some(role),
        policies: policies(&secret.policies),
        created_by: text(secret.created_by.as_ref().map(VersionId::as_str)),
        rotation: secret.rotation.as_ref().map(rotation::message),
        cross_account_replica: secret.cross_account_replica.as_deref().map(link_message),
    }
    .encode_to_vec()
}

pub(super) fn decode_secret(name: SecretName, bytes: &[u8]) -> Result<Secret, Flaw> {
    let message: SecretRecord = read(bytes)?;
    let role = match message.role.ok_or(Flaw::Field("role"))? {
        RoleMessage::Primary(PrimaryMessage { replicas }) => Role::Primary {
            replicas: replicas
                .iter()
                .map(|text| parse(text, "replicas"))
                .collect::<Result<_, _>>()?,
        },
        RoleMessage::ReplicaOf(primary) => Role::Replica { primary: parse(&primary, "primary")? },
        RoleMessage::CrossAccountReplica(link) => {
            Role::CrossAccountReplica(Box::new(from_link(*link)?))
        }
    };
    let stages = message
        .stages
        .iter()
        .map(|(label, id)| Ok((parse(label, "stages")?, parse(id, "stages")?)))
        .collect::<Result<_, Flaw>>()?;
    Ok(Secret {
        name,
        suffix: parse(&message.suffix, "suffix")?,
        description: message.description.map(Into::into),
        kms_key_id: message.kms_key_id.map(Into::into),
        secret_type: message.secret_type.map(Into::into),
        created_by: message.created_by.map(|id| parse(&id, "created_by")).transpose()?,
        created: time(message.created_ms),
        last_changed: time(message.last_changed_ms),
        last_accessed: message.last_accessed_ms.map(time),
        deletion: message.deletion.map(|deletion| Deletion {
            requested: time(deletion.requested_ms),
            scheduled: time(deletion.scheduled_ms),
        }),
        tags: message.tags.map(|message| tags(message.tags)),
        stages,
        version_count: message.version_count,
        rotation: message.rotation.map(rotation::from_message).transpose()?,
        at: from_stamp(message.at, "at")?,
        role,
        policies: from_policies(&message.policies)?,
        cross_account_replica: message
            .cross_account_replica
            .map(|link| from_link(link).map(Box::new))
            .transpose()?,
    })
}

fn link_message(link: &Link) -> LinkMessage {
    let SecretArn { scope, name, suffix } = &link.other;
    let other = SecretArnMessage {
        region: scope.region.to_string(),
        account: scope.account.to_string(),
        name: name.to_string(),
        suffix: suffix.to_string(),
    };
    let status = match &link.status {
        LinkStatus::Pending => LinkStatusMessage::Pending(Nothing {}),
        LinkStatus::InSync => LinkStatusMessage::InSync(Nothing {}),
        LinkStatus::Failed { failure: why, request_id } => {
            LinkStatusMessage::Failed(failed(why, *request_id))
        }
        LinkStatus::Detached => LinkStatusMessage::Detached(Nothing {}),
    };
    let role = link.role.as_ref().map(ToString::to_string);
    LinkMessage { other: Some(other), status: Some(status), role }
}

fn from_link(message: LinkMessage) -> Result<Link, Flaw> {
    let arn = message.other.ok_or(Flaw::Field("other"))?;
    let other = SecretArn {
        scope: scope(&arn.region, &arn.account)?,
        name: parse(&arn.name, "name")?,
        suffix: parse(&arn.suffix, "suffix")?,
    };
    let status = match message.status.ok_or(Flaw::Field("status"))? {
        LinkStatusMessage::Pending(Nothing {}) => LinkStatus::Pending,
        LinkStatusMessage::InSync(Nothing {}) => LinkStatus::InSync,
        LinkStatusMessage::Failed(message) => {
            let (failure, request_id) = from_failed(message)?;
            LinkStatus::Failed { failure, request_id }
        }
        LinkStatusMessage::Detached(Nothing {}) => LinkStatus::Detached,
    };
    let role = message.role.map(|arn| parse(&arn, "role")).transpose()?;
    Ok(Link { other, role, status })
}

fn policies(policies: &Policies) -> BTreeMap<String, String> {
    let pair = |(name, policy): (&PolicyName, &ResourcePolicy)| {
        (name.to_string(), policy.text().to_owned())
    };
    policies.iter().map(pair).collect()
}

fn from_policies(texts: &BTreeMap<String, String>) -> Result<Policies, Flaw> {
    let pair = |(name, text): (&String, &String)| {
        let policy = ResourcePolicy::parse(text).map_err(|_| Flaw::Field("policies"))?;
        Ok((parse(name, "policies")?, policy))
    };
    texts.iter().map(pair).collect()
}

pub(super) fn encode_version(version: &Version) -> Vec<u8> {
    let value = &version.value;
    VersionRecord {
        format: FORMAT,
        created_ms: version.created.millis(),
        last_accessed_ms: version.last_accessed.map(Timestamp::millis),
        changed: version.changed,
        kind: match value.kind {
            ValueKind::String => KIND_STRING,
            ValueKind::Binary => KIND_BINARY,
        },
        sealed: value.sealed.to_vec(),
        data_key: value.data_key.to_vec(),
        kms_key: encode::key_id(value.kms_key).to_vec(),
        kms_key_is_default: value.kms_key_is_default,
    }
    .encode_to_vec()
}

pub(super) fn decode_version(id: VersionId, bytes: &[u8]) -> Result<Version, Flaw> {
    let message: VersionRecord = read(bytes)?;
    let kind = match message.kind {
        KIND_STRING => ValueKind::String,
        KIND_BINARY => ValueKind::Binary,
        _ => return Err(Flaw::Field("kind")),
    };
    Ok(Version {
        id,
        created: time(message.created_ms),
        last_accessed: message.last_accessed_ms.map(time),
        changed: message.changed,
        value: SealedValue {
            kind,
            sealed: message.sealed.into(),
            data_key: message.data_key.into(),
            kms_key: key_id(&message.kms_key, "kms_key")?,
            kms_key_is_default: message.kms_key_is_default,
        },
    })
}

pub(super) fn encode_replica(replica: &Replica) -> Vec<u8> {
    let status = match &replica.status {
        ReplicaStatus::InProgress => StatusMessage::InProgress(Nothing {}),
        ReplicaStatus::InSync => StatusMessage::InSync(Nothing {}),
        ReplicaStatus::Failed { failure: why, request_id } => {
            StatusMessage::Failed(failed(why, *request_id))
        }
    };
    ReplicaRecord {
        format: FORMAT,
        kms_key_id: text(replica.kms_key_id.as_deref()),
        status: Some(status),
        acknowledged: replica.acknowledged.map(Into::into),
        overwrite: replica.overwrite,
        last_accessed_ms: replica.last_accessed.map(Timestamp::millis),
    }
    .encode_to_vec()
}

pub(super) fn decode_replica(region: Region, bytes: &[u8]) -> Result<Replica, Flaw> {
    let message: ReplicaRecord = read(bytes)?;
    let status = match message.status.ok_or(Flaw::Field("status"))? {
        StatusMessage::InProgress(Nothing {}) => ReplicaStatus::InProgress,
        StatusMessage::InSync(Nothing {}) => ReplicaStatus::InSync,
        StatusMessage::Failed(message) => {
            let (failure, request_id) = from_failed(message)?;
            ReplicaStatus::Failed { failure, request_id }
        }
    };
    Ok(Replica {
        region,
        kms_key_id: message.kms_key_id.map(Into::into),
        status,
        acknowledged: message.acknowledged.map(Into::into),
        overwrite: message.overwrite,
        last_accessed: message.last_accessed_ms.map(time),
    })
}

fn failed(why: &ReplicaFailure, request_id: RequestId) -> FailedMessage {
    FailedMessage { failure: Some(failure(why)), request_id: request_id.to_string() }
}

fn from_failed(message: FailedMessage) -> Result<(ReplicaFailure, RequestId), Flaw> {
    let failure = from_failure(message.failure.ok_or(Flaw::Field("failure"))?)?;
    Ok((failure, request_id(&message.request_id)?))
}

/// A request id has the shape of a single-Region key id, and no other way in than entropy, which
/// leaves the bytes of a version 4 UUID as they are.
fn request_id(text: &str) -> Result<RequestId, Flaw> {
    let uuid: regent_core::ids::KeyId = parse(text, "request_id")?;
    let id = RequestId::from_entropy(*uuid.bytes());
    if id.to_string() == text { Ok(id) } else { Err(Flaw::Field("request_id")) }
}
