//! RollbackStack on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackArn;
use regent_core::stacks::ops::RollbackStack;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for RollbackStack {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        members::refuse_unbuilt(params)?;
        let retain = params.boolean("RetainExceptOnCreate")?;
        let retain_except_on_create = retain.unwrap_or_default();
        let (token, role) = (members::token(params)?, members::role(params)?);
        Ok(Self { stack, retain_except_on_create, token, role })
    }

    fn encode(output: &StackArn, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackId", members::stack_id(output).as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
