//! AssociateCrossAccountReplica: a secret gives its values to a replica in another account.
//!
//! Both accounts must want it: the replica was created for this very primary, and its policies let
//! the caller accept for it. The two keys are tried first. Called again, it replicates again. AWS: with a
//! role, which the caller has to be allowed to pass, later changes need no leave of their callers.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::SecretArn;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::secrets::cross_account::{
    ACCEPT_ACTION, LinkFlaw, REPLICATION, check_pair, prove, replicate,
};
use crate::secrets::error::Error;
use crate::secrets::model::{Link, LinkStatus, Role, Secret};
use crate::secrets::target::{Found, SecretId, Target};
use crate::secrets::versions::put_secret;
use crate::tx::Tx;

#[derive(Debug)]
pub struct AssociateCrossAccountReplica {
    pub secret: SecretId,
    pub replica: SecretArn,
    pub role: Option<RoleArn>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Associated {
    pub arn: SecretArn,
    pub replica: SecretArn,
    pub status: LinkStatus,
}

/// The two secrets.
#[derive(Debug)]
pub struct Pair {
    primary: Target,
    replica: Target,
}

impl Operation for AssociateCrossAccountReplica {
    const ACTION: &'static str = "secretsmanager:AssociateCrossAccountReplica";
    type Target = Pair;
    type Output = Associated;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Pair, StoreFault> {
        let primary = Target::find(cx, read, &self.secret)?;
        let replica = Target::find(cx, read, &SecretId::of(self.replica.clone()))?;
        Ok(Pair { primary, replica })
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Pair) -> Vec<Demand> {
        let mut read = target.primary.demand("secretsmanager:GetSecretValue");
        let stage = ("secretsmanager:versionstage", "AWSCURRENT".to_owned());
        read.facts.others.push(stage);
        let mut all =
            vec![target.primary.demand(Self::ACTION), read, target.replica.demand(ACCEPT_ACTION)];
        // AWS: a role is passed within its account only.
        all.extend(self.role.as_ref().map(|role| {
            let primary = target.primary.found.as_ref().map(|found| found.arn().to_string());
            REPLICATION.pass(role, primary)
        }));
        all
    }
}

impl Command for AssociateCrossAccountReplica {
    fn run(
        op: Authorized<Self>,
        target: Pair,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Associated>, Error> {
        let primary = target.primary.writable()?;
        let arn = primary.arn();
        check_pair(cx.region, &arn, &op.replica)?;
        if cx.caller.account != primary.scope.account {
            return Err(LinkFlaw::NotTheOwner.into());
        }
        let replica = target.replica.active()?;
        admit(&primary, &replica)?;
        let role = op.role.clone();
        let own = &primary.secret;
        prove(cx, tx, primary.scope, own, (replica.scope, &replica.secret), role.as_ref())?;
        let mut secret = Secret::clone(own);
        let link = Link { other: replica.arn(), role, status: LinkStatus::Pending };
        secret.cross_account_replica = Some(Box::new(link));
        replicate(cx, tx, primary.scope, &mut secret)?;
        let status = secret.cross_account_replica.as_ref().map(|link| link.status.clone());
        put_secret(tx, primary.scope, secret)?;
        let status = status.ok_or(StoreFault)?;
        Ok(Step::Done(Associated { arn, replica: replica.arn(), status }))
    }
}

/// Whether the two secrets belong together, and to no others.
fn admit(primary: &Found, replica: &Found) -> Result<(), Error> {
    let arn = primary.arn();
    match &replica.secret.role {
        Role::CrossAccountReplica(link) if link.other == arn => {}
        _ => return Err(LinkFlaw::NotItsReplica { primary: arn }.into()),
    }
    match &primary.secret.cross_account_replica {
        Some(link) if link.other != replica.arn() => Err(LinkFlaw::TooMany.into()),
        _ => Ok(()),
    }
}
