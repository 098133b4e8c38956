//! AWS::KMS::Key: CreateKey and what makes it as it should be; its end is a scheduled deletion.

use regent_cfn::{Text, Value};
use regent_core::ports::StoreFault;
use regent_core::stacks::handlers::{Change, Done, Handled};
use regent_core::tx::Tx;
use serde::Deserialize;

use super::At;
use super::call::{Unanswered, answer, is_absent, said, unanswered};
use super::tagging::OF_KEYS;
use super::value::{differs, document, flag, number, tags, text};
use crate::json;
use crate::service::{Protocol, Service};

const SERVICE: Service = Service::Kms;
const ROTATION_OF_DISABLED: &str =
    "You cannot change the EnableKeyRotation property while the Enabled property is false.";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    key_metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    key_id: Box<str>,
    key_state: Box<str>,
}

pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let cx = at.place.cx;
    let all = tags(at.place.tags, wanted);
    let policy = document(wanted, "KeyPolicy");
    let body = at.calls.call(tx, SERVICE, "CreateKey", 2048, |body| {
        body.string("Policy", policy.as_ref().map(Text::expose));
        for member in ["Description", "KeySpec", "KeyUsage", "Origin"] {
            body.string(member, text(wanted, member).as_ref().map(Text::expose));
        }
        for member in ["MultiRegion", "BypassPolicyLockoutSafetyCheck"] {
            body.boolean(member, flag(wanted, member));
        }
        OF_KEYS.write(body, &all);
    });
    let body = answer!(cx, SERVICE, body);
    let made: Answer = json::parse(&body).map_err(|_| StoreFault)?;
    let id = made.key_metadata.key_id;
    if is_rotated(wanted) {
        answer!(cx, SERVICE, rotate(at, tx, &id, wanted));
    }
    if !is_enabled(wanted) {
        answer!(cx, SERVICE, plain(at, tx, "DisableKey", &id));
    }
    Ok(Done::Done(id))
}

/// AWS: in this order, so that what needs an enabled key finds one.
pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    let cx = at.place.cx;
    let Change { was, wanted, tags_before, .. } = change;
    let rotation = is_rotated(was) != is_rotated(wanted)
        || is_rotated(wanted) && differs(was, wanted, "RotationPeriodInDays");
    if rotation && !is_enabled(was) && !is_enabled(wanted) {
        return Err(said(cx, ROTATION_OF_DISABLED, "InvalidRequest"));
    }
    if !is_enabled(was) && is_enabled(wanted) {
        answer!(cx, SERVICE, plain(at, tx, "EnableKey", physical));
    }
    if rotation {
        let done = if is_rotated(wanted) {
            rotate(at, tx, physical, wanted)
        } else {
            plain(at, tx, "DisableKeyRotation", physical)
        };
        answer!(cx, SERVICE, done);
    }
    if is_enabled(was) && !is_enabled(wanted) {
        answer!(cx, SERVICE, plain(at, tx, "DisableKey", physical));
    }
    if differs(was, wanted, "Description") {
        let description = text(wanted, "Description");
        let done = at.calls.call(tx, SERVICE, "UpdateKeyDescription", 512, |body| {
            body.string("KeyId", physical);
            body.string("Description", description.as_ref().map_or("", Text::expose));
        });
        answer!(cx, SERVICE, done);
    }
    if differs(was, wanted, "KeyPolicy") {
        answer!(cx, SERVICE, put_policy(at, tx, physical, wanted));
    }
    let both = (&tags(tags_before, was), &tags(at.place.tags, wanted));
    match OF_KEYS.change(at, tx, physical, both) {
        Ok(()) => Ok(Done::Done(())),
        Err(why) => unanswered(cx, SERVICE, why),
    }
}

/// AWS: a key whose deletion is under way counts as deleted.
pub(super) fn delete(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    was: Option<&Value>,
) -> Handled<()> {
    let cx = at.place.cx;
    let window = was.and_then(|was| number(was, "PendingWindowInDays"));
    let done = at.calls.call(tx, SERVICE, "ScheduleKeyDeletion", 512, |body| {
        body.string("KeyId", physical);
        body.number("PendingWindowInDays", window);
    });
    match done {
        Ok(_) => Ok(Done::Done(())),
        Err(why) if is_absent(&why) || is_leaving(at, tx, physical, &why) => Ok(Done::Done(())),
        Err(why) => unanswered(cx, SERVICE, why),
    }
}

fn is_leaving(at: &At<'_>, tx: &mut Tx<'_>, physical: &str, why: &Unanswered) -> bool {
    let Unanswered::Fault(fault) = why else { return false };
    if fault.code(Protocol::Json) != "KMSInvalidStateException" {
        return false;
    }
    let Ok(body) = plain(at, tx, "DescribeKey", physical) else { return false };
    let found = json::parse::<Answer>(&body);
    found.is_ok_and(|found| found.key_metadata.key_state.starts_with("Pending"))
}

pub(super) fn is_enabled(properties: &Value) -> bool {
    flag(properties, "Enabled").unwrap_or(true)
}

fn is_rotated(properties: &Value) -> bool {
    flag(properties, "EnableKeyRotation").unwrap_or_default()
}

fn rotate(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    id: &str,
    wanted: &Value,
) -> Result<super::call::Body, Unanswered> {
    at.calls.call(tx, SERVICE, "EnableKeyRotation", 512, |body| {
        body.string("KeyId", id);
        body.number("RotationPeriodInDays", number(wanted, "RotationPeriodInDays").unwrap_or(365));
    })
}

/// An operation that takes a key and nothing else.
pub(super) fn plain(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    name: &'static str,
    id: &str,
) -> Result<super::call::Body, Unanswered> {
    at.calls.call(tx, SERVICE, name, 512, |body| body.string("KeyId", id))
}

/// AWS: leaving the policy out means the default one.
fn put_policy(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    id: &str,
    wanted: &Value,
) -> Result<super::call::Body, Unanswered> {
    let policy = document(wanted, "KeyPolicy").unwrap_or_else(|| default_policy(at));
    at.calls.call(tx, SERVICE, "PutKeyPolicy", 2048, |body| {
        body.string("KeyId", id);
        body.string("Policy", policy.expose());
        let bypass = flag(wanted, "BypassPolicyLockoutSafetyCheck");
        body.boolean("BypassPolicyLockoutSafetyCheck", bypass);
    })
}

fn default_policy(at: &At<'_>) -> Text {
    let (partition, account) = (at.place.cx.region.partition(), at.place.cx.caller.account);
    Text::new(format!(
        r#"{{"Version":"2012-10-17","Id":"key-default-1","Statement":[{{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{{"AWS":"arn:{partition}:iam::{account}:root"}},"Action":"kms:*","Resource":"*"}}]}}"#
    ))
}
