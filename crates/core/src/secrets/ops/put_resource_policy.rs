//! PutResourcePolicy: attaches a policy to a secret, or replaces it, here and in every replica.
//!
//! A policy that is not understood is refused, and so is one under which the caller could not change
//! it again. BlockPublicPolicy refuses what lets in a wide range of principals.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{PolicyName, SecretArn};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::policy_check::{self, PolicyFlaw, locks_out};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct PutResourcePolicy {
    pub secret: SecretId,
    pub name: PolicyName,
    /// As given. It is read after authorization.
    pub policy: Box<str>,
    pub block_public: bool,
}

/// Whose policy was changed, and which.
#[derive(Debug, PartialEq, Eq)]
pub struct ChangedPolicy {
    pub arn: SecretArn,
    pub name: PolicyName,
}

impl Operation for PutResourcePolicy {
    const ACTION: &'static str = policy_check::PUT_ACTION;
    type Target = Target;
    type Output = ChangedPolicy;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.demand(target)]
    }
}

/// What conditions see of the policy that is changed.
pub fn name_fact(name: &PolicyName) -> (&'static str, String) {
    ("secretsmanager:policyname", name.as_str().to_owned())
}

impl PutResourcePolicy {
    fn demand(&self, target: &Target) -> Demand {
        let mut demand = target.demand(Self::ACTION);
        let block = self.block_public.to_string();
        demand.facts.others.push(("secretsmanager:blockpublicpolicy", block));
        demand.facts.others.push(name_fact(&self.name));
        demand
    }
}

impl Command for PutResourcePolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<ChangedPolicy>, Error> {
        let demand = op.demand(&target);
        let op = op.into_inner();
        let found = target.manageable()?;
        if op.name != PolicyName::of_requests() {
            return Err(Error::PolicyNameReserved);
        }
        let policy = policy_check::read(&op.policy).map_err(Error::MalformedPolicy)?;
        if op.block_public && policy.compiled().is_broad() {
            return Err(Error::PublicPolicy);
        }
        let policies = found.secret.policies.with(op.name.clone(), policy);
        if locks_out(cx, &demand, &policies) {
            return Err(Error::MalformedPolicy(PolicyFlaw::Lockout));
        }
        let arn = found.arn();
        if policies != found.secret.policies {
            let mut secret = Secret { policies, ..Secret::clone(&found.secret) };
            advance(cx, &mut secret);
            save(cx, tx, found.scope, secret)?;
        }
        Ok(Step::Done(ChangedPolicy { arn, name: op.name }))
    }
}
