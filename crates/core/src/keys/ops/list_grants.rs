//! ListGrants: the grants on one key, all or those of one id or grantee, by grant id.

use core::ops::ControlFlow;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{GrantId, PrincipalArn};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::grant::GrantOnKey;
use crate::keys::page::Page;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Scan};
use crate::tx::Records;

#[derive(Debug)]
pub struct ListGrants {
    pub key: KeyRef,
    pub id: Option<GrantId>,
    pub grantee: Option<PrincipalArn>,
    pub limit: usize,
    pub after: Option<GrantId>,
}

impl Operation for ListGrants {
    const ACTION: &'static str = "kms:ListGrants";
    type Target = Target;
    type Output = Page<GrantOnKey>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.no_alias(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for ListGrants {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Page<GrantOnKey>, Error> {
        let found = target.found()?;
        let arn = found.arn();
        let mut grants = Vec::new();
        for id in ids(&op, &found, read)? {
            let Some(grant) = read.grant(arn.scope, arn.id, id)? else { continue };
            if op.grantee.as_ref().is_none_or(|grantee| *grantee == grant.grantee) {
                grants.push(GrantOnKey { grant, key: arn });
            }
        }
        Ok(Page::cut(grants, op.limit))
    }
}

/// One id more than the page may hold, if there are that many.
fn ids(op: &ListGrants, found: &Found, read: &dyn Read) -> Result<Vec<GrantId>, StoreFault> {
    let (scope, key) = (found.scope, found.key.id);
    if let Some(id) = op.id {
        return Ok(vec![id]);
    }
    let (prefix, after) = match &op.grantee {
        Some(grantee) => (
            Prefix::GrantsOfGrantee { scope, key, grantee: grantee.clone() },
            op.after.map(|id| Key::GrantOfGrantee { scope, key, grantee: grantee.clone(), id }),
        ),
        None => {
            (Prefix::GrantsOfKey { scope, key }, op.after.map(|id| Key::Grant { scope, key, id }))
        }
    };
    let mut ids = Vec::new();
    read.scan(&Scan { prefix, after, order: Order::Ascending }, &mut |at, _| {
        if let Key::Grant { id, .. } | Key::GrantOfGrantee { id, .. } = at {
            ids.push(id);
        }
        if ids.len() > op.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(ids)
}
