//! CreateCustomKeyStore: makes an external key store known, once its proxy has answered.
//!
//! AWS: it begins disconnected. A CloudHSM key store needs a cluster, and there are none.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::stores::{
    self, Connection, Credential, KEY_STORES_MAX, KeyStore, KeyStoreId, Proxy, StoreProblem,
};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct CreateCustomKeyStore {
    pub name: Box<str>,
    pub kind: NewStore,
}

/// What kind of store is asked for. What else the request has was found to go with it.
#[derive(Debug)]
pub enum NewStore {
    CloudHsm,
    /// A proxy behind an endpoint service of a VPC. There are no VPCs.
    InVpc,
    Public {
        endpoint: Box<str>,
        path: Box<str>,
        credential: Credential,
    },
}

impl Operation for CreateCustomKeyStore {
    const ACTION: &'static str = "kms:CreateCustomKeyStore";
    type Target = ();
    type Output = KeyStoreId;
    type Error = Error;

    fn target(&self, _: &Cx<'_>, _: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Command for CreateCustomKeyStore {
    fn run(
        op: Authorized<Self>,
        (): (),
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<KeyStoreId>, Error> {
        let op = op.into_inner();
        let (endpoint, path, credential) = match op.kind {
            NewStore::CloudHsm => return Err(StoreProblem::ClusterNotFound.into()),
            NewStore::InVpc => return Err(StoreProblem::VpcServiceNotFound.into()),
            NewStore::Public { endpoint, path, credential } => (endpoint, path, credential),
        };
        let scope = cx.scope();
        let store = KeyStore {
            id: stores::new_id(cx),
            name: op.name,
            created: cx.now,
            proxy: Arc::new(Proxy::new(cx, endpoint, path, &credential)),
            connection: Connection::Disconnected,
            keys: 0,
        };
        let others = stores::all(tx, scope)?;
        stores::check_unique(&others, &store)?;
        if others.len() >= KEY_STORES_MAX {
            return Err(StoreProblem::TooMany.into());
        }
        store.proxy.check_health(cx, "CreateCustomKeyStore")?.map_err(StoreProblem::Proxy)?;
        let id = store.id.clone();
        stores::put(tx, scope, store)?;
        Ok(Step::Done(id))
    }
}
