//! AWS::KMS::Alias: CreateAlias, UpdateAlias, DeleteAlias.

use regent_cfn::{Text, Value};
use regent_core::stacks::handlers::{Change, Done, Handled};
use regent_core::tx::Tx;

use super::At;
use super::call::{Unanswered, answer, is_absent, said, unanswered};
use super::value::text;
use crate::service::{Protocol, Service};

const SERVICE: Service = Service::Kms;

pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let cx = at.place.cx;
    let name = text(wanted, "AliasName").unwrap_or_else(|| Text::new(""));
    match point(at, tx, "CreateAlias", name.expose(), wanted) {
        Ok(_) => Ok(Done::Done(name.expose().into())),
        Err(Unanswered::Fault(fault)) if fault.code(Protocol::Json) == "AlreadyExistsException" => {
            let text = format!(
                "Resource of type 'AWS::KMS::Alias' with identifier '{}' already exists.",
                name.expose()
            );
            Err(said(cx, &text, "AlreadyExists"))
        }
        Err(why) => unanswered(cx, SERVICE, why),
    }
}

pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    let done = point(at, tx, "UpdateAlias", physical, change.wanted);
    answer!(at.place.cx, SERVICE, done);
    Ok(Done::Done(()))
}

pub(super) fn delete(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
    let done = at.calls.call(tx, SERVICE, "DeleteAlias", 512, |body| {
        body.string("AliasName", physical);
    });
    match done {
        Err(why) if !is_absent(&why) => unanswered(at.place.cx, SERVICE, why),
        _ => Ok(Done::Done(())),
    }
}

fn point(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    operation: &'static str,
    name: &str,
    wanted: &Value,
) -> Result<super::call::Body, Unanswered> {
    let target = text(wanted, "TargetKeyId");
    at.calls.call(tx, SERVICE, operation, 512, |body| {
        body.string("AliasName", name);
        body.string("TargetKeyId", target.as_ref().map(Text::expose));
    })
}
