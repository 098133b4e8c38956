//! Encapsulate: a new shared secret, and the ciphertext that gives it to the key's holder.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::model::KeyUsage;
use crate::keys::spec::{MlKem, PairSpec};
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::{pair_spec, public, usable};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Encapsulated, Read, StoreFault};

/// AWS: the only algorithm there is.
pub const ALGORITHM: &str = "ML_KEM";
const OPERATION: KeyOperation = KeyOperation::Encapsulate;

#[derive(Debug)]
pub struct Encapsulate {
    pub key: KeyRef,
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct NewSecret {
    pub secret: Plaintext,
    pub ciphertext: Vec<u8>,
    pub key: KeyArn,
}

/// The permission that both operations ask for, each under its own name.
pub fn demand(target: &Target, action: &'static str) -> Demand {
    target.demand_with(action, None, [("kms:encapsulationalgorithm", ALGORITHM)])
}

/// The key and its parameter set, if it can be used so.
pub fn usable_kem(target: Target, operation: KeyOperation) -> Result<(Found, MlKem), Error> {
    let found = usable(target, KeyUsage::EncapsulateDecapsulate, operation)?;
    match pair_spec(&found)? {
        PairSpec::MlKem(set) => Ok((found, set)),
        _ => Err(StoreFault.into()),
    }
}

impl Operation for Encapsulate {
    const ACTION: &'static str = "kms:Encapsulate";
    type Target = Target;
    type Output = NewSecret;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![demand(target, Self::ACTION)]
    }
}

impl Query for Encapsulate {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<NewSecret, Error> {
        let (found, set) = usable_kem(target, OPERATION)?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let made = cx.crypto.pairs().encapsulate(set, public(&found)?);
        let Encapsulated { secret, ciphertext } = made.map_err(|_| StoreFault)?;
        cx.uses.note(found.arn(), OPERATION);
        Ok(NewSecret { secret, ciphertext, key: found.arn() })
    }
}
