//! What may go wrong in an operation on stacks, as conditions. The wire chooses the words; a
//! template's problems bring their own, which are AWS's.

use regent_cfn::Located;

use crate::policy::authorized::Denied;
use crate::ports::StoreFault;
use crate::stacks::ids::{LogicalId, StackArn, StackName};
use crate::stacks::model::Status;

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
    NotDeletable {
        stack: StackArn,
        status: Status,
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
    /// An output is exported, which is not built.
    ExportUnsupported {
        output: Box<str>,
    },
    NeedsCapability {
        capability: &'static str,
    },
    /// Neither a stack nor a physical id.
    NoStackNamed,
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Located> for Error {
    fn from(located: Located) -> Self {
        Self::Template(located)
    }
}
