//! The outside of Regent: what runs, listens, stores, logs and is typed on a command line.
//!
//! The core decides and the wire speaks; here is everything that touches the world: the clock,
//! sockets, files, tasks, signals. [`cluster`] runs Regions in one process, [`http`] serves them,
//! [`cli`] is what an operator sees. The library exists for the binary and its tests.

pub mod admin;
pub mod audit_log;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod credentials;
pub mod data_dir;
pub mod functions;
pub mod http;
pub mod links;
pub mod metrics;
pub mod node;
pub mod proxies;
pub mod watch;
