//! What a KMS key and an alias are, as stored.
//!
//! Key material is held wrapped under the Region key and is opened only by
//! [`crate::keys::envelope`]. A multi-Region key is one record per Region: id, material, spec and
//! usage are shared, everything else is the Region's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{AliasName, KeyArn, KeyId, MaterialId, Region, Scope};
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
    pub created: Timestamp,
    pub state: KeyState,
    /// Every generation, oldest first; the last one encrypts. Never empty.
    pub materials: Vec<Material>,
    pub policy: KeyPolicy,
    pub tags: Tags,
    pub multi_region: Option<MultiRegion>,
}

impl KmsKey {
    pub fn arn(&self, scope: Scope) -> KeyArn {
        KeyArn { scope, id: self.id }
    }

    /// The generation that encrypts. A key without one is corrupt.
    pub fn current_material(&self) -> Result<MaterialId, StoreFault> {
        self.materials.last().map(|material| material.id).ok_or(StoreFault)
    }

    pub fn is_enabled(&self) -> bool {
        self.state == KeyState::Enabled
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

/// AWS: KeySpec. Only the symmetric one is built so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySpec {
    SymmetricDefault,
}

impl KeySpec {
    /// AWS's spelling, which policies compare with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SymmetricDefault => "SYMMETRIC_DEFAULT",
        }
    }
}

/// AWS: KeyUsage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    EncryptDecrypt,
}

impl KeyUsage {
    /// AWS's spelling, which policies compare with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EncryptDecrypt => "ENCRYPT_DECRYPT",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Enabled,
    Disabled,
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
    /// Under the Region key; associated data is [`crate::keys::envelope::material_aad`].
    pub wrapped: Box<[u8]>,
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
}

/// What ReplicateKey gives a new replica key. None of it is shared afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
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
