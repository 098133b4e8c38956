//! Secrets: what they are, what may go wrong with them, and what can be done with them.
//!
//! [`ops`] has one file per operation. What operations share stands beside them: [`target`] finds
//! the secret that a request names, [`stages`] moves staging labels, [`versions`] stores values
//! and purges them, [`cross_account`] gives them to another account, [`policies`] and
//! [`policy_check`] are its resource policies, [`search`] finds secrets by [`filter`]s, page by
//! [`page`], with the help of [`index`]; [`rotation`] drives the functions that replace values;
//! [`event`] is what the audit log says of all this besides requests.

pub mod accessed;
pub mod cross_account;
pub mod error;
pub mod event;
pub mod filter;
pub mod index;
pub mod model;
pub mod ops;
pub mod page;
pub mod policies;
pub mod policy_check;
pub mod replicas;
pub mod rotation;
pub mod search;
pub mod stages;
pub mod tagging;
pub mod target;
pub mod value;
pub mod versions;

pub use accessed::touch;
