//! DescribeStacks on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::ExportName;
use regent_core::stacks::model::{OnFailure, Status};
use regent_core::stacks::ops::DescribeStacks;
use regent_core::stacks::ops::describe_stacks::{Described, Shown};

use super::fault::{self, Missing};
use super::{drift, members, status};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeStacks {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { stack: members::optional_stack(params)?, after: members::next_token(params)? })
    }

    fn encode(output: &Described, cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("Stacks", |list| {
            for shown in &output.stacks {
                list.structure(|fields| write(shown, cx, fields));
            }
        });
        let next = output.next.map(|id| id.to_string());
        fields.text("NextToken", next.as_deref());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}

fn write(shown: &Shown, cx: &Cx<'_>, fields: &mut Fields<'_>) {
    let stack = &shown.stack;
    let side = stack.shown();
    fields.text("StackId", stack.arn(cx.scope()).to_string().as_str());
    fields.text("StackName", stack.name.as_str());
    let change_set = stack.change_set_arn(cx.scope()).map(|arn| arn.to_string());
    fields.text("ChangeSetId", change_set.as_deref());
    fields.text("Description", side.and_then(|side| side.description.as_deref()));
    status::parameters(fields, &shown.parameters);
    fields.time_ms("CreationTime", stack.created);
    fields.time_ms("DeletionTime", stack.deleted);
    fields.time_ms("LastUpdatedTime", stack.updated);
    fields.structure("RollbackConfiguration", |_| {});
    fields.text("StackStatus", status::name(stack.status));
    fields.text("StackStatusReason", status::stack_reason(stack).as_deref());
    fields.boolean("DisableRollback", stack.options.on_failure == OnFailure::DoNothing);
    fields.list("NotificationARNs", |_| {});
    fields.number("TimeoutInMinutes", stack.options.timeout_minutes.map(i64::from));
    let capabilities = side.map(|side| &side.capabilities).filter(|all| !all.is_empty());
    if let Some(capabilities) = capabilities {
        fields.texts("Capabilities", capabilities);
    }
    write_outputs(shown, fields);
    fields.text("RoleARN", stack.role.as_ref().map(ToString::to_string).as_deref());
    match side {
        Some(side) => status::tags(fields, &side.tags),
        None => fields.list("Tags", |_| {}),
    }
    // AWS: a deleted stack is not protected, nor unprotected.
    let protection = stack.options.termination_protection;
    let living = stack.status != Status::DeleteComplete;
    fields.boolean("EnableTerminationProtection", living.then_some(protection));
    drift::of_stack(fields, stack.detection.as_ref());
    let retains = stack.options.retain_except_on_create;
    fields.boolean("RetainExceptOnCreate", retains.then_some(true));
}

fn write_outputs(shown: &Shown, fields: &mut Fields<'_>) {
    if shown.outputs.is_empty() {
        return;
    }
    fields.list("Outputs", |list| {
        for (output, value) in shown.stack.outputs.iter().zip(&shown.outputs) {
            list.structure(|fields| {
                fields.text("OutputKey", &*output.key);
                fields.text("OutputValue", value.expose());
                fields.text("Description", output.description.as_deref());
                fields.text("ExportName", output.export.as_ref().map(ExportName::as_str));
            });
        }
    });
}
