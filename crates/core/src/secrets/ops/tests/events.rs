//! What the audit log is told besides requests: of deleted versions and of replication.

use super::*;
use crate::ids::Region;
use crate::replication::outbox::subject_of;
use crate::secrets::event::{Destination, Happening, Progress, Removal};
use crate::secrets::model::ReplicaFailure;
use crate::secrets::replicas::AddReplica;
use crate::testing::exchange;
use crate::time::DAY_MS;

/// What was announced since it was last asked.
fn said(world: &mut World) -> Vec<Happening> {
    core::mem::take(&mut world.store.events).into_iter().map(|event| event.what).collect()
}

fn removals(removal: Removal, versions: &[u32]) -> Vec<Happening> {
    versions.iter().map(|n| Happening::Removal { removal, version: token(*n) }).collect()
}

/// AWS: each version of the secret has events of its own, from the request to the end.
#[test]
fn deletions_are_told_for_each_version() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    world.command(put("a", 2, "y", &[])).unwrap();
    assert_eq!(said(&mut world), []);
    world.command(delete("a", None, false)).unwrap();
    assert_eq!(said(&mut world), removals(Removal::Started, &[1, 2]));
    for told in [vec![1, 2], vec![]] {
        world.command(RestoreSecret { secret: id("a") }).unwrap();
        assert_eq!(said(&mut world), removals(Removal::Cancelled, &told));
    }
    let deleted = world.command(delete("a", None, false)).unwrap();
    assert_eq!(said(&mut world), removals(Removal::Started, &[1, 2]));
    let due =
        world.store.keys().find(|key| matches!(key, Key::Deadline { at, .. } if *at == deleted.at));
    let due = due.cloned().unwrap();
    world.now = deleted.at;
    world.edit(|cx, tx| crate::deadlines::handle(cx, tx, &due).map(drop)).unwrap();
    assert_eq!(said(&mut world), removals(Removal::Ended, &[1, 2]));
    // At once, and as the early end of a window.
    world.command(create_with("a", "x")).unwrap();
    world.command(delete("a", None, true)).unwrap();
    let both = [removals(Removal::Started, &[1]), removals(Removal::Ended, &[1])].concat();
    assert_eq!(said(&mut world), both);
    world.command(create_with("a", "x")).unwrap();
    world.command(delete("a", None, false)).unwrap();
    said(&mut world);
    world.command(delete("a", None, true)).unwrap();
    assert_eq!(said(&mut world), removals(Removal::Ended, &[1]));
    // What is not there has no versions.
    world.command(delete("a", None, true)).unwrap();
    assert_eq!(said(&mut world), []);
}

#[test]
fn versions_that_make_room_are_told() {
    let mut world = World::new();
    world.command(create_with("a", "v")).unwrap();
    let most = u32::try_from(crate::limits::VERSIONS_PER_SECRET_MAX).unwrap();
    for number in 2..=most {
        world.pass_ms(1);
        world.command(put("a", number, "v", &[])).unwrap();
    }
    assert_eq!(said(&mut world), []);
    world.pass_ms(DAY_MS);
    world.command(put("a", most + 1, "v", &[])).unwrap();
    assert_eq!(said(&mut world), removals(Removal::Outdated, &[1]));
}

fn replication(region: Region, progress: Progress) -> Happening {
    Happening::Replication { to: Destination::Region(region), progress }
}

/// A hundred changes while a Region is away are one replication, with one end.
#[test]
fn replications_are_told_from_their_beginning_to_their_end() {
    let mut one = World { profile: crate::cx::Profile::Aws, ..World::new() };
    let mut other = World { profile: crate::cx::Profile::Aws, ..World::in_region("us-west-2") };
    let add = |region: &str, key: Option<&str>| AddReplica {
        region: region.into(),
        kms_key_id: key.map(Into::into),
    };
    let adds = vec![add("us-west-2", None)];
    one.command(CreateSecret { replicas: adds, ..create_with("a", "x") }).unwrap();
    let to = other.region;
    assert_eq!(said(&mut one), [replication(to, Progress::Started)]);
    one.command(put("a", 2, "y", &[])).unwrap();
    one.command(put("a", 3, "z", &[])).unwrap();
    assert_eq!(said(&mut one), []);
    let subject = subject_of(&secret(&one, "a"));
    exchange(&mut one, &mut other, &subject);
    assert_eq!(said(&mut one), [replication(to, Progress::Succeeded)]);
    // The primary tells of it, not the replica.
    assert_eq!(said(&mut other), []);
    one.command(put("a", 4, "w", &[])).unwrap();
    exchange(&mut one, &mut other, &subject);
    let whole = [replication(to, Progress::Started), replication(to, Progress::Succeeded)];
    assert_eq!(said(&mut one), whole);
    // A key that is none, and then a Region that is none.
    let adds = vec![add("us-west-2", Some("alias/none"))];
    let again = |replicas| ReplicateSecretToRegions { secret: id("a"), replicas, overwrite: false };
    one.command(again(adds)).unwrap();
    exchange(&mut one, &mut other, &subject);
    let told = said(&mut one);
    assert_eq!(told.first(), Some(&replication(to, Progress::Started)));
    let failed = |happening: Option<&Happening>| match happening {
        Some(Happening::Replication { progress: Progress::Failed { failure, .. }, .. }) => {
            failure.clone()
        }
        other => panic!("{other:?}"),
    };
    assert!(matches!(failed(told.get(1)), ReplicaFailure::ReplicaKey(_)));
    assert_eq!(told.len(), 2);
    one.command(again(vec![add("eu-central-1", None)])).unwrap();
    assert_eq!(failed(said(&mut one).last()), ReplicaFailure::RegionNotEnabled);
}
