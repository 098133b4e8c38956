//! Whether resources still are as their stack's template says.
//!
//! Each is read by the services' own operations, as the caller (promise R6). What the template says
//! by a dynamic reference or a `NoEcho` parameter, and what cannot be read back, such as a secret's
//! value, is not compared: no secret is ever part of what is kept here.

mod live;

use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::Value;
use regent_cfn::dynamic::is_dynamic;
use regent_cfn::node::Position;
use regent_cfn::schema;
use regent_cfn::schema::drift::Drifted;
use regent_cfn::value::{Data, Field};

use crate::cx::Cx;
use crate::ports::{Read, StoreFault};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::exports::Exports;
use crate::stacks::ids::{LogicalId, StackId};
use crate::stacks::model::{Resource, Sealed, Stack};
use crate::stacks::ready::{Made, Ready};
use crate::time::Timestamp;

/// What a look at one resource found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub at: Timestamp,
    pub status: Status,
    /// The properties that were compared, as JSON: the template's, and those there are.
    pub compared: Option<(Sealed, Sealed)>,
}

impl Drift {
    pub fn is_drifted(&self) -> bool {
        matches!(self.status, Status::Modified | Status::Deleted)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    InSync,
    Modified,
    Deleted,
    /// The caller may not look.
    Unknown,
}

/// The last look at a whole stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    /// How many there were, this one included.
    pub number: u32,
    pub at: Timestamp,
    pub drifted: u32,
    pub failed: BTreeSet<LogicalId>,
}

/// Names a look: 32 digits of the stack, and four of the look's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectionId {
    pub stack: StackId,
    number: u16,
}

impl DetectionId {
    pub fn new(stack: StackId, detection: &Detection) -> Self {
        // After 65,536 looks the numbers begin again: only the last look is kept.
        let number = u16::try_from(detection.number % 0x1_0000).unwrap_or_default();
        Self { stack, number }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (stack, number) = text.split_at_checked(32)?;
        let is_digits = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if number.len() != 4 || !is_digits(text) {
            return None;
        }
        let stack = u128::from_str_radix(stack, 16).ok()?;
        let number = u16::from_str_radix(number, 16).ok()?;
        Some(Self { stack: StackId::from_bytes(stack.to_be_bytes()), number })
    }
}

impl core::fmt::Display for DetectionId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let stack = u128::from_be_bytes(*self.stack.bytes());
        write!(f, "{stack:032x}{:04x}", self.number)
    }
}

/// Looks at the resources of one stack.
pub(super) struct Look<'a> {
    cx: &'a Cx<'a>,
    read: &'a dyn Read,
    stack: &'a Stack,
    ready: Ready,
    generation: u32,
    resources: &'a BTreeMap<String, Resource>,
}

impl<'a> Look<'a> {
    /// `None` for a stack that never was complete.
    pub(super) fn new(
        cx: &'a Cx<'a>,
        read: &'a dyn Read,
        stack: &'a Stack,
        resources: &'a BTreeMap<String, Resource>,
    ) -> Result<Option<Self>, StoreFault> {
        let Some(side) = &stack.current else { return Ok(None) };
        let ready = Ready::open(cx, cx.scope(), stack, side)?;
        let generation = side.generation;
        Ok(Some(Self { cx, read, stack, ready, generation, resources }))
    }

    /// `None` for what the template does not have.
    pub(super) fn at(&self, logical: &LogicalId) -> Result<Option<Drift>, StoreFault> {
        let name = logical.as_str();
        let (Some(declared), Some(resource)) =
            (self.ready.declared(name), self.resources.get(name))
        else {
            return Ok(None);
        };
        let drift = |status, compared| Ok(Some(Drift { at: self.cx.now, status, compared }));
        let Some(instance) = resource.instance(self.generation) else {
            return drift(Status::Deleted, None);
        };
        let (scope, generation) = (self.cx.scope(), self.generation);
        let exports = Exports::new(self.cx, self.read).lenient();
        let made = Made { scope, resources: self.resources, generation, exports: &exports };
        let wanted = self.ready.properties(declared, &made).map_err(|_| StoreFault)?;
        exports.check()?;
        let known = schema::find(&resource.type_name).ok_or(StoreFault)?;
        let tags = self.stack.current.as_ref().map(|side| side.tags.clone()).unwrap_or_default();
        let reader = live::Reader { cx: self.cx, read: self.read, wanted: &wanted, tags: &tags };
        let found = match reader.live(&resource.type_name, &instance.physical)? {
            live::Live::Gone => return drift(Status::Deleted, None),
            live::Live::Unreadable => return drift(Status::Unknown, None),
            live::Live::Found(found) => found,
        };
        let (expected, actual) = compared(known, &wanted, found);
        let in_sync = known.drift(&expected, &actual).is_empty();
        let status = if in_sync { Status::InSync } else { Status::Modified };
        let documents = Documents::open(self.cx, scope.account, self.stack)?;
        let seal = |what, value: &Value| {
            let json = value.to_json().ok_or(StoreFault)?;
            Ok::<_, StoreFault>(documents.seal(self.cx, what, json.expose()))
        };
        let expected = seal(Document::Expected(name), &expected)?;
        let actual = seal(Document::Actual(name), &actual)?;
        drift(status, Some((expected, actual)))
    }
}

/// What can be compared of what the template says, and the same of what there is.
fn compared(
    known: &schema::ResourceType,
    wanted: &Value,
    found: Vec<(&'static str, Option<Value>)>,
) -> (Value, Value) {
    let (mut expected, mut actual) = (Vec::new(), Vec::new());
    for (name, is) in found {
        let readable = known.property(name).is_some_and(|property| !property.write_only);
        let Some(says) = wanted.get(name).filter(|says| readable && is_shown(says)) else {
            continue;
        };
        expected.push(live::field(name, says.clone()));
        actual.extend(is.map(|is| live::field(name, is)));
    }
    (live::map(expected), live::map(actual))
}

/// Whether a value may be kept and told: nothing in it is unknown, secret or refers to a secret.
fn is_shown(value: &Value) -> bool {
    match &value.data {
        Data::Text(text) => !text.is_sensitive() && !is_dynamic(text.expose()),
        Data::List(items) => items.iter().all(is_shown),
        Data::Map(fields) => fields.iter().all(|field: &Field| is_shown(&field.value)),
        Data::Bool(_) | Data::Number(_) => true,
        Data::Unknown(_) => false,
    }
}

/// What a look found, opened.
#[derive(Debug)]
pub struct Compared {
    /// As JSON.
    pub expected: String,
    pub actual: String,
    pub differences: Vec<Drifted>,
}

/// Opens what was kept of a look.
pub(super) fn open(
    cx: &Cx<'_>,
    stack: &Stack,
    logical: &LogicalId,
    (resource, drift): (&Resource, &Drift),
) -> Result<Option<Compared>, StoreFault> {
    let Some((expected, actual)) = &drift.compared else { return Ok(None) };
    let documents = Documents::open(cx, cx.scope().account, stack)?;
    let text = |what, sealed: &Sealed| {
        let opened = documents.unseal(cx, what, sealed)?;
        documents::text(&opened).map(str::to_owned)
    };
    let expected = text(Document::Expected(logical.as_str()), expected)?;
    let actual = text(Document::Actual(logical.as_str()), actual)?;
    let known = schema::find(&resource.type_name).ok_or(StoreFault)?;
    let value = |text: &str| Value::from_json(text).ok_or(StoreFault);
    let differences = known.drift(&value(&expected)?, &value(&actual)?);
    Ok(Some(Compared { expected, actual, differences }))
}

const NOWHERE: Position = Position { line: 1, column: 1 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_named_by_36_digits() {
        let detection = Detection {
            number: 0x1_0a0b,
            at: Timestamp::EPOCH,
            drifted: 0,
            failed: BTreeSet::new(),
        };
        let id = DetectionId::new(StackId::from_bytes([0xc; 16]), &detection);
        let text = id.to_string();
        assert_eq!(text, format!("{}0a0b", "0c".repeat(16)));
        assert_eq!(DetectionId::parse(&text), Some(id));
        for wrong in [&text[..35], &format!("{}00a0b", "0c".repeat(16)), &text.to_uppercase(), ""] {
            assert_eq!(DetectionId::parse(wrong), None, "{wrong}");
        }
    }
}
