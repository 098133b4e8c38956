//! GetKeyLastUsage: when and for what a key was last used in this Region.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::KeyId;
use crate::keys::error::Error;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::LastUse;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::time::Timestamp;
use crate::tx::Records;

#[derive(Debug)]
pub struct GetKeyLastUsage {
    pub key: KeyRef,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Usage {
    pub key: KeyId,
    /// AWS: also since when uses are noted.
    pub created: Timestamp,
    pub last: Option<LastUse>,
}

impl Operation for GetKeyLastUsage {
    const ACTION: &'static str = "kms:GetKeyLastUsage";
    type Target = Target;
    type Output = Usage;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for GetKeyLastUsage {
    fn run(
        _: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Usage, Error> {
        let found = target.found()?;
        let last = read.key_use(found.scope, found.key.id)?;
        Ok(Usage { key: found.key.id, created: found.key.created, last })
    }
}
