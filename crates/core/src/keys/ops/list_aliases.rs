//! ListAliases: the aliases of the account in this Region, or of one key, by name.

use core::ops::ControlFlow;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{AliasName, KeyId};
use crate::keys::error::Error;
use crate::keys::model::Alias;
use crate::keys::page::Page;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Order, Prefix, Record, Scan};
use crate::tx::Records;

#[derive(Debug)]
pub struct ListAliases {
    /// Only the aliases of this key.
    pub key: Option<KeyRef>,
    pub limit: usize,
    pub after: Option<AliasName>,
}

impl Operation for ListAliases {
    const ACTION: &'static str = "kms:ListAliases";
    type Target = Option<Target>;
    type Output = Page<Arc<Alias>>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Self::Target, StoreFault> {
        self.key.as_ref().map(|key| key.own(cx, read)).transpose()
    }

    /// AWS: no resource can be named, also when a key filters the list.
    fn demands(&self, cx: &Cx<'_>, _: &Self::Target) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for ListAliases {
    fn run(
        op: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Page<Arc<Alias>>, Error> {
        let key = target.map(Target::found).transpose()?;
        let found = match key {
            Some(found) => of_key(&op, cx, read, found.key.id)?,
            None => all(&op, cx, read)?,
        };
        Ok(Page::cut(found, op.limit))
    }
}

fn all(op: &ListAliases, cx: &Cx<'_>, read: &dyn Read) -> Result<Vec<Arc<Alias>>, StoreFault> {
    let scope = cx.scope();
    let after = op.after.clone().map(|name| Key::Alias { scope, name });
    let mut found = Vec::new();
    walk(read, Prefix::Aliases { scope }, after, |_, record| {
        if let Record::Alias(alias) = record {
            found.push(alias);
        }
        found.len() > op.limit
    })?;
    Ok(found)
}

fn of_key(
    op: &ListAliases,
    cx: &Cx<'_>,
    read: &dyn Read,
    id: KeyId,
) -> Result<Vec<Arc<Alias>>, StoreFault> {
    let scope = cx.scope();
    let after = op.after.clone().map(|name| Key::AliasOfKey { scope, id, name });
    let mut names = Vec::new();
    walk(read, Prefix::AliasesOfKey { scope, id }, after, |key, _| {
        if let Key::AliasOfKey { name, .. } = key {
            names.push(name);
        }
        names.len() > op.limit
    })?;
    names.iter().filter_map(|name| read.alias(scope, name).transpose()).collect()
}

fn walk(
    read: &dyn Read,
    prefix: Prefix,
    after: Option<Key>,
    mut is_enough: impl FnMut(Key, Record) -> bool,
) -> Result<(), StoreFault> {
    let scan = Scan { prefix, after, order: Order::Ascending };
    read.scan(&scan, &mut |key, record| {
        if is_enough(key, record) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}
