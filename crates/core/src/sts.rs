//! STS. GetCallerIdentity: who the signature says that the caller is.
//!
//! AWS: it needs no permission and cannot be denied, so that it demands nothing.

pub mod assume_role;
pub mod passed;

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::ids::AccountId;
use crate::policy::authorized::{Authorized, Demand, Denied};
use crate::ports::{Read, StoreFault};

#[derive(Debug)]
pub struct GetCallerIdentity;

#[derive(Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    pub user_id: Arc<str>,
    pub account: AccountId,
    pub arn: Arc<str>,
}

/// Nothing that this operation does can fail; the engine's contract asks for the two kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl Operation for GetCallerIdentity {
    const ACTION: &'static str = "sts:GetCallerIdentity";
    type Target = ();
    type Output = CallerIdentity;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, _cx: &Cx<'_>, _target: &()) -> Vec<Demand> {
        Vec::new()
    }
}

impl Query for GetCallerIdentity {
    fn run(
        _op: Authorized<Self>,
        _target: (),
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<CallerIdentity, Error> {
        Ok(CallerIdentity {
            user_id: Arc::clone(&cx.caller.user_id),
            account: cx.caller.account,
            arn: Arc::clone(&cx.caller.arn),
        })
    }
}
