//! Encrypt: up to 4096 bytes under a key's current material.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::access::check_symmetric;
use crate::keys::ciphertext::ALGORITHM;
use crate::keys::envelope::{self, EncryptionContext};
use crate::keys::error::Error;
use crate::keys::states::Rule;
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
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct Encrypted {
    pub blob: Vec<u8>,
    pub key: KeyArn,
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
        let facts = [("kms:encryptionalgorithm", ALGORITHM.to_owned())];
        vec![target.demand_with(Self::ACTION, Some(&self.context), facts)]
    }
}

impl Query for Encrypt {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<Encrypted, Error> {
        let found = target.found()?;
        Rule::Use.check(&found)?;
        check_symmetric(&found, "Encrypt")?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let plaintext = op.plaintext.expose();
        let blob = envelope::encrypt(
            &found.key,
            found.scope,
            &op.context,
            plaintext,
            cx.crypto,
            cx.entropy,
        )
        // Material that does not unwrap is corruption of this Region's store.
        .map_err(|_| StoreFault)?;
        cx.uses.note(found.arn(), KeyOperation::Encrypt);
        Ok(Encrypted { blob, key: found.arn() })
    }
}
