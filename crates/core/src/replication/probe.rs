//! Answering what another Region asks before it accepts a request (promise R3).
//!
//! The answer is this Region's own: its key store, its policies, its names. Nothing is written.

use crate::cx::Cx;
use crate::ids::{Scope, SecretArn};
use crate::keys::ops::update_primary_region;
use crate::ports::{Read, StoreFault};
use crate::replication::change::{Answer, Question};
use crate::secrets::model::{ReplicaFailure, Role};
use crate::secrets::value::prove_key;
use crate::tx::Records;

/// Answers a question. `cx.caller` is the principal that it was asked for.
pub fn answer(cx: &Cx<'_>, read: &dyn Read, question: &Question) -> Result<Answer, StoreFault> {
    match question {
        Question::CanHold { arn, kms_key_id, overwrite, .. } => {
            can_hold(cx, read, arn, kms_key_id.as_deref(), *overwrite)
        }
        Question::CanBePrimary { key, .. } => {
            Ok(match update_primary_region::can_be_primary(cx, read, *key)? {
                Ok(()) => Answer::Yes,
                Err(problem) => Answer::No(ReplicaFailure::ReplicaKey(problem)),
            })
        }
        // Answered where the operations are: they write.
        Question::Replicate { .. } | Question::Withdraw { .. } => Ok(Answer::Unreachable),
    }
}

fn can_hold(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    kms_key_id: Option<&str>,
    overwrite: bool,
) -> Result<Answer, StoreFault> {
    let own = arn.in_region(cx.region);
    if let Some(failure) = collision(read, &own, arn, overwrite)? {
        return Ok(Answer::No(failure));
    }
    Ok(match prove_key(cx, read, &own, kms_key_id)? {
        Ok(()) => Answer::Yes,
        Err(problem) => Answer::No(ReplicaFailure::ReplicaKey(problem)),
    })
}

/// What stands in the way of a replica of this name, if anything.
fn collision(
    read: &dyn Read,
    own: &SecretArn,
    primary: &SecretArn,
    overwrite: bool,
) -> Result<Option<ReplicaFailure>, StoreFault> {
    let scope = Scope { region: own.scope.region, account: own.scope.account };
    let Some(existing) = read.secret(scope, &own.name)? else { return Ok(None) };
    Ok(match &existing.role {
        Role::Replica { primary: region }
            if existing.suffix == own.suffix && *region == primary.scope.region =>
        {
            None
        }
        Role::Replica { .. } => Some(ReplicaFailure::ReplicatedWithOtherArn),
        Role::Primary { .. } if overwrite && existing.stands_alone() => None,
        Role::Primary { .. } | Role::CrossAccountReplica(_) => Some(ReplicaFailure::NameTaken),
    })
}
