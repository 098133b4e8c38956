//! Tombstones, outbox entries and the reasons for failed replicas, as messages.
//!
//! A reason is stored as data, never as text, so that the wire can word it anew.

use prost::{Message, Oneof};
use regent_core::ids::{AliasArn, KeyArn};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::records::{Intent, Outbox, Tombstone};
use regent_core::secrets::model::ReplicaFailure;

use super::{FORMAT, Flaw, Nothing, StampMessage};
use super::{formatted, from_stamp, key_id, parse, read, scope, time};
use crate::encode;

#[derive(Clone, PartialEq, Message)]
struct TombstoneRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    at: Option<StampMessage>,
    #[prost(bool, tag = "3")]
    failed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct OutboxRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, optional, tag = "2")]
    at: Option<StampMessage>,
    #[prost(int64, tag = "3")]
    since_ms: i64,
    /// 1 state, 2 remove.
    #[prost(uint32, tag = "4")]
    intent: u32,
}

formatted!(TombstoneRecord, OutboxRecord);

const INTENT_STATE: u32 = 1;
const INTENT_REMOVE: u32 = 2;

#[derive(Clone, PartialEq, Message)]
pub(super) struct FailureMessage {
    #[prost(oneof = "FailureReason", tags = "1, 2, 3, 4, 5, 6")]
    reason: Option<FailureReason>,
}

#[derive(Clone, PartialEq, Oneof)]
enum FailureReason {
    #[prost(message, tag = "1")]
    ReplicaKey(ProblemMessage),
    #[prost(message, tag = "2")]
    PrimaryKey(ProblemMessage),
    #[prost(message, tag = "3")]
    NameTaken(Nothing),
    #[prost(message, tag = "4")]
    ReplicatedWithOtherArn(Nothing),
    #[prost(message, tag = "5")]
    RegionNotEnabled(Nothing),
    #[prost(message, tag = "6")]
    RoleUnusable(Nothing),
}

#[derive(Clone, PartialEq, Message)]
struct ProblemMessage {
    #[prost(oneof = "ProblemReason", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12")]
    reason: Option<ProblemReason>,
}

#[derive(Clone, PartialEq, Oneof)]
enum ProblemReason {
    #[prost(string, tag = "1")]
    Invalid(String),
    #[prost(message, tag = "2")]
    Absent(KeyArnMessage),
    #[prost(message, tag = "3")]
    AliasAbsent(AliasArnMessage),
    #[prost(string, tag = "4")]
    OtherRegion(String),
    #[prost(message, tag = "5")]
    Disabled(KeyArnMessage),
    #[prost(message, tag = "6")]
    PendingDeletion(KeyArnMessage),
    #[prost(message, tag = "7")]
    PendingReplicaDeletion(KeyArnMessage),
    #[prost(message, tag = "8")]
    WrongUsage(WrongUsageMessage),
    #[prost(message, tag = "9")]
    Denied(DeniedMessage),
    #[prost(message, tag = "10")]
    PendingImport(KeyArnMessage),
    /// The problem's code.
    #[prost(uint32, tag = "11")]
    Proxy(u32),
    #[prost(message, tag = "12")]
    Unavailable(KeyArnMessage),
}

#[derive(Clone, PartialEq, Message)]
struct KeyArnMessage {
    #[prost(string, tag = "1")]
    region: String,
    #[prost(string, tag = "2")]
    account: String,
    #[prost(bytes = "vec", tag = "3")]
    id: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct AliasArnMessage {
    #[prost(string, tag = "1")]
    region: String,
    #[prost(string, tag = "2")]
    account: String,
    #[prost(string, tag = "3")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct WrongUsageMessage {
    #[prost(message, optional, tag = "1")]
    key: Option<KeyArnMessage>,
    #[prost(string, tag = "2")]
    usage: String,
    #[prost(string, tag = "3")]
    operation: String,
}

#[derive(Clone, PartialEq, Message)]
struct DeniedMessage {
    #[prost(string, tag = "1")]
    action: String,
    #[prost(string, tag = "2")]
    key: String,
}

pub(super) fn encode_tombstone(tombstone: Tombstone) -> Vec<u8> {
    let Tombstone { at, failed } = tombstone;
    TombstoneRecord { format: FORMAT, at: Some(at.into()), failed }.encode_to_vec()
}

pub(super) fn decode_tombstone(bytes: &[u8]) -> Result<Tombstone, Flaw> {
    let TombstoneRecord { at, failed, .. } = read(bytes)?;
    Ok(Tombstone { at: from_stamp(at, "at")?, failed })
}

pub(super) fn encode_outbox(outbox: Outbox) -> Vec<u8> {
    OutboxRecord {
        format: FORMAT,
        at: Some(outbox.at.into()),
        since_ms: outbox.since.millis(),
        intent: match outbox.intent {
            Intent::State => INTENT_STATE,
            Intent::Remove => INTENT_REMOVE,
        },
    }
    .encode_to_vec()
}

pub(super) fn decode_outbox(bytes: &[u8]) -> Result<Outbox, Flaw> {
    let message: OutboxRecord = read(bytes)?;
    let intent = match message.intent {
        INTENT_STATE => Intent::State,
        INTENT_REMOVE => Intent::Remove,
        _ => return Err(Flaw::Field("intent")),
    };
    Ok(Outbox { at: from_stamp(message.at, "at")?, since: time(message.since_ms), intent })
}

pub(super) fn failure(failure: &ReplicaFailure) -> FailureMessage {
    let reason = match failure {
        ReplicaFailure::ReplicaKey(why) => FailureReason::ReplicaKey(problem(why)),
        ReplicaFailure::PrimaryKey(why) => FailureReason::PrimaryKey(problem(why)),
        ReplicaFailure::NameTaken => FailureReason::NameTaken(Nothing {}),
        ReplicaFailure::ReplicatedWithOtherArn => FailureReason::ReplicatedWithOtherArn(Nothing {}),
        ReplicaFailure::RegionNotEnabled => FailureReason::RegionNotEnabled(Nothing {}),
        ReplicaFailure::RoleUnusable => FailureReason::RoleUnusable(Nothing {}),
    };
    FailureMessage { reason: Some(reason) }
}

pub(super) fn from_failure(message: FailureMessage) -> Result<ReplicaFailure, Flaw> {
    Ok(match message.reason.ok_or(Flaw::Field("failure"))? {
        FailureReason::ReplicaKey(why) => ReplicaFailure::ReplicaKey(from_problem(why)?),
        FailureReason::PrimaryKey(why) => ReplicaFailure::PrimaryKey(from_problem(why)?),
        FailureReason::NameTaken(Nothing {}) => ReplicaFailure::NameTaken,
        FailureReason::ReplicatedWithOtherArn(Nothing {}) => ReplicaFailure::ReplicatedWithOtherArn,
        FailureReason::RegionNotEnabled(Nothing {}) => ReplicaFailure::RegionNotEnabled,
        FailureReason::RoleUnusable(Nothing {}) => ReplicaFailure::RoleUnusable,
    })
}

fn problem(problem: &KeyProblem) -> ProblemMessage {
    let reason = match problem {
        KeyProblem::Invalid { given } => ProblemReason::Invalid(given.to_string()),
        KeyProblem::Absent { key } => ProblemReason::Absent(key_arn(key)),
        KeyProblem::AliasAbsent { alias } => ProblemReason::AliasAbsent(AliasArnMessage {
            region: alias.scope.region.to_string(),
            account: alias.scope.account.to_string(),
            name: alias.name.to_string(),
        }),
        KeyProblem::OtherRegion { region } => ProblemReason::OtherRegion(region.to_string()),
        KeyProblem::Disabled { key } => ProblemReason::Disabled(key_arn(key)),
        KeyProblem::PendingImport { key } => ProblemReason::PendingImport(key_arn(key)),
        KeyProblem::PendingDeletion { key } => ProblemReason::PendingDeletion(key_arn(key)),
        KeyProblem::PendingReplicaDeletion { key } => {
            ProblemReason::PendingReplicaDeletion(key_arn(key))
        }
        KeyProblem::WrongUsage { key, usage, operation } => {
            ProblemReason::WrongUsage(WrongUsageMessage {
                key: Some(key_arn(key)),
                usage: usage.to_string(),
                operation: operation.to_string(),
            })
        }
        KeyProblem::Unavailable { key } => ProblemReason::Unavailable(key_arn(key)),
        KeyProblem::Proxy { problem } => ProblemReason::Proxy(problem.code()),
        KeyProblem::Denied { action, key } => ProblemReason::Denied(DeniedMessage {
            action: action.to_string(),
            key: key.to_string(),
        }),
    };
    ProblemMessage { reason: Some(reason) }
}

fn from_problem(message: ProblemMessage) -> Result<KeyProblem, Flaw> {
    Ok(match message.reason.ok_or(Flaw::Field("problem"))? {
        ProblemReason::Invalid(given) => KeyProblem::Invalid { given: given.into() },
        ProblemReason::Absent(key) => KeyProblem::Absent { key: from_key_arn(&key)? },
        ProblemReason::AliasAbsent(alias) => KeyProblem::AliasAbsent {
            alias: AliasArn {
                scope: scope(&alias.region, &alias.account)?,
                name: parse(&alias.name, "alias.name")?,
            },
        },
        ProblemReason::OtherRegion(region) => KeyProblem::OtherRegion { region: region.into() },
        ProblemReason::Disabled(key) => KeyProblem::Disabled { key: from_key_arn(&key)? },
        ProblemReason::PendingImport(key) => KeyProblem::PendingImport { key: from_key_arn(&key)? },
        ProblemReason::PendingDeletion(key) => {
            KeyProblem::PendingDeletion { key: from_key_arn(&key)? }
        }
        ProblemReason::PendingReplicaDeletion(key) => {
            KeyProblem::PendingReplicaDeletion { key: from_key_arn(&key)? }
        }
        ProblemReason::WrongUsage(wrong) => KeyProblem::WrongUsage {
            key: from_key_arn(&wrong.key.ok_or(Flaw::Field("wrong_usage.key"))?)?,
            usage: wrong.usage.into(),
            operation: wrong.operation.into(),
        },
        ProblemReason::Unavailable(key) => KeyProblem::Unavailable { key: from_key_arn(&key)? },
        ProblemReason::Proxy(code) => {
            KeyProblem::Proxy { problem: ProxyProblem::of_code(code).ok_or(Flaw::Field("proxy"))? }
        }
        ProblemReason::Denied(denied) => {
            KeyProblem::Denied { action: denied.action.into(), key: denied.key.into() }
        }
    })
}

fn key_arn(arn: &KeyArn) -> KeyArnMessage {
    KeyArnMessage {
        region: arn.scope.region.to_string(),
        account: arn.scope.account.to_string(),
        id: encode::key_id(arn.id).to_vec(),
    }
}

fn from_key_arn(message: &KeyArnMessage) -> Result<KeyArn, Flaw> {
    let scope = scope(&message.region, &message.account)?;
    Ok(KeyArn { scope, id: key_id(&message.id, "key.id")? })
}
