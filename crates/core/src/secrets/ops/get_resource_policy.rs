//! GetResourcePolicy: the text of one policy of a secret, as it was given. Replicas answer too.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{PolicyName, SecretArn};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::ops::put_resource_policy::name_fact;
use crate::secrets::policies::ResourcePolicy;
use crate::secrets::target::{SecretId, Target};

#[derive(Debug)]
pub struct GetResourcePolicy {
    pub secret: SecretId,
    pub name: PolicyName,
}

#[derive(Debug)]
pub struct FoundPolicy {
    pub arn: SecretArn,
    pub name: PolicyName,
    /// A secret need not have the policy called `default`.
    pub policy: Option<ResourcePolicy>,
}

impl Operation for GetResourcePolicy {
    const ACTION: &'static str = "secretsmanager:GetResourcePolicy";
    type Target = Target;
    type Output = FoundPolicy;
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

impl Query for GetResourcePolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<FoundPolicy, Error> {
        let found = target.active()?;
        let name = op.into_inner().name;
        let policy = found.secret.policies.get(&name).cloned();
        // AWS: only a name other than `default` has to lead to a policy.
        if policy.is_none() && name != PolicyName::of_requests() {
            return Err(Error::NoSuchPolicy);
        }
        Ok(FoundPolicy { arn: found.arn(), name, policy })
    }
}
