//! ExecuteChangeSet: a stack becomes what its change set says.
//!
//! AWS: the other change sets of the stack are deleted.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::change_set::{
    self, ChangeSet, ChangeSetRef, Executed, ExecutionStatus, Named, Outcome,
};
use crate::stacks::error::{Attempt, Error};
use crate::stacks::model::{OnFailure, Phase, Stack, Status};
use crate::stacks::record::{self, Begun};
use crate::stacks::role;
use crate::tx::Tx;

#[derive(Debug)]
pub struct ExecuteChangeSet {
    pub change_set: ChangeSetRef,
    pub disable_rollback: bool,
    pub retain_except_on_create: bool,
    pub token: Option<Box<str>>,
}

impl Operation for ExecuteChangeSet {
    const ACTION: &'static str = "cloudformation:ExecuteChangeSet";
    type Target = Named;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Named, StoreFault> {
        self.change_set.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Named) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for ExecuteChangeSet {
    fn run(
        op: Authorized<Self>,
        target: Named,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let (stack, set) = target.found()?;
        if stack.is_begun_by(op.token.as_deref()) && set.executed.is_some() {
            return Ok(Step::Done(()));
        }
        let change_set = set.arn(scope);
        if set.outcome != Outcome::Complete {
            return Err(Error::NotExecutable { change_set, outcome: set.outcome });
        }
        let status = set.execution(stack);
        if status != ExecutionStatus::Available {
            let attempt = Attempt::Execute;
            return Err(Error::NotInExecution { change_set, status, attempt });
        }
        let mut stack = Stack::clone(stack);
        let begun = op.begun(&mut stack, set, cx)?;
        stack.role = role::taken(cx, tx, &stack, set.role.clone())?;
        for other in change_set::of_stack(tx, scope, stack.id)? {
            if other.1 != set.id {
                change_set::remove(tx, scope, stack.id, other);
            }
        }
        let executed = Some(Executed::Begun);
        change_set::put(tx, scope, ChangeSet { executed, ..ChangeSet::clone(set) });
        stack.generation = set.side.generation;
        stack.supersede(set.side.clone(), &record::resources(tx, scope, stack.id)?)?;
        stack.updated = Some(cx.now);
        stack.change_set = Some((set.name.clone(), set.id));
        stack.options.retain_except_on_create = op.retain_except_on_create;
        record::begin(cx, tx, &mut stack, begun);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(()))
    }
}

impl ExecuteChangeSet {
    /// How the stack's operation begins, and how it ends if it fails.
    fn begun(&self, stack: &mut Stack, set: &ChangeSet, cx: &Cx<'_>) -> Result<Begun, Error> {
        let on_failure = match (self.disable_rollback, set.on_failure) {
            (true, Some(_)) => return Err(Error::OnFailureOfUpdate),
            (true, None) => OnFailure::DoNothing,
            (false, said) => said.unwrap_or_default(),
        };
        stack.options.on_failure = on_failure;
        let is_new = stack.status == Status::ReviewInProgress;
        let (phase, status) = if set.is_import() && (is_new || stack.status.is_updatable()) {
            (Phase::Import, Status::ImportInProgress)
        } else if is_new {
            (Phase::Create, Status::CreateInProgress)
        } else if stack.base().is_some() && !set.is_import() {
            let status = stack.status;
            if on_failure == OnFailure::Delete {
                return Err(Error::OnFailureOfUpdate);
            }
            if status.is_left_failed() && on_failure != OnFailure::DoNothing {
                return Err(Error::LeftFailed { status });
            }
            (Phase::Update, Status::UpdateInProgress)
        } else {
            let status = stack.status;
            return Err(Error::NotUpdatable { stack: stack.arn(cx.scope()), status });
        };
        let token = self.token.clone();
        Ok(Begun { phase, status, token, retained: BTreeSet::new() })
    }
}
