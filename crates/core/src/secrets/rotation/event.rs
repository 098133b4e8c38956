//! What AWS records of rotations besides requests: the service's own events.
//!
//! They are collected in the transaction that makes them true, and the shell writes them to the
//! audit log once it is committed. How one is spelled is the wire's business. None has a value in
//! it (promise R7).

use super::{Purpose, Step};
use crate::ids::SecretArn;
use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    pub at: Timestamp,
    pub secret: SecretArn,
    pub what: Happening,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Started(Purpose),
    Succeeded(Purpose),
    /// One attempt has failed, at this step of this function.
    Failed {
        purpose: Purpose,
        function: Box<str>,
        step: Step,
    },
    /// Another version took the place of the one under way.
    Abandoned,
}
