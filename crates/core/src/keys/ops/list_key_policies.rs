//! ListKeyPolicies: the names of a key's policies, of which there is one.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct ListKeyPolicies {
    pub key: KeyRef,
}

impl Operation for ListKeyPolicies {
    const ACTION: &'static str = "kms:ListKeyPolicies";
    type Target = Target;
    type Output = [&'static str; 1];
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for ListKeyPolicies {
    fn run(
        _: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Self::Output, Error> {
        target.found()?;
        Ok([key_policy::NAME])
    }
}
