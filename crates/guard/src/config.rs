//! What a check is told: options, `.regent-check.toml`, and files of parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::rules;

/// The name of the file in the working directory that is read without being asked for.
pub const CONFIG_FILE: &str = ".regent-check.toml";

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Where templates are deployed, unless they say so themselves.
    pub region: Option<String>,
    pub account: Option<String>,
    pub parameters: BTreeMap<String, String>,
    /// Paths that are left out, as in .gitignore.
    pub exclude: Vec<String>,
    pub ignore: Vec<Ignore>,
}

/// Findings of a rule that are left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    pub rule: String,
    pub reason: String,
    /// Only in these paths, as in .gitignore; everywhere if there are none.
    #[serde(default)]
    pub paths: Vec<String>,
}

/// Why options cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("{0}")]
    Toml(String),
    #[error("there is no rule {0}")]
    NoRule(String),
    #[error("rule {0} is ignored without a reason")]
    NoReason(String),
    #[error(
        "parameters are a JSON object, a list of ParameterKey and ParameterValue, or a list of Key=Value"
    )]
    Parameters,
}

impl Options {
    /// Reads a `.regent-check.toml`.
    pub fn parse(text: &str) -> Result<Self, Wrong> {
        let options: Self =
            toml::from_str(text).map_err(|error| Wrong::Toml(error.message().to_owned()))?;
        for ignore in &options.ignore {
            if rules::find(&ignore.rule).is_none() {
                return Err(Wrong::NoRule(ignore.rule.clone()));
            }
            if ignore.reason.trim().is_empty() {
                return Err(Wrong::NoReason(ignore.rule.clone()));
            }
        }
        Ok(options)
    }
}

/// Reads a file of parameters, in each form that AWS's tools take.
pub fn parameters(text: &str) -> Result<BTreeMap<String, String>, Wrong> {
    let json: Json = serde_json::from_str(text).map_err(|_| Wrong::Parameters)?;
    match json {
        Json::Object(mut members) => match members.remove("Parameters") {
            Some(Json::Object(inner)) => members_of(inner),
            Some(_) => Err(Wrong::Parameters),
            None => members_of(members),
        },
        Json::Array(items) => items.iter().map(listed).collect(),
        _ => Err(Wrong::Parameters),
    }
}

fn members_of(members: serde_json::Map<String, Json>) -> Result<BTreeMap<String, String>, Wrong> {
    let each = members.into_iter().map(|(name, value)| Ok((name, scalar(&value)?)));
    each.collect()
}

fn listed(item: &Json) -> Result<(String, String), Wrong> {
    if let Some((name, value)) = item.as_str().and_then(|text| text.split_once('=')) {
        return Ok((name.to_owned(), value.to_owned()));
    }
    let name = item.get("ParameterKey").and_then(Json::as_str).ok_or(Wrong::Parameters)?;
    let value = item.get("ParameterValue").ok_or(Wrong::Parameters)?;
    Ok((name.to_owned(), scalar(value)?))
}

fn scalar(value: &Json) -> Result<String, Wrong> {
    match value {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(value.to_string()),
        _ => Err(Wrong::Parameters),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_in_every_form() {
        let wanted = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        for text in [
            r#"{"A": "1"}"#,
            r#"{"Parameters": {"A": 1}}"#,
            r#"[{"ParameterKey": "A", "ParameterValue": "1"}]"#,
            r#"["A=1"]"#,
        ] {
            assert_eq!(parameters(text).unwrap(), wanted, "{text}");
        }
        for text in ["", "1", r#"["A"]"#, r#"{"A": []}"#, r#"[{"ParameterKey": "A"}]"#] {
            assert_eq!(parameters(text).unwrap_err(), Wrong::Parameters, "{text}");
        }
    }

    #[test]
    fn options_are_checked() {
        let text = "region = 'eu-west-1'\n[[ignore]]\nrule = 'RG009'\nreason = 'enabled'\n";
        let options = Options::parse(text).unwrap();
        assert_eq!(options.region.as_deref(), Some("eu-west-1"));
        assert_eq!(options.ignore.len(), 1);
        assert!(matches!(Options::parse("regoin = 'x'"), Err(Wrong::Toml(_))));
        let unknown = "[[ignore]]\nrule = 'RG999'\nreason = 'x'\n";
        assert_eq!(Options::parse(unknown).unwrap_err(), Wrong::NoRule("RG999".to_owned()));
        let silent = "[[ignore]]\nrule = 'RG009'\nreason = ' '\n";
        assert_eq!(Options::parse(silent).unwrap_err(), Wrong::NoReason("RG009".to_owned()));
    }
}
