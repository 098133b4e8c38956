//! The README's test command: everything that needs a Rust toolchain and nothing else.

use crate::run::{Result, cargo, cargo_run, succeeds};
use crate::{compat, sim, tidy};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Leave out the simulator's thousand seeds, which need an optimised build
    #[arg(long)]
    quick: bool,
}

pub fn run(args: &Args) -> Result<()> {
    cargo_run(&["fmt", "--all", "--check"])?;
    tidy::run()?;
    cargo_run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo_run(&["test", "--workspace"])?;
    compat::run(true)?;
    deny()?;
    if args.quick {
        println!("xtask: the simulator's seeds are left out");
        return Ok(());
    }
    sim::run(&sim::Args::default())
}

/// Licences, advisories and bans. cargo-deny takes minutes to compile, so that it is used only
/// where it is installed; the bans are in `tidy` too.
fn deny() -> Result<()> {
    if succeeds(cargo().args(["deny", "--version"])) {
        return cargo_run(&["deny", "--offline", "check", "bans", "licenses", "sources"]);
    }
    println!("xtask: cargo-deny is not installed; licences are not checked");
    Ok(())
}
