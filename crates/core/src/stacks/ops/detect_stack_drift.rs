//! DetectStackDrift: whether a stack's resources still are as its template says.
//!
//! What is found is kept with each resource, for DescribeStackResourceDrifts.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::drift::{self, Detection, DetectionId, Look};
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Stack, Status};
use crate::stacks::record;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DetectStackDrift {
    pub stack: StackRef,
    /// Only these, if any.
    pub logical: Option<BTreeSet<Box<str>>>,
}

impl Operation for DetectStackDrift {
    const ACTION: &'static str = "cloudformation:DetectStackDrift";
    type Target = Target;
    type Output = DetectionId;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for DetectStackDrift {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<DetectionId>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let mut stack = Stack::clone(target.living()?);
        let resources = record::resources(tx, scope, stack.id)?;
        let unknown = op.logical.iter().flatten().find(|name| !resources.contains_key(&***name));
        if let Some(logical) = unknown.cloned() {
            return Err(Error::NoResource { logical, stack: stack.name.as_str().into() });
        }
        let mut found = Vec::new();
        {
            let look = detectable(cx, tx, &stack, &resources)?;
            for name in resources.keys() {
                if op.logical.as_ref().is_some_and(|only| !only.contains(name.as_str())) {
                    continue;
                }
                let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
                found.extend(look.at(&logical)?.map(|drift| (logical, drift)));
            }
        }
        let failed = found.iter().filter(|(_, drift)| drift.status == drift::Status::Unknown);
        let failed = failed.map(|(logical, _)| logical.clone()).collect();
        let mut drifted = 0;
        for (logical, drift) in found {
            drifted += u32::from(drift.is_drifted());
            let resource = resources.get(logical.as_str()).cloned().ok_or(StoreFault)?;
            let resource = crate::stacks::model::Resource { drift: Some(drift), ..resource };
            record::put_resource(tx, scope, stack.id, &logical, resource);
        }
        let number = stack.detection.as_ref().map_or(0, |before| before.number).wrapping_add(1);
        let detection = Detection { number, at: cx.now, drifted, failed };
        let id = DetectionId::new(stack.id, &detection);
        stack.detection = Some(detection);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(id))
    }
}

/// AWS: a stack is looked at when nothing is under way and it was complete once.
pub(super) fn detectable<'a>(
    cx: &'a Cx<'a>,
    read: &'a dyn Read,
    stack: &'a Stack,
    resources: &'a std::collections::BTreeMap<String, crate::stacks::model::Resource>,
) -> Result<Look<'a>, Error> {
    let refused = || Error::NotDetectable { stack: stack.arn(cx.scope()), status: stack.status };
    if !stack.status.is_updatable() && stack.status != Status::UpdateRollbackFailed {
        return Err(refused());
    }
    Look::new(cx, read, stack, resources)?.ok_or_else(refused)
}
