//! What a secret, a version and a replica are, as stored.
//!
//! Values are held sealed under their data key, the data key under a KMS key; nothing here can be
//! read without [`crate::keys::envelope`]. Texts of statuses belong to the wire.

use std::collections::BTreeMap;

use crate::ids::{KeyId, Region, RequestId, Scope, SecretArn, SecretName, SecretSuffix};
use crate::ids::{StageLabel, VersionId};
use crate::keys::problem::KeyProblem;
use crate::replication::change::Stamp;
use crate::roles::RoleArn;
use crate::secrets::policies::Policies;
use crate::secrets::rotation::Rotation;
use crate::tags::Tags;
use crate::time::Timestamp;

/// A secret without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    pub name: SecretName,
    pub suffix: SecretSuffix,
    /// AWS: an empty description is stored as absent.
    pub description: Option<Box<str>>,
    /// The key as the caller gave it; `None` is `aws/secretsmanager`.
    pub kms_key_id: Option<Box<str>>,
    /// The partner id of a managed external secret.
    pub secret_type: Option<Box<str>>,
    /// The token of the creation, if no version has it: the secret began without a value here.
    pub created_by: Option<VersionId>,
    pub created: Timestamp,
    pub last_changed: Timestamp,
    /// Midnight UTC of the last day on which a value was read in this Region.
    pub last_accessed: Option<Timestamp>,
    pub deletion: Option<Deletion>,
    /// `None` if never tagged; AWS then shows no `Tags` at all, not an empty list.
    pub tags: Option<Tags>,
    /// The resource policies, which replicas have as well.
    pub policies: Policies,
    /// Which version each staging label is on. Versions without a label are deprecated.
    pub stages: BTreeMap<StageLabel, VersionId>,
    /// How many versions are stored, deprecated ones included.
    pub version_count: u32,
    /// `None` if rotation was never configured.
    pub rotation: Option<Rotation>,
    /// The state's number. Every change that replicas must see raises the revision.
    pub at: Stamp,
    pub role: Role,
    /// The secret of another account in this Region that has this one's values.
    ///
    /// AWS: there is one at most.
    pub cross_account_replica: Option<Box<Link>>,
}

/// Who writes this secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// This Region. `replicas` is sorted and may be empty.
    Primary { replicas: Vec<Region> },
    /// Another Region; here the secret is read-only.
    Replica { primary: Region },
    /// A secret of another account in this Region: the values are read-only, the rest is this
    /// account's own.
    CrossAccountReplica(Box<Link>),
}

/// What ties two secrets of different accounts together, as either of them has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other secret.
    pub other: SecretArn,
    /// Of a primary: the role that gives the leave for both keys, if the caller does not.
    pub role: Option<RoleArn>,
    pub status: LinkStatus,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkStatus {
    /// The replica names its primary, which has not been associated with it yet.
    Pending,
    InSync,
    /// The replica could not be given what the primary has. It keeps what it had.
    Failed {
        failure: ReplicaFailure,
        request_id: RequestId,
    },
    /// The other secret's account has ended the replication.
    Detached,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// When DeleteSecret was called.
    pub requested: Timestamp,
    /// When the recovery window ends.
    pub scheduled: Timestamp,
}

impl Secret {
    pub fn arn(&self, scope: Scope) -> SecretArn {
        SecretArn { scope, name: self.name.clone(), suffix: self.suffix }
    }

    /// The primary's Region, for secrets that are in several Regions.
    pub fn primary_region(&self, own: Region) -> Option<Region> {
        match &self.role {
            Role::Primary { replicas } if replicas.is_empty() => None,
            Role::Primary { .. } => Some(own),
            Role::Replica { primary } => Some(*primary),
            Role::CrossAccountReplica(_) => None,
        }
    }

    pub fn replicas(&self) -> &[Region] {
        match &self.role {
            Role::Primary { replicas } => replicas,
            Role::Replica { .. } | Role::CrossAccountReplica(_) => &[],
        }
    }

    /// Whether another Region writes this secret.
    pub fn is_replica(&self) -> bool {
        matches!(self.role, Role::Replica { .. })
    }

    /// Whether nothing here or elsewhere depends on this secret, nor it on anything.
    pub fn stands_alone(&self) -> bool {
        let alone = matches!(&self.role, Role::Primary { replicas } if replicas.is_empty());
        alone && self.cross_account_replica.is_none()
    }

    /// The labels of one version, in order.
    pub fn stages_of<'a>(&'a self, id: &'a VersionId) -> impl Iterator<Item = &'a StageLabel> {
        self.stages.iter().filter(move |(_, on)| *on == id).map(|(label, _)| label)
    }
}

/// One version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: VersionId,
    pub created: Timestamp,
    /// Midnight UTC of the last day on which the value was read in this Region.
    pub last_accessed: Option<Timestamp>,
    /// The revision of the secret at which the value was set.
    pub changed: u64,
    pub value: SealedValue,
}

/// A secret value under its own data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    pub kind: ValueKind,
    /// The value sealed under the data key; associated data is [`value_aad`]. It is the same
    /// bytes in every Region.
    pub sealed: Box<[u8]>,
    /// The data key as a KMS ciphertext blob of this Region, with AWS's encryption context.
    pub data_key: Box<[u8]>,
    /// The KMS key that `data_key` is under.
    pub kms_key: KeyId,
    /// Whether that is the AWS managed key, which AWS lists as `DefaultEncryptionKey`.
    pub kms_key_is_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    String,
    Binary,
}

/// What a value is bound to: the secret without its Region, the version and the kind.
pub fn value_aad(arn: &SecretArn, id: &VersionId, kind: ValueKind) -> Vec<u8> {
    let kind = match kind {
        ValueKind::String => "string",
        ValueKind::Binary => "binary",
    };
    let SecretArn { scope, name, suffix } = arn;
    let parts = [
        "regent/value/v1",
        scope.account.as_str(),
        name.as_str(),
        suffix.as_str(),
        id.as_str(),
        kind,
    ];
    let mut aad = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        aad.extend_from_slice(part.as_bytes());
        // No part contains a zero byte, so the concatenation is unambiguous.
        aad.push(0);
    }
    aad
}

/// The primary's view of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    pub region: Region,
    /// The key as the caller gave it; `None` is `alias/aws/secretsmanager` of that Region.
    pub kms_key_id: Option<Box<str>>,
    pub status: ReplicaStatus,
    /// The newest state that the replica has confirmed.
    pub acknowledged: Option<Stamp>,
    /// ForceOverwriteReplicaSecret as given.
    pub overwrite: bool,
    pub last_accessed: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaStatus {
    InProgress,
    InSync,
    Failed { failure: ReplicaFailure, request_id: RequestId },
}

/// Why a Region does not hold what its primary holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaFailure {
    /// The replica Region cannot encrypt under the replica's key.
    ReplicaKey(KeyProblem),
    /// The primary Region cannot decrypt its own value.
    PrimaryKey(KeyProblem),
    /// An ordinary secret of that name stands in the Region.
    NameTaken,
    /// A replica of another secret of that name stands in the Region.
    ReplicatedWithOtherArn,
    /// The Region is not one of this installation.
    RegionNotEnabled,
    /// Secrets Manager may not assume the role that replication to another account is done with.
    RoleUnusable,
}
