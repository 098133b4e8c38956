//! DeleteAlias: takes a name off a key. The key stays.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{AliasArn, AliasName};
use crate::keys::aliases;
use crate::keys::error::Error;
use crate::keys::model::Alias;
use crate::keys::ops::update_alias::target_of;
use crate::keys::problem::KeyProblem;
use crate::keys::target::Target;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct DeleteAlias {
    pub name: AliasName,
}

impl Operation for DeleteAlias {
    const ACTION: &'static str = "kms:DeleteAlias";
    /// The alias and its key.
    type Target = Option<(Arc<Alias>, Target)>;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Self::Target, StoreFault> {
        let Some(alias) = read.alias(cx.scope(), &self.name)? else { return Ok(None) };
        let key = target_of(cx, read, &alias)?;
        Ok(Some((alias, key)))
    }

    fn demands(&self, cx: &Cx<'_>, target: &Self::Target) -> Vec<Demand> {
        let key = target.iter().map(|(_, key)| key.demand(Self::ACTION, None));
        [aliases::demand(cx, Self::ACTION, &self.name)].into_iter().chain(key).collect()
    }
}

impl Command for DeleteAlias {
    fn run(
        op: Authorized<Self>,
        target: Self::Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        aliases::check_reserved(&op.name)?;
        let scope = cx.scope();
        let name = op.into_inner().name;
        match target {
            Some((alias, _)) => aliases::remove(tx, scope, alias.target, name),
            None => return Err(KeyProblem::AliasAbsent { alias: AliasArn { scope, name } }.into()),
        }
        Ok(Step::Done(()))
    }
}
