//! GenerateDataKeyPairWithoutPlaintext: a key pair whose private half nobody sees before it is
//! decrypted.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::error::Error;
use crate::keys::ops::generate_data_key_pair::{DataKeyPair, DataKeyPairRequest};
use crate::keys::spec::PairSpec;
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GenerateDataKeyPairWithoutPlaintext(pub DataKeyPairRequest);

/// A data key pair, its private half under its KMS key only.
#[derive(Debug)]
pub struct WrappedDataKeyPair {
    pub blob: Vec<u8>,
    pub public: Box<[u8]>,
    pub spec: PairSpec,
    pub key: KeyArn,
    pub material: MaterialId,
}

impl Operation for GenerateDataKeyPairWithoutPlaintext {
    const ACTION: &'static str = "kms:GenerateDataKeyPairWithoutPlaintext";
    type Target = Target;
    type Output = WrappedDataKeyPair;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for GenerateDataKeyPairWithoutPlaintext {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<WrappedDataKeyPair, Error> {
        let DataKeyPair { blob, public, spec, key, material, .. } =
            op.0.generate(target, cx, KeyOperation::GenerateDataKeyPairWithoutPlaintext)?;
        Ok(WrappedDataKeyPair { blob, public, spec, key, material })
    }
}
