//! How Secrets Manager reaches KMS: with the caller's permissions, through `kms:ViaService`, and with
//! keys of other accounts too.

use super::*;
use crate::cx::Caller;

const ALL: &str = r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}"#;

/// A statement about requests through a service, in one Region or another.
fn through(effect: &str, action: &str, operator: &str, region: &str) -> String {
    format!(
        r#"{{"Effect":"{effect}","Principal":"*","Action":"{action}","Resource":"*","Condition":{{"{operator}":{{"kms:ViaService":"secretsmanager.{region}.amazonaws.com"}}}}}}"#
    )
}

/// The statements of a key policy, and whether a secret under the key can be written and read.
#[test]
fn key_policies_decide_about_the_service() {
    let here = |effect, action| through(effect, action, "StringEquals", "us-east-1");
    let cases = [
        (ALL.to_owned(), true, true),
        (here("Allow", "kms:*"), true, true),
        (through("Allow", "kms:*", "StringEquals", "us-west-2"), false, false),
        (through("Allow", "kms:*", "StringNotEquals", "us-east-1"), false, false),
        (format!("{ALL},{}", here("Deny", "kms:*")), false, false),
        (format!("{ALL},{}", here("Deny", "kms:GenerateDataKey")), false, true),
        // AWS: writing proves that what is written can be read again.
        (format!("{ALL},{}", here("Deny", "kms:Decrypt")), false, false),
        (format!("{ALL},{}", through("Deny", "kms:*", "StringEquals", "eu-west-1")), true, true),
    ];
    for (statements, writes, reads) in cases {
        let mut world = World::new();
        let key = customer_key(&mut world, 1, KeyState::Enabled);
        let under = |name| CreateSecret {
            kms_key_id: Some(key.to_string().into()),
            ..create_with(name, "x")
        };
        world.command(under("a")).unwrap();
        set_key_policy(&mut world, &key, &statements);
        let denied = |allowed: bool| if allowed { Ok(()) } else { Err(Error::KmsDenied) };
        let shown = value(&world, "a").map(drop);
        assert_eq!(shown, denied(reads), "{statements}");
        let (written, made) =
            (world.command(put("a", 2, "y", &[])).map(drop), world.command(under("b")).map(drop));
        assert_eq!(written, denied(writes), "{statements}");
        assert_eq!(made, denied(writes), "{statements}");
    }
}

/// AWS: the encryption context of a secret's data key is the caller's to require.
#[test]
fn key_policies_see_the_context_of_a_secret() {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let under =
        |name| CreateSecret { kms_key_id: Some(key.to_string().into()), ..create_with(name, "x") };
    set_key_policy(
        &mut world,
        &key,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"StringLike":{"kms:EncryptionContext:SecretARN":"arn:aws:secretsmanager:us-east-1:111122223333:secret:app/*"},"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["SecretARN","SecretVersionId"]}}}"#,
    );
    world.command(under("app/one")).unwrap();
    assert_eq!(value(&world, "app/one").unwrap(), "x");
    assert_eq!(world.command(under("other")).unwrap_err(), Error::KmsDenied);
}

/// AWS: a key of another account is named by its ARN, and both accounts must allow its use.
#[test]
fn a_secret_under_another_accounts_key() {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let other = "999988887777".parse().unwrap();
    world.caller = Caller::account_root(other, world.region);
    let under =
        |name| CreateSecret { kms_key_id: Some(key.to_string().into()), ..create_with(name, "x") };
    assert_eq!(world.command(under("a")).unwrap_err(), Error::KmsDenied);
    set_key_policy(&mut world, &key, ALL);
    world.command(under("a")).unwrap();
    assert_eq!(value(&world, "a").unwrap(), "x");
    world.command(put("a", 2, "y", &[])).unwrap();
    assert_eq!(value(&world, "a").unwrap(), "y");
    // The owner takes it back.
    let owners =
        r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}"#;
    set_key_policy(&mut world, &key, owners);
    assert_eq!(value(&world, "a"), Err(Error::KmsDenied));
}

/// AWS: "If you don't have kms:Encrypt permission to the new key, Secrets Manager does not re-encrypt
/// existing secret versions with the new key."
#[test]
fn without_encrypt_on_the_new_key_versions_stay_under_the_old_one() {
    let mut world = World::new();
    let old = customer_key(&mut world, 1, KeyState::Enabled);
    let new = customer_key(&mut world, 2, KeyState::Enabled);
    let under = |key: &KeyArn| Some(key.to_string().into());
    world.command(CreateSecret { kms_key_id: under(&old), ..create_with("a", "x") }).unwrap();
    set_key_policy(
        &mut world,
        &new,
        &format!(
            "{ALL},{}",
            r#"{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#
        ),
    );
    let held = |world: &World| {
        let found = secret(world, "a");
        let keys = [1, 2].map(|number| {
            let version = world
                .store
                .version(world.scope(), &found.name, found.suffix, &token(number))
                .unwrap()?;
            crate::secrets::value::key_arn(world.region, &version.value)
        });
        keys.into_iter().flatten().collect::<Vec<_>>()
    };
    world.command(UpdateSecret { kms_key_id: under(&new), ..update("a") }).unwrap();
    assert_eq!(secret(&world, "a").kms_key_id, under(&new));
    assert_eq!(held(&world), [old]);
    assert_eq!(value(&world, "a").unwrap(), "x");
    world.command(put("a", 2, "y", &[])).unwrap();
    assert_eq!(held(&world), [old, new]);
    // With the permission, those in use move.
    set_key_policy(&mut world, &new, ALL);
    world.command(UpdateSecret { kms_key_id: under(&old), ..update("a") }).unwrap();
    assert_eq!(held(&world), [old, old]);
    world.command(UpdateSecret { kms_key_id: under(&new), ..update("a") }).unwrap();
    assert_eq!(held(&world), [new, new]);
}
