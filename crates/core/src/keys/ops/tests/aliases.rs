//! Aliases: names, targets, and the index that is kept in step.

use super::*;
use crate::ids::{AliasArn, AliasName};
use crate::keys::aliases;
use crate::keys::ops::delete_alias::DeleteAlias;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::update_alias::UpdateAlias;
use crate::policy::evaluate::Refusal;

fn alias(text: &str) -> AliasName {
    text.parse().unwrap()
}

/// Every alias and its index entry, as stored.
fn names_of(world: &World, found: &Found) -> Vec<String> {
    let names = aliases::of_key(&world.store, found.scope, found.key.id).unwrap();
    for name in &names {
        let alias = world.store.alias(found.scope, name).unwrap().unwrap();
        assert_eq!((&alias.name, alias.target), (name, found.key.id));
    }
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn an_alias_moves_from_key_to_key_and_goes() {
    let mut world = World::new();
    let (one, two) = (create(&mut world), create(&mut world));
    create_alias(&mut world, "alias/b", &one);
    create_alias(&mut world, "alias/a/1", &one);
    let created = world.now;
    assert_eq!(names_of(&world, &one), ["alias/a/1", "alias/b"]);
    world.pass_ms(1000);
    let target = named(two.arn());
    world.command(UpdateAlias { name: alias("alias/b"), target }).unwrap();
    assert_eq!(names_of(&world, &one), ["alias/a/1"]);
    assert_eq!(names_of(&world, &two), ["alias/b"]);
    let moved = world.store.alias(world.scope(), &alias("alias/b")).unwrap().unwrap();
    assert_eq!((moved.created, moved.updated), (created, world.now));
    let found = world.query(DescribeKey { key: named("alias/b") }).unwrap();
    assert_eq!(found.arn(), two.arn());
    // To where it points already: nothing is lost.
    world.command(UpdateAlias { name: alias("alias/b"), target: named(two.key.id) }).unwrap();
    assert_eq!(names_of(&world, &two), ["alias/b"]);
    world.command(DeleteAlias { name: alias("alias/b") }).unwrap();
    assert_eq!(names_of(&world, &two), [""; 0]);
    let name = alias("alias/b");
    let gone = Error::Key(KeyProblem::AliasAbsent {
        alias: AliasArn { scope: world.scope(), name: name.clone() },
    });
    assert_eq!(world.command(DeleteAlias { name: name.clone() }).unwrap_err(), gone);
    let target = named(one.key.id);
    assert_eq!(world.command(UpdateAlias { name, target }).unwrap_err(), gone);
}

#[test]
fn aliases_that_are_refused() {
    let mut world = World::new();
    let made = create(&mut world);
    create_alias(&mut world, "alias/x", &made);
    let mut add = |name: &str, target: &str| {
        world.command(CreateAlias { name: alias(name), target: named(target) }).unwrap_err()
    };
    let id = made.key.id.to_string();
    let taken = AliasArn { scope: made.scope, name: alias("alias/x") };
    assert_eq!(add("alias/x", &id), Error::AliasExists { alias: taken });
    assert_eq!(add("alias/aws/mine", &id), Error::AliasReserved);
    assert_eq!(add("alias/y", "alias/x"), Error::AliasTargetIsAlias);
    assert!(matches!(add("alias/y", "nonsense"), Error::Key(KeyProblem::Invalid { .. })));
    for text in ["x", "alias/", "Alias/x"] {
        assert_eq!(aliases::name(text), Err(Error::AliasPrefix), "{text}");
    }
}

#[test]
fn a_key_has_fifty_aliases_at_most() {
    let mut world = World::new();
    let (full, other) = (create(&mut world), create(&mut world));
    for number in 0..50 {
        create_alias(&mut world, &format!("alias/{number}"), &full);
    }
    create_alias(&mut world, "alias/other", &other);
    let refused = Error::TooManyAliases { key: full.arn() };
    let target = || named(full.key.id);
    let add = CreateAlias { name: alias("alias/more"), target: target() };
    assert_eq!(world.command(add).unwrap_err(), refused);
    let moved = UpdateAlias { name: alias("alias/other"), target: target() };
    assert_eq!(world.command(moved).unwrap_err(), refused);
    world.command(UpdateAlias { name: alias("alias/0"), target: target() }).unwrap();
}

/// AWS: the permission is needed on the alias and on each key.
#[test]
fn an_alias_takes_permission_on_both_sides() {
    let mut world = World::new();
    let (one, two) = (create(&mut world), create(&mut world));
    create_alias(&mut world, "alias/x", &one);
    let on = |resources: &[String]| {
        let list: Vec<_> = resources.iter().map(|arn| format!("\"{arn}\"")).collect();
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"kms:UpdateAlias","Resource":[{}]}}}}"#,
            list.join(",")
        )
    };
    let all = [
        "arn:aws:kms:us-east-1:111122223333:alias/x".to_owned(),
        one.arn().to_string(),
        two.arn().to_string(),
    ];
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        let missing = some.remove(left_out);
        become_user(&mut world, Some(&on(&some)));
        let op = UpdateAlias { name: alias("alias/x"), target: named(two.key.id) };
        match world.command(op).unwrap_err() {
            Error::Denied(denied) => {
                assert_eq!(
                    (&*denied.resource, denied.refusal),
                    (&*missing, Refusal::NoIdentityAllow)
                );
            }
            other => panic!("{other:?}"),
        }
    }
    become_user(&mut world, Some(&on(&all)));
    world.command(UpdateAlias { name: alias("alias/x"), target: named(two.key.id) }).unwrap();
}
