//! Things to do at a point in time: deletion windows, rotation of keys and of secrets, the end of
//! imported material, forgotten tombstones.
//!
//! Deadlines are durable records in order of time. The shell asks for the next one and calls
//! [`handle`] when it has come. What a deadline is about is looked up again: one that was moved or
//! withdrawn in between does nothing but go away.

use crate::cx::Cx;
use crate::ids::{KeyId, Region, Scope, SecretName, SecretSuffix};
use crate::keys::aliases;
use crate::keys::event::{self, KeyHappening};
use crate::keys::grants;
use crate::keys::import;
use crate::keys::model::{KeyState, KmsKey, MultiRegion};
use crate::keys::rotation;
use crate::keys::stores;
use crate::limits;
use crate::ports::StoreFault;
use crate::records::{Due, Intent, Key, Prefix, Record, Subject, Tombstone};
use crate::replication::outbox::enqueue;
use crate::secrets::event::Removal;
use crate::secrets::rotation::machine::{self, Invocation};
use crate::secrets::versions;
use crate::time::Timestamp;
use crate::tx::{Records, Tx, collect};

/// Does what `deadline`, a [`Key::Deadline`] whose time has come, is there for, and removes it.
/// That of a rotation stays while the invocation that it led to is under way.
pub fn handle(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    deadline: &Key,
) -> Result<Option<Invocation>, StoreFault> {
    let Key::Deadline { region, at, account, due } = deadline else { return Err(StoreFault) };
    let scope = Scope { region: *region, account: *account };
    match due {
        Due::DeleteKey { id } => delete_key(cx, tx, scope, *id, *at)?,
        Due::RotateKey { id } => rotation::come_due(cx, tx, scope, *id, *at)?,
        Due::ExpireMaterial { id, material } => {
            import::come_due(cx, tx, scope, *id, *material, *at)?;
        }
        Due::PurgeSecret { name, suffix } => purge_secret(cx, tx, scope, name, *suffix, *at)?,
        Due::ForgetTombstone { subject } => forget_tombstone(tx, scope, subject, deadline)?,
        Due::Rotate { name, suffix } => {
            return machine::begin(cx, tx, scope, name, *suffix, deadline);
        }
    }
    tx.remove(deadline.clone());
    Ok(None)
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
    grants::remove_all(tx, scope, id)?;
    if let Some(external) = &key.external {
        stores::count(tx, scope, external, false)?;
    }
    tx.remove(Key::KeyUse { scope, id });
    tx.remove(Key::KmsKey { scope, id });
    event::announce(cx, tx, key.arn(scope), KeyHappening::Deleted);
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
    cx: &Cx<'_>,
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
    versions::announce_removal(cx, tx, scope, &secret, Removal::Ended)?;
    versions::purge(tx, scope, &secret)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::change::Stamp;
    use crate::secrets::model::{Deletion, Role, Secret};
    use crate::secrets::policies::Policies;
    use crate::testing::World;
    use crate::time::DAY_MS;
    use std::collections::BTreeMap;

    fn secret(world: &World, suffix: &str, scheduled: Option<Timestamp>) -> Secret {
        Secret {
            name: "s".parse().unwrap(),
            suffix: suffix.parse().unwrap(),
            description: None,
            kms_key_id: None,
            secret_type: None,
            created_by: None,
            created: world.now,
            last_changed: world.now,
            last_accessed: None,
            deletion: scheduled.map(|scheduled| Deletion { requested: world.now, scheduled }),
            tags: None,
            policies: Policies::default(),
            stages: BTreeMap::new(),
            version_count: 0,
            rotation: None,
            at: Stamp::FIRST,
            role: Role::Primary { replicas: Vec::new() },
            cross_account_replica: None,
        }
    }

    /// Which deletions a deadline ends: that of the same secret, at the same time.
    #[test]
    fn secrets_are_purged_once_their_own_time_has_come() {
        let at = Timestamp::from_millis(1_800_000_000_000);
        let later = at.plus_days(1);
        let cases = [
            ("aaaaaa", Some(at), true),
            ("aaaaaa", Some(later), false),
            ("aaaaaa", None, false),
            ("bbbbbb", Some(at), false),
        ];
        for (suffix, scheduled, purged) in cases {
            let mut world = World::new();
            let scope = world.scope();
            let secret = secret(&world, suffix, scheduled);
            let key = Key::Secret { scope, name: secret.name.clone() };
            let index =
                Key::SecretByCreated { scope, created: secret.created, name: secret.name.clone() };
            let due =
                Due::PurgeSecret { name: secret.name.clone(), suffix: "aaaaaa".parse().unwrap() };
            let deadline = Key::Deadline { region: scope.region, at, account: scope.account, due };
            world.edit(|_, tx| {
                crate::secrets::index::put(tx, scope, secret).unwrap();
                tx.put(deadline.clone(), Record::Index);
            });
            world.edit(|cx, tx| handle(cx, tx, &deadline)).unwrap();
            let left = (world.store.contains(&key), world.store.contains(&index));
            assert_eq!(left, (!purged, !purged), "{suffix} {scheduled:?}");
            assert!(!world.store.contains(&deadline));
        }
    }

    /// PROMISE R2: a tombstone that was renewed is remembered for its whole time.
    #[test]
    fn renewed_tombstones_outlive_their_first_deadline() {
        let mut world = World::new();
        let scope = world.scope();
        let subject = Subject::Key { id: KeyId::from_entropy([1; 16], true) };
        let tombstone = Tombstone { at: Stamp::FIRST, failed: false };
        let burial = |world: &mut World| {
            world.edit(|cx, tx| bury(tx, scope, subject.clone(), tombstone, cx.now));
            world.store.keys().filter(|key| matches!(key, Key::Deadline { .. })).max().cloned()
        };
        let first = burial(&mut world).unwrap();
        world.pass_ms(DAY_MS);
        let second = burial(&mut world).unwrap();
        assert!(second > first);
        for (deadline, left) in [(first, true), (second, false)] {
            world.edit(|cx, tx| handle(cx, tx, &deadline)).unwrap();
            let found = world.store.tombstone(scope, &subject).unwrap();
            assert_eq!(found.is_some(), left);
            assert!(!world.store.contains(&deadline));
        }
    }

    #[test]
    fn only_deadlines_are_handled() {
        let mut world = World::new();
        let region = world.region;
        let result = world.edit(|cx, tx| handle(cx, tx, &Key::Identity { region }));
        assert!(matches!(result, Err(StoreFault)));
    }
}
