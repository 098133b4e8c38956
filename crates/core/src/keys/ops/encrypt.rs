//! Encrypt: up to 4096 bytes under a symmetric key's current material, or what fits into one block
//! of RSA.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::ciphertext::Sealing;
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::Error;
use crate::keys::spec::EncryptionAlgorithm;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct Encrypt {
    pub key: KeyRef,
    pub plaintext: Plaintext,
    pub context: EncryptionContext,
    pub algorithm: EncryptionAlgorithm,
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct Encrypted {
    pub blob: Vec<u8>,
    pub key: KeyArn,
    pub algorithm: EncryptionAlgorithm,
}

impl Operation for Encrypt {
    const ACTION: &'static str = "kms:Encrypt";
    type Target = Target;
    type Output = Encrypted;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let facts = [("kms:encryptionalgorithm", self.algorithm.as_str())];
        vec![target.demand_with(Self::ACTION, Some(&self.context), facts)]
    }
}

impl Query for Encrypt {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Encrypted, Error> {
        let found = target.found()?;
        let (context, algorithm) = (&op.context, op.algorithm);
        let sealing =
            Sealing { algorithm, context, by: KeyOperation::Encrypt, operation: "Encrypt" };
        sealing.check(&found)?;
        sealing.check_length(&found, op.plaintext.len())?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let blob = sealing.seal(cx, read, &found, &op.plaintext)?;
        cx.uses.note(found.arn(), KeyOperation::Encrypt);
        Ok(Encrypted { blob, key: found.arn(), algorithm })
    }
}
