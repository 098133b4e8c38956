//! DisableKeyRotation: a key keeps its material until somebody rotates it on demand.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::rotation;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DisableKeyRotation {
    pub key: KeyRef,
}

impl Operation for DisableKeyRotation {
    const ACTION: &'static str = "kms:DisableKeyRotation";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Command for DisableKeyRotation {
    fn run(
        _: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        rotation::check(&found, true)?;
        rotation::set(cx, tx, &found, None)?;
        Ok(Step::Done(()))
    }
}
