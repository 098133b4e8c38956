//! The bench: Regent and a bare HTTP server, side by side, under the same requests.
//!
//! Requests per second swing with whatever else the machine does, so each line also gives the
//! server's processor time for 1,000 requests, and the ratio of that to the bare server's. Both are
//! measured in turns, several rounds of each, and the medians are reported. Nothing here is
//! asserted.

pub mod bare;
mod cryptography;
mod guard;
mod listing;
mod load;
mod process;
mod report;
mod scenes;
mod sign;
mod stacks;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::{Result, is_release, release_binaries, succeed};
use load::{Source, Until};
use process::Process;
use report::{Measured, Output, Report, Scene};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each round
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Rounds of each measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Secrets of the large store; 0 leaves it out
    #[arg(long, default_value_t = 100_000)]
    secrets: u64,
    /// Only scenes whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Where the data directories are made [default: a directory in the target directory]
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// Another binary of Regent to measure, such as one of an earlier version
    #[arg(long)]
    regent: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub fn run(args: &Args) -> Result<()> {
    if !is_release() {
        let arguments = std::env::args_os().skip(1);
        return succeed(Command::new(release_binaries()?.join("xtask")).args(arguments));
    }
    let program = std::env::current_exe().map_err(|cause| cause.to_string())?;
    let binaries = program.parent().unwrap_or_else(|| Path::new("."));
    let scratch = args.scratch.clone().unwrap_or_else(|| binaries.join("bench-data"));
    let _ = std::fs::remove_dir_all(&scratch);
    std::fs::create_dir_all(&scratch).map_err(|cause| cause.to_string())?;
    let mut bench = Bench {
        binary: args.regent.clone().unwrap_or_else(|| binaries.join("regent")),
        scratch: scratch.clone(),
        time: Duration::from_secs(args.seconds),
        rounds: args.rounds,
        secrets: args.secrets,
        only: args.only.clone(),
        report: Report::new(args.output),
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| cause.to_string())?,
    };
    let done = bench.run();
    let _ = std::fs::remove_dir_all(&scratch);
    done?;
    bench.report.finish()
}

struct Bench {
    binary: PathBuf,
    scratch: PathBuf,
    time: Duration,
    rounds: u64,
    secrets: u64,
    only: Option<String>,
    report: Report,
    runtime: tokio::runtime::Runtime,
}

/// One load, for Regent and for the bare server.
struct Load<'a> {
    name: &'a str,
    connections: usize,
    /// How long each round lasts.
    until: Until,
    /// Makes the requests of a round.
    source: &'a dyn Fn(u64) -> Source,
    /// Bytes of an answer's body.
    answer_len: usize,
    /// Measures the cryptography of a request alone: processor time of one operation.
    raw: Option<&'a dyn Fn() -> Result<Duration>>,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Measures Regent, and the bare server under the same requests with answers of the same size.
    fn beside_bare(&mut self, regent: &Process, load: &Load<'_>) -> Result<()> {
        if !self.wants(load.name) {
            return Ok(());
        }
        let bare_server = Process::bare(load.answer_len)?;
        let (mut bare, mut ours, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        if let Until::Time(time) = load.until {
            for server in [&bare_server, regent] {
                self.measure(server, load, Until::Time(time / 2), 0)?;
            }
        }
        for round in 0..self.rounds {
            bare.push(self.measure(&bare_server, load, load.until, round)?);
            ours.push(self.measure(regent, load, load.until, round)?);
            if let Some(measure) = load.raw {
                raw.push(report::per_thousand(measure()?, 1));
            }
        }
        let Load { name, connections, answer_len, .. } = *load;
        self.report.scene(Scene::of(name, connections, answer_len, &bare, &ours, &raw));
        Ok(())
    }

    /// Measures one server for one round.
    fn measure(
        &self,
        server: &Process,
        load: &Load<'_>,
        until: Until,
        round: u64,
    ) -> Result<Measured> {
        let before = server.cpu();
        let running = load::run(server.port, load.connections, until, (load.source)(round));
        let run = self.runtime.block_on(running)?;
        let cpu = server.cpu().saturating_sub(before);
        Ok(Measured {
            per_second: run.per_second(),
            p50: run.percentile(50),
            p99: run.percentile(99),
            cpu_ms: report::per_thousand(cpu, run.count),
        })
    }
}
