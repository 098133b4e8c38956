//! What AWS records of secrets besides requests: the service's own events, of rotations, of deleted
//! versions and of replication.
//!
//! They are collected in the transaction that makes them true, and the shell writes them to the
//! audit log once it is committed. How one is spelled is the wire's business. None has a value in
//! it (promise R7).

use crate::cx::Cx;
use crate::ids::{Region, RequestId, Scope, SecretArn, VersionId};
use crate::secrets::model::{LinkStatus, Replica, ReplicaFailure, ReplicaStatus, Secret};
use crate::secrets::rotation::{Purpose, Step};
use crate::time::Timestamp;
use crate::tx::Tx;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    pub at: Timestamp,
    pub secret: SecretArn,
    pub what: Happening,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Started(Purpose),
    Succeeded(Purpose),
    /// One attempt has failed, at this step of this function.
    Failed {
        purpose: Purpose,
        function: Box<str>,
        step: Step,
    },
    /// Another version took the place of the one under way.
    Abandoned,
    /// One version goes, or does not go after all.
    Removal {
        removal: Removal,
        version: VersionId,
    },
    /// The secret is brought to a replica of it.
    Replication {
        to: Destination,
        progress: Progress,
    },
}

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// The deletion of its secret has begun.
    Started,
    /// The deletion of its secret was taken back.
    Cancelled,
    /// It is gone with its secret.
    Ended,
    /// It was deprecated, and made room for newer ones.
    Outdated,
}

/// Which replica a secret is brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    Region(Region),
    /// The secret of another account.
    Account(SecretArn),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Started,
    Succeeded,
    Failed { failure: ReplicaFailure, request_id: RequestId },
}

/// Adds an event to the transaction, for the audit log.
pub fn announce(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, secret: &Secret, what: Happening) {
    tx.announce(ServiceEvent { at: cx.now, secret: secret.arn(scope), what });
}

/// Says that a replica's status becomes `next`. One that stays as it is, is no news: a hundred
/// changes during an outage are one replication.
pub fn announce_status(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &Secret,
    before: Option<&ReplicaStatus>,
    next: &Replica,
) {
    if before == Some(&next.status) {
        return;
    }
    let progress = match &next.status {
        ReplicaStatus::InProgress => Progress::Started,
        ReplicaStatus::InSync => Progress::Succeeded,
        ReplicaStatus::Failed { failure, request_id } => {
            Progress::Failed { failure: failure.clone(), request_id: *request_id }
        }
    };
    let to = Destination::Region(next.region);
    announce(cx, tx, scope, secret, Happening::Replication { to, progress });
}

/// Says what came of a replication to another account, which begins and ends in one transaction.
pub fn announce_link(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    primary: &Secret,
    replica: &SecretArn,
    status: &LinkStatus,
) {
    let ended = match status {
        LinkStatus::InSync => Progress::Succeeded,
        LinkStatus::Failed { failure, request_id } => {
            Progress::Failed { failure: failure.clone(), request_id: *request_id }
        }
        LinkStatus::Pending | LinkStatus::Detached => return,
    };
    for progress in [Progress::Started, ended] {
        let to = Destination::Account(replica.clone());
        announce(cx, tx, scope, primary, Happening::Replication { to, progress });
    }
}
