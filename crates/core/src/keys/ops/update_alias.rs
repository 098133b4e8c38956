//! UpdateAlias: points an alias at another key.
//!
//! AWS: both keys must be of the same type and usage, which all keys built so far are.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{AliasArn, AliasName, KeyArn};
use crate::keys::access::{Found, KeyName, find};
use crate::keys::aliases;
use crate::keys::error::Error;
use crate::keys::model::{Alias, KeySpec, KmsKey};
use crate::keys::problem::KeyProblem;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct UpdateAlias {
    pub name: AliasName,
    pub target: KeyRef,
}

/// The alias, the key it points at, and the key it is to point at.
#[derive(Debug)]
pub struct Looked {
    alias: Option<Arc<Alias>>,
    old: Option<Target>,
    new: Target,
}

impl Operation for UpdateAlias {
    const ACTION: &'static str = "kms:UpdateAlias";
    type Target = Looked;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Looked, StoreFault> {
        let alias = read.alias(cx.scope(), &self.name)?;
        let old = match &alias {
            Some(alias) => Some(target_of(cx, read, alias)?),
            None => None,
        };
        Ok(Looked { alias, old, new: self.target.own(cx, read)? })
    }

    fn demands(&self, cx: &Cx<'_>, looked: &Looked) -> Vec<Demand> {
        let keys = looked.old.iter().chain([&looked.new]);
        let keys = keys.map(|key| key.demand(Self::ACTION, None));
        [aliases::demand(cx, Self::ACTION, &self.name)].into_iter().chain(keys).collect()
    }
}

impl Command for UpdateAlias {
    fn run(
        op: Authorized<Self>,
        looked: Looked,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        aliases::check_reserved(&op.name)?;
        if op.target.is_alias() {
            return Err(Error::AliasTargetIsAlias);
        }
        let scope = cx.scope();
        let name = op.into_inner().name;
        let Some(alias) = looked.alias else {
            return Err(KeyProblem::AliasAbsent { alias: AliasArn { scope, name } }.into());
        };
        let found = looked.new.found()?;
        Rule::Change.check(&found)?;
        if let Some(Ok(old)) = looked.old.as_ref().map(Target::as_found)
            && !is_alike(&old.key, &found.key)
        {
            return Err(Error::AliasOfOtherKind);
        }
        if alias.target != found.key.id {
            aliases::check_count(tx, &found)?;
        }
        aliases::remove(tx, scope, alias.target, name.clone());
        let moved = Alias { name, target: found.key.id, created: alias.created, updated: cx.now };
        aliases::put(tx, scope, moved);
        Ok(Step::Done(()))
    }
}

/// AWS: both symmetric, both HMAC or both pairs, and of the same usage.
fn is_alike(old: &KmsKey, new: &KmsKey) -> bool {
    let kind = |key: &KmsKey| match key.spec {
        KeySpec::SymmetricDefault => 0,
        KeySpec::Hmac(_) => 1,
        KeySpec::Pair(_) => 2,
    };
    kind(old) == kind(new) && old.usage == new.usage
}

/// The key that an alias points at.
pub fn target_of(cx: &Cx<'_>, read: &dyn Read, alias: &Alias) -> Result<Target, StoreFault> {
    let arn = KeyArn { scope: cx.scope(), id: alias.target };
    let found: Result<Found, KeyProblem> = find(read, arn.scope, &KeyName::Arn(arn))?;
    Ok(Target::of_arn(arn, found))
}
