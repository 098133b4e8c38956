//! The part of the machine that imports: what exists already becomes the stack's.
//!
//! All of it is one step, so that nothing has to be undone: what cannot be imported is told, and
//! the stack is as before. Only tags of the stack are written to what is imported.

use regent_cfn::schema;

use crate::cx::Ask;
use crate::ports::StoreFault;
use crate::records::{Prefix, Record};
use crate::stacks::change_set::Action;
use crate::stacks::exports;
use crate::stacks::handlers::{Change, Done, Failure};
use crate::stacks::ids::{LogicalId, StackArn};
use crate::stacks::model::{Instance, Reason, Resource, Stack, Status};
use crate::stacks::record;
use crate::stacks::run::{Goal, Progress, Work};
use crate::tags::Tags;
use crate::tx::{Records, Tx, collect};

/// How far the import came.
enum Imported {
    All,
    Ask(Vec<Ask>),
    Later,
    Refused(LogicalId, Box<Resource>),
}

impl Work<'_, '_> {
    pub(super) fn import(&mut self) -> Result<Progress, StoreFault> {
        let side = self.stack.target.clone().ok_or(StoreFault)?;
        let goal = self.goal(Some(&side))?;
        if let Some(reason) = exports::missing(self.tx, self.scope, &side)? {
            return self.not_imported(reason);
        }
        let mut inner = Tx::new(&*self.tx);
        let mut work = Work {
            cx: self.cx,
            tx: &mut inner,
            handlers: self.handlers,
            cache: &mut *self.cache,
            scope: self.scope,
            stack: self.stack.clone(),
            run: self.run.clone(),
            resources: self.resources.clone(),
        };
        let imported = work.import_each(&goal)?;
        let Work { run, resources, .. } = work;
        match imported {
            Imported::All => {
                (self.run, self.resources) = (run, resources);
                let batch = inner.into_batch();
                self.tx.take_over(batch);
                self.stack.current = self.stack.target.take();
                self.tell(Status::ImportComplete, None);
                self.ended()
            }
            Imported::Ask(asks) => Ok(Progress::Ask(asks)),
            Imported::Later => Ok(Progress::Wait),
            Imported::Refused(logical, mut resource) => {
                let why = resource.reason.replace(Reason::ImportBegun);
                self.note(&logical, &resource);
                (resource.status, resource.reason) = (Status::ImportFailed, why);
                self.note(&logical, &resource);
                self.not_imported(Reason::FailedToImport(logical))
            }
        }
    }

    fn not_imported(&mut self, reason: Reason) -> Result<Progress, StoreFault> {
        self.stack.target = None;
        self.tell(Status::ImportRollbackInProgress, Some(reason));
        self.tell(Status::ImportRollbackComplete, None);
        self.ended()
    }

    fn import_each(&mut self, goal: &Goal) -> Result<Imported, StoreFault> {
        let (_, set) = self.stack.change_set.clone().ok_or(StoreFault)?;
        let set = self.tx.change_set(self.scope, set)?.ok_or(StoreFault)?;
        // In their order: each may refer to those before it.
        for name in &goal.ready.order {
            let change = set.changes.iter().find(|change| change.logical.as_str() == name);
            let Some(change) = change.filter(|change| change.action == Action::Import) else {
                continue;
            };
            let physical = change.physical.clone().ok_or(StoreFault)?;
            match self.import_one(goal, &change.logical, physical)? {
                Imported::All => {}
                other => return Ok(other),
            }
        }
        Ok(Imported::All)
    }

    fn import_one(
        &mut self,
        goal: &Goal,
        logical: &LogicalId,
        physical: Box<str>,
    ) -> Result<Imported, StoreFault> {
        let generation = goal.generation;
        let declared = goal.ready.declared(logical.as_str()).ok_or(StoreFault)?;
        let type_name: Box<str> = declared.type_name.as_str().into();
        let mut resource = Resource {
            type_name: type_name.clone(),
            instances: Vec::new(),
            physical: physical.clone(),
            status: Status::ImportInProgress,
            reason: Some(Reason::ImportBegun),
            updated: self.cx.now,
            drift: None,
        };
        let refused = |mut resource: Resource, reason| {
            resource.reason = Some(reason);
            Ok(Imported::Refused(logical.clone(), Box::new(resource)))
        };
        if let Some(stack) = self.owner(&type_name, &physical)? {
            return refused(resource, Reason::InStack { physical, stack });
        }
        let at = (logical, &*type_name, generation);
        match self.handle(goal, at, |handlers, place, tx| handlers.import(place, tx, &physical)) {
            Ok(Done::Done(())) => {}
            Ok(Done::Ask(asks)) => return Ok(Imported::Ask(asks)),
            Ok(Done::Later) => return Ok(Imported::Later),
            Err(Failure::Store(fault)) => return Err(fault),
            Err(Failure::Refused(words)) => return refused(resource, Reason::Said(words)),
        }
        let wanted = match self.properties(goal, declared)? {
            Ok(wanted) => wanted,
            Err(problem) => {
                return refused(resource, Reason::Said(problem.to_string().into()));
            }
        };
        self.note(logical, &resource);
        (resource.status, resource.reason) = (Status::ImportComplete, Some(Reason::ImportDone));
        self.note(logical, &resource);
        (resource.status, resource.reason) = (Status::UpdateInProgress, Some(Reason::ImportTagged));
        self.note(logical, &resource);
        let tagged = schema::find(&type_name).is_some_and(|known| known.property("Tags").is_some());
        if tagged {
            // Nothing but the tags of the stack.
            let change = Change { was: &wanted, wanted: &wanted, tags_before: &Tags::new() };
            let done = self.handle(goal, at, |handlers, place, tx| {
                handlers.update(place, tx, &physical, change)
            });
            match done {
                Ok(Done::Done(())) => {}
                Ok(Done::Ask(asks)) => return Ok(Imported::Ask(asks)),
                Ok(Done::Later) => return Ok(Imported::Later),
                Err(Failure::Store(fault)) => return Err(fault),
                Err(Failure::Refused(words)) => return refused(resource, Reason::Said(words)),
            }
        }
        resource.instances.push(Instance { physical, made: generation, applied: generation });
        (resource.status, resource.reason) = (Status::UpdateComplete, None);
        self.note(logical, &resource);
        self.resources.insert(logical.to_string(), resource);
        self.keep(logical)?;
        Ok(Imported::All)
    }

    /// The stack that a resource belongs to. There is no index by physical id: every stack of the
    /// account in this Region is looked through.
    fn owner(&self, type_name: &str, physical: &str) -> Result<Option<StackArn>, StoreFault> {
        let scope = self.scope;
        let has = |resource: &Resource| {
            *resource.type_name == *type_name
                && resource.instances.iter().any(|instance| *instance.physical == *physical)
        };
        if self.resources.values().any(has) {
            return Ok(Some(self.stack.arn(scope)));
        }
        let stacks = collect(self.tx, Prefix::Stacks { scope }, |_, record| match record {
            Record::Stack(stack) => Some(stack),
            _ => None,
        })?;
        let living = |stack: &&std::sync::Arc<Stack>| stack.deleted.is_none();
        for stack in stacks.iter().filter(living) {
            if record::resources(self.tx, scope, stack.id)?.values().any(has) {
                return Ok(Some(stack.arn(scope)));
            }
        }
        Ok(None)
    }
}
