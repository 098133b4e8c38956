//! GetStackPolicy on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::GetStackPolicy;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for GetStackPolicy {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { stack: members::stack(params)? })
    }

    fn encode(output: &Option<Box<str>>, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackPolicyBody", output.as_deref());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
