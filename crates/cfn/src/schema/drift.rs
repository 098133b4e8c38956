//! In what a live resource differs from its template: what drift detection tells.
//!
//! AWS: only what the template says is compared, each member by itself.

use super::difference::{json_of, same, same_members};
use super::{Property, ResourceType, Shape};
use crate::value::Value;

/// One difference, with the place of it: `/ReplicaRegions/0/KmsKeyId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drifted {
    pub path: String,
    pub kind: Kind,
    pub expected: Option<Value>,
    pub actual: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A member of a list that the template does not have.
    Add,
    Remove,
    NotEqual,
}

impl ResourceType {
    /// Every difference of the properties in `expected`.
    pub fn drift(&self, expected: &Value, actual: &Value) -> Vec<Drifted> {
        let mut found = Vec::new();
        members(self.properties, "", expected, actual, &mut found);
        found
    }
}

fn members(
    declared: &[Property],
    path: &str,
    expected: &Value,
    actual: &Value,
    found: &mut Vec<Drifted>,
) {
    for property in declared {
        let Some(wanted) = expected.get(property.name) else { continue };
        let path = format!("{path}/{}", property.name);
        if let Some(is) = actual.get(property.name) {
            compare(&property.shape, path, wanted, is, found);
            continue;
        }
        let default = wanted.scalar();
        if default.is_none_or(|text| property.default != Some(text.expose())) {
            let expected = Some(wanted.clone());
            found.push(Drifted { path, kind: Kind::Remove, expected, actual: None });
        }
    }
}

fn compare(
    shape: &Shape,
    path: String,
    expected: &Value,
    actual: &Value,
    found: &mut Vec<Drifted>,
) {
    let equal = match (shape, expected.as_list(), actual.as_list()) {
        (Shape::Object(declared), _, _) => {
            return members(declared, &path, expected, actual, found);
        }
        (Shape::List { of, .. }, Some(wanted), Some(is)) => {
            if !same_members(of, wanted, is) {
                entries(of, &path, wanted, is, found);
            }
            return;
        }
        (Shape::Json, ..) => match (json_of(expected), json_of(actual)) {
            (Some(wanted), Some(is)) => wanted.same_as(&is),
            _ => expected.same_as(actual),
        },
        _ => expected.same_as(actual),
    };
    if !equal {
        let (expected, actual) = (Some(expected.clone()), Some(actual.clone()));
        found.push(Drifted { path, kind: Kind::NotEqual, expected, actual });
    }
}

/// The members of lists without an order. What has the same name is the same member.
fn entries(of: &Shape, path: &str, wanted: &[Value], is: &[Value], found: &mut Vec<Drifted>) {
    let mut left: Vec<usize> = (0..is.len()).collect();
    for (at, item) in wanted.iter().enumerate() {
        let path = format!("{path}/{at}");
        let position =
            left.iter().position(|other| is.get(*other).is_some_and(|is| same(of, item, is)));
        if let Some(position) = position {
            left.swap_remove(position);
            continue;
        }
        let named = left
            .iter()
            .position(|other| is.get(*other).is_some_and(|is| is_named_as(of, item, is)));
        let named = named.map(|position| left.swap_remove(position));
        if let Some(is) = named.and_then(|other| is.get(other)) {
            compare(of, path, item, is, found);
        } else {
            let expected = Some(item.clone());
            found.push(Drifted { path, kind: Kind::Remove, expected, actual: None });
        }
    }
    left.sort_unstable();
    for (at, item) in left.into_iter().filter_map(|at| is.get(at).map(|item| (at, item))) {
        let (path, actual) = (format!("{path}/{at}"), Some(item.clone()));
        found.push(Drifted { path, kind: Kind::Add, expected: None, actual });
    }
}

/// Whether two objects are the same in the first member that they must have.
fn is_named_as(of: &Shape, ours: &Value, theirs: &Value) -> bool {
    let Shape::Object(declared) = of else { return false };
    let name = declared.iter().find(|property| property.required);
    name.is_some_and(|name| match (ours.get(name.name), theirs.get(name.name)) {
        (Some(ours), Some(theirs)) => ours.same_as(theirs),
        _ => false,
    })
}
