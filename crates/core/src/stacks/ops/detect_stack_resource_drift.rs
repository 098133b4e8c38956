//! DetectStackResourceDrift: whether one resource still is as its stack's template says.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::drift;
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::Resource;
use crate::stacks::ops::describe_stack_resource_drifts::Drifted;
use crate::stacks::ops::detect_stack_drift::detectable;
use crate::stacks::record;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DetectStackResourceDrift {
    pub stack: StackRef,
    pub logical: Box<str>,
}

impl Operation for DetectStackResourceDrift {
    const ACTION: &'static str = "cloudformation:DetectStackResourceDrift";
    type Target = Target;
    type Output = Drifted;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for DetectStackResourceDrift {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Drifted>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let stack = target.living()?;
        let none =
            || Error::NoResource { logical: op.logical.clone(), stack: stack.name.as_str().into() };
        let logical: LogicalId = op.logical.parse().map_err(|_| none())?;
        let resources = record::resources(tx, scope, stack.id)?;
        let drift = detectable(cx, tx, stack, &resources)?.at(&logical)?.ok_or_else(none)?;
        let resource = resources.get(logical.as_str()).cloned().ok_or(StoreFault)?;
        let compared = drift::open(cx, stack, &logical, (&resource, &drift))?;
        let resource = Resource { drift: Some(drift), ..resource };
        record::put_resource(tx, scope, stack.id, &logical, resource.clone());
        let stack = stack.arn(scope);
        Ok(Step::Done(Drifted { stack, logical, resource: resource.into(), compared }))
    }
}
