//! The part of the machine that tries again: what an operation left failed is worked on by the next,
//! also if it is wanted as it is.

use regent_cfn::template::Resource as Declared;

use crate::ports::StoreFault;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Phase, Resource, Status};
use crate::stacks::run::{Goal, Progress, Work};

impl Work<'_, '_> {
    /// Whether an update comes to a resource that an earlier one left failed, though it is as wanted.
    pub(super) fn is_to_be_tried_again(&self, name: &str) -> bool {
        let failed = |found: &Resource| found.status.is_left_failed();
        self.run.phase == Phase::Update && self.resources.get(name).is_some_and(failed)
    }

    /// What there is of a failed resource is looked at again, as if it had just been made.
    pub(super) fn try_again(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        declared: &Declared,
    ) -> Result<Progress, StoreFault> {
        let wanted = self.properties(goal, declared)?.map_err(|_| StoreFault)?;
        let Some(mut resource) = self.resources.get(logical.as_str()).cloned() else {
            return Err(StoreFault);
        };
        let creating = resource.status == Status::CreateFailed;
        resource.status =
            if creating { Status::CreateInProgress } else { Status::UpdateInProgress };
        (resource.reason, resource.updated) = (None, self.cx.now);
        let made = resource.instance(goal.generation).ok_or(StoreFault)?.made;
        let of = resource.instances.iter_mut().filter(|instance| instance.made == made);
        of.for_each(|instance| instance.applied = goal.generation);
        self.note(logical, &resource);
        self.resources.put(logical, resource);
        self.settle_now(goal, logical, &wanted)
    }
}
