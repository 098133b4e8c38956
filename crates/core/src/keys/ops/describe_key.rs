//! DescribeKey: what a key is, in any state, by any of its names.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::stores;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct DescribeKey {
    pub key: KeyRef,
}

/// A key, and whether its key store lets it be used.
#[derive(Debug)]
pub struct Described {
    pub found: Found,
    /// AWS: the key state Unavailable, of a key whose store is not connected.
    pub available: bool,
    /// AWS: the key state Updating.
    pub updating: bool,
}

impl Operation for DescribeKey {
    const ACTION: &'static str = "kms:DescribeKey";
    type Target = Target;
    type Output = Described;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.any(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        target.demands(Self::ACTION)
    }
}

impl Query for DescribeKey {
    fn run(
        _: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Described, Error> {
        let found = target.found()?;
        let available = match &found.key.external {
            None => true,
            Some(external) => stores::find(read, found.scope, external.store.as_str())?
                .is_some_and(|store| store.is_connected()),
        };
        let updating = found.key.is_updating(cx.now);
        Ok(Described { found, available, updating })
    }
}

impl core::ops::Deref for Described {
    type Target = Found;

    fn deref(&self) -> &Found {
        &self.found
    }
}
