//! DescribeKey: what a key is, in any state, by any of its names.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct DescribeKey {
    pub key: KeyRef,
}

impl Operation for DescribeKey {
    const ACTION: &'static str = "kms:DescribeKey";
    type Target = Target;
    type Output = Found;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for DescribeKey {
    fn run(_: Authorized<Self>, target: Target, _: &Cx<'_>, _: &dyn Read) -> Result<Found, Error> {
        target.found()
    }
}
