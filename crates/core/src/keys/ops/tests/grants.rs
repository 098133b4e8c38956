//! Grants: whom they let do what, who may make and end them, and what is left of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::cx::{Caller, RoleSession};
use crate::deadlines;
use crate::ids::{GrantId, GrantName, PrincipalArn};
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::error::GrantProblem;
use crate::keys::grant::{Constraint, Grant, GrantOnKey, GrantOperation, GrantToken, Terms};
use crate::keys::grants;
use crate::keys::model::KeyUsage;
use crate::keys::ops::create_grant::{self, CreateGrant};
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::list_grants::ListGrants;
use crate::keys::ops::list_retirable_grants::ListRetirableGrants;
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::retire_grant::RetireGrant;
use crate::keys::ops::revoke_grant::RevokeGrant;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::page::Page;
use crate::keys::spec::{HmacHash, KeySpec};
use crate::limits;
use crate::policy::evaluate::Refusal;
use crate::secrets::ops::{CreateSecret, GetSecretValue};
use crate::secrets::target::SecretId;
use crate::secrets::versions::GivenValue;
use crate::time::DAY_MS;
use GrantOperation as Op;

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";
const ACCOUNT: &str = "arn:aws:iam::111122223333:root";

fn principal(arn: &str) -> PrincipalArn {
    arn.parse().unwrap()
}

/// A grant of these operations to alice, as the root of the account asks for it.
fn grant_of(found: &Found, operations: &[Op]) -> CreateGrant {
    let operations: BTreeSet<_> = operations.iter().copied().collect();
    CreateGrant {
        key: named(found.arn()),
        grantee: principal(ALICE),
        retiring: None,
        terms: Arc::new(Terms { operations, constraint: None }),
        name: None,
        dry_run: false,
    }
}

fn constrained(op: CreateGrant, constraint: Constraint) -> CreateGrant {
    let terms = Terms { constraint: Some(constraint), ..Terms::clone(&op.terms) };
    CreateGrant { terms: Arc::new(terms), ..op }
}

fn become_named(world: &mut World, arn: &str, policy: Option<&str>) {
    become_user(world, policy);
    world.caller.arn = arn.into();
    world.caller.account = arn.split(':').nth(4).unwrap().parse().unwrap();
}

fn become_root(world: &mut World) {
    let account = "111122223333".parse().unwrap();
    world.caller = Caller::account_root(account, world.region);
}

/// Encrypts as the present caller.
fn try_encrypt(world: &World, found: &Found, context: EncryptionContext) -> Result<(), Error> {
    let plaintext = Plaintext::new(b"x".to_vec());
    let key = named(found.arn());
    world.query(Encrypt { key, plaintext, context, algorithm: SYMMETRIC, dry_run: false }).map(drop)
}

fn try_describe(world: &World, found: &Found) -> Result<(), Error> {
    world.query(DescribeKey { key: named(found.arn()) }).map(drop)
}

fn refusal<T: core::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result.unwrap_err() {
        Error::Denied(denied) => denied.refusal,
        other => panic!("{other:?}"),
    }
}

fn list(world: &World, found: &Found) -> Page<GrantOnKey> {
    let (key, id, grantee, after) = (named(found.arn()), None, None, None);
    world.query(ListGrants { key, id, grantee, limit: 100, after }).unwrap()
}

/// An identity policy with one statement.
fn identity(effect: &str, action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#
    )
}

#[test]
fn a_grant_suffices_for_what_it_names_and_no_more() {
    let mut world = World::new();
    let (made, other) = (create(&mut world), create(&mut world));
    world.command(grant_of(&made, &[Op::Encrypt])).unwrap();
    become_user(&mut world, None);
    assert_eq!(try_encrypt(&world, &made, no_context()), Ok(()));
    assert_eq!(refusal(try_describe(&world, &made)), Refusal::NoIdentityAllow);
    assert_eq!(refusal(try_encrypt(&world, &other, no_context())), Refusal::NoIdentityAllow);
    // No grant is for what only administrators do.
    let refused = world.command(DisableKey { key: named(made.arn()) });
    assert_eq!(refusal(refused), Refusal::NoIdentityAllow);
    become_named(&mut world, BOB, None);
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::NoIdentityAllow);
}

/// Each of a grantee's grants is asked, in whatever order their ids stand.
#[test]
fn grants_of_one_grantee_add_up() {
    let mut world = World::new();
    let made = create(&mut world);
    for operation in [Op::Encrypt, Op::Decrypt, Op::DescribeKey] {
        world.command(grant_of(&made, &[operation])).unwrap();
    }
    become_user(&mut world, None);
    let blob = encrypt(&world, &made, no_context());
    let blob = Blob::Given(blob);
    let (context, tokens) = (no_context(), Box::default());
    let sealed = Sealed { algorithm: SYMMETRIC, key: None, blob, context, tokens };
    assert!(world.query(Decrypt { sealed, dry_run: false }).is_ok());
    assert_eq!(try_describe(&world, &made), Ok(()));
}

/// AWS: a session has the grants of its role, and those that name the session itself.
#[test]
fn sessions_have_their_roles_grants() {
    let role = "arn:aws:iam::111122223333:role/app";
    let own = "arn:aws:sts::111122223333:assumed-role/app/one";
    let other = "arn:aws:sts::111122223333:assumed-role/app/two";
    for (named_one, allowed) in [(role, true), (own, true), (other, false), (ALICE, false)] {
        let mut world = World::new();
        let made = create(&mut world);
        let (grantee, retiring) = (principal(named_one), Some(principal(named_one)));
        let op = CreateGrant { grantee, retiring, ..grant_of(&made, &[Op::Encrypt]) };
        let id = world.command(op).unwrap().grant;
        become_named(&mut world, own, None);
        world.caller.kind = PrincipalKind::Session;
        let session = RoleSession { role: role.into(), issued_at: None };
        world.caller.session = Some(Arc::new(session));
        assert_eq!(try_encrypt(&world, &made, no_context()).is_ok(), allowed, "{named_one}");
        let retire = RetireGrant { key: named(made.arn()), id, by_token: false, dry_run: false };
        assert_eq!(world.command(retire).is_ok(), allowed, "{named_one}");
    }
}

/// AWS: the key policy need not even know the grantee, or its account.
#[test]
fn a_grant_stands_in_for_the_key_policy() {
    let mut world = World::new();
    let made = create(&mut world);
    world.command(grant_of(&made, &[Op::Encrypt])).unwrap();
    let stranger = "arn:aws:iam::999988887777:user/carol";
    let grantee = principal(stranger);
    world.command(CreateGrant { grantee, ..grant_of(&made, &[Op::Encrypt]) }).unwrap();
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Action":"kms:*","Resource":"*"}}"#;
    alter(&mut world, &made, |key| key.policy = key_policy::parse(text).unwrap());
    for arn in [ALICE, stranger] {
        become_named(&mut world, arn, None);
        assert_eq!(try_encrypt(&world, &made, no_context()), Ok(()), "{arn}");
        assert_eq!(refusal(try_describe(&world, &made)), Refusal::NoResourceAllow, "{arn}");
    }
}

/// AWS: an explicit denial stands against every grant, wherever it is written.
#[test]
fn denials_win() {
    let mut world = World::new();
    let made = create(&mut world);
    world.command(grant_of(&made, &[Op::Encrypt])).unwrap();
    become_user(&mut world, Some(&identity("Deny", "kms:Encrypt")));
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::IdentityDeny);
    become_user(&mut world, None);
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:team":"b"}}}]}"#;
    alter(&mut world, &made, |key| key.policy = key_policy::parse(text).unwrap());
    let denied = try_encrypt(&world, &made, context("team", "b"));
    assert_eq!(refusal(denied), Refusal::ResourceDeny);
    assert_eq!(try_encrypt(&world, &made, context("team", "a")), Ok(()));
}

#[test]
fn constraints_look_at_the_encryption_context() {
    let mut world = World::new();
    let made = create(&mut world);
    let op = grant_of(&made, &[Op::Encrypt, Op::Decrypt, Op::DescribeKey]);
    world.command(constrained(op, Constraint::Subset(context("team", "a")))).unwrap();
    let blob = encrypt(&world, &made, context("team", "b"));
    become_user(&mut world, None);
    let both =
        EncryptionContext::new([("team".into(), "a".into()), ("more".into(), "c".into())].into());
    assert_eq!(try_encrypt(&world, &made, context("team", "a")), Ok(()));
    assert_eq!(try_encrypt(&world, &made, both), Ok(()));
    for other in [no_context(), context("team", "b")] {
        assert_eq!(refusal(try_encrypt(&world, &made, other)), Refusal::NoIdentityAllow);
    }
    let sealed = Sealed {
        algorithm: SYMMETRIC,
        key: None,
        blob: Blob::Given(blob),
        context: context("team", "b"),
        tokens: Box::default(),
    };
    let opened = world.query(Decrypt { sealed, dry_run: false });
    assert_eq!(opened.unwrap_err(), Error::CiphertextKeyInaccessible);
    assert_eq!(try_describe(&world, &made), Ok(()));
}

/// AWS: what a grant to an account allows, the account's own policies pass on.
#[test]
fn a_grant_to_an_account_is_its_own_to_pass_on() {
    let mut world = World::new();
    let made = create(&mut world);
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Action":"kms:*","Resource":"*"}}"#;
    let grantee = principal("arn:aws:iam::999988887777:root");
    world.command(CreateGrant { grantee, ..grant_of(&made, &[Op::Encrypt]) }).unwrap();
    alter(&mut world, &made, |key| key.policy = key_policy::parse(text).unwrap());
    let carol = "arn:aws:iam::999988887777:user/carol";
    become_named(&mut world, carol, None);
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::NoResourceAllow);
    become_named(&mut world, carol, Some(&identity("Allow", "kms:Encrypt")));
    assert_eq!(try_encrypt(&world, &made, no_context()), Ok(()));
    become_stranger(&mut world);
    assert_eq!(try_encrypt(&world, &made, no_context()), Ok(()));
    become_named(&mut world, "arn:aws:iam::111122223333:user/alice", None);
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::NoResourceAllow);
}

/// AWS: whoever may grant by a grant only may pass on what that grant allows, and no more.
#[test]
fn grants_of_grants_are_narrower() {
    let mut world = World::new();
    let made = create(&mut world);
    let wide = grant_of(&made, &[Op::CreateGrant, Op::Encrypt, Op::Decrypt]);
    world.command(constrained(wide, Constraint::Subset(context("team", "a")))).unwrap();
    become_user(&mut world, None);
    let child =
        |operations: &[Op]| CreateGrant { grantee: principal(BOB), ..grant_of(&made, operations) };
    let within = || Constraint::Equals(context("team", "a"));
    let refused = [
        child(&[Op::Encrypt]),
        constrained(child(&[Op::Encrypt]), Constraint::Equals(context("team", "b"))),
        constrained(child(&[Op::Encrypt, Op::DescribeKey]), within()),
    ];
    for op in refused {
        assert_eq!(refusal(world.command(op)), Refusal::NoIdentityAllow);
    }
    world.command(constrained(child(&[Op::Encrypt]), within())).unwrap();
    become_named(&mut world, BOB, None);
    assert_eq!(try_encrypt(&world, &made, context("team", "a")), Ok(()));
    // Bob's grant has no CreateGrant to pass anything on with.
    let grandchild = constrained(child(&[Op::Encrypt]), within());
    assert_eq!(refusal(world.command(grandchild)), Refusal::NoIdentityAllow);
    // A policy's permission is not narrowed.
    become_user(&mut world, Some(&identity("Allow", "kms:CreateGrant")));
    assert!(world.command(child(&[Op::DescribeKey])).is_ok());
}

/// Caller, its identity policy, and whether it may retire a grant to alice that bob may retire.
#[test]
fn the_grant_decides_who_may_retire_it() {
    let allow = identity("Allow", "kms:*");
    let deny = identity("Deny", "kms:RetireGrant");
    let carol = "arn:aws:iam::111122223333:user/carol";
    let stranger = "arn:aws:iam::999988887777:user/dave";
    let cases = [
        (BOB, None, &[Op::Encrypt][..], true),
        (BOB, Some(&deny), &[Op::Encrypt], false),
        (ALICE, None, &[Op::Encrypt], false),
        (ALICE, None, &[Op::RetireGrant], true),
        (carol, None, &[Op::RetireGrant], false),
        // The issuing account passes its right on.
        (carol, Some(&allow), &[Op::Encrypt], true),
        (stranger, Some(&allow), &[Op::RetireGrant], false),
    ];
    for (caller, policy, operations, allowed) in cases {
        let mut world = World::new();
        let made = create(&mut world);
        let op = CreateGrant { retiring: Some(principal(BOB)), ..grant_of(&made, operations) };
        let id = world.command(op).unwrap().grant;
        become_named(&mut world, caller, policy.map(String::as_str));
        let retire = |dry_run| RetireGrant { key: named(made.arn()), id, by_token: false, dry_run };
        let tried = world.command(retire(true));
        let retired = world.command(retire(false));
        become_root(&mut world);
        assert_eq!(list(&world, &made).items.is_empty(), allowed, "{caller} {operations:?}");
        if allowed {
            assert_eq!((tried, retired), (Err(Error::DryRun), Ok(())), "{caller}");
            assert_eq!(world.store.keys().filter(|key| is_of_grant(key)).count(), 0);
        } else {
            assert_eq!(refusal(tried), refusal(retired), "{caller}");
        }
    }
}

/// Grantee, retiring principal, the grant's operations, and whether a user of the other account whom
/// its policies let retire may.
#[test]
fn what_an_account_may_retire_it_passes_on() {
    let account = "arn:aws:iam::999988887777:root";
    let cases = [
        (account, ALICE, &[Op::Encrypt][..], false),
        (account, ALICE, &[Op::Encrypt, Op::RetireGrant], true),
        (ALICE, account, &[Op::Encrypt], true),
        (ALICE, BOB, &[Op::Encrypt, Op::RetireGrant], false),
    ];
    for (grantee, retiring, operations, allowed) in cases {
        let mut world = World::new();
        let made = create(&mut world);
        let (grantee, retiring) = (principal(grantee), Some(principal(retiring)));
        let op = CreateGrant { grantee, retiring, ..grant_of(&made, operations) };
        let id = world.command(op).unwrap().grant;
        let carol = "arn:aws:iam::999988887777:user/carol";
        let retire = || RetireGrant { key: named(made.arn()), id, by_token: true, dry_run: false };
        become_named(&mut world, carol, None);
        assert!(world.command(retire()).is_err());
        become_named(&mut world, carol, Some(&identity("Allow", "kms:RetireGrant")));
        assert_eq!(world.command(retire()).is_ok(), allowed, "{operations:?}");
    }
}

fn is_of_grant(key: &Key) -> bool {
    matches!(
        key,
        Key::Grant { .. }
            | Key::GrantCount { .. }
            | Key::GrantOfGrantee { .. }
            | Key::GrantOfName { .. }
            | Key::GrantOfRetiring { .. }
    )
}

/// AWS: the account that made a grant can always retire it, whatever the key policy says.
#[test]
fn the_issuing_account_retires_by_token_too() {
    let mut world = World::new();
    let made = create(&mut world);
    let id = world.command(grant_of(&made, &[Op::Encrypt])).unwrap().grant;
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
    alter(&mut world, &made, |key| key.policy = key_policy::parse(text).unwrap());
    let retire = || RetireGrant { key: named(made.arn()), id, by_token: true, dry_run: false };
    assert_eq!(world.command(retire()), Ok(()));
    assert_eq!(world.command(retire()), Err(Error::Grant(GrantProblem::Token)));
    let by_id = RetireGrant { by_token: false, ..retire() };
    assert_eq!(world.command(by_id), Err(Error::Grant(GrantProblem::Absent { id })));
}

#[test]
fn revoking_is_the_key_policys_to_allow() {
    let mut world = World::new();
    let made = create(&mut world);
    let op = CreateGrant { retiring: Some(principal(BOB)), ..grant_of(&made, &[Op::Encrypt]) };
    let id = world.command(op).unwrap().grant;
    let revoke = |dry_run| RevokeGrant { key: named(made.arn()), id, dry_run };
    become_named(&mut world, BOB, None);
    assert_eq!(refusal(world.command(revoke(false))), Refusal::NoIdentityAllow);
    become_named(&mut world, BOB, Some(&identity("Allow", "kms:RevokeGrant")));
    assert_eq!(world.command(revoke(true)), Err(Error::DryRun));
    assert_eq!(world.command(revoke(false)), Ok(()));
    assert_eq!(world.command(revoke(false)), Err(Error::Grant(GrantProblem::Absent { id })));
    become_user(&mut world, None);
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::NoIdentityAllow);
}

/// AWS: a name makes a repeated request one grant; without one each request is its own.
#[test]
fn names_make_requests_idempotent() {
    let mut world = World::new();
    let made = create(&mut world);
    let name = |text: &str| Some(text.parse::<GrantName>().unwrap());
    let op = |called: Option<GrantName>| {
        let retiring = Some(principal(BOB));
        CreateGrant { name: called, retiring, ..grant_of(&made, &[Op::Encrypt]) }
    };
    let mut id_of = |op: CreateGrant| world.command(op).unwrap().grant;
    let first = id_of(op(name("job")));
    assert_eq!(id_of(op(name("job"))), first);
    let others = [
        op(name("other")),
        op(None),
        op(None),
        CreateGrant { retiring: None, ..op(name("job")) },
        CreateGrant { grantee: principal(BOB), ..op(name("job")) },
        CreateGrant { terms: grant_of(&made, &[Op::Decrypt]).terms, ..op(name("job")) },
        constrained(op(name("job")), Constraint::Equals(no_context())),
    ];
    let ids: BTreeSet<_> = others.map(&mut id_of).into_iter().chain([first]).collect();
    assert_eq!(ids.len(), 8);
    assert_eq!(list(&world, &made).items.len(), 8);
    assert_eq!(world.store.grant_count(made.scope, made.key.id), Ok(Some(8)));
    // What another account grants is not what this one did.
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333","999988887777"]},"Action":"kms:*","Resource":"*"}}"#;
    alter(&mut world, &made, |key| key.policy = key_policy::parse(text).unwrap());
    become_stranger(&mut world);
    let foreign = world.command(op(name("job"))).unwrap().grant;
    assert!(!ids.contains(&foreign));
    assert_eq!(world.command(op(name("job"))).unwrap().grant, foreign);
}

#[test]
fn lists_are_filtered_and_paged() {
    let mut world = World::new();
    let (one, two) = (create(&mut world), create(&mut world));
    let op = |key: &Found, arn: &str| CreateGrant {
        grantee: principal(arn),
        retiring: Some(principal(ACCOUNT)),
        ..grant_of(key, &[Op::Encrypt])
    };
    for (key, arn) in [(&one, ALICE), (&one, BOB), (&one, ALICE), (&two, ALICE)] {
        world.command(op(key, arn)).unwrap();
    }
    let page = |grantee: Option<&str>, id, limit, after| {
        let (key, grantee) = (named(one.arn()), grantee.map(principal));
        world.query(ListGrants { key, id, grantee, limit, after }).unwrap()
    };
    let all = page(None, None, 100, None);
    assert_eq!((all.items.len(), all.truncated), (3, false));
    assert_eq!(page(Some(ALICE), None, 100, None).items.len(), 2);
    let first = page(Some(ALICE), None, 1, None);
    assert!(first.truncated);
    let rest = page(Some(ALICE), None, 1, first.resume().map(|last| last.grant.id));
    assert!(!rest.truncated && rest.items != first.items);
    let id = all.items[0].grant.id;
    assert_eq!(page(None, Some(id), 100, None).items, all.items[..1]);
    assert_eq!(page(None, Some(GrantId([0; 32])), 100, None).items, []);
    let of_alice = page(Some(ALICE), None, 100, None).items[0].grant.id;
    assert_eq!(page(Some(ALICE), Some(of_alice), 100, None).items.len(), 1);
    assert_eq!(page(Some(BOB), Some(of_alice), 100, None).items, []);
    let whole: Vec<_> = std::iter::successors(Some(page(None, None, 1, None)), |last| {
        last.resume().map(|last| page(None, None, 1, Some(last.grant.id)))
    })
    .flat_map(|page| page.items)
    .collect();
    assert_eq!(whole, all.items);
    let retirable = |limit, after| {
        let retiring = principal(ACCOUNT);
        world.query(ListRetirableGrants { retiring, limit, after }).unwrap()
    };
    let place = |on: &GrantOnKey| (on.key.scope.account, on.key.id, on.grant.id);
    for (limit, lengths) in [(1, &[1, 1, 1, 1][..]), (3, &[3, 1]), (4, &[4])] {
        let pages = std::iter::successors(Some(retirable(limit, None)), |last| {
            last.resume().map(|last| retirable(limit, Some(place(last))))
        });
        let pages: Vec<_> = pages.map(|page| page.items).collect();
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
        assert!(pages.concat().is_sorted_by_key(place));
    }
    let retiring = principal(BOB);
    let none = world.query(ListRetirableGrants { retiring, limit: 1, after: None }).unwrap();
    assert_eq!(none.items, []);
}

/// What the principals of an account may retire is nobody else's to know.
#[test]
fn retirable_grants_are_told_to_their_account() {
    let mut world = World::new();
    let made = create(&mut world);
    let retiring = Some(principal(BOB));
    world.command(CreateGrant { retiring, ..grant_of(&made, &[Op::Encrypt]) }).unwrap();
    become_stranger(&mut world);
    let op = ListRetirableGrants { retiring: principal(BOB), limit: 1, after: None };
    assert_eq!(refusal(world.query(op)), Refusal::NoResourceAllow);
}

#[test]
fn tokens_name_grants_that_exist() {
    let mut world = World::new();
    let made = create(&mut world);
    let token = world.command(grant_of(&made, &[Op::Encrypt])).unwrap();
    let elsewhere = Scope { region: region("us-west-2"), ..made.scope };
    let foreign = GrantToken { key: KeyArn { scope: elsewhere, ..token.key }, ..token };
    let gone = GrantToken { grant: GrantId([9; 32]), ..token };
    let encrypt = |world: &World, token| {
        let key = named(made.arn()).with_tokens([token].into());
        let (plaintext, context) = (Plaintext::new(vec![1]), no_context());
        world
            .query(Encrypt { key, plaintext, context, algorithm: SYMMETRIC, dry_run: false })
            .map(drop)
    };
    assert_eq!(encrypt(&world, token), Ok(()));
    for token in [foreign, gone] {
        assert_eq!(encrypt(&world, token), Err(Error::Grant(GrantProblem::Token)));
    }
    let blob = super::encrypt(&world, &made, no_context());
    let sealed = Sealed {
        algorithm: SYMMETRIC,
        key: None,
        blob: Blob::Given(blob),
        context: no_context(),
        tokens: [gone].into(),
    };
    let opened = world.query(Decrypt { sealed, dry_run: false }).map(drop);
    assert_eq!(opened, Err(Error::Grant(GrantProblem::Token)));
    // Each of several must be one.
    let key = named(made.arn()).with_tokens([token, gone].into());
    let described = world.query(DescribeKey { key }).map(drop);
    assert_eq!(described, Err(Error::Grant(GrantProblem::Token)));
    // PROMISE R6: without permission nobody learns whether a grant exists.
    become_named(&mut world, BOB, None);
    for token in [token, gone] {
        assert_eq!(refusal(encrypt(&world, token)), Refusal::NoIdentityAllow);
    }
}

/// AWS: a grant is only for what its key can do.
#[test]
fn requests_that_cannot_be_granted() {
    let mut world = World::new();
    let made = create(&mut world);
    let key = made.arn();
    for operation in [Op::Sign, Op::VerifyMac, Op::DeriveSharedSecret, Op::GetPublicKey] {
        let refused = world.command(grant_of(&made, &[Op::Encrypt, operation]));
        assert_eq!(refused, Err(Error::Grant(GrantProblem::Operations { key })));
    }
    let hmac = create(&mut world);
    alter(&mut world, &hmac, |key| {
        (key.spec, key.usage) = (KeySpec::Hmac(HmacHash::Sha256), KeyUsage::GenerateVerifyMac);
    });
    let constraint = Constraint::Subset(no_context());
    let refused = world.command(constrained(grant_of(&hmac, &[Op::VerifyMac]), constraint));
    assert_eq!(refused, Err(Error::Grant(GrantProblem::Constraint { key: hmac.arn() })));
    let refused = world.command(grant_of(&hmac, &[Op::Encrypt]));
    assert_eq!(refused, Err(Error::Grant(GrantProblem::Operations { key: hmac.arn() })));
    assert!(world.command(grant_of(&hmac, &[Op::VerifyMac])).is_ok());
    let dry = CreateGrant { dry_run: true, ..grant_of(&made, &[Op::Encrypt]) };
    assert_eq!(world.command(dry), Err(Error::DryRun));
    set_state(&mut world, &made, KeyState::Disabled);
    let refused = world.command(grant_of(&made, &[Op::Encrypt]));
    assert_eq!(refused, Err(Error::Key(KeyProblem::Disabled { key })));
    set_state(&mut world, &made, KeyState::Enabled);
    let (scope, id) = (made.scope, made.key.id);
    let full = Record::Count(limits::GRANTS_PER_KEY_MAX);
    world.edit(|_, tx| tx.put(Key::GrantCount { scope, key: id }, full));
    let refused = world.command(grant_of(&made, &[Op::Encrypt]));
    assert_eq!(refused, Err(Error::Grant(GrantProblem::TooMany { key })));
}

#[test]
fn constraints_have_bounds() {
    type Pairs = BTreeMap<Box<str>, Box<str>>;
    let pairs = |n: usize| -> Pairs { (0..n).map(|n| (n.to_string().into(), "".into())).collect() };
    let long = |len: usize| -> Pairs { [("k".into(), "x".repeat(len).into())].into() };
    for (pairs, good) in
        [(pairs(8), true), (pairs(9), false), (long(383), true), (long(384), false)]
    {
        for of in [Constraint::Equals, Constraint::Subset] {
            let constraint = of(EncryptionContext::new(pairs.clone()));
            let refused = Error::Grant(GrantProblem::ConstraintTooLong);
            let terms = create_grant::terms([Op::Encrypt].into(), Some(constraint));
            assert_eq!(terms.err(), (!good).then_some(refused), "{pairs:?}");
        }
    }
}

/// AWS: with the key its grants are gone, in this Region.
#[test]
fn grants_end_with_their_key() {
    let mut world = World::new();
    let (made, other) = (create(&mut world), create(&mut world));
    for key in [&made, &made, &other] {
        let (name, retiring) = (Some("n".parse().unwrap()), Some(principal(BOB)));
        world.command(CreateGrant { retiring, name, ..grant_of(key, &[Op::Encrypt]) }).unwrap();
    }
    let window = DeletionWindow::new(Some(7)).unwrap();
    world.command(ScheduleKeyDeletion { key: named(made.key.id), window }).unwrap();
    world.pass_ms(7 * DAY_MS);
    let deadline =
        world.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned().unwrap();
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
    assert_eq!(world.store.grant_count(made.scope, made.key.id), Ok(None));
    // One grant with its count and three indexes is left: the other key's.
    assert_eq!(world.store.keys().filter(|key| is_of_grant(key)).count(), 5);
    assert_eq!(list(&world, &other).items.len(), 1);
}

/// Condition key, value, whether it lets this CreateGrant through.
#[test]
fn conditions_on_grants() {
    let cases = [
        ("StringEquals", "kms:GranteePrincipal", ALICE, true),
        ("StringEquals", "kms:GranteePrincipal", BOB, false),
        ("StringEquals", "kms:RetiringPrincipal", BOB, true),
        ("StringEquals", "kms:GrantConstraintType", "EncryptionContextSubset", true),
        ("StringEquals", "kms:GrantConstraintType", "EncryptionContextEquals", false),
        ("ForAllValues:StringEquals", "kms:GrantOperations", "Encrypt", false),
        ("ForAnyValue:StringEquals", "kms:GrantOperations", "Encrypt", true),
        ("StringEquals", "kms:EncryptionContext:team", "a", true),
        ("Bool", "kms:GrantIsForAWSResource", "true", false),
        ("Bool", "kms:GrantIsForAWSResource", "false", true),
        ("StringEquals", "kms:CallerAccount", "111122223333", true),
    ];
    for (operator, key, value, allowed) in cases {
        let mut world = World::new();
        let made = create(&mut world);
        become_named(
            &mut world,
            BOB,
            Some(&format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"kms:CreateGrant","Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}}}"#
            )),
        );
        let retiring = Some(principal(BOB));
        let op = CreateGrant { retiring, ..grant_of(&made, &[Op::Encrypt, Op::Decrypt]) };
        let op = constrained(op, Constraint::Subset(context("team", "a")));
        assert_eq!(world.command(op).is_ok(), allowed, "{key} {value}");
    }
}

/// AWS: Secrets Manager uses a key with the caller's permissions, and a grant is one of them.
#[test]
fn secrets_are_read_by_grant() {
    let mut world = World::new();
    let made = create(&mut world);
    let op = CreateSecret {
        name: "s".parse().unwrap(),
        token: format!("{:0>32}", 1).parse().unwrap(),
        description: None,
        kms_key_id: Some(made.key.id.to_string().into()),
        value: GivenValue { string: Some(Plaintext::new(b"v".to_vec())), binary: None },
        tags: None,
        replicas: Vec::new(),
        overwrite: false,
        secret_type: None,
        cross_account_primary: None,
    };
    let arn = world.command(op).unwrap().arn;
    let get = |world: &World| {
        let secret = SecretId::parse("s").unwrap();
        world.query(GetSecretValue { secret, version: None, stage: None }).map(drop)
    };
    become_user(&mut world, Some(&identity("Allow", "secretsmanager:*")));
    assert_eq!(get(&world), Err(crate::secrets::error::Error::KmsDenied));
    become_root(&mut world);
    let of_this = Constraint::Subset(EncryptionContext::new(
        [("SecretARN".into(), arn.to_string().into())].into(),
    ));
    world.command(constrained(grant_of(&made, &[Op::Decrypt]), of_this)).unwrap();
    become_user(&mut world, Some(&identity("Allow", "secretsmanager:*")));
    assert_eq!(get(&world), Ok(()));
}

/// A grant that is found by its index is read by its key: a foreign record is not taken for one.
#[test]
fn grants_belong_to_their_account_and_region() {
    let mut world = World::new();
    let made = create(&mut world);
    let arn = made.arn();
    let grant = Grant {
        id: GrantId([1; 32]),
        issuer: world.account(),
        created: world.now,
        name: None,
        grantee: principal(ALICE),
        retiring: None,
        terms: Terms::clone(&grant_of(&made, &[Op::Encrypt]).terms),
    };
    for scope in [
        Scope { region: region("us-west-2"), ..arn.scope },
        Scope { account: "999988887777".parse().unwrap(), ..arn.scope },
    ] {
        let key = KeyArn { scope, ..arn };
        world.edit(|_, tx| grants::put(tx, key, grant.clone())).unwrap();
    }
    become_user(&mut world, None);
    assert_eq!(refusal(try_encrypt(&world, &made, no_context())), Refusal::NoIdentityAllow);
    become_root(&mut world);
    let policy = key_policy::default_policy(world.region, world.account()).unwrap();
    let key = named(arn);
    let put = PutKeyPolicy { key, name: None, policy, bypass_lockout_check: false };
    assert_eq!(world.command(put), Ok(()));
    assert_eq!(list(&world, &made).items, []);
}
