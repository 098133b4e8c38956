//! DescribeStackResources: the resources of a stack, or one by its id in whatever stack it is.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::error::Error;
use crate::stacks::ids::{LogicalId, StackArn};
use crate::stacks::model::{Resource, Stack};
use crate::stacks::ops::page::page;
use crate::stacks::target::{StackRef, Target, of_name};
use crate::tx::collect;

#[derive(Debug)]
pub struct DescribeStackResources {
    pub stack: Option<StackRef>,
    pub logical: Option<Box<str>>,
    /// Instead of a stack.
    pub physical: Option<Box<str>>,
}

/// One resource and where it is.
#[derive(Debug)]
pub struct Found {
    pub stack: StackArn,
    pub logical: LogicalId,
    pub resource: Arc<Resource>,
}

impl Operation for DescribeStackResources {
    const ACTION: &'static str = "cloudformation:DescribeStackResources";
    type Target = Option<Target>;
    type Output = Vec<Found>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Option<Target>, StoreFault> {
        self.stack.as_ref().map(|stack| stack.find(cx, read)).transpose()
    }

    fn demands(&self, cx: &Cx<'_>, target: &Option<Target>) -> Vec<Demand> {
        vec![match target {
            Some(target) => target.demand(cx, Self::ACTION),
            None => Demand::on(Self::ACTION, of_name(cx, "*"), cx.caller.account),
        }]
    }
}

impl Query for DescribeStackResources {
    fn run(
        op: Authorized<Self>,
        target: Option<Target>,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Vec<Found>, Error> {
        let found = match (&target, &op.physical) {
            (Some(target), None) => of_stack(cx, read, target.stack()?)?,
            (None, Some(physical)) => owner(cx, read, physical)?,
            _ => return Err(Error::NoStackNamed),
        };
        let Some(logical) = op.logical.as_deref() else { return Ok(found) };
        Ok(found.into_iter().filter(|found| found.logical.as_str() == logical).collect())
    }
}

/// AWS: at most a hundred.
fn of_stack(cx: &Cx<'_>, read: &dyn Read, stack: &Stack) -> Result<Vec<Found>, StoreFault> {
    let scope = cx.scope();
    let prefix = Prefix::StackResources { scope, stack: stack.id };
    let limit = limits::STACK_RESOURCES_PAGE;
    let found = page(read, prefix, None, Order::Ascending, limit, |key, record| {
        let (Key::StackResource { logical, .. }, Record::StackResource(resource)) = (key, record)
        else {
            return None;
        };
        Some(Found { stack: stack.arn(scope), logical: logical.clone(), resource })
    })?;
    Ok(found.items)
}

/// The stack that has a resource of this id, and its other resources.
fn owner(cx: &Cx<'_>, read: &dyn Read, physical: &str) -> Result<Vec<Found>, Error> {
    let scope = cx.scope();
    let living = collect(read, Prefix::Stacks { scope }, |_, record| match record {
        Record::Stack(stack) if stack.deleted.is_none() => Some(stack),
        _ => None,
    })?;
    for stack in living {
        let found = of_stack(cx, read, &stack)?;
        if found.iter().any(|found| *found.resource.physical == *physical) {
            return Ok(found);
        }
    }
    Err(Error::NotFound { stack: physical.into() })
}
