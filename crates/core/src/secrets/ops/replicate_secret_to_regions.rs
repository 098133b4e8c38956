//! ReplicateSecretToRegions: adds replica Regions, or drives existing ones again.
//!
//! What must hold before a Region is accepted is for [`crate::secrets::replicas`] (promise R3). The
//! secret's contents stay as they are, so the replicas that it already has are left alone.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::SecretArn;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::{Replica, Secret};
use crate::secrets::replicas::{
    AddReplica, admit, announced, attach, prove_readable, statuses, tell,
};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::put_secret;
use crate::tx::Tx;

#[derive(Debug)]
pub struct ReplicateSecretToRegions {
    pub secret: SecretId,
    pub replicas: Vec<AddReplica>,
    pub overwrite: bool,
}

/// A primary and its replicas, by Region.
#[derive(Debug)]
pub struct Replicated {
    pub arn: SecretArn,
    pub replicas: Vec<Arc<Replica>>,
}

impl Operation for ReplicateSecretToRegions {
    const ACTION: &'static str = "secretsmanager:ReplicateSecretToRegions";
    type Target = Target;
    type Output = Replicated;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        tell(&mut demand.facts, &self.replicas, self.overwrite);
        vec![demand]
    }
}

impl Command for ReplicateSecretToRegions {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Replicated>, Error> {
        let found = target.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        let adds = match admit(cx, &arn, &op.replicas, op.overwrite)? {
            Ok(adds) => adds,
            Err(asks) => return Ok(Step::Ask(asks)),
        };
        prove_readable(cx, tx, scope, &found.secret, &adds)?;
        let mut secret = Secret::clone(&found.secret);
        secret.at = secret.at.next();
        attach(cx, tx, scope, &mut secret, &adds, op.overwrite)?;
        let mut replicas = statuses(tx, scope, &secret.name, secret.replicas())?;
        for announced in announced(&adds) {
            if let Some(shown) = replicas.iter_mut().find(|r| r.region == announced.region) {
                *shown = announced;
            }
        }
        put_secret(tx, scope, secret)?;
        Ok(Step::Done(Replicated { arn, replicas }))
    }
}
