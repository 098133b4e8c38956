//! CancelRotateSecret: turns rotation off, and ends one that is under way.
//!
//! AWS: labels stay as they are, so AWSPENDING may be left on a version without a value.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{SecretArn, VersionId};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::rotation::{Purpose, remove_copy, reschedule};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct CancelRotateSecret {
    pub secret: SecretId,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Cancelled {
    pub arn: SecretArn,
    /// The version that a rotation was to make current.
    pub version: Option<VersionId>,
}

impl Operation for CancelRotateSecret {
    const ACTION: &'static str = "secretsmanager:CancelRotateSecret";
    type Target = Target;
    type Output = Cancelled;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Command for CancelRotateSecret {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Cancelled>, Error> {
        let found = target.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        let mut secret = Secret::clone(&found.secret);
        let rotation = secret.rotation.as_mut().ok_or(Error::NoRotationFunction)?;
        let run = rotation.run.take();
        rotation.enabled = false;
        rotation.next = None;
        let mut version = None;
        match run {
            Some(run) if run.purpose == Purpose::Test => {
                remove_copy(tx, scope, &mut secret, &run.version)?;
            }
            run => version = run.map(|run| run.version),
        }
        advance(cx, &mut secret);
        reschedule(tx, scope, &found.secret, &secret);
        save(cx, tx, scope, secret)?;
        Ok(Step::Done(Cancelled { arn, version }))
    }
}
