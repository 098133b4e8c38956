//! DescribeStackResourceDrifts on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::LogicalId;
use regent_core::stacks::ops::DescribeStackResourceDrifts;
use regent_core::stacks::ops::describe_stack_resource_drifts::Drifts;

use super::fault::{self, Missing};
use super::{drift, members};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

const FILTERS: [&str; 6] =
    ["IN_SYNC", "MODIFIED", "DELETED", "NOT_CHECKED", "UNKNOWN", "UNSUPPORTED"];

impl QueryOperation for DescribeStackResourceDrifts {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        let given = params.texts("StackResourceDriftStatusFilters");
        let limit = params.number::<i64>("MaxResults")?;
        let mut check = Constraints::new();
        check.size("stackResourceDriftStatusFilters", given.as_ref().map(Vec::len), &(1..=4));
        check.strings("stackResourceDriftStatusFilters", given.as_deref()).each_one_of(&FILTERS);
        check.number("maxResults", limit).range(1..=100);
        check.finish()?;
        let status = |name: &str| drift::STATUSES.iter().find(|(known, _)| *known == name);
        let statuses = given.map(|given| {
            given.into_iter().filter_map(|name| status(name).map(|(_, status)| *status)).collect()
        });
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(Self { stack, statuses, limit, after: members::next_token(params)? })
    }

    fn encode(output: &Drifts, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("StackResourceDrifts", |list| {
            for found in &output.drifts {
                list.structure(|fields| drift::write(found, fields));
            }
        });
        fields.text("NextToken", output.next.as_ref().map(LogicalId::as_str));
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
