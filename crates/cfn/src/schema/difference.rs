//! What changes between two sets of properties of one resource, and what that takes.

use super::{Property, ResourceType, Shape, Update};
use crate::json;
use crate::node::{Bounds, Kind, Node};
use crate::value::{Data, Field, Text, Value};

/// The properties that changed, in the table's order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    pub changed: Vec<Changed>,
}

impl Difference {
    /// Whether something changed whose change makes the resource anew.
    pub fn may_replace(&self) -> bool {
        self.changed.iter().any(|changed| changed.update == Update::Replacement)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub property: &'static str,
    pub how: How,
    pub update: Update,
    /// The new value is not known yet: it may turn out to be the same.
    pub unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Added,
    Removed,
    Modified,
}

/// What a difference takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Nothing,
    Update,
    Replacement,
    /// An update, or a replacement if a value turns out to have changed.
    Conditional,
    Refused(&'static str),
}

impl ResourceType {
    pub fn difference(&self, before: &Value, after: &Value) -> Difference {
        let changed = self.properties.iter().filter_map(|property| {
            let (was, is) = (before.get(property.name), after.get(property.name));
            let how = match (was, is) {
                (None, None) => return None,
                (None, Some(_)) => How::Added,
                (Some(_), None) => How::Removed,
                (Some(_), Some(_)) => How::Modified,
            };
            let unknown = is.is_some_and(|value| value.first_unknown().is_some());
            let differs = unknown || differs(property, was, is);
            let update = property.update;
            differs.then_some(Changed { property: property.name, how, update, unknown })
        });
        Difference { changed: changed.collect() }
    }

    pub fn outcome(&self, difference: &Difference) -> Outcome {
        let mut outcome = Outcome::Nothing;
        for changed in &difference.changed {
            outcome = match (changed.update, changed.unknown, outcome) {
                (Update::Refused, false, _) => return Outcome::Refused(self.refusal),
                (Update::Replacement, false, _) | (_, _, Outcome::Replacement) => {
                    Outcome::Replacement
                }
                (Update::Replacement, true, _) | (_, _, Outcome::Conditional) => {
                    Outcome::Conditional
                }
                (Update::InPlace | Update::Refused, _, _) => Outcome::Update,
            };
        }
        outcome
    }
}

fn differs(property: &Property, was: Option<&Value>, is: Option<&Value>) -> bool {
    match (was, is) {
        (Some(was), Some(is)) => !same(&property.shape, was, is),
        // Writing the default out changes nothing.
        (Some(only), None) | (None, Some(only)) => {
            let text = only.scalar();
            text.is_none_or(|text| property.default != Some(text.expose()))
        }
        (None, None) => false,
    }
}

pub(super) fn same(shape: &Shape, was: &Value, is: &Value) -> bool {
    match shape {
        Shape::List { of, ordered: false } => match (was.as_list(), is.as_list()) {
            (Some(was), Some(is)) => same_members(of, was, is),
            _ => was.same_as(is),
        },
        Shape::Json => match (json_of(was), json_of(is)) {
            (Some(was), Some(is)) => was.same_as(&is),
            _ => was.same_as(is),
        },
        _ => was.same_as(is),
    }
}

/// Whether two lists hold the same, in any order.
pub(super) fn same_members(of: &Shape, was: &[Value], is: &[Value]) -> bool {
    let mut left: Vec<&Value> = is.iter().collect();
    let all = was.iter().all(|item| {
        let found = left.iter().position(|other| same(of, item, other));
        found.map(|at| left.swap_remove(at)).is_some()
    });
    all && left.is_empty()
}

/// An object, also if it is given as text.
pub(super) fn json_of(value: &Value) -> Option<Value> {
    match &value.data {
        Data::Map(_) => Some(value.clone()),
        Data::Text(text) => {
            let node = json::read(text.expose(), Bounds::TEMPLATE).ok()?;
            value_of(&node, text)
        }
        _ => None,
    }
}

/// A JSON value as sensitive as the text that it was read from; `None` if it has a null.
fn value_of(node: &Node, from: &Text) -> Option<Value> {
    let data = match &node.kind {
        Kind::Null => return None,
        Kind::Bool(flag) => Data::Bool(*flag),
        Kind::Number(text) => Data::Number(text.clone()),
        Kind::String(text) => Data::Text(from.derived(text.clone())),
        Kind::List(items) => {
            Data::List(items.iter().map(|item| value_of(item, from)).collect::<Option<_>>()?)
        }
        Kind::Map(members) => {
            let each = members.iter().map(|member| {
                let value = value_of(&member.value, from)?;
                Some(Field { key: member.key.clone(), at: member.at, value })
            });
            Data::Map(each.collect::<Option<_>>()?)
        }
    };
    Some(Value { at: node.at, data })
}

impl Value {
    /// A JSON value; `None` if it is none, or has a null.
    pub fn from_json(text: &str) -> Option<Value> {
        let node = json::read(text, Bounds::TEMPLATE).ok()?;
        value_of(&node, &Text::new(""))
    }
}
