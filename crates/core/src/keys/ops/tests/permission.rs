//! Who may do what: the key policy as a gate, other accounts, the managed key, the lockout check.

use super::*;
use crate::keys::managed;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::get_key_policy::GetKeyPolicy;
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::tag_resource::TagResource;
use crate::policy::evaluate::Refusal;

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}"#;

/// A key policy with one statement for one principal.
fn policy(principal: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"{action}","Resource":"*"}}}}"#
    )
}

fn refusal<T: core::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result.unwrap_err() {
        Error::Denied(denied) => denied.refusal,
        other => panic!("{other:?}"),
    }
}

fn describe(world: &World, found: &Found) -> Result<Found, Error> {
    world.query(DescribeKey { key: named(found.arn()) }).map(|described| described.found)
}

#[test]
fn the_key_policy_is_a_gate() {
    let mut world = World::new();
    let made = create(&mut world);
    let other = world
        .command(CreateKey {
            policy: Some(
                key_policy::parse(&policy("arn:aws:iam::111122223333:user/bob", "kms:*")).unwrap(),
            ),
            bypass_lockout_check: true,
            ..plain()
        })
        .unwrap();
    // The account's root too needs the key policy.
    assert_eq!(refusal(describe(&world, &other)), Refusal::NoResourceAllow);
    become_user(&mut world, None);
    assert_eq!(refusal(describe(&world, &made)), Refusal::NoIdentityAllow);
    become_user(&mut world, Some(ALL));
    assert!(describe(&world, &made).is_ok());
    assert_eq!(refusal(describe(&world, &other)), Refusal::NoResourceAllow);
}

/// PROMISE R6: who may do nothing learns nothing, not even that a key is not there.
#[test]
fn absence_is_told_only_to_those_who_may_know() {
    let mut world = World::new();
    let names = ["mrk-fake", "alias/x", "mrk-1234abcd12ab34cd56ef1234567890ab"];
    for name in names {
        assert!(matches!(world.query(DescribeKey { key: named(name) }), Err(Error::Key(_))));
    }
    become_user(&mut world, None);
    for name in names {
        let told = world.query(DescribeKey { key: named(name) });
        assert_eq!(refusal(told), Refusal::NoIdentityAllow, "{name}");
    }
    // What conditions may know of the request does not depend on there being a key.
    let text = ALL.replace(
        r#""Resource":"*""#,
        r#""Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:team":"a"}}"#,
    );
    become_user(&mut world, Some(&text));
    for (team, told) in [("a", true), ("b", false)] {
        let (key, context, plaintext) =
            (named(names[2]), context("team", team), Plaintext::new(vec![1]));
        let op = Encrypt { key, plaintext, context, algorithm: SYMMETRIC, dry_run: false };
        assert_eq!(matches!(world.query(op), Err(Error::Key(_))), told, "{team}");
    }
}

/// A key of another account is that account's to tell of, whatever its name.
#[test]
fn foreign_names_are_the_other_accounts() {
    let mut world = World::new();
    become_user(&mut world, Some(ALL));
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    for (account, refusal_expected) in
        [("111122223333", None), ("999988887777", Some(Refusal::NoResourceAllow))]
    {
        for resource in [format!("key/{id}"), "alias/x".to_owned()] {
            let arn = format!("arn:aws:kms:us-east-1:{account}:{resource}");
            let told = world.query(DescribeKey { key: named(&arn) });
            match refusal_expected {
                Some(expected) => assert_eq!(refusal(told), expected, "{arn}"),
                None => assert!(matches!(told, Err(Error::Key(_))), "{arn}"),
            }
        }
    }
}

#[test]
fn another_account_needs_both_sides_and_manages_nothing() {
    let mut world = World::new();
    let made = create(&mut world);
    let text = policy("999988887777", "kms:*");
    let open = key_policy::parse(&text).unwrap();
    become_stranger(&mut world);
    assert_eq!(refusal(describe(&world, &made)), Refusal::NoResourceAllow);
    alter(&mut world, &made, |key| key.policy = open);
    assert_eq!(describe(&world, &made).unwrap().arn(), made.arn());
    let managed = world.command(DisableKey { key: named(made.arn()) });
    assert_eq!(refusal(managed), Refusal::NoResourceAllow);
    // A key that is not there looks the same as one that is and is not shared.
    let gone = made.arn().to_string().replace('0', "1");
    assert_eq!(refusal(world.query(DescribeKey { key: named(gone) })), Refusal::NoResourceAllow);
    become_user(&mut world, None);
    world.caller.arn = "arn:aws:iam::999988887777:user/alice".into();
    assert_eq!(refusal(describe(&world, &made)), Refusal::NoIdentityAllow);
}

/// AWS: the managed key's own policy lets nobody change it or use it directly.
#[test]
fn the_managed_key_can_be_seen_and_nothing_else() {
    let mut world = World::new();
    let scope = world.scope();
    world.edit(|cx, tx| managed::ensure(cx, tx, scope)).unwrap();
    let managed = world.query(DescribeKey { key: named("alias/aws/secretsmanager") }).unwrap();
    let key = || named(managed.key.id);
    assert!(world.query(GetKeyPolicy { key: key(), name: None }).is_ok());
    let window = DeletionWindow::new(None).unwrap();
    let policy = key_policy::default_policy(world.region, world.account()).unwrap();
    let put = PutKeyPolicy { key: key(), name: None, policy, bypass_lockout_check: true };
    let plaintext = Plaintext::new(vec![1]);
    let encrypt = Encrypt {
        algorithm: SYMMETRIC,
        key: key(),
        plaintext,
        context: no_context(),
        dry_run: false,
    };
    let alias = CreateAlias { name: "alias/mine".parse().unwrap(), target: key() };
    let refusals = [
        refusal(world.command(DisableKey { key: key() })),
        refusal(world.command(ScheduleKeyDeletion { key: key(), window })),
        refusal(world.command(put)),
        refusal(world.command(TagResource { key: key(), tags: Tags::new() })),
        refusal(world.command(alias)),
        refusal(world.query(encrypt)),
    ];
    assert_eq!(refusals, [Refusal::NoResourceAllow; 6]);
}

/// AWS: the key policy alone counts, and the account's root is enough.
#[test]
fn nobody_locks_themselves_out_unawares() {
    let only_create = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:CreateKey","kms:PutKeyPolicy"],"Resource":"*"}}"#;
    let alice = "arn:aws:iam::111122223333:user/alice";
    let cases = [
        ("111122223333", "kms:*", true),
        ("111122223333", "kms:PutKeyPolicy", true),
        (alice, "kms:PutKeyPolicy", true),
        (alice, "kms:Encrypt", false),
        ("arn:aws:iam::111122223333:user/bob", "kms:*", false),
    ];
    for (principal, action, accepted) in cases {
        for bypass_lockout_check in [false, true] {
            let mut world = World::new();
            let made = create(&mut world);
            become_user(&mut world, Some(only_create));
            let given = || key_policy::parse(&policy(principal, action)).unwrap();
            let expected =
                if accepted || bypass_lockout_check { Ok(()) } else { Err(Error::PolicyLockout) };
            let op = CreateKey { policy: Some(given()), bypass_lockout_check, ..plain() };
            assert_eq!(world.command(op).map(drop), expected, "{principal} {action}");
            let key = named(made.key.id);
            let op = PutKeyPolicy { key, name: None, policy: given(), bypass_lockout_check };
            assert_eq!(world.command(op), expected, "{principal} {action}");
        }
    }
}

/// AWS: conditions see the request that would change the policy again: without a bypass, and in the
/// Region where the key is.
#[test]
fn the_lockout_check_is_of_a_later_request() {
    let with = |operator: &str, key: &str, value: &str| {
        let condition =
            format!(r#""Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}"#);
        policy("111122223333", "kms:*").replace(r#""Resource":"*""#, &condition)
    };
    let cases = [
        (with("Bool", "kms:BypassPolicyLockoutSafetyCheck", "false"), true, true),
        (with("Bool", "kms:BypassPolicyLockoutSafetyCheck", "true"), false, false),
        (with("StringEquals", "aws:RequestedRegion", "us-east-1"), true, false),
        (with("StringEquals", "aws:RequestedRegion", "us-west-2"), false, true),
        // What is stored beside the key is not known.
        (with("ForAllValues:StringLike", "kms:ResourceAliases", "alias/x"), false, false),
    ];
    for (text, here, there) in cases {
        let mut world = World::new();
        let made = create_multi_region(&mut world);
        let expected = |good: bool| if good { Ok(()) } else { Err(Error::PolicyLockout) };
        let given = || Some(key_policy::parse(&text).unwrap());
        let replicate = ReplicateKey {
            key: named(made.key.id),
            region: "us-west-2".into(),
            policy: given(),
            bypass_lockout_check: false,
            description: Box::default(),
            tags: Tags::new(),
        };
        assert_eq!(world.command(replicate).map(drop), expected(there), "{text}");
        let create = CreateKey { policy: given(), ..plain() };
        assert_eq!(world.command(create).map(drop), expected(here), "{text}");
        let (key, policy) = (named(made.key.id), given().unwrap());
        let put = PutKeyPolicy { key, name: None, policy, bypass_lockout_check: false };
        assert_eq!(world.command(put), expected(here), "{text}");
    }
}

/// A caller that must never change policies can make keys that its account can manage.
#[test]
fn identity_policies_have_no_part_in_the_lockout_check() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Action":"kms:PutKeyPolicy","Resource":"*"}]}"#;
    let mut world = World::new();
    become_user(&mut world, Some(text));
    let policy = key_policy::parse(&policy("111122223333", "kms:*")).unwrap();
    assert!(world.command(CreateKey { policy: Some(policy), ..plain() }).is_ok());
}

/// AWS: tags at creation take kms:TagResource as well.
#[test]
fn creation_with_tags_takes_two_permissions() {
    let create_only = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}}"#;
    let mut world = World::new();
    become_user(&mut world, Some(create_only));
    assert!(world.command(plain()).is_ok());
    let tags = Tags::from([("a".into(), "b".into())]);
    let refused = world.command(CreateKey { tags: tags.clone(), ..plain() }).unwrap_err();
    assert!(matches!(refused, Error::Denied(denied) if denied.action == "kms:TagResource"));
    become_user(&mut world, Some(ALL));
    assert_eq!(world.command(CreateKey { tags: tags.clone(), ..plain() }).unwrap().key.tags, tags);
}

#[test]
fn conditions_on_the_key_and_the_request() {
    let cases = [
        ("kms:EncryptionContext:team", "a", true),
        ("kms:EncryptionContext:team", "b", false),
        ("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", true),
        ("kms:KeySpec", "SYMMETRIC_DEFAULT", true),
        ("kms:KeyUsage", "SIGN_VERIFY", false),
        ("kms:KeyOrigin", "AWS_KMS", true),
        ("kms:MultiRegion", "false", true),
        ("kms:RequestAlias", "alias/mine", true),
        ("kms:RequestAlias", "alias/other", false),
        ("aws:ResourceTag/team", "a", true),
    ];
    for (key, value, allowed) in cases {
        let mut world = World::new();
        let tags = Tags::from([("team".into(), "a".into())]);
        let made = world.command(CreateKey { tags, ..plain() }).unwrap();
        create_alias(&mut world, "alias/mine", &made);
        become_user(
            &mut world,
            Some(&format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{{"StringEquals":{{"{key}":"{value}"}}}}}}}}"#
            )),
        );
        let op = Encrypt {
            algorithm: SYMMETRIC,
            key: named("alias/mine"),
            plaintext: Plaintext::new(vec![1]),
            context: context("team", "a"),
            dry_run: false,
        };
        assert_eq!(world.query(op).is_ok(), allowed, "{key} {value}");
    }
}
