//! ListResourcePolicies: the names of a secret's policies, page by page. Replicas answer too.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::PolicyName;
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::page::{Fingerprint, PageToken};
use crate::secrets::target::{SecretId, Target};
use crate::time::Timestamp;

#[derive(Debug)]
pub struct ListResourcePolicies {
    pub secret: SecretId,
    /// At most [`limits::LIST_RESOURCE_POLICIES_MAX`], which is the default.
    pub results_max: Option<usize>,
    pub after: Option<PageToken>,
}

#[derive(Debug)]
pub struct PolicyNames {
    /// `default` first.
    pub names: Vec<PolicyName>,
    pub next: Option<PageToken>,
}

impl Operation for ListResourcePolicies {
    const ACTION: &'static str = "secretsmanager:ListResourcePolicies";
    type Target = Target;
    type Output = PolicyNames;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Query for ListResourcePolicies {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<PolicyNames, Error> {
        let found = target.active()?;
        let arn = found.arn().to_string();
        let query = Fingerprint::new("ListResourcePolicies").and(&arn).value();
        let shown = match PageToken::check(op.after.as_ref(), query)? {
            Some(token) => Some(rank(&token.name.parse().map_err(|_| Error::InvalidNextToken)?)),
            None => None,
        };
        let page = op.results_max.unwrap_or(limits::LIST_RESOURCE_POLICIES_MAX);
        let rest = found.secret.policies.names().filter(|name| Some(rank(name)) > shown);
        let mut names: Vec<_> = rest.take(page + 1).cloned().collect();
        let more = names.len() > page;
        names.truncate(page);
        let last = names.last().filter(|_| more);
        let next =
            last.map(|name| PageToken { query, at: Timestamp::EPOCH, name: name.as_str().into() });
        Ok(PolicyNames { names, next })
    }
}

/// A name's place in the list.
fn rank(name: &PolicyName) -> (bool, PolicyName) {
    (*name != PolicyName::of_requests(), name.clone())
}
