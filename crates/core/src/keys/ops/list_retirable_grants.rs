//! ListRetirableGrants: the grants in this Region that name one retiring principal, on keys of any
//! account.
//!
//! AWS: the principal is one of the caller's own account; what it may retire is its account's to
//! know.

use core::ops::ControlFlow;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, PrincipalArn, Scope};
use crate::keys::error::Error;
use crate::keys::grant::{GrantOnKey, GrantPlace};
use crate::keys::page::Page;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Scan};
use crate::tx::Records;

#[derive(Debug)]
pub struct ListRetirableGrants {
    pub retiring: PrincipalArn,
    pub limit: usize,
    pub after: Option<GrantPlace>,
}

impl Operation for ListRetirableGrants {
    const ACTION: &'static str = "kms:ListRetirableGrants";
    type Target = ();
    type Output = Page<GrantOnKey>;
    type Error = Error;

    fn target(&self, _: &Cx<'_>, _: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    /// A principal of another account is that account's, whose policies are not asked.
    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        let owner = self.retiring.account().unwrap_or(cx.caller.account);
        vec![Demand::on(Self::ACTION, "*".to_owned(), owner)]
    }
}

impl Query for ListRetirableGrants {
    fn run(
        op: Authorized<Self>,
        (): (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Page<GrantOnKey>, Error> {
        let region = cx.region;
        let retiring = || op.retiring.clone();
        let scan = Scan {
            prefix: Prefix::GrantsOfRetiring { region, retiring: retiring() },
            after: op.after.map(|(account, key, id)| Key::GrantOfRetiring {
                region,
                retiring: retiring(),
                account,
                key,
                id,
            }),
            order: Order::Ascending,
        };
        let mut places = Vec::new();
        read.scan(&scan, &mut |at, _| {
            if let Key::GrantOfRetiring { account, key, id, .. } = at {
                places.push((KeyArn { scope: Scope { region, account }, id: key }, id));
            }
            if places.len() > op.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let mut grants = Vec::new();
        for (key, id) in places {
            let grant = read.grant(key.scope, key.id, id)?;
            grants.extend(grant.map(|grant| GrantOnKey { grant, key }));
        }
        Ok(Page::cut(grants, op.limit))
    }
}
