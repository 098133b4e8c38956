//! Roles that are passed to a service, which assumes them later for whoever passed them.
//!
//! AWS: whoever passes a role needs `iam:PassRole` on it, and a role is passed within its account
//! only. Its trust policy says which service may assume it, and may ask for whose sake.

use std::sync::Arc;

use crate::cx::{Caller, Cx};
use crate::ids::AccountId;
use crate::policy::authorized::{Demand, permit};
use crate::policy::evaluate::{PrincipalKind, ResourceMode};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;

pub const PASS_ACTION: &str = "iam:PassRole";

/// A service that assumes roles.
#[derive(Debug, Clone, Copy)]
pub struct Assumer {
    /// The name by which policies know it.
    pub service: &'static str,
    /// What its sessions are called.
    pub session: &'static str,
}

impl Assumer {
    /// The leave to pass it a role, which is then `associated` with the resource of that ARN.
    pub fn pass(&self, role: &RoleArn, associated: Option<String>) -> Demand {
        let mut pass = Demand::on(PASS_ACTION, role.to_string(), role.account);
        pass.facts.others.push(("iam:passedtoservice", self.service.to_owned()));
        pass.facts.others.extend(associated.map(|arn| ("iam:associatedresourcearn", arn)));
        pass
    }

    /// The session of a role, if there is such a role and it trusts the service with this resource.
    pub fn assume(
        &self,
        cx: &Cx<'_>,
        read: &dyn Read,
        role: &RoleArn,
        (source_account, source_arn): (AccountId, String),
    ) -> Result<Option<Caller>, StoreFault> {
        let Some(role) = cx.roles.find(role) else { return Ok(None) };
        let service = Caller {
            account: role.arn.account,
            arn: self.service.into(),
            user_id: self.service.into(),
            kind: PrincipalKind::Service,
            user_name: None,
            policies: Arc::from([]),
            session: None,
        };
        let mut demand = Demand::on("sts:AssumeRole", role.arn.to_string(), role.arn.account);
        demand.policy = Some((Arc::clone(&role.trust), ResourceMode::Gate));
        demand.facts.others.extend([
            ("aws:sourceaccount", source_account.to_string()),
            ("aws:sourcearn", source_arn),
            ("sts:rolesessionname", self.session.to_owned()),
        ]);
        let trusted = permit(&Cx { caller: &service, ..*cx }, read, &demand)?.is_ok();
        Ok(trusted.then(|| role.session(self.session, Some(cx.now))))
    }
}
