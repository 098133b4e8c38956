//! The simulator: several Regions in one thread, under faults, with every promise checked.
//!
//! It runs the core's own operations and state machines as the server's shell does, over stores
//! that crash, a network that loses and reorders, and clocks that disagree. One number, the seed,
//! decides everything (promise R10): a failure is replayed by its seed. [`world`] runs the events,
//! [`check`] holds the promises against them. Never shipped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "never shipped: a simulator that is wrong about itself must stop at once"
)]

pub mod blueprint;
pub mod check;
pub mod crypto;
pub mod disk;
pub mod job;
pub mod net;
pub mod node;
pub mod perform;
pub mod rng;
pub mod trace;
pub mod workload;
pub mod world;
