//! ListChangeSets: the change sets of one stack, in a few words.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::change_set::{self, ChangeSet};
use crate::stacks::error::Error;
use crate::stacks::model::Stack;
use crate::stacks::target::{StackRef, Target};
use crate::tx::Records;

#[derive(Debug)]
pub struct ListChangeSets {
    pub stack: StackRef,
}

/// There are no more of them than fit into one answer.
#[derive(Debug)]
pub struct Listed {
    pub stack: Arc<Stack>,
    pub sets: Vec<Arc<ChangeSet>>,
}

impl Operation for ListChangeSets {
    const ACTION: &'static str = "cloudformation:ListChangeSets";
    type Target = Target;
    type Output = Listed;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for ListChangeSets {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Listed, Error> {
        let scope = cx.scope();
        let stack = Arc::clone(target.stack()?);
        let ids = change_set::of_stack(read, scope, stack.id)?;
        // One that was deleted meanwhile is not there.
        let each = ids.into_iter().filter_map(|(_, id)| read.change_set(scope, id).transpose());
        let sets = each.collect::<Result<_, _>>()?;
        Ok(Listed { stack, sets })
    }
}
