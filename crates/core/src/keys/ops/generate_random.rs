//! GenerateRandom: random bytes, with no key involved.

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::keys::error::Error;
use crate::keys::ops::generate_data_key::random_bytes;
use crate::keys::stores::{self, StoreProblem};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GenerateRandom {
    pub number_of_bytes: usize,
    /// AWS: the bytes can come from a CloudHSM key store. There are none.
    pub store: Option<Box<str>>,
}

impl Operation for GenerateRandom {
    const ACTION: &'static str = "kms:GenerateRandom";
    type Target = ();
    type Output = Plaintext;
    type Error = Error;

    fn target(&self, _: &Cx<'_>, _: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for GenerateRandom {
    fn run(op: Authorized<Self>, (): (), cx: &Cx<'_>, read: &dyn Read) -> Result<Plaintext, Error> {
        if let Some(store) = &op.store {
            let found = stores::find(read, cx.scope(), store)?;
            return Err(found.map_or(StoreProblem::NotFound, |_| StoreProblem::NoRandom).into());
        }
        Ok(random_bytes(cx, op.number_of_bytes))
    }
}
