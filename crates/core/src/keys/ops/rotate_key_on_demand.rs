//! RotateKeyOnDemand: a symmetric key gets new material now.
//!
//! AWS: whether and when the key rotates by itself does not change. Imported material is not made
//! but imported first, into every related key; without any that waits there is nothing to rotate to.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::KeyArn;
use crate::keys::error::{Error, RotationProblem};
use crate::keys::model::{Origin, RotationKind};
use crate::keys::pending;
use crate::keys::rotation;
use crate::keys::target::{KeyRef, Target};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct RotateKeyOnDemand {
    pub key: KeyRef,
}

impl Operation for RotateKeyOnDemand {
    const ACTION: &'static str = "kms:RotateKeyOnDemand";
    type Target = Target;
    type Output = KeyArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Command for RotateKeyOnDemand {
    /// LIMIT: [`limits::ON_DEMAND_ROTATIONS_MAX`].
    fn run(
        _: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<KeyArn>, Error> {
        let found = target.found()?;
        let key = found.arn();
        rotation::check(&found, false)?;
        let pending = found.key.pending.clone().filter(|_| pending::is_ready(&found.key));
        if found.key.origin == Origin::External && pending.is_none() {
            return Err(RotationProblem::NothingPending { key }.into());
        }
        let kind = RotationKind::OnDemand;
        let before = found.key.materials.iter().filter(|m| m.rotated == Some(kind)).count();
        if before >= limits::ON_DEMAND_ROTATIONS_MAX {
            return Err(RotationProblem::TooMany { key }.into());
        }
        match pending {
            Some(pending) => rotation::advance(cx, tx, found.scope, &found.key, pending)?,
            None => rotation::rotate(cx, tx, found.scope, &found.key, kind)?,
        }
        Ok(Step::Done(key))
    }
}
