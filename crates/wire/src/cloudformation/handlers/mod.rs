//! How the resources of a stack are made: by the services' own operations, from body to answer.
//!
//! Each call is a row of the operations table, run on the transaction of the stack's step as the
//! stack's role or the principal of its operation. So a resource meets every check, every text and every
//! authorization that a client's request meets (promise R6). One file for each resource type.

mod alias;
mod call;
mod import;
mod key;
mod policy;
mod replica_key;
mod rotation_schedule;
mod secret;
mod tagging;
mod value;

use std::cell::RefCell;

use regent_cfn::Value;
use regent_cfn::dynamic::{DynamicReference, Resolve};
use regent_cfn::error::Problem;
use regent_core::cx::{Caller, Cx};
use regent_core::ports::{Read, StoreFault};
use regent_core::stacks::handlers::{Change, Done, Failure, Handled, Handlers, Place, Settled};
use regent_core::tx::Tx;
use zeroize::Zeroizing;

use crate::operations::Operation;
use call::Calls;
pub(super) use call::Unanswered;
pub(super) use tagging::OF_KEYS;

/// The handlers of every type that a stack may have, and what they have called.
#[derive(Debug, Default)]
pub struct Services(RefCell<Vec<Called>>);

/// Where a handler works.
pub(super) struct At<'a> {
    place: &'a Place<'a>,
    calls: Calls<'a>,
}

/// One operation that a handler has called, for the audit log.
#[derive(Debug)]
pub struct Called {
    pub operation: &'static Operation,
    /// The request, which may have a secret in it.
    pub body: Zeroizing<Vec<u8>>,
    pub error_code: Option<&'static str>,
    /// Who called: the principal of the stack's operation, or a session of the stack's role.
    pub caller: Caller,
    /// It is only done if the handler's work as a whole is.
    writes: bool,
}

impl Services {
    fn at<'a>(&'a self, place: &'a Place<'a>) -> At<'a> {
        At { place, calls: self.calls(place.cx) }
    }

    /// Does a handler's work. Of one that ends otherwise than done nothing is written, so that what it
    /// wrote in vain is not in the audit log; what it was refused and what it has read are.
    fn whole<T>(&self, work: impl FnOnce() -> Handled<T>) -> Handled<T> {
        let before = self.0.borrow().len();
        let handled = work();
        if !matches!(handled, Ok(Done::Done(_))) {
            let mut number = 0;
            self.0.borrow_mut().retain(|called| {
                number += 1;
                number <= before || !called.writes
            });
        }
        handled
    }

    pub(super) fn calls<'a>(&'a self, cx: &'a Cx<'a>) -> Calls<'a> {
        Calls { cx, log: &self.0 }
    }

    /// What was called since the last time, in order.
    pub fn take(&self) -> Vec<Called> {
        self.0.take()
    }
}

impl Handlers for Services {
    fn create(&self, place: &Place<'_>, tx: &mut Tx<'_>, wanted: &Value) -> Handled<Box<str>> {
        self.whole(|| match place.type_name {
            "AWS::SecretsManager::Secret" => secret::create(&self.at(place), tx, wanted),
            "AWS::SecretsManager::ResourcePolicy" => policy::create(&self.at(place), tx, wanted),
            "AWS::SecretsManager::RotationSchedule" => {
                rotation_schedule::create(&self.at(place), tx, wanted)
            }
            "AWS::KMS::Key" => key::create(&self.at(place), tx, wanted),
            "AWS::KMS::ReplicaKey" => replica_key::create(&self.at(place), tx, wanted),
            "AWS::KMS::Alias" => alias::create(&self.at(place), tx, wanted),
            _ => Err(Failure::Store(StoreFault)),
        })
    }

    fn update(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        change: Change<'_>,
    ) -> Handled<()> {
        self.whole(|| match place.type_name {
            "AWS::SecretsManager::Secret" => secret::update(&self.at(place), tx, physical, change),
            "AWS::SecretsManager::ResourcePolicy" => {
                policy::update(&self.at(place), tx, physical, change)
            }
            "AWS::SecretsManager::RotationSchedule" => {
                rotation_schedule::update(&self.at(place), tx, physical, change)
            }
            "AWS::KMS::Key" => key::update(&self.at(place), tx, physical, change),
            "AWS::KMS::ReplicaKey" => replica_key::update(&self.at(place), tx, physical, change),
            "AWS::KMS::Alias" => alias::update(&self.at(place), tx, physical, change),
            _ => Err(Failure::Store(StoreFault)),
        })
    }

    fn delete(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        was: Option<&Value>,
    ) -> Handled<()> {
        self.whole(|| match place.type_name {
            "AWS::SecretsManager::Secret" => secret::delete(&self.at(place), tx, physical),
            "AWS::SecretsManager::ResourcePolicy" => policy::delete(&self.at(place), tx, physical),
            "AWS::SecretsManager::RotationSchedule" => {
                rotation_schedule::delete(&self.at(place), tx, physical)
            }
            "AWS::KMS::Key" => key::delete(&self.at(place), tx, physical, was),
            "AWS::KMS::ReplicaKey" => replica_key::delete(&self.at(place), tx, physical, was),
            "AWS::KMS::Alias" => alias::delete(&self.at(place), tx, physical),
            _ => Err(Failure::Store(StoreFault)),
        })
    }

    fn settle(
        &self,
        place: &Place<'_>,
        tx: &mut Tx<'_>,
        physical: &str,
        wanted: &Value,
        is_new: bool,
    ) -> Handled<Settled> {
        self.whole(|| match place.type_name {
            "AWS::SecretsManager::Secret" => secret::settle(&self.at(place), tx, physical),
            "AWS::KMS::ReplicaKey" if is_new => {
                replica_key::settle(&self.at(place), tx, physical, wanted)
            }
            _ => Ok(Done::Done(Settled::Yes)),
        })
    }

    fn import(&self, place: &Place<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
        import::check(&self.at(place), tx, physical)
    }

    fn resolver<'a>(&'a self, cx: &'a Cx<'a>, read: &'a dyn Read) -> Box<dyn Resolve + 'a> {
        Box::new(Resolver { calls: self.calls(cx), read })
    }
}

/// Reads secrets as the principal of the stack's operation.
struct Resolver<'a> {
    calls: Calls<'a>,
    read: &'a dyn Read,
}

impl Resolve for Resolver<'_> {
    fn resolve(&self, reference: &DynamicReference) -> Result<regent_cfn::Text, Problem> {
        secret::resolve(&self.calls, self.read, reference)
            .map_err(|reason| Problem::DynamicFailed { reason })
    }
}
