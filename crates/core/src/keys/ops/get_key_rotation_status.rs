//! GetKeyRotationStatus: whether a key rotates by itself, how often, and when next.
//!
//! AWS: a key that waits for its deletion does not, but keeps its setting.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyId;
use crate::keys::error::Error;
use crate::keys::model::{KeyState, Rotation};
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GetKeyRotationStatus {
    pub key: KeyRef,
}

#[derive(Debug, PartialEq, Eq)]
pub struct RotationStatus {
    pub key: KeyId,
    /// `None` while the key does not rotate by itself.
    pub rotation: Option<Rotation>,
}

impl Operation for GetKeyRotationStatus {
    const ACTION: &'static str = "kms:GetKeyRotationStatus";
    type Target = Target;
    type Output = RotationStatus;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.no_alias(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for GetKeyRotationStatus {
    fn run(
        _: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<RotationStatus, Error> {
        let found = target.found()?;
        let deleted = matches!(
            found.key.state,
            KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. }
        );
        let rotation = found.key.rotation.filter(|_| !deleted);
        Ok(RotationStatus { key: found.key.id, rotation })
    }
}
