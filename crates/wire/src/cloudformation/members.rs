//! Members that many requests on stacks have: their constraints and their way into the core.
//!
//! A template and the values of parameters may hold secrets, so that no text repeats them
//! (promise R7).

use std::collections::BTreeSet;
use std::str::FromStr;

use regent_cfn::Text;
use regent_core::limits;
use regent_core::roles::RoleArn;
use regent_core::stacks::change_set::ChangeSetRef;
use regent_core::stacks::ids::{ChangeSetName, StackArn, StackName};
use regent_core::stacks::policy::StackPolicy;
use regent_core::stacks::ready::Given;
use regent_core::stacks::target::StackRef;
use regent_core::tags::{Tags, is_reserved};

use super::fault;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::query_xml::Params;

const NAME_PATTERN: &str = "[a-zA-Z][-a-zA-Z0-9]*";
const NAME_OR_ARN_PATTERN: &str = r"[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*";
const CHANGE_SET_REF_LEN_MAX: usize = 1600; // model
const TOKEN_PATTERN: &str = "[a-zA-Z0-9][-a-zA-Z0-9]*";
const CAPABILITIES: [&str; 3] =
    ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];

/// The name of a stack to be made.
pub fn new_name(params: &Params<'_>) -> Result<StackName, Fault> {
    let given = params.text("StackName");
    let mut check = Constraints::new();
    check
        .text("stackName", given)
        .required()
        .length(1..=limits::STACK_NAME_LEN_MAX)
        .pattern(NAME_PATTERN, is_name);
    check.finish()?;
    given.unwrap_or_default().parse().map_err(|_| Fault::serialization())
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A stack by its name or ARN.
pub fn stack(params: &Params<'_>) -> Result<StackRef, Fault> {
    let given = params.text("StackName");
    let mut check = Constraints::new();
    let legal = |text: &str| {
        text.parse::<StackName>().is_ok() || text.starts_with("arn:") && text.is_ascii()
    };
    check.text("stackName", given).required().length(1..=2048).pattern(NAME_OR_ARN_PATTERN, legal);
    check.finish()?;
    Ok(StackRef::from(given.unwrap_or_default()))
}

pub fn optional_stack(params: &Params<'_>) -> Result<Option<StackRef>, Fault> {
    match params.text("StackName") {
        None => Ok(None),
        Some(_) => stack(params).map(Some),
    }
}

/// A stack, and one of its resources by its logical id.
pub fn resource(params: &Params<'_>) -> Result<(StackRef, Box<str>), Fault> {
    let stack = stack(params)?;
    let mut check = Constraints::new();
    let logical = params.text("LogicalResourceId");
    let logical = check.text("logicalResourceId", logical).required().value();
    check.finish()?;
    Ok((stack, logical.into()))
}

/// The name of a change set to be made.
pub fn change_set_name(params: &Params<'_>) -> Result<ChangeSetName, Fault> {
    let given = params.text("ChangeSetName");
    let mut check = Constraints::new();
    check
        .text("changeSetName", given)
        .required()
        .length(1..=limits::STACK_NAME_LEN_MAX)
        .pattern(NAME_PATTERN, is_name);
    check.finish()?;
    given.unwrap_or_default().parse().map_err(|_| Fault::serialization())
}

/// A change set by its ARN, or by its name in a stack.
pub fn change_set(params: &Params<'_>) -> Result<ChangeSetRef, Fault> {
    let given = params.text("ChangeSetName");
    let mut check = Constraints::new();
    check
        .text("changeSetName", given)
        .required()
        .length(1..=CHANGE_SET_REF_LEN_MAX)
        .pattern("[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/]*", |text| {
            is_name(text) || text.starts_with("arn:") && text.is_ascii()
        });
    check.finish()?;
    let (given, stack) = (given.unwrap_or_default(), optional_stack(params)?);
    if stack.is_none() && !given.starts_with("arn:") {
        return Err(Fault::validation(
            "StackName must be specified if ChangeSetName is not specified as an ARN.",
        ));
    }
    Ok(ChangeSetRef { stack, given: given.into() })
}

/// For lists that are never longer than one answer.
pub fn no_next_token(params: &Params<'_>) -> Result<(), Fault> {
    match params.text("NextToken") {
        Some(_) => Err(Fault::validation("NextToken is invalid")),
        None => Ok(()),
    }
}

/// The template of an update: none is the one that the stack has.
pub fn template_or_previous(params: &Params<'_>) -> Result<Option<Box<str>>, Fault> {
    let template = template(params)?;
    let previous = params.boolean("UsePreviousTemplate")?.unwrap_or_default();
    match (template, previous) {
        (Some(_), true) => Err(Fault::validation(
            "Only one of UsePreviousTemplate, Template URL or Template Body may be specified.",
        )),
        (None, false) => Err(fault::no_template()),
        (template, _) => Ok(template),
    }
}

/// The template of a request, if it has one.
pub fn template(params: &Params<'_>) -> Result<Option<Box<str>>, Fault> {
    if params.text("TemplateURL").is_some() {
        return Err(fault::template_url());
    }
    let Some(given) = params.text("TemplateBody") else { return Ok(None) };
    let mut check = Constraints::new();
    let bytes = Some(given.as_bytes());
    check.blob("templateBody", bytes).length(1..=limits::TEMPLATE_LEN_MAX);
    check.finish()?;
    Ok(Some(given.into()))
}

/// A parameter's key and value.
pub type Parameter = (Box<str>, Option<Text>);

/// The parameters of a stack that is not there yet.
pub fn new_parameters(params: &Params<'_>) -> Result<Given, Fault> {
    let mut given = Given::new();
    for (key, value) in parameters(params)? {
        // There is no stack to have a value from.
        let value = value.ok_or_else(|| {
            Fault::validation(format!(
                "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true for a new stack"
            ))
        })?;
        given.insert(key.into(), value);
    }
    Ok(given)
}

/// A key and its value, or that it is to stay as it is.
pub fn parameters(params: &Params<'_>) -> Result<Vec<Parameter>, Fault> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for given in params.list("Parameters").unwrap_or_default() {
        let mut check = Constraints::new();
        let key = check.text("parameterKey", given.text("ParameterKey")).required().value();
        check.finish()?;
        if !seen.insert(key) {
            return Err(Fault::validation(format!("Duplicate parameter: [{key}]")));
        }
        let previous = given.boolean("UsePreviousValue")?.unwrap_or_default();
        let value = given.text("ParameterValue");
        let value = match (previous, value) {
            (true, None) => None,
            (true, Some(_)) => {
                return Err(Fault::validation(format!(
                    "Invalid input for parameter key {key}. Cannot specify usePreviousValue as true and non empty value for a parameter"
                )));
            }
            (false, value) => Some(Text::sensitive(value.unwrap_or_default())),
        };
        found.push((key.into(), value));
    }
    Ok(found)
}

pub fn tags(params: &Params<'_>) -> Result<Option<Tags>, Fault> {
    let Some(list) = params.list("Tags") else { return Ok(None) };
    let mut check = Constraints::new();
    check.size("tags", Some(list.len()), &(0..=limits::TAGS_MAX));
    let mut tags = Tags::new();
    for (at, tag) in list.iter().enumerate() {
        let at = at + 1;
        let key = check
            .text(format_args!("tags.{at}.member.key"), tag.text("Key"))
            .required()
            .length(1..=limits::TAG_KEY_LEN_MAX)
            .value();
        let value = check
            .text(format_args!("tags.{at}.member.value"), tag.text("Value"))
            .required()
            .length(1..=limits::TAG_VALUE_LEN_MAX)
            .value();
        tags.insert(key.into(), value.into());
    }
    check.finish()?;
    if let Some(key) = tags.keys().find(|key| is_reserved(key)) {
        return Err(Fault::validation(format!(
            "aws: prefixed tag key names are not allowed for external use. [{key}]"
        )));
    }
    if tags.len() < list.len() {
        return Err(Fault::validation("Duplicate tag keys are not allowed."));
    }
    Ok(Some(tags))
}

pub fn capabilities(params: &Params<'_>) -> Result<Vec<Box<str>>, Fault> {
    let given = params.texts("Capabilities").unwrap_or_default();
    let mut check = Constraints::new();
    check.strings("capabilities", Some(given.as_slice())).each_one_of(&CAPABILITIES);
    check.finish()?;
    Ok(given.into_iter().map(Into::into).collect())
}

pub fn token(params: &Params<'_>) -> Result<Option<Box<str>>, Fault> {
    let given = params.text("ClientRequestToken");
    let mut check = Constraints::new();
    let legal = |text: &str| {
        !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    check.text("clientRequestToken", given).length(1..=128).pattern(TOKEN_PATTERN, legal);
    check.finish()?;
    Ok(given.map(Into::into))
}

/// Refuses members whose feature is not built, unless they say what is so anyway.
pub fn refuse_unbuilt(params: &Params<'_>) -> Result<(), Fault> {
    for list in ["NotificationARNs", "ResourceTypes"] {
        if params.list(list).is_some_and(|items| !items.is_empty()) {
            return Err(fault::unsupported(list));
        }
    }
    if params.text("DisableValidation").is_some_and(|text| text != "false") {
        return Err(fault::unsupported("DisableValidation"));
    }
    let rollback = params.structure("RollbackConfiguration");
    let monitored = rollback.as_ref().is_some_and(|rollback| {
        let triggers = rollback.list("RollbackTriggers");
        let minutes = rollback.text("MonitoringTimeInMinutes");
        triggers.is_some_and(|all| !all.is_empty()) || minutes.is_some_and(|text| text != "0")
    });
    if monitored {
        return Err(fault::unsupported("RollbackConfiguration"));
    }
    standard_deployment(params)
}

/// DeploymentConfig, which may say what is so anyway: stacks wait for their resources, and roll back.
fn standard_deployment(params: &Params<'_>) -> Result<(), Fault> {
    let Some(given) = params.structure("DeploymentConfig") else { return Ok(()) };
    let mode = given.text("Mode");
    let mut check = Constraints::new();
    check.text("deploymentConfig.mode", mode).one_of(&["STANDARD", "EXPRESS"]);
    check.finish()?;
    if mode == Some("EXPRESS") {
        return Err(fault::unsupported("DeploymentConfig Mode EXPRESS"));
    }
    if given.boolean("DisableRollback")?.unwrap_or_default() {
        return Err(fault::unsupported("DeploymentConfig DisableRollback"));
    }
    Ok(())
}

/// The role that is to do the work on a stack.
pub fn role(params: &Params<'_>) -> Result<Option<RoleArn>, Fault> {
    let given = params.text("RoleARN");
    let mut check = Constraints::new();
    check.text("roleARN", given).length(20..=2048);
    check.finish()?;
    let parse = |given: &str| {
        given.parse().map_err(|_| Fault::validation(format!("{given} is not a valid RoleARN")))
    };
    given.map(parse).transpose()
}

/// A stack policy in the members that begin with `prefix`: its text, and not a URL.
pub fn stack_policy(params: &Params<'_>, prefix: &str) -> Result<Option<Box<str>>, Fault> {
    let (body, url) = (format!("{prefix}Body"), format!("{prefix}URL"));
    let given = params.text(&body);
    if params.text(&url).is_some() {
        return Err(match given {
            Some(_) => Fault::validation(format!("You cannot specify both {url} and {body}")),
            None => fault::unsupported(&url),
        });
    }
    let mut check = Constraints::new();
    let name = format!("s{}", body.strip_prefix('S').unwrap_or_default());
    check.text(name, given).length(1..=limits::STACK_POLICY_LEN_MAX);
    check.finish()?;
    match given {
        Some(text) if StackPolicy::read(text).is_none() => Err(fault::stack_policy()),
        given => Ok(given.map(Into::into)),
    }
}

/// A page token: the text of the last item's key.
pub fn next_token<T: FromStr>(params: &Params<'_>) -> Result<Option<T>, Fault> {
    let Some(given) = params.text("NextToken") else { return Ok(None) };
    let mut check = Constraints::new();
    check.text("nextToken", given).length(1..=1024);
    check.finish()?;
    given.parse().map(Some).map_err(|_| Fault::validation("NextToken is invalid"))
}

/// The ARN of a stack as its answers carry it.
pub fn stack_id(arn: &StackArn) -> String {
    arn.to_string()
}
