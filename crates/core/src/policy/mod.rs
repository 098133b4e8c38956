//! IAM JSON policy: the language, and what a set of policies decides about one request.
//!
//! [`document`] parses and compiles, [`evaluate`] decides. The other modules are the parts of the
//! language: wildcard patterns, conditions and the typed values that conditions compare. Nothing
//! here knows where policies are stored, who the caller is or what a service calls its resources:
//! that comes in through [`evaluate::Request`]. What cannot be decided denies (promise R6).

pub mod authorized;
mod broad;
mod condition;
pub mod document;
pub mod evaluate;
pub mod keys;
mod pattern;
mod value;

pub(crate) use pattern::Wildcards;

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod tests;
