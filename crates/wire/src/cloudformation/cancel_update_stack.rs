//! CancelUpdateStack on the wire. It has no result.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::CancelUpdateStack;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for CancelUpdateStack {
    const HAS_RESULT: bool = false;

    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { stack: members::stack(params)?, token: members::token(params)? })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _fields: &mut Fields<'_>) {}

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
