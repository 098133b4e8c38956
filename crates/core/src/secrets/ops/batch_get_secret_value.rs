//! BatchGetSecretValue: the current values of several secrets, by list or by filter.
//!
//! Each secret is read as GetSecretValue reads it, with a permission of its own. What goes wrong
//! with one is told beside the values of the others; only what is wrong with the request as a whole
//! fails it.

use crate::cx::Cx;
use crate::engine::{self, Operation, Query, Touch};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::Order;
use crate::secrets::error::Error;
use crate::secrets::filter::Filter;
use crate::secrets::ops::get_secret_value::{GetSecretValue, SecretValue};
use crate::secrets::page::PageToken;
use crate::secrets::search::{Search, Sort};
use crate::secrets::target::SecretId;

#[derive(Debug)]
pub struct BatchGetSecretValue {
    pub wanted: Wanted,
    pub after: Option<PageToken>,
}

/// Which secrets are wanted.
#[derive(Debug)]
pub enum Wanted {
    /// At most [`limits::BATCH_MAX`].
    Listed(Vec<SecretId>),
    /// Those that ListSecrets would find, by creation. A page has at most [`limits::BATCH_MAX`],
    /// which is the default.
    Found { filters: Vec<Filter>, results_max: Option<usize> },
}

#[derive(Debug)]
pub struct Batch {
    /// In the order of the request or of the search.
    pub values: Vec<SecretValue>,
    pub errors: Vec<Unread>,
    pub next: Option<PageToken>,
}

/// A secret that could not be read.
#[derive(Debug)]
pub struct Unread {
    /// As it was asked for; the ARN of one that a filter found.
    pub id: Box<str>,
    pub error: Error,
}

impl Operation for BatchGetSecretValue {
    const ACTION: &'static str = "secretsmanager:BatchGetSecretValue";
    type Target = ();
    type Output = Batch;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        let mut actions = vec![Self::ACTION];
        if let Wanted::Found { .. } = self.wanted {
            actions.push("secretsmanager:ListSecrets");
        }
        let demand = |action| Demand::on(action, "*".to_owned(), cx.caller.account);
        actions.into_iter().map(demand).collect()
    }
}

impl Query for BatchGetSecretValue {
    fn run(op: Authorized<Self>, (): (), cx: &Cx<'_>, read: &dyn Read) -> Result<Batch, Error> {
        let Self { wanted, after } = op.into_inner();
        let (ids, next) = match wanted {
            // AWS: there is nothing to go on with.
            Wanted::Listed(_) if after.is_some() => return Err(Error::InvalidNextToken),
            Wanted::Listed(ids) => (ids, None),
            Wanted::Found { filters, results_max } => {
                find(cx, read, filters, results_max, after.as_ref())?
            }
        };
        let mut batch = Batch { values: Vec::with_capacity(ids.len()), errors: Vec::new(), next };
        for secret in ids {
            let id = secret.given().into();
            let one = GetSecretValue { secret, version: None, stage: None };
            match engine::query(one, cx, read) {
                Ok(value) => batch.values.push(value),
                Err(Error::Store(fault)) => return Err(fault.into()),
                Err(error) => batch.errors.push(Unread { id, error }),
            }
        }
        Ok(batch)
    }

    fn touches(output: &Batch) -> Vec<Touch> {
        output.values.iter().filter_map(|value| value.touch.clone()).collect()
    }
}

/// One page of what the filters find.
fn find(
    cx: &Cx<'_>,
    read: &dyn Read,
    filters: Vec<Filter>,
    results_max: Option<usize>,
    after: Option<&PageToken>,
) -> Result<(Vec<SecretId>, Option<PageToken>), Error> {
    let scope = cx.scope();
    let search = Search {
        filters,
        include_planned_deletion: false,
        sort: Sort::Created,
        order: Order::Ascending,
    };
    let query = search.fingerprint("BatchGetSecretValue", scope);
    let size = results_max.unwrap_or(limits::BATCH_MAX);
    let (secrets, next) = search.page(read, scope, query, after, size)?;
    let ids = secrets.iter().map(|secret| SecretId::of(secret.arn(scope))).collect();
    Ok((ids, next))
}
