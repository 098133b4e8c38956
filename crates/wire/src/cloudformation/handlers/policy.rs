//! AWS::SecretsManager::ResourcePolicy: PutResourcePolicy and DeleteResourcePolicy.

use regent_cfn::{Text, Value};
use regent_core::ports::StoreFault;
use regent_core::stacks::handlers::{Change, Done, Handled};
use regent_core::tx::Tx;
use serde::Deserialize;

use super::At;
use super::call::{Body, Unanswered, answer, is_absent, said, unanswered};
use super::value::{document, flag, text};
use crate::json;
use crate::service::Service;

const SERVICE: Service = Service::SecretsManager;

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(rename = "ARN")]
    arn: Box<str>,
    #[serde(rename = "ResourcePolicy")]
    policy: Option<Box<str>>,
}

/// AWS: refused if the secret has a policy already.
pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let cx = at.place.cx;
    let secret = text(wanted, "SecretId").unwrap_or_else(|| Text::new(""));
    let found = at.calls.call(tx, SERVICE, "GetResourcePolicy", 512, |body| {
        body.string("SecretId", secret.expose());
    });
    let found: Answer = read(&answer!(cx, SERVICE, found))?;
    if found.policy.is_some() {
        let text = format!(
            "Resource of type 'AWS::SecretsManager::ResourcePolicy' with identifier '{}' already exists.",
            found.arn
        );
        return Err(said(cx, &text, "AlreadyExists"));
    }
    let done: Answer = read(&answer!(cx, SERVICE, put(at, tx, secret.expose(), wanted)))?;
    Ok(Done::Done(done.arn))
}

pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    let done = put(at, tx, physical, change.wanted);
    answer!(at.place.cx, SERVICE, done);
    Ok(Done::Done(()))
}

pub(super) fn delete(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
    let done = at.calls.call(tx, SERVICE, "DeleteResourcePolicy", 512, |body| {
        body.string("SecretId", physical);
    });
    match done {
        Err(why) if !is_absent(&why) => unanswered(at.place.cx, SERVICE, why),
        _ => Ok(Done::Done(())),
    }
}

/// AWS: policies that let everybody in are blocked unless the template says otherwise.
fn put(at: &At<'_>, tx: &mut Tx<'_>, secret: &str, wanted: &Value) -> Result<Body, Unanswered> {
    let policy = document(wanted, "ResourcePolicy");
    at.calls.call(tx, SERVICE, "PutResourcePolicy", 2048, |body| {
        body.string("SecretId", secret);
        body.string("ResourcePolicy", policy.as_ref().map(Text::expose));
        body.boolean("BlockPublicPolicy", flag(wanted, "BlockPublicPolicy").unwrap_or(true));
    })
}

fn read<'b, T: Deserialize<'b>>(body: &'b Body) -> Result<T, StoreFault> {
    json::parse(body).map_err(|_| StoreFault)
}
