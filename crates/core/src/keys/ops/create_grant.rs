//! CreateGrant: lets one principal do some things with one key, until it is retired or revoked.
//!
//! AWS: whoever may create grants by a grant only may pass on no more than that grant allows. With
//! a name, the same request again answers the same grant.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{GrantId, GrantName, PrincipalArn};
use crate::keys::access::Found;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::grant::{Constraint, Grant, GrantOperation, GrantToken, Terms};
use crate::keys::grants::{self, Grants};
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault, random};
use crate::tx::Tx;

#[derive(Debug)]
pub struct CreateGrant {
    pub key: KeyRef,
    pub grantee: PrincipalArn,
    pub retiring: Option<PrincipalArn>,
    pub terms: Arc<Terms>,
    pub name: Option<GrantName>,
    pub dry_run: bool,
}

/// A request's terms: what it allows, and under which constraint.
pub fn terms(
    operations: BTreeSet<GrantOperation>,
    constraint: Option<Constraint>,
) -> Result<Arc<Terms>, Error> {
    constraint.as_ref().map_or(Ok(()), Constraint::check)?;
    Ok(Arc::new(Terms { operations, constraint }))
}

/// A principal of a request.
pub fn principal(given: &str) -> Result<PrincipalArn, Error> {
    given.parse().map_err(|_| GrantProblem::Principal.into())
}

impl Operation for CreateGrant {
    const ACTION: &'static str = "kms:CreateGrant";
    type Target = Target;
    type Output = GrantToken;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.no_alias(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let constraint = self.terms.constraint.as_ref();
        let mut demand = target.demand(Self::ACTION, constraint.map(Constraint::context));
        if let Ok(found) = target.as_found() {
            demand.grants = Grants::Within(found.arn(), Arc::clone(&self.terms));
        }
        let retiring = self.retiring.as_ref();
        let facts = [
            ("kms:granteeprincipal", Some(self.grantee.to_string())),
            ("kms:retiringprincipal", retiring.map(PrincipalArn::to_string)),
            ("kms:grantconstrainttype", constraint.map(|of| of.kind().to_owned())),
        ];
        let given = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        demand.facts.others.extend(given);
        let operations = self.terms.operations.iter().map(|operation| operation.as_str().into());
        demand.facts.lists.push(("kms:grantoperations", operations.collect()));
        vec![demand]
    }
}

impl Command for CreateGrant {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<GrantToken>, Error> {
        let op = op.into_inner();
        let found = target.found()?;
        Rule::Use.check(&found)?;
        check_kind(&found, &op.terms)?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let grant = Grant {
            id: GrantId(random(cx.entropy)),
            issuer: cx.caller.account,
            created: cx.now,
            name: op.name,
            grantee: op.grantee,
            retiring: op.retiring,
            terms: Terms::clone(&op.terms),
        };
        let key = found.arn();
        if let Some(grant) = grants::same(tx, key.scope, key.id, &grant)? {
            return Ok(Step::Done(GrantToken { key, grant }));
        }
        let token = GrantToken { key, grant: grant.id };
        grants::put(tx, key, grant)?;
        Ok(Step::Done(token))
    }
}

/// AWS: a grant is only for what its key can do.
fn check_kind(found: &Found, terms: &Terms) -> Result<(), Error> {
    let (key, kms_key) = (found.arn(), &*found.key);
    if !terms.operations.iter().all(|operation| operation.suits(kms_key.spec, kms_key.usage)) {
        return Err(GrantProblem::Operations { key }.into());
    }
    if terms.constraint.is_some() && !kms_key.spec.is_symmetric() {
        return Err(GrantProblem::Constraint { key }.into());
    }
    Ok(())
}
