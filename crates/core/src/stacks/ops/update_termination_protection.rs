//! UpdateTerminationProtection: whether a stack may be deleted.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ids::StackArn;
use crate::stacks::model::Stack;
use crate::stacks::record;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct UpdateTerminationProtection {
    pub stack: StackRef,
    pub enabled: bool,
}

impl Operation for UpdateTerminationProtection {
    const ACTION: &'static str = "cloudformation:UpdateTerminationProtection";
    type Target = Target;
    type Output = StackArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for UpdateTerminationProtection {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<StackArn>, Error> {
        let mut stack = Stack::clone(target.living()?);
        stack.options.termination_protection = op.enabled;
        let arn = stack.arn(cx.scope());
        record::put_stack(tx, cx.scope(), stack);
        Ok(Step::Done(arn))
    }
}
