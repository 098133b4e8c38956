//! The command line: what can be typed, and how a run ends.
//!
//! Commands do their work in the modules here; this one parses, dispatches, and turns a failure
//! into one line on stderr and an exit code that scripts can rely on.

mod audit;
mod banner;
mod check;
mod client;
mod dev;
mod drill;
mod outage;
mod region;
mod watch;

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use indicatif::{ProgressBar, ProgressStyle};

/// What `--help` says of exit codes; [`Exit`] has the same.
const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  failure
  2  wrong usage
  3  the port is in use
  4  the data directory cannot be used
  5  the data directory, or the state of a watch, is in use by another process
  6  no server answers at the endpoint
  7  a file to check, or a Region to audit, could not be read; a drill could not be held";

/// Secrets that stay readable when a Region is gone.
///
/// A self-hosted, multi-Region secrets manager that speaks the AWS APIs.
#[derive(Debug, Parser)]
#[command(name = "regent", version, after_help = EXIT_CODES, after_long_help = EXIT_CODES)]
#[command(max_term_width = 100, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run several Regions in this process, for development and tests
    Dev(Box<dev::Args>),
    /// Take Regions of a running `regent dev` down, cut them off, slow them, bring them back
    Region(region::Args),
    /// Find secrets whose replicas will not be readable, in templates, before they are deployed
    Check(check::Args),
    /// Find secrets whose replicas are not readable, in live accounts; reads only
    Audit(Box<audit::Args>),
    /// Rehearse the failover of secrets and keys to another Region; reads, encrypts and decrypts only
    Drill(Box<drill::Args>),
    /// Audit live accounts again and again, and tell a webhook and Prometheus what changes
    Watch(Box<watch::Args>),
    /// Print a completion script for a shell
    Completions { shell: Shell },
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object
    Json,
}

/// Exit codes other than success and clap's 2 for wrong usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Failure = 1,
    Usage = 2,
    PortInUse = 3,
    DataUnusable = 4,
    DataInUse = 5,
    Unreachable = 6,
    Unreadable = 7,
}

/// Why a command failed: one line.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub text: String,
}

impl Failure {
    pub fn new(exit: Exit, text: impl fmt::Display) -> Self {
        Self { exit, text: text.to_string() }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Dev(args) => dev::run(*args),
        Command::Region(args) => region::run(args),
        Command::Check(args) => check::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Drill(args) => drill::run(&args),
        Command::Watch(args) => watch::run(&args),
        Command::Completions { shell } => {
            // Into memory: the generator panics if its reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "regent", &mut script);
            print(&String::from_utf8_lossy(&script));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { exit, text }) => {
            // Nothing is left to tell a failure to.
            let _ = writeln!(io::stderr(), "regent: {text}");
            ExitCode::from(exit as u8)
        }
    }
}

/// Shows how far something is, on stderr, and only if that is a terminal.
fn bar(len: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(len).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Prints to stdout; a reader that has gone away is no failure.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_of(path: &[&str]) -> String {
        let mut command = Cli::command();
        command.build();
        let mut found = &mut command;
        for name in path {
            found = found.find_subcommand_mut(name).unwrap();
        }
        found.clone().term_width(100).render_long_help().to_string()
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// Every user-facing text has a snapshot.
    #[test]
    fn help_texts() {
        insta::assert_snapshot!("help", help_of(&[]));
        insta::assert_snapshot!("help_audit", help_of(&["audit"]));
        insta::assert_snapshot!("help_check", help_of(&["check"]));
        insta::assert_snapshot!("help_dev", help_of(&["dev"]));
        insta::assert_snapshot!("help_drill", help_of(&["drill"]));
        insta::assert_snapshot!("help_region", help_of(&["region"]));
        insta::assert_snapshot!("help_watch", help_of(&["watch"]));
        insta::assert_snapshot!("help_region_delay", help_of(&["region", "delay"]));
    }

    #[test]
    fn exit_codes_are_documented() {
        for exit in [
            Exit::Failure,
            Exit::Usage,
            Exit::PortInUse,
            Exit::DataUnusable,
            Exit::DataInUse,
            Exit::Unreachable,
            Exit::Unreadable,
        ] {
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", exit as u8)));
        }
    }
}
