//! Decapsulate: the shared secret of a ciphertext that was made for this key.
//!
//! FIPS 203: a ciphertext of the right length that was altered gives a secret that nobody else has.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::Error;
use crate::keys::ops::encapsulate::{demand, usable_kem};
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::private;
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

const OPERATION: KeyOperation = KeyOperation::Decapsulate;

#[derive(Debug)]
pub struct Decapsulate {
    pub key: KeyRef,
    pub ciphertext: Box<[u8]>,
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct OpenedSecret {
    pub secret: Plaintext,
    pub key: KeyArn,
}

impl Operation for Decapsulate {
    const ACTION: &'static str = "kms:Decapsulate";
    type Target = Target;
    type Output = OpenedSecret;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![demand(target, Self::ACTION)]
    }
}

impl Query for Decapsulate {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<OpenedSecret, Error> {
        let (found, set) = usable_kem(target, OPERATION)?;
        let opened = cx.crypto.pairs().decapsulate(set, &private(cx, &found)?, &op.ciphertext);
        let secret = opened.map_err(|_| Error::InvalidCiphertext)?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(found.arn(), OPERATION);
        Ok(OpenedSecret { secret, key: found.arn() })
    }
}
