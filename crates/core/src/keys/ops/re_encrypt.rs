//! ReEncrypt: from one key or context to another, without the plaintext leaving.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::access::{Found, check_symmetric};
use crate::keys::ciphertext::{ALGORITHM, Sealed, Source};
use crate::keys::envelope::{self, EncryptionContext};
use crate::keys::error::Error;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct ReEncrypt {
    pub sealed: Sealed,
    pub destination: KeyRef,
    pub context: EncryptionContext,
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
    pub source_material: MaterialId,
    pub destination: KeyArn,
    pub destination_material: MaterialId,
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
        let mut from = keys.source.demand(Self::ACTION, &self.sealed.context);
        if let Some(from) = &mut from {
            from.facts.others.push(same.clone());
        }
        let facts = [("kms:encryptionalgorithm", ALGORITHM.to_owned()), same];
        let to = keys.destination.demand_with("kms:ReEncryptTo", Some(&self.context), facts);
        from.into_iter().chain([to]).collect()
    }
}

impl Query for ReEncrypt {
    fn run(
        op: Authorized<Self>,
        keys: Keys,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<ReEncrypted, Error> {
        let found = keys.destination.found()?;
        Rule::Use.check(&found)?;
        check_symmetric(&found, "ReEncryptTo")?;
        let opened = op.sealed.open(cx, keys.source)?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        let plaintext = opened.plaintext.expose();
        let blob = envelope::encrypt(
            &found.key,
            found.scope,
            &op.context,
            plaintext,
            cx.crypto,
            cx.entropy,
        )
        .map_err(|_| StoreFault)?;
        for key in [opened.key, found.arn()] {
            cx.uses.note(key, KeyOperation::ReEncrypt);
        }
        Ok(ReEncrypted {
            blob,
            source: opened.key,
            source_material: opened.material,
            destination: found.arn(),
            destination_material: found.key.current_material()?,
        })
    }
}
