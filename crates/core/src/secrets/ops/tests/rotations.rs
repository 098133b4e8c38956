//! Who may have a secret rotated, and by which function.
//!
//! What a rotation does then is tested beside its machine.

use super::*;
use crate::policy::evaluate::Refusal;

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
