//! DeleteStack on the wire. It has no result.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DeleteStack;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DeleteStack {
    const HAS_RESULT: bool = false;

    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        members::refuse_unbuilt(params)?;
        let mode = params.text("DeletionMode");
        let mut check = Constraints::new();
        check.text("deletionMode", mode).one_of(&["STANDARD", "FORCE_DELETE_STACK"]);
        check.finish()?;
        if mode == Some("FORCE_DELETE_STACK") {
            return Err(fault::unsupported("DeletionMode FORCE_DELETE_STACK"));
        }
        let retain = params.texts("RetainResources").unwrap_or_default();
        let retain = retain.into_iter().map(str::parse).collect::<Result<_, _>>();
        Ok(Self {
            stack,
            retain: retain.map_err(|_| Fault::serialization())?,
            token: members::token(params)?,
            role: members::role(params)?,
        })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _fields: &mut Fields<'_>) {}

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
