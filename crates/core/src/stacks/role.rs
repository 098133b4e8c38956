//! The role of a stack: whoever begins an operation, sessions of the role do its work.
//!
//! AWS: a stack has the role that it was given last and is never without one again; who may work on
//! the stack need not be allowed to pass it. A role that cannot be assumed is refused when an
//! operation begins, and fails what the operation comes to if it is lost on the way.

use regent_cfn::Value;
use regent_cfn::dynamic::{DynamicReference, Resolve};
use regent_cfn::error::Problem;

use crate::cx::{Caller, Cx};
use crate::policy::authorized::Demand;
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::stacks::error::Error;
use crate::stacks::handlers::{Change, Failure, Handled, Handlers, Place, Settled};
use crate::stacks::model::Stack;
use crate::sts::passed::Assumer;
use crate::tx::Tx;

/// AWS: what CloudFormation's sessions are called.
pub const CLOUDFORMATION: Assumer =
    Assumer { service: "cloudformation.amazonaws.com", session: "AWSCloudFormation" };

/// There is no such role, or it does not trust CloudFormation. The words are AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Role {0} is invalid or cannot be assumed")]
pub struct Unassumable(pub RoleArn);

/// What an operation demands that is on `stack` and may give it a role.
pub(super) fn demands(mut stack: Demand, role: Option<&RoleArn>) -> Vec<Demand> {
    let Some(role) = role else { return vec![stack] };
    let pass = CLOUDFORMATION.pass(role, Some(stack.resource.clone()));
    stack.facts.others.push(("cloudformation:rolearn", role.to_string()));
    vec![stack, pass]
}

/// The role that a stack has from now on: `given`, or the one that it has. It can be assumed.
pub(super) fn taken(
    cx: &Cx<'_>,
    read: &dyn Read,
    stack: &Stack,
    given: Option<RoleArn>,
) -> Result<Option<RoleArn>, Error> {
    let Some(role) = given.or_else(|| stack.role.clone()) else { return Ok(None) };
    match assume(cx, read, stack, &role)? {
        Some(_) => Ok(Some(role)),
        None => Err(Unassumable(role).into()),
    }
}

/// Who does the work on a stack that has a role.
pub(super) fn session(
    cx: &Cx<'_>,
    read: &dyn Read,
    stack: &Stack,
) -> Result<Option<Result<Caller, Unassumable>>, StoreFault> {
    let Some(role) = &stack.role else { return Ok(None) };
    let session = assume(cx, read, stack, role)?;
    Ok(Some(session.ok_or_else(|| Unassumable(role.clone()))))
}

fn assume(
    cx: &Cx<'_>,
    read: &dyn Read,
    stack: &Stack,
    role: &RoleArn,
) -> Result<Option<Caller>, StoreFault> {
    let scope = cx.scope();
    let arn = stack.arn(scope).to_string();
    CLOUDFORMATION.assume(cx, read, role, (scope.account, arn))
}

impl Unassumable {
    fn refused<T>(&self) -> Handled<T> {
        Err(Failure::Refused(self.to_string().into()))
    }
}

/// PROMISE R6: where nobody may do the work, nothing is done.
impl Handlers for Unassumable {
    fn create(&self, _: &Place<'_>, _: &mut Tx<'_>, _: &Value) -> Handled<Box<str>> {
        self.refused()
    }

    fn update(&self, _: &Place<'_>, _: &mut Tx<'_>, _: &str, _: Change<'_>) -> Handled<()> {
        self.refused()
    }

    fn delete(&self, _: &Place<'_>, _: &mut Tx<'_>, _: &str, _: Option<&Value>) -> Handled<()> {
        self.refused()
    }

    fn settle(
        &self,
        _: &Place<'_>,
        _: &mut Tx<'_>,
        _: &str,
        _: &Value,
        _: bool,
    ) -> Handled<Settled> {
        self.refused()
    }

    fn import(&self, _: &Place<'_>, _: &mut Tx<'_>, _: &str) -> Handled<()> {
        self.refused()
    }

    fn resolver<'a>(&'a self, _: &'a Cx<'a>, _: &'a dyn Read) -> Box<dyn Resolve + 'a> {
        Box::new(self.clone())
    }
}

impl Resolve for Unassumable {
    fn resolve(&self, _: &DynamicReference) -> Result<regent_cfn::Text, Problem> {
        Err(Problem::DynamicFailed { reason: self.to_string() })
    }
}
