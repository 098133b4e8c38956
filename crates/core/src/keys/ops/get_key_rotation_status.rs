//! GetKeyRotationStatus: whether a key rotates by itself. None does: rotation is not built.
//!
//! AWS rotates its managed keys every year; here they do not rotate, and the answer says so.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyId;
use crate::keys::error::Error;
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
    pub enabled: bool,
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
        Ok(RotationStatus { key: found.key.id, enabled: false })
    }
}
