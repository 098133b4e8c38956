//! ListExports on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ids::ExportName;
use regent_core::stacks::ops::ListExports;
use regent_core::stacks::ops::list_exports::Exported;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ListExports {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { after: members::next_token(params)? })
    }

    fn encode(output: &Exported, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("Exports", |list| {
            for export in &output.exports {
                list.structure(|fields| {
                    fields.text("ExportingStackId", export.stack.to_string().as_str());
                    fields.text("Name", export.name.as_str());
                    fields.text("Value", export.value.expose());
                });
            }
        });
        fields.text("NextToken", output.next.as_ref().map(ExportName::as_str));
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
