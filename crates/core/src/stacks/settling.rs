//! The part of the machine that waits: what was begun becomes ready, or does not.
//!
//! Several resources may have been begun and not have settled, so that what they wait for elsewhere
//! passes at the same time. What needs one of them is begun after it.

use std::collections::BTreeSet;

use regent_cfn::Value;

use crate::limits;
use crate::ports::StoreFault;
use crate::stacks::handlers::{Done, Failure, Settled};
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Phase, Reason, Resource, Status};
use crate::stacks::run::{Goal, Progress, Work};

impl Work<'_, '_> {
    /// Whether a resource can be begun beside those that have not settled.
    pub(super) fn may_begin(&self, goal: &Goal, name: &str) -> bool {
        let begun = self.resources.begun();
        let mut needs = goal.ready.needs.get(name).into_iter().flatten();
        begun.len() < limits::BEGUN_MAX && !needs.any(|needed| begun.contains(needed))
    }

    /// Asks each resource that was begun whether it is ready, until one of them moves.
    pub(super) fn settle_begun(&mut self, goal: &Goal) -> Result<Progress, StoreFault> {
        let begun: BTreeSet<String> = self.resources.begun().clone();
        let mut asks = Vec::new();
        for name in begun {
            let declared = goal.ready.declared(&name).ok_or(StoreFault)?;
            let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
            let wanted = self.properties(goal, declared)?.map_err(|_| StoreFault)?;
            match self.settle(goal, &logical, &wanted)? {
                Progress::Ask(more) => asks.extend(more),
                Progress::Wait => {}
                moved => return Ok(moved),
            }
        }
        Ok(if asks.is_empty() { Progress::Wait } else { Progress::Ask(asks) })
    }

    /// What was begun is waited for no more. AWS: it counts as failed.
    pub(super) fn give_up_begun(&mut self) -> Result<(), StoreFault> {
        for name in self.resources.begun().clone() {
            let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
            let mut resource = self.resources.get(&name).cloned().ok_or(StoreFault)?;
            let creating = resource.status == Status::CreateInProgress;
            resource.status = if creating { Status::CreateFailed } else { Status::UpdateFailed };
            (resource.reason, resource.updated) = (Some(Reason::Cancelled), self.cx.now);
            self.note(&logical, &resource);
            self.resources.put(&logical, resource);
            self.keep(&logical)?;
        }
        Ok(())
    }

    /// Whether an instance has once been ready.
    pub(super) fn has_settled(&self, logical: &LogicalId, made: u32) -> bool {
        let found = self.resources.get(logical.as_str());
        let mut instances = found.into_iter().flat_map(|found| &found.instances);
        instances.any(|instance| instance.made == made && !instance.unsettled)
    }

    /// Right after the work: most resources are ready at once. Others are asked in a later step, so
    /// that what was begun is known before.
    pub(super) fn settle_now(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        wanted: &Value,
    ) -> Result<Progress, StoreFault> {
        match self.settle(goal, logical, wanted)? {
            Progress::Wait | Progress::Ask(_) => {
                self.keep(logical)?;
                Ok(self.moved())
            }
            other => Ok(other),
        }
    }

    fn settle(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        wanted: &Value,
    ) -> Result<Progress, StoreFault> {
        let Some(mut resource) = self.resources.get(logical.as_str()).cloned() else {
            return Err(StoreFault);
        };
        let creating = matches!(resource.status, Status::CreateInProgress);
        let made = resource.instance(goal.generation).ok_or(StoreFault)?.made;
        // Also what an earlier operation made that was left failed.
        let is_new = self.stack.current.as_ref().is_none_or(|stable| stable.generation < made);
        let settled = match self.run.phase {
            // What was there before is not waited for again.
            Phase::UpdateRollback => Ok(Done::Done(Settled::Yes)),
            _ => self.handle(goal, (logical, &resource.type_name, made), |handlers, place, tx| {
                handlers.settle(place, tx, &resource.physical, wanted, is_new)
            }),
        };
        match settled {
            Ok(Done::Done(Settled::Yes)) => {}
            Ok(Done::Done(Settled::Never(words))) | Err(Failure::Refused(words)) => {
                return self.fail(logical, Reason::Said(words));
            }
            Ok(Done::Done(Settled::Unmade(words))) => {
                resource.instances.retain(|instance| instance.made != made);
                let left = resource.instances.last();
                resource.physical = left.map(|left| left.physical.clone()).unwrap_or_default();
                self.resources.put(logical, resource);
                return self.fail(logical, Reason::Said(words));
            }
            Ok(Done::Ask(asks)) => return Ok(Progress::Ask(asks)),
            Ok(Done::Done(Settled::NotYet) | Done::Later) if self.is_late(&resource) => {
                return self.fail(logical, Reason::TimedOut);
            }
            Ok(Done::Done(Settled::NotYet) | Done::Later) => return Ok(Progress::Wait),
            Err(Failure::Store(fault)) => return Err(fault),
        }
        for instance in resource.instances.iter_mut().filter(|found| found.made == made) {
            instance.unsettled = false;
        }
        resource.status = if creating { Status::CreateComplete } else { Status::UpdateComplete };
        resource.reason = None;
        resource.updated = self.cx.now;
        self.note(logical, &resource);
        self.resources.put(logical, resource);
        self.keep(logical)?;
        Ok(self.moved())
    }

    /// Whether the operation as a whole has taken longer than anything is waited for.
    pub(super) fn is_overdue(&self) -> bool {
        self.cx.now.millis() - self.run.started.millis() > limits::STABILIZE_MS_MAX
    }

    fn is_late(&self, resource: &Resource) -> bool {
        let since = |from: crate::time::Timestamp| self.cx.now.millis() - from.millis();
        let minutes =
            self.stack.options.timeout_minutes.filter(|_| self.run.phase == Phase::Create);
        let timed_out =
            minutes.is_some_and(|minutes| since(self.run.started) > i64::from(minutes) * 60_000);
        timed_out || since(resource.updated) > limits::STABILIZE_MS_MAX
    }
}
