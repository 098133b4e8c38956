//! GenerateDataKeyPair: a key pair, its private half in the clear and under a symmetric key.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::access::check_symmetric;
use crate::keys::ciphertext::ALGORITHM;
use crate::keys::envelope::{self, EncryptionContext};
use crate::keys::error::Error;
use crate::keys::spec::PairSpec;
use crate::keys::states::Rule;
use crate::keys::stores::StoreProblem;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::plaintext::KeyBytes;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

/// What a data key pair is asked to be.
#[derive(Debug)]
pub struct DataKeyPairRequest {
    pub key: KeyRef,
    pub context: EncryptionContext,
    pub spec: PairSpec,
    pub dry_run: bool,
}

/// A new data key pair.
#[derive(Debug)]
pub struct DataKeyPair {
    /// PKCS#8, DER.
    pub private: KeyBytes,
    /// The same, encrypted.
    pub blob: Vec<u8>,
    /// SubjectPublicKeyInfo, DER.
    pub public: Box<[u8]>,
    pub spec: PairSpec,
    pub key: KeyArn,
    pub material: MaterialId,
}

impl DataKeyPairRequest {
    pub fn demand(&self, target: &Target, action: &'static str) -> Demand {
        let facts =
            [("kms:encryptionalgorithm", ALGORITHM), ("kms:datakeypairspec", self.spec.as_str())];
        target.demand_with(action, Some(&self.context), facts)
    }

    /// `operation` is the one that asks.
    pub fn generate(
        &self,
        target: Target,
        cx: &Cx<'_>,
        operation: KeyOperation,
    ) -> Result<DataKeyPair, Error> {
        let found = target.found()?;
        Rule::Use.check(&found)?;
        check_symmetric(&found, operation.as_str())?;
        // AWS: not with keys of a custom key store.
        if found.key.external.is_some() {
            return Err(StoreProblem::NotForItsKeys { key: found.arn() }.into());
        }
        if self.dry_run {
            return Err(Error::DryRun);
        }
        let pair = cx.crypto.pairs().generate_pair(self.spec);
        let plaintext = pair.private.expose();
        let (crypto, entropy) = (cx.crypto, cx.entropy);
        let (key, scope, context) = (&found.key, found.scope, &self.context);
        let blob = envelope::encrypt(key, scope, context, plaintext, crypto, entropy)
            .map_err(|_| StoreFault)?;
        cx.uses.note(found.arn(), operation);
        Ok(DataKeyPair {
            private: pair.private,
            blob,
            public: pair.public,
            spec: self.spec,
            key: found.arn(),
            material: found.key.current_material()?,
        })
    }
}

#[derive(Debug)]
pub struct GenerateDataKeyPair(pub DataKeyPairRequest);

impl Operation for GenerateDataKeyPair {
    const ACTION: &'static str = "kms:GenerateDataKeyPair";
    type Target = Target;
    type Output = DataKeyPair;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for GenerateDataKeyPair {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<DataKeyPair, Error> {
        op.0.generate(target, cx, KeyOperation::GenerateDataKeyPair)
    }
}
