//! Change sets as bytes. Actions, attributes and causes are numbers of this file, not AWS's names.

use prost::Message;
use regent_core::stacks::change_set::{
    Action, Attribute, Cause, Change, ChangeSet, Detail, Executed, How, Old, Outcome, Replacement,
    Values,
};
use regent_core::stacks::ids::{ChangeSetId, StackId};

use super::stack::{SideMessage, on_failure, on_failure_number, side, side_message};
use super::{FORMAT, Flaw, formatted, parse, read, text, time};

#[derive(Clone, PartialEq, Message)]
struct ChangeSetRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(bytes = "vec", tag = "3")]
    stack: Vec<u8>,
    #[prost(uint32, tag = "4")]
    base: u32,
    #[prost(message, optional, tag = "5")]
    side: Option<SideMessage>,
    #[prost(string, optional, tag = "6")]
    description: Option<String>,
    #[prost(int64, tag = "7")]
    created_ms: i64,
    #[prost(string, optional, tag = "8")]
    token: Option<String>,
    #[prost(uint32, optional, tag = "9")]
    on_failure: Option<u32>,
    #[prost(bool, tag = "10")]
    nested: bool,
    #[prost(uint32, tag = "11")]
    outcome: u32,
    #[prost(uint32, tag = "12")]
    executed: u32,
    #[prost(message, repeated, tag = "13")]
    changes: Vec<ChangeMessage>,
    #[prost(string, optional, tag = "14")]
    role: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct ChangeMessage {
    #[prost(uint32, tag = "1")]
    action: u32,
    #[prost(string, tag = "2")]
    logical: String,
    #[prost(string, optional, tag = "3")]
    physical: Option<String>,
    #[prost(string, tag = "4")]
    type_name: String,
    #[prost(uint32, tag = "5")]
    old: u32,
    #[prost(message, repeated, tag = "6")]
    details: Vec<DetailMessage>,
    #[prost(bytes = "vec", optional, tag = "7")]
    before: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "8")]
    after: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct DetailMessage {
    #[prost(uint32, tag = "1")]
    attribute: u32,
    #[prost(string, tag = "2")]
    property: String,
    #[prost(uint32, tag = "3")]
    recreation: u32,
    #[prost(uint32, tag = "4")]
    cause: u32,
    #[prost(string, tag = "5")]
    entity: String,
    #[prost(bool, tag = "6")]
    known: bool,
    #[prost(message, optional, tag = "7")]
    values: Option<ValuesMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ValuesMessage {
    #[prost(uint32, tag = "1")]
    how: u32,
    #[prost(bytes = "vec", optional, tag = "2")]
    before: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    after: Option<Vec<u8>>,
}

formatted!(ChangeSetRecord);

const OUTCOMES: [Outcome; 2] = [Outcome::Complete, Outcome::Empty];
const EXECUTED: [Option<Executed>; 4] =
    [None, Some(Executed::Begun), Some(Executed::Complete), Some(Executed::Failed)];
const REPLACEMENTS: [Replacement; 3] = [Replacement::No, Replacement::Yes, Replacement::Perhaps];
const ACTIONS: [Action; 6] = [
    Action::Add,
    Action::Remove,
    Action::Modify(Replacement::No),
    Action::Modify(Replacement::Yes),
    Action::Modify(Replacement::Perhaps),
    Action::Import,
];
const OLD: [Option<Old>; 3] = [None, Some(Old::Deleted), Some(Old::Retained)];
const HOW: [How; 3] = [How::Added, How::Removed, How::Modified];

/// A value's number is its place in its table.
fn number<T: PartialEq>(table: &[T], value: &T) -> u32 {
    (0..).zip(table).find(|(_, known)| *known == value).map_or(u32::MAX, |(number, _)| number)
}

fn numbered<T: Copy>(table: &[T], number: u32, field: &'static str) -> Result<T, Flaw> {
    let at = usize::try_from(number).map_err(|_| Flaw::Field(field))?;
    table.get(at).copied().ok_or(Flaw::Field(field))
}

fn detail_message(detail: &Detail) -> DetailMessage {
    let (attribute, property) = match &detail.attribute {
        Attribute::Property(property) => (0, &**property),
        Attribute::Tags => (1, ""),
        Attribute::Metadata => (2, ""),
        Attribute::DeletionPolicy => (3, ""),
        Attribute::UpdateReplacePolicy => (4, ""),
    };
    let (cause, entity) = match &detail.cause {
        Cause::Direct => (0, ""),
        Cause::Parameter(entity) => (1, &**entity),
        Cause::Reference(entity) => (2, &**entity),
        Cause::Attribute(entity) => (3, &**entity),
    };
    let values = |values: &Values| ValuesMessage {
        how: number(&HOW, &values.how),
        before: values.before.as_ref().map(|bytes| bytes.to_vec()),
        after: values.after.as_ref().map(|bytes| bytes.to_vec()),
    };
    DetailMessage {
        attribute,
        property: property.to_owned(),
        recreation: number(&REPLACEMENTS, &detail.recreation),
        cause,
        entity: entity.to_owned(),
        known: detail.known,
        values: detail.values.as_ref().map(values),
    }
}

fn detail(message: DetailMessage) -> Result<Detail, Flaw> {
    let values = |message: ValuesMessage| {
        Ok(Values {
            how: numbered(&HOW, message.how, "how")?,
            before: message.before.map(Into::into),
            after: message.after.map(Into::into),
        })
    };
    let entity = message.entity.into();
    Ok(Detail {
        attribute: match message.attribute {
            0 => Attribute::Property(message.property.into()),
            1 => Attribute::Tags,
            2 => Attribute::Metadata,
            3 => Attribute::DeletionPolicy,
            4 => Attribute::UpdateReplacePolicy,
            _ => return Err(Flaw::Field("attribute")),
        },
        recreation: numbered(&REPLACEMENTS, message.recreation, "recreation")?,
        cause: match message.cause {
            0 => Cause::Direct,
            1 => Cause::Parameter(entity),
            2 => Cause::Reference(entity),
            3 => Cause::Attribute(entity),
            _ => return Err(Flaw::Field("cause")),
        },
        known: message.known,
        values: message.values.map(values).transpose()?,
    })
}

fn change_message(change: &Change) -> ChangeMessage {
    ChangeMessage {
        action: number(&ACTIONS, &change.action),
        logical: change.logical.to_string(),
        physical: text(change.physical.as_deref()),
        type_name: change.type_name.to_string(),
        old: number(&OLD, &change.old),
        details: change.details.iter().map(detail_message).collect(),
        before: change.before.as_ref().map(|bytes| bytes.to_vec()),
        after: change.after.as_ref().map(|bytes| bytes.to_vec()),
    }
}

fn change(message: ChangeMessage) -> Result<Change, Flaw> {
    Ok(Change {
        action: numbered(&ACTIONS, message.action, "action")?,
        logical: parse(&message.logical, "logical")?,
        physical: message.physical.map(Into::into),
        type_name: message.type_name.into(),
        old: numbered(&OLD, message.old, "old")?,
        details: message.details.into_iter().map(detail).collect::<Result<_, _>>()?,
        before: message.before.map(Into::into),
        after: message.after.map(Into::into),
    })
}

pub(super) fn encode(set: &ChangeSet) -> Vec<u8> {
    ChangeSetRecord {
        format: FORMAT,
        name: set.name.to_string(),
        stack: set.stack.bytes().to_vec(),
        base: set.base,
        side: Some(side_message(&set.side)),
        description: text(set.description.as_deref()),
        created_ms: set.created.millis(),
        token: text(set.token.as_deref()),
        on_failure: set.on_failure.map(on_failure_number),
        nested: set.nested,
        outcome: number(&OUTCOMES, &set.outcome),
        executed: number(&EXECUTED, &set.executed),
        changes: set.changes.iter().map(change_message).collect(),
        role: set.role.as_ref().map(ToString::to_string),
    }
    .encode_to_vec()
}

pub(super) fn decode(id: ChangeSetId, bytes: &[u8]) -> Result<ChangeSet, Flaw> {
    let message: ChangeSetRecord = read(bytes)?;
    let stack = message.stack.try_into().map_err(|_| Flaw::Field("stack"))?;
    Ok(ChangeSet {
        id,
        name: parse(&message.name, "name")?,
        stack: StackId::from_bytes(stack),
        base: message.base,
        side: side(message.side.ok_or(Flaw::Field("side"))?)?,
        description: message.description.map(Into::into),
        created: time(message.created_ms),
        token: message.token.map(Into::into),
        on_failure: message.on_failure.map(on_failure).transpose()?,
        nested: message.nested,
        outcome: numbered(&OUTCOMES, message.outcome, "outcome")?,
        executed: numbered(&EXECUTED, message.executed, "executed")?,
        changes: message.changes.into_iter().map(change).collect::<Result<_, _>>()?,
        role: message.role.map(|text| parse(&text, "role")).transpose()?,
    })
}
