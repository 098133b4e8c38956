//! GetStackPolicy: the policy of a stack as it was given; nothing if there is none.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct GetStackPolicy {
    pub stack: StackRef,
}

impl Operation for GetStackPolicy {
    const ACTION: &'static str = "cloudformation:GetStackPolicy";
    type Target = Target;
    type Output = Option<Box<str>>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for GetStackPolicy {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        _cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Option<Box<str>>, Error> {
        Ok(target.living()?.policy.clone())
    }
}
