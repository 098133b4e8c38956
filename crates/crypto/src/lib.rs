//! Regent's cryptography, on aws-lc-rs wherever it has what is needed: the only crate with cryptography in it.
//!
//! It keeps [`regent_core::ports::Crypto`]'s promises: messages sealed under a key, keys wrapped
//! for the store, keys sealed to another Region. It refuses to know what the bytes mean, where
//! they are kept and who may ask for them. Key types zeroize on drop and print as redacted
//! (promise R7). Every encoding that outlives the process begins with a version or is bound to one
//! by its derivation label, and has a golden test.

pub mod digest;
mod entropy;
mod identity;
mod invariant;
mod opened;
mod pairs;
mod region;
mod root;
mod sealed;
mod tokens;
mod transport;

#[cfg(test)]
mod golden;

pub use entropy::{IdEntropy, SystemEntropy};
pub use region::RegionCrypto;
pub use root::RootKey;
pub use tokens::TokenKey;
