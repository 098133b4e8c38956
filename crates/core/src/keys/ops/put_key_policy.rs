//! PutKeyPolicy: replaces a key's policy.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::model::{KeyPolicy, KmsKey};
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct PutKeyPolicy {
    pub key: KeyRef,
    /// `None` is `default`.
    pub name: Option<Box<str>>,
    pub policy: KeyPolicy,
    pub bypass_lockout_check: bool,
}

impl Operation for PutKeyPolicy {
    const ACTION: &'static str = "kms:PutKeyPolicy";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let bypass = ("kms:bypasspolicylockoutsafetycheck", self.bypass_lockout_check.to_string());
        vec![target.demand_with(Self::ACTION, None, [bypass])]
    }
}

impl Command for PutKeyPolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let op = op.into_inner();
        let found = target.found()?;
        if op.name.is_some_and(|name| &*name != key_policy::NAME) {
            return Err(Error::NoSuchPolicy);
        }
        if !op.bypass_lockout_check {
            let key = KmsKey { policy: op.policy.clone(), ..KmsKey::clone(&found.key) };
            key_policy::check_lockout(cx, &Found { key: Arc::new(key), ..found.clone() })?;
        }
        found.update(tx, |key| key.policy = op.policy);
        Ok(Step::Done(()))
    }
}
