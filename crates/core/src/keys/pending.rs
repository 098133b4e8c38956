//! Imported material that waits for the rotation of related keys: which it is, and who holds it.
//!
//! AWS: new material is imported into the primary first, then into each replica, and only then can
//! the primary be rotated to it. The primary's state says which material waits; each Region tells
//! the primary whether it holds the bytes. What one Region says is ordered by a stamp of its own, so
//! that a repeated or late message changes nothing (promise R2).

use crate::cx::Cx;
use crate::ids::{Region, Scope};
use crate::keys::model::{Holding, KmsKey, Material, MultiRegion, PendingId};
use crate::keys::multi_region::publish;
use crate::ports::StoreFault;
use crate::records::{Intent, Key, Record, Subject};
use crate::replication::change::Stamp;
use crate::replication::outbox::enqueue;
use crate::tx::Tx;

/// The name of material that waits.
pub fn id(material: &Material) -> PendingId {
    PendingId { material: material.id, since: material.created }
}

/// The pending material whose bytes are in this Region.
pub fn held(key: &KmsKey) -> Option<PendingId> {
    key.pending.as_ref().filter(|pending| pending.wrapped.is_some()).map(id)
}

/// Whether the key can be rotated to the pending material.
pub fn is_ready(key: &KmsKey) -> bool {
    let everywhere = key.multi_region.as_ref().is_none_or(|multi| multi.pending_everywhere);
    key.pending.is_some() && everywhere
}

/// Whether the primary and each replica hold the bytes, by what the primary was told.
pub fn is_everywhere(key: &KmsKey) -> bool {
    let Some(multi) = &key.multi_region else { return false };
    let Some(own) = held(key) else { return false };
    multi.replicas.iter().all(|region| {
        multi.holdings.get(region).is_some_and(|holding| holding.material == Some(own))
    })
}

/// Counts again, in a primary whose replicas have changed.
pub fn recount(key: &mut KmsKey) {
    let everywhere = is_everywhere(key);
    if let Some(multi) = &mut key.multi_region {
        multi.pending_everywhere = everywhere;
    }
}

/// The state of what this Region has said. It rises with each report, and a key that is replicated
/// here anew begins above what its predecessor said: the primary's revision rises with each replica.
pub const fn stamp(multi: &MultiRegion) -> Stamp {
    Stamp { epoch: multi.at.revision, revision: multi.told }
}

/// What a primary knows of a replica that it has just asked for: nothing that an earlier replica in
/// that Region said counts.
pub fn expect(multi: &mut MultiRegion, region: Region) {
    let at = Stamp { epoch: multi.at.revision, revision: 0 };
    multi.holdings.insert(region, Holding { at, material: None });
}

/// Tells whom it concerns, after the pending material of `key` has changed from what it was
/// `before`: the primary its replicas, a replica its primary.
pub fn changed(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    before: &KmsKey,
    key: &mut KmsKey,
) -> Result<(), StoreFault> {
    let everywhere = is_everywhere(key);
    let (was, is) = (before.pending.as_ref().map(id), key.pending.as_ref().map(id));
    let moved = held(before) != held(key);
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    if multi.primary != scope.region {
        return if moved { tell(cx, tx, scope, key) } else { Ok(()) };
    }
    if was == is && everywhere == multi.pending_everywhere {
        return Ok(());
    }
    multi.pending_everywhere = everywhere;
    multi.at = multi.at.next();
    publish(cx, tx, scope, key)
}

/// Tells the primary what this replica holds.
pub fn tell(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &mut KmsKey,
) -> Result<(), StoreFault> {
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    multi.told += 1;
    let subject = Subject::PendingHeld { id: key.id };
    enqueue(cx, tx, scope, multi.primary, subject, stamp(multi), Intent::State)
}

/// Notes what the key in `from` says. A Region that is not primary now may be later, and notes it
/// too.
pub fn note(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    before: &KmsKey,
    from: Region,
    said: Holding,
) -> Result<(), StoreFault> {
    let mut key = before.clone();
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    if multi.holdings.get(&from).is_some_and(|known| known.at >= said.at) {
        return Ok(());
    }
    multi.holdings.insert(from, said);
    changed(cx, tx, scope, before, &mut key)?;
    tx.put(Key::KmsKey { scope, id: key.id }, Record::KmsKey(key.into()));
    Ok(())
}
