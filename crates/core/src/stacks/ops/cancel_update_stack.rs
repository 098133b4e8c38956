//! CancelUpdateStack: an update under way is given up, and its stack rolled back.
//!
//! AWS: what the update was at counts as failed. The rollback acts for whom the update acted for.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Event, Phase, Reason, Run, Stack, Status};
use crate::stacks::ops::rollback_stack::back;
use crate::stacks::record;
use crate::stacks::target::{StackRef, Target};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct CancelUpdateStack {
    pub stack: StackRef,
    pub token: Option<Box<str>>,
}

impl Operation for CancelUpdateStack {
    const ACTION: &'static str = "cloudformation:CancelUpdateStack";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for CancelUpdateStack {
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
        let run = tx.stack_run(scope, stack.id)?.filter(|run| run.phase == Phase::Update);
        let Some(run) = run else { return Err(Error::NotCancellable) };
        let mut run = Run::clone(&run);
        run.token = op.token;
        stop(cx, tx, &stack, &mut run)?;
        let (phase, status) = back(&stack);
        (run.phase, run.position) = (phase, 0);
        stack.status = status;
        stack.reason = Some(Reason::UserInitiated);
        stack.token.clone_from(&run.token);
        let event = record::of_stack(cx, &stack, run.token.clone());
        record::put_event(tx, scope, stack.id, &mut run, event);
        record::put_run(tx, scope, stack.id, run);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(()))
    }
}

/// What is being waited for is waited for no more.
fn stop(cx: &Cx<'_>, tx: &mut Tx<'_>, stack: &Stack, run: &mut Run) -> Result<(), StoreFault> {
    let scope = cx.scope();
    for (logical, mut resource) in record::resources(tx, scope, stack.id)? {
        resource.status = match resource.status {
            Status::CreateInProgress => Status::CreateFailed,
            Status::UpdateInProgress => Status::UpdateFailed,
            _ => continue,
        };
        let logical: LogicalId = logical.parse().map_err(|_| StoreFault)?;
        (resource.reason, resource.updated) = (Some(Reason::Cancelled), cx.now);
        let event = Event {
            at: cx.now,
            logical: Some(logical.clone()),
            physical: resource.physical.clone(),
            type_name: resource.type_name.clone(),
            status: resource.status,
            reason: resource.reason.clone(),
            token: run.token.clone(),
        };
        record::put_event(tx, scope, stack.id, run, event);
        record::put_resource(tx, scope, stack.id, &logical, resource);
    }
    Ok(())
}
