//! DeleteStack: a stack and what it made.
//!
//! AWS: a stack that is not there counts as deleted. A creation under way is ended by it.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::stacks::error::Error;
use crate::stacks::exports;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Phase, Reason, Stack, Status};
use crate::stacks::record::{self, Begun};
use crate::stacks::role;
use crate::stacks::target::{StackRef, Target};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct DeleteStack {
    pub stack: StackRef,
    /// Left alone, in a stack whose deletion failed.
    pub retain: BTreeSet<LogicalId>,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

impl Operation for DeleteStack {
    const ACTION: &'static str = "cloudformation:DeleteStack";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        role::demands(target.demand(cx, Self::ACTION), self.role.as_ref())
    }
}

impl Command for DeleteStack {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let Ok(found) = target.living() else { return Ok(Step::Done(())) };
        let scope = cx.scope();
        let mut stack = Stack::clone(found);
        if stack.options.termination_protection {
            return Err(Error::TerminationProtection { name: stack.name });
        }
        match stack.status {
            Status::DeleteInProgress => return Ok(Step::Done(())),
            Status::UpdateInProgress
            | Status::UpdateCompleteCleanupInProgress
            | Status::UpdateRollbackInProgress
            | Status::UpdateRollbackCompleteCleanupInProgress
            | Status::RollbackInProgress
            | Status::ImportInProgress => {
                let (status, stack) = (stack.status, stack.arn(scope));
                return Err(Error::NotDeletable { stack, status });
            }
            _ => {}
        }
        let op = op.into_inner();
        if !op.retain.is_empty() && stack.status != Status::DeleteFailed {
            return Err(Error::RetainWithoutFailure);
        }
        let failed = |logical: &&LogicalId| {
            let found = tx.stack_resource(scope, stack.id, logical);
            Ok::<_, StoreFault>(found?.is_some_and(|found| found.status == Status::DeleteFailed))
        };
        for logical in &op.retain {
            if !failed(&logical)? {
                return Err(Error::NotRetainable { logical: logical.clone() });
            }
        }
        if let Some(reason) = exports::end(tx, scope, &stack)? {
            // AWS: the stack says why, and is as before.
            let before = stack.status;
            (stack.status, stack.reason) = (Status::DeleteInProgress, Some(Reason::UserInitiated));
            record::note(cx, tx, &mut stack, op.token.clone());
            (stack.status, stack.reason) = (before, Some(reason));
            record::note(cx, tx, &mut stack, op.token);
            record::put_stack(tx, scope, stack);
            return Ok(Step::Done(()));
        }
        // A creation under way has its own count of events.
        if let Some(run) = tx.stack_run(scope, stack.id)? {
            stack.next_event = run.next_event;
        }
        stack.role = role::taken(cx, tx, &stack, op.role)?;
        let (phase, status) = (Phase::Delete, Status::DeleteInProgress);
        let begun = Begun { phase, status, token: op.token, retained: op.retain };
        record::begin(cx, tx, &mut stack, begun);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(()))
    }
}
