//! A template: its sections, read once into expressions.
//!
//! Reading refuses what is malformed wherever it stands. It does not refuse what only this
//! library's callers may not want: types it does not know, transforms, YAML aliases. The guard
//! reads templates of every kind; `check` says what a stack would not take.

use std::collections::BTreeMap;

use crate::error::{Function, Problem, Result};
use crate::expr::{Expr, ExprKind, Reader};
use crate::foreach;
use crate::limits;
use crate::node::{Document, Kind, Member, Node, Position};
use crate::parameters::{Parameter, bind};
use crate::value::{Data, Text};

/// The transform that is run here.
pub const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";
const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
];

#[derive(Debug, Clone)]
pub struct Template {
    pub description: Option<String>,
    pub metadata: Option<Node>,
    pub parameters: Vec<Parameter>,
    pub rules: Vec<Rule>,
    pub mappings: BTreeMap<String, Mapping>,
    pub conditions: BTreeMap<String, Expr>,
    pub transforms: Vec<(String, Position)>,
    pub resources: Vec<Resource>,
    pub outputs: Vec<Output>,
    /// Sections that no template has, and the first YAML alias: a stack refuses both.
    pub unknown_sections: Vec<String>,
    pub alias: Option<Position>,
    index: BTreeMap<String, usize>,
}

/// Top-level keys, each with its second-level keys.
pub type Mapping = BTreeMap<String, BTreeMap<String, Data>>;

#[derive(Debug, Clone)]
pub struct Resource {
    pub name: String,
    pub at: Position,
    pub type_name: String,
    pub type_at: Position,
    pub condition: Option<String>,
    pub depends_on: Vec<String>,
    pub deletion_policy: Option<Expr>,
    pub update_replace_policy: Option<Expr>,
    pub creation_policy: Option<Expr>,
    pub update_policy: Option<Expr>,
    pub metadata: Option<Node>,
    /// A map, or a function that gives one.
    pub properties: Expr,
}

#[derive(Debug, Clone)]
pub struct Output {
    pub name: String,
    pub at: Position,
    pub value: Expr,
    pub description: Option<String>,
    pub condition: Option<String>,
    pub export: Option<Expr>,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub at: Position,
    pub condition: Option<Expr>,
    pub assertions: Vec<(Expr, Option<String>)>,
}

impl Template {
    /// Reads a template. Parameters are asked only for what `Fn::ForEach` goes through.
    pub fn read(document: &Document, given: &BTreeMap<String, Text>) -> Result<Self> {
        let root = &document.root;
        let sections = root.as_map().ok_or_else(|| Problem::UnsupportedStructure.at(root.at))?;
        check_version(root)?;
        let parameters = read_parameters(root)?;
        let transforms = read_transforms(root)?;
        let extended = transforms.iter().any(|(name, _)| name == LANGUAGE_EXTENSIONS);
        let expanded;
        let root = if extended {
            let values = bind(&parameters, given).values;
            expanded = expand(root, &values)?;
            &expanded
        } else {
            root
        };
        let mut reader = Reader::new(extended);
        let strange = |member: &&Member| !SECTIONS.contains(&member.key.as_str());
        let resources = read_resources(root, &mut reader)?;
        let index = (0..).zip(&resources).map(|(at, x)| (x.name.clone(), at)).collect();
        Ok(Self {
            description: read_description(root)?,
            metadata: root.get("Metadata").cloned(),
            parameters,
            rules: read_rules(root, &mut reader)?,
            mappings: read_mappings(root)?,
            conditions: read_conditions(root, &mut reader)?,
            transforms,
            resources,
            outputs: read_outputs(root, &mut reader)?,
            unknown_sections: sections.iter().filter(strange).map(|m| m.key.clone()).collect(),
            alias: document.alias,
            index,
        })
    }

    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.index.get(name).and_then(|at| self.resources.get(*at))
    }

    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

/// Runs the loops of the sections that may have them.
fn expand(
    root: &Node,
    values: &BTreeMap<String, crate::parameters::ParameterValue>,
) -> Result<Node> {
    let mut made = root.clone();
    if let Kind::Map(members) = &mut made.kind {
        for member in members {
            if matches!(member.key.as_str(), "Resources" | "Conditions" | "Outputs") {
                member.value = foreach::expand(&member.value, values)?;
            }
        }
    }
    Ok(made)
}

fn check_version(root: &Node) -> Result<()> {
    match root.get("AWSTemplateFormatVersion") {
        Some(node) if node.scalar() != Some("2010-09-09") => {
            let value = node.scalar().unwrap_or_default().chars().take(64).collect();
            Err(Problem::FormatVersion { value }.at(node.at))
        }
        _ => Ok(()),
    }
}

fn read_description(root: &Node) -> Result<Option<String>> {
    let Some(node) = root.get("Description") else { return Ok(None) };
    let text = node.scalar().filter(|text| text.len() <= limits::DESCRIPTION_LEN_MAX);
    text.map(|text| Some(text.to_owned())).ok_or_else(|| Problem::Description.at(node.at))
}

/// The members of a section with its bounds checked; none if it is absent.
fn members<'n>(
    root: &'n Node,
    section: &'static str,
    what: &'static str,
    limit: usize,
) -> Result<&'n [Member]> {
    let Some(node) = root.get(section) else { return Ok(&[]) };
    let members = node.as_map().ok_or_else(|| Problem::SectionShape { section }.at(node.at))?;
    if members.len() > limit {
        return Err(Problem::TooMany { what, count: members.len(), limit }.at(node.at));
    }
    Ok(members)
}

fn check_name(member: &Member, what: &'static str) -> Result<()> {
    let name = &member.key;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Problem::NonAlphanumeric { what, name: name.clone() }.at(member.at));
    }
    if name.len() > limits::NAME_LEN_MAX {
        let limit = limits::NAME_LEN_MAX;
        return Err(Problem::NameTooLong { what, name: name.clone(), limit }.at(member.at));
    }
    Ok(())
}

fn read_parameters(root: &Node) -> Result<Vec<Parameter>> {
    let declared = members(root, "Parameters", "parameters", limits::PARAMETERS_MAX)?;
    let read = |member: &Member| {
        check_name(member, "Parameter")?;
        Parameter::read(member)
    };
    declared.iter().map(read).collect()
}

/// The transforms of the whole template; one with parameters is an object with a name.
fn read_transforms(root: &Node) -> Result<Vec<(String, Position)>> {
    let Some(node) = root.get("Transform") else { return Ok(Vec::new()) };
    let name_of = |node: &Node| {
        let name = node.as_str().or_else(|| node.get("Name").and_then(Node::as_str));
        let wrong = || Problem::Arguments(Function::Transform).at(node.at);
        name.map(|name| (name.to_owned(), node.at)).ok_or_else(wrong)
    };
    match node.as_list() {
        Some(items) => items.iter().map(name_of).collect(),
        None => Ok(vec![name_of(node)?]),
    }
}

fn read_mappings(root: &Node) -> Result<BTreeMap<String, Mapping>> {
    let mut mappings = BTreeMap::new();
    for member in members(root, "Mappings", "mappings", limits::MAPPINGS_MAX)? {
        // A macro may stand here; its result is not known.
        if member.key == "Fn::Transform" {
            continue;
        }
        let name = || Problem::MappingShape { name: member.key.clone() }.at(member.at);
        let tops = member.value.as_map().ok_or_else(name)?;
        if tops.len() > limits::MAPPING_ATTRIBUTES_MAX {
            let (count, limit) = (tops.len(), limits::MAPPING_ATTRIBUTES_MAX);
            return Err(Problem::TooMany { what: "mapping attributes", count, limit }.at(member.at));
        }
        let mut mapping = Mapping::new();
        for top in tops.iter().filter(|top| top.key != "Fn::Transform") {
            let attributes = top.value.as_map().ok_or_else(name)?;
            let read = |one: &Member| Ok((one.key.clone(), mapping_value(&one.value)?));
            let attributes = attributes.iter().map(read).collect::<Result<_>>()?;
            mapping.insert(top.key.clone(), attributes);
        }
        mappings.insert(member.key.clone(), mapping);
    }
    Ok(mappings)
}

fn mapping_value(node: &Node) -> Result<Data> {
    match &node.kind {
        Kind::Bool(flag) => Ok(Data::Bool(*flag)),
        Kind::Number(text) => Ok(Data::Number(text.clone())),
        Kind::String(text) => Ok(Data::text(text.clone())),
        Kind::List(items) => {
            let read = |item: &Node| Ok(mapping_value(item)?.at(item.at));
            Ok(Data::List(items.iter().map(read).collect::<Result<_>>()?))
        }
        Kind::Null | Kind::Map(_) => Err(Problem::MappingAttribute.at(node.at)),
    }
}

fn read_conditions(root: &Node, reader: &mut Reader) -> Result<BTreeMap<String, Expr>> {
    let declared = members(root, "Conditions", "conditions", usize::MAX)?;
    let read = |member: &Member| {
        let path = format!("Conditions/{}", member.key);
        let expr = reader.within(path, |reader| reader.condition(&member.value))?;
        Ok((member.key.clone(), expr))
    };
    declared.iter().map(read).collect()
}

fn read_rules(root: &Node, reader: &mut Reader) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for member in members(root, "Rules", "rules", usize::MAX)? {
        let malformed = || Problem::RuleMalformed { name: member.key.clone() }.at(member.at);
        let rule = member.value.as_map().ok_or_else(malformed)?;
        let known = |part: &Member| matches!(part.key.as_str(), "RuleCondition" | "Assertions");
        if !rule.iter().all(known) {
            return Err(malformed());
        }
        let condition = member.value.get("RuleCondition");
        let condition = condition.map(|node| reader.condition(node)).transpose()?;
        let listed = member.value.get("Assertions").and_then(Node::as_list);
        let mut assertions = Vec::new();
        for assertion in listed.filter(|all| !all.is_empty()).ok_or_else(malformed)? {
            let assert = assertion.get("Assert").ok_or_else(malformed)?;
            let description = assertion.get("AssertDescription").and_then(Node::scalar);
            assertions.push((reader.condition(assert)?, description.map(str::to_owned)));
        }
        rules.push(Rule { name: member.key.clone(), at: member.at, condition, assertions });
    }
    Ok(rules)
}

fn read_resources(root: &Node, reader: &mut Reader) -> Result<Vec<Resource>> {
    let Some(node) = root.get("Resources") else { return Err(Problem::NoResources.at(root.at)) };
    let declared = members(root, "Resources", "resources", limits::RESOURCES_MAX)?;
    if declared.is_empty() {
        return Err(Problem::NoResources.at(node.at));
    }
    // A macro may stand among the resources; what it makes is not known.
    let real = declared.iter().filter(|member| member.key != "Fn::Transform");
    real.map(|member| {
        check_name(member, "Resource")?;
        let path = format!("Resources/{}", member.key);
        reader.within(path, |reader| read_resource(member, reader))
    })
    .collect()
}

fn read_resource(member: &Member, reader: &mut Reader) -> Result<Resource> {
    let section = "Resources";
    let members = member
        .value
        .as_map()
        .ok_or_else(|| Problem::MemberShape { section }.at(member.value.at))?;
    let typed = member.value.get("Type").and_then(|node| Some((node.as_str()?, node.at)));
    let no_type = || Problem::NoType { name: member.key.clone() }.at(member.at);
    let (type_name, type_at) = typed.filter(|(name, _)| !name.is_empty()).ok_or_else(no_type)?;
    let empty = Expr { at: member.at, kind: ExprKind::Map(Vec::new()) };
    let mut resource = Resource {
        name: member.key.clone(),
        at: member.at,
        type_name: type_name.to_owned(),
        type_at,
        condition: None,
        depends_on: Vec::new(),
        deletion_policy: None,
        update_replace_policy: None,
        creation_policy: None,
        update_policy: None,
        metadata: None,
        properties: empty,
    };
    for attribute in members {
        read_attribute(&mut resource, attribute, reader)?;
    }
    Ok(resource)
}

fn read_attribute(resource: &mut Resource, member: &Member, reader: &mut Reader) -> Result<()> {
    let node = &member.value;
    let malformed = |attribute| {
        Problem::ResourceAttribute { resource: resource.name.clone(), attribute }.at(node.at)
    };
    let expr =
        |reader: &mut Reader| reader.within(&member.key, |reader| reader.value(node)).map(Some);
    match member.key.as_str() {
        // The type is read before; SAM has attributes of its own, and a macro may be one.
        "Type" | "Connectors" | "IgnoreGlobals" | "Fn::Transform" => {}
        "Properties" => {
            let properties = reader.within("Properties", |reader| reader.value(node))?;
            let text = matches!(properties.kind, ExprKind::List(_)) || node.scalar().is_some();
            if text {
                return Err(malformed("Properties"));
            }
            resource.properties = properties;
        }
        "Condition" => {
            let name = node.as_str().ok_or_else(|| malformed("Condition"))?;
            resource.condition = Some(name.to_owned());
        }
        "DependsOn" => {
            let names = match (node.as_str(), node.as_list()) {
                (Some(name), _) => Some(vec![name.to_owned()]),
                (None, Some(items)) => {
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
                }
                (None, None) => None,
            };
            resource.depends_on = names.ok_or_else(|| malformed("DependsOn"))?;
        }
        "DeletionPolicy" => resource.deletion_policy = policy(expr(reader)?, reader, node)?,
        "UpdateReplacePolicy" => {
            resource.update_replace_policy = policy(expr(reader)?, reader, node)?;
        }
        "CreationPolicy" => resource.creation_policy = expr(reader)?,
        "UpdatePolicy" => resource.update_policy = expr(reader)?,
        "Metadata" => resource.metadata = Some(node.clone()),
        other => return Err(Problem::ResourceMember { property: other.to_owned() }.at(member.at)),
    }
    Ok(())
}

/// A policy attribute: a word, or with the language extensions a function that gives one.
fn policy(expr: Option<Expr>, reader: &Reader, node: &Node) -> Result<Option<Expr>> {
    let plain = expr.as_ref().is_some_and(|expr| matches!(expr.kind, ExprKind::Text(_)));
    if plain || reader.language_extensions {
        return Ok(expr);
    }
    let name = "a function in DeletionPolicy or UpdateReplacePolicy".to_owned();
    Err(Problem::NeedsLanguageExtensions { name }.at(node.at))
}

fn read_outputs(root: &Node, reader: &mut Reader) -> Result<Vec<Output>> {
    let mut outputs = Vec::new();
    for member in members(root, "Outputs", "outputs", limits::OUTPUTS_MAX)? {
        if member.key == "Fn::Transform" {
            continue;
        }
        check_name(member, "Output")?;
        let path = format!("Outputs/{}", member.key);
        outputs.push(reader.within(path, |reader| read_output(member, reader))?);
    }
    Ok(outputs)
}

fn read_output(member: &Member, reader: &mut Reader) -> Result<Output> {
    let malformed = || Problem::OutputMalformed { name: member.key.clone() }.at(member.at);
    let members = member.value.as_map().ok_or_else(malformed)?;
    let known = ["Value", "Description", "Condition", "Export"];
    if members.iter().any(|part| !known.contains(&part.key.as_str())) {
        return Err(malformed());
    }
    let value = member.value.get("Value");
    let value = value.ok_or_else(|| Problem::OutputWithoutValue.at(member.at))?;
    let text = |key: &str| match member.value.get(key) {
        Some(node) => node.scalar().map(|text| Some(text.to_owned())).ok_or_else(malformed),
        None => Ok(None),
    };
    let export = match member.value.get("Export") {
        Some(export) => Some(reader.value(export.get("Name").ok_or_else(malformed)?)?),
        None => None,
    };
    Ok(Output {
        name: member.key.clone(),
        at: member.at,
        value: reader.within("Value", |reader| reader.value(value))?,
        description: text("Description")?,
        condition: text("Condition")?,
        export,
    })
}
