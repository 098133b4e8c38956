//! DeriveSharedSecret: ECDH between a key pair and somebody's public key.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::{Error, UseProblem};
use crate::keys::model::{KeyUsage, Origin};
use crate::keys::spec::PairSpec;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::{pair_spec, private, usable};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

/// AWS: the only algorithm there is.
pub const ALGORITHM: &str = "ECDH";
const OPERATION: KeyOperation = KeyOperation::DeriveSharedSecret;

#[derive(Debug)]
pub struct DeriveSharedSecret {
    pub key: KeyRef,
    /// The other side's public key: SubjectPublicKeyInfo, DER.
    pub peer: Box<[u8]>,
    pub dry_run: bool,
}

#[derive(Debug)]
pub struct SharedSecret {
    pub secret: Plaintext,
    pub key: KeyArn,
    pub origin: Origin,
}

impl Operation for DeriveSharedSecret {
    const ACTION: &'static str = "kms:DeriveSharedSecret";
    type Target = Target;
    type Output = SharedSecret;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let facts = [("kms:keyagreementalgorithm", ALGORITHM)];
        vec![target.demand_with(Self::ACTION, None, facts)]
    }
}

impl Query for DeriveSharedSecret {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<SharedSecret, Error> {
        let found = usable(target, KeyUsage::KeyAgreement, OPERATION)?;
        let PairSpec::Ecc(curve) = pair_spec(&found)? else { return Err(StoreFault.into()) };
        let key = private(cx, &found)?;
        let secret = cx
            .crypto
            .pairs()
            .agree(curve, &key, &op.peer)
            .map_err(|_| Error::Use(UseProblem::InvalidPeerKey))?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(found.arn(), OPERATION);
        Ok(SharedSecret { secret, key: found.arn(), origin: found.key.origin })
    }
}
