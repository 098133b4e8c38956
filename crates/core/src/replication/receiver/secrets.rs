//! Applying a replicated secret, or its removal.
//!
//! Everything is worked out before anything is written: a state that cannot be held whole leaves
//! what was there. Data keys are opened with this Region's transport key and go straight under the
//! replica's own KMS key.

use core::cmp::Ordering;
use std::sync::Arc;

use crate::cx::{Cx, Profile};
use crate::ids::{Region, Scope, SecretArn, SecretName, SecretSuffix};
use crate::keys::managed;
use crate::keys::problem::KeyProblem;
use crate::limits;
use crate::ports::{StoreFault, Unopened};
use crate::records::{Key, Record, Subject};
use crate::replication::change::{Outcome, SecretState, Stamp, ValueState, VersionState};
use crate::replication::outbox::put_replica;
use crate::replication::receiver::bury;
use crate::secrets::error::Error;
use crate::secrets::model::{
    Replica, ReplicaFailure, Role, SealedValue, Secret, Version, value_aad,
};
use crate::secrets::value::{KeyUse, is_default_key, open_data_key, prove_key, wrap_data_key};
use crate::secrets::versions::{forget_old_versions, purge, put_secret};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// Applies `state`. `None` for a late message, which needs no answer.
pub fn apply(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    subject: &Subject,
    state: SecretState,
) -> Result<Option<Outcome>, StoreFault> {
    let scope = cx.scope();
    if from != state.arn.scope.region || from == cx.region {
        return Ok(None);
    }
    if let Some(fenced) = fence(tx, scope, from, subject, state.at)? {
        return Ok(Some(fenced));
    }
    let existing = tx.secret(scope, &state.arn.name)?;
    let (existing, replaced) =
        match existing.as_deref().map(|existing| stand(existing, from, &state)) {
            None | Some(Stand::Update) => (existing, None),
            Some(Stand::Answer(outcome)) => return Ok(outcome),
            Some(Stand::Replace) => (None, existing),
        };
    if is_default_key(state.kms_key_id.as_deref()) {
        managed::ensure(cx, tx, scope)?;
    }
    match versions(cx, tx, existing.as_deref(), &state)? {
        Ok(versions) => {
            if let Some(replaced) = replaced {
                purge(tx, scope, &replaced)?;
            }
            hold(cx, tx, from, existing.as_deref(), state, versions)?;
            tx.remove(Key::Tombstone { scope, subject: subject.clone() });
            Ok(Some(Outcome::Applied))
        }
        Err(outcome) => {
            if let Outcome::Failed(_) = outcome {
                give_up(cx, tx, subject, existing.as_deref(), state.at)?;
            }
            Ok(Some(outcome))
        }
    }
}

/// What keeps a state out, whatever stands here now.
fn fence(
    tx: &Tx<'_>,
    scope: Scope,
    from: Region,
    subject: &Subject,
    at: Stamp,
) -> Result<Option<Outcome>, StoreFault> {
    // PROMISE R9: the sender has not heard yet that the replica here left it, so whatever it says
    // was said to a replica. Its epoch proves nothing: another replica may have left it before.
    let Subject::Secret { name, suffix } = subject else { return Ok(None) };
    let detached = Subject::Detached { name: name.clone(), suffix: *suffix };
    if let Some(untold) = tx.outbox(scope, from, &detached)? {
        return Ok(Some(Outcome::Fenced { at: untold.at }));
    }
    let Some(tombstone) = tx.tombstone(scope, subject)? else { return Ok(None) };
    // A late message, whose sender pays no heed to the answer; or the present state of another
    // owner of the secret than the one whose replica was here, and it has to exceed that one.
    let late = at < tombstone.at || (at == tombstone.at && !tombstone.failed);
    Ok(late.then_some(Outcome::NameTaken { epoch: tombstone.at.epoch }))
}

/// How an existing secret of the name takes a new state.
enum Stand {
    /// It is the replica itself, and older.
    Update,
    /// It is to be overwritten.
    Replace,
    Answer(Option<Outcome>),
}

fn stand(existing: &Secret, from: Region, state: &SecretState) -> Stand {
    let same = existing.suffix == state.arn.suffix;
    match &existing.role {
        Role::Replica { primary } if same && *primary == from => match state.at.cmp(&existing.at) {
            Ordering::Greater => Stand::Update,
            Ordering::Equal => Stand::Answer(Some(Outcome::Applied)),
            Ordering::Less => Stand::Answer(None),
        },
        Role::Replica { .. } => {
            Stand::Answer(Some(Outcome::Failed(ReplicaFailure::ReplicatedWithOtherArn)))
        }
        Role::Primary { .. } if state.overwrite && existing.stands_alone() => {
            if state.at.epoch > existing.at.epoch {
                Stand::Replace
            } else {
                Stand::Answer(Some(Outcome::NameTaken { epoch: existing.at.epoch }))
            }
        }
        // A secret that another account depends on, or that depends on one, is not overwritten.
        Role::Primary { .. } | Role::CrossAccountReplica(_) => {
            Stand::Answer(Some(Outcome::Failed(ReplicaFailure::NameTaken)))
        }
    }
}

/// The versions to write, under the replica's key, or why they cannot be held.
fn versions(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    existing: Option<&Secret>,
    state: &SecretState,
) -> Result<Result<Vec<Version>, Outcome>, StoreFault> {
    let scope = cx.scope();
    let own = state.arn.in_region(cx.region);
    let kms_key_id = state.kms_key_id.as_deref();
    let failed = |problem| Outcome::Failed(ReplicaFailure::ReplicaKey(problem));
    // PROMISE R3: a state without values is not called held under a key that cannot hold any.
    if cx.profile == Profile::Strict
        && let Err(problem) = prove_key(cx, tx, &own, kms_key_id)?
    {
        return Ok(Err(failed(problem)));
    }
    let rekeyed = existing.is_some_and(|existing| existing.kms_key_id != state.kms_key_id);
    let mut versions = Vec::new();
    for version in &state.versions {
        let Some(value) = &version.value else {
            // Values of a secret that is to be overwritten are not the replica's.
            let held = match existing {
                Some(_) => tx.version(scope, &own.name, own.suffix, &version.id)?,
                None => None,
            };
            let held = held.filter(|held| !rekeyed && held.changed == version.changed);
            match held {
                Some(held) if is_readable(cx, tx, &own, &held)? => continue,
                _ => return Ok(Err(Outcome::Lacking)),
            }
        };
        match rewrap(cx, tx, &own, kms_key_id, version, value)? {
            Ok(version) => versions.push(version),
            Err(problem) => return Ok(Err(failed(problem))),
        }
    }
    Ok(Ok(versions))
}

/// PROMISE R3: a value that is already here may be under another key than the one proven, if that
/// is named by an alias that has moved.
fn is_readable(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    own: &SecretArn,
    held: &Version,
) -> Result<bool, StoreFault> {
    if cx.profile != Profile::Strict {
        return Ok(true);
    }
    match open_data_key(cx, tx, own, &held.id, &held.value) {
        Ok(_) => Ok(true),
        Err(Error::Store(fault)) => Err(fault),
        Err(_) => Ok(false),
    }
}

fn rewrap(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    own: &SecretArn,
    kms_key_id: Option<&str>,
    version: &VersionState,
    value: &ValueState,
) -> Result<Result<Version, KeyProblem>, StoreFault> {
    let aad = value_aad(own, &version.id, value.kind);
    let data_key = cx.crypto.open_sealed(&aad, &value.data_key).map_err(|Unopened| StoreFault)?;
    let wrapped = wrap_data_key(cx, tx, own, &version.id, KeyUse::keep(kms_key_id), &data_key)?;
    Ok(wrapped.map(|wrapped| Version {
        id: version.id.clone(),
        created: version.created,
        last_accessed: None,
        changed: version.changed,
        value: SealedValue {
            kind: value.kind,
            sealed: value.sealed.clone(),
            data_key: wrapped.blob.into(),
            kms_key: wrapped.key,
            kms_key_is_default: wrapped.is_default,
        },
    }))
}

/// Writes the replica and its new versions.
fn hold(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    existing: Option<&Secret>,
    state: SecretState,
    versions: Vec<Version>,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let SecretArn { name, suffix, .. } = state.arn;
    let mut version_count = existing.map_or(0, |existing| existing.version_count);
    for mut version in versions {
        let earlier = tx.version(scope, &name, suffix, &version.id)?;
        version.last_accessed = earlier.as_ref().and_then(|earlier| earlier.last_accessed);
        version_count += u32::from(earlier.is_none());
        let id = version.id.clone();
        let key = Key::Version { scope, name: name.clone(), suffix, id };
        tx.put(key, Record::Version(Arc::new(version)));
    }
    let created = existing.map_or(cx.now, |existing| existing.created);
    let mut secret = Secret {
        name,
        suffix,
        description: state.description,
        kms_key_id: state.kms_key_id,
        secret_type: state.secret_type,
        created_by: None,
        created,
        last_changed: state.last_changed,
        last_accessed: existing.and_then(|existing| existing.last_accessed),
        deletion: None,
        tags: state.tags,
        policies: state.policies,
        stages: state.stages,
        version_count,
        rotation: state.rotation,
        at: state.at,
        role: Role::Replica { primary: from },
        cross_account_replica: None,
    };
    forget_old_versions(cx, tx, scope, &mut secret, limits::VERSIONS_PER_SECRET_MAX)?;
    put_secret(tx, scope, secret)
}

/// AWS: a replica of which no version was ever usable is removed; one that held a version keeps it.
fn give_up(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    subject: &Subject,
    existing: Option<&Secret>,
    at: Stamp,
) -> Result<(), StoreFault> {
    if existing.is_some_and(|existing| existing.version_count > 0) {
        return Ok(());
    }
    if let Some(existing) = existing {
        purge(tx, cx.scope(), existing)?;
    }
    bury(cx, tx, subject, at, true)
}

/// Removes a replica that its primary no longer wants here.
///
/// AWS: at once, without a recovery window.
pub fn remove(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    subject: &Subject,
    at: Stamp,
) -> Result<(), StoreFault> {
    let Subject::Secret { name, suffix } = subject else { return Ok(()) };
    let ours = Role::Replica { primary: from };
    let existing = tx.secret(cx.scope(), name)?;
    let existing = existing.filter(|held| held.suffix == *suffix && held.role == ours);
    match existing {
        Some(newer) if newer.at >= at => return Ok(()),
        Some(existing) => purge(tx, cx.scope(), &existing)?,
        // Also a secret of its own is to be kept from an older state that would overwrite it.
        None => {}
    }
    bury(cx, tx, subject, at, false)
}

/// Notes in the primary on which day its replica in `from` was last read. It is no state of the
/// secret: no other Region hears of it.
pub fn accessed(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    name: &SecretName,
    suffix: SecretSuffix,
    day: Timestamp,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let Some(secret) = tx.secret(scope, name)?.filter(|secret| secret.suffix == suffix) else {
        return Ok(());
    };
    match tx.replica(scope, name, from)? {
        Some(replica) if replica.last_accessed < Some(day) => {
            let replica = Replica { last_accessed: Some(day), ..Replica::clone(&replica) };
            put_replica(tx, scope, &secret, replica);
        }
        _ => {}
    }
    Ok(())
}
