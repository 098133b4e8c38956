//! ValidateTemplate on the wire.

use regent_cfn::parameters::Parameter;
use regent_cfn::{Template, Text};
use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::ValidateTemplate;

use super::fault::{self, Missing};
use super::members;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

impl QueryOperation for ValidateTemplate {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        Ok(Self { template: members::template(params)?.ok_or_else(fault::no_template)? })
    }

    fn encode(output: &Template, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("Parameters", |list| {
            for declared in &output.parameters {
                list.structure(|fields| parameter(declared, fields));
            }
        });
        fields.text("Description", output.description.as_deref());
        transforms(output, fields);
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}

pub(super) fn parameter(declared: &Parameter, fields: &mut Fields<'_>) {
    fields.text("ParameterKey", declared.name.as_str());
    // What is not to be echoed is not, by default neither.
    let default = declared.default.as_ref().filter(|_| !declared.no_echo);
    fields.text("DefaultValue", default.map(Text::expose));
    fields.boolean("NoEcho", declared.no_echo);
    fields.text("Description", declared.description.as_deref());
}

/// What of a template has to be expanded, and what that takes.
pub(super) fn transforms(template: &Template, fields: &mut Fields<'_>) {
    let names: Vec<&str> = template.transforms.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return;
    }
    fields.texts("Capabilities", ["CAPABILITY_AUTO_EXPAND"]);
    let reason = format!(
        "The following transform(s) require CAPABILITY_AUTO_EXPAND : [{}]",
        names.join(", ")
    );
    fields.text("CapabilitiesReason", reason.as_str());
    fields.texts("DeclaredTransforms", names);
}
