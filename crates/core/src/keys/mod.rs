//! KMS keys: what they are, what may go wrong with them, and what can be done with them.

pub mod access;
pub mod aliases;
pub mod ciphertext;
pub mod envelope;
pub mod error;
pub mod external;
pub mod grant;
pub mod grants;
pub mod import;
pub mod key_policy;
pub mod managed;
pub mod model;
pub mod multi_region;
pub mod ops;
pub mod page;
pub mod problem;
pub mod proxy;
pub mod rotation;
pub mod signing;
pub mod spec;
pub mod states;
pub mod stores;
pub mod tagging;
pub mod target;
pub mod usage;
pub mod using;
