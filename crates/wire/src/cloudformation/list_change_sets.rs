//! ListChangeSets on the wire. One answer has them all.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::ListChangeSets;
use regent_core::stacks::ops::list_change_sets::Listed;

use super::fault::{self, Missing};
use super::{change_set, members};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ListChangeSets {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        members::no_next_token(params)?;
        Ok(Self { stack: members::stack(params)? })
    }

    fn encode(output: &Listed, cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("Summaries", |list| {
            for set in &output.sets {
                list.structure(|fields| change_set::head(&output.stack, set, cx, fields));
            }
        });
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
