//! CreateChangeSet on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::CreateChangeSet;
use regent_core::stacks::ops::create_change_set::{Created, Kind};
use regent_core::stacks::to_import::ToImport;

use super::create_stack::named_on_failure;
use super::fault::{self, Missing};
use super::members;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_operation::QueryOperation;
use crate::query_xml::{Fields, Params};

const KINDS: [&str; 3] = ["CREATE", "UPDATE", "IMPORT"];
const DESCRIPTION_LEN_MAX: usize = 1024; // model
const TOKEN_LEN_MAX: usize = 128; // model
const IMPORTS_MAX: usize = 200; // model
const IMPORTS_ALONE: &str =
    "ResourcesToImport must be given for the ChangeSetType IMPORT, and for no other";

/// Members of features that are not built.
fn refuse_unbuilt(params: &Params<'_>) -> Result<(), Fault> {
    members::refuse_unbuilt(params)?;
    if params.boolean("ImportExistingResources")?.unwrap_or_default() {
        return Err(fault::unsupported("ImportExistingResources"));
    }
    match params.text("DeploymentMode") {
        Some(_) => Err(fault::unsupported("DeploymentMode")),
        None => Ok(()),
    }
}

fn kind(params: &Params<'_>) -> Result<Kind, Fault> {
    let given = params.text("ChangeSetType");
    let mut check = Constraints::new();
    check.text("changeSetType", given).one_of(&KINDS);
    check.finish()?;
    let resources = to_import(params)?;
    if resources.is_empty() != (given != Some("IMPORT")) {
        return Err(Fault::validation(IMPORTS_ALONE));
    }
    match given {
        Some("IMPORT") => {
            let stack = members::stack(params)?;
            let template = members::template_or_previous(params)?;
            Ok(Kind::Import {
                stack,
                template: template.ok_or_else(fault::no_template)?,
                resources,
            })
        }
        Some("CREATE") => {
            let stack = members::new_name(params)?;
            let template = members::template(params)?.ok_or_else(fault::no_template)?;
            Ok(Kind::Create { stack, template })
        }
        _ => {
            let stack = members::stack(params)?;
            Ok(Kind::Update { stack, template: members::template_or_previous(params)? })
        }
    }
}

fn to_import(params: &Params<'_>) -> Result<Vec<ToImport>, Fault> {
    let given = params.list("ResourcesToImport").unwrap_or_default();
    let mut check = Constraints::new();
    check.size("resourcesToImport", Some(given.len()), &(0..=IMPORTS_MAX));
    let mut found = Vec::new();
    for (at, resource) in given.iter().enumerate() {
        let at = format!("resourcesToImport.{}.member", at + 1);
        let type_name = resource.text("ResourceType");
        check.text(format_args!("{at}.resourceType"), type_name).required().length(1..=256);
        let logical = resource.text("LogicalResourceId");
        check.text(format_args!("{at}.logicalResourceId"), logical).required();
        let entries = resource.entries("ResourceIdentifier");
        check.size(format_args!("{at}.resourceIdentifier"), Some(entries.len()), &(1..=256));
        for (key, value) in &entries {
            check
                .text(format_args!("{at}.resourceIdentifier.key"), *key)
                .required()
                .length(1..=2048);
            let path = format!("{at}.resourceIdentifier.value");
            check.text(path, *value).required().length(1..=2048);
        }
        found.push((type_name, logical, entries));
    }
    check.finish()?;
    let each = found.into_iter().map(|(type_name, logical, entries)| {
        let logical = logical.unwrap_or_default();
        let illegal = |_| Fault::validation(format!("Invalid logical ID to import: [{logical}]"));
        let text = |text: Option<&str>| text.unwrap_or_default().into();
        let identifier = entries.into_iter().map(|(key, value)| (text(key), text(value)));
        Ok(ToImport {
            logical: logical.parse().map_err(illegal)?,
            type_name: text(type_name),
            identifier: identifier.collect(),
        })
    });
    each.collect()
}

impl QueryOperation for CreateChangeSet {
    fn decode(params: &Params<'_>) -> Result<Self, Fault> {
        let name = members::change_set_name(params)?;
        let (description, token) = (params.text("Description"), params.text("ClientToken"));
        let mut check = Constraints::new();
        check.text("description", description).length(1..=DESCRIPTION_LEN_MAX);
        check.text("clientToken", token).length(1..=TOKEN_LEN_MAX);
        check.finish()?;
        let on_failure = named_on_failure("onStackFailure", params.text("OnStackFailure"))?;
        refuse_unbuilt(params)?;
        let kind = kind(params)?;
        let parameters = match kind {
            Kind::Create { .. } => {
                let given = members::new_parameters(params)?.into_iter();
                given.map(|(key, value)| (key.into(), Some(value))).collect()
            }
            Kind::Update { .. } | Kind::Import { .. } => members::parameters(params)?,
        };
        Ok(Self {
            kind,
            name,
            parameters,
            tags: members::tags(params)?,
            capabilities: members::capabilities(params)?,
            description: description.map(Into::into),
            on_failure,
            nested: params.boolean("IncludeNestedStacks")?.unwrap_or_default(),
            token: token.map(Into::into),
            role: members::role(params)?,
        })
    }

    fn encode(output: &Created, _cx: &Cx<'_>, fields: &mut Fields<'_>) {
        fields.text("Id", output.change_set.to_string().as_str());
        fields.text("StackId", output.stack.to_string().as_str());
    }

    fn fault(error: Error, _cx: &Cx<'_>) -> Fault {
        fault::of(error, Missing::Brackets)
    }
}
