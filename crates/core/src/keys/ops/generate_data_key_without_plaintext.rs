//! GenerateDataKeyWithoutPlaintext: a data key that nobody sees before it is decrypted.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::{KeyArn, MaterialId};
use crate::keys::error::Error;
use crate::keys::ops::generate_data_key::{DataKey, DataKeyRequest};
use crate::keys::target::Target;
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GenerateDataKeyWithoutPlaintext(pub DataKeyRequest);

/// A data key under its KMS key only.
#[derive(Debug)]
pub struct WrappedDataKey {
    pub blob: Vec<u8>,
    pub key: KeyArn,
    pub material: MaterialId,
}

impl Operation for GenerateDataKeyWithoutPlaintext {
    const ACTION: &'static str = "kms:GenerateDataKeyWithoutPlaintext";
    type Target = Target;
    type Output = WrappedDataKey;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.0.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.0.demand(target, Self::ACTION)]
    }
}

impl Query for GenerateDataKeyWithoutPlaintext {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<WrappedDataKey, Error> {
        let DataKey { blob, key, material, .. } =
            op.0.generate(target, cx, read, KeyOperation::GenerateDataKeyWithoutPlaintext)?;
        Ok(WrappedDataKey { blob, key, material })
    }
}
