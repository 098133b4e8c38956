//! Who may have a secret rotated, and by which function.
//!
//! What a rotation does then is tested beside its machine.

use super::*;
use crate::deadlines;
use crate::policy::evaluate::Refusal;
use crate::records::Due;
use crate::secrets::rotation::schedule::Given;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";
const STRANGE: &str = "arn:aws:lambda:us-east-1:444455556666:function:rotate";

fn rotate(number: u32, function: Option<&str>) -> RotateSecret {
    RotateSecret {
        secret: id("a"),
        token: token(number),
        function: function.map(Into::into),
        rules: None,
        metadata: None,
        role: None,
        immediately: true,
    }
}

fn world() -> World {
    let mut world = World::new();
    world.functions.extend([FUNCTION, STRANGE].map(Into::into));
    world.command(create_with("a", "x")).unwrap();
    world
}

/// What the caller was refused: the action, the resource and why.
fn denied(result: Result<impl core::fmt::Debug, Error>) -> (&'static str, Box<str>, Refusal) {
    match result {
        Err(Error::Denied(denied)) => (denied.action, denied.resource, denied.refusal),
        other => panic!("{other:?}"),
    }
}

/// AWS: "You also need lambda:InvokeFunction permissions on the rotation function."
#[test]
fn whoever_has_a_secret_rotated_may_invoke_the_function() {
    let mut world = world();
    let before = secret(&world, "a");
    let rotates = r#"{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}"#;
    become_user(&mut world, rotates);
    let refused = ("lambda:InvokeFunction", FUNCTION.into(), Refusal::NoIdentityAllow);
    assert_eq!(denied(world.command(rotate(2, Some(FUNCTION)))), refused);
    assert_eq!(secret(&world, "a"), before);
    let invokes = format!(
        r#"{rotates},{{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"{FUNCTION}"}}"#
    );
    become_user(&mut world, &invokes);
    world.command(rotate(2, Some(FUNCTION))).unwrap();
    // Also of the function that is stored.
    become_user(&mut world, rotates);
    assert_eq!(denied(world.command(rotate(2, None))), refused);
    become_user(&mut world, &invokes);
    world.command(rotate(2, None)).unwrap();
}

/// Functions have no policies here, so none is invoked for another account's secrets.
#[test]
fn another_accounts_function_rotates_nothing() {
    let mut world = world();
    let refused = ("lambda:InvokeFunction", STRANGE.into(), Refusal::NoResourceAllow);
    assert_eq!(denied(world.command(rotate(2, Some(STRANGE)))), refused);
    assert_eq!(secret(&world, "a").rotation, None);
    for nonsense in ["rotate", "arn:aws:lambda:us-east-1:x:function:rotate"] {
        let unusable = world.command(rotate(2, Some(nonsense)));
        assert_eq!(unusable, Err(Error::FunctionUnusable), "{nonsense}");
    }
}

/// AWS: RotateSecret uses no key, also when it tests the configuration with the current value.
#[test]
fn a_test_of_the_configuration_needs_no_key_of_the_caller() {
    let mut world = world();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let under = UpdateSecret { kms_key_id: Some(key.to_string().into()), ..update("a") };
    world.command(under).unwrap();
    let owner = world.caller.clone();
    become_user(
        &mut world,
        r#"{"Effect":"Allow","Action":["secretsmanager:*","lambda:*"],"Resource":"*"}"#,
    );
    assert_eq!(value(&world, "a"), Err(Error::KmsDenied));
    world.command(RotateSecret { immediately: false, ..rotate(2, Some(FUNCTION)) }).unwrap();
    world.caller = owner;
    let (pending, invoked) = begin(&mut world);
    assert!(invoked && pending, "the copy is the service's to make");
}

/// A key that does not allow the copy fails the test, and not the request.
#[test]
fn a_test_fails_if_the_key_does_not_open_the_value() {
    let mut world = world();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let under = UpdateSecret { kms_key_id: Some(key.to_string().into()), ..update("a") };
    world.command(under).unwrap();
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}"#;
    set_key_policy(&mut world, &key, deny);
    world.command(RotateSecret { immediately: false, ..rotate(2, Some(FUNCTION)) }).unwrap();
    assert_eq!(begin(&mut world), (false, false));
    let found = secret(&world, "a");
    assert!(!found.stages.contains_key(&label("AWSPENDING")) && found.version_count == 1);
    assert!(found.rotation.is_some_and(|rotation| rotation.enabled && rotation.run.is_none()));
}

/// Handles the rotation's deadline: whether AWSPENDING has a value then, and a function is invoked.
fn begin(world: &mut World) -> (bool, bool) {
    let due = |key: &&Key| matches!(key, Key::Deadline { due: Due::Rotate { .. }, .. });
    let deadline = world.store.keys().find(due).unwrap().clone();
    let invoked = world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap().is_some();
    let pending = GetSecretValue { stage: Some(label("AWSPENDING")), ..get("a") };
    (world.query(pending).is_ok(), invoked)
}

/// A token is for one version and one configuration; whoever wants another must not be told that
/// it was done.
#[test]
fn a_token_is_not_for_another_rotation() {
    let mut world = world();
    let arn = secret(&world, "a").arn(world.scope());
    let in_use = |number| Err(Error::RotationTokenInUse { token: token(number), arn: arn.clone() });
    // The token of the value that is there: nothing would be rotated.
    assert_eq!(world.command(rotate(1, Some(FUNCTION))).map(drop), in_use(1));
    assert_eq!(secret(&world, "a").rotation, None);
    world.command(rotate(2, Some(FUNCTION))).unwrap();
    let before = secret(&world, "a");
    world.command(rotate(2, Some(FUNCTION))).unwrap();
    assert_eq!(secret(&world, "a"), before);
    let rules = Given { after_days: Some(7), ..Given::default() };
    for other in [
        RotateSecret { rules: Some(rules), ..rotate(2, None) },
        RotateSecret { immediately: false, ..rotate(2, None) },
    ] {
        assert_eq!(world.command(other).map(drop), in_use(2));
        assert_eq!(secret(&world, "a"), before);
    }
}
