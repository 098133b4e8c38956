//! The guard: finds secrets whose replicas will not be readable, in what describes them.
//!
//! Files are found by content, read into one model (`model`), and judged by one table of rules
//! (`rules`); reports only print. It calls no network and knows no server. What cannot be known
//! from the files is a finding of its own, and so is a file that cannot be read: neither passes as
//! good. No report shows the value of a secret (promise R7).

pub mod baseline;
pub mod config;
pub mod finding;
pub mod key_id;
pub mod model;
pub mod policy;
pub mod read;
pub mod regions;
pub mod report;
pub mod rules;
pub mod scan;
pub mod suppress;

pub use baseline::Baseline;
pub use config::Options;
pub use finding::{Finding, Question, Severity};
pub use scan::{Checked, Subject, check};
