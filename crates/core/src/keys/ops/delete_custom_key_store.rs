//! DeleteCustomKeyStore: forgets a store that has no KMS keys and is not connected.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::stores::{self, KeyStore, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DeleteCustomKeyStore {
    pub id: Box<str>,
}

impl Operation for DeleteCustomKeyStore {
    const ACTION: &'static str = "kms:DeleteCustomKeyStore";
    type Target = Option<KeyStore>;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Self::Target, StoreFault> {
        stores::find(read, cx.scope(), &self.id)
    }

    fn demands(&self, cx: &Cx<'_>, _: &Self::Target) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Command for DeleteCustomKeyStore {
    fn run(
        _: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let store = target.ok_or(StoreProblem::NotFound)?;
        if store.keys > 0 {
            return Err(StoreProblem::HasKeys.into());
        }
        if store.is_connected() {
            return Err(StoreProblem::Connected.into());
        }
        stores::remove(tx, cx.scope(), &store.id)?;
        Ok(Step::Done(()))
    }
}
