//! The live half of the guard: finds secrets whose replicas will not be readable, in accounts.
//!
//! `run` streams the secrets of every Region, page by page, through read-only calls (`client`),
//! each within its rate (`pace`); what is seen becomes plain data (`observe`, `keys`), and pure
//! functions judge it (`judge`, `reason`). Rules and reports are the guard's. It reads AWS or whatever speaks
//! AWS's APIs, and knows no server of Regent's. No value of a secret leaves `probe` (promise R7).

pub mod account;
pub mod client;
pub mod cost;
pub mod drill;
pub mod events;
mod html;
pub mod judge;
pub mod keys;
pub mod ledger;
pub mod live;
pub mod observe;
pub mod pace;
mod probe;
pub mod reason;
pub mod run;
pub mod state;
pub mod tally;

pub use account::{Access, Account, NoAccess, Unreached};
pub use html::html;
pub use run::{Audited, Looked, Options, Stopped, audit, look_at};
pub use state::private;
