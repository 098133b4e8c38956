//! Templates as texts, resolved in us-east-1 with little known of the outside.
#![allow(dead_code, clippy::unwrap_used, reason = "each test file uses some of it; tests unwrap")]

use std::collections::BTreeMap;

use regent_cfn::parameters::{Bound, bind};
use regent_cfn::resolve::{Import, Outside, Pseudo, Resolution};
use regent_cfn::{Bounds, Document, Located, Template, Text, Value};

/// An outside with one export and the zones of every Region.
#[derive(Debug)]
pub struct World;

impl Outside for World {
    fn reference(&self, _: &str) -> Option<String> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn import(&self, name: &str) -> Import {
        match name {
            "shared" => Import::Known("imported".to_owned()),
            "absent" => Import::Missing,
            _ => Import::Unknown,
        }
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        Some(vec![format!("{region}a"), format!("{region}b")])
    }
}

pub fn pseudo() -> Pseudo {
    Pseudo {
        account_id: Some("123456789012".to_owned()),
        region: Some("us-east-1".to_owned()),
        partition: Some("aws".to_owned()),
        url_suffix: Some("amazonaws.com".to_owned()),
        stack_name: Some("it".to_owned()),
        ..Pseudo::default()
    }
}

/// A template that has been read, with its parameters.
#[derive(Debug)]
pub struct Read {
    pub template: Template,
    pub bound: Bound,
    pub pseudo: Pseudo,
}

pub fn read(text: &str) -> Result<Read, Located> {
    read_with(text, &[])
}

pub fn read_with(text: &str, given: &[(&str, &str)]) -> Result<Read, Located> {
    let given: BTreeMap<String, Text> =
        given.iter().map(|(name, value)| ((*name).to_owned(), Text::new(*value))).collect();
    let template = Template::read(&Document::read(text, Bounds::TEMPLATE)?, &given)?;
    let bound = bind(&template.parameters, &given);
    Ok(Read { template, bound, pseudo: pseudo() })
}

impl Read {
    pub fn resolution(&self) -> Result<Resolution<'_>, Located> {
        Resolution::new(&self.template, &self.bound.values, &self.pseudo)
    }
}

/// One property of one resource as JSON, or why it is not known.
pub fn property(text: &str, resource: &str, name: &str) -> String {
    let read = read(text).unwrap();
    let resolution = read.resolution().unwrap();
    let resource = read.template.resource(resource).unwrap();
    let properties = resolution.properties(resource, &World).unwrap();
    properties.get(name).map_or_else(|| "absent".to_owned(), shown)
}

pub fn shown(value: &Value) -> String {
    match (value.to_json(), value.first_unknown()) {
        (Some(text), _) => text.expose().to_owned(),
        (None, Some((unknown, _))) => format!("unknown: {}", unknown.why()),
        (None, None) => "neither known nor unknown".to_owned(),
    }
}

/// The first problem of a template, wherever it is found; empty if there is none.
pub fn problem(text: &str) -> String {
    let found = || {
        let read = read(text)?;
        let resolution = read.resolution()?;
        resolution.check()?;
        let misfits = resolution.check_properties(&World)?;
        misfits.first().map_or(Ok(()), |misfits| Err(misfits.problem()))
    };
    found().err().map(|problem| problem.to_string()).unwrap_or_default()
}

/// The same, without what is wrong only with the type of the description.
pub fn refusal(text: &str) -> String {
    let found = || {
        let read = read(text)?;
        let resolution = read.resolution()?;
        resolution.check()?;
        resolution.check_properties(&World)
    };
    found().err().map(|problem| problem.to_string()).unwrap_or_default()
}
