//! What a resource type is: its properties, what an update of each does, what `Ref` and
//! `Fn::GetAtt` give; and whether properties fit.
//!
//! One table says it all. Checking goes by the table and speaks AWS's words for a broken schema;
//! what is not known yet passes, and is checked again once it is. No text repeats a sensitive value
//! (promise R7).

mod difference;
pub mod drift;
mod table;

use crate::node::Position;
use crate::value::{Data, Text, Value};

pub use difference::{Changed, Difference, How, Outcome};
pub use table::TYPES;

#[derive(Debug)]
pub struct ResourceType {
    pub name: &'static str,
    pub properties: &'static [Property],
    /// What `Fn::GetAtt` gives.
    pub attributes: &'static [&'static str],
    /// What `Ref` gives, in words.
    pub reference: &'static str,
    /// The attribute or property by which an import names what exists already.
    pub identifier: &'static str,
    /// What the properties have to satisfy together: each gives AWS's words if they do not.
    pub rules: &'static [fn(&Value) -> Option<&'static str>],
    /// AWS's words for an update that it refuses.
    pub refusal: &'static str,
}

#[derive(Debug)]
pub struct Property {
    pub name: &'static str,
    pub shape: Shape,
    pub required: bool,
    pub update: Update,
    /// The value that leaving it out stands for.
    pub default: Option<&'static str>,
    /// It cannot be read back, so that it never drifts and is never shown.
    pub write_only: bool,
}

/// What an update of a property does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    InPlace,
    Replacement,
    /// The update fails, and the resource stays.
    Refused,
}

#[derive(Debug)]
pub enum Shape {
    Text {
        min: usize,
        max: usize,
    },
    Pattern {
        pattern: &'static str,
        matches: fn(&str) -> bool,
    },
    Enum(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    /// A JSON object, or its text.
    Json,
    List {
        of: &'static Shape,
        ordered: bool,
    },
    Object(&'static [Property]),
}

/// One way in which properties do not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where in the properties, as AWS writes it: `#/ReplicaRegions/0`.
    pub pointer: String,
    pub at: Position,
    pub violation: Violation,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("extraneous key [{0}] is not permitted")]
    Extraneous(String),
    #[error("required key [{0}] not found")]
    Required(&'static str),
    #[error("expected type: {expected}, found: {found}")]
    Type { expected: &'static str, found: &'static str },
    #[error("{0} is not a valid enum value")]
    Enum(String),
    #[error("string [{value}] does not match pattern {pattern}")]
    Pattern { value: String, pattern: &'static str },
    #[error("expected minLength: {min}, actual: {actual}")]
    Short { min: usize, actual: usize },
    #[error("expected maxLength: {max}, actual: {actual}")]
    Long { max: usize, actual: usize },
    #[error("{value} is not greater or equal to {min}")]
    Small { value: i64, min: i64 },
    #[error("{value} is not less or equal to {max}")]
    Great { value: i64, max: i64 },
    #[error("{0}")]
    Together(&'static str),
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.pointer, self.violation)
    }
}

/// A type by its name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TYPES.iter().find(|known| known.name == name)
}

impl ResourceType {
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// All the ways in which properties do not fit this type.
    pub fn misfits(&self, properties: &Value) -> Vec<Misfit> {
        let mut found = Vec::new();
        check_object(self.properties, properties, "#", &mut found);
        if found.is_empty() {
            let words = self.rules.iter().filter_map(|rule| rule(properties));
            found.extend(words.map(|words| Misfit {
                pointer: "#".to_owned(),
                at: properties.at,
                violation: Violation::Together(words),
            }));
        }
        found
    }
}

fn check_object(
    declared: &'static [Property],
    value: &Value,
    pointer: &str,
    found: &mut Vec<Misfit>,
) {
    let mut add = |at, violation| found.push(Misfit { pointer: pointer.to_owned(), at, violation });
    let fields = match &value.data {
        Data::Map(fields) => fields,
        Data::Unknown(_) => return,
        other => {
            let found = other.type_name();
            return add(value.at, Violation::Type { expected: "JSONObject", found });
        }
    };
    for field in fields {
        if !declared.iter().any(|property| property.name == field.key) {
            add(field.at, Violation::Extraneous(field.key.clone()));
        }
    }
    for property in declared.iter().filter(|property| property.required) {
        if value.get(property.name).is_none() {
            add(value.at, Violation::Required(property.name));
        }
    }
    for property in declared {
        if let Some(inner) = value.get(property.name) {
            check(&property.shape, inner, &format!("{pointer}/{}", property.name), found);
        }
    }
}

fn check(shape: &'static Shape, value: &Value, pointer: &str, found: &mut Vec<Misfit>) {
    if value.as_unknown().is_some() {
        return;
    }
    let violation = match shape {
        Shape::Object(declared) => return check_object(declared, value, pointer, found),
        Shape::List { of, .. } => match value.as_list() {
            Some(items) => {
                for (index, item) in items.iter().enumerate() {
                    check(of, item, &format!("{pointer}/{index}"), found);
                }
                return;
            }
            None => Some(wrong("JSONArray", value)),
        },
        Shape::Json => match &value.data {
            Data::Map(_) | Data::Text(_) => None,
            _ => Some(wrong("JSONObject", value)),
        },
        scalar => match value.scalar() {
            Some(text) => check_scalar(scalar, &text, value),
            None => Some(wrong(expected(scalar), value)),
        },
    };
    if let Some(violation) = violation {
        found.push(Misfit { pointer: pointer.to_owned(), at: value.at, violation });
    }
}

fn expected(shape: &Shape) -> &'static str {
    match shape {
        Shape::Boolean => "Boolean",
        Shape::Integer { .. } => "Integer",
        Shape::List { .. } => "JSONArray",
        Shape::Json | Shape::Object(_) => "JSONObject",
        Shape::Text { .. } | Shape::Pattern { .. } | Shape::Enum(_) => "String",
    }
}

fn wrong(expected: &'static str, value: &Value) -> Violation {
    Violation::Type { expected, found: value.data.type_name() }
}

/// Checks a scalar; numbers and booleans stand for text, and text for them.
fn check_scalar(shape: &Shape, text: &Text, value: &Value) -> Option<Violation> {
    // A reference in it is replaced later; the service checks what comes out.
    if crate::dynamic::is_dynamic(text.expose()) {
        return None;
    }
    let shown = || if text.is_sensitive() { "****".to_owned() } else { text.expose().to_owned() };
    match shape {
        Shape::Text { min, max } => {
            let actual = text.expose().chars().count();
            if actual < *min {
                return Some(Violation::Short { min: *min, actual });
            }
            (actual > *max).then_some(Violation::Long { max: *max, actual })
        }
        Shape::Pattern { pattern, matches } => {
            let fits = matches(text.expose());
            (!fits).then(|| Violation::Pattern { value: shown(), pattern })
        }
        Shape::Enum(allowed) => {
            (!allowed.contains(&text.expose())).then(|| Violation::Enum(shown()))
        }
        Shape::Integer { min, max } => match text.expose().parse::<i64>() {
            Ok(number) if number < *min => Some(Violation::Small { value: number, min: *min }),
            Ok(number) if number > *max => Some(Violation::Great { value: number, max: *max }),
            Ok(_) => None,
            Err(_) => Some(wrong("Integer", value)),
        },
        Shape::Boolean => {
            (!matches!(text.expose(), "true" | "false")).then(|| wrong("Boolean", value))
        }
        Shape::Json | Shape::List { .. } | Shape::Object(_) => None,
    }
}
