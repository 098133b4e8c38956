//! RestoreSecret: takes back a deletion before its window ends.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::SecretArn;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::Record;
use crate::secrets::error::Error;
use crate::secrets::event::Removal;
use crate::secrets::model::Secret;
use crate::secrets::rotation::deadline_of;
use crate::secrets::target::{SecretId, Target, purge_key};
use crate::secrets::versions::{announce_removal, put_secret};
use crate::tx::Tx;

#[derive(Debug)]
pub struct RestoreSecret {
    pub secret: SecretId,
}

impl Operation for RestoreSecret {
    const ACTION: &'static str = "secretsmanager:RestoreSecret";
    type Target = Target;
    type Output = SecretArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Command for RestoreSecret {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<SecretArn>, Error> {
        let found = target.existing()?;
        // A replica in another account was never deleted, so there is nothing to restore.
        if found.secret.is_replica() {
            return Err(Error::OnReplica);
        }
        // AWS: restoring a secret that is not deleted succeeds.
        if let Some(deadline) = purge_key(found.scope, &found.secret) {
            tx.remove(deadline);
            announce_removal(cx, tx, found.scope, &found.secret, Removal::Cancelled)?;
            let secret = Secret { deletion: None, ..Secret::clone(&found.secret) };
            // A rotation has waited meanwhile.
            if let Some(deadline) = deadline_of(found.scope, &secret) {
                tx.put(deadline, Record::Index);
            }
            put_secret(tx, found.scope, secret)?;
        }
        Ok(Step::Done(found.arn()))
    }
}
