//! Rotation functions: where they are, and how one is invoked.
//!
//! Lesson 18: what is called, and where, comes from the configuration alone. A request names an
//! ARN, and an ARN that is not configured is nothing. A function is behind a Lambda-compatible URL
//! ([`lambda`]) or a command of this machine ([`command`]); its answer is read as success or failure
//! and otherwise thrown away, so that nothing of it reaches a log (promise R7).

mod command;
mod lambda;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use regent_core::cx;
use regent_core::ids::Region;
use regent_wire::sigv4::SecretKey;
use zeroize::Zeroizing;

/// A function, as configured.
#[derive(Debug)]
pub struct Function {
    pub arn: Box<str>,
    /// The Region of the ARN: whose secrets it rotates.
    pub region: Region,
    pub target: Target,
    /// How long one step may take.
    pub timeout: Duration,
}

#[derive(Debug)]
pub enum Target {
    /// Speaks Lambda's Invoke, without TLS, on loopback.
    Lambda {
        address: SocketAddr,
        host: Box<str>,
        path: Box<str>,
    },
    Command(Command),
}

/// A program with its arguments, never a shell.
pub struct Command {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// All that the program finds, besides what tells it about this server.
    pub environment: BTreeMap<String, Zeroizing<String>>,
    /// What it signs its requests with.
    pub access_key: Option<(String, SecretKey)>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("program", &self.program).finish_non_exhaustive()
    }
}

/// Why an invocation failed, without a word of what the function said.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("it is not configured")]
    Unknown,
    #[error("it cannot be reached: {0}")]
    Unreachable(std::io::ErrorKind),
    #[error("the connection broke")]
    Broken,
    #[error("it did not answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("it answered with an error")]
    Error,
    #[error("its answer is too long")]
    TooLong,
    #[error("it ended with exit code {0}")]
    Exit(i32),
    #[error("it was ended by a signal")]
    Signal,
}

/// All functions of the installation.
#[derive(Debug, Default)]
pub struct Functions {
    by_arn: BTreeMap<Box<str>, Function>,
    /// Where the functions find this server.
    endpoint: String,
}

impl Functions {
    pub fn new(functions: Vec<Function>, endpoint: String) -> Self {
        let by_arn = functions.into_iter().map(|function| (function.arn.clone(), function));
        Self { by_arn: by_arn.collect(), endpoint }
    }

    /// The functions that rotate a Region's secrets.
    pub fn of(&self, region: Region) -> cx::Functions {
        let of = self.by_arn.values().filter(|function| function.region == region);
        of.map(|function| function.arn.clone()).collect()
    }

    /// Invokes a function and waits for its answer.
    pub async fn invoke(&self, arn: &str, event: Vec<u8>) -> Result<(), Failure> {
        let function = self.by_arn.get(arn).ok_or(Failure::Unknown)?;
        let invoked = async {
            match &function.target {
                Target::Lambda { address, host, path } => {
                    lambda::invoke(*address, host, path, event).await
                }
                Target::Command(command) => {
                    command::run(command, function.region, &self.endpoint, event).await
                }
            }
        };
        let late = |_| Err(Failure::Late(function.timeout));
        tokio::time::timeout(function.timeout, invoked).await.unwrap_or_else(late)
    }
}
