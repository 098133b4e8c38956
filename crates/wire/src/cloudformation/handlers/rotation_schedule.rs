//! AWS::SecretsManager::RotationSchedule: RotateSecret and CancelRotateSecret.
//!
//! AWS: what is made is the setting of the secret, so that another schedule of the same secret takes
//! it over, and the end of either ends it. An update waits for a rotation that is under way.

use regent_cfn::{Text, Value};
use regent_core::ports::StoreFault;
use regent_core::stacks::handlers::{Change, Done, Handled};
use regent_core::tx::Tx;
use serde::Deserialize;

use super::At;
use super::call::{Body, Unanswered, answer, is_absent, unanswered};
use super::value::{flag, number, text};
use crate::json;
use crate::secretsmanager::fault::ROTATION_INCOMPLETE;
use crate::service::Service;

const SERVICE: Service = Service::SecretsManager;

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "ARN")]
    arn: Box<str>,
}

pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let secret = text(wanted, "SecretId").unwrap_or_else(|| Text::new(""));
    let body = answer!(at.place.cx, SERVICE, rotate(at, tx, secret.expose(), wanted));
    let answer: Answer = json::parse(&body).map_err(|_| StoreFault)?;
    Ok(Done::Done(answer.arn))
}

pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    match rotate(at, tx, physical, change.wanted) {
        // Also a rollback has to set it again, which may come right after.
        Err(Unanswered::Fault(fault)) if fault.message() == Some(ROTATION_INCOMPLETE) => {
            Ok(Done::Later)
        }
        Err(why) => unanswered(at.place.cx, SERVICE, why),
        Ok(_) => Ok(Done::Done(())),
    }
}

pub(super) fn delete(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
    let done = at.calls.call(tx, SERVICE, "CancelRotateSecret", 512, |body| {
        body.string("SecretId", physical);
    });
    match done {
        Err(why) if !is_absent(&why) => unanswered(at.place.cx, SERVICE, why),
        _ => Ok(Done::Done(())),
    }
}

/// AWS: the secret is rotated at once unless the template says otherwise.
fn rotate(at: &At<'_>, tx: &mut Tx<'_>, secret: &str, wanted: &Value) -> Result<Body, Unanswered> {
    let rules = wanted.get("RotationRules");
    let metadata = wanted.get("ExternalSecretRotationMetadata").and_then(Value::as_list);
    at.calls.call(tx, SERVICE, "RotateSecret", 2048, |body| {
        body.string("SecretId", secret);
        body.string("ClientRequestToken", at.place.cx.request_id.text().as_str());
        for member in ["RotationLambdaARN", "ExternalSecretRotationRoleArn"] {
            body.string(member, text(wanted, member).as_ref().map(Text::expose));
        }
        if let Some(rules) = rules {
            body.object("RotationRules", |out| {
                out.number("AutomaticallyAfterDays", number(rules, "AutomaticallyAfterDays"));
                for member in ["Duration", "ScheduleExpression"] {
                    out.string(member, text(rules, member).as_ref().map(Text::expose));
                }
            });
        }
        if let Some(metadata) = metadata {
            body.array("ExternalSecretRotationMetadata", |list| {
                for item in metadata {
                    list.object(|out| {
                        for member in ["Key", "Value"] {
                            out.string(member, text(item, member).as_ref().map(Text::expose));
                        }
                    });
                }
            });
        }
        let now = flag(wanted, "RotateImmediatelyOnUpdate").unwrap_or(true);
        body.boolean("RotateImmediately", now);
    })
}
