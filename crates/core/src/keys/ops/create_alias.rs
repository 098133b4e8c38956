//! CreateAlias: a name for a key, unique in its account and Region.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{AliasArn, AliasName};
use crate::keys::aliases;
use crate::keys::error::Error;
use crate::keys::model::Alias;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct CreateAlias {
    pub name: AliasName,
    pub target: KeyRef,
}

impl Operation for CreateAlias {
    const ACTION: &'static str = "kms:CreateAlias";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.target.own(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![aliases::demand(cx, Self::ACTION, &self.name), target.demand(Self::ACTION, None)]
    }
}

impl Command for CreateAlias {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        aliases::check_reserved(&op.name)?;
        if op.target.is_alias() {
            return Err(Error::AliasTargetIsAlias);
        }
        let found = target.found()?;
        Rule::Change.check(&found)?;
        let scope = found.scope;
        let name = op.into_inner().name;
        if tx.alias(scope, &name)?.is_some() {
            return Err(Error::AliasExists { alias: AliasArn { scope, name } });
        }
        aliases::check_count(tx, &found)?;
        let alias = Alias { name, target: found.key.id, created: cx.now, updated: cx.now };
        aliases::put(tx, scope, alias);
        Ok(Step::Done(()))
    }
}
