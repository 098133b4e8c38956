//! CancelKeyDeletion: a key that waits for its deletion is kept, disabled.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::KeyArn;
use crate::keys::error::Error;
use crate::keys::model::KeyState;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Due, Key};
use crate::tx::Tx;

#[derive(Debug)]
pub struct CancelKeyDeletion {
    pub key: KeyRef,
}

impl Operation for CancelKeyDeletion {
    const ACTION: &'static str = "kms:CancelKeyDeletion";
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

impl Command for CancelKeyDeletion {
    fn run(
        _: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<KeyArn>, Error> {
        let found = target.found()?;
        Rule::Cancel.check(&found)?;
        if let KeyState::PendingDeletion { at } = found.key.state {
            let due = Due::DeleteKey { id: found.key.id };
            let (region, account) = (found.scope.region, found.scope.account);
            tx.remove(Key::Deadline { region, at, account, due });
        }
        let state =
            if found.key.lacks_material() { KeyState::PendingImport } else { KeyState::Disabled };
        found.update(tx, |key| key.state = state);
        Ok(Step::Done(found.arn()))
    }
}
