//! Recording that peers are behind, in the transaction that left them behind.
//!
//! An outbox entry says which state a peer must reach, not what to send: the message is composed
//! from the records when it leaves, so entries coalesce and a crash loses nothing (promise R2).

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{Region, Scope};
use crate::ports::StoreFault;
use crate::records::{Intent, Key, Outbox, Record, Subject};
use crate::replication::change::Stamp;
use crate::secrets::event::announce_status;
use crate::secrets::model::{Replica, ReplicaStatus, Secret};
use crate::tx::{Records, Tx};

/// Notes that `peer` must reach `at`. An older note for the same subject is replaced, but the peer
/// has been behind since that one.
pub fn enqueue(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    peer: Region,
    subject: Subject,
    at: Stamp,
    intent: Intent,
) -> Result<(), StoreFault> {
    let since = tx.outbox(scope, peer, &subject)?.map_or(cx.now, |earlier| earlier.since);
    let key = Key::Outbox { region: scope.region, peer, account: scope.account, subject };
    tx.put(key, Record::Outbox(Outbox { at, since, intent }));
    Ok(())
}

/// Forgets what `peer` was still to be told of a subject.
pub fn dequeue(tx: &mut Tx<'_>, scope: Scope, peer: Region, subject: Subject) {
    tx.remove(Key::Outbox { region: scope.region, peer, account: scope.account, subject });
}

/// The subject of a secret's replication.
pub fn subject_of(secret: &Secret) -> Subject {
    Subject::Secret { name: secret.name.clone(), suffix: secret.suffix }
}

/// Sends the secret's new state, which is in `secret.at`, to every replica.
///
/// AWS: each change turns the replicas `InProgress` until they have confirmed it.
pub fn publish(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &Secret,
) -> Result<(), StoreFault> {
    for region in secret.replicas() {
        let Some(replica) = tx.replica(scope, &secret.name, *region)? else { continue };
        if !cx.regions.contains(region) {
            continue;
        }
        let next = Replica { status: ReplicaStatus::InProgress, ..Replica::clone(&replica) };
        announce_status(cx, tx, scope, secret, Some(&replica.status), &next);
        put_replica(tx, scope, secret, next);
        enqueue(cx, tx, scope, *region, subject_of(secret), secret.at, Intent::State)?;
    }
    Ok(())
}

/// Writes the primary's view of one replica.
pub fn put_replica(tx: &mut Tx<'_>, scope: Scope, secret: &Secret, replica: Replica) {
    let key = Key::Replica { scope, name: secret.name.clone(), region: replica.region };
    tx.put(key, Record::Replica(Arc::new(replica)));
}
