//! DisassociateCrossAccountReplica: a secret gives its values to a replica in another account no
//! more. The replica keeps what it has, and stays a replica until its own account stops that.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::SecretArn;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::cross_account::{LinkFlaw, detach};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::put_secret;
use crate::tx::Tx;

#[derive(Debug)]
pub struct DisassociateCrossAccountReplica {
    pub secret: SecretId,
    pub replica: SecretArn,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Disassociated {
    pub arn: SecretArn,
    pub replica: SecretArn,
}

impl Operation for DisassociateCrossAccountReplica {
    const ACTION: &'static str = "secretsmanager:DisassociateCrossAccountReplica";
    type Target = Target;
    type Output = Disassociated;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Command for DisassociateCrossAccountReplica {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Disassociated>, Error> {
        let found = target.writable()?;
        let arn = found.arn();
        let mut secret = Secret::clone(&found.secret);
        let link = secret.cross_account_replica.take().filter(|link| link.other == op.replica);
        let link = link.ok_or(LinkFlaw::NotAssociated)?;
        detach(tx, &link, &arn)?;
        put_secret(tx, found.scope, secret)?;
        Ok(Step::Done(Disassociated { arn, replica: link.other }))
    }
}
