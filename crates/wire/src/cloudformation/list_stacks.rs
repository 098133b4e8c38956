//! ListStacks on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::ListStacks;
use regent_core::stacks::ops::list_stacks::Listed;

use super::fault::{self, Missing};
use super::{drift, members, status};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

/// Statuses of the model that no stack here has.
const OTHERS: [&str; 6] = [
    "REVIEW_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
];

impl QueryOperation for ListStacks {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let given = params.texts("StackStatusFilter").unwrap_or_default();
        let known: Vec<&str> = regent_core::stacks::model::Status::ALL
            .into_iter()
            .map(status::name)
            .filter(|name| *name != "DELETE_SKIPPED")
            .chain(OTHERS)
            .collect();
        let mut check = Constraints::new();
        check.strings("stackStatusFilter", Some(given.as_slice())).each_one_of(&known);
        check.finish()?;
        let statuses = given.iter().filter_map(|text| status::named(text)).collect();
        Ok(Self {
            // A filter of which nothing is left finds nothing.
            nothing: !given.is_empty() && given.iter().all(|text| OTHERS.contains(text)),
            statuses,
            after: members::next_token(params)?,
        })
    }

    fn encode(output: &Listed, cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("StackSummaries", |list| {
            for stack in &output.stacks {
                list.structure(|fields| {
                    let side = stack.shown();
                    fields.text("StackId", stack.arn(cx.scope()).to_string().as_str());
                    fields.text("StackName", stack.name.as_str());
                    let description = side.and_then(|side| side.description.as_deref());
                    fields.text("TemplateDescription", description);
                    fields.time_ms("CreationTime", stack.created);
                    fields.time_ms("LastUpdatedTime", stack.updated);
                    fields.time_ms("DeletionTime", stack.deleted);
                    fields.text("StackStatus", status::name(stack.status));
                    fields.text("StackStatusReason", status::stack_reason(stack).as_deref());
                    drift::of_stack(fields, stack.detection.as_ref());
                });
            }
        });
        let next = output.next.map(|id| id.to_string());
        fields.text("NextToken", next.as_deref());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
