//! Rotation: what is configured for a secret, what is under way, and what both mean for its labels.
//!
//! A rotation is a state in the secret's own record, moved on by [`machine`] and interrupted by
//! whoever writes another value. It says which function to invoke next and never invokes one: the
//! shell does, and reports. A deadline stands for whatever is to be done next, so that a rotation
//! goes on after a crash at any point (promise R1). Only the primary rotates; replicas are told what
//! is configured, not what is under way.

pub mod cron;
pub mod machine;
pub mod schedule;
pub mod token;

#[cfg(test)]
mod tests;

use crate::cx::Cx;
use crate::ids::{Scope, StageLabel, VersionId};
use crate::ports::{Read, StoreFault};
use crate::records::{Due, Key, Record};
use crate::secrets::event::{Happening, announce};
use crate::secrets::model::Secret;
use crate::secrets::target::version_key;
use crate::time::Timestamp;
use crate::tx::Tx;
use schedule::{Rules, Window};
use token::TokenDigest;

/// A secret's rotation, configured at least once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rotation {
    /// AWS: false after CancelRotateSecret, with the rest still shown.
    pub enabled: bool,
    /// The ARN of the function.
    pub function: Option<Box<str>>,
    pub rules: Rules,
    /// When the rules were set.
    pub since: Timestamp,
    /// Of a managed external secret: kept and shown.
    pub metadata: Vec<(Box<str>, Box<str>)>,
    pub role: Option<Box<str>>,
    /// When a rotation last succeeded.
    pub last: Option<Timestamp>,
    /// The window of the next rotation. It may lie in the past if that one fails.
    pub next: Option<Window>,
    /// What is under way. Replicas are not told.
    pub run: Option<Run>,
}

/// A rotation, or a test of one, under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub purpose: Purpose,
    /// The version that is to become the current one; the ClientRequestToken of events.
    pub version: VersionId,
    pub step: Step,
    /// From 1, for each attempt at all four steps.
    pub attempt: u32,
    /// When the step is to be begun. `None` if nobody will try again by itself.
    pub due: Option<Timestamp>,
    /// Of the invocation that was begun last.
    pub token: Option<TokenDigest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Rotation,
    /// AWS: RotateImmediately=false tests the configuration with a copy of the current value.
    Test,
}

/// What a function is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Create,
    Set,
    Test,
    Finish,
}

impl Step {
    /// As events spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }

    const fn next(self) -> Option<Self> {
        match self {
            Self::Create => Some(Self::Set),
            Self::Set => Some(Self::Test),
            Self::Test => Some(Self::Finish),
            Self::Finish => None,
        }
    }
}

impl Run {
    /// The beginning of one, due at once.
    pub fn begin(purpose: Purpose, version: VersionId, now: Timestamp) -> Self {
        let step = match purpose {
            Purpose::Rotation => Step::Create,
            Purpose::Test => Step::Test,
        };
        Self { purpose, version, step, attempt: 1, due: Some(now), token: None }
    }
}

impl Rotation {
    /// When there is something to do.
    pub fn due(&self) -> Option<Timestamp> {
        match &self.run {
            Some(run) => run.due,
            None => self.next.map(|window| window.start),
        }
    }

    /// Whether both are configured alike, whatever has come of it.
    pub fn is_set_up_like(&self, other: &Self) -> bool {
        let of = |it: &Self| {
            let Self { enabled, function, rules, metadata, role, .. } = it.clone();
            (enabled, function, rules, metadata, role)
        };
        of(self) == of(other)
    }

    /// Computes the next window from a rotation at `at`.
    pub fn plan(&mut self, at: Timestamp) {
        let next = if self.enabled { self.rules.window_after(at, self.since) } else { None };
        self.next = next;
    }

    /// What a Region makes of it that has become the owner of the secret.
    ///
    /// AWS: a function belongs to one Region; PROMISE R9: two owners must not both rotate.
    #[must_use]
    pub fn detached(self) -> Self {
        Self { enabled: false, next: None, run: None, ..self }
    }

    /// What replicas are told.
    #[must_use]
    pub fn published(&self) -> Self {
        Self { run: None, ..self.clone() }
    }
}

/// The deadline of the secret's rotation, if there is one.
pub fn deadline_of(scope: Scope, secret: &Secret) -> Option<Key> {
    if secret.is_replica() {
        return None;
    }
    let at = secret.rotation.as_ref()?.due()?;
    let due = Due::Rotate { name: secret.name.clone(), suffix: secret.suffix };
    Some(Key::Deadline { region: scope.region, at, account: scope.account, due })
}

/// Moves the deadline to where the secret's new state wants it.
pub fn reschedule(tx: &mut Tx<'_>, scope: Scope, before: &Secret, after: &Secret) {
    let (old, new) = (deadline_of(scope, before), deadline_of(scope, after));
    if old == new {
        return;
    }
    if let Some(old) = old {
        tx.remove(old);
    }
    // A secret that is marked for deletion waits; its restoration brings the deadline back.
    if let Some(new) = new.filter(|_| after.deletion.is_none()) {
        tx.put(new, Record::Index);
    }
}

/// Whether AWSPENDING is on another version than AWSCURRENT.
///
/// AWS: then a rotation is not complete, and another one does not begin.
pub fn is_incomplete(secret: &Secret) -> bool {
    let pending = secret.stages.get(&StageLabel::pending());
    pending.is_some() && pending != secret.stages.get(&StageLabel::current())
}

/// Takes note of a client's write: `added` is the version it made, if it made one.
///
/// AWS: another version than the rotation's own abandons the rotation and counts as one.
pub fn interrupt(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    before: &Secret,
    after: &mut Secret,
    added: Option<&VersionId>,
) -> Result<(), StoreFault> {
    let Some(rotation) = &after.rotation else { return Ok(()) };
    let current = after.stages.get(&StageLabel::current());
    let moved = current != before.stages.get(&StageLabel::current());
    let own = rotation.run.as_ref().map(|run| run.version.clone());
    let foreign = |id: &VersionId| own.as_ref() != Some(id);
    let counts = moved && current.is_some_and(foreign);
    if let Some(version) = &own {
        let pending = after.stages.get(&StageLabel::pending()) == Some(version);
        let promoted = current == Some(version);
        if added.is_some_and(foreign) || counts || !(pending || promoted) {
            abandon(cx, tx, scope, after)?;
        }
    }
    if counts && let Some(rotation) = &mut after.rotation {
        rotation.plan(cx.now);
    }
    reschedule(tx, scope, before, after);
    Ok(())
}

/// AWS: AWSPENDING is taken off the version under way, to allow future rotations.
fn abandon(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
) -> Result<(), StoreFault> {
    let Some(run) = secret.rotation.as_mut().and_then(|rotation| rotation.run.take()) else {
        return Ok(());
    };
    if run.purpose == Purpose::Test {
        return remove_copy(tx, scope, secret, &run.version);
    }
    if secret.stages.get(&StageLabel::pending()) == Some(&run.version) {
        secret.stages.remove(&StageLabel::pending());
    }
    announce(cx, tx, scope, secret, Happening::Abandoned);
    Ok(())
}

/// Takes back the copy that a test was made with.
pub fn remove_copy(
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    version: &VersionId,
) -> Result<(), StoreFault> {
    if secret.stages.get(&StageLabel::pending()) == Some(version) {
        secret.stages.remove(&StageLabel::pending());
    }
    // A copy that somebody has given another label stays.
    if secret.stages_of(version).next().is_none() {
        let key = version_key(scope, secret, version);
        if tx.get(&key)?.is_some() {
            tx.remove(key);
            secret.version_count = secret.version_count.saturating_sub(1);
        }
    }
    Ok(())
}
