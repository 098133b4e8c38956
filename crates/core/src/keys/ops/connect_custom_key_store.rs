//! ConnectCustomKeyStore: from now on the store's keys can be used, if its proxy answers.
//!
//! AWS: the request succeeds either way; the connection's state tells how it went.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::stores::{self, Connection, KeyStore, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct ConnectCustomKeyStore {
    pub id: Box<str>,
}

impl Operation for ConnectCustomKeyStore {
    const ACTION: &'static str = "kms:ConnectCustomKeyStore";
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

impl Command for ConnectCustomKeyStore {
    fn run(
        _: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let store = target.ok_or(StoreProblem::NotFound)?;
        if let Connection::Failed(_) = store.connection {
            return Err(StoreProblem::Failed.into());
        }
        let connection = match store.proxy.check_health(cx, "ConnectCustomKeyStore")? {
            Ok(()) => Connection::Connected,
            Err(problem) => Connection::Failed(problem),
        };
        stores::put(tx, cx.scope(), KeyStore { connection, ..store })?;
        Ok(Step::Done(()))
    }
}
