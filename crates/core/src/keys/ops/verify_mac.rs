//! VerifyMac: whether an HMAC is one of this key and message.
//!
//! AWS: one that is not is an error, never `false`.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::{Error, UseProblem};
use crate::keys::ops::generate_mac::MacRequest;
use crate::keys::spec::HmacHash;
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

const OPERATION: KeyOperation = KeyOperation::VerifyMac;

#[derive(Debug)]
pub struct VerifyMac {
    pub request: MacRequest,
    pub mac: Box<[u8]>,
}

/// The MAC is valid.
#[derive(Debug)]
pub struct VerifiedMac {
    pub key: KeyArn,
    pub algorithm: HmacHash,
}

impl Operation for VerifyMac {
    const ACTION: &'static str = "kms:VerifyMac";
    type Target = Target;
    type Output = VerifiedMac;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.request.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.request.demand(target, Self::ACTION)]
    }
}

impl Query for VerifyMac {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<VerifiedMac, Error> {
        let expected = op.request.compute(target, cx, OPERATION)?;
        if !cx.crypto.equal(&expected.mac, &op.mac) {
            return Err(Error::Use(UseProblem::InvalidMac));
        }
        if op.request.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(expected.key, OPERATION);
        Ok(VerifiedMac { key: expected.key, algorithm: expected.algorithm })
    }
}
