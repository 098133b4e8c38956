//! DetectStackDrift on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::drift::DetectionId;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DetectStackDrift;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DetectStackDrift {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        let given = params.texts("LogicalResourceIds");
        let mut check = Constraints::new();
        check.size("logicalResourceIds", given.as_ref().map(Vec::len), &(1..=200));
        check.finish()?;
        let logical = given.map(|given| given.into_iter().map(Into::into).collect());
        Ok(Self { stack, logical })
    }

    fn encode(output: &DetectionId, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("StackDriftDetectionId", output.to_string().as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
