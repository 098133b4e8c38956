//! GetTemplate on the wire.
//!
//! A template with loops is stored as it was given, so that both stages give that text.

use regent_cfn::Text;
use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::GetTemplate;
use regent_core::stacks::ops::get_template::Of;

use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for GetTemplate {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let mut check = Constraints::new();
        let stage = params.text("TemplateStage");
        check.text("templateStage", stage).one_of(&["Original", "Processed"]);
        check.finish()?;
        let of = match params.text("ChangeSetName") {
            Some(_) => Of::ChangeSet(members::change_set(params)?),
            None => Of::Stack(members::stack(params)?),
        };
        Ok(Self { of })
    }

    fn encode(output: &Option<Text>, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("TemplateBody", output.as_ref().map(Text::expose));
        let stages: &[&str] = if output.is_some() { &["Original", "Processed"] } else { &[] };
        fields.texts("StagesAvailable", stages.iter().copied());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
