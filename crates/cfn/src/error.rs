//! Why a template, a parameter or a property is refused: conditions with their data.
//!
//! `Display` is the text that AWS gives for each, as far as it is known; it is what a client of a
//! stack reads, and what the guard shows. No text repeats the value of a property or of a
//! parameter, because any of them may be a secret (promise R7).

use std::fmt;

use crate::node::Position;

pub type Result<T> = std::result::Result<T, Located>;

/// A problem and where it is, if it is anywhere in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    pub problem: Problem,
    pub at: Option<Position>,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.problem)?;
        let malformed = matches!(
            self.problem,
            Problem::JsonNotWellFormed | Problem::YamlNotWellFormed | Problem::DuplicateKey { .. }
        );
        match self.at {
            Some(at) if malformed => write!(f, " (line {}, column {})", at.line, at.column),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Located {}

/// The functions whose arguments are checked, each with AWS's text for a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    And,
    Base64,
    Cidr,
    Equals,
    FindInMap,
    ForEach,
    GetAtt,
    GetAzs,
    If,
    ImportValue,
    Join,
    Length,
    Not,
    Or,
    Ref,
    Select,
    Split,
    Sub,
    ToJsonString,
    Transform,
    Condition,
    Rule,
}

impl Function {
    fn text(self) -> &'static str {
        match self {
            Self::And => {
                "every Fn::And object requires a list of at least 2 and at most 10 boolean parameters."
            }
            Self::Base64 => "every Fn::Base64 object must have a String-typed value.",
            Self::Cidr => {
                "every Fn::Cidr object requires two or three parameters: an IP block, a count from 1 to 256 and the number of subnet bits"
            }
            Self::Equals => "every Fn::Equals object requires a list of 2 string parameters.",
            Self::FindInMap => {
                "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute for return value"
            }
            Self::ForEach => {
                "every Fn::ForEach object requires an identifier, a list of values and an object with one output key"
            }
            Self::GetAtt => {
                "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
            }
            Self::GetAzs => "every Fn::GetAZs object must be a string",
            Self::If => "Fn::If requires a list argument with three elements",
            Self::ImportValue => {
                "the attribute in Fn::ImportValue must be a string or a function that returns a string"
            }
            Self::Join => {
                "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
            }
            Self::Length => {
                "every Fn::Length object requires a list or a function that returns a list"
            }
            Self::Not => "every Fn::Not object requires one boolean parameter.",
            Self::Or => {
                "every Fn::Or object requires a list of at least 2 and at most 10 boolean parameters."
            }
            Self::Ref => "every Ref object must have a single String value.",
            Self::Select => {
                "Fn::Select requires a list argument with two elements: an integer index and a list"
            }
            Self::Split => {
                "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split or a function that returns a string to be split."
            }
            Self::Sub => {
                "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first argument, and an optional second argument to specify a mapping of values to replace in the string"
            }
            Self::ToJsonString => "every Fn::ToJsonString object requires an object or a list",
            Self::Transform => {
                "every Fn::Transform object requires the name of a macro and its parameters"
            }
            Self::Condition => "every Condition object must have a single String value.",
            Self::Rule => "a rule's function has the wrong parameters",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    // The document.
    #[error("Template format error: JSON not well-formed.")]
    JsonNotWellFormed,
    #[error("Template format error: YAML not well-formed.")]
    YamlNotWellFormed,
    #[error("Template format error: Duplicate key [{key}].")]
    DuplicateKey { key: String },
    #[error("Template format error: unsupported structure.")]
    UnsupportedStructure,
    #[error("Template format error: YAML not well-formed: unknown tag {tag}")]
    UnknownTag { tag: String },
    #[error("Template error: YAML aliases are not allowed in CloudFormation templates")]
    Alias,
    #[error("Template may not exceed {limit} bytes in size.")]
    TooLarge { limit: usize },
    #[error("Template format error: more than {limit} levels of nesting")]
    TooDeep { limit: usize },
    #[error("Template format error: more than {limit} values")]
    TooManyNodes { limit: usize },

    // The sections.
    #[error("Template format error: At least one Resources member must be defined.")]
    NoResources,
    #[error(
        "Template format error: {value} is not a supported value for AWSTemplateFormatVersion."
    )]
    FormatVersion { value: String },
    #[error("Invalid template property or properties [{}]", names.join(", "))]
    UnknownSections { names: Vec<String> },
    #[error("Template format error: Every {section} member must be an object.")]
    SectionShape { section: &'static str },
    #[error("Template format error: Any {section} member must be an object.")]
    MemberShape { section: &'static str },
    #[error(
        "Template format error: Number of {what}, {count}, is greater than maximum allowed, {limit}"
    )]
    TooMany { what: &'static str, count: usize, limit: usize },
    #[error("Template format error: {what} name {name} is non alphanumeric.")]
    NonAlphanumeric { what: &'static str, name: String },
    #[error("Template format error: {what} name {name} is longer than {limit} characters.")]
    NameTooLong { what: &'static str, name: String, limit: usize },
    #[error("Template format error: Description is not a string of at most 1024 bytes.")]
    Description,
    #[error("[{path}] 'null' values are not allowed in templates")]
    Null { path: String },
    #[error(
        "Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
    )]
    NoType { name: String },
    #[error("Invalid template resource property '{property}'")]
    ResourceMember { property: String },
    #[error("Template format error: [/Resources/{resource}] {attribute} is malformed.")]
    ResourceAttribute { resource: String, attribute: &'static str },
    #[error("Template format error: Unrecognized resource types: [{}]", types.join(", "))]
    UnknownTypes { types: Vec<String> },
    #[error("No transform named {name} found.")]
    UnknownTransform { name: String },
    #[error("Template format error: Every Outputs member must contain a Value object")]
    OutputWithoutValue,
    #[error("Template format error: Output {name} is malformed.")]
    OutputMalformed { name: String },
    #[error(
        "Template format error: Output {name} is malformed.  The Name field of Export must not depend on any resources, imported values, or Fn::GetAZs."
    )]
    ExportDepends { name: String },
    #[error("Template format error: Every Mappings member {name} must be a map")]
    MappingShape { name: String },
    #[error("Template format error: Every Mappings attribute must be a String or a List.")]
    MappingAttribute,
    #[error("Template validation error: Rule {name} is malformed")]
    RuleMalformed { name: String },

    // Functions and references.
    #[error("Template error: {}", .0.text())]
    Arguments(Function),
    #[error("Template error: function {name} is not known")]
    UnknownFunction { name: String },
    #[error("Template error: {name} requires the transform AWS::LanguageExtensions")]
    NeedsLanguageExtensions { name: String },
    #[error("Template format error: Unresolved resource dependencies [{}] in the {block} block of the template", names.join(", "))]
    Unresolved { names: Vec<String>, block: &'static str },
    #[error("Template error: instance of Fn::GetAtt references undefined resource {name}")]
    GetAttUndefined { name: String },
    #[error("Requested attribute {attribute} does not exist in schema for {type_name}")]
    UnknownAttribute { attribute: String, type_name: String },
    #[error(
        "[Error] /Outputs/{output}/Value/Fn::GetAtt: Resource type {type_name} does not support attribute {{{attribute}}}."
    )]
    UnknownOutputAttribute { output: String, attribute: String, type_name: String },
    #[error("Template error: unresolved condition dependency {name} in Fn::If")]
    UnresolvedIf { name: String },
    #[error(
        "Template format error: Unresolved condition dependency {name} in the {block} block of the template"
    )]
    UnresolvedCondition { name: String, block: &'static str },
    #[error("Template format error: Circular dependencies for condition {name}")]
    ConditionCycle { name: String },
    #[error(
        "Template format error: Unresolved dependencies [{name}]. Cannot reference resources in the {block} block of the template"
    )]
    ResourceInBlock { name: String, block: &'static str },
    #[error("Circular dependency between resources: [{}]", names.join(", "))]
    Cycle { names: Vec<String> },
    #[error("Template error: Unable to get mapping for {map}::{top}::{second}")]
    NoMapping { map: String, top: String, second: String },
    #[error("Template error: Fn::Select  cannot select nonexistent value at index {index}")]
    SelectIndex { index: String },
    #[error("Template error: variable {name} in Fn::Sub expression does not resolve to a string")]
    SubNotText { name: String },
    #[error(
        "Template error: variable names in Fn::Sub syntax must contain only alphanumeric characters, underscores, periods, and colons"
    )]
    SubName { name: String },
    #[error("Template error: invalid IP block, count or bits in Fn::Cidr")]
    CidrRange,
    #[error("No export named {name} found.")]
    NoExport { name: String },
    #[error("Template error: the values of Fn::ForEach {name} are not known")]
    ForEachUnknown { name: String },
    #[error("Template error: Fn::ForEach {name} makes the key {key} twice")]
    ForEachDuplicate { name: String, key: String },
    #[error("Template error: the dynamic reference of {service} is malformed")]
    DynamicReference { service: &'static str },
    #[error("Template error: dynamic references to {service} are not supported")]
    DynamicService { service: String },
    #[error("Template error: more than {limit} dynamic references")]
    TooManyDynamic { limit: usize },
    /// The resolver's words; they never repeat a value.
    #[error("{reason}")]
    DynamicFailed { reason: String },
    #[error("Template error: {path} resolves to more than {limit} bytes")]
    ValueTooLarge { path: String, limit: usize },

    // Parameters.
    #[error("Template format error: Unrecognized parameter type: {type_name}")]
    ParameterType { type_name: String },
    #[error("Template format error: the attributes of parameter {name} are malformed")]
    ParameterMalformed { name: String },
    #[error(
        "Parameter {name} has the type {type_name}; parameters of Systems Manager are not supported"
    )]
    ParameterSsm { name: String, type_name: String },
    #[error("Parameters: [{}] must have values", names.join(", "))]
    ParametersMissing { names: Vec<String> },
    #[error("Parameters: [{}] do not exist in the template", names.join(", "))]
    ParametersUnknown { names: Vec<String> },
    #[error("Parameter '{name}' must be a number.")]
    ParameterNumber { name: String },
    #[error("Parameter '{name}' must be one of AllowedValues")]
    ParameterAllowed { name: String },
    #[error("Parameter '{name}' must match pattern {pattern}")]
    ParameterPattern { name: String, pattern: String },
    #[error("Parameter '{name}' has an AllowedPattern that is not supported")]
    ParameterRegex { name: String },
    #[error("Parameter '{name}' must contain at least {limit} characters")]
    ParameterShort { name: String, limit: usize },
    #[error("Parameter '{name}' must contain at most {limit} characters")]
    ParameterLong { name: String, limit: usize },
    #[error("Parameter '{name}' must be a number not less than {limit}")]
    ParameterSmall { name: String, limit: String },
    #[error("Parameter '{name}' must be a number not greater than {limit}")]
    ParameterGreat { name: String, limit: String },
    #[error("Parameter {name} failed to satisfy constraint: {description}")]
    ParameterConstraint { name: String, description: String },
    #[error("Parameter '{name}' is longer than {limit} bytes")]
    ParameterTooLong { name: String, limit: usize },
    #[error("Parameter '{name}' is not of the type {type_name}")]
    ParameterShape { name: String, type_name: String },

    // Properties.
    #[error("Properties validation failed for resource {resource} with message:\n{}", messages.join("\n"))]
    Properties { resource: String, messages: Vec<String> },

    #[error("Resource type {type_name} is not supported: {reason}")]
    Unsupported { type_name: String, reason: &'static str },

    // Rules.
    #[error("Template constraint violation: {description}")]
    Assertion { rule: String, description: String },

    // Updates.
    #[error("Update of resource type is not permitted. The new template modifies resource type of the following resources: [{}]", names.join(", "))]
    TypeChanged { names: Vec<String> },
    #[error("No updates are to be performed.")]
    NoUpdates,
}

impl Problem {
    pub fn at(self, at: Position) -> Located {
        Located { problem: self, at: Some(at) }
    }

    pub fn anywhere(self) -> Located {
        Located { problem: self, at: None }
    }
}
