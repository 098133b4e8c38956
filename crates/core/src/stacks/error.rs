//! What may go wrong in an operation on stacks, as conditions. The wire chooses the words; a
//! template's problems bring their own, which are AWS's.

use std::collections::BTreeSet;

use regent_cfn::Located;

use crate::policy::authorized::Denied;
use crate::policy::evaluate::Refusal;
use crate::ports::StoreFault;
use crate::stacks::change_set::{ExecutionStatus, Outcome};
use crate::stacks::ids::{ChangeSetArn, ChangeSetName, LogicalId, StackArn, StackName};
use crate::stacks::model::Status;
use crate::stacks::role::Unassumable;
use crate::sts::passed::PASS_ACTION;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
    /// No such stack, by the name or ARN as given.
    NotFound {
        stack: Box<str>,
    },
    /// DescribeStackResource names no resource of the stack.
    NoResource {
        logical: Box<str>,
        stack: Box<str>,
    },
    Exists {
        name: StackName,
    },
    /// The template, or what was given with it, is refused.
    Template(Located),
    /// The stack is in a state in which it cannot be updated.
    NotUpdatable {
        stack: StackArn,
        status: Status,
    },
    /// The stack was left failed, and the update does not say that it may be again.
    LeftFailed {
        status: Status,
    },
    /// Too many updates were left failed, each of which some resource is still like.
    TooManyFailures,
    NotDeletable {
        stack: StackArn,
        status: Status,
    },
    /// The stack is not in a state in which its drift is looked at.
    NotDetectable {
        stack: StackArn,
        status: Status,
    },
    NoDetection {
        id: Box<str>,
    },
    /// There is no update under way to be cancelled.
    NotCancellable,
    /// There is nothing to be rolled back.
    NotReversible {
        stack: StackArn,
        status: Status,
    },
    /// ResourcesToSkip names what no rollback failed at.
    NotSkippable {
        logical: LogicalId,
    },
    /// RetainResources on a stack whose deletion did not fail.
    RetainWithoutFailure,
    NotRetainable {
        logical: LogicalId,
    },
    TerminationProtection {
        name: StackName,
    },
    TooManyStacks,
    InvalidNextToken,
    /// ListImports: nobody imports it, or nobody exports it.
    NotImported {
        export: Box<str>,
    },
    NeedsCapability {
        capability: &'static str,
    },
    /// A change set that is to create a stack names one that there is.
    ExistsAlready {
        name: StackName,
        change_set: ChangeSetName,
    },
    ChangeSetExists {
        name: ChangeSetName,
    },
    /// No such change set, by the name or ARN as given.
    NoChangeSet {
        change_set: Box<str>,
    },
    TooManyChangeSets,
    /// A change set that failed is executed.
    NotExecutable {
        change_set: ChangeSetArn,
        outcome: Outcome,
    },
    /// A change set is executed or deleted that cannot be any more.
    NotInExecution {
        change_set: ChangeSetArn,
        status: ExecutionStatus,
        attempt: Attempt,
    },
    /// OnStackFailure and DisableRollback are both given, or an update is to delete its stack.
    OnFailureOfUpdate,
    /// A stack that is only reviewed has no template to be summed up.
    OnlyReviewed,
    /// Neither a stack nor a physical id.
    NoStackNamed,
    Import(ImportProblem),
    Role(Unassumable),
    /// The role is of another account than the stack.
    PassedAcross,
}

/// Why a change set cannot import what it is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportProblem {
    /// The template does not have it.
    NotDeclared {
        logical: LogicalId,
    },
    /// The template has another type under that name.
    Type {
        logical: LogicalId,
        declared: Box<str>,
    },
    /// The stack has it already.
    Present {
        logical: LogicalId,
    },
    /// Another property, or none or several, where the type has one that identifies.
    Identifier {
        logical: LogicalId,
        expected: &'static str,
    },
    /// The same resource twice.
    Twice {
        logical: LogicalId,
    },
    /// What becomes of it when it leaves the stack is not said.
    NoDeletionPolicy {
        resources: BTreeSet<LogicalId>,
    },
    /// New in the template, and not to be imported.
    Unlisted {
        resources: BTreeSet<LogicalId>,
    },
    /// An import does nothing else.
    Changed {
        resources: BTreeSet<LogicalId>,
    },
    OutputsChanged,
}

/// What was tried with a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Execute,
    Delete,
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<ImportProblem> for Error {
    fn from(problem: ImportProblem) -> Self {
        Self::Import(problem)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            // Roles have no policies that let them be passed, so only another account asks for one.
            Denied { action: PASS_ACTION, refusal: Refusal::NoResourceAllow, .. } => {
                Self::PassedAcross
            }
            denied => Self::Denied(denied),
        }
    }
}

impl From<Unassumable> for Error {
    fn from(unassumable: Unassumable) -> Self {
        Self::Role(unassumable)
    }
}

impl From<Located> for Error {
    fn from(located: Located) -> Self {
        Self::Template(located)
    }
}
