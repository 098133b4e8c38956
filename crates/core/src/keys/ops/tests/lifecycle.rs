//! Keys from their making to their deletion, with description, tags and policy in between.

use super::*;
use crate::deadlines;
use crate::keys::model::KeyManager;
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::enable_key::EnableKey;
use crate::keys::ops::get_key_policy::GetKeyPolicy;
use crate::keys::ops::get_key_rotation_status::{GetKeyRotationStatus, RotationStatus};
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::tag_resource::TagResource;
use crate::keys::ops::untag_resource::UntagResource;
use crate::keys::ops::update_key_description::UpdateKeyDescription;
use crate::keys::tagging;
use crate::time::DAY_MS;

#[test]
fn a_new_key_is_enabled_and_described_by_each_of_its_names() {
    let mut world = World::new();
    let tags = Tags::from([("team".into(), "a".into())]);
    let op = CreateKey { description: "mine".into(), tags: tags.clone(), ..plain() };
    let made = world.command(op).unwrap();
    create_alias(&mut world, "alias/mine", &made);
    let alias_arn = "arn:aws:kms:us-east-1:111122223333:alias/mine".to_owned();
    for name in [made.key.id.to_string(), made.arn().to_string(), "alias/mine".into(), alias_arn] {
        let found = world.query(DescribeKey { key: named(&name) }).unwrap();
        let key = &found.key;
        assert_eq!((found.arn(), key.state), (made.arn(), KeyState::Enabled), "{name}");
        assert_eq!((key.manager, key.created), (KeyManager::Customer, world.now));
        assert_eq!((&*key.description, &key.tags), ("mine", &tags));
        assert!(!key.id.is_multi_region() && key.multi_region.is_none());
    }
}

/// AWS: the four ways in which a name leads to no key.
#[test]
fn names_that_lead_nowhere() {
    let mut world = World::new();
    let made = create(&mut world);
    let invalid = |given: &str| Error::Key(KeyProblem::Invalid { given: given.into() });
    let elsewhere = made.arn().to_string().replace("us-east-1", "us-west-2");
    let gone = "mrk-1234abcd12ab34cd56ef1234567890ab";
    let arn = KeyArn { scope: world.scope(), id: gone.parse().unwrap() };
    let no_key = Error::Key(KeyProblem::Absent { key: arn });
    let alias = crate::ids::AliasArn { scope: world.scope(), name: "alias/x".parse().unwrap() };
    let other_region = || Error::Key(KeyProblem::OtherRegion { region: "us-west-2".into() });
    let chinese = arn.to_string().replace("arn:aws:", "arn:aws-cn:");
    let alias_elsewhere = "arn:aws:kms:us-west-2:111122223333:alias/x";
    let cases = [
        (&*chinese, invalid(&chinese)),
        (alias_elsewhere, other_region()),
        ("mrk-fake-key-id", invalid("mrk-fake-key-id")),
        (gone, no_key.clone()),
        (&arn.to_string(), no_key),
        (&elsewhere, other_region()),
        ("alias/x", Error::Key(KeyProblem::AliasAbsent { alias })),
    ];
    for (name, error) in cases {
        let described = world.query(DescribeKey { key: named(name) });
        assert_eq!(described.unwrap_err(), error, "{name}");
    }
}

/// AWS: management operations call an alias an invalid key id.
#[test]
fn management_takes_no_alias() {
    let mut world = World::new();
    let made = create(&mut world);
    create_alias(&mut world, "alias/mine", &made);
    let arn = "arn:aws:kms:us-east-1:111122223333:alias/mine";
    for given in ["alias/mine", arn] {
        let refused = world.command(DisableKey { key: named(given) });
        let error = Error::Key(KeyProblem::Invalid { given: given.into() });
        assert_eq!(refused.unwrap_err(), error);
    }
}

#[test]
fn enabling_and_disabling_repeat_silently() {
    let mut world = World::new();
    let made = create(&mut world);
    let key = named(made.key.id);
    for _ in 0..2 {
        world.command(DisableKey { key: key.clone() }).unwrap();
        assert_eq!(stored(&world, &made).state, KeyState::Disabled);
    }
    for _ in 0..2 {
        world.command(EnableKey { key: key.clone() }).unwrap();
        assert_eq!(stored(&world, &made).state, KeyState::Enabled);
    }
}

#[test]
fn description_and_rotation_status() {
    let mut world = World::new();
    let made = create(&mut world);
    let key = named(made.key.id);
    for text in ["new", ""] {
        let op = UpdateKeyDescription { key: key.clone(), description: text.into() };
        world.command(op).unwrap();
        assert_eq!(&*stored(&world, &made).description, text);
    }
    let status = world.query(GetKeyRotationStatus { key }).unwrap();
    assert_eq!(status, RotationStatus { key: made.key.id, rotation: None });
}

#[test]
fn deletion_is_scheduled_cancelled_and_done() {
    let mut world = World::new();
    let made = create(&mut world);
    create_alias(&mut world, "alias/a", &made);
    create_alias(&mut world, "alias/b", &made);
    let key = || named(made.key.id);
    let window = DeletionWindow::new(Some(7)).unwrap();
    let at = world.now.plus_days(7);
    let scheduled = world.command(ScheduleKeyDeletion { key: key(), window }).unwrap();
    assert_eq!(scheduled.state, KeyState::PendingDeletion { at });
    let (deadline, _) = deadlines_of(&world);
    assert!(matches!(deadline.as_slice(), [Key::Deadline { at: due, .. }] if *due == at));

    world.command(CancelKeyDeletion { key: key() }).unwrap();
    assert_eq!(stored(&world, &made).state, KeyState::Disabled);
    assert_eq!(deadlines_of(&world).0, []);
    // A deadline that was withdrawn in the meantime changes nothing.
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline[0])).unwrap();
    assert_eq!(stored(&world, &made).state, KeyState::Disabled);

    world.command(ScheduleKeyDeletion { key: key(), window }).unwrap();
    world.pass_ms(7 * DAY_MS);
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline[0])).unwrap();
    assert_eq!(world.query(DescribeKey { key: key() }).unwrap_err(), absent(&world, &made));
    assert_eq!(world.store.keys().count(), 0, "key, aliases, index and deadline are gone");
}

fn deadlines_of(world: &World) -> (Vec<Key>, usize) {
    let of = |key: &&Key| matches!(key, Key::Deadline { .. });
    (world.store.keys().filter(of).cloned().collect(), world.store.keys().count())
}

#[test]
fn deletion_windows() {
    let days = |days| DeletionWindow::new(days).map(DeletionWindow::days);
    assert_eq!((days(None), days(Some(7)), days(Some(30))), (Ok(30), Ok(7), Ok(30)));
    for wrong in [6, 31, 0, -1, i64::MAX, i64::MIN] {
        assert_eq!(days(Some(wrong)), Err(Error::DeletionWindow));
    }
}

#[test]
fn tags_are_added_replaced_and_removed() {
    let mut world = World::new();
    let made = create(&mut world);
    let key = || named(made.key.id);
    let some = |pairs: &[(&str, &str)]| tagging::tags(pairs.iter().copied()).unwrap();
    world.command(TagResource { key: key(), tags: some(&[("a", "1"), ("b", "2")]) }).unwrap();
    world.command(TagResource { key: key(), tags: some(&[("b", "3")]) }).unwrap();
    assert_eq!(stored(&world, &made).tags, some(&[("a", "1"), ("b", "3")]));
    let tag_keys = ["a".into(), "absent".into()].into();
    world.command(UntagResource { key: key(), tag_keys }).unwrap();
    assert_eq!(stored(&world, &made).tags, some(&[("b", "3")]));
    let many = (0..50).map(|n| (format!("t{n}"), "")).collect::<Vec<_>>();
    let tags = tagging::tags(many).unwrap();
    let refused = world.command(TagResource { key: key(), tags });
    assert_eq!(refused.unwrap_err(), Error::TooManyTags);
}

#[test]
fn tags_that_are_refused() {
    let cases: [(&[(&str, &str)], Error); 3] = [
        (&[("a", "1"), ("a", "2")], Error::TagDuplicate),
        (&[("AWS:a", "1")], Error::TagReserved),
        (&[("aws:", "1")], Error::TagReserved),
    ];
    for (pairs, error) in cases {
        assert_eq!(tagging::tags(pairs.iter().copied()), Err(error));
    }
    let many = (0..51).map(|n| (format!("t{n}"), ""));
    assert_eq!(tagging::tags(many), Err(Error::TooManyTags));
}

#[test]
fn policies_are_kept_as_given() {
    let mut world = World::new();
    let made = create(&mut world);
    let get = |world: &World, name: Option<&str>| {
        world.query(GetKeyPolicy { key: named(made.key.id), name: name.map(Into::into) })
    };
    let default = get(&world, None).unwrap();
    assert!(default.contains(r#""Id" : "key-default-1""#));
    assert!(default.contains(r#""AWS" : "arn:aws:iam::111122223333:root""#));
    let text = default.replace("key-default-1", " odd ");
    let put = |world: &mut World, name: Option<&str>| {
        let policy = key_policy::parse(&text).unwrap();
        let (key, name) = (named(made.key.id), name.map(Into::into));
        world.command(PutKeyPolicy { key, name, policy, bypass_lockout_check: false })
    };
    put(&mut world, Some("default")).unwrap();
    assert_eq!(&*get(&world, Some("default")).unwrap(), text);
    assert_eq!(get(&world, Some("other")).unwrap_err(), Error::NoSuchPolicy);
    assert_eq!(put(&mut world, Some("other")).unwrap_err(), Error::NoSuchPolicy);
}

#[test]
fn policies_that_are_refused() {
    let long = format!(r#"{{"Version":"2012-10-17","Id":"{}"}}"#, "x".repeat(32_768));
    let nobody = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;
    let default = key_policy::default_policy(region("us-east-1"), World::new().account()).unwrap();
    let padded = |len: usize| format!("{:len$}", default.text);
    assert!(key_policy::parse(&padded(32_768)).is_ok());
    let cases = [
        (&*padded(32_769), Error::PolicyTooLong),
        ("{}", Error::PolicyMalformed),
        (nobody, Error::PolicyPrincipal),
        (&long, Error::PolicyTooLong),
    ];
    for (text, error) in cases {
        assert_eq!(key_policy::parse(text).unwrap_err(), error);
    }
}
