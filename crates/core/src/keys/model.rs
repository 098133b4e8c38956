//! What a KMS key and an alias are, as stored.
//!
//! Key material is held wrapped under the Region key and is opened only by
//! [`crate::keys::envelope`]. A multi-Region key is one record per Region: id, material, spec and
//! usage are shared, everything else is the Region's own. Of imported material only the name is
//! shared: each Region is given the bytes by an import of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{AliasName, KeyArn, KeyId, MaterialId, Region, Scope};
pub use crate::keys::spec::{KeySpec, KeyUsage, Origin};
use crate::keys::stores::ExternalKey;
use crate::policy::document::Policy;
use crate::ports::StoreFault;
use crate::replication::change::Stamp;
use crate::tags::Tags;
use crate::time::Timestamp;

/// A KMS key in one Region.
#[derive(Debug, Clone)]
pub struct KmsKey {
    pub id: KeyId,
    pub manager: KeyManager,
    pub description: Box<str>,
    pub spec: KeySpec,
    pub usage: KeyUsage,
    pub origin: Origin,
    /// The other half of a key of an external key store.
    pub external: Option<ExternalKey>,
    pub created: Timestamp,
    pub state: KeyState,
    /// Every generation, oldest first; the last one encrypts. Only symmetric keys have more than
    /// one. Never empty, except for a key that waits for its first import.
    pub materials: Vec<Material>,
    /// Imported material that the key is rotated to next. Of related keys the primary says which it
    /// is, and each is given the bytes by an import of its own.
    pub pending: Option<Material>,
    pub policy: KeyPolicy,
    pub tags: Tags,
    /// Whether and when the material is rotated by itself. Shared by related keys.
    pub rotation: Option<Rotation>,
    pub multi_region: Option<MultiRegion>,
}

impl KmsKey {
    pub fn arn(&self, scope: Scope) -> KeyArn {
        KeyArn { scope, id: self.id }
    }

    /// The generation that encrypts. An enabled key without one is corrupt.
    pub fn current_material(&self) -> Result<MaterialId, StoreFault> {
        self.materials.last().map(|material| material.id).ok_or(StoreFault)
    }

    /// Whether any generation that was imported once is not here.
    pub fn lacks_material(&self) -> bool {
        self.materials.is_empty() || self.materials.iter().any(|held| held.wrapped.is_none())
    }

    pub fn is_enabled(&self) -> bool {
        self.state == KeyState::Enabled
    }

    /// Whether the key is changing places with a related key, which a key that can be used shows.
    pub fn is_updating(&self, now: Timestamp) -> bool {
        let swap = self.multi_region.as_ref().and_then(|multi| multi.swap);
        self.is_enabled() && swap.is_some_and(|swap| now < swap.until)
    }

    /// Whether this Region holds the multi-Region primary. `false` for single-Region keys.
    pub fn is_multi_region_primary(&self, own: Region) -> bool {
        self.multi_region.as_ref().is_some_and(|multi| multi.primary == own)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManager {
    Customer,
    Aws,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Enabled,
    Disabled,
    /// The current material is not here: not imported yet, expired, or deleted.
    PendingImport,
    /// Deleted for good at `at`.
    PendingDeletion {
        at: Timestamp,
    },
    /// A multi-Region primary that waits for its replicas' deletion; its own window starts then.
    PendingReplicaDeletion {
        window_days: u32,
    },
}

/// One generation of key material.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    pub id: MaterialId,
    pub created: Timestamp,
    /// What made it the current one; `None` for a key's first.
    pub rotated: Option<RotationKind>,
    /// Under the Region key: see [`crate::keys::envelope`]. `None` for imported material that this
    /// Region does not hold, or no more.
    pub wrapped: Option<Box<[u8]>>,
    /// The public key of a pair, as SubjectPublicKeyInfo.
    pub public: Option<Box<[u8]>>,
    /// How the material came here, if it was imported.
    pub import: Option<Import>,
}

/// The setting of automatic rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    pub period_days: u32,
    /// When it is next due. In the past for a key that cannot be used: it is rotated as soon as it
    /// can.
    pub next: Timestamp,
}

/// AWS: RotationType.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationKind {
    Automatic,
    OnDemand,
}

impl RotationKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::OnDemand => "ON_DEMAND",
        }
    }

    /// The number that stands for it in bytes that outlive the process; 0 is no rotation.
    pub const fn code(of: Option<Self>) -> u32 {
        match of {
            None => 0,
            Some(Self::Automatic) => 1,
            Some(Self::OnDemand) => 2,
        }
    }

    /// What [`Self::code`] gave; `None` for any other number.
    pub const fn of_code(code: u32) -> Option<Option<Self>> {
        match code {
            0 => Some(None),
            1 => Some(Some(Self::Automatic)),
            2 => Some(Some(Self::OnDemand)),
            _ => None,
        }
    }
}

/// What an import says of the material besides its bytes. Not shared with related keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// When the material is deleted; `None` is never.
    pub expires: Option<Timestamp>,
    pub description: Option<Box<str>>,
}

/// A key policy: the text as given, and its compiled form.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    pub text: Box<str>,
    pub compiled: Arc<Policy>,
}

/// The multi-Region side of a key, equal in every related key once they have converged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRegion {
    /// PROMISE R9: the epoch rises with each change of primary; one primary per epoch.
    pub at: Stamp,
    pub primary: Region,
    /// The Regions that hold replicas, without the primary.
    pub replicas: BTreeSet<Region>,
    /// Replicas that were asked for and have not confirmed: what they begin with.
    pub installing: BTreeMap<Region, Install>,
    /// What stacks in other Regions have been told. Not shared with related keys.
    pub requests: BTreeMap<Region, ReplicaRequests>,
    /// Whether every related key holds the bytes of the pending material, as the primary knows it.
    pub pending_everywhere: bool,
    /// What other Regions have said of the pending material. Not shared.
    pub holdings: BTreeMap<Region, Holding>,
    /// How often this Region has said so. Not shared.
    pub told: u64,
    /// The change of primary that the other Region has not confirmed yet. Not shared.
    pub swap: Option<Swap>,
}

/// What the old and the new primary remember of having changed places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// The Region of the other one.
    pub with: Region,
    /// When it counts as over even if that Region has said nothing: see
    /// [`crate::limits::SWAP_MAX`].
    pub until: Timestamp,
}

impl Swap {
    /// A change that begins now.
    pub fn begin(with: Region, now: Timestamp) -> Self {
        Self { with, until: now.plus(crate::limits::SWAP_MAX) }
    }
}

/// What the stacks of a Region that wished for a replica there were told, by the wishes' tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaRequests {
    /// The wish that the replica in that Region comes from, or came from.
    pub granted: Option<Box<str>>,
    /// Wishes that stay unfulfilled, the latest last.
    pub refused: Vec<Box<str>>,
}

/// Which pending material a Region holds the bytes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Orders what one Region says: see [`crate::keys::pending::stamp`].
    pub at: Stamp,
    pub material: Option<PendingId>,
}

/// Names material that waits for a rotation. The same bytes, withdrawn and imported anew, are
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingId {
    pub material: MaterialId,
    pub since: Timestamp,
}

/// What ReplicateKey gives a new replica key. None of it is shared afterwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Install {
    pub policy: Box<str>,
    pub description: Box<str>,
    pub tags: Tags,
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    pub name: AliasName,
    pub target: KeyId,
    pub created: Timestamp,
    pub updated: Timestamp,
}
