//! What related keys tell one another: new states, and the end of a replica.

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{KeyId, Region, Scope};
use crate::keys::model::{KeyState, KmsKey};
use crate::keys::pending;
use crate::ports::StoreFault;
use crate::records::{Due, Intent, Key, Record, Subject};
use crate::replication::outbox::{dequeue, enqueue};
use crate::tx::{Records, Tx};

/// Sends the key's state, which is in `multi_region.at`, to every other Region that holds it.
pub fn publish(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, key: &KmsKey) -> Result<(), StoreFault> {
    let Some(multi) = &key.multi_region else { return Ok(()) };
    let related = multi.replicas.iter().copied().chain([multi.primary]);
    for region in related.filter(|region| *region != scope.region) {
        enqueue(cx, tx, scope, region, Subject::Key { id: key.id }, multi.at, Intent::State)?;
    }
    Ok(())
}

/// Takes a replica that was deleted for good off its primary's list.
///
/// AWS: a primary that waited for its last replica begins its own waiting period now.
pub fn replica_gone(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    from: Region,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let mut key = KmsKey::clone(&key);
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    if !multi.replicas.remove(&from) {
        return Ok(());
    }
    multi.installing.remove(&from);
    multi.requests.remove(&from);
    multi.swap = multi.swap.filter(|swap| swap.with != from);
    multi.at = multi.at.next();
    let last = multi.replicas.is_empty();
    pending::recount(&mut key);
    if let KeyState::PendingReplicaDeletion { window_days } = key.state
        && last
    {
        let at = cx.now.plus_days(window_days);
        key.state = KeyState::PendingDeletion { at };
        let due = Due::DeleteKey { id };
        let (region, account) = (scope.region, scope.account);
        tx.put(Key::Deadline { region, at, account, due }, Record::Index);
    }
    dequeue(tx, scope, from, Subject::Key { id });
    publish(cx, tx, scope, &key)?;
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}
