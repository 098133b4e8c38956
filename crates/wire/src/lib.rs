//! AWS's protocols and Regent's frames: bytes to core and back.
//!
//! The only crate that knows AWS's signatures, encodings, error codes and texts. It is synchronous
//! and does no I/O: the shell hands it bytes, the clock's reading and the credentials, and sends
//! what it returns. Nothing of a body is decoded before [`sigv4`] has verified the request
//! (promise R6), and no secret value reaches a [`fault::Fault`] (promise R7).

pub mod audit;
pub mod cloudformation;
pub mod constraints;
pub mod fault;
pub mod json;
pub mod json_operation;
pub mod kms;
pub mod operations;
pub mod peer;
pub mod query_operation;
pub mod query_xml;
pub mod secretsmanager;
pub mod service;
pub mod sigv4;
pub mod sts;
#[cfg(test)]
#[path = "../../core/src/testing.rs"]
mod testing;
pub mod time;
pub mod xks;
