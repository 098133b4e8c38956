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
use crate::stacks::handlers::{Change, Done, Failure, Handled};
use crate::stacks::ids::{LogicalId, StackArn};
use crate::stacks::model::{Instance, Reason, Resource, Status};
use crate::stacks::record;
use crate::stacks::run::{Goal, Progress, Work};
use crate::tags::Tags;
use crate::time::Timestamp;
use crate::tx::{Records, Tx, collect};

/// How far the import came.
enum Imported {
    All,
    Ask(Vec<Ask>),
    Later,
    Refused(Import, Reason),
}

/// Something that exists, and what it is called in the template.
#[derive(Clone)]
struct Import {
    logical: LogicalId,
    type_name: Box<str>,
    physical: Box<str>,
}

impl Import {
    fn is(&self, resource: &Resource) -> bool {
        self.type_name == resource.type_name
            && resource.instances.iter().any(|instance| instance.physical == self.physical)
    }

    fn begun(&self, now: Timestamp) -> Resource {
        Resource {
            type_name: self.type_name.clone(),
            instances: Vec::new(),
            physical: self.physical.clone(),
            status: Status::ImportInProgress,
            reason: Some(Reason::ImportBegun),
            updated: now,
            drift: None,
        }
    }

    fn refused(&self, reason: Reason) -> Imported {
        Imported::Refused(self.clone(), reason)
    }

    /// Why a handler was not done with it, if it was not.
    fn stopped(&self, handled: Handled<()>) -> Result<Option<Imported>, StoreFault> {
        match handled {
            Ok(Done::Done(())) => Ok(None),
            Ok(Done::Ask(asks)) => Ok(Some(Imported::Ask(asks))),
            Ok(Done::Later) => Ok(Some(Imported::Later)),
            Err(Failure::Store(fault)) => Err(fault),
            Err(Failure::Refused(words)) => Ok(Some(self.refused(Reason::Said(words)))),
        }
    }
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
            Imported::Refused(import, reason) => {
                let mut resource = import.begun(self.cx.now);
                self.note(&import.logical, &resource);
                (resource.status, resource.reason) = (Status::ImportFailed, Some(reason));
                self.note(&import.logical, &resource);
                self.not_imported(Reason::FailedToImport(import.logical))
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
        let imports = self.imports(goal)?;
        if let Some((import, stack)) = self.owned(&imports)? {
            let physical = import.physical.clone();
            return Ok(import.refused(Reason::InStack { physical, stack }));
        }
        // All are looked at before any is written to.
        for import in &imports {
            let at = (&import.logical, &*import.type_name, goal.generation);
            let checked = self.handle(goal, at, |handlers, place, tx| {
                handlers.import(place, tx, &import.physical)
            });
            if let Some(stopped) = import.stopped(checked)? {
                return Ok(stopped);
            }
        }
        for import in &imports {
            if let Some(stopped) = self.import_one(goal, import)? {
                return Ok(stopped);
            }
        }
        Ok(Imported::All)
    }

    /// What the change set imports, in the template's order: each may refer to those before it.
    fn imports(&self, goal: &Goal) -> Result<Vec<Import>, StoreFault> {
        let (_, set) = self.stack.change_set.as_ref().ok_or(StoreFault)?;
        let set = self.tx.change_set(self.scope, *set)?.ok_or(StoreFault)?;
        let mut imports = Vec::new();
        for name in &goal.ready.order {
            let change = set.changes.iter().find(|change| change.logical.as_str() == name);
            let Some(change) = change.filter(|change| change.action == Action::Import) else {
                continue;
            };
            let (logical, type_name) = (change.logical.clone(), change.type_name.clone());
            let physical = change.physical.clone().ok_or(StoreFault)?;
            imports.push(Import { logical, type_name, physical });
        }
        Ok(imports)
    }

    fn import_one(&mut self, goal: &Goal, import: &Import) -> Result<Option<Imported>, StoreFault> {
        let (generation, logical) = (goal.generation, &import.logical);
        let declared = goal.ready.declared(logical.as_str()).ok_or(StoreFault)?;
        let wanted = match self.properties(goal, declared)? {
            Ok(wanted) => wanted,
            Err(problem) => {
                return Ok(Some(import.refused(Reason::Said(problem.to_string().into()))));
            }
        };
        let mut resource = import.begun(self.cx.now);
        self.note(logical, &resource);
        (resource.status, resource.reason) = (Status::ImportComplete, Some(Reason::ImportDone));
        self.note(logical, &resource);
        (resource.status, resource.reason) = (Status::UpdateInProgress, Some(Reason::ImportTagged));
        self.note(logical, &resource);
        let known = schema::find(&import.type_name).ok_or(StoreFault)?;
        if known.property("Tags").is_some() {
            // Nothing but the tags of the stack.
            let tags_before = &Tags::new();
            let (was, wanted) = (&wanted, &wanted);
            let change = Change { was, wanted, tags_before, adopted: true };
            let at = (logical, &*import.type_name, generation);
            let tagged = self.handle(goal, at, |handlers, place, tx| {
                handlers.update(place, tx, &import.physical, change)
            });
            if let Some(stopped) = import.stopped(tagged)? {
                return Ok(Some(stopped));
            }
        }
        let physical = import.physical.clone();
        resource.instances.push(Instance {
            physical,
            made: generation,
            applied: generation,
            unsettled: false,
        });
        (resource.status, resource.reason) = (Status::UpdateComplete, None);
        self.note(logical, &resource);
        self.resources.put(logical, resource);
        self.keep(logical)?;
        Ok(None)
    }

    /// One that belongs to a stack, and to which. There is no index by physical id: every stack of
    /// the account in this Region is looked through, once for all of them.
    fn owned<'i>(
        &self,
        imports: &'i [Import],
    ) -> Result<Option<(&'i Import, StackArn)>, StoreFault> {
        let scope = self.scope;
        let stacks = collect(self.tx, Prefix::Stacks { scope }, |_, record| match record {
            Record::Stack(stack) => Some(stack),
            _ => None,
        })?;
        for stack in stacks.iter().filter(|stack| stack.deleted.is_none()) {
            for resource in record::resources(self.tx, scope, stack.id)?.values() {
                if let Some(import) = imports.iter().find(|import| import.is(resource)) {
                    return Ok(Some((import, stack.arn(scope))));
                }
            }
        }
        Ok(None)
    }
}
