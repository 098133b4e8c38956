//! ContinueUpdateRollback on the wire. Its result is empty.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::ContinueUpdateRollback;
use regent_core::stacks::ops::continue_update_rollback::Skip;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ContinueUpdateRollback {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        members::refuse_unbuilt(params)?;
        let given = params.texts("ResourcesToSkip").unwrap_or_default();
        let force = params.boolean("ForceRollback")?.unwrap_or_default();
        if force && !given.is_empty() {
            return Err(Fault::validation(
                "Only one of ForceRollback and ResourcesToSkip may be specified.",
            ));
        }
        // A name with a dot is of a nested stack, and there are none.
        let parse = |name: &str| {
            let message =
                format!("ResourcesToSkip [{name}] is not a resource whose rollback failed.");
            name.parse().map_err(|_| Fault::validation(message))
        };
        let these = given.into_iter().map(parse).collect::<Result<_, _>>()?;
        let skip = if force { Skip::Failed } else { Skip::These(these) };
        Ok(Self { stack, skip, token: members::token(params)?, role: members::role(params)? })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _fields: &mut Fields<'_>) {}

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
