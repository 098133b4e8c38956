//! GetPublicKey: the half of a key pair that everybody may have.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::access::Found;
use crate::keys::error::{Error, UseProblem};
use crate::keys::model::KeySpec;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::keys::using::public;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GetPublicKey {
    pub key: KeyRef,
}

#[derive(Debug)]
pub struct PublicKey {
    /// SubjectPublicKeyInfo, DER.
    pub public: Box<[u8]>,
    pub found: Found,
}

impl Operation for GetPublicKey {
    const ACTION: &'static str = "kms:GetPublicKey";
    type Target = Target;
    type Output = PublicKey;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for GetPublicKey {
    fn run(
        _: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<PublicKey, Error> {
        let found = target.found()?;
        Rule::Use.check(&found)?;
        if !matches!(found.key.spec, KeySpec::Pair(_)) {
            return Err(Error::Use(UseProblem::NoPublicKey {
                key: found.arn(),
                spec: found.key.spec,
            }));
        }
        let public = public(&found)?.into();
        Ok(PublicKey { public, found })
    }
}
