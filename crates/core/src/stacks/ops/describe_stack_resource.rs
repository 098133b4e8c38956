//! DescribeStackResource: one resource of a stack, with its template's metadata.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::ops::describe_stack_resources::Found;
use crate::stacks::ready::Ready;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Records;

#[derive(Debug)]
pub struct DescribeStackResource {
    pub stack: StackRef,
    pub logical: Box<str>,
}

#[derive(Debug)]
pub struct Detail {
    pub found: Found,
    pub metadata: Option<regent_cfn::node::Node>,
}

impl Operation for DescribeStackResource {
    const ACTION: &'static str = "cloudformation:DescribeStackResource";
    type Target = Target;
    type Output = Detail;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for DescribeStackResource {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Detail, Error> {
        let scope = cx.scope();
        let stack = target.stack()?;
        let none =
            || Error::NoResource { logical: op.logical.clone(), stack: stack.name.as_str().into() };
        let logical: LogicalId = op.logical.parse().map_err(|_| none())?;
        let resource = read.stack_resource(scope, stack.id, &logical)?.ok_or_else(none)?;
        let side = stack.shown().map(|side| Ready::open(cx, scope, stack, side)).transpose()?;
        let declared = side.as_ref().and_then(|side| side.template.resource(logical.as_str()));
        let metadata = declared.and_then(|declared| declared.metadata.clone());
        Ok(Detail { found: Found { stack: stack.arn(scope), logical, resource }, metadata })
    }
}
