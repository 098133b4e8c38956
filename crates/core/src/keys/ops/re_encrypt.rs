//! ReEncrypt: from one key or context to another, without the plaintext leaving.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::access::Found;
use crate::keys::ciphertext::{Sealed, Sealing, Source};
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::Error;
use crate::keys::spec::EncryptionAlgorithm;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand, Denied};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct ReEncrypt {
    pub sealed: Sealed,
    pub destination: KeyRef,
    pub context: EncryptionContext,
    pub algorithm: EncryptionAlgorithm,
    pub dry_run: bool,
}

/// Both keys, looked up.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    destination: Target,
}

#[derive(Debug)]
pub struct ReEncrypted {
    pub blob: Vec<u8>,
    pub source: KeyArn,
    /// Materials are `None` for key pairs.
    pub source_material: Option<MaterialId>,
    pub source_algorithm: EncryptionAlgorithm,
    pub destination: KeyArn,
    pub destination_material: Option<MaterialId>,
    pub destination_algorithm: EncryptionAlgorithm,
}

impl Operation for ReEncrypt {
    const ACTION: &'static str = "kms:ReEncryptFrom";
    type Target = Keys;
    type Output = ReEncrypted;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Keys, StoreFault> {
        let source = self.sealed.source(cx, read)?;
        Ok(Keys { source, destination: self.destination.any(cx, read)? })
    }

    fn demands(&self, _: &Cx<'_>, keys: &Keys) -> Vec<Demand> {
        let destination = keys.destination.as_found().ok().map(Found::arn);
        let same = keys.source.arn().is_some_and(|source| Some(source) == destination);
        let same = ("kms:reencryptonsamekey", same.to_string());
        let mut from = keys.source.demand(Self::ACTION, &self.sealed);
        if let Some(from) = &mut from {
            from.facts.others.push(same.clone());
        }
        let facts = [("kms:encryptionalgorithm", self.algorithm.as_str().to_owned()), same];
        let to = keys.destination.demand_with("kms:ReEncryptTo", Some(&self.context), facts);
        from.into_iter().chain([to]).collect()
    }

    fn refusal(keys: &Keys, denied: Denied) -> Error {
        if denied.action == Self::ACTION { keys.source.refusal(denied) } else { denied.into() }
    }
}

impl Query for ReEncrypt {
    fn run(
        op: Authorized<Self>,
        keys: Keys,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<ReEncrypted, Error> {
        let found = keys.destination.found()?;
        let (context, algorithm) = (&op.context, op.algorithm);
        let by = KeyOperation::ReEncrypt;
        let sealing = Sealing { algorithm, context, by, operation: "ReEncryptTo" };
        sealing.check(&found)?;
        let opened = op.sealed.open(cx, read, keys.source, by)?;
        sealing.check_length(&found, opened.plaintext.len())?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let blob = sealing.seal(cx, read, &found, &opened.plaintext)?;
        let symmetric = found.key.spec.is_symmetric();
        for key in [opened.key, found.arn()] {
            cx.uses.note(key, KeyOperation::ReEncrypt);
        }
        Ok(ReEncrypted {
            blob,
            source: opened.key,
            source_material: opened.material,
            source_algorithm: opened.algorithm,
            destination: found.arn(),
            destination_material: symmetric.then(|| found.key.current_material()).transpose()?,
            destination_algorithm: algorithm,
        })
    }
}
