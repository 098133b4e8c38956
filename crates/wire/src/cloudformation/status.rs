//! Statuses and reasons in AWS's words, and the pieces that several answers have.

use regent_cfn::Text;
use regent_core::ids::KeyId;
use regent_core::stacks::ids::{LogicalId, StackArn, StackName};
use regent_core::stacks::model::{Event, Reason, Stack, Status};
use regent_core::tags::Tags;

use crate::query_xml::Fields;
use crate::time::extended_ms;

pub const fn name(status: Status) -> &'static str {
    match status {
        Status::CreateInProgress => "CREATE_IN_PROGRESS",
        Status::CreateFailed => "CREATE_FAILED",
        Status::CreateComplete => "CREATE_COMPLETE",
        Status::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
        Status::RollbackFailed => "ROLLBACK_FAILED",
        Status::RollbackComplete => "ROLLBACK_COMPLETE",
        Status::DeleteInProgress => "DELETE_IN_PROGRESS",
        Status::DeleteFailed => "DELETE_FAILED",
        Status::DeleteComplete => "DELETE_COMPLETE",
        Status::DeleteSkipped => "DELETE_SKIPPED",
        Status::UpdateInProgress => "UPDATE_IN_PROGRESS",
        Status::UpdateCompleteCleanupInProgress => "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        Status::UpdateComplete => "UPDATE_COMPLETE",
        Status::UpdateFailed => "UPDATE_FAILED",
        Status::UpdateRollbackInProgress => "UPDATE_ROLLBACK_IN_PROGRESS",
        Status::UpdateRollbackFailed => "UPDATE_ROLLBACK_FAILED",
        Status::UpdateRollbackCompleteCleanupInProgress => {
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
        }
        Status::UpdateRollbackComplete => "UPDATE_ROLLBACK_COMPLETE",
        Status::ReviewInProgress => "REVIEW_IN_PROGRESS",
        Status::ImportInProgress => "IMPORT_IN_PROGRESS",
        Status::ImportComplete => "IMPORT_COMPLETE",
        Status::ImportFailed => "IMPORT_FAILED",
        Status::ImportRollbackInProgress => "IMPORT_ROLLBACK_IN_PROGRESS",
        Status::ImportRollbackComplete => "IMPORT_ROLLBACK_COMPLETE",
    }
}

pub fn named(text: &str) -> Option<Status> {
    Status::ALL.into_iter().find(|status| name(*status) == text)
}

/// Why something is in its state.
pub fn reason(status: Status, reason: &Reason) -> String {
    let listed = |failed: &std::collections::BTreeSet<LogicalId>| {
        let names: Vec<_> = failed.iter().map(LogicalId::as_str).collect();
        names.join(", ")
    };
    match reason {
        Reason::UserInitiated => "User Initiated".to_owned(),
        Reason::CreationInitiated => "Resource creation Initiated".to_owned(),
        Reason::Replacement => {
            "Requested update requires the creation of a new physical resource; hence creating one."
                .to_owned()
        }
        Reason::FailedToCreate(failed) => format!(
            "The following resource(s) failed to create: [{}]. {}",
            listed(failed),
            match status {
                Status::RollbackInProgress => "Rollback requested by user.",
                Status::DeleteInProgress => "Delete requested by user.",
                _ => "",
            }
        ),
        Reason::FailedToUpdate(failed) => {
            format!("The following resource(s) failed to update: [{}]. ", listed(failed))
        }
        Reason::FailedToDelete(failed) => {
            format!("The following resource(s) failed to delete: [{}]. ", listed(failed))
        }
        Reason::FailedToImport(logical) => {
            format!("The following resource(s) failed to import: [{logical}]. ")
        }
        Reason::ImportBegun => "Resource import started.".to_owned(),
        Reason::ImportDone => "Resource import completed.".to_owned(),
        Reason::ImportTagged => {
            "Apply stack-level tags to imported resource if applicable.".to_owned()
        }
        Reason::InStack { physical, stack } => {
            format!("{physical} already exists in stack {stack}")
        }
        Reason::Cancelled if status == Status::CreateFailed => {
            "Resource creation cancelled".to_owned()
        }
        Reason::Cancelled => "Resource update cancelled".to_owned(),
        Reason::TimedOut => "Resource did not become stable in time.".to_owned(),
        Reason::ExportChanged { name, by } => {
            format!("Export {name} cannot be updated as it is in use by {}", stacks(by))
        }
        Reason::ExportGone { name, by } => {
            format!("Export {name} cannot be deleted as it is in use by {}", stacks(by))
        }
        Reason::ExportTaken { name, by } => {
            format!("Export with name {name} is already exported by stack {by}.")
        }
        Reason::NoExport { name } => {
            format!("No export named {name} found. Rollback requested by user.")
        }
        Reason::PolicyDenied { action, logical, statement: Some(statement) } => format!(
            "Action denied by stack policy: Statement [#{statement}] does not allow [{}] for resource [LogicalResourceId/{logical}];",
            action.name()
        ),
        Reason::PolicyDenied { action, logical, statement: None } => format!(
            "Action not allowed by stack policy: [{}] for resource [LogicalResourceId/{logical}];",
            action.name()
        ),
        Reason::Said(text) => text.to_string(),
    }
}

fn stacks(names: &std::collections::BTreeSet<StackName>) -> String {
    let names: Vec<_> = names.iter().map(StackName::as_str).collect();
    names.join(" and ")
}

/// AWS: a stack that nobody gave a reason for has none, also after it began.
pub fn stack_reason(stack: &Stack) -> Option<String> {
    stack.reason.as_ref().map(|why| reason(stack.status, why))
}

/// AWS: a resource's event is named after it; the stack's own events have a UUID.
pub fn event_id(stack: &StackArn, number: u64, event: &Event) -> String {
    let Some(logical) = &event.logical else {
        let mut bytes = *stack.id.bytes();
        let (_, tail) = bytes.split_at_mut(8);
        for (byte, part) in tail.iter_mut().zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        return KeyId::from_bytes(bytes, false).to_string();
    };
    format!("{logical}-{}-{}", name(event.status), extended_ms(event.at).as_str())
}

/// Parameters, if there are any. AWS: what is not to be echoed is four stars.
pub fn parameters(fields: &mut Fields<'_>, parameters: &[(Box<str>, Option<Text>)]) {
    if parameters.is_empty() {
        return;
    }
    fields.list("Parameters", |list| {
        for (key, value) in parameters {
            list.structure(|parameter| {
                parameter.text("ParameterKey", &**key);
                parameter.text("ParameterValue", value.as_ref().map_or("****", Text::expose));
            });
        }
    });
}

pub fn tags(fields: &mut Fields<'_>, tags: &Tags) {
    fields.list("Tags", |list| {
        for (key, value) in tags {
            list.structure(|tag| {
                tag.text("Key", &**key);
                tag.text("Value", &**value);
            });
        }
    });
}
