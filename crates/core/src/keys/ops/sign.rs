//! Sign: a signature with a key pair's private key.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::Error;
use crate::keys::signing::Signing;
use crate::keys::spec::SigningAlgorithm;
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::keys::using::{pair_spec, private};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

const OPERATION: KeyOperation = KeyOperation::Sign;

#[derive(Debug)]
pub struct Sign(pub Signing);

#[derive(Debug)]
pub struct Signed {
    pub signature: Vec<u8>,
    pub key: KeyArn,
    pub algorithm: SigningAlgorithm,
}

impl Operation for Sign {
    const ACTION: &'static str = "kms:Sign";
    type Target = Target;
    type Output = Signed;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.target(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for Sign {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Signed, Error> {
        let (found, message) = op.0.checked(target, OPERATION)?;
        if op.0.dry_run {
            return Err(Error::DryRun);
        }
        let (key, algorithm) = (private(cx, &found)?, op.0.algorithm);
        let pairs = cx.crypto.pairs();
        let signature =
            pairs.sign(pair_spec(&found)?, &key, algorithm, message).map_err(|_| StoreFault)?;
        cx.uses.note(found.arn(), OPERATION);
        Ok(Signed { signature, key: found.arn(), algorithm })
    }
}
