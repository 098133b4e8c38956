//! Applying what another Region says, in one transaction per message.
//!
//! The state that a record was brought to is stored in the record, so a repeated or late message
//! finds it and changes nothing (promise R2). What comes from a Region that is no longer the owner
//! is fenced (promise R9). Answers are sent by the shell after the transaction is committed.

mod keys;
mod secrets;

use crate::cx::Cx;
use crate::ids::{AccountId, Region};
use crate::keys::pending;
use crate::ports::StoreFault;
use crate::records::{Due, Key, Record, Subject, Tombstone};
use crate::replication::acknowledge::{acknowledge, left};
use crate::replication::change::{Message, Outcome, Stamp};
use crate::tx::{Records, Tx};

/// The account that a message is about, on whose behalf it is applied.
pub fn account_of(message: &Message) -> Option<AccountId> {
    match message {
        Message::Secret(state) => Some(state.arn.scope.account),
        Message::Key(state) => Some(state.arn.scope.account),
        Message::SecretRemoved { account, .. }
        | Message::Detached { account, .. }
        | Message::KeyGone { account, .. }
        | Message::Accessed { account, .. }
        | Message::PendingHeld { account, .. }
        | Message::Acknowledged { account, .. } => Some(*account),
        Message::Hello { .. } | Message::Ask { .. } | Message::Answer { .. } => None,
    }
}

/// Applies a message from `from`; the result is the answer to send, if there is one. `cx.caller`
/// is the root of [`account_of`] the message. Questions and answers are not messages to apply.
pub fn receive(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    message: Message,
) -> Result<Option<Message>, StoreFault> {
    match message {
        Message::Hello { key, answer } => {
            tx.put(Key::Peer { region: cx.region, peer: from }, Record::Peer(key));
            let own = cx.crypto.transport_key();
            Ok(answer.then_some(Message::Hello { key: own, answer: false }))
        }
        Message::Secret(state) => {
            let (name, suffix) = (state.arn.name.clone(), state.arn.suffix);
            let subject = Subject::Secret { name, suffix };
            let at = state.at;
            let outcome = secrets::apply(cx, tx, from, &subject, *state)?;
            Ok(outcome.map(|outcome| acknowledged(cx, subject, at, outcome)))
        }
        Message::SecretRemoved { name, suffix, at, .. } => {
            let subject = Subject::Secret { name, suffix };
            secrets::remove(cx, tx, from, &subject, at)?;
            Ok(Some(acknowledged(cx, subject, at, Outcome::Applied)))
        }
        Message::Detached { name, suffix, at, .. } => {
            let outcome = left(cx, tx, from, &name, suffix, at)?;
            let subject = Subject::Detached { name, suffix };
            Ok(outcome.map(|outcome| acknowledged(cx, subject, at, outcome)))
        }
        Message::Key(state) => {
            let (subject, at) = (Subject::Key { id: state.arn.id }, state.at);
            Ok(Some(match keys::apply(cx, tx, from, *state)? {
                keys::Applied::Held => acknowledged(cx, subject, at, Outcome::Applied),
                keys::Applied::Gone(message) => message,
            }))
        }
        Message::KeyGone { id, at, .. } => {
            keys::gone(cx, tx, from, id, at)?;
            Ok(Some(acknowledged(cx, Subject::KeyGone { id }, at, Outcome::Applied)))
        }
        Message::Accessed { name, suffix, day, .. } => {
            secrets::accessed(cx, tx, from, &name, suffix, day)?;
            let subject = Subject::Accessed { name, suffix };
            Ok(Some(acknowledged(cx, subject, Stamp::of_day(day), Outcome::Applied)))
        }
        Message::PendingHeld { id, holding, .. } => {
            let scope = cx.scope();
            if let Some(key) = tx.kms_key(scope, id)? {
                pending::note(cx, tx, scope, &key, from, holding)?;
            }
            let subject = Subject::PendingHeld { id };
            Ok(Some(acknowledged(cx, subject, holding.at, Outcome::Applied)))
        }
        Message::Acknowledged { subject, at, outcome, .. } => {
            acknowledge(cx, tx, from, &subject, at, outcome)?;
            Ok(None)
        }
        Message::Ask { .. } | Message::Answer { .. } => Ok(None),
    }
}

fn acknowledged(cx: &Cx<'_>, subject: Subject, at: Stamp, outcome: Outcome) -> Message {
    Message::Acknowledged { account: cx.caller.account, subject, at, outcome }
}

/// Remembers that nothing up to `at` may bring `subject` back, for as long as a late frame might
/// turn up.
pub fn bury(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    subject: &Subject,
    at: Stamp,
    failed: bool,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let earlier = tx.tombstone(scope, subject)?;
    if earlier.is_some_and(|earlier| earlier.at > at) {
        return Ok(());
    }
    let tombstone = Tombstone { at, failed };
    tx.put(Key::Tombstone { scope, subject: subject.clone() }, Record::Tombstone(tombstone));
    let due = Due::ForgetTombstone { subject: subject.clone() };
    let at = cx.now.plus_days(crate::limits::TOMBSTONE_DAYS);
    let key = Key::Deadline { region: scope.region, at, account: scope.account, due };
    tx.put(key, Record::Index);
    Ok(())
}
