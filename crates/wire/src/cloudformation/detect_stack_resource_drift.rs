//! DetectStackResourceDrift on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::DetectStackResourceDrift;
use regent_core::stacks::ops::describe_stack_resource_drifts::Drifted;

use super::fault::{self, Missing};
use super::{drift, members};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for DetectStackResourceDrift {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let (stack, logical) = members::resource(params)?;
        Ok(Self { stack, logical })
    }

    fn encode(output: &Drifted, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.structure("StackResourceDrift", |fields| drift::write(output, fields));
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
