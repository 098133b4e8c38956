//! UpdateCustomKeyStore: another name, address or credential for an external key store.
//!
//! AWS: the proxy must answer under what it is to become, and its endpoint changes only while the
//! store is not connected. Keys stay what they are: the new address must lead to the same keys.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::stores::{self, Credential, KeyStore, Proxy, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct UpdateCustomKeyStore {
    pub id: Box<str>,
    pub name: Option<Box<str>>,
    pub endpoint: Option<Box<str>>,
    pub path: Option<Box<str>>,
    pub credential: Option<Credential>,
    /// Whether the request has members of CloudHSM key stores, or of a VPC's endpoint service.
    pub of_cluster: bool,
    pub in_vpc: bool,
    /// Whether it says that the endpoint is a public one, which it is.
    pub public: bool,
}

impl Operation for UpdateCustomKeyStore {
    const ACTION: &'static str = "kms:UpdateCustomKeyStore";
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

impl Command for UpdateCustomKeyStore {
    fn run(
        op: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let op = op.into_inner();
        let mut store = target.ok_or(StoreProblem::NotFound)?;
        if op.of_cluster {
            return Err(StoreProblem::Members.into());
        }
        if op.in_vpc {
            return Err(StoreProblem::VpcServiceNotFound.into());
        }
        if store.is_connected() && (op.endpoint.is_some() || op.public) {
            return Err(StoreProblem::Connected.into());
        }
        let moved = op.endpoint.is_some() || op.path.is_some() || op.credential.is_some();
        if !moved && !op.public && op.name.is_none() {
            return Err(StoreProblem::Members.into());
        }
        store.name = op.name.unwrap_or(store.name);
        if moved {
            store.proxy = Arc::new(changed(cx, &store.proxy, op.endpoint, op.path, op.credential));
        }
        let scope = cx.scope();
        stores::check_unique(&stores::all(tx, scope)?, &store)?;
        if moved || op.public {
            store.proxy.check_health(cx, "UpdateCustomKeyStore")?.map_err(StoreProblem::Proxy)?;
        }
        stores::put(tx, scope, store)?;
        Ok(Step::Done(()))
    }
}

fn changed(
    cx: &Cx<'_>,
    old: &Proxy,
    endpoint: Option<Box<str>>,
    path: Option<Box<str>>,
    credential: Option<Credential>,
) -> Proxy {
    let endpoint = endpoint.unwrap_or_else(|| old.endpoint.clone());
    let path = path.unwrap_or_else(|| old.path.clone());
    match credential {
        Some(credential) => Proxy::new(cx, endpoint, path, &credential),
        None => Proxy { endpoint, path, ..old.clone() },
    }
}
