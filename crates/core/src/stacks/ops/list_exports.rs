//! ListExports: what the account's stacks export in this Region, by name.

use regent_cfn::Text;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record};
use crate::stacks::error::Error;
use crate::stacks::exports::value;
use crate::stacks::ids::{ExportName, StackArn};
use crate::stacks::ops::page::page;
use crate::tx::Records;

#[derive(Debug)]
pub struct ListExports {
    /// The last export of the page before.
    pub after: Option<ExportName>,
}

#[derive(Debug)]
pub struct Exported {
    pub exports: Vec<Export>,
    pub next: Option<ExportName>,
}

#[derive(Debug)]
pub struct Export {
    pub stack: StackArn,
    pub name: ExportName,
    pub value: Text,
}

impl Operation for ListExports {
    const ACTION: &'static str = "cloudformation:ListExports";
    type Target = ();
    type Output = Exported;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ListExports {
    fn run(
        op: Authorized<Self>,
        _target: (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Exported, Error> {
        let scope = cx.scope();
        let after = op.into_inner().after.map(|name| Key::StackExport { scope, name });
        let (prefix, order) = (Prefix::StackExports { scope }, Order::Ascending);
        let found = page(read, prefix, after, order, limits::STACKS_PAGE, |key, record| {
            match (key, record) {
                (Key::StackExport { name, .. }, Record::StackRef(id)) => Some((name.clone(), id)),
                _ => None,
            }
        })?;
        let mut exports = Vec::with_capacity(found.items.len());
        for (name, id) in found.items {
            let stack = read.stack(scope, id)?.ok_or(StoreFault)?;
            let output = stack.outputs.iter().find(|output| output.export.as_ref() == Some(&name));
            let value = value(cx, &stack, output.ok_or(StoreFault)?)?;
            exports.push(Export { stack: stack.arn(scope), name, value });
        }
        let next = match found.next {
            Some(Key::StackExport { name, .. }) => Some(name),
            _ => None,
        };
        Ok(Exported { exports, next })
    }
}
