//! CreateChangeSet on the wire.

use regent_core::cx::Cx;
use regent_core::stacks::error::Error;
use regent_core::stacks::ops::CreateChangeSet;
use regent_core::stacks::ops::create_change_set::{Created, Kind};

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

/// Members of features that are not built.
fn refuse_unbuilt(params: &Params<'_>) -> Result<(), Fault> {
    members::refuse_unbuilt(params)?;
    if params.list("ResourcesToImport").is_some_and(|items| !items.is_empty()) {
        return Err(fault::unsupported("ResourcesToImport"));
    }
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
    match given {
        Some("IMPORT") => Err(fault::unsupported("ChangeSetType IMPORT")),
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
            Kind::Update { .. } => members::parameters(params)?,
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
