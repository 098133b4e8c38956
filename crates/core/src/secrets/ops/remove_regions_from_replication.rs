//! RemoveRegionsFromReplication: the replicas in some Regions go away.
//!
//! The primary forgets them at once; their Regions are told until they have confirmed it. A Region
//! without a replica is no error.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::Region;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Intent, Key};
use crate::replication::outbox::{enqueue, subject_of};
use crate::secrets::error::Error;
use crate::secrets::model::{Role, Secret};
use crate::secrets::ops::replicate_secret_to_regions::Replicated;
use crate::secrets::replicas::statuses;
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::put_secret;
use crate::tx::Tx;

#[derive(Debug)]
pub struct RemoveRegionsFromReplication {
    pub secret: SecretId,
    pub regions: Vec<Region>,
}

impl Operation for RemoveRegionsFromReplication {
    const ACTION: &'static str = "secretsmanager:RemoveRegionsFromReplication";
    type Target = Target;
    type Output = Replicated;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Command for RemoveRegionsFromReplication {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Replicated>, Error> {
        let found = target.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        let (removed, kept): (Vec<Region>, Vec<Region>) =
            found.secret.replicas().iter().partition(|region| op.regions.contains(region));
        let replicas = statuses(tx, scope, &arn.name, &kept)?;
        if !removed.is_empty() {
            let at = found.secret.at.next();
            let role = Role::Primary { replicas: kept };
            let secret = Secret { at, role, ..Secret::clone(&found.secret) };
            for region in removed {
                tx.remove(Key::Replica { scope, name: arn.name.clone(), region });
                if cx.regions.contains(&region) {
                    enqueue(cx, tx, scope, region, subject_of(&secret), at, Intent::Remove)?;
                }
            }
            put_secret(tx, scope, secret)?;
        }
        Ok(Step::Done(Replicated { arn, replicas }))
    }
}
