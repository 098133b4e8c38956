//! Rotation as answers show it, and the event that a rotation function is invoked with.

use regent_core::secrets::rotation::Rotation;
use regent_core::secrets::rotation::machine::Invocation;
use regent_core::time::Timestamp;

use crate::json::{self, Object};

/// What DescribeSecret and ListSecrets show of a rotation that was ever configured. `last` is the
/// date of the last rotation, which the two show under different conditions.
pub fn configuration(body: &mut Object<'_>, rotation: Option<&Rotation>, last: Option<Timestamp>) {
    let Some(rotation) = rotation else { return };
    body.boolean("RotationEnabled", rotation.enabled);
    body.string("RotationLambdaARN", rotation.function.as_deref());
    let given = rotation.rules.given();
    let days = rotation.rules.days_shown(rotation.last, rotation.since);
    body.object("RotationRules", |rules| {
        rules.number("AutomaticallyAfterDays", days.map(i64::from));
        rules.string("Duration", given.duration.as_deref());
        rules.string("ScheduleExpression", given.expression.as_deref());
    });
    if !rotation.metadata.is_empty() {
        body.array("ExternalSecretRotationMetadata", |list| {
            for (key, value) in &rotation.metadata {
                list.object(|item| {
                    item.string("Key", &**key);
                    item.string("Value", &**value);
                });
            }
        });
    }
    body.string("ExternalSecretRotationRoleArn", rotation.role.as_deref());
    body.time("LastRotatedDate", last);
    body.time("NextRotationDate", rotation.next.map(|window| window.end));
}

/// The event of an invocation, as AWS sends it to a function.
pub fn event(invocation: &Invocation) -> Vec<u8> {
    json::body(512, |event| {
        event.string("Step", invocation.step.as_str());
        event.string("SecretId", invocation.secret.to_string().as_str());
        event.string("ClientRequestToken", invocation.version.as_str());
        event.string("RotationToken", invocation.token.expose().as_str());
    })
}
