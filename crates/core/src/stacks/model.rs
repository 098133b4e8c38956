//! What a stack, its resources, its events and its operation under way are, as stored.
//!
//! Whatever may hold a secret's value is [`Sealed`]: see [`crate::stacks::documents`]. Texts of
//! statuses and reasons belong to the wire, but for a reason that a service or a template gave.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{AccountId, Scope};
use crate::limits;
use crate::roles::RoleArn;
use crate::stacks::drift::{Detection, Drift};
use crate::stacks::error::Error;
use crate::stacks::ids::{
    ChangeSetArn, ChangeSetId, ChangeSetName, ExportName, LogicalId, StackArn, StackId, StackName,
};
use crate::stacks::policy::Action;
use crate::tags::Tags;
use crate::time::Timestamp;

/// Bytes under the stack's own key. Cloning shares them: every step has the stack's templates.
pub type Sealed = Arc<[u8]>;

/// A stack, from its creation to the end of its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub id: StackId,
    pub name: StackName,
    /// The key of what is sealed, under the Region key.
    pub data_key: Box<[u8]>,
    pub created: Timestamp,
    pub updated: Option<Timestamp>,
    pub deleted: Option<Timestamp>,
    pub status: Status,
    pub reason: Option<Reason>,
    pub options: Options,
    /// What the stack is, and goes back to. None until it was created.
    pub current: Option<Side>,
    /// What the operation under way leads to.
    pub target: Option<Side>,
    /// What the stack was before, or would have become, until the cleanup is done.
    pub leaving: Option<Side>,
    /// What updates that were left failed would have made of it, as far as a resource is like that.
    pub superseded: Vec<Side>,
    pub outputs: Vec<Output>,
    /// The highest generation that any side had.
    pub generation: u32,
    pub next_event: u64,
    /// What the stack has an index record of importing.
    pub imports: BTreeSet<ExportName>,
    /// What updates may do, as given.
    pub policy: Option<Box<str>>,
    /// The token of the last operation, so that repeating it does nothing.
    pub token: Option<Box<str>>,
    /// The change set that made the stack or was executed last.
    pub change_set: Option<(ChangeSetName, ChangeSetId)>,
    /// The last look at whether it still is as its template says.
    pub detection: Option<Detection>,
    /// Whose sessions do the work of operations, instead of whoever begins them.
    pub role: Option<RoleArn>,
}

impl Stack {
    pub fn change_set_arn(&self, scope: Scope) -> Option<ChangeSetArn> {
        let (name, id) = self.change_set.clone()?;
        Some(ChangeSetArn { scope, name, id })
    }

    pub fn arn(&self, scope: Scope) -> StackArn {
        StackArn { scope, name: self.name.clone(), id: self.id }
    }

    /// Whether a request with this token has begun the operation that the stack is in, or was in last.
    pub fn is_begun_by(&self, token: Option<&str>) -> bool {
        token.is_some() && token == self.token.as_deref()
    }

    /// All that a resource may be like.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        let one = [&self.target, &self.leaving, &self.current].into_iter().flatten();
        one.chain(&self.superseded)
    }

    /// The side that an update begins from, in a state in which there may be one.
    pub fn base(&self) -> Option<&Side> {
        match self.status {
            status if status.is_updatable() => self.current.as_ref(),
            status if status.is_left_failed() => self.target.as_ref(),
            _ => None,
        }
    }

    /// A failed side makes way for another. Whatever is like it is still known to be, so that there
    /// can be only so many.
    pub fn supersede(
        &mut self,
        side: Side,
        resources: &BTreeMap<String, Resource>,
    ) -> Result<(), Error> {
        let before = self.target.replace(side);
        self.superseded.extend(before);
        let mut instances = resources.values().flat_map(|resource| &resource.instances);
        let applied: BTreeSet<u32> = instances.by_ref().map(|instance| instance.applied).collect();
        self.superseded.retain(|side| applied.contains(&side.generation));
        if self.superseded.len() > limits::SUPERSEDED_MAX {
            return Err(Error::TooManyFailures);
        }
        Ok(())
    }

    /// The side that clients are shown.
    pub fn shown(&self) -> Option<&Side> {
        match self.status {
            // A template that was rolled back to is the one there is.
            Status::UpdateRollbackInProgress
            | Status::UpdateRollbackFailed
            | Status::UpdateRollbackCompleteCleanupInProgress => self.current.as_ref(),
            _ => self.target.as_ref().or(self.current.as_ref()).or(self.leaving.as_ref()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub on_failure: OnFailure,
    pub timeout_minutes: Option<u32>,
    pub termination_protection: bool,
    /// What a creation made is deleted by its rollback, whatever its DeletionPolicy says.
    pub retain_except_on_create: bool,
}

/// What becomes of a stack whose creation or update fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    #[default]
    Rollback,
    DoNothing,
    Delete,
}

/// A template with all that was given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Rises with each operation.
    pub generation: u32,
    pub template: Sealed,
    pub description: Option<Box<str>>,
    pub parameters: BTreeMap<Box<str>, Parameter>,
    pub tags: Tags,
    pub capabilities: BTreeSet<Box<str>>,
    /// The exports of other stacks that the template asks for.
    pub imports: BTreeSet<ExportName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub value: Sealed,
    /// Not to be shown.
    pub no_echo: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub key: Box<str>,
    pub value: Sealed,
    pub description: Option<Box<str>>,
    /// The name under which other stacks may import it.
    pub export: Option<ExportName>,
}

/// One resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub type_name: Box<str>,
    /// What exists of it: two while a replacement is not over.
    pub instances: Vec<Instance>,
    /// The id that clients are shown, also after it is gone.
    pub physical: Box<str>,
    pub status: Status,
    pub reason: Option<Reason>,
    pub updated: Timestamp,
    /// The last look at it since it was made or changed.
    pub drift: Option<Drift>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub physical: Box<str>,
    /// The generation that it was made for.
    pub made: u32,
    /// The generation that its properties were last set by.
    pub applied: u32,
    /// It has never been ready, so that what bears its physical id may be another's.
    pub unsettled: bool,
}

impl Resource {
    /// The instance that a side has: the newest that was not made for a later one.
    pub fn instance(&self, generation: u32) -> Option<&Instance> {
        let of = self.instances.iter().filter(|instance| instance.made <= generation);
        of.max_by_key(|instance| instance.made)
    }
}

/// One line of a stack's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    /// None for the stack itself.
    pub logical: Option<LogicalId>,
    pub physical: Box<str>,
    pub type_name: Box<str>,
    pub status: Status,
    pub reason: Option<Reason>,
    pub token: Option<Box<str>>,
}

/// An operation under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub phase: Phase,
    pub account: AccountId,
    /// The principal that it acts for.
    pub principal: Box<str>,
    pub started: Timestamp,
    pub next_event: u64,
    /// How many resources of the phase's order are behind it: begun, if they have not settled.
    pub position: u32,
    /// Resources that failed.
    pub failed: BTreeSet<LogicalId>,
    /// Resources that the operation leaves alone: a deletion, or a rollback that is continued.
    pub retained: BTreeSet<LogicalId>,
    /// The stack policy that holds for this update.
    pub policy: Option<Box<str>>,
    /// The one that the stack has afterwards, if it is another.
    pub policy_after: Option<Box<str>>,
    pub token: Option<Box<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Create,
    /// A creation failed: what was made is deleted.
    Rollback,
    Update,
    UpdateCleanup,
    UpdateRollback,
    UpdateRollbackCleanup,
    Delete,
    /// What exists already becomes the stack's, all of it or nothing.
    Import,
}

/// The state of a stack or of a resource: AWS's words for both overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    CreateInProgress,
    CreateFailed,
    CreateComplete,
    RollbackInProgress,
    RollbackFailed,
    RollbackComplete,
    DeleteInProgress,
    DeleteFailed,
    DeleteComplete,
    DeleteSkipped,
    UpdateInProgress,
    UpdateCompleteCleanupInProgress,
    UpdateComplete,
    UpdateFailed,
    UpdateRollbackInProgress,
    UpdateRollbackFailed,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackComplete,
    /// There is a change set to create the stack with, and nothing else.
    ReviewInProgress,
    ImportInProgress,
    ImportComplete,
    /// Of a resource; the stack goes back.
    ImportFailed,
    ImportRollbackInProgress,
    ImportRollbackComplete,
}

impl Status {
    pub const ALL: [Self; 24] = [
        Self::CreateInProgress,
        Self::CreateFailed,
        Self::CreateComplete,
        Self::RollbackInProgress,
        Self::RollbackFailed,
        Self::RollbackComplete,
        Self::DeleteInProgress,
        Self::DeleteFailed,
        Self::DeleteComplete,
        Self::DeleteSkipped,
        Self::UpdateInProgress,
        Self::UpdateCompleteCleanupInProgress,
        Self::UpdateComplete,
        Self::UpdateFailed,
        Self::UpdateRollbackInProgress,
        Self::UpdateRollbackFailed,
        Self::UpdateRollbackCompleteCleanupInProgress,
        Self::UpdateRollbackComplete,
        Self::ReviewInProgress,
        Self::ImportInProgress,
        Self::ImportComplete,
        Self::ImportFailed,
        Self::ImportRollbackInProgress,
        Self::ImportRollbackComplete,
    ];

    /// Whether a stack in this state has failed and not been rolled back, as it was told.
    pub const fn is_left_failed(self) -> bool {
        matches!(self, Self::CreateFailed | Self::UpdateFailed)
    }

    /// Whether a stack in this state may be updated.
    pub const fn is_updatable(self) -> bool {
        matches!(
            self,
            Self::CreateComplete
                | Self::UpdateComplete
                | Self::UpdateRollbackComplete
                | Self::ImportComplete
                | Self::ImportRollbackComplete
        )
    }
}

/// Why something is in its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    UserInitiated,
    CreationInitiated,
    Replacement,
    FailedToCreate(BTreeSet<LogicalId>),
    FailedToUpdate(BTreeSet<LogicalId>),
    FailedToDelete(BTreeSet<LogicalId>),
    FailedToImport(LogicalId),
    ImportBegun,
    ImportDone,
    /// What was imported is given the tags of its stack.
    ImportTagged,
    /// What is to be imported belongs to a stack.
    InStack {
        physical: Box<str>,
        stack: StackArn,
    },
    TimedOut,
    /// An update was cancelled while it was at a resource.
    Cancelled,
    /// An output cannot be what it is to be: other stacks import it.
    ExportChanged {
        name: ExportName,
        by: BTreeSet<StackName>,
    },
    ExportGone {
        name: ExportName,
        by: BTreeSet<StackName>,
    },
    /// Another stack exports something under that name.
    ExportTaken {
        name: ExportName,
        by: StackName,
    },
    NoExport {
        name: ExportName,
    },
    /// The stack's policy does not let an update do that.
    PolicyDenied {
        action: Action,
        logical: LogicalId,
        /// The statement that denies it, from one; `None` if none allows it.
        statement: Option<u32>,
    },
    /// In the words of a service or of the template's reader.
    Said(Box<str>),
}
