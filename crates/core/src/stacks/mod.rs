//! Stacks: CloudFormation templates made true and kept true, one durable step after the other.
//!
//! The template language is `regent_cfn`'s. Here is what is stored ([`model`]), the operations that
//! clients call ([`ops`]) and the machine that carries their work out ([`run`]). What a resource
//! type is made of is behind [`handlers::Handlers`]. See `docs/adr/0007-stack-steps-are-transactions.md`.

pub mod change_set;
pub mod documents;
pub mod drift;
pub mod error;
pub mod exports;
pub mod handlers;
pub mod ids;
pub mod model;
pub mod ops;
pub mod policy;
pub mod ready;
pub mod role;
pub mod run;
pub mod target;
pub mod to_import;

mod again;
mod changes;
mod import;
mod known;
mod record;
mod removal;
mod sameness;
mod settling;
#[cfg(test)]
mod tests;
