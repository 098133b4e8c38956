//! Regent's one tool. Every CI step is one of its commands, so that a person can run each alone.
//!
//! It starts other programs and reads their results; what a step checks is in the step's module.
//! Nothing here is shipped.

mod bench;
mod compat;
mod e2e;
mod fuzz;
mod run;
mod sim;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Checks, tests and measures Regent.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Formatting, lints, tidiness, unit, property, golden and API tests, and the simulator
    Test(test::Args),
    /// The rules of style that a program can check
    Tidy,
    /// Simulate Regions with faults, and check every promise after every event
    Sim(sim::Args),
    /// Write docs/compatibility.md from the operations table
    Compat {
        /// Write nothing; fail if the file is not what would be written
        #[arg(long)]
        check: bool,
    },
    /// Feed mutated requests and frames to the decoders
    Fuzz(fuzz::Args),
    /// The real AWS CLI and boto3 against the real binary
    E2e(e2e::Args),
    /// Measure Regent beside a bare HTTP server
    Bench(bench::Args),
    /// The bare HTTP server of the bench
    #[command(hide = true)]
    BareServer(bench::bare::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test(args) => test::run(&args),
        Task::Tidy => tidy::run(),
        Task::Sim(args) => sim::run(&args),
        Task::Compat { check } => compat::run(check),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::E2e(args) => e2e::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::BareServer(args) => bench::bare::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("xtask: {cause}");
            ExitCode::FAILURE
        }
    }
}
