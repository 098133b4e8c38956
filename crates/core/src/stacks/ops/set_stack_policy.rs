//! SetStackPolicy: what the updates of a stack may do from now on.
//!
//! AWS: a policy is replaced and never taken away. An update under way goes on under the policy that
//! it began with.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Record};
use crate::stacks::error::Error;
use crate::stacks::model::Stack;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Tx;

#[derive(Debug)]
pub struct SetStackPolicy {
    pub stack: StackRef,
    pub policy: Box<str>,
}

impl Operation for SetStackPolicy {
    const ACTION: &'static str = "cloudformation:SetStackPolicy";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Command for SetStackPolicy {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let mut stack = Stack::clone(target.living()?);
        stack.policy = Some(op.into_inner().policy);
        let key = Key::Stack { scope: cx.scope(), id: stack.id };
        tx.put(key, Record::Stack(Arc::new(stack)));
        Ok(Step::Done(()))
    }
}
