//! AWS::KMS::ReplicaKey: ReplicateKey in the primary's Region, asked for across the link.
//!
//! The stack's own record of the replica comes first, then the question, until it is answered: the
//! primary grants it once (`regent_core::keys::requests`), so that a crash makes no second replica
//! and leaves none behind that the stack does not know.

use regent_cfn::{Text, Value};
use regent_core::cx::Ask;
use regent_core::ids::{KeyArn, KeyId, Scope};
use regent_core::keys::access::KeyName;
use regent_core::keys::model::Install;
use regent_core::ports::StoreFault;
use regent_core::replication::change::{Answer, Asker, Question};
use regent_core::stacks::handlers::{Change, Done, Failure, Handled, Settled};
use regent_core::tx::{Records, Tx};

use super::At;
use super::call::{answer, handler_code, refused, said};
use super::key::{self, is_enabled, plain};
use super::value::{document, tags, text};
use crate::service::Service;

const SERVICE: Service = Service::Kms;

/// Only the name: the key is there when it has settled.
pub(super) fn create(at: &At<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
    let cx = at.place.cx;
    let given = text(wanted, "PrimaryKeyArn").unwrap_or_else(|| Text::new(""));
    let Some(primary) = primary(given.expose()) else {
        return Err(refused(
            cx,
            SERVICE,
            &format!("Invalid arn {}", given.expose()),
            "InvalidRequest",
        ));
    };
    if primary.scope.region == cx.region {
        // Refused as KMS refuses it: a key's own Region holds no replica of it.
        let done = at.calls.call(tx, SERVICE, "ReplicateKey", 512, |body| {
            body.string("KeyId", given.expose());
            body.string("ReplicaRegion", cx.region.as_str());
        });
        answer!(cx, SERVICE, done);
        return Err(Failure::Store(StoreFault));
    }
    if !cx.regions.contains(&primary.scope.region) {
        let text = format!("{} is not a Region of this installation.", primary.scope.region);
        return Err(said(cx, &text, "NotFound"));
    }
    Ok(Done::Done(primary.id.to_string().into()))
}

/// Asks the primary's Region, and waits for the replica to be here.
pub(super) fn settle(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    wanted: &Value,
) -> Handled<Settled> {
    let cx = at.place.cx;
    let given = text(wanted, "PrimaryKeyArn").ok_or(StoreFault)?;
    let key = primary(given.expose()).ok_or(StoreFault)?;
    let policy = document(wanted, "KeyPolicy").ok_or(StoreFault)?;
    let description = text(wanted, "Description");
    let install = Install {
        policy: policy.expose().into(),
        description: description.as_ref().map_or("", Text::expose).into(),
        tags: tags(at.place.tags, wanted),
    };
    let (token, caller) = (token(at), Asker::of(cx.caller));
    let install = Box::new(install);
    let question = Question::Replicate { key, token, install, caller };
    match asked(at, key, question) {
        Err(asks) => return Ok(Done::Ask(asks)),
        Ok(Answer::Yes) => {}
        Ok(Answer::Refused { code, text }) => {
            let words = words(refused(cx, SERVICE, &text, handler_code(&code)))?;
            return Ok(Done::Done(Settled::Unmade(words)));
        }
        Ok(Answer::Unreachable | Answer::No(_)) => return Ok(Done::Done(Settled::NotYet)),
    }
    if !is_here(at, tx, physical)? {
        return Ok(Done::Done(Settled::NotYet));
    }
    if !is_enabled(wanted) {
        answer!(cx, SERVICE, plain(at, tx, "DisableKey", physical));
    }
    Ok(Done::Done(Settled::Yes))
}

/// As any key's. One whose creation was given up is waited for first, as it was asked for.
pub(super) fn update(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    change: Change<'_>,
) -> Handled<()> {
    if !at.place.has_settled && !change.adopted {
        match settle(at, tx, physical, change.was)? {
            Done::Done(Settled::Yes) => {}
            Done::Done(Settled::Never(words) | Settled::Unmade(words)) => {
                return Err(Failure::Refused(words));
            }
            Done::Done(Settled::NotYet) | Done::Later => return Ok(Done::Later),
            Done::Ask(asks) => return Ok(Done::Ask(asks)),
        }
    }
    key::update(at, tx, physical, change)
}

/// As any key's; but one that has not settled may still be on its way, and what is here then may be
/// the replica of another stack, or nobody's.
pub(super) fn delete(
    at: &At<'_>,
    tx: &mut Tx<'_>,
    physical: &str,
    was: Option<&Value>,
) -> Handled<()> {
    if at.place.has_settled {
        return key::delete(at, tx, physical, was);
    }
    let (mut granted, mut silent, mut asks) = (false, None, Vec::new());
    for key in primaries(at, physical, was)? {
        let question =
            Question::Withdraw { key, token: token(at), caller: Asker::of(at.place.cx.caller) };
        match asked(at, key, question) {
            Err(more) => asks.extend(more),
            Ok(Answer::Yes) => granted = true,
            Ok(Answer::Refused { .. } | Answer::No(_)) => {}
            Ok(Answer::Unreachable) => silent = Some(key.scope.region),
        }
    }
    if !asks.is_empty() {
        return Ok(Done::Ask(asks));
    }
    match silent {
        _ if granted && is_here(at, tx, physical)? => key::delete(at, tx, physical, was),
        _ if granted => Ok(Done::Later),
        Some(region) => {
            let text = format!("{region} did not say whether the replica is on its way.");
            Err(said(at.place.cx, &text, "NotStabilized"))
        }
        None => Ok(Done::Done(())),
    }
}

/// The key that was asked for a replica. Of a resource that is in no template any more only its id is
/// known, so that it may be in any other Region.
fn primaries(at: &At<'_>, physical: &str, was: Option<&Value>) -> Result<Vec<KeyArn>, StoreFault> {
    let given = was.and_then(|was| text(was, "PrimaryKeyArn"));
    if let Some(key) = given.and_then(|given| primary(given.expose())) {
        return Ok(vec![key]);
    }
    let id: KeyId = physical.parse().map_err(|_| StoreFault)?;
    let (own, cx) = (at.place.cx.scope(), at.place.cx);
    let others = cx.regions.iter().filter(|region| **region != own.region);
    Ok(others.map(|region| KeyArn { scope: Scope { region: *region, ..own }, id }).collect())
}

fn asked(at: &At<'_>, key: KeyArn, question: Question) -> Result<Answer, Vec<Ask>> {
    let region = key.scope.region;
    let answers = at.place.cx.answers;
    match answers.get(&(region, question.clone())) {
        Some(answer) => Ok(answer.clone()),
        None => Err(vec![Ask { region, question }]),
    }
}

/// Names the wish for this instance.
fn token(at: &At<'_>) -> Box<str> {
    let (stack, logical, made) = (at.place.stack.id, at.place.logical, at.place.made);
    format!("{stack}/{logical}/{made}").into()
}

fn is_here(at: &At<'_>, tx: &Tx<'_>, physical: &str) -> Result<bool, StoreFault> {
    let id: KeyId = physical.parse().map_err(|_| StoreFault)?;
    Ok(tx.kms_key(at.place.cx.scope(), id)?.is_some())
}

fn primary(given: &str) -> Option<KeyArn> {
    match KeyName::parse(given) {
        Ok(KeyName::Arn(arn)) => Some(arn),
        _ => None,
    }
}

fn words(failure: Failure) -> Result<Box<str>, StoreFault> {
    match failure {
        Failure::Refused(words) => Ok(words),
        Failure::Store(fault) => Err(fault),
    }
}
