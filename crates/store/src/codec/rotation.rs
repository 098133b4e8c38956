//! A secret's rotation, as a part of the secret's message.
//!
//! Rotation tokens are stored as digests (promise R7). Rules are stored as given and checked again
//! when they are read: rules that are no rules are corruption.

use prost::Message;
use regent_core::secrets::rotation::schedule::{Given, Rules, Window};
use regent_core::secrets::rotation::token::TokenDigest;
use regent_core::secrets::rotation::{Purpose, Rotation, Run, Step};
use regent_core::time::Timestamp;

use super::Flaw;
use super::{parse, text, time};

#[derive(Clone, PartialEq, Message)]
pub(super) struct RotationMessage {
    #[prost(bool, tag = "1")]
    enabled: bool,
    #[prost(string, optional, tag = "2")]
    function: Option<String>,
    #[prost(uint32, optional, tag = "3")]
    after_days: Option<u32>,
    #[prost(string, optional, tag = "4")]
    expression: Option<String>,
    #[prost(string, optional, tag = "5")]
    duration: Option<String>,
    #[prost(int64, tag = "6")]
    since_ms: i64,
    #[prost(message, repeated, tag = "7")]
    metadata: Vec<ItemMessage>,
    #[prost(string, optional, tag = "8")]
    role: Option<String>,
    #[prost(int64, optional, tag = "9")]
    last_ms: Option<i64>,
    #[prost(message, optional, tag = "10")]
    next: Option<WindowMessage>,
    #[prost(message, optional, tag = "11")]
    run: Option<RunMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ItemMessage {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct WindowMessage {
    #[prost(int64, tag = "1")]
    start_ms: i64,
    #[prost(int64, tag = "2")]
    end_ms: i64,
}

#[derive(Clone, PartialEq, Message)]
struct RunMessage {
    /// 1 rotation, 2 test.
    #[prost(uint32, tag = "1")]
    purpose: u32,
    #[prost(string, tag = "2")]
    version: String,
    /// 1 createSecret, 2 setSecret, 3 testSecret, 4 finishSecret.
    #[prost(uint32, tag = "3")]
    step: u32,
    #[prost(uint32, tag = "4")]
    attempt: u32,
    #[prost(int64, optional, tag = "5")]
    due_ms: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "6")]
    token: Option<Vec<u8>>,
}

const PURPOSES: [(Purpose, u32); 2] = [(Purpose::Rotation, 1), (Purpose::Test, 2)];
const STEPS: [(Step, u32); 4] =
    [(Step::Create, 1), (Step::Set, 2), (Step::Test, 3), (Step::Finish, 4)];

fn number<T: PartialEq>(table: &[(T, u32)], value: &T) -> u32 {
    table.iter().find(|(known, _)| known == value).map_or(0, |(_, number)| *number)
}

fn of_number<T: Copy>(table: &[(T, u32)], number: u32, field: &'static str) -> Result<T, Flaw> {
    let found = table.iter().find(|(_, known)| *known == number);
    found.map(|(value, _)| *value).ok_or(Flaw::Field(field))
}

pub(super) fn message(rotation: &Rotation) -> RotationMessage {
    let Given { after_days, expression, duration } = rotation.rules.given();
    let metadata = rotation.metadata.iter();
    RotationMessage {
        enabled: rotation.enabled,
        function: text(rotation.function.as_deref()),
        after_days: *after_days,
        expression: text(expression.as_deref()),
        duration: text(duration.as_deref()),
        since_ms: rotation.since.millis(),
        metadata: metadata
            .map(|(key, value)| ItemMessage { key: key.to_string(), value: value.to_string() })
            .collect(),
        role: text(rotation.role.as_deref()),
        last_ms: rotation.last.map(Timestamp::millis),
        next: rotation.next.map(|window| WindowMessage {
            start_ms: window.start.millis(),
            end_ms: window.end.millis(),
        }),
        run: rotation.run.as_ref().map(|run| RunMessage {
            purpose: number(&PURPOSES, &run.purpose),
            version: run.version.to_string(),
            step: number(&STEPS, &run.step),
            attempt: run.attempt,
            due_ms: run.due.map(Timestamp::millis),
            token: run.token.map(|TokenDigest(digest)| digest.to_vec()),
        }),
    }
}

pub(super) fn from_message(message: RotationMessage) -> Result<Rotation, Flaw> {
    let given = Given {
        after_days: message.after_days,
        expression: message.expression.map(Into::into),
        duration: message.duration.map(Into::into),
    };
    let metadata = message.metadata.into_iter();
    Ok(Rotation {
        enabled: message.enabled,
        function: message.function.map(Into::into),
        rules: Rules::new(given).map_err(|_| Flaw::Field("rotation rules"))?,
        since: time(message.since_ms),
        metadata: metadata.map(|item| (item.key.into(), item.value.into())).collect(),
        role: message.role.map(Into::into),
        last: message.last_ms.map(time),
        next: message
            .next
            .map(|window| Window { start: time(window.start_ms), end: time(window.end_ms) }),
        run: message.run.map(run).transpose()?,
    })
}

fn run(message: RunMessage) -> Result<Run, Flaw> {
    let token = message.token.map(|digest| digest.try_into().map(TokenDigest));
    Ok(Run {
        purpose: of_number(&PURPOSES, message.purpose, "rotation purpose")?,
        version: parse(&message.version, "rotation version")?,
        step: of_number(&STEPS, message.step, "rotation step")?,
        attempt: message.attempt,
        due: message.due_ms.map(time),
        token: token.transpose().map_err(|_| Flaw::Field("rotation token"))?,
    })
}
