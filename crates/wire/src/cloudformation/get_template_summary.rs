//! GetTemplateSummary on the wire.

use std::collections::BTreeMap;

use regent_cfn::node::Node;
use regent_cfn::{Template, schema};
use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::handlers::TYPES;
use regent_core::stacks::ops::GetTemplateSummary;
use regent_core::stacks::ops::get_template_summary::Source;

use super::describe_stack_resource::text;
use super::fault::{self, Missing};
use super::{members, validate_template};
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

/// By which property what exists already would be imported.
fn identifiers(template: &Template, fields: &mut Fields<'_>) {
    let mut types: BTreeMap<&str, (&str, Vec<&str>)> = BTreeMap::new();
    for resource in &template.resources {
        let importable = TYPES.contains(&resource.type_name.as_str());
        if let Some(known) = schema::find(&resource.type_name).filter(|_| importable) {
            let of_type = types.entry(known.name).or_insert((known.identifier, Vec::new()));
            of_type.1.push(&resource.name);
        }
    }
    fields.list("ResourceIdentifierSummaries", |list| {
        for (type_name, (identifier, resources)) in types {
            list.structure(|summary| {
                summary.text("ResourceType", type_name);
                summary.texts("LogicalResourceIds", resources);
                summary.texts("ResourceIdentifiers", [identifier]);
            });
        }
    });
}

impl QueryOperation for GetTemplateSummary {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        for member in ["StackSetName", "CallAs"] {
            if params.text(member).is_some() {
                return Err(fault::unsupported(member));
            }
        }
        if params.structure("TemplateSummaryConfig").is_some() {
            return Err(fault::unsupported("TemplateSummaryConfig"));
        }
        let template = members::template(params)?;
        let stack = members::optional_stack(params)?;
        let source = match (template, stack) {
            (Some(template), None) => Source::Template(template),
            (None, Some(stack)) => Source::Stack(stack),
            (None, None) => return Err(fault::no_template()),
            (Some(_), Some(_)) => {
                return Err(Fault::validation(
                    "Only one of StackName, Template URL or Template Body may be specified.",
                ));
            }
        };
        Ok(Self { source })
    }

    fn encode(output: &Template, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.list("Parameters", |list| {
            for parameter in &output.parameters {
                list.structure(|fields| {
                    validate_template::parameter(parameter, fields);
                    fields.text("ParameterType", parameter.type_name.as_str());
                    fields.structure("ParameterConstraints", |_| {});
                });
            }
        });
        fields.text("Description", output.description.as_deref());
        let mut types: Vec<&str> = Vec::new();
        for resource in &output.resources {
            if !types.contains(&resource.type_name.as_str()) {
                types.push(&resource.type_name);
            }
        }
        fields.texts("ResourceTypes", types);
        fields.text("Version", "2010-09-09");
        fields.text("Metadata", output.metadata.as_ref().map(|node: &Node| text(node)).as_deref());
        validate_template::transforms(output, fields);
        identifiers(output, fields);
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Id)
    }
}
