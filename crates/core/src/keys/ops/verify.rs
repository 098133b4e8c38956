//! Verify: whether a signature is one of this key.
//!
//! AWS: a signature that is not is an error, never `false`.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::{Error, UseProblem};
use crate::keys::signing::Signing;
use crate::keys::spec::SigningAlgorithm;
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::keys::using::{pair_spec, public};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

const OPERATION: KeyOperation = KeyOperation::Verify;

#[derive(Debug)]
pub struct Verify {
    pub signing: Signing,
    pub signature: Box<[u8]>,
}

/// The signature is valid.
#[derive(Debug)]
pub struct Verified {
    pub key: KeyArn,
    pub algorithm: SigningAlgorithm,
}

impl Operation for Verify {
    const ACTION: &'static str = "kms:Verify";
    type Target = Target;
    type Output = Verified;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.signing.target(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.signing.demand(target, Self::ACTION)]
    }
}

impl Query for Verify {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Verified, Error> {
        let (found, message) = op.signing.checked(target, OPERATION)?;
        let (spec, algorithm) = (pair_spec(&found)?, op.signing.algorithm);
        let pairs = cx.crypto.pairs();
        if !pairs.verify(spec, public(&found)?, algorithm, message, &op.signature) {
            return Err(Error::Use(UseProblem::InvalidSignature));
        }
        if op.signing.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(found.arn(), OPERATION);
        Ok(Verified { key: found.arn(), algorithm })
    }
}
