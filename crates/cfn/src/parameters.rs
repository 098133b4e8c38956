//! Parameters: their declarations, and the values that they are given.
//!
//! Binding checks each value against its declaration and reports all that is wrong; what has no
//! value stays unknown, which a stack refuses and the guard works with. Whether an id of an
//! AWS-specific type exists is not known here, only its shape. Values of `NoEcho` parameters are
//! sensitive from the start (promise R7).

use std::collections::BTreeMap;

use regex_lite::Regex;

use crate::error::{Located, Problem, Result};
use crate::limits;
use crate::node::{Member, Node, Position};
use crate::value::Text;

/// A declaration.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub at: Position,
    pub kind: ParameterKind,
    pub type_name: String,
    pub default: Option<Text>,
    pub description: Option<String>,
    pub no_echo: bool,
    constraints: Constraints,
}

#[derive(Debug, Clone, Default)]
struct Constraints {
    allowed: Option<Vec<Text>>,
    pattern: Option<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    String,
    Number,
    NumberList,
    CommaDelimitedList,
    /// An id of a service, with the prefix that ids of that type have.
    Id(&'static str),
    IdList(&'static str),
    /// The name of a parameter of Systems Manager, whose value is not known here.
    Ssm,
}

/// The AWS-specific types and the prefix of their ids, empty if there is none.
const ID_TYPES: [(&str, &str); 10] = [
    ("AWS::EC2::AvailabilityZone::Name", ""),
    ("AWS::EC2::Image::Id", "ami-"),
    ("AWS::EC2::Instance::Id", "i-"),
    ("AWS::EC2::KeyPair::KeyName", ""),
    ("AWS::EC2::SecurityGroup::GroupName", ""),
    ("AWS::EC2::SecurityGroup::Id", "sg-"),
    ("AWS::EC2::Subnet::Id", "subnet-"),
    ("AWS::EC2::VPC::Id", "vpc-"),
    ("AWS::EC2::Volume::Id", "vol-"),
    ("AWS::Route53::HostedZone::Id", ""),
];

/// What a parameter stands for in expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    One(Text),
    Many(Vec<Text>),
}

/// The values of a template's parameters, and all that is wrong with what was given.
#[derive(Debug, Clone, Default)]
pub struct Bound {
    pub values: BTreeMap<String, ParameterValue>,
    pub problems: Vec<Located>,
}

impl Parameter {
    pub fn read(member: &Member) -> Result<Self> {
        let name = member.key.clone();
        let malformed = || Problem::ParameterMalformed { name: name.clone() }.at(member.at);
        let members = member.value.as_map().ok_or_else(malformed)?;
        let type_node = member.value.get("Type").ok_or_else(malformed)?;
        let type_name = type_node.as_str().ok_or_else(malformed)?.to_owned();
        let kind = kind_of(&type_name).map_err(|problem| problem.at(type_node.at))?;
        let mut parameter = Self {
            name: name.clone(),
            at: member.at,
            kind,
            type_name,
            default: None,
            description: None,
            no_echo: false,
            constraints: Constraints::default(),
        };
        for attribute in members {
            let known = parameter.attribute(&attribute.key, &attribute.value);
            known.ok_or_else(|| {
                Problem::ParameterMalformed { name: name.clone() }.at(attribute.at)
            })?;
        }
        if parameter.no_echo {
            let default = parameter.default.take();
            parameter.default = default.map(|text| Text::sensitive(text.expose()));
        }
        Ok(parameter)
    }

    /// Takes one attribute; `None` if it is unknown or malformed.
    fn attribute(&mut self, name: &str, node: &Node) -> Option<()> {
        let limits = &mut self.constraints;
        let described = |node: &Node| {
            let text = node.scalar()?;
            let short = text.chars().count() <= limits::PARAMETER_DESCRIPTION_LEN_MAX;
            short.then(|| text.to_owned())
        };
        match name {
            "Type" => {}
            "Default" => self.default = Some(Text::new(node.scalar()?)),
            "Description" => self.description = Some(described(node)?),
            "NoEcho" => self.no_echo = flag(node)?,
            "ConstraintDescription" => limits.description = Some(described(node)?),
            "AllowedPattern" => limits.pattern = Some(node.scalar()?.to_owned()),
            "AllowedValues" => {
                let texts = node.as_list()?.iter().map(|item| item.scalar().map(Text::new));
                limits.allowed = Some(texts.collect::<Option<_>>()?);
            }
            "MinLength" => limits.min_length = Some(node.scalar()?.parse().ok()?),
            "MaxLength" => limits.max_length = Some(node.scalar()?.parse().ok()?),
            "MinValue" => limits.min_value = Some(number(node.scalar()?)?),
            "MaxValue" => limits.max_value = Some(number(node.scalar()?)?),
            _ => return None,
        }
        Some(())
    }

    fn value(&self, given: &Text) -> Result<ParameterValue> {
        let name = || self.name.clone();
        let wrong = |problem: Problem| {
            // The template's own words for a broken constraint come before AWS's.
            let problem = match &self.constraints.description {
                Some(description) => {
                    Problem::ParameterConstraint { name: name(), description: description.clone() }
                }
                None => problem,
            };
            problem.at(self.at)
        };
        if given.expose().len() > limits::PARAMETER_LEN_MAX {
            let limit = limits::PARAMETER_LEN_MAX;
            return Err(Problem::ParameterTooLong { name: name(), limit }.at(self.at));
        }
        let single = matches!(
            self.kind,
            ParameterKind::String | ParameterKind::Number | ParameterKind::Id(_)
        );
        let items = if single { vec![given.clone()] } else { split(given) };
        for item in &items {
            self.check_shape(item).map_err(|problem| problem.at(self.at))?;
            self.check_constraints(item).map_err(wrong)?;
        }
        if single {
            return Ok(ParameterValue::One(given.clone()));
        }
        Ok(ParameterValue::Many(items))
    }

    fn check_shape(&self, item: &Text) -> std::result::Result<(), Problem> {
        let text = item.expose();
        match self.kind {
            ParameterKind::Number | ParameterKind::NumberList if number(text).is_none() => {
                Err(Problem::ParameterNumber { name: self.name.clone() })
            }
            ParameterKind::Id(prefix) | ParameterKind::IdList(prefix)
                if text.len() <= prefix.len() || !text.starts_with(prefix) =>
            {
                let type_name = self.type_name.clone();
                Err(Problem::ParameterShape { name: self.name.clone(), type_name })
            }
            _ => Ok(()),
        }
    }

    fn check_constraints(&self, item: &Text) -> std::result::Result<(), Problem> {
        let text = item.expose();
        let limits = &self.constraints;
        let name = || self.name.clone();
        if limits.allowed.as_ref().is_some_and(|all| !all.iter().any(|one| one.expose() == text)) {
            return Err(Problem::ParameterAllowed { name: name() });
        }
        if let Some(pattern) = &limits.pattern {
            let whole = Regex::new(&format!("^(?:{pattern})$"));
            let whole = whole.map_err(|_| Problem::ParameterRegex { name: name() })?;
            if !whole.is_match(text) {
                return Err(Problem::ParameterPattern { name: name(), pattern: pattern.clone() });
            }
        }
        let length = text.chars().count();
        if let Some(limit) = limits.min_length.filter(|limit| length < *limit) {
            return Err(Problem::ParameterShort { name: name(), limit });
        }
        if let Some(limit) = limits.max_length.filter(|limit| length > *limit) {
            return Err(Problem::ParameterLong { name: name(), limit });
        }
        let Some(value) = number(text) else { return Ok(()) };
        if let Some(limit) = limits.min_value.filter(|limit| value < *limit) {
            return Err(Problem::ParameterSmall { name: name(), limit: limit.to_string() });
        }
        if let Some(limit) = limits.max_value.filter(|limit| value > *limit) {
            return Err(Problem::ParameterGreat { name: name(), limit: limit.to_string() });
        }
        Ok(())
    }
}

fn split(given: &Text) -> Vec<Text> {
    if given.expose().is_empty() {
        return Vec::new();
    }
    given.expose().split(',').map(|item| given.derived(item.trim())).collect()
}

fn flag(node: &Node) -> Option<bool> {
    match node.scalar()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse().ok().filter(|value: &f64| digits && value.is_finite())
}

fn kind_of(type_name: &str) -> std::result::Result<ParameterKind, Problem> {
    let id = |wanted: &str| {
        ID_TYPES.iter().find(|(known, _)| *known == wanted).map(|(_, prefix)| *prefix)
    };
    let inner = type_name.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>'));
    match (type_name, inner) {
        ("String", _) => Ok(ParameterKind::String),
        ("Number", _) => Ok(ParameterKind::Number),
        // `List<String>` is not in AWS's list and is taken all the same.
        ("CommaDelimitedList", _) | (_, Some("String")) => Ok(ParameterKind::CommaDelimitedList),
        (_, Some("Number")) => Ok(ParameterKind::NumberList),
        (ssm, _) if ssm.starts_with("AWS::SSM::Parameter::") => Ok(ParameterKind::Ssm),
        (_, Some(inner)) => id(inner).map(ParameterKind::IdList).ok_or_else(|| unknown(type_name)),
        _ => id(type_name).map(ParameterKind::Id).ok_or_else(|| unknown(type_name)),
    }
}

fn unknown(type_name: &str) -> Problem {
    Problem::ParameterType { type_name: type_name.to_owned() }
}

/// Gives each declared parameter its value, from `given` or its default.
pub fn bind(declared: &[Parameter], given: &BTreeMap<String, Text>) -> Bound {
    let mut bound = Bound::default();
    let exists = |name: &String| declared.iter().any(|parameter| parameter.name == *name);
    let strangers: Vec<String> = given.keys().filter(|name| !exists(name)).cloned().collect();
    if !strangers.is_empty() {
        bound.problems.push(Problem::ParametersUnknown { names: strangers }.anywhere());
    }
    let mut missing = Vec::new();
    for parameter in declared {
        if parameter.kind == ParameterKind::Ssm {
            let (name, type_name) = (parameter.name.clone(), parameter.type_name.clone());
            bound.problems.push(Problem::ParameterSsm { name, type_name }.at(parameter.at));
            continue;
        }
        let text = given.get(&parameter.name).or(parameter.default.as_ref());
        let Some(text) = text else {
            missing.push(parameter.name.clone());
            continue;
        };
        let text = if parameter.no_echo { Text::sensitive(text.expose()) } else { text.clone() };
        match parameter.value(&text) {
            Ok(value) => drop(bound.values.insert(parameter.name.clone(), value)),
            Err(problem) => bound.problems.push(problem),
        }
    }
    if !missing.is_empty() {
        bound.problems.push(Problem::ParametersMissing { names: missing }.anywhere());
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Bounds, Document};

    fn declared(text: &str) -> Result<Vec<Parameter>> {
        let root = Document::read(text, Bounds::TEMPLATE)?.root;
        root.as_map().unwrap().iter().map(Parameter::read).collect()
    }

    fn bound(text: &str, given: &[(&str, &str)]) -> Bound {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), Text::new(*v))).collect();
        bind(&declared(text).unwrap(), &given)
    }

    fn problem(text: &str, given: &str) -> String {
        let bound = bound(text, &[("P", given)]);
        bound.problems.first().map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn values_and_their_types() {
        let text = "P: {Type: String, Default: x}\nQ: {Type: CommaDelimitedList}\n\
                    R: {Type: 'List<Number>', Default: '1, 2'}\nS: {Type: String}\n\
                    T: {Type: 'List<AWS::EC2::Subnet::Id>', Default: 'subnet-1,subnet-2'}";
        let bound = bound(text, &[("Q", "a , b,,c"), ("Z", "1")]);
        let one = |text: &str| ParameterValue::One(Text::new(text));
        let many =
            |texts: &[&str]| ParameterValue::Many(texts.iter().map(|x| Text::new(*x)).collect());
        assert_eq!(bound.values["P"], one("x"));
        assert_eq!(bound.values["Q"], many(&["a", "b", "", "c"]));
        assert_eq!(bound.values["R"], many(&["1", "2"]));
        assert_eq!(bound.values["T"], many(&["subnet-1", "subnet-2"]));
        assert!(!bound.values.contains_key("S"));
        let texts: Vec<_> = bound.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            ["Parameters: [Z] do not exist in the template", "Parameters: [S] must have values"]
        );
    }

    #[test]
    fn constraints_in_awss_words() {
        for (declaration, value, expected) in [
            ("{Type: Number}", "1x", "Parameter 'P' must be a number."),
            ("{Type: Number}", "inf", "Parameter 'P' must be a number."),
            ("{Type: Number}", "-1.5e3", ""),
            (
                "{Type: String, AllowedValues: [a, 1]}",
                "b",
                "Parameter 'P' must be one of AllowedValues",
            ),
            ("{Type: String, AllowedValues: [a, 1]}", "1", ""),
            (
                "{Type: String, AllowedPattern: '[a-z]+'}",
                "ab1",
                "Parameter 'P' must match pattern [a-z]+",
            ),
            (
                "{Type: CommaDelimitedList, AllowedPattern: '[a-z]+'}",
                "ab,c1",
                "Parameter 'P' must match pattern [a-z]+",
            ),
            (
                "{Type: String, AllowedPattern: '(?=x)'}",
                "x",
                "Parameter 'P' has an AllowedPattern that is not supported",
            ),
            (
                "{Type: String, MinLength: 2}",
                "é",
                "Parameter 'P' must contain at least 2 characters",
            ),
            (
                "{Type: String, MaxLength: '1'}",
                "ab",
                "Parameter 'P' must contain at most 1 characters",
            ),
            (
                "{Type: Number, MinValue: 2}",
                "1.5",
                "Parameter 'P' must be a number not less than 2",
            ),
            (
                "{Type: Number, MaxValue: 2}",
                "3",
                "Parameter 'P' must be a number not greater than 2",
            ),
            (
                "{Type: Number, MaxValue: 2, ConstraintDescription: small}",
                "3",
                "Parameter P failed to satisfy constraint: small",
            ),
            (
                "{Type: 'AWS::EC2::VPC::Id'}",
                "x",
                "Parameter 'P' is not of the type AWS::EC2::VPC::Id",
            ),
            ("{Type: 'AWS::EC2::VPC::Id'}", "vpc-1", ""),
        ] {
            assert_eq!(problem(&format!("P: {declaration}"), value), expected, "{declaration}");
        }
        let long = "x".repeat(4097);
        assert_eq!(problem("P: {Type: String}", &long), "Parameter 'P' is longer than 4096 bytes");
    }

    #[test]
    fn declarations_that_are_refused() {
        for (text, expected) in [
            ("P: {Type: Text}", "Template format error: Unrecognized parameter type: Text"),
            ("P: {Type: 'List<X>'}", "Template format error: Unrecognized parameter type: List<X>"),
            ("P: {}", "Template format error: the attributes of parameter P are malformed"),
            (
                "P: {Type: String, Minimum: 1}",
                "Template format error: the attributes of parameter P are malformed",
            ),
            (
                "P: {Type: String, NoEcho: maybe}",
                "Template format error: the attributes of parameter P are malformed",
            ),
        ] {
            assert_eq!(declared(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn parameters_of_systems_manager_have_no_value_here() {
        let text = "P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /app/key}";
        for given in [&[][..], &[("P", "/app/other")]] {
            let bound = bound(text, given);
            assert!(bound.values.is_empty());
            let problems: Vec<_> = bound.problems.iter().map(ToString::to_string).collect();
            assert_eq!(
                problems,
                [
                    "Parameter P has the type AWS::SSM::Parameter::Value<String>; parameters of Systems Manager are not supported"
                ]
            );
        }
    }

    #[test]
    fn no_echo_is_sensitive_and_unseen() {
        let bound = bound("P: {Type: String, NoEcho: true, Default: hunter2}", &[]);
        let ParameterValue::One(text) = &bound.values["P"] else { panic!("a list") };
        assert!(text.is_sensitive());
        let shown = format!(
            "{:?} {:?}",
            bound,
            declared("P: {Type: String, NoEcho: true, Default: hunter2}")
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
