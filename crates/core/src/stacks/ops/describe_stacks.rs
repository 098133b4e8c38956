//! DescribeStacks: one stack, or all that are not deleted, the newest first.

use std::sync::Arc;

use regent_cfn::Text;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::ids::StackId;
use crate::stacks::model::{Output, Side, Stack};
use crate::stacks::ops::page::page;
use crate::stacks::target::{StackRef, Target, of_name};

#[derive(Debug)]
pub struct DescribeStacks {
    pub stack: Option<StackRef>,
    /// The last stack of the page before.
    pub after: Option<StackId>,
}

#[derive(Debug)]
pub struct Described {
    pub stacks: Vec<Shown>,
    pub next: Option<StackId>,
}

/// Parameters by name; without a value if it is not to be shown.
pub type Parameters = Vec<(Box<str>, Option<Text>)>;

/// A stack with what of it was sealed.
#[derive(Debug)]
pub struct Shown {
    pub stack: Arc<Stack>,
    pub parameters: Parameters,
    /// In the order of [`Stack::outputs`].
    pub outputs: Vec<Text>,
}

impl Operation for DescribeStacks {
    const ACTION: &'static str = "cloudformation:DescribeStacks";
    type Target = Option<Target>;
    type Output = Described;
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

impl Query for DescribeStacks {
    fn run(
        op: Authorized<Self>,
        target: Option<Target>,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Described, Error> {
        if let Some(target) = target {
            let stacks = vec![shown(cx, target.stack()?)?];
            return Ok(Described { stacks, next: None });
        }
        let scope = cx.scope();
        let after = op.after.map(|id| Key::Stack { scope, id });
        let (prefix, order) = (Prefix::Stacks { scope }, Order::Descending);
        let found =
            page(read, prefix, after, order, limits::STACKS_PAGE, |_, record| match record {
                Record::Stack(stack) if stack.deleted.is_none() => Some(stack),
                _ => None,
            })?;
        let stacks = found.items.iter().map(|stack| shown(cx, stack)).collect::<Result<_, _>>()?;
        let next = match found.next {
            Some(Key::Stack { id, .. }) => Some(id),
            _ => None,
        };
        Ok(Described { stacks, next })
    }
}

fn shown(cx: &Cx<'_>, stack: &Arc<Stack>) -> Result<Shown, StoreFault> {
    let documents = Documents::open(cx, cx.caller.account, stack)?;
    let parameters = match stack.shown() {
        Some(side) => parameters(cx, &documents, side)?,
        None => Vec::new(),
    };
    let open = |output: &Output| {
        let opened = documents.unseal(cx, Document::Output(&output.key), &output.value)?;
        Ok::<_, StoreFault>(Text::sensitive(documents::text(&opened)?))
    };
    let outputs = stack.outputs.iter().map(open).collect::<Result<_, _>>()?;
    Ok(Shown { stack: Arc::clone(stack), parameters, outputs })
}

/// A side's parameters, without values that are not to be shown.
pub(super) fn parameters(
    cx: &Cx<'_>,
    documents: &Documents,
    side: &Side,
) -> Result<Parameters, StoreFault> {
    let each = side.parameters.iter().map(|(name, parameter)| {
        if parameter.no_echo {
            return Ok((name.clone(), None));
        }
        let opened = documents.unseal(cx, Document::Parameter(name), &parameter.value)?;
        Ok((name.clone(), Some(Text::sensitive(documents::text(&opened)?))))
    });
    each.collect()
}
