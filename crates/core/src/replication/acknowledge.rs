//! Recording what a peer answered.
//!
//! An answer is about one state. It changes the status of a replica only if that is still the
//! state to be reached; anything older is late and changes nothing that matters (promise R2).

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{Region, RequestId, SecretName, SecretSuffix};
use crate::ports::{StoreFault, random};
use crate::records::{Key, Record, Subject};
use crate::replication::change::{Outcome, Stamp};
use crate::replication::outbox::{dequeue, publish, put_replica};
use crate::secrets::model::{Replica, ReplicaStatus, Role, Secret};
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
            if reached && !matches!(outcome, Outcome::Lacking | Outcome::NameTaken { .. }) {
                dequeue(tx, scope, peer, subject.clone());
            }
            secret(cx, tx, peer, name, *suffix, at, reached, outcome)
        }
        Subject::Key { id } => {
            if reached {
                dequeue(tx, scope, peer, subject.clone());
            }
            installed(tx, peer, scope, *id, at)
        }
        Subject::Detached { .. } | Subject::KeyGone { .. } => {
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
    let Some(replica) = tx.replica(scope, name, peer)? else { return Ok(()) };
    let replica = Replica::clone(&replica);
    match outcome {
        Outcome::Applied => {
            let acknowledged = replica.acknowledged.max(Some(at));
            let status = if reached { ReplicaStatus::InSync } else { replica.status.clone() };
            let replica = Replica { status, acknowledged, ..replica };
            put_replica(tx, scope, &secret, replica);
        }
        Outcome::Failed(failure) if reached => {
            let request_id = RequestId::from_entropy(random(cx.entropy));
            let status = ReplicaStatus::Failed { failure, request_id };
            put_replica(tx, scope, &secret, Replica { status, ..replica });
        }
        Outcome::Lacking => {
            put_replica(tx, scope, &secret, Replica { acknowledged: None, ..replica });
        }
        Outcome::NameTaken { epoch } if reached => {
            let at = Stamp { epoch: epoch + 1, revision: secret.at.revision + 1 };
            let secret = Secret { at, ..Secret::clone(&secret) };
            publish(cx, tx, scope, &secret)?;
            put_secret(tx, scope, secret);
        }
        Outcome::Fenced { at } => detached(cx, tx, peer, name, suffix, at)?,
        Outcome::Failed(_) | Outcome::NameTaken { .. } => {}
    }
    Ok(())
}

/// PROMISE R9: a replica that became a secret of its own leaves the primary's list; both copies
/// stay. The primary's epoch catches up, so that it may be replicated there anew.
pub(super) fn detached(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    name: &SecretName,
    suffix: SecretSuffix,
    at: Stamp,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let Some(secret) = tx.secret(scope, name)?.filter(|secret| secret.suffix == suffix) else {
        return Ok(());
    };
    if at.epoch <= secret.at.epoch || !secret.replicas().contains(&peer) {
        return Ok(());
    }
    let revision = secret.at.revision.max(at.revision) + 1;
    let mut secret = Secret::clone(&secret);
    secret.at = Stamp { epoch: at.epoch, revision };
    if let Role::Primary { replicas } = &mut secret.role {
        replicas.retain(|region| *region != peer);
    }
    tx.remove(Key::Replica { scope, name: name.clone(), region: peer });
    dequeue(tx, scope, peer, Subject::Secret { name: name.clone(), suffix });
    publish(cx, tx, scope, &secret)?;
    put_secret(tx, scope, secret);
    Ok(())
}

fn put_secret(tx: &mut Tx<'_>, scope: crate::ids::Scope, secret: Secret) {
    let key = Key::Secret { scope, name: secret.name.clone() };
    tx.put(key, Record::Secret(Arc::new(secret)));
}

/// A new replica key has begun its life: what it began with need not be kept.
fn installed(
    tx: &mut Tx<'_>,
    peer: Region,
    scope: crate::ids::Scope,
    id: crate::ids::KeyId,
    at: Stamp,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let waiting = key
        .multi_region
        .as_ref()
        .is_some_and(|multi| multi.installing.contains_key(&peer) && multi.at <= at);
    if waiting {
        let mut key = crate::keys::model::KmsKey::clone(&key);
        if let Some(multi) = &mut key.multi_region {
            multi.installing.remove(&peer);
        }
        tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    }
    Ok(())
}
