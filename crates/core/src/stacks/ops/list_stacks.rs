//! ListStacks: every stack in a few words, the newest first, deleted ones too.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::error::Error;
use crate::stacks::ids::StackId;
use crate::stacks::model::{Stack, Status};
use crate::stacks::ops::page::page;
use crate::stacks::target::of_name;

#[derive(Debug)]
pub struct ListStacks {
    /// Statuses are asked for that no stack can have.
    pub nothing: bool,
    /// Empty is every status.
    pub statuses: BTreeSet<Status>,
    pub after: Option<StackId>,
}

#[derive(Debug)]
pub struct Listed {
    pub stacks: Vec<Arc<Stack>>,
    pub next: Option<StackId>,
}

impl Operation for ListStacks {
    const ACTION: &'static str = "cloudformation:ListStacks";
    type Target = ();
    type Output = Listed;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, of_name(cx, "*"), cx.caller.account)]
    }
}

impl Query for ListStacks {
    fn run(
        op: Authorized<Self>,
        _target: (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Listed, Error> {
        let scope = cx.scope();
        let after = op.after.map(|id| Key::Stack { scope, id });
        let (prefix, order) = (Prefix::Stacks { scope }, Order::Descending);
        if op.nothing {
            return Ok(Listed { stacks: Vec::new(), next: None });
        }
        let wanted = |stack: &Stack| op.statuses.is_empty() || op.statuses.contains(&stack.status);
        let found =
            page(read, prefix, after, order, limits::STACKS_PAGE, |_, record| match record {
                Record::Stack(stack) if wanted(&stack) => Some(stack),
                _ => None,
            })?;
        let next = match found.next {
            Some(Key::Stack { id, .. }) => Some(id),
            _ => None,
        };
        Ok(Listed { stacks: found.items, next })
    }
}
