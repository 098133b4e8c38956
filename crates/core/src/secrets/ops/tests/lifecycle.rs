//! Deletion, restoration and tags.

use super::*;
use crate::limits;
use crate::records::Due;
use crate::secrets::model::Deletion;

fn deadlines(world: &World) -> usize {
    let purges = |key: &&Key| matches!(key, Key::Deadline { due: Due::PurgeSecret { .. }, .. });
    world.store.keys().filter(purges).count()
}

#[test]
fn a_deletion_can_be_taken_back() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let deleted = world.command(delete("a", Some(7), false)).unwrap();
    assert_eq!(deleted.at, world.now.plus_days(7));
    let marked = Deletion { requested: world.now, scheduled: deleted.at };
    assert_eq!(secret(&world, "a").deletion, Some(marked));
    assert_eq!(deadlines(&world), 1);
    assert_eq!(world.command(create("a")).unwrap_err(), Error::NameScheduledForDeletion);
    assert_eq!(world.command(RestoreSecret { secret: id("a") }), Ok(deleted.arn.clone()));
    assert_eq!(deadlines(&world), 0);
    assert_eq!(value(&world, "a").unwrap(), "x");
    // AWS: restoring what is not deleted succeeds.
    assert_eq!(world.command(RestoreSecret { secret: id("a") }), Ok(deleted.arn));
}

#[test]
fn recovery_windows() {
    let mut world = World::new();
    world.command(create("a")).unwrap();
    for days in [i64::MIN, -1, 0, 6, 31, i64::MAX] {
        assert_eq!(world.command(delete("a", Some(days), false)), Err(Error::RecoveryWindow));
    }
    assert_eq!(world.command(delete("a", Some(7), true)), Err(Error::RecoveryWindowWithForce));
    let deleted = world.command(delete("a", None, false)).unwrap();
    assert_eq!(deleted.at, world.now.plus_days(limits::RECOVERY_WINDOW_DAYS_DEFAULT));
}

#[test]
fn removal_at_once_leaves_nothing() {
    let mut world = World::new();
    // The managed key stays.
    world.command(create_with("other", "x")).unwrap();
    let before = world.store.keys().count();
    let first = world.command(create_with("a", "x")).unwrap();
    world.command(put("a", 2, "y", &[])).unwrap();
    world.command(delete("a", None, false)).unwrap();
    let deleted = world.command(delete("a", None, true)).unwrap();
    assert_eq!((&deleted.arn, deleted.at), (&first.arn, world.now));
    assert_eq!(world.store.keys().count(), before);
    assert_eq!(value(&world, "a"), Err(Error::NotFound));
    // The name is free, and the new secret is another one.
    let second = world.command(create_with("a", "z")).unwrap();
    assert_ne!(second.arn.suffix, first.arn.suffix);
}

#[test]
fn removing_at_once_what_is_not_there_succeeds() {
    let mut world = World::new();
    let deleted = world.command(delete("a/b", None, true)).unwrap();
    assert_eq!((deleted.arn.name.as_str(), deleted.at), ("a/b", world.now));
    assert_eq!(world.command(delete("a/b", Some(7), true)), Err(Error::RecoveryWindowWithForce));
    for window_days in [None, Some(7), Some(6)] {
        assert_eq!(world.command(delete("a/b", window_days, false)), Err(Error::NotFound));
    }
    assert_eq!(world.store.keys().count(), 0);
}

fn tag(world: &mut World, pairs: &[(&str, &str)]) -> Result<(), Error> {
    let tags = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    world.command(TagResource { secret: id("a"), tags })
}

fn untag(world: &mut World, keys: &[&str]) -> Result<(), Error> {
    let keys = keys.iter().map(|key| (*key).into()).collect();
    world.command(UntagResource { secret: id("a"), keys })
}

#[test]
fn tags_come_and_go() {
    let mut world = World::new();
    world.command(create("a")).unwrap();
    tag(&mut world, &[]).unwrap();
    untag(&mut world, &["none"]).unwrap();
    assert_eq!(secret(&world, "a").tags, None);
    tag(&mut world, &[("b", "1"), ("a", "1")]).unwrap();
    tag(&mut world, &[("b", "2")]).unwrap();
    let tags = secret(&world, "a").tags.unwrap();
    assert_eq!(tags.into_iter().map(|(k, v)| format!("{k}{v}")).collect::<Vec<_>>(), ["a1", "b2"]);
    untag(&mut world, &["a", "b", "none"]).unwrap();
    assert_eq!(secret(&world, "a").tags, Some(Tags::new()));
    assert_eq!(tag(&mut world, &[("AWS:x", "1")]), Err(Error::TagReserved));
    assert_eq!(tag(&mut world, &[("x", "1"), ("x", "2")]), Err(Error::TagDuplicate));
    let many: Vec<_> = (0..=limits::TAGS_MAX).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(tag(&mut world, &many), Err(Error::TooManyTags));
    tag(&mut world, &many[1..]).unwrap();
    assert_eq!(tag(&mut world, &[("one-more", "")]), Err(Error::TooManyTags));
}

#[test]
fn tags_that_lock_the_caller_out_are_refused() {
    let mut world = World::new();
    world.command(create("a")).unwrap();
    tag(&mut world, &[("team", "red"), ("x", "1")]).unwrap();
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}"#,
    );
    let before = secret(&world, "a");
    assert!(matches!(tag(&mut world, &[("team", "blue")]), Err(Error::Denied(_))));
    assert!(matches!(untag(&mut world, &["team"]), Err(Error::Denied(_))));
    assert_eq!(secret(&world, "a"), before);
    untag(&mut world, &["x"]).unwrap();
}
