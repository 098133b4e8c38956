//! ContinueUpdateRollback: a rollback that failed goes on, past the resources it is told to skip.
//!
//! AWS: only what the rollback failed at can be skipped. It counts as rolled back, and is not.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Phase, Reason, Stack, Status};
use crate::stacks::record::{self, Begun};
use crate::stacks::role;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct ContinueUpdateRollback {
    pub stack: StackRef,
    pub skip: Skip,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

/// Which resources are left as they are.
#[derive(Debug)]
pub enum Skip {
    These(BTreeSet<LogicalId>),
    /// All that the rollback failed at.
    Failed,
}

impl Operation for ContinueUpdateRollback {
    const ACTION: &'static str = "cloudformation:ContinueUpdateRollback";
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

impl Command for ContinueUpdateRollback {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let mut stack = Stack::clone(target.living()?);
        if stack.is_begun_by(op.token.as_deref()) {
            return Ok(Step::Done(()));
        }
        if stack.status != Status::UpdateRollbackFailed {
            let (status, stack) = (stack.status, stack.arn(scope));
            return Err(Error::NotReversible { stack, status });
        }
        let failed = failed(&stack);
        let skipped = match op.skip {
            Skip::Failed => failed,
            Skip::These(skipped) => match skipped.difference(&failed).next() {
                Some(logical) => return Err(Error::NotSkippable { logical: logical.clone() }),
                None => skipped,
            },
        };
        stack.role = role::taken(cx, tx, &stack, op.role)?;
        let (phase, status) = (Phase::UpdateRollback, Status::UpdateRollbackInProgress);
        let begun = Begun { phase, status, token: op.token, retained: skipped };
        record::begin(cx, tx, &mut stack, begun);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(()))
    }
}

/// What the rollback failed at.
fn failed(stack: &Stack) -> BTreeSet<LogicalId> {
    match &stack.reason {
        Some(Reason::FailedToCreate(failed) | Reason::FailedToUpdate(failed)) => failed.clone(),
        _ => BTreeSet::new(),
    }
}
