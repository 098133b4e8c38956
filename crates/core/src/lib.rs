//! The domain of Regent: secrets, keys, policy and replication.
//!
//! Everything here is a function of its arguments: no runtime, no I/O, no clock, no ambient
//! randomness (promise R10). What a request brings comes in through [`cx::Cx`], what is stored
//! through [`ports::Read`], and what changes leaves as a [`tx::Batch`]. The only door is
//! [`engine`]. This crate knows no protocol, no error text and no byte format.

// `testing` is compiled into other crates' tests too, and names this crate as they do.
#[cfg(test)]
extern crate self as regent_core;

pub mod cx;
pub mod deadlines;
pub mod engine;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod plaintext;
pub mod policy;
pub mod ports;
pub mod records;
pub mod replication;
pub mod roles;
pub mod secrets;
pub mod stacks;
pub mod sts;
pub mod tags;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tx;
