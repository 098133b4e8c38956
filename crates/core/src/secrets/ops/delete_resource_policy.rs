//! DeleteResourcePolicy: takes a policy off a secret, here and in every replica. One that is not
//! there is no error.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::PolicyName;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::ops::put_resource_policy::{ChangedPolicy, name_fact};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct DeleteResourcePolicy {
    pub secret: SecretId,
    pub name: PolicyName,
}

impl Operation for DeleteResourcePolicy {
    const ACTION: &'static str = "secretsmanager:DeleteResourcePolicy";
    type Target = Target;
    type Output = ChangedPolicy;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        demand.facts.others.push(name_fact(&self.name));
        vec![demand]
    }
}

impl Command for DeleteResourcePolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<ChangedPolicy>, Error> {
        let name = op.into_inner().name;
        let found = target.manageable()?;
        if name != PolicyName::of_requests() {
            return Err(Error::PolicyNameReserved);
        }
        let arn = found.arn();
        if found.secret.policies.get(&name).is_some() {
            let policies = found.secret.policies.without(&name);
            let mut secret = Secret { policies, ..Secret::clone(&found.secret) };
            advance(cx, &mut secret);
            save(cx, tx, found.scope, secret)?;
        }
        Ok(Step::Done(ChangedPolicy { arn, name }))
    }
}
