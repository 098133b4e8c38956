//! RetireGrant: whoever has no more use for a grant gives it up.
//!
//! AWS: the grant decides who may retire it: its retiring principal, its grantee if RetireGrant is
//! among its operations, and the account that made it. Key policies have no say; an identity policy
//! can deny, and can pass on what an account as a whole may do.

use std::sync::Arc;

use crate::cx::{Caller, Cx};
use crate::engine::{Command, Operation, Step};
use crate::ids::GrantId;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::grant::{Constraint, Grant, GrantOperation};
use crate::keys::grants::{self, Grants, is_account_of, is_principal};
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::policy::evaluate::PrincipalKind;
use crate::ports::{Read, StoreFault};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct RetireGrant {
    pub key: KeyRef,
    pub id: GrantId,
    /// Whether a token named the grant.
    pub by_token: bool,
    pub dry_run: bool,
}

/// The key of the grant, and the grant if it is there.
#[derive(Debug)]
pub struct Retired {
    key: Target,
    grant: Option<Arc<Grant>>,
}

impl Operation for RetireGrant {
    const ACTION: &'static str = "kms:RetireGrant";
    type Target = Retired;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Retired, StoreFault> {
        let key = self.key.no_alias(cx, read)?;
        let grant = match key.as_found() {
            Ok(found) => read.grant(found.scope, found.key.id, self.id)?,
            Err(_) => None,
        };
        Ok(Retired { key, grant })
    }

    fn demands(&self, cx: &Cx<'_>, target: &Retired) -> Vec<Demand> {
        let constraint = target.grant.as_ref().and_then(|grant| grant.terms.constraint.as_ref());
        let context = constraint.map(Constraint::context);
        let Demand { resource, owner, mut facts, .. } = target.key.demand(Self::ACTION, context);
        let kind = constraint.map(|of| ("kms:grantconstrainttype", of.kind().to_owned()));
        facts.others.extend(kind);
        let mut demand = Demand { facts, ..Demand::on(Self::ACTION, resource, owner) };
        if let Some(grant) = &target.grant {
            demand.owner = deciding_account(cx.caller, grant).unwrap_or(grant.issuer);
            if holds(cx.caller, grant) {
                demand.grants = Grants::Held;
            }
        }
        vec![demand]
    }
}

/// Whether the grant names the caller itself.
fn holds(caller: &Caller, grant: &Grant) -> bool {
    let retiring = grant.retiring.as_ref();
    let grantee = Some(&grant.grantee).filter(|_| has_retire(grant));
    let issuer = caller.kind == PrincipalKind::Root && caller.account == grant.issuer;
    issuer || retiring.into_iter().chain(grantee).any(|named| is_principal(caller, named))
}

/// The caller's account, if the grant names it as a whole.
fn deciding_account(caller: &Caller, grant: &Grant) -> Option<crate::ids::AccountId> {
    let retiring = grant.retiring.as_ref();
    let grantee = Some(&grant.grantee).filter(|_| has_retire(grant));
    let named = retiring.into_iter().chain(grantee).any(|named| is_account_of(caller, named));
    named.then_some(caller.account)
}

fn has_retire(grant: &Grant) -> bool {
    grant.terms.operations.contains(&GrantOperation::RetireGrant)
}

impl Command for RetireGrant {
    fn run(
        op: Authorized<Self>,
        target: Retired,
        _: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.key.found()?;
        let Some(grant) = target.grant else {
            return Err(if op.by_token {
                GrantProblem::Token.into()
            } else {
                GrantProblem::Absent { id: op.id }.into()
            });
        };
        if op.dry_run {
            return Err(Error::DryRun);
        }
        grants::remove(tx, found.scope, found.key.id, &grant)?;
        Ok(Step::Done(()))
    }
}
