//! What several answers on change sets have, in AWS's words.

use regent_core::cx::Cx;
use regent_core::stacks::change_set::{ChangeSet, ExecutionStatus, Outcome};
use regent_core::stacks::model::{OnFailure, Stack};

use crate::query_xml::Fields;

pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete => "CREATE_COMPLETE",
        Outcome::Empty => "FAILED",
    }
}

pub const fn execution(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Unavailable => "UNAVAILABLE",
        ExecutionStatus::Available => "AVAILABLE",
        ExecutionStatus::InProgress => "EXECUTE_IN_PROGRESS",
        ExecutionStatus::Complete => "EXECUTE_COMPLETE",
        ExecutionStatus::Failed => "EXECUTE_FAILED",
        ExecutionStatus::Obsolete => "OBSOLETE",
    }
}

pub const fn on_failure(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Rollback => "ROLLBACK",
        OnFailure::DoNothing => "DO_NOTHING",
        OnFailure::Delete => "DELETE",
    }
}

/// The members that a description and a summary share.
pub fn head(stack: &Stack, set: &ChangeSet, cx: &Cx<'_>, fields: &mut Fields<'_>) {
    fields.text("ChangeSetName", set.name.as_str());
    fields.text("ChangeSetId", set.arn(cx.scope()).to_string().as_str());
    fields.text("StackId", stack.arn(cx.scope()).to_string().as_str());
    fields.text("StackName", stack.name.as_str());
    fields.text("Description", set.description.as_deref());
    fields.time_ms("CreationTime", set.created);
    fields.text("ExecutionStatus", execution(set.execution(stack)));
    fields.text("Status", outcome(set.outcome));
    let reason = match set.outcome {
        Outcome::Complete => None,
        // The CLI and CDK look for the first sentence.
        Outcome::Empty => Some(
            "The submitted information didn't contain changes. Submit different information to create a change set.",
        ),
    };
    fields.text("StatusReason", reason);
    fields.boolean("IncludeNestedStacks", set.nested);
}
