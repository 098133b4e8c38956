//! ListSecrets: the caller's secrets in this Region, filtered, sorted, page by page.
//!
//! By name and by creation the walk follows the store's own order and stops when the page is full.
//! By the other two dates there is no such order: all secrets are looked at, and no more than a
//! page is held.

use core::ops::ControlFlow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{Scope, SecretName};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record, Scan};
use crate::secrets::error::Error;
use crate::secrets::filter::{Filter, matches};
use crate::secrets::model::Secret;
use crate::secrets::page::{Fingerprint, PageToken};
use crate::time::Timestamp;
use crate::tx::Records;

/// Index entries that are read at a time.
const CHUNK: usize = 256;

#[derive(Debug)]
pub struct ListSecrets {
    pub include_planned_deletion: bool,
    /// At most [`limits::LIST_SECRETS_MAX`], which is the default.
    pub results_max: Option<usize>,
    pub after: Option<PageToken>,
    pub filters: Vec<Filter>,
    pub sort: Sort,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    #[default]
    Created,
    Accessed,
    Changed,
    Name,
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

/// What secrets are sorted by. The name settles what the time leaves open.
type Place = (Timestamp, SecretName);

impl Query for ListSecrets {
    fn run(op: Authorized<Self>, (): (), cx: &Cx<'_>, read: &dyn Read) -> Result<Listing, Error> {
        let scope = cx.scope();
        let query = op.fingerprint(scope);
        let after = match PageToken::check(op.after.as_ref(), query)? {
            Some(token) => {
                let name = token.name.parse().map_err(|_| Error::InvalidNextToken)?;
                Some((token.at, name))
            }
            None => None,
        };
        let page = op.results_max.unwrap_or(limits::LIST_SECRETS_MAX);
        let mut secrets = match op.sort {
            Sort::Name => op.by_name(read, scope, after, page + 1)?,
            Sort::Created => op.by_created(read, scope, after, page + 1)?,
            Sort::Accessed | Sort::Changed => {
                op.by_selection(read, scope, after.as_ref(), page + 1)?
            }
        };
        let more = secrets.len() > page;
        secrets.truncate(page);
        let next = secrets.last().filter(|_| more).map(|secret| {
            let (at, name) = op.place(secret);
            PageToken { query, at, name: name.as_str().into() }
        });
        Ok(Listing { scope, secrets, next })
    }
}

impl ListSecrets {
    /// What a page token is bound to: everything but the size of the page.
    fn fingerprint(&self, scope: Scope) -> u64 {
        let deleted = if self.include_planned_deletion { "all" } else { "active" };
        let mut print = Fingerprint::new("ListSecrets")
            .and(scope.region.as_str())
            .and(scope.account.as_str())
            .and(deleted)
            .and(&format!("{:?} {:?}", self.sort, self.order));
        for filter in &self.filters {
            print = print.and(filter.key.as_str());
            for value in &filter.values {
                print = print.and("=").and(value);
            }
        }
        print.value()
    }

    fn wants(&self, secret: &Secret, scope: Scope) -> bool {
        (self.include_planned_deletion || secret.deletion.is_none())
            && matches(&self.filters, secret, scope.region)
    }

    fn place(&self, secret: &Secret) -> Place {
        let at = match self.sort {
            Sort::Created => secret.created,
            Sort::Accessed => secret.last_accessed.unwrap_or_default(),
            Sort::Changed => secret.last_changed,
            Sort::Name => Timestamp::EPOCH,
        };
        (at, secret.name.clone())
    }

    fn by_name(
        &self,
        read: &dyn Read,
        scope: Scope,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let after = after.map(|(_, name)| Key::Secret { scope, name });
        let scan = Scan { prefix: every(scope), after, order: self.order };
        let mut found = Vec::new();
        read.scan(&scan, &mut |_, record| {
            if let Record::Secret(secret) = record
                && self.wants(&secret, scope)
            {
                found.push(secret);
            }
            if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(found)
    }

    fn by_created(
        &self,
        read: &dyn Read,
        scope: Scope,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let mut after = after.map(|(created, name)| Key::SecretByCreated { scope, created, name });
        let mut found = Vec::new();
        loop {
            // The entries are followed between walks, not within one: a store may hold a lock.
            let prefix = Prefix::SecretsByCreated { scope };
            let scan = Scan { prefix, after: after.clone(), order: self.order };
            let mut keys = Vec::with_capacity(CHUNK);
            read.scan(&scan, &mut |key, _| {
                keys.push(key);
                if keys.len() < CHUNK { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            let last = keys.len() < CHUNK;
            after = keys.last().cloned();
            for key in keys {
                let Key::SecretByCreated { name, created, .. } = key else { continue };
                // A secret of the same name may have taken the place of the one in the index.
                let secret = read.secret(scope, &name)?.filter(|s| s.created == created);
                found.extend(secret.filter(|secret| self.wants(secret, scope)));
                if found.len() == limit {
                    return Ok(found);
                }
            }
            if last {
                return Ok(found);
            }
        }
    }

    fn by_selection(
        &self,
        read: &dyn Read,
        scope: Scope,
        after: Option<&Place>,
        limit: usize,
    ) -> Result<Vec<Arc<Secret>>, StoreFault> {
        let mut found: BTreeMap<Place, Arc<Secret>> = BTreeMap::new();
        read.scan(&Scan::all(every(scope)), &mut |_, record| {
            let Record::Secret(secret) = record else { return ControlFlow::Continue(()) };
            let place = self.place(&secret);
            let seen = after.is_some_and(|after| match self.order {
                Order::Ascending => place <= *after,
                Order::Descending => place >= *after,
            });
            if !seen && self.wants(&secret, scope) {
                found.insert(place, secret);
            }
            if found.len() > limit {
                match self.order {
                    Order::Ascending => found.pop_last(),
                    Order::Descending => found.pop_first(),
                };
            }
            ControlFlow::Continue(())
        })?;
        let mut found: Vec<_> = found.into_values().collect();
        if self.order == Order::Descending {
            found.reverse();
        }
        Ok(found)
    }
}

fn every(scope: Scope) -> Prefix {
    Prefix::Secrets { scope, name: "".into() }
}
