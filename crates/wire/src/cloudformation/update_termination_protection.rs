//! UpdateTerminationProtection on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackArn;
use regent_core::stacks::ops::UpdateTerminationProtection;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for UpdateTerminationProtection {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let enabled = params.boolean("EnableTerminationProtection")?;
        let mut check = Constraints::new();
        check.required("enableTerminationProtection", enabled.as_ref());
        check.finish()?;
        Ok(Self { stack: members::stack(params)?, enabled: enabled.unwrap_or_default() })
    }

    fn encode(output: &StackArn, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackId", members::stack_id(output).as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
