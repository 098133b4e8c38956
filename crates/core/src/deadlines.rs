//! Things to do at a point in time: deletion windows and forgotten tombstones.
//!
//! Deadlines are durable records in order of time. The shell asks for the next one and calls
//! [`handle`] when it has come. What a deadline is about is looked up again: one that was moved or
//! withdrawn in between does nothing but go away.

use crate::cx::Cx;
use crate::ids::{KeyId, Region, Scope, SecretName, SecretSuffix};
use crate::keys::aliases;
use crate::keys::model::{KeyState, KmsKey, MultiRegion};
use crate::limits;
use crate::ports::StoreFault;
use crate::records::{Due, Intent, Key, Prefix, Record, Subject, Tombstone};
use crate::replication::outbox::enqueue;
use crate::time::Timestamp;
use crate::tx::{Records, Tx, collect};

/// Does what `deadline`, a [`Key::Deadline`] whose time has come, is there for, and removes it.
pub fn handle(cx: &Cx<'_>, tx: &mut Tx<'_>, deadline: &Key) -> Result<(), StoreFault> {
    let Key::Deadline { region, at, account, due } = deadline else { return Err(StoreFault) };
    let scope = Scope { region: *region, account: *account };
    match due {
        Due::DeleteKey { id } => delete_key(cx, tx, scope, *id, *at)?,
        Due::PurgeSecret { name, suffix } => purge_secret(tx, scope, name, *suffix, *at)?,
        Due::ForgetTombstone { subject } => forget_tombstone(tx, scope, subject, deadline)?,
    }
    tx.remove(deadline.clone());
    Ok(())
}

fn delete_key(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    if key.state != (KeyState::PendingDeletion { at }) {
        return Ok(());
    }
    if let Some(multi) = &key.multi_region {
        if multi.primary == scope.region && !multi.replicas.is_empty() {
            wait_for_replicas(tx, scope, &key);
            return Ok(());
        }
        if multi.primary != scope.region {
            leave_primary(cx, tx, scope, id, multi)?;
        }
    }
    for name in aliases::of_key(tx, scope, id)? {
        aliases::remove(tx, scope, id, name);
    }
    tx.remove(Key::KmsKey { scope, id });
    Ok(())
}

/// A replica that became the primary while it waited for its deletion: as a primary it waits for
/// its replicas first, and then for its own window anew.
fn wait_for_replicas(tx: &mut Tx<'_>, scope: Scope, key: &KmsKey) {
    let window_days = limits::DELETION_WINDOW_DAYS_DEFAULT;
    let state = KeyState::PendingReplicaDeletion { window_days };
    let waiting = KmsKey { state, ..key.clone() };
    tx.put(Key::KmsKey { scope, id: key.id }, Record::KmsKey(waiting.into()));
}

/// Tells the primary that the replica here is gone, and remembers that it is.
fn leave_primary(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    multi: &MultiRegion,
) -> Result<(), StoreFault> {
    let subject = Subject::KeyGone { id };
    enqueue(cx, tx, scope, multi.primary, subject, multi.at, Intent::Remove)?;
    bury(tx, scope, Subject::Key { id }, Tombstone { at: multi.at, failed: false }, cx.now);
    Ok(())
}

/// PROMISE R2: remembers what was removed, for as long as a late message may bring it back.
fn bury(tx: &mut Tx<'_>, scope: Scope, subject: Subject, tombstone: Tombstone, now: Timestamp) {
    let due = Due::ForgetTombstone { subject: subject.clone() };
    let (region, account) = (scope.region, scope.account);
    let at = now.plus_days(limits::TOMBSTONE_DAYS);
    tx.put(Key::Deadline { region, at, account, due }, Record::Index);
    tx.put(Key::Tombstone { scope, subject }, Record::Tombstone(tombstone));
}

fn purge_secret(
    tx: &mut Tx<'_>,
    scope: Scope,
    name: &SecretName,
    suffix: SecretSuffix,
    at: Timestamp,
) -> Result<(), StoreFault> {
    let Some(secret) = tx.secret(scope, name)? else { return Ok(()) };
    let due = secret.deletion.is_some_and(|deletion| deletion.scheduled == at);
    if secret.suffix != suffix || !due {
        return Ok(());
    }
    for version in
        collect(tx, Prefix::Versions { scope, name: name.clone(), suffix }, |key, _| Some(key))?
    {
        tx.remove(version);
    }
    tx.remove(Key::SecretByCreated { scope, created: secret.created, name: name.clone() });
    tx.remove(Key::Secret { scope, name: name.clone() });
    Ok(())
}

/// A tombstone that was renewed has a later deadline, which is the one that counts.
fn forget_tombstone(
    tx: &mut Tx<'_>,
    scope: Scope,
    subject: &Subject,
    deadline: &Key,
) -> Result<(), StoreFault> {
    if tx.tombstone(scope, subject)?.is_none() || is_renewed(tx, scope.region, deadline)? {
        return Ok(());
    }
    tx.remove(Key::Tombstone { scope, subject: subject.clone() });
    Ok(())
}

fn is_renewed(tx: &Tx<'_>, region: Region, deadline: &Key) -> Result<bool, StoreFault> {
    let Key::Deadline { at, account, due, .. } = deadline else { return Ok(false) };
    let later = collect(tx, Prefix::Deadlines { region }, |key, _| match key {
        Key::Deadline { at: other, account: of, due: what, .. } => {
            (other > *at && of == *account && what == *due).then_some(())
        }
        _ => None,
    })?;
    Ok(!later.is_empty())
}
