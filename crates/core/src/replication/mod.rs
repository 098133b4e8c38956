//! Replication between Regions as sans-IO state machines.
//!
//! [`change`] is what Regions say, [`sender`] decides when to say it, [`compose`] makes a message
//! of stored state, [`receiver`] applies one, and [`acknowledge`] records what a peer answered.
//! [`probe`] answers what a peer asks before it accepts a request. None of it knows a socket.

pub mod acknowledge;
pub mod change;
pub mod compose;
pub mod outbox;
pub mod probe;
pub mod receiver;
pub mod sender;

#[cfg(test)]
mod tests;
