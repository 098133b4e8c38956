//! ValidateResourcePolicy: what would be wrong with a policy, without attaching it.
//!
//! AWS: three checks, of broad access, of syntax and of lock-out, for a secret or for none. A text
//! that cannot be read at all is an error and not a finding.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::PolicyName;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::policies::Policies;
use crate::secrets::policy_check::{self, PUT_ACTION, PolicyFlaw, locks_out};
use crate::secrets::target::{SecretId, Target};

#[derive(Debug)]
pub struct ValidateResourcePolicy {
    /// The secret that the policy is meant for.
    pub secret: Option<SecretId>,
    /// As given. It is read after authorization.
    pub policy: Box<str>,
}

impl Operation for ValidateResourcePolicy {
    const ACTION: &'static str = "secretsmanager:ValidateResourcePolicy";
    type Target = Option<Target>;
    /// Nothing if the policy passes.
    type Output = Vec<PolicyFlaw>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Option<Target>, StoreFault> {
        self.secret.as_ref().map(|id| Target::find(cx, read, id)).transpose()
    }

    /// AWS: whoever validates a policy must be allowed to attach it.
    fn demands(&self, cx: &Cx<'_>, target: &Option<Target>) -> Vec<Demand> {
        [Self::ACTION, PUT_ACTION].map(|action| demand(cx, target.as_ref(), action)).into()
    }
}

fn demand(cx: &Cx<'_>, target: Option<&Target>, action: &'static str) -> Demand {
    match target {
        Some(target) => target.demand(action),
        None => Demand::on(action, "*".to_owned(), cx.caller.account),
    }
}

impl Query for ValidateResourcePolicy {
    fn run(
        op: Authorized<Self>,
        target: Option<Target>,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Vec<PolicyFlaw>, Error> {
        let demand = demand(cx, target.as_ref(), PUT_ACTION);
        let attached = match target {
            Some(target) => target.active()?.secret.policies.clone(),
            None => Policies::default(),
        };
        let policy = match policy_check::read(&op.policy) {
            Ok(policy) => policy,
            Err(PolicyFlaw::Unreadable) => {
                return Err(Error::MalformedPolicy(PolicyFlaw::Unreadable));
            }
            Err(flaw) => return Ok(vec![flaw]),
        };
        let mut flaws = Vec::new();
        if policy.compiled().is_broad() {
            flaws.push(PolicyFlaw::Broad);
        }
        if locks_out(cx, &demand, &attached.with(PolicyName::of_requests(), policy)) {
            flaws.push(PolicyFlaw::Lockout);
        }
        Ok(flaws)
    }
}
