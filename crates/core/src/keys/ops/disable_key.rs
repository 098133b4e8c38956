//! DisableKey: a key cannot be used until it is enabled again.
//!
//! AWS: repeating it changes nothing and is no error.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::model::KeyState;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DisableKey {
    pub key: KeyRef,
}

impl Operation for DisableKey {
    const ACTION: &'static str = "kms:DisableKey";
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

impl Command for DisableKey {
    fn run(
        _: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        Rule::Toggle.check_settled(&found, cx)?;
        found.update(tx, |key| key.state = KeyState::Disabled);
        Ok(Step::Done(()))
    }
}
