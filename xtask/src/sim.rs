//! The simulator, which is a program of its own: always optimised.

use std::process::Command;

use crate::run::{Result, release_binaries, succeed};

/// How many seeds CI runs.
pub const SEEDS: u64 = 1000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many seeds to run
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// The first of them
    #[arg(long)]
    start: Option<u64>,
    /// Replay one seed
    #[arg(long)]
    seed: Option<u64>,
}

/// What CI runs.
impl Default for Args {
    fn default() -> Self {
        Self { seeds: SEEDS, start: None, seed: None }
    }
}

pub fn run(args: &Args) -> Result<()> {
    let mut command = Command::new(release_binaries()?.join("regent-sim"));
    match args.seed {
        Some(seed) => command.arg("--seed").arg(seed.to_string()),
        None => command.arg("--seeds").arg(args.seeds.to_string()),
    };
    if let Some(start) = args.start {
        command.arg("--start").arg(start.to_string());
    }
    succeed(&mut command)
}
