//! Secrets: what they are, what may go wrong with them, and what can be done with them.

pub mod error;
pub mod model;
pub mod ops;
pub mod replicas;
pub mod value;
