//! Recording what a peer answered.
//!
//! An answer is about one state. It changes the status of a replica only if that is still the
//! state to be reached; anything older is late and changes nothing that matters (promise R2).

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{KeyId, Region, RequestId, Scope, SecretName, SecretSuffix};
use crate::keys::event::{self, KeyHappening};
use crate::keys::model::KmsKey;
use crate::ports::{StoreFault, random};
use crate::records::{Intent, Key, Record, Subject};
use crate::replication::change::{Outcome, Stamp};
use crate::replication::outbox::{dequeue, enqueue, publish, put_replica, subject_of};
use crate::replication::receiver::bury;
use crate::secrets::event::announce_status;
use crate::secrets::model::{Replica, ReplicaStatus, Role, Secret};
use crate::secrets::versions::put_secret;
use crate::tx::{Records, Tx};

/// Records `outcome` of `subject` at state `at`, as `peer` answered it.
pub fn acknowledge(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    subject: &Subject,
    at: Stamp,
    outcome: Outcome,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let entry = tx.outbox(scope, peer, subject)?;
    let reached = entry.is_some_and(|entry| entry.at <= at);
    match subject {
        Subject::Secret { name, suffix } => {
            let settles = matches!(outcome, Outcome::Applied | Outcome::Failed(_));
            if reached && settles {
                dequeue(tx, scope, peer, subject.clone());
            }
            secret(cx, tx, peer, name, *suffix, at, reached, outcome)
        }
        Subject::Key { id } => {
            if reached {
                dequeue(tx, scope, peer, subject.clone());
                synchronized(cx, tx, *id)?;
            }
            confirmed(tx, peer, scope, *id, at)
        }
        Subject::Detached { name, suffix } => {
            if reached {
                dequeue(tx, scope, peer, subject.clone());
            }
            match outcome {
                // What the former primary said before it knew is late from now on.
                Outcome::Fenced { at } if reached => {
                    let subject = Subject::Secret { name: name.clone(), suffix: *suffix };
                    bury(cx, tx, &subject, at, false)
                }
                _ => Ok(()),
            }
        }
        Subject::KeyGone { .. } | Subject::Accessed { .. } | Subject::PendingHeld { .. } => {
            if reached {
                dequeue(tx, scope, peer, subject.clone());
            }
            Ok(())
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one call, from right above")]
fn secret(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    name: &SecretName,
    suffix: SecretSuffix,
    at: Stamp,
    reached: bool,
    outcome: Outcome,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let Some(secret) = tx.secret(scope, name)?.filter(|secret| secret.suffix == suffix) else {
        return Ok(());
    };
    let Some(known) = tx.replica(scope, name, peer)? else { return Ok(()) };
    let replica = Replica::clone(&known);
    match outcome {
        Outcome::Applied => {
            let acknowledged = replica.acknowledged.max(Some(at));
            let status = if reached { ReplicaStatus::InSync } else { replica.status.clone() };
            let replica = Replica { status, acknowledged, ..replica };
            announce_status(cx, tx, scope, &secret, Some(&known.status), &replica);
            put_replica(tx, scope, &secret, replica);
        }
        Outcome::Failed(failure) if reached => {
            let request_id = RequestId::from_entropy(random(cx.entropy));
            let status = ReplicaStatus::Failed { failure, request_id };
            let replica = Replica { status, ..replica };
            announce_status(cx, tx, scope, &secret, Some(&known.status), &replica);
            put_replica(tx, scope, &secret, replica);
        }
        Outcome::Lacking if reached => {
            put_replica(tx, scope, &secret, Replica { acknowledged: None, ..replica });
        }
        Outcome::NameTaken { epoch } if reached => {
            let at = Stamp { epoch: epoch + 1, revision: secret.at.revision + 1 };
            let secret = Secret { at, ..Secret::clone(&secret) };
            publish(cx, tx, scope, &secret)?;
            put_secret(tx, scope, secret)?;
        }
        Outcome::Fenced { at } if reached => {
            drop_replica(cx, tx, peer, &secret, at)?;
        }
        // About a state that is no longer the one to be reached.
        Outcome::Lacking
        | Outcome::Failed(_)
        | Outcome::NameTaken { .. }
        | Outcome::Fenced { .. } => {}
    }
    Ok(())
}

/// A replica in `peer` says that it became a secret of its own at `at`. The answer is this
/// Region's own state, up to which nothing that it says is meant for the former replica any more.
///
/// A late message may be about a replica that was there before the present one. The present one
/// confirmed a state that the former one never reached. If it has confirmed nothing, the Region
/// itself knows: it answers the state that waits to be sent with a fence, and `None` is returned.
pub(super) fn left(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    name: &SecretName,
    suffix: SecretSuffix,
    at: Stamp,
) -> Result<Option<Outcome>, StoreFault> {
    let scope = cx.scope();
    let secret = tx.secret(scope, name)?.filter(|secret| secret.suffix == suffix);
    let Some(secret) = secret.filter(|secret| !secret.is_replica()) else {
        return Ok(Some(Outcome::Applied));
    };
    let Some(replica) = tx.replica(scope, name, peer)? else {
        return Ok(Some(Outcome::Fenced { at: secret.at }));
    };
    let unheard = at.epoch > secret.at.epoch;
    match replica.acknowledged {
        Some(held) if held.revision >= at.revision => Ok(Some(Outcome::Applied)),
        None if !unheard => {
            if tx.outbox(scope, peer, &subject_of(&secret))?.is_some() {
                return Ok(None);
            }
            // It has failed and cannot be asked. Whatever it holds, it is to hold no replica.
            let at = drop_replica(cx, tx, peer, &secret, at)?;
            enqueue(cx, tx, scope, peer, subject_of(&secret), at, Intent::Remove)?;
            Ok(Some(Outcome::Fenced { at: secret.at }))
        }
        _ => {
            let at = drop_replica(cx, tx, peer, &secret, at)?;
            Ok(Some(Outcome::Fenced { at }))
        }
    }
}

/// PROMISE R9: a replica that became a secret of its own leaves the primary's list; both copies
/// stay. The primary's epoch catches up, so that it may be replicated there anew. The primary's
/// new state is returned.
fn drop_replica(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    secret: &Secret,
    at: Stamp,
) -> Result<Stamp, StoreFault> {
    let scope = cx.scope();
    let epoch = secret.at.epoch.max(at.epoch);
    let revision = secret.at.revision.max(at.revision) + 1;
    let mut secret = secret.clone();
    secret.at = Stamp { epoch, revision };
    if let Role::Primary { replicas } = &mut secret.role {
        replicas.retain(|region| *region != peer);
    }
    tx.remove(Key::Replica { scope, name: secret.name.clone(), region: peer });
    dequeue(tx, scope, peer, subject_of(&secret));
    publish(cx, tx, scope, &secret)?;
    let at = secret.at;
    put_secret(tx, scope, secret)?;
    Ok(at)
}

/// A replica has what the primary, which is here, shares with it.
fn synchronized(cx: &Cx<'_>, tx: &mut Tx<'_>, id: KeyId) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let key = tx.kms_key(scope, id)?.filter(|key| key.is_multi_region_primary(scope.region));
    if let Some(key) = key {
        event::announce(cx, tx, key.arn(scope), KeyHappening::Synchronized);
    }
    Ok(())
}

/// A related key has what this Region told it. With the present state a new replica has begun its
/// life: what it began with need not be kept. With any state of this epoch, one that changed places
/// with this key knows that it has.
fn confirmed(
    tx: &mut Tx<'_>,
    peer: Region,
    scope: Scope,
    id: KeyId,
    at: Stamp,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let Some(multi) = &key.multi_region else { return Ok(()) };
    let installed = multi.at <= at && multi.installing.contains_key(&peer);
    let swapped = multi.at.epoch <= at.epoch && multi.swap.is_some_and(|swap| swap.with == peer);
    if !installed && !swapped {
        return Ok(());
    }
    let mut key = KmsKey::clone(&key);
    if let Some(multi) = &mut key.multi_region {
        if installed {
            multi.installing.remove(&peer);
        }
        multi.swap = multi.swap.filter(|_| !swapped);
    }
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}
