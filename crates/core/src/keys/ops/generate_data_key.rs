//! GenerateDataKey: random bytes, in the clear and under a key.

use zeroize::Zeroizing;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::access::check_symmetric;
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::Error;
use crate::keys::external::{self, Use};
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

/// What a data key is asked to be.
#[derive(Debug)]
pub struct DataKeyRequest {
    pub key: KeyRef,
    pub context: EncryptionContext,
    pub length: DataKeyLength,
    pub dry_run: bool,
}

/// The bytes of a data key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataKeyLength(usize);

/// AWS: DataKeySpec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataKeySpec {
    Aes128,
    Aes256,
}

impl DataKeyLength {
    /// AWS: exactly one of KeySpec and NumberOfBytes.
    pub fn new(spec: Option<DataKeySpec>, bytes: Option<usize>) -> Result<Self, Error> {
        match (spec, bytes) {
            (Some(DataKeySpec::Aes128), None) => Ok(Self(16)),
            (Some(DataKeySpec::Aes256), None) => Ok(Self(32)),
            (None, Some(bytes)) => Ok(Self(bytes)),
            (Some(_), Some(_)) => Err(Error::DataKeyLengthAmbiguous),
            (None, None) => Err(Error::DataKeyLengthMissing),
        }
    }
}

/// A new data key.
#[derive(Debug)]
pub struct DataKey {
    pub plaintext: Plaintext,
    pub blob: Vec<u8>,
    pub key: KeyArn,
    pub material: MaterialId,
}

impl DataKeyRequest {
    pub fn demand(&self, target: &Target, action: &'static str) -> Demand {
        let facts = [("kms:encryptionalgorithm", crate::keys::ciphertext::ALGORITHM)];
        target.demand_with(action, Some(&self.context), facts)
    }

    /// `operation` is the name of the one that asks.
    pub fn generate(
        &self,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
        operation: KeyOperation,
    ) -> Result<DataKey, Error> {
        let found = target.found()?;
        Rule::Use.check(&found)?;
        check_symmetric(&found, operation.as_str())?;
        if self.dry_run {
            return Err(Error::DryRun);
        }
        let plaintext = random_bytes(cx, self.length.0);
        let by = Use { operation: operation.as_str(), via_service: None };
        let blob = external::encrypt(cx, read, &found, &self.context, plaintext.expose(), by)??;
        let material = found.key.current_material()?;
        cx.uses.note(found.arn(), operation);
        Ok(DataKey { plaintext, blob, key: found.arn(), material })
    }
}

/// Random bytes that are somebody's secret.
pub fn random_bytes(cx: &Cx<'_>, len: usize) -> Plaintext {
    let mut bytes = Zeroizing::new(vec![0; len]);
    cx.entropy.fill(&mut bytes);
    Plaintext::new(core::mem::take(&mut *bytes))
}

#[derive(Debug)]
pub struct GenerateDataKey(pub DataKeyRequest);

impl Operation for GenerateDataKey {
    const ACTION: &'static str = "kms:GenerateDataKey";
    type Target = Target;
    type Output = DataKey;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for GenerateDataKey {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<DataKey, Error> {
        op.0.generate(target, cx, read, KeyOperation::GenerateDataKey)
    }
}
