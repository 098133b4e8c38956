//! DisconnectCustomKeyStore: the store's keys stay and cannot be used until it is connected again.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::stores::{self, Connection, KeyStore, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DisconnectCustomKeyStore {
    pub id: Box<str>,
}

impl Operation for DisconnectCustomKeyStore {
    const ACTION: &'static str = "kms:DisconnectCustomKeyStore";
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

impl Command for DisconnectCustomKeyStore {
    fn run(
        _: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let store = target.ok_or(StoreProblem::NotFound)?;
        let connection = Connection::Disconnected;
        stores::put(tx, cx.scope(), KeyStore { connection, ..store })?;
        Ok(Step::Done(()))
    }
}
