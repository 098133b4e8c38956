//! The operations, each against a small store: what they answer, refuse and leave behind.

mod batch;
mod condition_matrix;
mod conditions;
mod cross_account;
mod events;
mod foreign_keys;
mod lifecycle;
mod listing;
mod passwords;
mod policies;
mod probes;
mod replication;
mod rotations;
mod search;
mod through_service;
mod values;

use crate::engine::Step;
use crate::ids::{KeyArn, KeyId, PolicyName, Scope, SecretName, StageLabel, VersionId};
use crate::keys::envelope::generate_material;
use crate::keys::model::{KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey, Origin};
use crate::plaintext::Plaintext;
use crate::policy::document::Policy;
use crate::policy::evaluate::PrincipalKind;
use crate::records::{Key, Record};
use crate::secrets::error::Error;
use crate::secrets::model::{Role, Secret, ValueKind};
use crate::secrets::ops::*;
use crate::secrets::target::SecretId;
use crate::secrets::versions::{GivenValue, put_secret};
use crate::tags::Tags;
use crate::testing::World;
use crate::tx::Records;

fn id(text: &str) -> SecretId {
    SecretId::parse(text).unwrap()
}

/// The `number`th token.
fn token(number: u32) -> VersionId {
    format!("token-{number:0>30}").parse().unwrap()
}

fn label(text: &str) -> StageLabel {
    text.parse().unwrap()
}

fn text(value: &str) -> GivenValue {
    GivenValue { string: Some(Plaintext::new(value.into())), binary: None }
}

fn create(name: &str) -> CreateSecret {
    CreateSecret {
        name: name.parse().unwrap(),
        token: token(1),
        description: None,
        kms_key_id: None,
        value: GivenValue::default(),
        tags: None,
        replicas: Vec::new(),
        overwrite: false,
        secret_type: None,
        cross_account_primary: None,
    }
}

fn create_with(name: &str, value: &str) -> CreateSecret {
    CreateSecret { value: text(value), ..create(name) }
}

fn put(name: &str, number: u32, value: &str, labels: &[&str]) -> PutSecretValue {
    let stages = labels.iter().map(|text| label(text)).collect();
    PutSecretValue {
        secret: id(name),
        token: token(number),
        value: text(value),
        stages,
        rotation: None,
    }
}

fn update(name: &str) -> UpdateSecret {
    UpdateSecret {
        secret: id(name),
        token: token(99),
        description: None,
        kms_key_id: None,
        secret_type: None,
        value: GivenValue::default(),
    }
}

fn delete(name: &str, window_days: Option<i64>, force: bool) -> DeleteSecret {
    DeleteSecret { secret: id(name), window_days, force }
}

fn get(name: &str) -> GetSecretValue {
    GetSecretValue { secret: id(name), version: None, stage: None }
}

/// A policy that changes nothing for the account's own principals.
const LENIENT: &str = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"*","Resource":"*"}}"#;

fn put_policy(name: &str, policy: &str) -> PutResourcePolicy {
    PutResourcePolicy {
        secret: id(name),
        name: PolicyName::of_requests(),
        policy: policy.into(),
        block_public: false,
    }
}

fn delete_policy(name: &str) -> DeleteResourcePolicy {
    DeleteResourcePolicy { secret: id(name), name: PolicyName::of_requests() }
}

fn get_policy(name: &str) -> GetResourcePolicy {
    GetResourcePolicy { secret: id(name), name: PolicyName::of_requests() }
}

/// The current value, as text.
fn value(world: &World, name: &str) -> Result<String, Error> {
    let found = world.query(get(name))?;
    assert_eq!(found.kind, ValueKind::String);
    Ok(String::from_utf8(found.plaintext.expose().to_vec()).unwrap())
}

fn secret(world: &World, name: &str) -> Secret {
    let name: SecretName = name.parse().unwrap();
    Secret::clone(&world.store.secret(world.scope(), &name).unwrap().unwrap())
}

/// Changes a stored secret behind the operations' back.
fn edit(world: &mut World, name: &str, change: impl FnOnce(&mut Secret)) {
    let mut secret = secret(world, name);
    change(&mut secret);
    let scope = world.scope();
    world.edit(|_, tx| put_secret(tx, scope, secret)).unwrap();
}

/// Makes a secret a replica of the one in `primary`.
fn make_replica(world: &mut World, name: &str, primary: &str) {
    let primary = primary.parse().unwrap();
    edit(world, name, |secret| secret.role = Role::Replica { primary });
}

/// The labels of the `number`th version.
fn labels(world: &World, name: &str, number: u32) -> Vec<String> {
    let (secret, id) = (secret(world, name), token(number));
    secret.stages_of(&id).map(ToString::to_string).collect()
}

/// Puts a customer's key into the store, in this state.
fn customer_key(world: &mut World, number: u8, state: KeyState) -> KeyArn {
    let Scope { region, account } = world.scope();
    let id = KeyId::from_entropy([number; 16], false);
    let arn = KeyArn { scope: world.scope(), id };
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:{}:iam::{account}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#,
        region.partition()
    );
    world.edit(|cx, tx| {
        let compiled = Policy::parse_resource(&policy).unwrap().into();
        let key = KmsKey {
            id,
            manager: KeyManager::Customer,
            description: "".into(),
            spec: KeySpec::SymmetricDefault,
            usage: KeyUsage::EncryptDecrypt,
            origin: Origin::AwsKms,
            external: None,
            created: cx.now,
            state,
            materials: vec![generate_material(&arn, cx.now, cx.crypto, cx.entropy)],
            pending: None,
            policy: KeyPolicy { text: policy.as_str().into(), compiled },
            tags: Tags::new(),
            rotation: None,
            multi_region: None,
        };
        tx.put(Key::KmsKey { scope: arn.scope, id }, Record::KmsKey(key.into()));
    });
    arn
}

/// Gives a key another policy, as one statement.
fn set_key_policy(world: &mut World, key: &KeyArn, statements: &str) {
    let text = format!(r#"{{"Statement":[{statements}]}}"#);
    let mut changed = KmsKey::clone(&world.store.kms_key(key.scope, key.id).unwrap().unwrap());
    let compiled = Policy::parse_resource(&text).unwrap().into();
    changed.policy = KeyPolicy { text: text.into(), compiled };
    let at = Key::KmsKey { scope: key.scope, id: key.id };
    world.edit(|_, tx| tx.put(at, Record::KmsKey(changed.into())));
}

/// Makes the caller a user with one identity policy.
fn become_user(world: &mut World, statement: &str) {
    let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    world.caller.kind = PrincipalKind::User;
    world.caller.arn = format!("arn:aws:iam::{}:user/ann", world.account()).into();
    world.caller.policies = [Policy::parse_identity(&text).unwrap()].into();
}

/// Every operation that changes a secret, but StopReplicationToReplica.
fn every_change(world: &mut World, name: &str) -> Vec<Result<(), Error>> {
    let change = crate::secrets::stages::Move { label: label("A"), from: None, to: Some(token(1)) };
    let replicas =
        vec![crate::secrets::replicas::AddReplica { region: "us-west-2".into(), kms_key_id: None }];
    vec![
        world.command(put(name, 7, "x", &[])).map(drop),
        world.command(UpdateSecret { description: Some("x".into()), ..update(name) }).map(drop),
        world.command(UpdateSecretVersionStage { secret: id(name), change }).map(drop),
        world.command(TagResource { secret: id(name), tags: vec![("a".into(), "b".into())] }),
        world.command(UntagResource { secret: id(name), keys: vec!["a".into()] }),
        world
            .step(ReplicateSecretToRegions { secret: id(name), replicas, overwrite: false })
            .map(drop),
        world
            .command(RemoveRegionsFromReplication { secret: id(name), regions: Vec::new() })
            .map(drop),
        world.command(put_policy(name, LENIENT)).map(drop),
        world.command(delete_policy(name)).map(drop),
        world.command(delete(name, None, false)).map(drop),
    ]
}

#[test]
fn nothing_is_told_before_authorization() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":"secretsmanager:ListSecrets","Resource":"*"}"#,
    );
    let denied = |result: Result<(), Error>| matches!(result, Err(Error::Denied(_)));
    for name in ["a", "absent"] {
        assert!(every_change(&mut world, name).into_iter().all(denied));
        assert!(denied(world.query(get(name)).map(drop)));
        assert!(denied(world.query(DescribeSecret { secret: id(name) }).map(drop)));
        assert!(denied(world.command(RestoreSecret { secret: id(name) }).map(drop)));
        assert!(denied(world.command(create(name)).map(drop)));
        let stop = StopReplicationToReplica { secret: id(name) };
        assert!(denied(world.command(stop).map(drop)));
    }
    // The denial names the secret's ARN if it is there, and what was given if not.
    let Err(Error::Denied(known)) = world.query(get("a")) else { panic!() };
    assert_eq!(*known.resource, *secret(&world, "a").arn(world.scope()).to_string());
    let Err(Error::Denied(unknown)) = world.query(get("absent")) else { panic!() };
    assert_eq!(&*unknown.resource, "absent");
}

#[test]
fn policies_see_names_tags_and_stages() {
    let mut world = World::new();
    let tags = Some(vec![("team".into(), "red".into())]);
    world.command(CreateSecret { tags, ..create_with("prod/a", "x") }).unwrap();
    world.command(put("prod/a", 2, "y", &["AWSPENDING"])).unwrap();
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"arn:aws:secretsmanager:*:*:secret:prod/*","Condition":{"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT","aws:ResourceTag/team":"red"}}},
           {"Effect":"Allow","Action":"secretsmanager:CreateSecret","Resource":"arn:aws:secretsmanager:*:*:secret:prod/*"}"#,
    );
    assert_eq!(value(&world, "prod/a").unwrap(), "x");
    let stage = Some(StageLabel::pending());
    assert!(matches!(
        world.query(GetSecretValue { stage, ..get("prod/a") }),
        Err(Error::Denied(_))
    ));
    world.command(create("prod/b")).unwrap();
    assert!(matches!(world.command(create("dev/b")), Err(Error::Denied(_))));
    let tagged = CreateSecret { tags: Some(vec![("a".into(), "b".into())]), ..create("prod/c") };
    let Err(Error::Denied(denied)) = world.command(tagged) else { panic!() };
    assert_eq!(denied.action, "secretsmanager:TagResource");
}

#[test]
fn an_id_resolves_by_name_arn_and_partial_arn() {
    let mut world = World::new();
    for name in ["x", "x-a1b2c3"] {
        world.command(create_with(name, name)).unwrap();
    }
    let arn = |name| secret(&world, name).arn(world.scope()).to_string();
    let partial = "arn:aws:secretsmanager:us-east-1:111122223333:secret:";
    assert_eq!(value(&world, &arn("x")).unwrap(), "x");
    assert_eq!(value(&world, &format!("{partial}x")).unwrap(), "x");
    assert_eq!(value(&world, "x-a1b2c3").unwrap(), "x-a1b2c3");
    assert_eq!(value(&world, &arn("x-a1b2c3")).unwrap(), "x-a1b2c3");
    let absent = [
        format!("{partial}x-a1b2c3"),
        format!("{partial}x-AAAAAA"),
        arn("x").replace("us-east-1", "us-west-2"),
        "X".to_owned(),
        "x".repeat(600),
    ];
    for given in absent {
        assert_eq!(value(&world, &given), Err(Error::NotFound), "{given}");
    }
    // Another account's secret is not this account's to see, whichever way it is named.
    let other = arn("x");
    world.caller.account = "444455556666".parse().unwrap();
    assert!(matches!(value(&world, &other), Err(Error::Denied(_))));
    assert!(matches!(value(&world, "x"), Err(Error::NotFound)));
}

#[test]
fn a_replica_is_read_only() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    make_replica(&mut world, "a", "us-west-2");
    let results = every_change(&mut world, "a");
    assert!(results.iter().all(|result| *result == Err(Error::OnReplica)), "{results:?}");
    let restored = world.command(RestoreSecret { secret: id("a") });
    assert_eq!(restored, Err(Error::OnReplica));
    assert_eq!(world.command(delete("a", None, true)), Err(Error::OnReplica));
    assert_eq!(value(&world, "a").unwrap(), "x");
}

#[test]
fn a_secret_marked_for_deletion_is_neither_read_nor_changed() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    world.command(delete("a", None, false)).unwrap();
    let results = every_change(&mut world, "a");
    assert!(results.iter().all(|result| *result == Err(Error::MarkedForDeletion)), "{results:?}");
    assert_eq!(value(&world, "a"), Err(Error::MarkedForDeletion));
    assert!(world.query(DescribeSecret { secret: id("a") }).is_ok());
}

#[test]
fn what_is_absent_is_not_found() {
    let mut world = World::new();
    let results = every_change(&mut world, "a");
    assert!(results.iter().all(|result| *result == Err(Error::NotFound)), "{results:?}");
    let step = world.step(StopReplicationToReplica { secret: id("a") });
    assert!(!matches!(step, Ok(Step::Done(_))));
}
