//! DescribeStackEvents: the history of a stack, the newest first.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::error::Error;
use crate::stacks::ids::StackArn;
use crate::stacks::model::Event;
use crate::stacks::ops::page::page;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct DescribeStackEvents {
    pub stack: StackRef,
    /// The number of the last event of the page before.
    pub after: Option<u64>,
}

#[derive(Debug)]
pub struct History {
    pub stack: StackArn,
    /// With their numbers.
    pub events: Vec<(u64, Arc<Event>)>,
    pub next: Option<u64>,
}

impl Operation for DescribeStackEvents {
    const ACTION: &'static str = "cloudformation:DescribeStackEvents";
    type Target = Target;
    type Output = History;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for DescribeStackEvents {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<History, Error> {
        let scope = cx.scope();
        let stack = target.stack()?;
        let number = |key: &Key| match key {
            Key::StackEvent { number, .. } => Some(*number),
            _ => None,
        };
        let after = op.after.map(|number| Key::StackEvent { scope, stack: stack.id, number });
        let (prefix, order) = (Prefix::StackEvents { scope, stack: stack.id }, Order::Descending);
        let limit = limits::STACK_EVENTS_PAGE;
        let found = page(read, prefix, after, order, limit, |key, record| match record {
            Record::StackEvent(event) => Some((number(key)?, event)),
            _ => None,
        })?;
        let next = found.next.as_ref().and_then(number);
        Ok(History { stack: stack.arn(scope), events: found.items, next })
    }
}
