//! ListStackResources: every resource of a stack, page by page.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::error::Error;
use crate::stacks::ids::LogicalId;
use crate::stacks::model::Resource;
use crate::stacks::ops::page::page;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct ListStackResources {
    pub stack: StackRef,
    pub after: Option<LogicalId>,
}

#[derive(Debug)]
pub struct Resources {
    pub resources: Vec<(LogicalId, Arc<Resource>)>,
    pub next: Option<LogicalId>,
}

impl Operation for ListStackResources {
    const ACTION: &'static str = "cloudformation:ListStackResources";
    type Target = Target;
    type Output = Resources;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for ListStackResources {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Resources, Error> {
        let scope = cx.scope();
        let stack = target.stack()?.id;
        let named = |key: &Key| match key {
            Key::StackResource { logical, .. } => Some(logical.clone()),
            _ => None,
        };
        let op = op.into_inner();
        let after = op.after.map(|logical| Key::StackResource { scope, stack, logical });
        let prefix = Prefix::StackResources { scope, stack };
        let limit = limits::STACK_RESOURCES_PAGE;
        let found =
            page(read, prefix, after, Order::Ascending, limit, |key, record| match record {
                Record::StackResource(resource) => Some((named(key)?, resource)),
                _ => None,
            })?;
        let next = found.next.as_ref().and_then(named);
        Ok(Resources { resources: found.items, next })
    }
}
