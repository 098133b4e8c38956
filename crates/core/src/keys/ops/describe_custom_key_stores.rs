//! DescribeCustomKeyStores: the account's key stores in this Region, by id, or the one that is named.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::error::Error;
use crate::keys::page::Page;
use crate::keys::stores::{self, KeyStore, KeyStoreId, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct DescribeCustomKeyStores {
    pub id: Option<Box<str>>,
    pub name: Option<Box<str>>,
    pub limit: usize,
    pub after: Option<KeyStoreId>,
}

impl Operation for DescribeCustomKeyStores {
    const ACTION: &'static str = "kms:DescribeCustomKeyStores";
    type Target = ();
    type Output = Page<KeyStore>;
    type Error = Error;

    fn target(&self, _: &Cx<'_>, _: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for DescribeCustomKeyStores {
    fn run(
        op: Authorized<Self>,
        (): (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Page<KeyStore>, Error> {
        let named = op.id.is_some() || op.name.is_some();
        let is_asked_for = |store: &&KeyStore| {
            op.id.as_deref().is_none_or(|id| store.id.as_str() == id)
                && op.name.as_ref().is_none_or(|name| store.name == *name)
                && op.after.as_ref().is_none_or(|after| store.id > *after)
        };
        let found: Vec<_> =
            stores::all(read, cx.scope())?.iter().filter(is_asked_for).cloned().collect();
        // AWS: a store that is named must be there.
        if named && found.is_empty() && op.after.is_none() {
            return Err(StoreProblem::NotFound.into());
        }
        Ok(Page::cut(found, op.limit))
    }
}
