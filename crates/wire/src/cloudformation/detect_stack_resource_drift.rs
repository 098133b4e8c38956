//! DetectStackResourceDrift on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DetectStackResourceDrift;
use regent_core::stacks::ops::describe_stack_resource_drifts::Drifted;

use super::fault::{self, Missing};
use super::{drift, members};
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DetectStackResourceDrift {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let stack = members::stack(params)?;
        let mut check = Constraints::new();
        let logical = params.text("LogicalResourceId");
        let logical = check.text("logicalResourceId", logical).required().value();
        check.finish()?;
        Ok(Self { stack, logical: logical.into() })
    }

    fn encode(output: &Drifted, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.structure("StackResourceDrift", |fields| drift::write(output, fields));
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
