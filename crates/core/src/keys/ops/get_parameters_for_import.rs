//! GetParametersForImport: a wrapping key for material that is to be imported, and the token that
//! has its other half. Nothing is stored.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyArn;
use crate::keys::error::{Error, ImportProblem};
use crate::keys::import::{self, ImportToken, Wrapping};
use crate::keys::spec::{PairSpec, RsaSize};
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::time::Timestamp;

#[derive(Debug)]
pub struct GetParametersForImport {
    pub key: KeyRef,
    pub wrapping: Wrapping,
    pub size: RsaSize,
}

#[derive(Debug)]
pub struct ImportParameters {
    pub key: KeyArn,
    /// SubjectPublicKeyInfo, DER.
    pub public: Box<[u8]>,
    pub token: Vec<u8>,
    pub valid_to: Timestamp,
}

impl Operation for GetParametersForImport {
    const ACTION: &'static str = "kms:GetParametersForImport";
    type Target = Target;
    type Output = ImportParameters;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let facts = [
            ("kms:wrappingalgorithm", self.wrapping.as_str()),
            ("kms:wrappingkeyspec", PairSpec::Rsa(self.size).as_str()),
        ];
        vec![target.demand_with(Self::ACTION, None, facts)]
    }
}

impl Query for GetParametersForImport {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _: &dyn Read,
    ) -> Result<ImportParameters, Error> {
        let found = target.found()?;
        import::check_origin(&found)?;
        Rule::Change.check_settled(&found, cx)?;
        let (wrapping, size, spec) = (op.wrapping, op.size, found.key.spec);
        if !wrapping.suits(size, spec) {
            return Err(ImportProblem::Wrapping { wrapping, size, spec }.into());
        }
        let key = found.arn();
        let (public, token, valid_to) = ImportToken::generate(cx, &key, wrapping, size);
        Ok(ImportParameters { key, public, token, valid_to })
    }
}
