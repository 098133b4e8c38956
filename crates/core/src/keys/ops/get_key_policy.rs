//! GetKeyPolicy: the text of a key's policy, as it was given.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GetKeyPolicy {
    pub key: KeyRef,
    /// `None` is `default`.
    pub name: Option<Box<str>>,
}

impl Operation for GetKeyPolicy {
    const ACTION: &'static str = "kms:GetKeyPolicy";
    type Target = Target;
    /// The policy's text.
    type Output = Box<str>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for GetKeyPolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Box<str>, Error> {
        let found = target.found()?;
        if op.name.as_deref().is_some_and(|name| name != key_policy::NAME) {
            return Err(Error::NoSuchPolicy);
        }
        Ok(found.key.policy.text.clone())
    }
}
