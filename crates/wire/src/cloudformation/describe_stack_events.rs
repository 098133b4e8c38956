//! DescribeStackEvents on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::LogicalId;
use regent_core::stacks::ops::DescribeStackEvents;
use regent_core::stacks::ops::describe_stack_events::History;

use super::fault::{self, Missing};
use super::{members, status};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeStackEvents {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { stack: members::stack(params)?, after: members::next_token(params)? })
    }

    fn encode(output: &History, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        let stack = members::stack_id(&output.stack);
        fields.list("StackEvents", |list| {
            for (number, event) in &output.events {
                list.structure(|fields| {
                    let logical = event.logical.as_ref().map(LogicalId::as_str);
                    fields.text("StackId", stack.as_str());
                    let id = status::event_id(&output.stack, *number, event);
                    fields.text("EventId", id.as_str());
                    fields.text("StackName", output.stack.name.as_str());
                    let shown = logical.unwrap_or(output.stack.name.as_str());
                    fields.text("LogicalResourceId", shown);
                    fields.text("PhysicalResourceId", &*event.physical);
                    fields.text("ResourceType", &*event.type_name);
                    fields.time_ms("Timestamp", event.at);
                    fields.text("ResourceStatus", status::name(event.status));
                    let reason = event.reason.as_ref().map(|why| status::reason(event.status, why));
                    fields.text("ResourceStatusReason", reason.as_deref());
                    fields.text("ClientRequestToken", event.token.as_deref());
                });
            }
        });
        let next = output.next.map(|number| number.to_string());
        fields.text("NextToken", next.as_deref());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
