//! Applying the state of a multi-Region key, and the end of a replica key.
//!
//! Material is opened with this Region's transport key and wrapped under its Region key at once.
//! Policy, description, tags, aliases and enabled state are this Region's own and stay.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{KeyArn, KeyId, Region, Scope};
use crate::keys::envelope::{store_material, transport_aad};
use crate::keys::event::{self, KeyHappening};
use crate::keys::model::{
    Install, KeyManager, KeyPolicy, KeyState as State, KmsKey, Material, MultiRegion, Origin, Swap,
};
use crate::keys::multi_region::{publish, replica_gone};
use crate::keys::{import, pending, rotation};
use crate::policy::document::Policy;
use crate::ports::{StoreFault, Unopened};
use crate::records::{Intent, Key, Record, Subject};
use crate::replication::change::{KeyState, MaterialState, Message, Stamp};
use crate::replication::outbox::{dequeue, enqueue};
use crate::tx::{Records, Tx};

/// What came of a key's state.
pub enum Applied {
    /// This Region holds the state or a newer one.
    Held,
    /// This Region had a replica and deleted it for good: the message says so.
    Gone(Message),
}

pub fn apply(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    state: KeyState,
) -> Result<Applied, StoreFault> {
    let scope = cx.scope();
    let id = state.arn.id;
    if from != state.arn.scope.region || from == cx.region {
        return Ok(Applied::Held);
    }
    if let Some(key) = tx.kms_key(scope, id)? {
        update(cx, tx, &key, state)?;
        return Ok(Applied::Held);
    }
    let buried = tx.tombstone(scope, &Subject::Key { id })?;
    let late = buried.is_some_and(|tombstone| state.at <= tombstone.at);
    match state.install.clone() {
        Some(install) if !late => install_key(cx, tx, state, &install)?,
        // PROMISE R2: the sender believes in a key that was deleted here since.
        _ if state.replicas.contains(&cx.region) || state.primary == cx.region => {
            let (account, at) = (scope.account, state.at);
            return Ok(Applied::Gone(Message::KeyGone { account, id, at }));
        }
        _ => {}
    }
    Ok(Applied::Held)
}

fn install_key(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    state: KeyState,
    install: &Install,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let id = state.arn.id;
    let compiled = Policy::parse_resource(&install.policy).map_err(|_| StoreFault)?;
    let key = KmsKey {
        id,
        manager: KeyManager::Customer,
        description: install.description.clone(),
        spec: state.spec,
        usage: state.usage,
        origin: state.origin,
        external: None,
        created: cx.now,
        state: match state.origin {
            Origin::AwsKms | Origin::ExternalKeyStore => State::Enabled,
            Origin::External => State::PendingImport,
        },
        materials: open_materials(cx, &[], &state)?,
        pending: pending_of(None, &state),
        policy: KeyPolicy { text: install.policy.clone(), compiled: Arc::new(compiled) },
        tags: install.tags.clone(),
        rotation: state.rotation,
        multi_region: Some(MultiRegion {
            at: state.at,
            primary: state.primary,
            replicas: state.replicas,
            installing: BTreeMap::new(),
            requests: BTreeMap::new(),
            pending_everywhere: state.pending_everywhere,
            holdings: BTreeMap::new(),
            told: 0,
            swap: None,
        }),
    };
    tx.remove(Key::Tombstone { scope, subject: Subject::Key { id } });
    event::announce(cx, tx, key.arn(scope), KeyHappening::Replicated);
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}

fn update(cx: &Cx<'_>, tx: &mut Tx<'_>, key: &KmsKey, state: KeyState) -> Result<(), StoreFault> {
    let Some(multi) = key.multi_region.as_ref().filter(|multi| multi.at < state.at) else {
        return Ok(());
    };
    let scope = cx.scope();
    let held: Vec<_> = key.materials.iter().chain(&key.pending).cloned().collect();
    let materials = open_materials(cx, &held, &state)?;
    let pending = pending_of(key.pending.as_ref(), &state);
    let moved = multi.primary != state.primary;
    // The former primary tells of the change. Any other state is the new one's, which so knows of it.
    let chosen = moved && state.primary == cx.region;
    let swap = chosen.then(|| Swap::begin(state.arn.scope.region, cx.now));
    let multi = MultiRegion {
        at: state.at,
        primary: state.primary,
        replicas: state.replicas,
        installing: multi.installing.clone(),
        requests: multi.requests.clone(),
        pending_everywhere: state.pending_everywhere,
        holdings: multi.holdings.clone(),
        told: multi.told,
        swap,
    };
    let rotation = state.rotation;
    let before = key;
    let mut key = KmsKey { materials, pending, rotation, multi_region: Some(multi), ..key.clone() };
    forget_withdrawn(tx, scope, before, &key);
    import::await_material(&mut key);
    rotation::schedule(tx, scope, &key);
    if chosen {
        // A new primary announces itself: a replica that ended while ownership moved says so now.
        publish(cx, tx, scope, &key)?;
        let promoted = key.clone();
        pending::changed(cx, tx, scope, &promoted, &mut key)?;
    } else if moved && key.pending.is_some() {
        pending::tell(cx, tx, scope, &mut key)?;
    }
    tx.put(Key::KmsKey { scope, id: key.id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}

/// The material that the sender says waits, with its bytes if it is what was `held`.
fn pending_of(held: Option<&Material>, state: &KeyState) -> Option<Material> {
    let MaterialState { id, created, rotated, public, .. } = state.pending.clone()?;
    let told = Material { id, created, rotated, wrapped: None, public, import: None };
    let same = held.filter(|held| pending::id(held) == pending::id(&told));
    Some(same.cloned().unwrap_or(told))
}

/// AWS: what the primary withdraws is gone in each replica. What it was rotated to stays.
fn forget_withdrawn(tx: &mut Tx<'_>, scope: Scope, before: &KmsKey, now: &KmsKey) {
    let Some(held) = &before.pending else { return };
    let kept = now.materials.iter().any(|material| material.id == held.id)
        || now.pending.as_ref().is_some_and(|pending| pending::id(pending) == pending::id(held));
    if !kept {
        import::schedule(tx, scope, now.id, held, &Material { import: None, ..held.clone() });
    }
}

/// The sender's generations in the sender's order; those already held are not opened again.
fn open_materials(
    cx: &Cx<'_>,
    held: &[Material],
    state: &KeyState,
) -> Result<Vec<Material>, StoreFault> {
    let own = KeyArn { scope: cx.scope(), id: state.arn.id };
    let open = |material: &MaterialState| {
        let (id, created, rotated) = (material.id, material.created, material.rotated);
        if let Some(held) = held.iter().find(|held| held.id == id) {
            return Ok(Material { created, rotated, ..held.clone() });
        }
        let public = material.public.clone();
        let Some(sealed) = &material.sealed else {
            return Ok(Material { id, created, rotated, wrapped: None, public, import: None });
        };
        let aad = transport_aad(own.scope.account, own.id, state.spec, id);
        let opened = cx.crypto.open_sealed_material(&aad, sealed)?;
        let stored = store_material(&own, state.spec, &opened, created, cx.crypto, cx.entropy);
        // A name that is not the material's own would make its ciphertexts unreadable.
        if stored.id == id { Ok(Material { rotated, public, ..stored }) } else { Err(Unopened) }
    };
    state.materials.iter().map(open).collect::<Result<_, _>>().map_err(|Unopened| StoreFault)
}

/// A related key is gone for good in `from`, as of `at`.
pub fn gone(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    from: Region,
    id: KeyId,
    at: Stamp,
) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let Some(multi) = &key.multi_region else { return Ok(()) };
    let heir = multi.primary == from;
    let replica = multi.primary == cx.region && multi.replicas.contains(&from);
    if !heir && !replica {
        return Ok(());
    }
    if at < multi.at {
        // The message may be older than a new replica there. The Region itself knows: it answers
        // the present state with its own end if that is so.
        return enqueue(cx, tx, scope, from, Subject::Key { id }, multi.at, Intent::State);
    }
    if heir { reclaim(cx, tx, &key, from) } else { replica_gone(cx, tx, scope, id, from) }
}

/// The replica that this Region had made the primary was gone before it heard of that.
///
/// PROMISE R9: nobody else hears so from that Region, because nobody else tells it that it is the
/// primary; so this Region alone goes back to being it.
fn reclaim(cx: &Cx<'_>, tx: &mut Tx<'_>, key: &KmsKey, from: Region) -> Result<(), StoreFault> {
    let scope = cx.scope();
    let mut key = key.clone();
    if let Some(multi) = &mut key.multi_region {
        multi.at = multi.at.next_epoch();
        multi.primary = cx.region;
        multi.replicas.remove(&cx.region);
        multi.swap = None;
    }
    pending::recount(&mut key);
    rotation::schedule(tx, scope, &key);
    dequeue(tx, scope, from, Subject::Key { id: key.id });
    publish(cx, tx, scope, &key)?;
    tx.put(Key::KmsKey { scope, id: key.id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}
