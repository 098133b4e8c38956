//! Judging the end of a run: everything has healed, nothing is under way, all must agree.
//!
//! PROMISE R2: each replica that is in sync equals its primary, each other one has failed for a
//! reason that still holds, and nobody waits for anything. PROMISE R5 and R9 for keys.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use regent_core::engine;
use regent_core::ids::{KeyId, Region};
use regent_core::keys::model::KmsKey;
use regent_core::keys::pending;
use regent_core::ports::Read;
use regent_core::records::{Facet, Moment, Prefix, Record, Scan};
use regent_core::secrets::index;
use regent_core::secrets::model::{Replica, ReplicaStatus, Role, Secret};
use regent_core::secrets::ops::GetSecretValue;
use regent_core::secrets::target::SecretId;
use regent_core::secrets::value::prove_key;
use regent_core::time::Timestamp;
use regent_core::tx::Records;

use crate::check::{Verdict, hold, peek};
use crate::job::{named, short};
use crate::node::Node;
use crate::perform::Kept;

/// All Regions, by name.
pub type All<'a> = BTreeMap<Region, &'a Node>;

/// Judges the end of a run.
pub fn converged(all: &All<'_>, now: Timestamp, blobs: &[Kept]) -> Verdict {
    for node in all.values() {
        nothing_waits(node)?;
        indexed(node)?;
        for secret in secrets(node) {
            match &secret.role {
                Role::Primary { replicas } => {
                    for region in replicas {
                        replica(all, node, now, &secret, *region)?;
                    }
                }
                Role::Replica { primary } => wanted(all, node, &secret, *primary)?,
                Role::CrossAccountReplica(_) => {}
            }
        }
    }
    keys(all, blobs)
}

/// Every secret of a Region.
pub fn secrets(node: &Node) -> Vec<Arc<Secret>> {
    let prefix = Prefix::Secrets { scope: node.scope(), name: "".into() };
    scan(node, prefix, |record| match record {
        Record::Secret(secret) => Some(secret),
        _ => None,
    })
}

fn scan<T>(node: &Node, prefix: Prefix, pick: impl Fn(Record) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    let scanned = node.disk.store.scan(&Scan::all(prefix), &mut |_, record| {
        found.extend(pick(record));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    found
}

fn nothing_waits(node: &Node) -> Verdict {
    let own = node.region;
    for peer in node.regions.iter().copied() {
        let mut left = Vec::new();
        let prefix = Prefix::Outbox { region: own, peer };
        let scanned = node.disk.store.scan(&Scan::all(prefix), &mut |key, _| {
            if let regent_core::records::Key::Outbox { subject, .. } = key {
                left.push(named(&subject));
            }
            ControlFlow::Continue(())
        });
        scanned.unwrap();
        hold!("R2", left.is_empty(), "{own} never got through to {peer} with {left:?}");
    }
    Ok(())
}

/// The index records are those of the secrets that there are, whichever way these came and went.
fn indexed(node: &Node) -> Verdict {
    let scope = node.scope();
    let expected = secrets(node).iter().flat_map(|secret| index::keys(scope, secret)).collect();
    let facets = [Facet::TagKey, Facet::TagValue, Facet::PrimaryRegion];
    let facets = facets.map(|facet| Prefix::Facets { scope, facet, start: "".into() });
    let mut found = BTreeSet::new();
    let moments = [Moment::Changed, Moment::Accessed];
    let moments = moments.map(|moment| Prefix::SecretsByMoment { scope, moment });
    let prefixes = facets.into_iter().chain(moments);
    for prefix in prefixes.chain([Prefix::SecretsByCreated { scope }]) {
        let scanned = node.disk.store.scan(&Scan::all(prefix), &mut |key, _| {
            found.insert(key);
            ControlFlow::Continue(())
        });
        scanned.unwrap();
    }
    hold!("R2", found == expected, "{} has indexed {found:?}, not {expected:?}", node.region);
    Ok(())
}

/// A replica that somebody's primary lists is in sync and equal, or has failed for a reason.
fn replica(all: &All<'_>, node: &Node, now: Timestamp, secret: &Secret, region: Region) -> Verdict {
    let (own, name) = (node.region, &secret.name);
    let view = node.disk.store.replica(node.scope(), name, region).unwrap();
    hold!("R2", view.is_some(), "{own} lists {region} for {name} and knows nothing of it");
    let view = view.unwrap();
    match &view.status {
        ReplicaStatus::InProgress => {
            hold!("R2", false, "{own} still waits for {region} with {name}");
            Ok(())
        }
        ReplicaStatus::InSync => equal(node, all[&region], secret),
        ReplicaStatus::Failed { failure, .. } => {
            let holds = cannot(all, node, now, secret, &view);
            hold!(
                "R3",
                holds,
                "{own} says that {region} cannot hold {name} ({failure:?}), and it can"
            );
            Ok(())
        }
    }
}

/// Whether there is a reason why the Region cannot hold the replica.
fn cannot(all: &All<'_>, node: &Node, now: Timestamp, secret: &Secret, view: &Replica) -> bool {
    let Some(there) = all.get(&view.region) else { return true };
    let standing = there.disk.store.secret(there.scope(), &secret.name).unwrap();
    let taken = standing.is_some_and(|standing| match &standing.role {
        Role::Primary { .. } => !view.overwrite || !standing.stands_alone(),
        Role::Replica { primary } => *primary != node.region || standing.suffix != secret.suffix,
        Role::CrossAccountReplica(_) => true,
    });
    let arn = secret.arn(there.scope());
    let key = view.kms_key_id.as_deref();
    let proof = there.as_root(now, |cx| prove_key(cx, &*there.disk.store, &arn, key)).unwrap();
    let unreadable = secret.stages.values().any(|id| {
        let op = GetSecretValue {
            secret: SecretId::parse(secret.name.as_str()).unwrap(),
            version: Some(id.clone()),
            stage: None,
        };
        node.as_root(now, |cx| engine::query(op, cx, &*node.disk.store)).is_err()
    });
    taken || proof.is_err() || unreadable
}

fn equal(node: &Node, there: &Node, secret: &Secret) -> Verdict {
    let (own, region, name, suffix) = (node.region, there.region, &secret.name, secret.suffix);
    let copy = there.disk.store.secret(there.scope(), name).unwrap();
    let is_copy =
        |copy: &Arc<Secret>| copy.suffix == suffix && copy.role == Role::Replica { primary: own };
    let copy = copy.filter(is_copy);
    hold!("R2", copy.is_some(), "{own} calls {name}-{suffix} in sync in {region}, where it is not");
    let copy = copy.unwrap();
    let shown = |secret: &Secret| {
        let Secret { description, tags, policies, stages, secret_type, last_changed, .. } =
            secret.clone();
        (description, tags, policies, stages, secret_type, last_changed)
    };
    let (at, of) = (short(copy.at), short(secret.at));
    hold!(
        "R2",
        shown(&copy) == shown(secret),
        "{region} holds {name} at {at}, unlike {own} at {of}"
    );
    hold!("R2", copy.at <= secret.at, "{region} holds {name} at {at}, ahead of {own} at {of}");
    for id in secret.stages.values() {
        let value = |node: &Node| {
            let version = node.disk.store.version(node.scope(), name, suffix, id).unwrap();
            version.map(|version| {
                (version.changed, peek::open(node, name, suffix, id, &version.value))
            })
        };
        let (ours, theirs) = (value(node), value(there));
        let gone = |value: &Option<(u64, peek::Opened)>| {
            value.as_ref().is_some_and(|(_, opened)| *opened == peek::Opened::KeyGone)
        };
        let same = ours == theirs || gone(&ours) || gone(&theirs);
        hold!("R2", same, "{own} and {region} differ in {name} {id}: {ours:?}, {theirs:?}");
    }
    Ok(())
}

/// A replica is listed by the primary that it names.
fn wanted(all: &All<'_>, node: &Node, copy: &Secret, primary: Region) -> Verdict {
    let (own, name, suffix) = (node.region, &copy.name, copy.suffix);
    let there = all[&primary];
    let secret = there.disk.store.secret(there.scope(), name).unwrap();
    let listed =
        secret.is_some_and(|secret| secret.suffix == suffix && secret.replicas().contains(&own));
    hold!("R2", listed, "{own} holds a replica of {name}-{suffix} that {primary} knows nothing of");
    Ok(())
}

fn keys(all: &All<'_>, blobs: &[Kept]) -> Verdict {
    let mut holders: BTreeMap<KeyId, BTreeMap<Region, Arc<KmsKey>>> = BTreeMap::new();
    for node in all.values() {
        let keys = scan(node, Prefix::KmsKeys { scope: node.scope() }, |record| match record {
            Record::KmsKey(key) => Some(key),
            _ => None,
        });
        for key in keys {
            holders.entry(key.id).or_default().insert(node.region, key);
        }
    }
    for (id, related) in &holders {
        if id.is_multi_region() {
            agree(*id, related)?;
        }
        for kept in blobs.iter().filter(|kept| kept.key.id == *id) {
            for (region, key) in related {
                let opens = peek::decrypts(all[region], key, kept);
                hold!("R5", opens, "{region} holds key {id} and does not decrypt what it made");
            }
        }
    }
    Ok(())
}

/// Related keys wait for the same material, and know whether all of them hold it.
fn waits(id: KeyId, primary: (Region, &KmsKey), other: (Region, &KmsKey)) -> Verdict {
    let ((at, key), (region, copy)) = (primary, other);
    let of = |key: &KmsKey| key.pending.as_ref().map(pending::id);
    let (ours, theirs) = (of(key), of(copy));
    hold!("R2", ours == theirs, "{region} waits for {theirs:?} of key {id}, {at} for {ours:?}");
    let said = |key: &KmsKey| key.multi_region.as_ref().unwrap().pending_everywhere;
    hold!("R2", said(key) == said(copy), "{region} and {at} differ in who holds what of key {id}");
    let ready = !said(key) || (ours.is_some() && pending::held(copy) == ours);
    hold!("R2", ready, "{at} believes that {region} holds {ours:?} of key {id}");
    let known = key.multi_region.as_ref().unwrap().holdings.get(&region).map(|of| of.material);
    let told = region == at
        || ours.is_none()
        || (known.flatten() == ours) == (pending::held(copy) == ours);
    hold!("R2", told, "{at} does not know what {region} holds of key {id}: {known:?}");
    Ok(())
}

/// Related keys agree on who they are, and one of them is the primary.
fn agree(id: KeyId, related: &BTreeMap<Region, Arc<KmsKey>>) -> Verdict {
    let claims: Vec<Region> = related
        .iter()
        .filter(|(region, key)| key.is_multi_region_primary(**region))
        .map(|(region, _)| *region)
        .collect();
    hold!("R9", claims.len() == 1, "key {id} has the primaries {claims:?} in {:?}", related.keys());
    let primary = claims[0];
    let multi = related[&primary].multi_region.as_ref().unwrap();
    let mut listed: BTreeSet<Region> = multi.replicas.clone();
    listed.insert(primary);
    let held: BTreeSet<Region> = related.keys().copied().collect();
    hold!("R2", listed == held, "key {id} is listed in {listed:?} and held in {held:?}");
    hold!("R2", multi.installing.is_empty(), "key {id} is still being installed");
    for (region, key) in related {
        let theirs = key.multi_region.as_ref().unwrap();
        let same = (theirs.at, theirs.primary, &theirs.replicas)
            == (multi.at, multi.primary, &multi.replicas);
        hold!("R2", same, "{region} and {primary} disagree on key {id}: {theirs:?}, {multi:?}");
        let swap = theirs.swap;
        hold!(
            "R2",
            swap.is_none(),
            "{region} has not heard that key {id} changed places: {swap:?}"
        );
        let ids = |key: &KmsKey| key.materials.iter().map(|m| m.id).collect::<Vec<_>>();
        let whole = ids(key) == ids(&related[&primary]);
        hold!("R5", whole, "{region} lacks material of key {id}");
        waits(id, (primary, &related[&primary]), (*region, key))?;
        let same = key.rotation == related[&primary].rotation;
        hold!("R2", same, "{region} and {primary} rotate key {id} differently");
    }
    Ok(())
}
