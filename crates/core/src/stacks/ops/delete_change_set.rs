//! DeleteChangeSet: a change set is forgotten. The stack stays as it is.
//!
//! AWS: one that is not there counts as deleted, if its stack is there.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::change_set::{self, ChangeSetRef, ExecutionStatus, Named};
use crate::stacks::error::{Attempt, Error};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DeleteChangeSet {
    pub change_set: ChangeSetRef,
}

impl Operation for DeleteChangeSet {
    const ACTION: &'static str = "cloudformation:DeleteChangeSet";
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

impl Command for DeleteChangeSet {
    fn run(
        _op: Authorized<Self>,
        target: Named,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let scope = cx.scope();
        let (stack, set) = match target.found() {
            Ok(found) => found,
            Err(Error::NoChangeSet { .. }) => return Ok(Step::Done(())),
            Err(other) => return Err(other),
        };
        let status = set.execution(stack);
        if status == ExecutionStatus::InProgress {
            let (change_set, attempt) = (set.arn(scope), Attempt::Delete);
            return Err(Error::NotInExecution { change_set, status, attempt });
        }
        change_set::remove(tx, scope, stack.id, (set.name.clone(), set.id));
        Ok(Step::Done(()))
    }
}
