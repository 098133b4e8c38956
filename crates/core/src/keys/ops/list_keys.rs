//! ListKeys: the keys of the account in this Region, AWS managed ones included, by id.

use core::ops::ControlFlow;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::ids::KeyId;
use crate::keys::error::Error;
use crate::keys::page::Page;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Scan};

#[derive(Debug)]
pub struct ListKeys {
    /// Whether the account's own keys are asked for. There are no others: nothing is shared.
    pub own: bool,
    pub limit: usize,
    pub after: Option<KeyId>,
}

impl Operation for ListKeys {
    const ACTION: &'static str = "kms:ListKeys";
    type Target = ();
    type Output = Page<KeyArn>;
    type Error = Error;

    fn target(&self, _: &Cx<'_>, _: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ListKeys {
    fn run(
        op: Authorized<Self>,
        (): (),
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Page<KeyArn>, Error> {
        let scope = cx.scope();
        let mut found = Vec::new();
        if !op.own {
            return Ok(Page::cut(found, op.limit));
        }
        let scan = Scan {
            prefix: Prefix::KmsKeys { scope },
            after: op.after.map(|id| Key::KmsKey { scope, id }),
            order: Order::Ascending,
        };
        read.scan(&scan, &mut |key, _| {
            if let Key::KmsKey { scope, id } = key {
                found.push(KeyArn { scope, id });
            }
            if found.len() > op.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(Page::cut(found, op.limit))
    }
}
