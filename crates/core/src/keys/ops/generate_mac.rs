//! GenerateMac: an HMAC of a message, with a key that never leaves.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::Error;
use crate::keys::model::{KeySpec, KeyUsage};
use crate::keys::spec::HmacHash;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::{check_algorithm, private, usable};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

/// What GenerateMac and VerifyMac have in common.
#[derive(Debug)]
pub struct MacRequest {
    pub key: KeyRef,
    pub message: Plaintext,
    pub algorithm: HmacHash,
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct Mac {
    pub mac: Vec<u8>,
    pub key: KeyArn,
    pub algorithm: HmacHash,
}

impl MacRequest {
    pub fn demand(&self, target: &Target, action: &'static str) -> Demand {
        let facts = [("kms:macalgorithm", self.algorithm.algorithm())];
        target.demand_with(action, None, facts)
    }

    /// `operation` is the one that asks.
    pub fn compute(
        &self,
        target: Target,
        cx: &Cx<'_>,
        operation: KeyOperation,
    ) -> Result<Mac, Error> {
        let found = usable(target, KeyUsage::GenerateVerifyMac, operation)?;
        let (algorithm, spec) = (self.algorithm, found.key.spec);
        check_algorithm(spec == KeySpec::Hmac(algorithm), algorithm.algorithm(), spec)?;
        let key = private(cx, &found)?;
        let mac = cx.crypto.pairs().mac(algorithm, &key, self.message.expose());
        Ok(Mac { mac, key: found.arn(), algorithm })
    }
}

#[derive(Debug)]
pub struct GenerateMac(pub MacRequest);

impl Operation for GenerateMac {
    const ACTION: &'static str = "kms:GenerateMac";
    type Target = Target;
    type Output = Mac;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for GenerateMac {
    fn run(op: Authorized<Self>, target: Target, cx: &Cx<'_>, _: &dyn Read) -> Result<Mac, Error> {
        let operation = KeyOperation::GenerateMac;
        let mac = op.0.compute(target, cx, operation)?;
        if op.0.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(mac.key, operation);
        Ok(mac)
    }
}
