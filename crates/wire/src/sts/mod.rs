//! STS on the wire: one file per operation.

pub mod get_caller_identity;

#[cfg(test)]
mod tests;
