//! Values and versions: CreateSecret, PutSecretValue, UpdateSecret, GetSecretValue, the labels.

use super::*;
use crate::ids::AliasName;
use crate::keys::problem::KeyProblem;
use crate::limits;
use crate::secrets::stages::Move;
use crate::secrets::touch;
use crate::time::DAY_MS;

#[test]
fn a_secret_without_a_value() {
    let mut world = World::new();
    let description = Some("".into());
    let created = world.command(CreateSecret { description, ..create("a") }).unwrap();
    assert_eq!((created.version, created.replicas.len()), (None, 0));
    assert_eq!(value(&world, "a"), Err(Error::NoVersionAtStage { stage: StageLabel::current() }));
    let stored = secret(&world, "a");
    assert_eq!((stored.description, stored.tags, stored.stages.len()), (None, None, 0));
    // Nothing was encrypted, so no key came into being.
    let alias = AliasName::aws_secretsmanager();
    assert!(world.store.alias(world.scope(), &alias).unwrap().is_none());
    // AWS: the first value is current, also if the request asks for another label.
    let stored = world.command(put("a", 2, "x", &["AWSPENDING"])).unwrap();
    assert_eq!(stored.stages, [StageLabel::current(), StageLabel::pending()]);
    assert_eq!(value(&world, "a").unwrap(), "x");
    assert!(world.store.alias(world.scope(), &alias).unwrap().is_some());
}

#[test]
fn a_repeated_creation_gets_the_first_answer() {
    let mut world = World::new();
    let first = world.command(create_with("a", "x")).unwrap();
    let again = world.command(create_with("a", "x")).unwrap();
    assert_eq!((first.arn.clone(), first.version), (again.arn, again.version));
    let other = world.command(create_with("a", "y")).unwrap_err();
    assert_eq!(other, Error::TokenInUse { token: token(1), arn: first.arn.clone() });
    let taken = Error::NameExists { name: "a".parse().unwrap() };
    let later = CreateSecret { token: token(2), ..create_with("a", "x") };
    assert_eq!(world.command(later).unwrap_err(), taken);
    assert_eq!(world.command(create("a")).unwrap_err(), taken);
    // The same bytes as another kind are another value.
    let binary = GivenValue { string: None, binary: Some(Plaintext::new(b"x".to_vec())) };
    let kind = CreateSecret { value: binary, ..create("a") };
    assert_eq!(
        world.command(kind).unwrap_err(),
        Error::TokenInUse { token: token(1), arn: first.arn }
    );
}

/// AWS: a client that repeats its request, for want of an answer, is not told of its own secret.
#[test]
fn a_repeated_creation_without_a_value_gets_the_first_answer() {
    let mut world = World::new();
    let first = world.command(create("a")).unwrap();
    let stored = secret(&world, "a");
    world.pass_ms(5);
    let again = world.command(create("a")).unwrap();
    assert_eq!((again.arn, again.version), (first.arn.clone(), None));
    assert_eq!(secret(&world, "a"), stored);
    let taken = Error::NameExists { name: "a".parse().unwrap() };
    let later = CreateSecret { token: token(2), ..create("a") };
    assert_eq!(world.command(later).unwrap_err(), taken);
    assert_eq!(world.command(create_with("a", "x")).unwrap_err(), taken);
    // The first request stays what it was, whatever happened to the secret since.
    world.command(put("a", 7, "x", &[])).unwrap();
    let again = world.command(create("a")).unwrap();
    assert_eq!((again.arn, again.version), (first.arn.clone(), None));
    world.command(delete("a", None, false)).unwrap();
    assert_eq!(world.command(create("a")).unwrap_err(), Error::NameScheduledForDeletion);
    // A secret that takes the name later is another one.
    world.command(delete("a", None, true)).unwrap();
    assert_ne!(world.command(create("a")).unwrap().arn, first.arn);
}

#[test]
fn values_that_are_refused() {
    let mut world = World::new();
    let both = || GivenValue { binary: Some(Plaintext::new(vec![1])), ..text("x") };
    let refused = CreateSecret { value: both(), ..create("a") };
    assert_eq!(world.command(refused).unwrap_err(), Error::BothValueKinds);
    world.command(create("a")).unwrap();
    let refused = PutSecretValue { value: both(), ..put("a", 2, "", &[]) };
    assert_eq!(world.command(refused).unwrap_err(), Error::BothValueKinds);
    let refused = PutSecretValue { value: GivenValue::default(), ..put("a", 2, "", &[]) };
    assert_eq!(world.command(refused).unwrap_err(), Error::NoValue);
}

#[test]
fn the_primarys_own_key_is_proven_even_without_a_value() {
    let mut world = World::new();
    let good = customer_key(&mut world, 1, KeyState::Enabled);
    let disabled = customer_key(&mut world, 2, KeyState::Disabled);
    let with =
        |key: &str, value| CreateSecret { kms_key_id: Some(key.into()), value, ..create("a") };
    let invalid = || Error::CannotEncrypt(KeyProblem::Invalid { given: "no-key".into() });
    assert_eq!(world.command(with("no-key", GivenValue::default())).unwrap_err(), invalid());
    assert_eq!(world.command(with("no-key", text("x"))).unwrap_err(), invalid());
    let off = world.command(with(&disabled.to_string(), GivenValue::default())).unwrap_err();
    assert_eq!(off, Error::CannotEncrypt(KeyProblem::Disabled { key: disabled }));
    world.command(with(&good.to_string(), GivenValue::default())).unwrap();
    world.command(put("a", 2, "x", &[])).unwrap();
    assert_eq!(value(&world, "a").unwrap(), "x");
}

#[test]
fn reading_by_version_and_by_stage() {
    let mut world = World::new();
    world.command(create_with("a", "one")).unwrap();
    world.command(put("a", 2, "two", &[])).unwrap();
    world.command(put("a", 3, "three", &[])).unwrap();
    let read = |version: Option<u32>, stage: Option<&str>| {
        let (version, stage) = (version.map(token), stage.map(label));
        let found = world.query(GetSecretValue { version, stage, ..get("a") })?;
        Ok((String::from_utf8(found.plaintext.expose().to_vec()).unwrap(), found.stages.len()))
    };
    assert_eq!(read(None, None), Ok(("three".to_owned(), 1)));
    assert_eq!(read(None, Some("AWSPREVIOUS")), Ok(("two".to_owned(), 1)));
    // AWS: a deprecated version stays readable by its id.
    assert_eq!(read(Some(1), None), Ok(("one".to_owned(), 0)));
    assert_eq!(read(Some(2), Some("AWSPREVIOUS")), Ok(("two".to_owned(), 1)));
    assert_eq!(read(Some(2), Some("AWSCURRENT")), Err(Error::StageNotOnVersion));
    assert_eq!(read(Some(9), None), Err(Error::NoVersion { id: token(9).as_str().into() }));
    assert_eq!(read(None, Some("X")), Err(Error::NoVersionAtStage { stage: label("X") }));
}

#[test]
fn a_read_is_noted_once_a_day() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let before = secret(&world, "a");
    let noted = world.query(get("a")).unwrap().touch.unwrap();
    world.edit(|cx, tx| touch(cx, tx, &noted).unwrap());
    let after = secret(&world, "a");
    assert_eq!(after.last_accessed, Some(world.now.day()));
    assert_eq!((after.at, after.last_changed), (before.at, before.last_changed));
    assert_eq!(world.query(get("a")).unwrap().touch, None);
    world.pass_ms(DAY_MS);
    assert!(world.query(get("a")).unwrap().touch.is_some());
    // A secret that has taken the name since is not the one that was read.
    world.command(delete("a", None, true)).unwrap();
    world.edit(|cx, tx| touch(cx, tx, &noted).unwrap());
    world.command(create_with("a", "x")).unwrap();
    world.edit(|cx, tx| touch(cx, tx, &noted).unwrap());
    assert_eq!(secret(&world, "a").last_accessed, None);
}

#[test]
fn a_repeated_put_changes_nothing() {
    let mut world = World::new();
    world.command(create_with("a", "one")).unwrap();
    world.command(put("a", 2, "two", &["A"])).unwrap();
    let before = secret(&world, "a");
    let again = world.command(put("a", 2, "two", &["B"])).unwrap();
    assert_eq!(again.stages, [label("A")]);
    assert_eq!(secret(&world, "a"), before);
    let arn = before.arn(world.scope());
    let other = world.command(put("a", 2, "other", &[])).unwrap_err();
    assert_eq!(other, Error::TokenInUse { token: token(2), arn });
}

#[test]
fn every_new_value_is_a_new_state() {
    let mut world = World::new();
    world.command(create_with("a", "one")).unwrap();
    let first = secret(&world, "a");
    world.pass_ms(1000);
    world.command(put("a", 2, "two", &[])).unwrap();
    let second = secret(&world, "a");
    assert_eq!(second.at, first.at.next());
    assert_eq!((second.last_changed, second.version_count), (world.now, 2));
    let version = world.store.version(world.scope(), &second.name, second.suffix, &token(2));
    assert_eq!(version.unwrap().unwrap().changed, second.at.revision);
}

#[test]
fn moving_labels() {
    let mut world = World::new();
    world.command(create_with("a", "one")).unwrap();
    world.command(put("a", 2, "two", &["AWSPENDING"])).unwrap();
    let mut moved = |from: Option<u32>, to: Option<u32>| {
        let change =
            Move { label: StageLabel::current(), from: from.map(token), to: to.map(token) };
        world.command(UpdateSecretVersionStage { secret: id("a"), change })
    };
    assert_eq!(moved(Some(1), Some(9)), Err(Error::NoVersion { id: token(9).as_str().into() }));
    assert_eq!(moved(Some(1), None), Err(Error::CurrentCannotBeRemoved));
    moved(Some(1), Some(2)).unwrap();
    assert_eq!(labels(&world, "a", 1), ["AWSPREVIOUS"]);
    assert_eq!(labels(&world, "a", 2), ["AWSCURRENT", "AWSPENDING"]);
    assert_eq!(value(&world, "a").unwrap(), "two");
}

#[test]
fn old_versions_make_room_and_young_ones_do_not() {
    let mut world = World::new();
    world.command(create_with("a", "v")).unwrap();
    let max = u32::try_from(limits::VERSIONS_PER_SECRET_MAX).unwrap();
    for number in 2..=max {
        world.pass_ms(1);
        world.command(put("a", number, "v", &[])).unwrap();
    }
    assert_eq!(world.command(put("a", max + 1, "v", &[])), Err(Error::TooManyVersions));
    world.pass_ms(DAY_MS);
    world.command(put("a", max + 1, "v", &[])).unwrap();
    let stored = secret(&world, "a");
    assert_eq!(stored.version_count, max);
    let read = |number| GetSecretValue { version: Some(token(number)), ..get("a") };
    assert!(matches!(world.query(read(1)), Err(Error::NoVersion { .. })));
    assert!(world.query(read(2)).is_ok());
    let versions = world.store.keys().filter(|key| matches!(key, Key::Version { .. })).count();
    assert_eq!(versions, limits::VERSIONS_PER_SECRET_MAX);
}

#[test]
fn an_update_merges() {
    let mut world = World::new();
    let description = Some("d".into());
    world.command(CreateSecret { description, ..create_with("a", "one") }).unwrap();
    let before = secret(&world, "a");
    // AWS: an update of nothing succeeds.
    assert_eq!(world.command(update("a")).unwrap().version, None);
    assert_eq!(secret(&world, "a"), before);
    world.command(UpdateSecret { secret_type: Some("t".into()), ..update("a") }).unwrap();
    assert_eq!(secret(&world, "a").description, before.description);
    world.command(UpdateSecret { description: Some("".into()), ..update("a") }).unwrap();
    let after = secret(&world, "a");
    assert_eq!((after.description, after.secret_type), (None, Some("t".into())));
    let valued = || UpdateSecret { value: text("two"), token: token(2), ..update("a") };
    assert_eq!(world.command(valued()).unwrap().version, Some(token(2)));
    assert_eq!(labels(&world, "a", 1), ["AWSPREVIOUS"]);
    world.pass_ms(5);
    // AWS: repeated, it succeeds, makes no version, and the date of change advances.
    assert_eq!(world.command(valued()).unwrap().version, Some(token(2)));
    let after = secret(&world, "a");
    assert_eq!((after.version_count, after.last_changed), (2, world.now));
    let other = UpdateSecret { value: text("three"), ..valued() };
    assert!(matches!(world.command(other), Err(Error::TokenInUse { .. })));
}

#[test]
fn a_new_key_rewraps_the_versions_in_use() {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    world.command(create_with("a", "one")).unwrap();
    world.command(put("a", 2, "two", &[])).unwrap();
    world.command(put("a", 3, "three", &[])).unwrap();
    let under = |world: &World, number| {
        let secret = secret(world, "a");
        let version =
            world.store.version(world.scope(), &secret.name, secret.suffix, &token(number));
        let version = version.unwrap().unwrap();
        (version.value.kms_key == key.id, version.value.kms_key_is_default)
    };
    let to = |key: &str| UpdateSecret { kms_key_id: Some(key.into()), ..update("a") };
    world.command(to(&key.to_string())).unwrap();
    assert_eq!(under(&world, 1), (false, true));
    assert_eq!(under(&world, 2), (true, false));
    assert_eq!(under(&world, 3), (true, false));
    assert_eq!(value(&world, "a").unwrap(), "three");
    assert!(matches!(world.command(to("alias/none")), Err(Error::CannotEncrypt(_))));
    world.command(to("")).unwrap();
    assert_eq!(secret(&world, "a").kms_key_id, None);
    assert_eq!(under(&world, 3), (false, true));
    world.command(to("alias/aws/secretsmanager")).unwrap();
    assert_eq!(secret(&world, "a").kms_key_id.as_deref(), Some("alias/aws/secretsmanager"));
    let both = UpdateSecret { value: text("four"), ..to(&key.to_string()) };
    world.command(both).unwrap();
    assert_eq!(under(&world, 99), (true, false));
    assert_eq!(under(&world, 3), (true, false));
    assert_eq!(under(&world, 2), (false, true));
    assert_eq!(value(&world, "a").unwrap(), "four");
}

#[test]
fn a_value_needs_its_key() {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let kms_key_id = Some(key.to_string().into());
    world.command(CreateSecret { kms_key_id, ..create_with("a", "x") }).unwrap();
    become_user(&mut world, r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}"#);
    assert_eq!(value(&world, "a"), Err(Error::KmsDenied));
    assert_eq!(world.command(put("a", 2, "y", &[])), Err(Error::KmsDenied));
}
