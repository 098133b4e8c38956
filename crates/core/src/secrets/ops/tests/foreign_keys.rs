//! Keys of another account, given by ARN: they seal and open with the leave of both accounts.

use super::*;
use crate::cx::Caller;

const OTHER: &str = "444455556666";

/// Lets the secret's account use a key of the other one, or takes that away.
fn admit(world: &mut World, key: &KeyArn, admitted: bool) {
    let first = if admitted { r#""111122223333","# } else { "" };
    let statement = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":[{first}"{OTHER}"]}},"Action":"kms:*","Resource":"*"}}"#
    );
    set_key_policy(world, key, &statement);
}

/// A Region in which another account has a key.
fn world(region: &str, number: u8) -> (World, KeyArn) {
    let mut world = World::in_region(region);
    let owner = world.caller.clone();
    world.caller = Caller::account_root(OTHER.parse().unwrap(), world.region);
    let key = customer_key(&mut world, number, KeyState::Enabled);
    world.caller = owner;
    (world, key)
}

fn under(key: &KeyArn) -> CreateSecret {
    CreateSecret { kms_key_id: Some(key.to_string().into()), ..create_with("a", "x") }
}

/// The keys that the first two versions are under.
fn held_under(world: &World) -> Vec<KeyArn> {
    let (scope, secret) = (world.scope(), secret(world, "a"));
    let version = |number| {
        let found =
            world.store.version(scope, &secret.name, secret.suffix, &token(number)).unwrap();
        found.map(|found| crate::secrets::value::key_arn(scope.region, &found.value).unwrap())
    };
    [version(1), version(2)].into_iter().flatten().collect()
}

#[test]
fn both_accounts_must_allow_the_use() {
    let (mut world, key) = world("us-east-1", 1);
    assert_eq!(world.command(under(&key)).unwrap_err(), Error::KmsDenied);
    admit(&mut world, &key, true);
    world.command(under(&key)).unwrap();
    assert_eq!(value(&world, "a").unwrap(), "x");
    assert_eq!(held_under(&world), [key]);
    world.command(put("a", 2, "y", &[])).unwrap();
    assert_eq!(value(&world, "a").unwrap(), "y");
    // An id alone is looked for in the secret's account.
    let by_id = CreateSecret { kms_key_id: Some(key.id.to_string().into()), ..create("b") };
    assert!(matches!(world.command(by_id), Err(Error::CannotEncrypt(_))));

    let owner = world.caller.clone();
    become_user(&mut world, r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}"#);
    assert_eq!(value(&world, "a"), Err(Error::KmsDenied));
    assert_eq!(world.command(put("a", 3, "z", &[])), Err(Error::KmsDenied));
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":["kms:Decrypt","secretsmanager:*"],"Resource":"*"}"#,
    );
    assert_eq!(value(&world, "a").unwrap(), "y");
    assert_eq!(world.command(put("a", 3, "z", &[])), Err(Error::KmsDenied));

    world.caller = owner;
    admit(&mut world, &key, false);
    assert_eq!(value(&world, "a"), Err(Error::KmsDenied));
    assert_eq!(world.command(put("a", 3, "z", &[])), Err(Error::KmsDenied));
}

#[test]
fn a_secret_moves_to_a_foreign_key_and_back() {
    let (mut world, key) = world("us-east-1", 1);
    admit(&mut world, &key, true);
    let own = customer_key(&mut world, 2, KeyState::Enabled);
    world
        .command(CreateSecret { kms_key_id: Some(own.to_string().into()), ..under(&key) })
        .unwrap();
    world.command(put("a", 2, "y", &[])).unwrap();
    for to in [key, own, key] {
        let kms_key_id = Some(to.to_string().into());
        world.command(UpdateSecret { kms_key_id, ..update("a") }).unwrap();
        assert_eq!(held_under(&world), [to, to]);
        assert_eq!(value(&world, "a").unwrap(), "y");
    }
    admit(&mut world, &key, false);
    let back = UpdateSecret { kms_key_id: Some(own.to_string().into()), ..update("a") };
    assert_eq!(world.command(back), Err(Error::KmsDenied));
    assert_eq!(held_under(&world), [key, key]);
}

/// The managed key of another account serves nobody else.
#[test]
fn the_managed_key_of_another_account_is_refused() {
    let (mut world, _) = world("us-east-1", 1);
    let owner = world.caller.clone();
    world.caller = Caller::account_root(OTHER.parse().unwrap(), world.region);
    world.command(create_with("theirs", "x")).unwrap();
    world.caller = owner;
    let alias = format!("arn:aws:kms:us-east-1:{OTHER}:alias/aws/secretsmanager");
    let request = CreateSecret { kms_key_id: Some(alias.into()), ..create_with("a", "x") };
    assert_eq!(world.command(request).unwrap_err(), Error::KmsDenied);
}

#[test]
fn a_replica_is_held_under_a_foreign_key_from_one() {
    let (mut here, key) = world("us-east-1", 1);
    let (mut there, replica_key) = world("us-west-2", 2);
    admit(&mut here, &key, true);
    here.profile = crate::cx::Profile::Aws;
    let replica = crate::secrets::replicas::AddReplica {
        region: "us-west-2".into(),
        kms_key_id: Some(replica_key.to_string().into()),
    };
    here.command(CreateSecret { replicas: vec![replica], ..under(&key) }).unwrap();
    let made = secret(&here, "a");
    let subject = crate::records::Subject::Secret { name: made.name, suffix: made.suffix };
    let hello = |from: &mut World, to: &World| {
        let record = Record::Peer(crate::ports::Crypto::transport_key(&to.crypto));
        let (region, peer) = (from.region, to.region);
        from.edit(|_, tx| tx.put(Key::Peer { region, peer }, record));
    };
    hello(&mut here, &there);
    crate::testing::exchange(&mut here, &mut there, &subject);
    assert!(there.store.secret(there.scope(), &"a".parse().unwrap()).unwrap().is_none());
    admit(&mut there, &replica_key, true);
    let drive = crate::secrets::replicas::AddReplica {
        region: "us-west-2".into(),
        kms_key_id: Some(replica_key.to_string().into()),
    };
    let again =
        ReplicateSecretToRegions { secret: id("a"), replicas: vec![drive], overwrite: false };
    here.command(again).unwrap();
    crate::testing::exchange(&mut here, &mut there, &subject);
    assert_eq!(value(&there, "a").unwrap(), "x");
    assert_eq!(held_under(&there), [replica_key]);
}
