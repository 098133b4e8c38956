//! The machine that carries out a stack's operation, one step at a time.
//!
//! A step is one transaction: what it does to a resource and what it notes of that are committed
//! together or not at all. [`step`] decides from what is stored alone, so that whoever calls it,
//! after whatever crash, goes on where the last commit was. This file builds: it leads resources
//! to the goal's template. The deletions are in `removal`.

use std::collections::BTreeSet;
use std::sync::Arc;

use regent_cfn::error::Problem;
use regent_cfn::resolve::{Block, Truth, resolve_dynamic};
use regent_cfn::schema::{self, Outcome};
use regent_cfn::template::Resource as Declared;
use regent_cfn::{Located, Text, Value};

use crate::cx::{Ask, Cx};
use crate::ids::Scope;
use crate::ports::StoreFault;
use crate::records::Key;
use crate::stacks::change_set;
use crate::stacks::documents::{Document, Documents};
use crate::stacks::exports::{self, Exports};
use crate::stacks::handlers::{Change, Done, Failure, Handled, Handlers, Place};
use crate::stacks::ids::{ExportName, LogicalId, StackId};
pub use crate::stacks::known::Cache;
use crate::stacks::known::Known;
use crate::stacks::model::{
    Event, Instance, OnFailure, Output, Phase, Reason, Resource, Run, Side, Stack, Status,
};
use crate::stacks::policy::{Action, StackPolicy, Verdict};
use crate::stacks::ready::{Made, Ready};
use crate::stacks::{record, role};
use crate::tags::Tags;
use crate::tx::{Records, Tx};

/// How far a step came.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Commit, and ask for the next step.
    Moved,
    /// Nothing to commit: something has to happen elsewhere first.
    Wait,
    /// Nothing to commit: other Regions have to be asked first.
    Ask(Vec<Ask>),
    /// There is nothing under way.
    Over,
}

/// One step of a stack's run, as a session of the stack's role or else the principal of the run.
pub fn step(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    id: StackId,
    handlers: &dyn Handlers,
    cache: &mut Cache,
) -> Result<Progress, StoreFault> {
    let scope = cx.scope();
    let (Some(run), Some(stack)) = (tx.stack_run(scope, id)?, tx.stack(scope, id)?) else {
        return Ok(Progress::Over);
    };
    let session = role::session(cx, tx, &stack)?;
    let (caller, handlers) = match &session {
        None => (cx.caller, handlers),
        Some(Ok(session)) => (session, handlers),
        Some(Err(unassumable)) => (cx.caller, unassumable as &dyn Handlers),
    };
    let cx = &Cx { caller, ..*cx };
    let resources = cache.resources(tx, scope, id, &run)?;
    let (stack, before) = (Stack::clone(&stack), run);
    let run = Run::clone(&before);
    let mut work = Work { cx, tx, handlers, cache, scope, stack, run, resources };
    let progress = match work.run.phase {
        Phase::Create | Phase::Update | Phase::UpdateRollback => work.build(),
        Phase::Rollback | Phase::Delete | Phase::UpdateCleanup | Phase::UpdateRollbackCleanup => {
            work.clean()
        }
        Phase::Import => work.import(),
    }?;
    let Work { cache, run, resources, .. } = work;
    match progress {
        Progress::Moved => cache.keep(run, resources),
        _ if !resources.is_changed => cache.keep(Run::clone(&before), resources),
        _ => {}
    }
    Ok(progress)
}

/// One step under construction.
pub(super) struct Work<'w, 't> {
    pub(super) cx: &'w Cx<'w>,
    pub(super) tx: &'w mut Tx<'t>,
    pub(super) handlers: &'w dyn Handlers,
    pub(super) cache: &'w mut Cache,
    pub(super) scope: Scope,
    pub(super) stack: Stack,
    pub(super) run: Run,
    pub(super) resources: Known,
}

/// A side, with what was read of it.
#[derive(Clone)]
pub(super) struct Goal {
    pub(super) generation: u32,
    pub(super) tags: Tags,
    pub(super) ready: Arc<Ready>,
}

impl Goal {
    fn type_name(&self, logical: &LogicalId) -> Result<Box<str>, StoreFault> {
        let declared = self.ready.template.resource(logical.as_str()).ok_or(StoreFault)?;
        Ok(declared.type_name.as_str().into())
    }
}

/// An output, not sealed yet.
struct Resolved {
    key: Box<str>,
    value: Text,
    description: Option<Box<str>>,
    export: Option<ExportName>,
}

/// What a resource needs.
enum Needed {
    Nothing,
    Create { wanted: Value, replaces: bool },
    Update { was: Value, wanted: Value, tags_before: Tags },
    Impossible(Box<str>),
}

impl Work<'_, '_> {
    fn build(&mut self) -> Result<Progress, StoreFault> {
        let side = match self.run.phase {
            Phase::UpdateRollback => self.stack.current.clone(),
            _ => self.stack.target.clone(),
        };
        let goal = self.goal(side.as_ref())?;
        let first = self.run.position == 0 && self.resources.begun().is_empty();
        if first && let Some(barred) = self.barred(&goal, side.as_ref())? {
            return Ok(barred);
        }
        loop {
            let name = match self.at(&goal.ready.order) {
                Some(name) if self.may_begin(&goal, &name) => name,
                None if self.resources.begun().is_empty() => return self.built(&goal),
                _ => return self.settle_begun(&goal),
            };
            let Some(declared) = goal.ready.declared(&name) else { return Err(StoreFault) };
            let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
            self.run.position += 1;
            if self.resources.begun().contains(&name) || self.is_behind_failed(&goal, &name) {
                continue;
            }
            if self.run.phase == Phase::UpdateRollback && self.run.retained.contains(&logical) {
                return self.restored(&goal, &logical, &[Status::UpdateComplete]);
            }
            match self.needed(&goal, declared)? {
                Needed::Nothing if self.is_refused_update(&name) => {
                    // AWS: what refused its update is led back like all that took it.
                    let way = [Status::UpdateInProgress, Status::UpdateComplete];
                    return self.restored(&goal, &logical, &way);
                }
                Needed::Nothing if self.is_to_be_tried_again(&name) => {
                    return self.try_again(&goal, &logical, declared);
                }
                Needed::Nothing => {}
                Needed::Impossible(words) => return self.fail(&logical, Reason::Said(words)),
                Needed::Create { wanted, replaces } => {
                    if replaces && let Some(reason) = self.denied(Action::Replace, &logical)? {
                        return self.fail(&logical, reason);
                    }
                    return self.create(&goal, &logical, &wanted, replaces);
                }
                Needed::Update { was, wanted, tags_before } => {
                    if let Some(reason) = self.denied(Action::Modify, &logical)? {
                        return self.fail(&logical, reason);
                    }
                    return self.update(&goal, &logical, &was, &wanted, &tags_before);
                }
            }
        }
    }

    /// What ends an operation before its first resource.
    fn barred(&mut self, goal: &Goal, side: Option<&Side>) -> Result<Option<Progress>, StoreFault> {
        if self.run.phase == Phase::UpdateRollback {
            return Ok(None);
        }
        if let Some(reason) = exports::missing(self.tx, self.scope, side.ok_or(StoreFault)?)? {
            return self.turn_back(reason).map(Some);
        }
        let leaves = |name: &&String| goal.ready.declared(name).is_none();
        let leaving: Vec<String> = self.resources.all().keys().filter(leaves).cloned().collect();
        for name in leaving {
            let logical: LogicalId = name.parse().map_err(|_| StoreFault)?;
            if let Some(reason) = self.denied(Action::Delete, &logical)? {
                self.note_failure(&logical, reason)?;
                let failed = BTreeSet::from([logical]);
                return self.turn_back(Reason::FailedToUpdate(failed)).map(Some);
            }
        }
        Ok(None)
    }

    /// Why the stack's policy does not let an update do that to a resource, if it does not.
    fn denied(&self, action: Action, logical: &LogicalId) -> Result<Option<Reason>, StoreFault> {
        let Some(text) = self.run.policy.as_ref().filter(|_| self.run.phase == Phase::Update)
        else {
            return Ok(None);
        };
        let policy = StackPolicy::read(text).ok_or(StoreFault)?;
        let found = self.resources.get(logical.as_str()).ok_or(StoreFault)?;
        let statement = match policy.verdict(action, logical.as_str(), &found.type_name) {
            Verdict::Allowed => return Ok(None),
            Verdict::Denied(statement) => Some(statement),
            Verdict::NotAllowed => None,
        };
        Ok(Some(Reason::PolicyDenied { action, logical: logical.clone(), statement }))
    }

    pub(super) fn at(&self, order: &[String]) -> Option<String> {
        order.get(usize::try_from(self.run.position).ok()?).cloned()
    }

    pub(super) fn goal(&mut self, side: Option<&Side>) -> Result<Goal, StoreFault> {
        let side = side.ok_or(StoreFault)?;
        let (generation, tags) = (side.generation, side.tags.clone());
        if let Some(ready) = self.cache.sides.get(&generation) {
            return Ok(Goal { generation, tags, ready: Arc::clone(ready) });
        }
        let ready = Arc::new(Ready::open(self.cx, self.scope, &self.stack, side)?);
        self.cache.sides.insert(generation, Arc::clone(&ready));
        Ok(Goal { generation, tags, ready })
    }

    /// The side whose template an instance's properties were last set by.
    pub(super) fn applied(&mut self, instance: &Instance) -> Result<Goal, StoreFault> {
        let of = self.stack.sides().find(|side| side.generation == instance.applied);
        // What was left alone by later operations is as the oldest of them says.
        let oldest = self.stack.sides().min_by_key(|side| side.generation);
        let side = of.or(oldest).cloned();
        self.goal(side.as_ref())
    }

    fn needed(&mut self, goal: &Goal, declared: &Declared) -> Result<Needed, StoreFault> {
        let raw = match self.properties(goal, declared)? {
            Ok(raw) => raw,
            Err(problem) => return Ok(Needed::Impossible(problem.to_string().into())),
        };
        if let Some((unknown, _)) = raw.first_unknown() {
            return Ok(Needed::Impossible(unknown.why().into()));
        }
        let found = self.resources.get(&declared.name);
        let Some(instance) = found.and_then(|found| found.instance(goal.generation)).cloned()
        else {
            return Ok(self.ready_values(&raw, |wanted| Needed::Create { wanted, replaces: false }));
        };
        if instance.applied == goal.generation {
            return Ok(Needed::Nothing);
        }
        let before = self.applied(&instance)?;
        let Some(old) = before.ready.declared(&declared.name) else {
            // It left the template before, and could not be deleted: this is another one.
            return Ok(self.ready_values(&raw, |wanted| Needed::Create { wanted, replaces: false }));
        };
        let was = self.properties(&before, old)?.map_err(|_| StoreFault)?;
        let known = schema::find(&declared.type_name).ok_or(StoreFault)?;
        let difference = known.difference(&was, &raw);
        let retagged = before.tags != goal.tags && known.property("Tags").is_some();
        Ok(match known.outcome(&difference) {
            Outcome::Nothing if !retagged => Needed::Nothing,
            Outcome::Refused(words) => Needed::Impossible(words.into()),
            Outcome::Replacement | Outcome::Conditional => {
                self.ready_values(&raw, |wanted| Needed::Create { wanted, replaces: true })
            }
            Outcome::Nothing | Outcome::Update => {
                let tags_before = before.tags;
                self.ready_values(&raw, |wanted| Needed::Update { was, wanted, tags_before })
            }
        })
    }

    /// The properties as they are compared: with dynamic references as written.
    pub(super) fn properties(
        &self,
        goal: &Goal,
        declared: &Declared,
    ) -> Result<Result<Value, Located>, StoreFault> {
        let (scope, resources, generation) = (self.scope, self.resources.all(), goal.generation);
        let exports = Exports::new(self.cx, self.tx);
        let made = Made { scope, resources, generation, exports: &exports };
        let properties = goal.ready.properties(declared, &made);
        exports.check()?;
        Ok(properties)
    }

    /// The properties as they are handed over: with dynamic references replaced.
    fn ready_values(&self, raw: &Value, then: impl FnOnce(Value) -> Needed) -> Needed {
        let resolver = self.handlers.resolver(self.cx, self.tx);
        match resolve_dynamic(raw, &*resolver) {
            Ok(wanted) => then(wanted),
            Err(problem) => Needed::Impossible(problem.to_string().into()),
        }
    }

    fn create(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        wanted: &Value,
        replaces: bool,
    ) -> Result<Progress, StoreFault> {
        let type_name = goal.type_name(logical)?;
        let (status, reason) = if replaces {
            (Status::UpdateInProgress, Some(Reason::Replacement))
        } else {
            (Status::CreateInProgress, None)
        };
        let old = self.resources.get(logical.as_str()).map(|found| found.physical.clone());
        let old = old.filter(|_| replaces).unwrap_or_default();
        let at = (logical, &*type_name, goal.generation);
        let made = self.handle(goal, at, |handlers, place, tx| handlers.create(place, tx, wanted));
        let outcome = match made {
            Ok(Done::Ask(asks)) => return Ok(Progress::Ask(asks)),
            Ok(Done::Later) => return Ok(Progress::Wait),
            Ok(Done::Done(physical)) => Ok(physical),
            Err(Failure::Store(fault)) => return Err(fault),
            Err(Failure::Refused(words)) => Err(words),
        };
        let mut resource = Resource {
            type_name,
            instances: Vec::new(),
            physical: old,
            status,
            reason,
            updated: self.cx.now,
            drift: None,
        };
        if let Some(found) = self.resources.get(logical.as_str()) {
            resource.instances.clone_from(&found.instances);
        }
        self.note(logical, &resource);
        match outcome {
            Err(words) => {
                self.resources.put(logical, resource);
                self.fail(logical, Reason::Said(words))
            }
            Ok(physical) => {
                let generation = goal.generation;
                let (made, applied, unsettled) = (generation, generation, true);
                let physical_id = physical.clone();
                resource.instances.push(Instance {
                    physical: physical_id,
                    made,
                    applied,
                    unsettled,
                });
                resource.physical = physical;
                resource.reason = Some(Reason::CreationInitiated);
                self.note(logical, &resource);
                self.resources.put(logical, resource);
                self.settle_now(goal, logical, wanted)
            }
        }
    }

    fn update(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        was: &Value,
        wanted: &Value,
        tags_before: &Tags,
    ) -> Result<Progress, StoreFault> {
        let type_name = goal.type_name(logical)?;
        let Some(mut resource) = self.resources.get(logical.as_str()).cloned() else {
            return Err(StoreFault);
        };
        let instance = resource.instance(goal.generation).ok_or(StoreFault)?;
        let (physical, made) = (instance.physical.clone(), instance.made);
        let change = Change { was, wanted, tags_before, adopted: false };
        let updated = self.handle(goal, (logical, &type_name, made), |handlers, place, tx| {
            handlers.update(place, tx, &physical, change)
        });
        let outcome = match updated {
            Ok(Done::Ask(asks)) => return Ok(Progress::Ask(asks)),
            Ok(Done::Later) if !self.is_overdue() => return Ok(Progress::Wait),
            Ok(Done::Later) => return self.fail(logical, Reason::TimedOut),
            Ok(Done::Done(())) => Ok(()),
            Err(Failure::Store(fault)) => return Err(fault),
            Err(Failure::Refused(words)) => Err(words),
        };
        (resource.status, resource.reason) = (Status::UpdateInProgress, None);
        resource.drift = None;
        resource.physical = physical;
        resource.updated = self.cx.now;
        self.note(logical, &resource);
        if outcome.is_ok() {
            let found = resource.instances.iter_mut().find(|instance| instance.made == made);
            found.ok_or(StoreFault)?.applied = goal.generation;
        }
        self.resources.put(logical, resource);
        if let Err(words) = outcome {
            return self.fail(logical, Reason::Said(words));
        }
        self.settle_now(goal, logical, wanted)
    }

    /// Calls a handler on a transaction within the step's, whose writes are taken over only if the
    /// handler is done.
    pub(super) fn handle<T>(
        &mut self,
        goal: &Goal,
        (logical, type_name, made): (&LogicalId, &str, u32),
        call: impl FnOnce(&dyn Handlers, &Place<'_>, &mut Tx<'_>) -> Handled<T>,
    ) -> Handled<T> {
        let stack = self.stack.arn(self.scope);
        let (cx, tags, stack) = (self.cx, &goal.tags, &stack);
        let has_settled = self.has_settled(logical, made);
        let place = Place { cx, type_name, logical, stack, tags, made, has_settled };
        let mut inner = Tx::new(&*self.tx);
        let done = call(self.handlers, &place, &mut inner)?;
        if let Done::Done(_) = done {
            let batch = inner.into_batch();
            self.tx.take_over(batch);
        }
        Ok(done)
    }

    /// A resource could not be made or changed: the way back begins.
    pub(super) fn fail(
        &mut self,
        logical: &LogicalId,
        reason: Reason,
    ) -> Result<Progress, StoreFault> {
        let creating = self.note_failure(logical, reason)?;
        if self.is_left_failed() {
            return Ok(self.moved());
        }
        let failed = BTreeSet::from([logical.clone()]);
        self.turn_back(if creating {
            Reason::FailedToCreate(failed)
        } else {
            Reason::FailedToUpdate(failed)
        })
    }

    /// Gives whether the resource was being made.
    fn note_failure(&mut self, logical: &LogicalId, reason: Reason) -> Result<bool, StoreFault> {
        let mut resource = match self.resources.get(logical.as_str()) {
            Some(found) => found.clone(),
            None => self.unmade(logical)?,
        };
        let creating = matches!(resource.status, Status::CreateInProgress);
        resource.status = if creating { Status::CreateFailed } else { Status::UpdateFailed };
        resource.reason = Some(reason);
        resource.updated = self.cx.now;
        self.note(logical, &resource);
        self.resources.put(logical, resource);
        self.keep(logical)?;
        self.run.failed.insert(logical.clone());
        Ok(creating)
    }

    /// Whether what fails stays as it is. AWS: then what does not need it is made all the same.
    fn is_left_failed(&self) -> bool {
        let builds = matches!(self.run.phase, Phase::Create | Phase::Update);
        builds && self.stack.options.on_failure == OnFailure::DoNothing
    }

    /// Whether a resource needs one that failed, or one that does.
    fn is_behind_failed(&self, goal: &Goal, name: &str) -> bool {
        if !self.is_left_failed() || self.run.failed.is_empty() {
            return false;
        }
        let mut open = vec![name];
        let mut seen = BTreeSet::new();
        while let Some(next) = open.pop() {
            for needed in goal.ready.needs.get(next).into_iter().flatten() {
                if self.run.failed.iter().any(|failed| failed.as_str() == needed) {
                    return true;
                }
                if seen.insert(needed.as_str()) {
                    open.push(needed);
                }
            }
        }
        false
    }

    /// Whether a rollback comes to a resource whose update was refused, so that it is as before.
    fn is_refused_update(&self, name: &str) -> bool {
        let found = self.resources.get(name);
        self.run.phase == Phase::UpdateRollback
            && found.is_some_and(|found| found.status == Status::UpdateFailed)
    }

    /// A resource counts as what the goal says, without being touched.
    fn restored(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        way: &[Status],
    ) -> Result<Progress, StoreFault> {
        let Some(mut resource) = self.resources.get(logical.as_str()).cloned() else {
            return Ok(self.moved());
        };
        let generation = goal.generation;
        if let Some(made) = resource.instance(generation).map(|instance| instance.made) {
            for instance in resource.instances.iter_mut().filter(|found| found.made == made) {
                instance.applied = generation;
                resource.physical.clone_from(&instance.physical);
            }
        }
        (resource.reason, resource.updated) = (None, self.cx.now);
        for status in way {
            resource.status = *status;
            self.note(logical, &resource);
        }
        self.resources.put(logical, resource);
        self.keep(logical)?;
        Ok(self.moved())
    }

    /// A resource whose properties could not even be resolved.
    fn unmade(&mut self, logical: &LogicalId) -> Result<Resource, StoreFault> {
        let side = self.stack.target.clone().or_else(|| self.stack.current.clone());
        let goal = self.goal(side.as_ref())?;
        let resource = Resource {
            type_name: goal.type_name(logical)?,
            instances: Vec::new(),
            physical: Box::default(),
            status: Status::CreateInProgress,
            reason: None,
            updated: self.cx.now,
            drift: None,
        };
        self.note(logical, &resource);
        Ok(resource)
    }

    fn turn_back(&mut self, reason: Reason) -> Result<Progress, StoreFault> {
        self.give_up_begun()?;
        self.run.position = 0;
        match (self.run.phase, self.stack.options.on_failure) {
            (Phase::Create, OnFailure::DoNothing) => {
                self.tell(Status::CreateFailed, Some(reason));
                self.ended()
            }
            (Phase::Create, OnFailure::Rollback) => {
                self.tell(Status::RollbackInProgress, Some(reason));
                Ok(self.phase(Phase::Rollback))
            }
            (Phase::Create, OnFailure::Delete) => {
                self.tell(Status::DeleteInProgress, Some(reason));
                Ok(self.phase(Phase::Delete))
            }
            (Phase::Update, OnFailure::DoNothing) => {
                self.tell(Status::UpdateFailed, Some(reason));
                self.ended()
            }
            (Phase::Update, _) => {
                self.tell(Status::UpdateRollbackInProgress, Some(reason));
                Ok(self.phase(Phase::UpdateRollback))
            }
            _ => {
                self.tell(Status::UpdateRollbackFailed, Some(reason));
                self.ended()
            }
        }
    }

    /// Every resource is as the goal says.
    fn built(&mut self, goal: &Goal) -> Result<Progress, StoreFault> {
        self.run.position = 0;
        if self.run.phase == Phase::UpdateRollback {
            self.stack.leaving = self.stack.target.take();
            self.tell(Status::UpdateRollbackCompleteCleanupInProgress, None);
            return Ok(self.phase(Phase::UpdateRollbackCleanup));
        }
        if self.is_left_failed() && !self.run.failed.is_empty() {
            return self.turn_back(self.failure());
        }
        let outputs = match self.resolved_outputs(goal)? {
            Ok(outputs) => outputs,
            Err(problem) => return self.turn_back(Reason::Said(problem.to_string().into())),
        };
        let exported = outputs.iter().filter_map(|output| {
            output.export.as_ref().map(|name| (name.clone(), output.value.clone()))
        });
        let exported = exported.collect();
        if let Some(reason) = exports::replace(self.cx, self.tx, &self.stack, &exported)? {
            return self.turn_back(reason);
        }
        self.stack.outputs = self.sealed(outputs)?;
        if let Some(policy) = self.run.policy_after.take() {
            self.stack.policy = Some(policy);
        }
        let made = self.stack.target.take();
        let before = std::mem::replace(&mut self.stack.current, made);
        if self.run.phase == Phase::Create {
            self.tell(Status::CreateComplete, None);
            return self.ended();
        }
        self.stack.leaving = before;
        self.tell(Status::UpdateCompleteCleanupInProgress, None);
        Ok(self.phase(Phase::UpdateCleanup))
    }

    /// Why an operation fails that went on past its failures.
    fn failure(&self) -> Reason {
        let failed = self.run.failed.clone();
        let status = |name: &LogicalId| self.resources.get(name.as_str()).map(|found| found.status);
        if failed.iter().all(|name| status(name) == Some(Status::CreateFailed)) {
            Reason::FailedToCreate(failed)
        } else {
            Reason::FailedToUpdate(failed)
        }
    }

    fn sealed(&self, outputs: Vec<Resolved>) -> Result<Vec<Output>, StoreFault> {
        let documents = Documents::open(self.cx, self.scope.account, &self.stack)?;
        let seal = |output: Resolved| {
            let Resolved { key, value, description, export } = output;
            let value = documents.seal(self.cx, Document::Output(&key), value.expose());
            Output { key, value, description, export }
        };
        Ok(outputs.into_iter().map(seal).collect())
    }

    fn resolved_outputs(&self, goal: &Goal) -> Result<Result<Vec<Resolved>, Located>, StoreFault> {
        let (scope, resources, generation) = (self.scope, self.resources.all(), goal.generation);
        let exports = Exports::new(self.cx, self.tx);
        let made = Made { scope, resources, generation, exports: &exports };
        let resolved = resolved_outputs(goal, &made);
        exports.check()?;
        Ok(resolved)
    }

    /// An event of a resource in its present state.
    pub(super) fn note(&mut self, logical: &LogicalId, resource: &Resource) {
        let event = Event {
            at: self.cx.now,
            logical: Some(logical.clone()),
            physical: resource.physical.clone(),
            type_name: resource.type_name.clone(),
            status: resource.status,
            reason: resource.reason.clone(),
            token: self.run.token.clone(),
        };
        record::put_event(self.tx, self.scope, self.stack.id, &mut self.run, event);
    }

    /// Writes a resource as it is now.
    pub(super) fn keep(&mut self, logical: &LogicalId) -> Result<(), StoreFault> {
        let resource = self.resources.get(logical.as_str()).cloned().ok_or(StoreFault)?;
        record::put_resource(self.tx, self.scope, self.stack.id, logical, resource);
        Ok(())
    }

    /// The stack's own state, with an event.
    pub(super) fn tell(&mut self, status: Status, reason: Option<Reason>) {
        self.stack.status = status;
        self.stack.reason = reason;
        let event = record::of_stack(self.cx, &self.stack, self.run.token.clone());
        record::put_event(self.tx, self.scope, self.stack.id, &mut self.run, event);
    }

    pub(super) fn moved(&mut self) -> Progress {
        record::put_run(self.tx, self.scope, self.stack.id, self.run.clone());
        Progress::Moved
    }

    pub(super) fn phase(&mut self, phase: Phase) -> Progress {
        self.run.phase = phase;
        record::put_stack(self.tx, self.scope, self.stack.clone());
        self.moved()
    }

    pub(super) fn ended(&mut self) -> Result<Progress, StoreFault> {
        change_set::note_end(self.tx, self.scope, &self.stack)?;
        self.stack.next_event = self.run.next_event;
        exports::keep_imports(self.tx, self.scope, &mut self.stack);
        record::put_stack(self.tx, self.scope, self.stack.clone());
        self.tx.remove(Key::StackRun { scope: self.scope, id: self.stack.id });
        Ok(Progress::Moved)
    }
}

fn resolved_outputs(goal: &Goal, made: &Made<'_>) -> Result<Vec<Resolved>, Located> {
    let resolution = goal.ready.resolution()?;
    let exists = |condition: &Option<String>| {
        let truth = condition.as_ref().and_then(|name| resolution.condition(name));
        truth.is_none_or(|truth| *truth == Truth::Yes)
    };
    let template = &goal.ready.template;
    let each = template.outputs.iter().filter(|output| exists(&output.condition));
    let each = each.map(|output| {
        let malformed = || Problem::OutputMalformed { name: output.name.clone() }.at(output.at);
        let value = resolution.whole(&output.value, Block::Outputs, made)?;
        let value = value.scalar().or_else(|| value.to_json()).ok_or_else(malformed)?;
        let export = output.export.as_ref().map(|name| {
            let name = resolution.whole(name, Block::Outputs, made)?.scalar();
            name.and_then(|name| name.expose().parse().ok()).ok_or_else(malformed)
        });
        Ok(Resolved {
            key: output.name.as_str().into(),
            value,
            description: output.description.as_deref().map(Into::into),
            export: export.transpose()?,
        })
    });
    each.collect()
}
