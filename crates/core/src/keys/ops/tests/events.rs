//! What the audit log is told of keys besides requests: rotations, ends, and what related keys share.

use super::import::next_deadline;
use super::*;
use crate::keys::event::{KeyEvent, KeyHappening, Rotated};
use crate::keys::model::{Origin, RotationKind};
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::update_key_description::UpdateKeyDescription;
use crate::records::Subject;
use crate::testing::exchange;

/// What was announced since it was last asked: the key's ARN and what happened to it.
fn said(world: &mut World) -> Vec<(KeyArn, KeyHappening)> {
    let now = world.now;
    let told = core::mem::take(&mut world.store.key_events);
    assert!(told.iter().all(|event| event.at == now));
    told.into_iter().map(|KeyEvent { key, what, .. }| (key, what)).collect()
}

/// The rotation to the newest material from the one before.
fn rotation(world: &World, found: &Found, kind: RotationKind) -> (KeyArn, KeyHappening) {
    let materials = stored(world, found).materials;
    let [.., previous, current] = materials.as_slice() else { panic!("no rotation") };
    let (previous, current) = (Some(previous.id), Some(current.id));
    let rotated = Rotated { kind, origin: Origin::AwsKms, previous, current };
    (found.arn(), KeyHappening::Rotated(rotated))
}

#[test]
fn rotations_are_told_with_both_materials() {
    let mut world = World::new();
    let key = create(&mut world);
    world.command(EnableKeyRotation { key: named(key.key.id), period: None }).unwrap();
    assert_eq!(said(&mut world), []);
    world.command(RotateKeyOnDemand { key: named(key.key.id) }).unwrap();
    let expected = rotation(&world, &key, RotationKind::OnDemand);
    assert_eq!(said(&mut world), [expected]);
    next_deadline(&mut world);
    let expected = rotation(&world, &key, RotationKind::Automatic);
    assert_eq!(said(&mut world), [expected]);
}

#[test]
fn a_deletion_is_told_when_it_is_done() {
    let mut world = World::new();
    let key = create(&mut world);
    let schedule = || {
        let window = DeletionWindow::new(Some(7)).unwrap();
        ScheduleKeyDeletion { key: named(key.key.id), window }
    };
    world.command(schedule()).unwrap();
    let withdrawn = world.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned();
    world.command(CancelKeyDeletion { key: named(key.key.id) }).unwrap();
    let withdrawn = withdrawn.unwrap();
    world.edit(|cx, tx| crate::deadlines::handle(cx, tx, &withdrawn)).unwrap();
    world.command(schedule()).unwrap();
    assert_eq!(said(&mut world), []);
    next_deadline(&mut world);
    assert_eq!(said(&mut world), [(key.arn(), KeyHappening::Deleted)]);
}

/// AWS: the replica's Region records that it was made, the primary's that it was synchronized.
#[test]
fn related_keys_tell_of_what_they_share() {
    let (mut east, mut west) = (World::new(), World::in_region("us-west-2"));
    let key = create_multi_region(&mut east);
    let op = ReplicateKey {
        key: named(key.key.id),
        region: "us-west-2".into(),
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags: Tags::new(),
    };
    east.command(op).unwrap();
    assert_eq!(said(&mut east), []);
    let subject = Subject::Key { id: key.key.id };
    let sent = crate::testing::message(&east, &west, &subject);
    let answer = crate::testing::hear(&mut west, east.region, sent.clone()).unwrap();
    let replica = KeyArn { scope: west.scope(), id: key.key.id };
    assert_eq!(said(&mut west), [(replica, KeyHappening::Replicated)]);
    let synchronized = (key.arn(), KeyHappening::Synchronized);
    crate::testing::hear(&mut east, west.region, answer.clone());
    assert_eq!(said(&mut east), core::slice::from_ref(&synchronized));
    // Messages that come again tell nothing new.
    crate::testing::hear(&mut west, east.region, sent);
    crate::testing::hear(&mut east, west.region, answer);
    assert_eq!((said(&mut east), said(&mut west)), (vec![], vec![]));

    east.command(RotateKeyOnDemand { key: named(key.key.id) }).unwrap();
    let rotated = rotation(&east, &key, RotationKind::OnDemand);
    exchange(&mut east, &mut west, &subject);
    assert_eq!(said(&mut east), [rotated, synchronized]);
    assert_eq!(said(&mut west), []);
    // What each has of its own is no other's news.
    let description = "own".into();
    west.command(UpdateKeyDescription { key: named(key.key.id), description }).unwrap();
    assert_eq!((said(&mut east), said(&mut west)), (vec![], vec![]));
}
