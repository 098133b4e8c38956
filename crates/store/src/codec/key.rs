//! KMS keys and aliases, as messages.
//!
//! Key material is stored wrapped, as the core wrapped it (promise R7). A key policy is stored as
//! its text and compiled when it is read: a text that no longer compiles is corruption, because
//! only texts that compiled were ever written.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::{Message, Oneof};
use regent_core::ids::{AliasName, KeyId, MaterialId, Region, RequestId};
use regent_core::keys::model::{
    Alias, Holding, Import, Install, KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey,
    Material, MultiRegion, Origin, PendingId, ReplicaRequests, Rotation, RotationKind, Swap,
};
use regent_core::keys::stores::ExternalKey;
use regent_core::keys::usage::{KeyOperation, LastUse};
use regent_core::policy::document::Policy;
use regent_core::time::Timestamp;

use super::{FORMAT, Flaw, Nothing, StampMessage};
use super::{formatted, from_stamp, key_id, parse, read, tags, texts, time};
use crate::encode;

#[derive(Clone, PartialEq, Message)]
struct KmsKeyRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    /// 1 customer, 2 AWS.
    #[prost(uint32, tag = "2")]
    manager: u32,
    #[prost(string, tag = "3")]
    description: String,
    /// The spec's code.
    #[prost(uint32, tag = "4")]
    spec: u32,
    /// The usage's code.
    #[prost(uint32, tag = "5")]
    usage: u32,
    #[prost(int64, tag = "6")]
    created_ms: i64,
    #[prost(oneof = "StateMessage", tags = "7, 8, 9, 10, 15")]
    state: Option<StateMessage>,
    #[prost(message, repeated, tag = "11")]
    materials: Vec<MaterialMessage>,
    #[prost(string, tag = "12")]
    policy: String,
    #[prost(btree_map = "string, string", tag = "13")]
    tags: BTreeMap<String, String>,
    #[prost(message, optional, tag = "14")]
    multi_region: Option<MultiRegionMessage>,
    /// The origin's code.
    #[prost(uint32, tag = "16")]
    origin: u32,
    #[prost(message, optional, tag = "24")]
    external: Option<ExternalKeyMessage>,
    #[prost(message, optional, tag = "20")]
    rotation: Option<RotationMessage>,
    #[prost(message, optional, tag = "21")]
    pending: Option<MaterialMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ExternalKeyMessage {
    #[prost(string, tag = "1")]
    store: String,
    #[prost(string, tag = "2")]
    key: String,
}

#[derive(Clone, PartialEq, Message)]
struct RotationMessage {
    #[prost(uint32, tag = "1")]
    period_days: u32,
    #[prost(int64, tag = "2")]
    next_ms: i64,
}

#[derive(Clone, PartialEq, Oneof)]
enum StateMessage {
    #[prost(message, tag = "7")]
    Enabled(Nothing),
    #[prost(message, tag = "8")]
    Disabled(Nothing),
    /// When the key is deleted, in milliseconds.
    #[prost(int64, tag = "9")]
    PendingDeletion(i64),
    /// The window in days.
    #[prost(uint32, tag = "10")]
    PendingReplicaDeletion(u32),
    #[prost(message, tag = "15")]
    PendingImport(Nothing),
}

#[derive(Clone, PartialEq, Message)]
struct MaterialMessage {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(int64, tag = "2")]
    created_ms: i64,
    /// Empty for imported material that is not here.
    #[prost(bytes = "vec", tag = "3")]
    wrapped: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "4")]
    public: Option<Vec<u8>>,
    #[prost(message, optional, tag = "5")]
    import: Option<ImportMessage>,
    /// 0 not by rotation, 1 automatic, 2 on demand.
    #[prost(uint32, tag = "10")]
    rotated: u32,
}

#[derive(Clone, PartialEq, Message)]
struct ImportMessage {
    #[prost(int64, optional, tag = "1")]
    expires_ms: Option<i64>,
    #[prost(string, optional, tag = "2")]
    description: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct MultiRegionMessage {
    #[prost(message, optional, tag = "1")]
    at: Option<StampMessage>,
    #[prost(string, tag = "2")]
    primary: String,
    #[prost(string, repeated, tag = "3")]
    replicas: Vec<String>,
    #[prost(btree_map = "string, message", tag = "4")]
    installing: BTreeMap<String, InstallMessage>,
    #[prost(btree_map = "string, message", tag = "5")]
    requests: BTreeMap<String, ReplicaRequestsMessage>,
    #[prost(bool, tag = "10")]
    pending_everywhere: bool,
    #[prost(btree_map = "string, message", tag = "11")]
    holdings: BTreeMap<String, HoldingMessage>,
    #[prost(uint64, tag = "12")]
    told: u64,
    #[prost(message, optional, tag = "13")]
    swap: Option<SwapMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct SwapMessage {
    #[prost(string, tag = "1")]
    with: String,
    #[prost(int64, tag = "2")]
    until_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ReplicaRequestsMessage {
    /// The one that was granted, or the last one that was refused, as earlier builds kept it.
    #[prost(string, tag = "1")]
    token: String,
    #[prost(bool, tag = "2")]
    granted: bool,
    #[prost(string, repeated, tag = "3")]
    refused: Vec<String>,
}

/// What a Region has said of the material that waits.
#[derive(Clone, PartialEq, Message)]
struct HoldingMessage {
    #[prost(message, optional, tag = "1")]
    at: Option<StampMessage>,
    /// Absent if it holds none.
    #[prost(bytes = "vec", optional, tag = "2")]
    material: Option<Vec<u8>>,
    #[prost(int64, tag = "3")]
    since_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct InstallMessage {
    #[prost(string, tag = "1")]
    policy: String,
    #[prost(string, tag = "2")]
    description: String,
    #[prost(btree_map = "string, string", tag = "3")]
    tags: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct AliasRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(bytes = "vec", tag = "2")]
    target: Vec<u8>,
    #[prost(int64, tag = "3")]
    created_ms: i64,
    #[prost(int64, tag = "4")]
    updated_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct KeyUseRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    /// The operation's code.
    #[prost(uint32, tag = "2")]
    operation: u32,
    #[prost(int64, tag = "3")]
    at_ms: i64,
    #[prost(bytes = "vec", tag = "4")]
    request: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    event: Vec<u8>,
}

formatted!(KmsKeyRecord, AliasRecord, KeyUseRecord);

const MANAGER_CUSTOMER: u32 = 1;
const MANAGER_AWS: u32 = 2;

pub(super) fn encode_kms_key(key: &KmsKey) -> Vec<u8> {
    KmsKeyRecord {
        format: FORMAT,
        manager: match key.manager {
            KeyManager::Customer => MANAGER_CUSTOMER,
            KeyManager::Aws => MANAGER_AWS,
        },
        description: key.description.to_string(),
        spec: key.spec.code(),
        usage: key.usage.code(),
        origin: key.origin.code(),
        external: key.external.as_ref().map(|external| ExternalKeyMessage {
            store: external.store.to_string(),
            key: external.key.to_string(),
        }),
        created_ms: key.created.millis(),
        state: Some(match key.state {
            KeyState::Enabled => StateMessage::Enabled(Nothing {}),
            KeyState::Disabled => StateMessage::Disabled(Nothing {}),
            KeyState::PendingImport => StateMessage::PendingImport(Nothing {}),
            KeyState::PendingDeletion { at } => StateMessage::PendingDeletion(at.millis()),
            KeyState::PendingReplicaDeletion { window_days } => {
                StateMessage::PendingReplicaDeletion(window_days)
            }
        }),
        materials: key.materials.iter().map(material).collect(),
        pending: key.pending.as_ref().map(material),
        policy: key.policy.text.to_string(),
        tags: texts(&key.tags),
        rotation: key.rotation.map(|rotation| RotationMessage {
            period_days: rotation.period_days,
            next_ms: rotation.next.millis(),
        }),
        multi_region: key.multi_region.as_ref().map(multi_region),
    }
    .encode_to_vec()
}

pub(super) fn decode_kms_key(id: KeyId, bytes: &[u8]) -> Result<KmsKey, Flaw> {
    let message: KmsKeyRecord = read(bytes)?;
    let materials: Vec<_> =
        message.materials.into_iter().map(from_material).collect::<Result<_, _>>()?;
    let origin = Origin::of_code(message.origin).ok_or(Flaw::Field("origin"))?;
    if materials.is_empty() && origin != Origin::External {
        return Err(Flaw::Field("materials"));
    }
    let external = message.external.map(from_external).transpose()?;
    if external.is_some() != (origin == Origin::ExternalKeyStore) {
        return Err(Flaw::Field("external"));
    }
    Ok(KmsKey {
        id,
        manager: match message.manager {
            MANAGER_CUSTOMER => KeyManager::Customer,
            MANAGER_AWS => KeyManager::Aws,
            _ => return Err(Flaw::Field("manager")),
        },
        description: message.description.into(),
        spec: KeySpec::of_code(message.spec).ok_or(Flaw::Field("spec"))?,
        usage: KeyUsage::of_code(message.usage).ok_or(Flaw::Field("usage"))?,
        origin,
        external,
        created: time(message.created_ms),
        state: match message.state.ok_or(Flaw::Field("state"))? {
            StateMessage::Enabled(Nothing {}) => KeyState::Enabled,
            StateMessage::Disabled(Nothing {}) => KeyState::Disabled,
            StateMessage::PendingImport(Nothing {}) => KeyState::PendingImport,
            StateMessage::PendingDeletion(at) => KeyState::PendingDeletion { at: time(at) },
            StateMessage::PendingReplicaDeletion(window_days) => {
                KeyState::PendingReplicaDeletion { window_days }
            }
        },
        materials,
        pending: message.pending.map(from_material).transpose()?,
        policy: from_policy(message.policy)?,
        tags: tags(message.tags),
        rotation: message.rotation.map(|rotation| Rotation {
            period_days: rotation.period_days,
            next: time(rotation.next_ms),
        }),
        multi_region: message.multi_region.map(from_multi_region).transpose()?,
    })
}

fn from_external(message: ExternalKeyMessage) -> Result<ExternalKey, Flaw> {
    let store = parse(&message.store, "external.store")?;
    Ok(ExternalKey { store, key: message.key.into() })
}

fn material(material: &Material) -> MaterialMessage {
    MaterialMessage {
        id: material.id.0.to_vec(),
        created_ms: material.created.millis(),
        wrapped: material.wrapped.as_deref().unwrap_or_default().to_vec(),
        public: material.public.as_deref().map(<[u8]>::to_vec),
        import: material.import.as_ref().map(|import| ImportMessage {
            expires_ms: import.expires.map(Timestamp::millis),
            description: import.description.as_deref().map(str::to_owned),
        }),
        rotated: RotationKind::code(material.rotated),
    }
}

fn from_material(message: MaterialMessage) -> Result<Material, Flaw> {
    let id = message.id.try_into().map_err(|_| Flaw::Field("materials.id"))?;
    Ok(Material {
        id: MaterialId(id),
        created: time(message.created_ms),
        rotated: RotationKind::of_code(message.rotated).ok_or(Flaw::Field("materials.rotated"))?,
        wrapped: (!message.wrapped.is_empty()).then(|| message.wrapped.into()),
        public: message.public.map(Into::into),
        import: message.import.map(|import| Import {
            expires: import.expires_ms.map(time),
            description: import.description.map(Into::into),
        }),
    })
}

fn from_policy(text: String) -> Result<KeyPolicy, Flaw> {
    let compiled = Policy::parse_resource(&text).map_err(|_| Flaw::Field("policy"))?;
    Ok(KeyPolicy { text: text.into(), compiled: Arc::new(compiled) })
}

fn multi_region(multi: &MultiRegion) -> MultiRegionMessage {
    let installing = multi.installing.iter().map(|(region, install)| {
        let message = InstallMessage {
            policy: install.policy.to_string(),
            description: install.description.to_string(),
            tags: texts(&install.tags),
        };
        (region.to_string(), message)
    });
    let requests = multi.requests.iter();
    let requests =
        requests.map(|(region, requests)| (region.to_string(), replica_requests(requests)));
    MultiRegionMessage {
        requests: requests.collect(),
        at: Some(multi.at.into()),
        primary: multi.primary.to_string(),
        replicas: multi.replicas.iter().map(Region::to_string).collect(),
        installing: installing.collect(),
        pending_everywhere: multi.pending_everywhere,
        holdings: multi.holdings.iter().map(|(at, of)| (at.to_string(), holding(of))).collect(),
        told: multi.told,
        swap: multi
            .swap
            .map(|swap| SwapMessage { with: swap.with.to_string(), until_ms: swap.until.millis() }),
    }
}

fn replica_requests(requests: &ReplicaRequests) -> ReplicaRequestsMessage {
    let mut refused: Vec<String> = requests.refused.iter().map(ToString::to_string).collect();
    let token = match &requests.granted {
        Some(granted) => granted.to_string(),
        None => refused.pop().unwrap_or_default(),
    };
    ReplicaRequestsMessage { token, granted: requests.granted.is_some(), refused }
}

fn from_replica_requests(message: ReplicaRequestsMessage) -> ReplicaRequests {
    let ReplicaRequestsMessage { token, granted, refused } = message;
    let mut refused: Vec<Box<str>> = refused.into_iter().map(Into::into).collect();
    if granted {
        return ReplicaRequests { granted: Some(token.into()), refused };
    }
    refused.extend((!token.is_empty()).then(|| token.into()));
    ReplicaRequests { granted: None, refused }
}

fn holding(of: &Holding) -> HoldingMessage {
    HoldingMessage {
        at: Some(of.at.into()),
        material: of.material.map(|held| held.material.0.to_vec()),
        since_ms: of.material.map(|held| held.since.millis()).unwrap_or_default(),
    }
}

fn from_holding(message: HoldingMessage) -> Result<Holding, Flaw> {
    let since = time(message.since_ms);
    let material = message.material.map(|id| {
        let id = id.try_into().map_err(|_| Flaw::Field("holdings.material"))?;
        Ok(PendingId { material: MaterialId(id), since })
    });
    Ok(Holding { at: from_stamp(message.at, "holdings.at")?, material: material.transpose()? })
}

fn from_multi_region(message: MultiRegionMessage) -> Result<MultiRegion, Flaw> {
    let installing = message.installing.into_iter().map(|(region, install)| {
        let install = Install {
            policy: install.policy.into(),
            description: install.description.into(),
            tags: tags(install.tags),
        };
        Ok((parse(&region, "installing")?, install))
    });
    let requests = message.requests.into_iter().map(|(region, requests)| {
        Ok((parse(&region, "requests")?, from_replica_requests(requests)))
    });
    let holdings = message
        .holdings
        .into_iter()
        .map(|(region, message)| Ok((parse(&region, "holdings")?, from_holding(message)?)));
    let replicas = message.replicas.iter().map(|text| parse(text, "replicas"));
    let swap = message
        .swap
        .map(|swap| Ok(Swap { with: parse(&swap.with, "swap")?, until: time(swap.until_ms) }));
    Ok(MultiRegion {
        at: from_stamp(message.at, "multi_region.at")?,
        primary: parse(&message.primary, "primary")?,
        replicas: replicas.collect::<Result<_, _>>()?,
        installing: installing.collect::<Result<_, Flaw>>()?,
        requests: requests.collect::<Result<_, Flaw>>()?,
        pending_everywhere: message.pending_everywhere,
        holdings: holdings.collect::<Result<_, Flaw>>()?,
        told: message.told,
        swap: swap.transpose()?,
    })
}

pub(super) fn encode_key_use(used: &LastUse) -> Vec<u8> {
    KeyUseRecord {
        format: FORMAT,
        operation: used.operation.code(),
        at_ms: used.at.millis(),
        request: used.request.bytes().to_vec(),
        event: used.event.bytes().to_vec(),
    }
    .encode_to_vec()
}

pub(super) fn decode_key_use(bytes: &[u8]) -> Result<LastUse, Flaw> {
    let message: KeyUseRecord = read(bytes)?;
    let id = |bytes: Vec<u8>, field| {
        bytes.try_into().map(RequestId::from_entropy).map_err(|_| Flaw::Field(field))
    };
    Ok(LastUse {
        operation: KeyOperation::of_code(message.operation).ok_or(Flaw::Field("operation"))?,
        at: time(message.at_ms),
        request: id(message.request, "request")?,
        event: id(message.event, "event")?,
    })
}

pub(super) fn encode_alias(alias: &Alias) -> Vec<u8> {
    AliasRecord {
        format: FORMAT,
        target: encode::key_id(alias.target).to_vec(),
        created_ms: alias.created.millis(),
        updated_ms: alias.updated.millis(),
    }
    .encode_to_vec()
}

pub(super) fn decode_alias(name: AliasName, bytes: &[u8]) -> Result<Alias, Flaw> {
    let message: AliasRecord = read(bytes)?;
    Ok(Alias {
        name,
        target: key_id(&message.target, "target")?,
        created: time(message.created_ms),
        updated: time(message.updated_ms),
    })
}
