//! ListSecrets: the caller's secrets in this Region, filtered, sorted, page by page.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::Scope;
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::page::PageToken;
use crate::secrets::search::Search;

#[derive(Debug)]
pub struct ListSecrets {
    pub search: Search,
    /// At most [`limits::LIST_SECRETS_MAX`], which is the default.
    pub results_max: Option<usize>,
    pub after: Option<PageToken>,
}

#[derive(Debug)]
pub struct Listing {
    pub scope: Scope,
    pub secrets: Vec<Arc<Secret>>,
    pub next: Option<PageToken>,
}

impl Operation for ListSecrets {
    const ACTION: &'static str = "secretsmanager:ListSecrets";
    type Target = ();
    type Output = Listing;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ListSecrets {
    fn run(op: Authorized<Self>, (): (), cx: &Cx<'_>, read: &dyn Read) -> Result<Listing, Error> {
        let scope = cx.scope();
        let query = op.search.fingerprint("ListSecrets", scope);
        let page = op.results_max.unwrap_or(limits::LIST_SECRETS_MAX);
        let (secrets, next) = op.search.page(read, scope, query, op.after.as_ref(), page)?;
        Ok(Listing { scope, secrets, next })
    }
}
