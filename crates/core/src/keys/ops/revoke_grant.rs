//! RevokeGrant: whoever administers a key ends a grant on it.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::GrantId;
use crate::keys::error::{Error, GrantProblem};
use crate::keys::grants;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct RevokeGrant {
    pub key: KeyRef,
    pub id: GrantId,
    pub dry_run: bool,
}

impl Operation for RevokeGrant {
    const ACTION: &'static str = "kms:RevokeGrant";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.no_alias(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Command for RevokeGrant {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        let (scope, key) = (found.scope, found.key.id);
        let grant = tx.grant(scope, key, op.id)?.ok_or(GrantProblem::Absent { id: op.id })?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        grants::remove(tx, scope, key, &grant)?;
        Ok(Step::Done(()))
    }
}
