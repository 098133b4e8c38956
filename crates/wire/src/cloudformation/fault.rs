//! CloudFormation's words for what went wrong: one exhaustive match.
//!
//! A template's problems bring their own words, which are AWS's. Which of three sentences says that
//! there is no such stack depends on the operation.

use std::collections::BTreeSet;

use regent_core::stacks::error::{Attempt, Error, ImportProblem};
use regent_core::stacks::ids::{LogicalId, StackArn};
use regent_core::stacks::model::Status;

use super::{change_set, status};
use crate::fault::Fault;
use crate::secretsmanager::fault::denial;
use crate::service::Service;

/// How an operation says that there is no such stack.
#[derive(Debug, Clone, Copy)]
pub enum Missing {
    Id,
    Brackets,
    Quotes,
}

const RETAIN_WITHOUT_FAILURE: &str = "Invalid operation on stack. Specify which resources to retain only when the stack is in the DELETE_FAILED state.";
const NOT_CANCELLABLE: &str = "CancelUpdateStack cannot be called from current stack status";
const ON_FAILURE_OF_UPDATE: &str = "DisableRollback cannot be given with OnStackFailure, and OnStackFailure DELETE only for a creation.";
const PASSED_ACROSS: &str = "Cross-account pass role is not allowed.";
const TOO_MANY_FAILURES: &str = "Limit for failed updates of a stack has been exceeded. To rollback to the last known good state, use the rollback-stack API";
const ONLY_REVIEWED: &str = "GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.";
const NO_STACK_NAMED: &str =
    "Either StackName or PhysicalResourceId must be specified, but not both.";

pub fn of(error: Error, missing: Missing) -> Fault {
    match error {
        Error::Store(_) => Fault::internal(Service::CloudFormation),
        Error::Denied(denied) => Fault::access_denied(Service::CloudFormation, denial(&denied)),
        Error::NotFound { stack } => Fault::validation(match missing {
            Missing::Id => format!("Stack with id {stack} does not exist"),
            Missing::Brackets => format!("Stack [{stack}] does not exist"),
            Missing::Quotes => format!("Stack '{stack}' does not exist"),
        }),
        Error::NoResource { logical, stack } => {
            Fault::validation(format!("Resource {logical} does not exist for stack {stack}"))
        }
        Error::Exists { name } => exists(format!("Stack [{name}] already exists")),
        Error::Template(problem) => Fault::validation(problem.to_string()),
        Error::NotUpdatable { stack, status } => in_state(&stack, status, "updated"),
        Error::LeftFailed { status } => left_failed(status),
        Error::TooManyFailures => Fault::validation(TOO_MANY_FAILURES),
        Error::NotDeletable { stack, status } => in_state(&stack, status, "deleted"),
        Error::NotDetectable { stack, status } => Fault::validation(format!(
            "Drift detection cannot be performed on stack [{stack}] while it is in {} state.",
            status::name(status)
        )),
        Error::NoDetection { id } => {
            Fault::validation(format!("Drift detection [{id}] does not exist"))
        }
        Error::NotCancellable => Fault::validation(NOT_CANCELLABLE),
        Error::NotReversible { stack, status } => in_state(&stack, status, "rolled back"),
        Error::NotSkippable { logical } => Fault::validation(format!(
            "ResourcesToSkip [{logical}] is not a resource whose rollback failed."
        )),
        Error::RetainWithoutFailure => Fault::validation(RETAIN_WITHOUT_FAILURE),
        Error::NotRetainable { logical } => Fault::validation(format!(
            "The specified resources to retain must be in a valid state. Do not specify resources that are in the DELETE_COMPLETE state. [{logical}]"
        )),
        Error::TerminationProtection { name } => Fault::validation(format!(
            "Stack [{name}] cannot be deleted while TerminationProtection is enabled"
        )),
        Error::TooManyStacks => limit("Limit for stack has been exceeded"),
        Error::InvalidNextToken => Fault::validation("NextToken is invalid"),
        Error::NotImported { export } => {
            Fault::validation(format!("Export '{export}' is not imported by any stack."))
        }
        Error::NeedsCapability { capability } => needs_capability(capability),
        Error::ExistsAlready { name, change_set } => Fault::validation(format!(
            "Stack [{name}] already exists and cannot be created again with the changeSet [{change_set}]."
        )),
        Error::ChangeSetExists { name } => exists(format!(
            "ChangeSet {name} cannot be created due to a mismatch with existing attribute Template"
        )),
        Error::NoChangeSet { change_set } => no_change_set(&change_set),
        Error::TooManyChangeSets => limit("Limit for change sets has been exceeded"),
        Error::NotExecutable { change_set, outcome } => invalid_status(format!(
            "ChangeSet [{change_set}] cannot be executed in its current status of [{}]",
            change_set::outcome(outcome)
        )),
        Error::NotInExecution { change_set, status, attempt } => invalid_status(format!(
            "ChangeSet [{change_set}] cannot be {} in its current execution status of [{}]",
            attempted(attempt),
            change_set::execution(status)
        )),
        Error::OnFailureOfUpdate => Fault::validation(ON_FAILURE_OF_UPDATE),
        Error::OnlyReviewed => Fault::validation(ONLY_REVIEWED),
        Error::NoStackNamed => Fault::validation(NO_STACK_NAMED),
        Error::Role(unassumable) => Fault::validation(unassumable.to_string()),
        Error::PassedAcross => Fault::access_denied(Service::CloudFormation, PASSED_ACROSS),
        Error::Import(problem) => Fault::validation(import(&problem)),
    }
}

fn import(problem: &ImportProblem) -> String {
    let listed = |resources: &BTreeSet<LogicalId>| {
        let names: Vec<_> = resources.iter().map(LogicalId::as_str).collect();
        names.join(", ")
    };
    match problem {
        ImportProblem::NotDeclared { logical } => {
            format!("Resources [{logical}] to import are not in the template")
        }
        ImportProblem::Type { logical, declared } => format!(
            "The resource type of [{logical}] in ResourcesToImport differs from [{declared}] in the template"
        ),
        ImportProblem::Present { logical } => {
            format!("Resources [{logical}] to import are in the stack already")
        }
        ImportProblem::Identifier { logical, expected } => {
            format!("The ResourceIdentifier of [{logical}] must have [{expected}] and nothing else")
        }
        ImportProblem::Twice { logical } => {
            format!("Duplicate resource to import: [{logical}]")
        }
        ImportProblem::NoDeletionPolicy { resources } => format!(
            "The following resources to import [{}] must have DeletionPolicy attribute specified in the template.",
            listed(resources)
        ),
        ImportProblem::Unlisted { resources } => {
            format!("Resources [{}] is missing from ResourceToImport list", listed(resources))
        }
        ImportProblem::Changed { resources } => format!(
            "You have modified resources [{}] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.",
            listed(resources)
        ),
        ImportProblem::OutputsChanged => {
            "As part of the import operation, you cannot modify or add [Outputs]".to_owned()
        }
    }
}

fn left_failed(status: Status) -> Fault {
    let status = status::name(status);
    Fault::validation(format!(
        "This stack is currently in a non-terminal [{status}] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API"
    ))
}

fn in_state(stack: &StackArn, status: Status, done: &str) -> Fault {
    let status = status::name(status);
    Fault::validation(format!("Stack:{stack} is in {status} state and can not be {done}."))
}

const fn attempted(attempt: Attempt) -> &'static str {
    match attempt {
        Attempt::Execute => "executed",
        Attempt::Delete => "deleted",
    }
}

fn limit(message: &'static str) -> Fault {
    Fault::query(400, "LimitExceededException", message)
}

fn exists(message: String) -> Fault {
    Fault::query(400, "AlreadyExistsException", message)
}

fn no_change_set(change_set: &str) -> Fault {
    let message = format!("ChangeSet [{change_set}] does not exist");
    Fault::query(404, "ChangeSetNotFound", message)
}

fn needs_capability(capability: &str) -> Fault {
    let message = format!("Requires capabilities : [{capability}]");
    Fault::query(400, "InsufficientCapabilitiesException", message)
}

fn invalid_status(message: String) -> Fault {
    Fault::query(400, "InvalidChangeSetStatus", message)
}

/// A member whose feature is not built is refused by name, never ignored.
pub fn unsupported(member: &str) -> Fault {
    Fault::validation(format!("{member} is not supported"))
}

/// There are no templates but those in requests: there is no S3.
pub fn template_url() -> Fault {
    Fault::validation("TemplateURL must be a supported URL.")
}

pub fn no_template() -> Fault {
    Fault::validation("Either Template URL or Template Body must be specified.")
}

pub fn stack_policy() -> Fault {
    Fault::validation("Error validating stack policy: Invalid stack policy")
}

pub fn no_stack_policy() -> Fault {
    Fault::validation("Either StackPolicyBody or StackPolicyURL must be specified.")
}
