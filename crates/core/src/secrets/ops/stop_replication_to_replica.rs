//! StopReplicationToReplica: a replica becomes a secret of its own, with the same ARN.
//!
//! Also a replica in another account leaves its primary so.
//!
//! PROMISE R9: the new owner begins a new epoch, so that whatever its former primary still sends
//! is fenced. The former primary is told, and until it is reached nothing here waits for it.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{PolicyName, SecretArn};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Intent, Subject};
use crate::replication::outbox::{enqueue, subject_of};
use crate::replication::receiver::bury;
use crate::secrets::cross_account::detach;
use crate::secrets::error::Error;
use crate::secrets::model::{Link, Role, Secret};
use crate::secrets::ops::DeleteResourcePolicy;
use crate::secrets::ops::put_resource_policy::name_fact;
use crate::secrets::rotation::Rotation;
use crate::secrets::target::{Found, SecretId, Target};
use crate::secrets::versions::{advance, put_secret};
use crate::tx::Tx;

#[derive(Debug)]
pub struct StopReplicationToReplica {
    pub secret: SecretId,
}

impl Operation for StopReplicationToReplica {
    const ACTION: &'static str = "secretsmanager:StopReplicationToReplica";
    type Target = Target;
    type Output = SecretArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demands = vec![target.demand(Self::ACTION)];
        let found = target.found.as_ref().map(|found| &found.secret.role);
        if let Some(Role::CrossAccountReplica(_)) = found {
            let mut demand = target.demand(DeleteResourcePolicy::ACTION);
            let name = PolicyName::of_cross_account_replication();
            demand.facts.others.push(name_fact(&name));
            demands.push(demand);
        }
        demands
    }
}

impl Command for StopReplicationToReplica {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<SecretArn>, Error> {
        let found = target.active()?;
        let (scope, arn) = (found.scope, found.arn());
        let primary = match &found.secret.role {
            Role::Replica { primary } => *primary,
            Role::CrossAccountReplica(link) => {
                return leave(cx, tx, &found, link).map(Step::Done);
            }
            Role::Primary { .. } => return Err(Error::NotAReplica),
        };
        let at = found.secret.at.next_epoch();
        let secret = Secret {
            role: Role::Primary { replicas: Vec::new() },
            at,
            last_changed: cx.now,
            rotation: found.secret.rotation.clone().map(Rotation::detached),
            ..Secret::clone(&found.secret)
        };
        // The fence outlasts the secret: once this is deleted, a late frame of the former primary
        // must not bring the replica back.
        bury(cx, tx, &subject_of(&secret), at, false)?;
        if cx.regions.contains(&primary) {
            let subject = Subject::Detached { name: arn.name.clone(), suffix: arn.suffix };
            enqueue(cx, tx, scope, primary, subject, at, Intent::State)?;
        }
        put_secret(tx, scope, secret)?;
        Ok(Step::Done(arn))
    }
}

/// A replica in another account becomes a secret of its own, without the policy that it had from the
/// service. Its primary shows that it is gone.
fn leave(cx: &Cx<'_>, tx: &mut Tx<'_>, found: &Found, link: &Link) -> Result<SecretArn, Error> {
    let arn = found.arn();
    let mut secret = Secret::clone(&found.secret);
    secret.role = Role::Primary { replicas: Vec::new() };
    secret.policies = secret.policies.without(&PolicyName::of_cross_account_replication());
    advance(cx, &mut secret);
    detach(tx, link, &arn)?;
    put_secret(tx, found.scope, secret)?;
    Ok(arn)
}
