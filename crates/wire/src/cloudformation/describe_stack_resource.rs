//! DescribeStackResource on the wire.

use regent_cfn::node::{Kind, Node};
use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DescribeStackResource;
use regent_core::stacks::ops::describe_stack_resource::Detail;

use super::fault::{self, Missing};
use super::{drift, members, status};
use crate::fault::Fault;
use crate::json;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DescribeStackResource {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let (stack, logical) = members::resource(params)?;
        Ok(Self { stack, logical })
    }

    fn encode(output: &Detail, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        let (found, resource) = (&output.found, &output.found.resource);
        fields.structure("StackResourceDetail", |fields| {
            fields.text("StackName", found.stack.name.as_str());
            fields.text("StackId", members::stack_id(&found.stack).as_str());
            fields.text("LogicalResourceId", found.logical.as_str());
            fields.text("PhysicalResourceId", &*resource.physical);
            fields.text("ResourceType", &*resource.type_name);
            fields.time_ms("LastUpdatedTimestamp", resource.updated);
            fields.text("ResourceStatus", status::name(resource.status));
            let reason = resource.reason.as_ref().map(|why| status::reason(resource.status, why));
            fields.text("ResourceStatusReason", reason.as_deref());
            // AWS: an empty object if the template has none.
            let metadata = output.metadata.as_ref().map_or_else(|| "{}".to_owned(), text);
            fields.text("Metadata", metadata.as_str());
            drift::of_resource(fields, resource.drift.as_ref());
        });
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Quotes)
    }
}

/// A document's node as JSON.
pub(super) fn text(node: &Node) -> String {
    let quoted = |text: &str| {
        let mut out = vec![b'"'];
        json::escape(&mut out, text);
        out.push(b'"');
        String::from_utf8(out).unwrap_or_default()
    };
    match &node.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Number(number) => number.clone(),
        Kind::String(string) => quoted(string),
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            format!("[{}]", items.join(","))
        }
        Kind::Map(members) => {
            let member = |member: &regent_cfn::node::Member| {
                format!("{}:{}", quoted(&member.key), text(&member.value))
            };
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
