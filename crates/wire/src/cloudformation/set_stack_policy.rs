//! SetStackPolicy on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::SetStackPolicy;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for SetStackPolicy {
    const HAS_RESULT: bool = false;

    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        let policy = members::stack_policy(params, "StackPolicy")?;
        Ok(Self { stack, policy: policy.ok_or_else(fault::no_stack_policy)? })
    }

    fn encode((): &(), _cx: &Cx<'_>, _fields: &mut Fields<'_>) {}

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
