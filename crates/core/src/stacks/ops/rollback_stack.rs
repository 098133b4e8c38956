//! RollbackStack: what an operation without rollback left failed is led back after all.
//!
//! AWS: a stack that never was complete has nothing to go back to, and what it made is deleted.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::stacks::error::Error;
use crate::stacks::ids::StackArn;
use crate::stacks::model::{Phase, Stack, Status};
use crate::stacks::record::{self, Begun};
use crate::stacks::role;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct RollbackStack {
    pub stack: StackRef,
    pub retain_except_on_create: bool,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

impl Operation for RollbackStack {
    const ACTION: &'static str = "cloudformation:RollbackStack";
    type Target = Target;
    type Output = StackArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        role::demands(target.demand(cx, Self::ACTION), self.role.as_ref())
    }
}

impl Command for RollbackStack {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<StackArn>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let mut stack = Stack::clone(target.living()?);
        let arn = stack.arn(scope);
        if stack.is_begun_by(op.token.as_deref()) {
            return Ok(Step::Done(arn));
        }
        if !stack.status.is_left_failed() {
            return Err(Error::NotReversible { stack: arn, status: stack.status });
        }
        let (phase, status) = back(&stack);
        stack.role = role::taken(cx, tx, &stack, op.role)?;
        stack.options.retain_except_on_create = op.retain_except_on_create;
        let begun = Begun { phase, status, token: op.token, retained: BTreeSet::new() };
        record::begin(cx, tx, &mut stack, begun);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(arn))
    }
}

/// The way back: to what the stack was, or to nothing if it never was complete.
pub(super) fn back(stack: &Stack) -> (Phase, Status) {
    match stack.current {
        None => (Phase::Rollback, Status::RollbackInProgress),
        Some(_) => (Phase::UpdateRollback, Status::UpdateRollbackInProgress),
    }
}
