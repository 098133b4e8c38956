//! A rotation's steps: which one to begin, and what an answer or a failure means.
//!
//! Sans-IO: [`begin`] and [`answered`] run in transactions and return the invocation that the shell
//! is to make next. The deadline that led here stays until the answer, so that a step whose
//! invocation was lost in a crash is begun again. An answer to an invocation that is no longer the
//! present one changes nothing.

use core::time::Duration;

use super::token::RotationToken;
use super::{Purpose, Rotation, Run, Step};
use super::{deadline_of, is_incomplete, remove_copy, reschedule};
use crate::cx::Cx;
use crate::ids::{RequestId, Scope, SecretArn, SecretName, SecretSuffix, StageLabel, VersionId};
use crate::limits;
use crate::ports::{StoreFault, random};
use crate::records::Key;
use crate::secrets::error::Error;
use crate::secrets::event::{Happening, announce};
use crate::secrets::model::Secret;
use crate::secrets::value::open;
use crate::secrets::versions::{Value, add, advance, put_secret, save};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// A function to invoke, and with what.
#[derive(Debug)]
pub struct Invocation {
    /// The function's ARN.
    pub function: Box<str>,
    pub step: Step,
    pub secret: SecretArn,
    /// The ClientRequestToken of the event.
    pub version: VersionId,
    pub token: RotationToken,
}

/// What became of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Done,
    /// The function failed, did not answer in time, or is not there.
    Failed,
}

/// Does what the deadline of a rotation is there for: begins or resumes a step. Without an
/// invocation the deadline is gone or has been moved.
pub fn begin(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    name: &SecretName,
    suffix: SecretSuffix,
    deadline: &Key,
) -> Result<Option<Invocation>, StoreFault> {
    let found = tx.secret(scope, name)?.filter(|secret| {
        secret.suffix == suffix
            && secret.deletion.is_none()
            && deadline_of(scope, secret).as_ref() == Some(deadline)
    });
    let Some(before) = found else {
        tx.remove(deadline.clone());
        return Ok(None);
    };
    let mut secret = Secret::clone(&before);
    let Some(rotation) = &mut secret.rotation else { return Err(StoreFault) };
    if rotation.run.is_none() {
        if rotation.next.is_some_and(|window| window.end < cx.now) {
            // AWS: nothing is rotated outside a window.
            rotation.next = rotation.rules.window_again(cx.now, rotation.since);
            advance(cx, &mut secret);
            write(cx, tx, scope, &before, secret)?;
            return Ok(None);
        }
        start_scheduled(cx, tx, scope, &mut secret, deadline);
    }
    let invocation = if has_copy(cx, tx, scope, &mut secret)? {
        invoke(cx, tx, scope, &mut secret)?
    } else {
        fail(cx, tx, scope, &mut secret)?;
        None
    };
    write(cx, tx, scope, &before, secret)?;
    Ok(invocation)
}

/// Sees to it that a test has the copy of the current value that it is made with. `false` if the
/// secret's key does not allow it.
///
/// AWS: RotateSecret uses no key, so the copy is the service's to make.
fn has_copy(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
) -> Result<bool, StoreFault> {
    let run = secret.rotation.as_ref().and_then(|rotation| rotation.run.as_ref());
    let Some(run) = run.filter(|run| run.purpose == Purpose::Test) else { return Ok(true) };
    let copy = run.version.clone();
    let current = secret.stages.get(&StageLabel::current());
    let Some(id) = current.cloned() else { return Ok(true) };
    if tx.version(scope, &secret.name, secret.suffix, &copy)?.is_some() {
        return Ok(true);
    }
    let version = tx.version(scope, &secret.name, secret.suffix, &id)?.ok_or(StoreFault)?;
    advance(cx, secret);
    let made = open(cx, tx, &secret.arn(scope), &id, &version.value).and_then(|plaintext| {
        let value = Value { kind: version.value.kind, plaintext };
        add(cx, tx, scope, secret, &copy, &value, &[StageLabel::pending()])
    });
    match made {
        Ok(()) => Ok(true),
        Err(Error::Store(fault)) => Err(fault),
        Err(_) => Ok(false),
    }
}

/// Writes what has become of the secret. Replicas hear of it only if it is a new state.
fn write(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    before: &Secret,
    after: Secret,
) -> Result<(), StoreFault> {
    reschedule(tx, scope, before, &after);
    if after.at == before.at {
        return put_secret(tx, scope, after);
    }
    save(cx, tx, scope, after)
}

/// A window has opened.
fn start_scheduled(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    deadline: &Key,
) {
    let Key::Deadline { at, .. } = deadline else { return };
    let pending = secret.stages.get(&StageLabel::pending()).filter(|_| is_incomplete(secret));
    // AWS: "That rotation will be reattempted."
    let version = pending.cloned().or_else(|| new_version(cx));
    let (Some(version), Some(rotation)) = (version, &mut secret.rotation) else { return };
    rotation.run = Some(Run::begin(Purpose::Rotation, version.clone(), *at));
    secret.stages.insert(StageLabel::pending(), version);
    advance(cx, secret);
    announce(cx, tx, scope, secret, Happening::Started(Purpose::Rotation));
}

fn new_version(cx: &Cx<'_>) -> Option<VersionId> {
    RequestId::from_entropy(random(cx.entropy)).to_string().parse().ok()
}

/// The invocation of the present step; or none, if the function is not there, which is a failure.
fn invoke(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
) -> Result<Option<Invocation>, StoreFault> {
    let arn = secret.arn(scope);
    let Some(Rotation { run: Some(run), function, .. }) = &mut secret.rotation else {
        return Ok(None);
    };
    let Some(function) = function.clone().filter(|arn| cx.functions.contains(arn)) else {
        fail(cx, tx, scope, secret)?;
        return Ok(None);
    };
    let token = RotationToken::new(cx.entropy);
    run.token = Some(token.digest(cx.crypto));
    let (step, version) = (run.step, run.version.clone());
    Ok(Some(Invocation { function, step, secret: arn, version, token }))
}

/// Takes an invocation's answer. What to invoke next, if that is now.
pub fn answered(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    invocation: &Invocation,
    answer: Answer,
) -> Result<Option<Invocation>, StoreFault> {
    let SecretArn { scope, name, suffix } = &invocation.secret;
    let scope = *scope;
    let digest = invocation.token.digest(cx.crypto);
    let found = tx.secret(scope, name)?.filter(|secret| {
        let run = secret.rotation.as_ref().and_then(|rotation| rotation.run.as_ref());
        secret.suffix == *suffix
            && !secret.is_replica()
            && run.is_some_and(|run| run.token == Some(digest))
    });
    let Some(before) = found else { return Ok(None) };
    let mut secret = Secret::clone(&before);
    let next = match answer {
        Answer::Failed => {
            fail(cx, tx, scope, &mut secret)?;
            None
        }
        Answer::Done => succeed(cx, tx, scope, &mut secret)?,
    };
    write(cx, tx, scope, &before, secret)?;
    Ok(next)
}

/// The step is done: the next one, or the end.
fn succeed(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
) -> Result<Option<Invocation>, StoreFault> {
    let deleted = secret.deletion.is_some();
    let complete = !is_incomplete(secret);
    let Some(rotation) = &mut secret.rotation else { return Ok(None) };
    let Some(run) = &mut rotation.run else { return Ok(None) };
    run.token = None;
    if run.purpose == Purpose::Test {
        end_test(cx, tx, scope, secret, Happening::Succeeded(Purpose::Test))?;
        return Ok(None);
    }
    if let Some(step) = run.step.next() {
        (run.step, run.due) = (step, Some(cx.now));
        return if deleted { Ok(None) } else { invoke(cx, tx, scope, secret) };
    }
    // AWS: the rotation has ended if AWSPENDING is where AWSCURRENT is, or nowhere.
    if complete {
        rotation.run = None;
        rotation.last = Some(cx.now);
        rotation.plan(cx.now);
        advance(cx, secret);
        announce(cx, tx, scope, secret, Happening::Succeeded(Purpose::Rotation));
    } else {
        fail(cx, tx, scope, secret)?;
    }
    Ok(None)
}

/// An attempt has failed. AWS: the entire rotation is tried again, and AWSPENDING stays.
fn fail(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, secret: &mut Secret) -> Result<(), StoreFault> {
    let Some(Rotation { run: Some(run), function, .. }) = &secret.rotation else { return Ok(()) };
    let (purpose, step, attempt) = (run.purpose, run.step, run.attempt);
    let function = function.clone().unwrap_or_default();
    let failed = Happening::Failed { purpose, function, step };
    if purpose == Purpose::Test {
        return end_test(cx, tx, scope, secret, failed);
    }
    announce(cx, tx, scope, secret, failed);
    let Some(rotation) = &mut secret.rotation else { return Ok(()) };
    let again = rotation.rules.window_again(cx.now, rotation.since).filter(|_| rotation.enabled);
    let (attempt, due) = if attempt < limits::ROTATION_ATTEMPTS_MAX {
        (attempt + 1, Some(cx.now.plus(wait_after(attempt))))
    } else {
        (1, again.map(|window| window.start))
    };
    if let Some(run) = &mut rotation.run {
        *run = Run { step: Step::Create, attempt, due, token: None, ..run.clone() };
    }
    Ok(())
}

fn wait_after(attempt: u32) -> Duration {
    Duration::from_millis(limits::ROTATION_RETRY_MS << (2 * attempt.saturating_sub(1)).min(20))
}

/// AWS: a test leaves nothing behind but what it says.
fn end_test(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    what: Happening,
) -> Result<(), StoreFault> {
    let Some(run) = secret.rotation.as_mut().and_then(|rotation| rotation.run.take()) else {
        return Ok(());
    };
    remove_copy(tx, scope, secret, &run.version)?;
    advance(cx, secret);
    announce(cx, tx, scope, secret, what);
    Ok(())
}

/// Whether `given` is the token of the secret's present invocation.
pub fn is_present(cx: &Cx<'_>, secret: &Secret, given: &RotationToken) -> bool {
    let run = secret.rotation.as_ref().and_then(|rotation| rotation.run.as_ref());
    run.is_some_and(|run| run.token == Some(given.digest(cx.crypto)))
}

/// Begins the rotation again, now, if it waits for another attempt.
pub fn hasten(rotation: &mut Rotation, now: Timestamp) {
    if let Some(run) = &mut rotation.run
        && run.token.is_none()
        && run.due.is_none_or(|due| due > now)
    {
        run.due = Some(now);
    }
}
