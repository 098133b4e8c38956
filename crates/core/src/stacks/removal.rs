//! The part of the machine that deletes: what a creation made that failed, what an update left
//! behind, and whole stacks.
//!
//! Each step deletes one instance of one resource, before what it needed. A deletion that fails
//! leaves its resource in the stack, and what that needs as well.

use std::collections::BTreeSet;

use regent_cfn::{Disposal, Value};

use crate::ports::StoreFault;
use crate::records::Key;
use crate::stacks::change_set;
use crate::stacks::handlers::{Done, Failure};
use crate::stacks::ids::LogicalId;
use crate::stacks::model::{Instance, Phase, Reason, Resource, Status};
use crate::stacks::run::{Goal, Progress, Work};

impl Work<'_, '_> {
    pub(super) fn clean(&mut self) -> Result<Progress, StoreFault> {
        let goal = match self.run.phase {
            Phase::UpdateCleanup | Phase::UpdateRollbackCleanup => {
                let current = self.stack.current.clone();
                Some(self.goal(current.as_ref())?)
            }
            _ => None,
        };
        let (phase, sides) = (self.run.phase, self.sides()?);
        let mut order = match self.resources.removal.take() {
            Some((of, order)) if of == phase => order,
            _ => self.removal_order(&sides),
        };
        let progress = self.clean_in(goal.as_ref(), &sides, &mut order);
        self.resources.removal = Some((phase, order));
        progress
    }

    fn clean_in(
        &mut self,
        goal: Option<&Goal>,
        sides: &[Goal],
        order: &mut Vec<String>,
    ) -> Result<Progress, StoreFault> {
        loop {
            let Some(name) = self.at(order) else { return self.cleaned() };
            let Some(resource) = self.resources.get(&name).cloned() else {
                self.run.position += 1;
                continue;
            };
            let kept = goal.filter(|goal| goal.ready.declared(&name).is_some());
            let kept = kept.and_then(|goal| resource.instance(goal.generation)).cloned();
            let leaves = |instance: &&Instance| Some(*instance) != kept.as_ref();
            let gone = resource.instances.iter().find(leaves).cloned();
            let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
            if self.run.failed.contains(&logical) && is_undeleted(&resource)
                || self.is_needed_by_failed(sides, &name)
            {
                self.run.position += 1;
                continue;
            }
            if let Some(instance) = gone {
                return self.remove(goal, &logical, resource, &instance);
            }
            let forgotten = self.forget(goal, &logical, &resource);
            if forgotten && !sides.iter().any(|side| side.ready.needs.contains_key(&name)) {
                // What no side has is in the order as long as it is listed: the next one has its place.
                order.retain(|other| *other != name);
            } else {
                self.run.position += 1;
            }
        }
    }

    /// The sides that resources may be of, the newest first.
    fn sides(&mut self) -> Result<Vec<Goal>, StoreFault> {
        let stack = self.stack.clone();
        let mut sides: Vec<_> = stack.sides().collect();
        sides.sort_by_key(|side| core::cmp::Reverse(side.generation));
        sides.into_iter().map(|side| self.goal(Some(side))).collect()
    }

    /// Every resource, each before those that it needs.
    fn removal_order(&self, sides: &[Goal]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let named = sides.iter().flat_map(|side| side.ready.order.iter().rev());
        let all = named.chain(self.resources.all().keys());
        all.filter(|name| seen.insert((*name).clone())).cloned().collect()
    }

    /// Whether a resource that could not be deleted needs this one, or something that does.
    fn is_needed_by_failed(&self, sides: &[Goal], name: &str) -> bool {
        let failed = self.run.failed.iter().filter(|logical| {
            let found = self.resources.get(logical.as_str());
            found.is_some_and(is_undeleted)
        });
        let mut open: Vec<&str> = failed.map(LogicalId::as_str).collect();
        let mut seen: BTreeSet<&str> = open.iter().copied().collect();
        while let Some(next) = open.pop() {
            for side in sides {
                for needed in side.ready.needs.get(next).into_iter().flatten() {
                    if needed == name {
                        return true;
                    }
                    if seen.insert(needed) {
                        open.push(needed);
                    }
                }
            }
        }
        false
    }

    fn remove(
        &mut self,
        goal: Option<&Goal>,
        logical: &LogicalId,
        mut resource: Resource,
        instance: &Instance,
    ) -> Result<Progress, StoreFault> {
        let shown = (resource.physical.clone(), resource.status, resource.reason.clone());
        resource.physical.clone_from(&instance.physical);
        resource.reason = None;
        let side = self.applied(instance)?;
        if self.is_retained(goal, &side, logical, instance)? {
            resource.status = Status::DeleteSkipped;
            self.note(logical, &resource);
            return self.removed(goal, logical, resource, instance, shown);
        }
        let was = self.was(&side, logical)?;
        let type_name = resource.type_name.clone();
        let physical = instance.physical.clone();
        let done =
            self.handle(&side, (logical, &type_name, instance.made), |handlers, place, tx| {
                handlers.delete(place, tx, &physical, was.as_ref())
            });
        let outcome = match done {
            Ok(Done::Ask(asks)) => return Ok(Progress::Ask(asks)),
            Ok(Done::Later) => return Ok(Progress::Wait),
            Ok(Done::Done(())) => Ok(()),
            Err(Failure::Store(fault)) => return Err(fault),
            Err(Failure::Refused(words)) => Err(words),
        };
        resource.status = Status::DeleteInProgress;
        resource.updated = self.cx.now;
        self.note(logical, &resource);
        match outcome {
            Ok(()) => {
                resource.status = Status::DeleteComplete;
                self.note(logical, &resource);
                self.removed(goal, logical, resource, instance, shown)
            }
            Err(words) => {
                resource.status = Status::DeleteFailed;
                resource.reason = Some(Reason::Said(words));
                self.note(logical, &resource);
                self.resources.put(logical, resource);
                self.keep(logical)?;
                self.run.failed.insert(logical.clone());
                self.run.position += 1;
                Ok(self.moved())
            }
        }
    }

    fn was(&self, side: &Goal, logical: &LogicalId) -> Result<Option<Value>, StoreFault> {
        let Some(declared) = side.ready.declared(logical.as_str()) else { return Ok(None) };
        let was = self.properties(side, declared)?.ok();
        Ok(was.filter(|was| was.first_unknown().is_none()))
    }

    /// Whether an instance is left alone when it leaves the stack.
    fn is_retained(
        &self,
        goal: Option<&Goal>,
        side: &Goal,
        logical: &LogicalId,
        instance: &Instance,
    ) -> Result<bool, StoreFault> {
        if self.run.retained.contains(logical) {
            return Ok(true);
        }
        let name = logical.as_str();
        // What an operation has made that is taken back.
        let undone = match self.run.phase {
            Phase::Rollback => true,
            Phase::UpdateRollbackCleanup => {
                goal.is_some_and(|goal| instance.made > goal.generation)
            }
            _ => false,
        };
        let replaced = goal.and_then(|goal| goal.ready.declared(name).map(|found| (goal, found)));
        let policy = match (replaced, side.ready.declared(name)) {
            (Some(_), _) if undone => return Ok(false),
            (Some((goal, found)), _) => goal
                .ready
                .resolution()
                .and_then(|resolution| resolution.update_replace_policy(found)),
            (None, Some(found)) => {
                side.ready.resolution().and_then(|resolution| resolution.deletion_policy(found))
            }
            (None, None) => return Ok(false),
        };
        Ok(match policy.map_err(|_| StoreFault)? {
            Disposal::Delete => false,
            Disposal::Retain => !(undone && self.stack.options.retain_except_on_create),
            Disposal::RetainExceptOnCreate => !undone,
        })
    }

    /// An instance is no longer the stack's.
    fn removed(
        &mut self,
        goal: Option<&Goal>,
        logical: &LogicalId,
        mut resource: Resource,
        instance: &Instance,
        shown: (Box<str>, Status, Option<Reason>),
    ) -> Result<Progress, StoreFault> {
        resource.instances.retain(|other| other != instance);
        if goal.is_some_and(|goal| goal.ready.declared(logical.as_str()).is_some()) {
            // What is left is what clients are shown.
            (resource.physical, resource.status, resource.reason) = shown;
            if let Some(left) = resource.instances.last() {
                resource.physical.clone_from(&left.physical);
            }
        }
        self.resources.put(logical, resource);
        self.keep(logical)?;
        Ok(self.moved())
    }

    /// Takes a resource off the list that the goal does not have and of which nothing is left, and
    /// says so. In a stack that is deleted it stays listed as deleted.
    fn forget(&mut self, goal: Option<&Goal>, logical: &LogicalId, resource: &Resource) -> bool {
        let wanted = goal.is_none_or(|goal| goal.ready.declared(logical.as_str()).is_some());
        if wanted || !resource.instances.is_empty() {
            return false;
        }
        let (scope, stack) = (self.scope, self.stack.id);
        self.tx.remove(Key::StackResource { scope, stack, logical: logical.clone() });
        self.resources.remove(logical);
        true
    }

    fn cleaned(&mut self) -> Result<Progress, StoreFault> {
        let failed: BTreeSet<LogicalId> = self
            .run
            .failed
            .iter()
            .filter(|logical| {
                let found = self.resources.get(logical.as_str());
                found.is_some_and(is_undeleted)
            })
            .cloned()
            .collect();
        let reason = (!failed.is_empty()).then(|| Reason::FailedToDelete(failed.clone()));
        match self.run.phase {
            Phase::UpdateCleanup => {
                // AWS: an update is complete also if something old could not be deleted.
                (self.stack.leaving, self.stack.superseded) = (None, Vec::new());
                self.tell(Status::UpdateComplete, None);
            }
            Phase::UpdateRollbackCleanup => {
                (self.stack.leaving, self.stack.superseded) = (None, Vec::new());
                self.tell(Status::UpdateRollbackComplete, None);
            }
            Phase::Rollback => {
                let done = reason.is_none();
                let status = if done { Status::RollbackComplete } else { Status::RollbackFailed };
                self.tell(status, reason);
            }
            _ if reason.is_some() => self.tell(Status::DeleteFailed, reason),
            _ => {
                self.stack.deleted = Some(self.cx.now);
                self.tell(Status::DeleteComplete, None);
                let name = self.stack.name.clone();
                self.tx.remove(Key::StackOfName { scope: self.scope, name });
                let (scope, stack) = (self.scope, self.stack.id);
                for set in change_set::of_stack(self.tx, scope, stack)? {
                    change_set::remove(self.tx, scope, stack, set);
                }
            }
        }
        self.ended()
    }
}

/// Whether a resource could not be deleted.
fn is_undeleted(resource: &Resource) -> bool {
    resource.status == Status::DeleteFailed
}
