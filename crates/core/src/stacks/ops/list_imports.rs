//! ListImports: the stacks that import what is exported under a name.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix};
use crate::stacks::error::Error;
use crate::stacks::exports::name_of;
use crate::stacks::ids::{ExportName, StackId, StackName};
use crate::stacks::ops::page::page;

#[derive(Debug)]
pub struct ListImports {
    pub export: Box<str>,
    /// The last stack of the page before.
    pub after: Option<StackId>,
}

#[derive(Debug)]
pub struct Importing {
    pub stacks: Vec<StackName>,
    pub next: Option<StackId>,
}

impl Operation for ListImports {
    const ACTION: &'static str = "cloudformation:ListImports";
    type Target = ();
    type Output = Importing;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ListImports {
    fn run(
        op: Authorized<Self>,
        _target: (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Importing, Error> {
        let scope = cx.scope();
        let op = op.into_inner();
        let Ok(name) = op.export.parse::<ExportName>() else {
            return Err(Error::NotImported { export: op.export });
        };
        let after = op.after.map(|stack| Key::StackImport { scope, name: name.clone(), stack });
        let (prefix, order) = (Prefix::StackImports { scope, name }, Order::Ascending);
        let found = page(read, prefix, after, order, limits::STACKS_PAGE, |key, _| match key {
            Key::StackImport { stack, .. } => Some(*stack),
            _ => None,
        })?;
        if found.items.is_empty() && op.after.is_none() {
            return Err(Error::NotImported { export: op.export });
        }
        let names = found.items.iter().map(|id| name_of(read, scope, *id));
        let stacks = names.collect::<Result<_, _>>()?;
        let next = match found.next {
            Some(Key::StackImport { stack, .. }) => Some(stack),
            _ => None,
        };
        Ok(Importing { stacks, next })
    }
}
