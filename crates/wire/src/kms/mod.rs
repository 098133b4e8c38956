//! KMS: its errors' texts and its operations on the wire.

pub mod problem;
