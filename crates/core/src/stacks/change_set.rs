//! What a change set is, as stored: the side that it leads to and what that would change.
//!
//! Whether it can still be executed is not stored but follows from the stack: a change set is of
//! one generation of its stack, and obsolete in every other. Values of properties are [`Sealed`].

use std::collections::BTreeSet;
use std::sync::Arc;

pub use regent_cfn::schema::How;

use crate::cx::Cx;
use crate::ids::Scope;
use crate::policy::authorized::Demand;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::roles::RoleArn;
use crate::stacks::error::Error;
use crate::stacks::ids::{ChangeSetArn, ChangeSetId, ChangeSetName, LogicalId, StackId};
use crate::stacks::model::{OnFailure, Sealed, Side, Stack, Status};
use crate::stacks::target::{StackRef, Target, of_name};
use crate::time::Timestamp;
use crate::tx::{Records, Tx, collect};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    pub id: ChangeSetId,
    pub name: ChangeSetName,
    pub stack: StackId,
    /// The stack's generation that the changes are from.
    pub base: u32,
    /// What it leads to.
    pub side: Side,
    pub description: Option<Box<str>>,
    pub created: Timestamp,
    pub token: Option<Box<str>>,
    /// None if the request did not say.
    pub on_failure: Option<OnFailure>,
    /// Asked for, although there is no stack in a stack.
    pub nested: bool,
    pub outcome: Outcome,
    pub executed: Option<Executed>,
    pub changes: Vec<Change>,
    /// The role that the stack has from the execution on; none is the one that it has.
    pub role: Option<RoleArn>,
}

/// What came of the making of a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Complete,
    /// It has nothing to change.
    Empty,
}

/// What came of the execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executed {
    Begun,
    Complete,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionStatus {
    Unavailable,
    Available,
    InProgress,
    Complete,
    Failed,
    Obsolete,
}

/// What executing a change set does to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub action: Action,
    pub logical: LogicalId,
    /// Of what there is.
    pub physical: Option<Box<str>>,
    pub type_name: Box<str>,
    /// What becomes of what there is, if it does not stay.
    pub old: Option<Old>,
    pub details: Vec<Detail>,
    pub before: Option<Sealed>,
    pub after: Option<Sealed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Add,
    Modify(Replacement),
    Remove,
    /// It exists already, and becomes the stack's.
    Import,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    No,
    Yes,
    Perhaps,
}

/// What becomes of what is no longer wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    Deleted,
    Retained,
}

/// One reason for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    pub attribute: Attribute,
    /// Whether the resource is made anew for it.
    pub recreation: Replacement,
    pub cause: Cause,
    /// Whether the new value is known before the execution.
    pub known: bool,
    /// How the property changes, with the values of before and after.
    pub values: Option<Values>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values {
    pub how: How,
    pub before: Option<Sealed>,
    pub after: Option<Sealed>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    Property(Box<str>),
    Tags,
    Metadata,
    DeletionPolicy,
    UpdateReplacePolicy,
}

/// Where a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    Direct,
    Parameter(Box<str>),
    Reference(Box<str>),
    /// A resource and its attribute.
    Attribute(Box<str>),
}

impl ChangeSet {
    /// Whether it imports what exists already. Then it does nothing else.
    pub fn is_import(&self) -> bool {
        self.changes.iter().any(|change| change.action == Action::Import)
    }

    pub fn arn(&self, scope: Scope) -> ChangeSetArn {
        ChangeSetArn { scope, name: self.name.clone(), id: self.id }
    }

    /// Whether it can be executed, seen from its stack as it is.
    pub fn execution(&self, stack: &Stack) -> ExecutionStatus {
        match (self.outcome, self.executed) {
            (Outcome::Empty, _) => ExecutionStatus::Unavailable,
            (_, Some(Executed::Begun)) => ExecutionStatus::InProgress,
            (_, Some(Executed::Complete)) => ExecutionStatus::Complete,
            (_, Some(Executed::Failed)) => ExecutionStatus::Failed,
            (_, None) if self.base == stack.generation => ExecutionStatus::Available,
            (_, None) => ExecutionStatus::Obsolete,
        }
    }
}

impl Detail {
    pub fn scopes(details: &[Self]) -> BTreeSet<Attribute> {
        // Which property it is does not matter to the scope.
        let of = details.iter().map(|detail| match &detail.attribute {
            Attribute::Property(_) => Attribute::Property(Box::default()),
            other => other.clone(),
        });
        of.collect()
    }
}

/// A change set by its ARN, or by its name in a stack, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSetRef {
    pub stack: Option<StackRef>,
    pub given: Box<str>,
}

/// What a [`ChangeSetRef`] names, looked up.
#[derive(Debug)]
pub struct Named {
    given: Box<str>,
    stack: Option<Target>,
    pub found: Option<(Arc<Stack>, Arc<ChangeSet>)>,
}

impl ChangeSetRef {
    pub fn find(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Named, StoreFault> {
        let scope = cx.scope();
        let stack = self.stack.as_ref().map(|stack| stack.find(cx, read)).transpose()?;
        let arn: Option<ChangeSetArn> = self.given.parse().ok();
        let id = match (&arn, &stack, self.given.parse::<ChangeSetName>()) {
            (Some(arn), _, _) => (arn.scope == scope).then_some(arn.id),
            (None, Some(Target { found: Some(stack), .. }), Ok(name)) => {
                read.change_set_of_name(scope, stack.id, &name)?
            }
            _ => None,
        };
        let set = id.map(|id| read.change_set(scope, id)).transpose()?.flatten();
        let set = set.filter(|set| arn.is_none_or(|arn| arn.name == set.name));
        let of = match &set {
            Some(set) => read.stack(scope, set.stack)?,
            None => None,
        };
        let named = stack.as_ref().and_then(|target| target.found.as_ref());
        let found = of.zip(set).filter(|(of, _)| {
            // Another stack's change set is not this one's.
            stack.is_none() || named.is_some_and(|named| named.id == of.id)
        });
        Ok(Named { given: self.given.clone(), stack, found })
    }
}

impl Named {
    pub fn demand(&self, cx: &Cx<'_>, action: &'static str) -> Demand {
        match (&self.found, &self.stack) {
            (Some((stack, _)), _) => {
                Demand::on(action, stack.arn(cx.scope()).to_string(), cx.caller.account)
            }
            (None, Some(target)) => target.demand(cx, action),
            (None, None) => Demand::on(action, of_name(cx, "*"), cx.caller.account),
        }
    }

    /// The change set with its stack, or which of them is not there.
    pub fn found(&self) -> Result<(&Arc<Stack>, &Arc<ChangeSet>), Error> {
        if let Some((stack, set)) = &self.found {
            return Ok((stack, set));
        }
        if let Some(target) = &self.stack {
            target.stack()?;
        }
        Err(Error::NoChangeSet { change_set: self.given.clone() })
    }
}

pub(super) fn put(tx: &mut Tx<'_>, scope: Scope, set: ChangeSet) {
    let (id, stack, name) = (set.id, set.stack, set.name.clone());
    tx.put(Key::ChangeSetOfName { scope, stack, name }, Record::ChangeSetRef(id));
    tx.put(Key::ChangeSet { scope, id }, Record::ChangeSet(Arc::new(set)));
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    scope: Scope,
    stack: StackId,
    (name, id): (ChangeSetName, ChangeSetId),
) {
    tx.remove(Key::ChangeSetOfName { scope, stack, name });
    tx.remove(Key::ChangeSet { scope, id });
}

/// The change sets of a stack.
pub(super) fn of_stack(
    read: &dyn Read,
    scope: Scope,
    stack: StackId,
) -> Result<Vec<(ChangeSetName, ChangeSetId)>, StoreFault> {
    collect(read, Prefix::ChangeSets { scope, stack }, |key, record| match (key, record) {
        (Key::ChangeSetOfName { name, .. }, Record::ChangeSetRef(id)) => Some((name, id)),
        _ => None,
    })
}

/// Notes what came of an execution, once the stack's operation is over.
pub(super) fn note_end(tx: &mut Tx<'_>, scope: Scope, stack: &Stack) -> Result<(), StoreFault> {
    let Some((_, id)) = &stack.change_set else { return Ok(()) };
    let Some(found) = tx.change_set(scope, *id)? else { return Ok(()) };
    if found.executed == Some(Executed::Begun) {
        let done = matches!(
            stack.status,
            Status::CreateComplete | Status::UpdateComplete | Status::ImportComplete
        );
        let executed = if done { Executed::Complete } else { Executed::Failed };
        put(tx, scope, ChangeSet { executed: Some(executed), ..ChangeSet::clone(&found) });
    }
    Ok(())
}
