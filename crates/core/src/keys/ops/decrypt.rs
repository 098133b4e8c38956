//! Decrypt: opens a ciphertext under the key that it names.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::ciphertext::{Opened, Sealed, Source};
use crate::keys::error::Error;
use crate::keys::usage::KeyOperation;
use crate::policy::authorized::{Authorized, Demand, Denied};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct Decrypt {
    pub sealed: Sealed,
    pub dry_run: bool,
}

impl Operation for Decrypt {
    const ACTION: &'static str = "kms:Decrypt";
    type Target = Source;
    type Output = Opened;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Source, StoreFault> {
        self.sealed.source(cx, read)
    }

    /// Nothing is demanded for bytes that name no key: see [`Source::demand`].
    fn demands(&self, _: &Cx<'_>, source: &Source) -> Vec<Demand> {
        source.demand(Self::ACTION, &self.sealed).into_iter().collect()
    }

    fn refusal(source: &Source, denied: Denied) -> Error {
        source.refusal(denied)
    }
}

impl Query for Decrypt {
    fn run(
        op: Authorized<Self>,
        source: Source,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<Opened, Error> {
        let opened = op.sealed.open(cx, read, source, KeyOperation::Decrypt)?;
        if op.dry_run {
            return Err(Error::DryRun);
        }
        cx.uses.note(opened.key, KeyOperation::Decrypt);
        Ok(opened)
    }
}
