//! From what a request gives to a side of a stack.

use std::collections::BTreeMap;

use regent_cfn::error::Problem;
use regent_cfn::{Located, Text};

use crate::cx::Cx;
use crate::stacks::documents::{Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::ids::StackArn;
use crate::stacks::model::{Parameter, Side};
use crate::stacks::ready::{Given, Ready, pseudo};
use crate::tags::Tags;

const AUTO_EXPAND: &str = "CAPABILITY_AUTO_EXPAND";

/// Reads and checks a template with its parameters, and seals both.
pub(super) fn side(
    cx: &Cx<'_>,
    stack: &StackArn,
    documents: &Documents,
    given: &New<'_>,
) -> Result<(Side, Ready), Error> {
    let ready = Ready::checked(given.template, given.parameters, pseudo(stack))?;
    // AWS: whoever lets a template be expanded says so.
    let expands = !ready.template.transforms.is_empty();
    if expands && !given.capabilities.iter().any(|known| **known == *AUTO_EXPAND) {
        return Err(Error::NeedsCapability { capability: AUTO_EXPAND });
    }
    let mut parameters = BTreeMap::new();
    for declared in &ready.template.parameters {
        let name = declared.name.as_str();
        let Some(value) = given.parameters.get(name).or(declared.default.as_ref()) else {
            continue;
        };
        let value = documents.seal(cx, Document::Parameter(name), value.expose());
        parameters.insert(name.into(), Parameter { value, no_echo: declared.no_echo });
    }
    let imports = ready
        .imports
        .iter()
        .map(|name| name.parse().map_err(|_| Problem::NoExport { name: name.clone() }.anywhere()));
    let side = Side {
        generation: given.generation,
        template: documents.seal(cx, Document::Template, given.template),
        description: ready.template.description.as_deref().map(Into::into),
        parameters,
        tags: given.tags.clone(),
        capabilities: given.capabilities.iter().cloned().collect(),
        imports: imports.collect::<Result<_, Located>>()?,
    };
    Ok((side, ready))
}

pub(super) struct New<'a> {
    pub generation: u32,
    pub template: &'a str,
    pub parameters: &'a Given,
    pub tags: &'a Tags,
    pub capabilities: &'a [Box<str>],
}

/// The parameters of an update: `None` as a value is the value that the stack has.
pub(super) fn given_again(
    parameters: &[(Box<str>, Option<Text>)],
    before: &Given,
) -> Result<Given, Located> {
    let mut given = Given::new();
    for (name, value) in parameters {
        let value = match value {
            Some(value) => value.clone(),
            None => before.get(&**name).cloned().ok_or_else(|| {
                Problem::ParametersMissing { names: vec![name.to_string()] }.anywhere()
            })?,
        };
        given.insert(name.to_string(), value);
    }
    Ok(given)
}
