//! ListImports on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::StackName;
use regent_core::stacks::ops::ListImports;
use regent_core::stacks::ops::list_imports::Importing;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ListImports {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let mut check = Constraints::new();
        let export = check.text("exportName", params.text("ExportName")).required().value();
        check.finish()?;
        Ok(Self { export: export.into(), after: members::next_token(params)? })
    }

    fn encode(output: &Importing, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.texts("Imports", output.stacks.iter().map(StackName::as_str));
        let next = output.next.map(|id| id.to_string());
        fields.text("NextToken", next.as_deref());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
