//! DescribeStackResourceDrifts: what the last look at each resource of a stack found.
//!
//! AWS: resources that were never looked at are not there.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::drift::{self, Compared, Status};
use crate::stacks::error::Error;
use crate::stacks::ids::{LogicalId, StackArn};
use crate::stacks::model::Resource;
use crate::stacks::ops::page::page;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct DescribeStackResourceDrifts {
    pub stack: StackRef,
    /// Only these, if any.
    pub statuses: Option<BTreeSet<Status>>,
    pub limit: Option<usize>,
    pub after: Option<LogicalId>,
}

/// A resource that was looked at.
#[derive(Debug)]
pub struct Drifted {
    pub stack: StackArn,
    pub logical: LogicalId,
    pub resource: Arc<Resource>,
    pub compared: Option<Compared>,
}

#[derive(Debug)]
pub struct Drifts {
    pub drifts: Vec<Drifted>,
    pub next: Option<LogicalId>,
}

impl Operation for DescribeStackResourceDrifts {
    const ACTION: &'static str = "cloudformation:DescribeStackResourceDrifts";
    type Target = Target;
    type Output = Drifts;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for DescribeStackResourceDrifts {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Drifts, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let stack = target.stack()?;
        let id = stack.id;
        let named = |key: &Key| match key {
            Key::StackResource { logical, .. } => Some(logical.clone()),
            _ => None,
        };
        let after = op.after.map(|logical| Key::StackResource { scope, stack: id, logical });
        let prefix = Prefix::StackResources { scope, stack: id };
        let limit = op.limit.unwrap_or(limits::STACK_RESOURCES_PAGE);
        let found = page(read, prefix, after, Order::Ascending, limit, |key, record| {
            let Record::StackResource(resource) = record else { return None };
            let status = resource.drift.as_ref()?.status;
            let wanted = op.statuses.as_ref().is_none_or(|wanted| wanted.contains(&status));
            wanted.then_some((named(key)?, resource))
        })?;
        let next = found.next.as_ref().and_then(named);
        let open = |(logical, resource): (LogicalId, Arc<Resource>)| {
            let drift = resource.drift.as_ref().ok_or(StoreFault)?;
            let compared = drift::open(cx, stack, &logical, (&resource, drift))?;
            Ok(Drifted { stack: stack.arn(scope), logical, resource, compared })
        };
        let drifts = found.items.into_iter().map(open).collect::<Result<_, Error>>()?;
        Ok(Drifts { drifts, next })
    }
}
