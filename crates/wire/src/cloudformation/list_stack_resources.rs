//! ListStackResources on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::LogicalId;
use regent_core::stacks::ops::ListStackResources;
use regent_core::stacks::ops::list_stack_resources::Resources;

use super::fault::{self, Missing};
use super::{drift, members, status};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ListStackResources {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { stack: members::stack(params)?, after: members::next_token(params)? })
    }

    fn encode(output: &Resources, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("StackResourceSummaries", |list| {
            for (logical, resource) in &output.resources {
                list.structure(|fields| {
                    fields.text("LogicalResourceId", logical.as_str());
                    fields.text("PhysicalResourceId", &*resource.physical);
                    fields.text("ResourceType", &*resource.type_name);
                    fields.time_ms("LastUpdatedTimestamp", resource.updated);
                    fields.text("ResourceStatus", status::name(resource.status));
                    let reason =
                        resource.reason.as_ref().map(|why| status::reason(resource.status, why));
                    fields.text("ResourceStatusReason", reason.as_deref());
                    drift::of_resource(fields, resource.drift.as_ref());
                });
            }
        });
        fields.text("NextToken", output.next.as_ref().map(LogicalId::as_str));
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
