//! DescribeStackResources on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DescribeStackResources;
use regent_core::stacks::ops::describe_stack_resources::Found;

use super::fault::{self, Missing};
use super::{drift, members, status};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeStackResources {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self {
            stack: members::optional_stack(params)?,
            logical: params.text("LogicalResourceId").map(Into::into),
            physical: params.text("PhysicalResourceId").map(Into::into),
        })
    }

    fn encode(output: &Vec<Found>, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("StackResources", |list| {
            for Found { stack, logical, resource } in output {
                list.structure(|fields| {
                    fields.text("StackName", stack.name.as_str());
                    fields.text("StackId", members::stack_id(stack).as_str());
                    fields.text("LogicalResourceId", logical.as_str());
                    fields.text("PhysicalResourceId", &*resource.physical);
                    fields.text("ResourceType", &*resource.type_name);
                    fields.time_ms("Timestamp", resource.updated);
                    fields.text("ResourceStatus", status::name(resource.status));
                    let reason =
                        resource.reason.as_ref().map(|why| status::reason(resource.status, why));
                    fields.text("ResourceStatusReason", reason.as_deref());
                    drift::of_resource(fields, resource.drift.as_ref());
                });
            }
        });
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
