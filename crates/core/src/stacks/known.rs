//! What is known of a stack's resources while an operation is under way, and kept between its steps.
//!
//! A step reads all of them only if nothing is kept: the first one after a start, or after another
//! request has changed the run. So a step costs the same however many resources the stack has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::Scope;
use crate::ports::{Read, StoreFault};
use crate::stacks::ids::{LogicalId, StackId};
use crate::stacks::model::{Phase, Resource, Run, Status};
use crate::stacks::ready::Ready;
use crate::stacks::record;

/// What is worth keeping between the steps of one stack. It may be lost at any time.
#[derive(Debug, Default)]
pub struct Cache {
    /// The sides, read.
    pub(super) sides: BTreeMap<u32, Arc<Ready>>,
    /// The resources, as of a run. Whoever writes a resource of a stack that has a run writes the
    /// run as well, so that they hold as long as the run is the same.
    kept: Option<(Run, Known)>,
}

impl Cache {
    /// The resources as they are at this point of the run.
    pub(super) fn resources(
        &mut self,
        read: &dyn Read,
        scope: Scope,
        stack: StackId,
        run: &Run,
    ) -> Result<Known, StoreFault> {
        match self.kept.take() {
            Some((of, known)) if of == *run => Ok(known),
            _ => Ok(Known::new(record::resources(read, scope, stack)?)),
        }
    }

    /// Keeps them as they are once the run is like this: after a commit that may fail, or at once.
    pub(super) fn keep(&mut self, run: Run, mut known: Known) {
        known.is_changed = false;
        self.kept = Some((run, known));
    }
}

/// The resources of a stack.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    resources: BTreeMap<String, Resource>,
    /// Those that were begun and have not settled.
    begun: BTreeSet<String>,
    /// What is deleted, in order, by a phase.
    pub(super) removal: Option<(Phase, Vec<String>)>,
    /// Whether a step has changed them.
    pub(super) is_changed: bool,
}

impl Known {
    fn new(resources: BTreeMap<String, Resource>) -> Self {
        let begun = resources.iter().filter(|(_, found)| is_begun(found));
        let begun = begun.map(|(name, _)| name.clone()).collect();
        Self { resources, begun, removal: None, is_changed: false }
    }

    pub(super) const fn all(&self) -> &BTreeMap<String, Resource> {
        &self.resources
    }

    pub(super) const fn begun(&self) -> &BTreeSet<String> {
        &self.begun
    }

    pub(super) fn get(&self, name: &str) -> Option<&Resource> {
        self.resources.get(name)
    }

    pub(super) fn put(&mut self, logical: &LogicalId, resource: Resource) {
        self.is_changed = true;
        if is_begun(&resource) {
            self.begun.insert(logical.to_string());
        } else {
            self.begun.remove(logical.as_str());
        }
        self.resources.insert(logical.to_string(), resource);
    }

    pub(super) fn remove(&mut self, logical: &LogicalId) {
        self.is_changed = true;
        self.begun.remove(logical.as_str());
        self.resources.remove(logical.as_str());
    }
}

const fn is_begun(resource: &Resource) -> bool {
    matches!(resource.status, Status::CreateInProgress | Status::UpdateInProgress)
}
