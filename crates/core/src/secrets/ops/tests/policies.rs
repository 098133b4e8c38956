//! Resource policies: kept, shown, refused, and what they decide within an account and across two.

use super::*;
use crate::cx::Caller;
use crate::policy::evaluate::Refusal;
use crate::secrets::policy_check::PolicyFlaw;

const OTHER: &str = "444455556666";
/// To keep the right to manage a secret, whatever else a policy says.
const DENY_READING: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":["secretsmanager:Get*","secretsmanager:Describe*"],"Resource":"*"}}"#;

fn statement(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
}

fn allow(principal: &str, action: &str) -> String {
    statement(&format!(
        r#"{{"Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"*"}}"#
    ))
}

fn stored(world: &World, name: &str) -> Option<String> {
    let found = world.query(get_policy(name)).unwrap();
    assert_eq!(found.name.as_str(), "default");
    found.policy.map(|policy| policy.text().to_owned())
}

fn refusal<T: core::fmt::Debug>(result: Result<T, Error>) -> Refusal {
    match result {
        Err(Error::Denied(denied)) => denied.refusal,
        other => panic!("{other:?}"),
    }
}

/// A secret `a` with a value, under a customer's key.
fn world_with_key() -> (World, KeyArn) {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let kms_key_id = Some(key.to_string().into());
    world.command(CreateSecret { kms_key_id, ..create_with("a", "x") }).unwrap();
    (world, key)
}

/// Lets another account's principals use a key.
fn open_key(world: &mut World, key: &KeyArn, account: &str) {
    let statement = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":["111122223333","{account}"]}},"Action":"kms:*","Resource":"*"}}"#
    );
    set_key_policy(world, key, &statement);
}

/// The root of another account.
fn become_other(world: &mut World) {
    world.caller = Caller::account_root(OTHER.parse().unwrap(), world.region);
}

#[test]
fn a_policy_is_kept_as_it_was_given() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    assert_eq!(stored(&world, "a"), None);
    let before = secret(&world, "a");
    world.pass_ms(5);
    let text = LENIENT.replace(':', " :\n ");
    let answer = world.command(put_policy("a", &text)).unwrap();
    assert_eq!((answer.arn, answer.name.as_str()), (before.arn(world.scope()), "default"));
    assert_eq!(stored(&world, "a").as_deref(), Some(&*text));
    let after = secret(&world, "a");
    assert_eq!((after.at, after.last_changed), (before.at.next(), world.now));
    // The same again is no change.
    world.command(put_policy("a", &text)).unwrap();
    assert_eq!(secret(&world, "a"), after);
    world.command(put_policy("a", LENIENT)).unwrap();
    assert_eq!(stored(&world, "a").as_deref(), Some(LENIENT));
    world.command(delete_policy("a")).unwrap();
    assert_eq!(stored(&world, "a"), None);
    let gone = secret(&world, "a");
    world.command(delete_policy("a")).unwrap();
    assert_eq!(secret(&world, "a"), gone);
}

#[test]
fn only_the_default_policy_is_changed_by_requests() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    world.command(put_policy("a", LENIENT)).unwrap();
    let managed: PolicyName = "cross-account-replication".parse().unwrap();
    let policy = crate::secrets::policies::ResourcePolicy::parse(LENIENT).unwrap();
    let get = || GetResourcePolicy { name: managed.clone(), ..get_policy("a") };
    assert_eq!(world.query(get()).unwrap_err(), Error::NoSuchPolicy);
    edit(&mut world, "a", |secret| {
        secret.policies = secret.policies.with(managed.clone(), policy);
    });
    assert_eq!(world.query(get()).unwrap().policy.unwrap().text(), LENIENT);
    let put = PutResourcePolicy { name: managed.clone(), ..put_policy("a", LENIENT) };
    assert_eq!(world.command(put), Err(Error::PolicyNameReserved));
    let delete = DeleteResourcePolicy { name: managed.clone(), ..delete_policy("a") };
    assert_eq!(world.command(delete), Err(Error::PolicyNameReserved));
    world.command(delete_policy("a")).unwrap();
    assert_eq!(stored(&world, "a"), None);
    assert!(world.query(get()).is_ok());
}

#[test]
fn names_are_listed_page_by_page() {
    let mut world = World::new();
    world.command(create("a")).unwrap();
    let list = |after, results_max| ListResourcePolicies { secret: id("a"), results_max, after };
    assert!(world.query(list(None, None)).unwrap().names.is_empty());
    let policy = crate::secrets::policies::ResourcePolicy::parse(LENIENT).unwrap();
    edit(&mut world, "a", |secret| {
        secret.policies = ["m", "default", "a"]
            .map(|name| (name.parse().unwrap(), policy.clone()))
            .into_iter()
            .collect();
    });
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world.query(list(after, Some(1))).unwrap();
        seen.extend(page.names.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["default", "a", "m"]);
    let page = world.query(list(None, Some(2))).unwrap();
    world.command(create("b")).unwrap();
    let other = ListResourcePolicies { secret: id("b"), results_max: None, after: page.next };
    assert_eq!(world.query(other).unwrap_err(), Error::InvalidNextToken);
}

#[test]
fn what_is_not_attached() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let everyone = allow(r#""*""#, "secretsmanager:*");
    let lockout = statement(
        r#"{"Effect":"Deny","Principal":"*","Action":"secretsmanager:*","Resource":"*"}"#,
    );
    let before = secret(&world, "a");
    for (policy, block_public, expected) in [
        ("no policy", false, Error::MalformedPolicy(PolicyFlaw::Unreadable)),
        ("{}", false, Error::MalformedPolicy(PolicyFlaw::Syntax)),
        (&*allow(r#"{"AWS":"nobody"}"#, "*"), false, Error::MalformedPolicy(PolicyFlaw::Principal)),
        (
            &*allow(r#"{"Service":"nothing"}"#, "*"),
            false,
            Error::MalformedPolicy(PolicyFlaw::ServicePrincipal),
        ),
        (&*everyone, true, Error::PublicPolicy),
        (&*lockout, false, Error::MalformedPolicy(PolicyFlaw::Lockout)),
        (&*lockout, true, Error::MalformedPolicy(PolicyFlaw::Lockout)),
    ] {
        let put = PutResourcePolicy { block_public, ..put_policy("a", policy) };
        assert_eq!(world.command(put), Err(expected), "{policy}");
    }
    assert_eq!(secret(&world, "a"), before);
    // AWS: without the flag, a policy for everyone is accepted.
    world.command(put_policy("a", &everyone)).unwrap();
    world.command(PutResourcePolicy { block_public: true, ..put_policy("a", LENIENT) }).unwrap();
}

/// The caller may manage the secret by the policy alone, and must not take that away.
#[test]
fn a_caller_does_not_lock_itself_out() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let ann = r#"{"AWS":"arn:aws:iam::111122223333:user/ann"}"#;
    world.command(put_policy("a", &allow(ann, "secretsmanager:*"))).unwrap();
    become_user(&mut world, r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#);
    let lockout = Err(Error::MalformedPolicy(PolicyFlaw::Lockout));
    assert_eq!(world.command(put_policy("a", LENIENT)), lockout);
    let blocked = statement(&format!(
        r#"{{"Effect":"Allow","Principal":{ann},"Action":"*","Resource":"*","Condition":{{"Bool":{{"secretsmanager:BlockPublicPolicy":"true"}}}}}}"#
    ));
    assert_eq!(world.command(put_policy("a", &blocked)), lockout);
    world.command(PutResourcePolicy { block_public: true, ..put_policy("a", &blocked) }).unwrap();
    let denied = world.command(put_policy("a", &blocked));
    assert_eq!(refusal(denied), Refusal::NoIdentityAllow);
}

#[test]
fn validation_reports_and_changes_nothing() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let before = secret(&world, "a");
    let validate = |world: &World, secret: Option<&str>, policy: &str| {
        let secret = secret.map(id);
        world.query(ValidateResourcePolicy { secret, policy: policy.into() })
    };
    let both = statement(
        r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"},
           {"Effect":"Deny","Principal":"*","Action":"secretsmanager:Put*","Resource":"*"}"#,
    );
    for secret in [None, Some("a")] {
        for (policy, flaws) in [
            (LENIENT, vec![]),
            (DENY_READING, vec![]),
            ("{}", vec![PolicyFlaw::Syntax]),
            (&*allow(r#"{"AWS":"nobody"}"#, "*"), vec![PolicyFlaw::Principal]),
            (&*allow(r#""*""#, "*"), vec![PolicyFlaw::Broad]),
            (&*both, vec![PolicyFlaw::Broad, PolicyFlaw::Lockout]),
        ] {
            assert_eq!(validate(&world, secret, policy), Ok(flaws), "{policy}");
        }
    }
    let unreadable = Err(Error::MalformedPolicy(PolicyFlaw::Unreadable));
    assert_eq!(validate(&world, None, "{"), unreadable);
    assert_eq!(validate(&world, Some("absent"), LENIENT), Err(Error::NotFound));
    assert_eq!(secret(&world, "a"), before);
    // Whoever validates must be allowed to put.
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":"secretsmanager:ValidateResourcePolicy","Resource":"*"}"#,
    );
    let Err(Error::Denied(denied)) = validate(&world, Some("a"), LENIENT) else { panic!() };
    assert_eq!(denied.action, "secretsmanager:PutResourcePolicy");
}

/// PROMISE R6: every operation on a secret asks its policy.
#[test]
fn a_deny_in_the_policy_reaches_every_operation() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let deny =
        r#"{"Statement":{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}}"#;
    let policy = crate::secrets::policies::ResourcePolicy::parse(deny).unwrap();
    edit(&mut world, "a", |secret| {
        secret.policies = secret.policies.with(PolicyName::of_requests(), policy);
    });
    let versions = ListSecretVersionIds {
        secret: id("a"),
        results_max: None,
        after: None,
        include_deprecated: false,
    };
    let policies = ListResourcePolicies { secret: id("a"), results_max: None, after: None };
    let validate = ValidateResourcePolicy { secret: Some(id("a")), policy: LENIENT.into() };
    let mut results = every_change(&mut world, "a");
    results.extend([
        world.query(get("a")).map(drop),
        world.query(DescribeSecret { secret: id("a") }).map(drop),
        world.query(versions).map(drop),
        world.query(get_policy("a")).map(drop),
        world.query(policies).map(drop),
        world.query(validate).map(drop),
        world.command(RestoreSecret { secret: id("a") }).map(drop),
        world.command(StopReplicationToReplica { secret: id("a") }).map(drop),
    ]);
    for result in results {
        assert_eq!(refusal(result), Refusal::ResourceDeny);
    }
}

#[test]
fn a_policy_gives_to_users_without_identity_policies() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let ann = r#"{"AWS":"arn:aws:iam::111122223333:user/ann"}"#;
    world.command(put_policy("a", &allow(ann, "secretsmanager:GetSecretValue"))).unwrap();
    become_user(&mut world, r#"{"Effect":"Allow","Action":"kms:Nothing","Resource":"*"}"#);
    assert_eq!(value(&world, "a").unwrap(), "x");
    let denied = world.query(DescribeSecret { secret: id("a") });
    assert_eq!(refusal(denied), Refusal::NoIdentityAllow);
    world.caller.arn = "arn:aws:iam::111122223333:user/bob".into();
    assert_eq!(refusal(value(&world, "a")), Refusal::NoIdentityAllow);
}

#[test]
fn another_account_reads_with_both_policies_and_a_key() {
    let (mut world, key) = world_with_key();
    let arn = secret(&world, "a").arn(world.scope()).to_string();
    let owner = world.caller.clone();
    let partial = arn[..arn.len() - 7].to_owned();
    become_other(&mut world);
    assert_eq!(refusal(value(&world, &arn)), Refusal::NoResourceAllow);
    // A secret that is not there is refused with the same reason.
    assert_eq!(refusal(value(&world, &format!("{partial}-AAAAAA"))), Refusal::NoResourceAllow);

    world.caller = owner.clone();
    let to_other = allow(&format!(r#"{{"AWS":"{OTHER}"}}"#), "secretsmanager:*");
    world.command(put_policy("a", &to_other)).unwrap();
    become_other(&mut world);
    assert_eq!(value(&world, &arn), Err(Error::KmsDenied));
    assert!(world.query(DescribeSecret { secret: id(&arn) }).is_ok());
    open_key(&mut world, &key, OTHER);
    assert_eq!(value(&world, &arn).unwrap(), "x");
    // Never by name or by partial ARN.
    assert_eq!(value(&world, "a"), Err(Error::NotFound));
    assert_eq!(refusal(value(&world, &partial)), Refusal::NoResourceAllow);

    // A user of the other account needs its own account's leave as well, for secret and key.
    become_user(&mut world, r#"{"Effect":"Allow","Action":"kms:*","Resource":"*"}"#);
    assert_eq!(refusal(value(&world, &arn)), Refusal::NoIdentityAllow);
    let secrets = r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}"#;
    become_user(&mut world, secrets);
    assert_eq!(value(&world, &arn), Err(Error::KmsDenied));
    become_user(&mut world, r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    assert_eq!(value(&world, &arn).unwrap(), "x");
    world.command(put(&arn, 2, "y", &[])).unwrap();
    assert_eq!(value(&world, &arn).unwrap(), "y");
    world.caller = owner;
    assert_eq!(value(&world, "a").unwrap(), "y");
}

/// AWS: the managed key serves its own account only; what needs no value still works.
#[test]
fn the_managed_key_serves_one_account() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    world.command(put_policy("a", &allow(r#""*""#, "secretsmanager:*"))).unwrap();
    let arn = secret(&world, "a").arn(world.scope()).to_string();
    become_other(&mut world);
    assert_eq!(value(&world, &arn), Err(Error::DefaultKeyAcrossAccounts));
    assert_eq!(world.command(put(&arn, 2, "y", &[])), Err(Error::DefaultKeyAcrossAccounts));
    assert!(world.query(DescribeSecret { secret: id(&arn) }).is_ok());
    assert!(world.query(get_policy(&arn)).is_ok());
    world.command(TagResource { secret: id(&arn), tags: vec![("a".into(), "b".into())] }).unwrap();
}

#[test]
fn a_replica_shows_its_policy_and_keeps_it() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    world.command(put_policy("a", LENIENT)).unwrap();
    make_replica(&mut world, "a", "us-west-2");
    assert_eq!(stored(&world, "a").as_deref(), Some(LENIENT));
    assert_eq!(world.command(put_policy("a", DENY_READING)), Err(Error::OnReplica));
    assert_eq!(world.command(delete_policy("a")), Err(Error::OnReplica));
    let names = ListResourcePolicies { secret: id("a"), results_max: None, after: None };
    assert_eq!(world.query(names).unwrap().names.len(), 1);
}
