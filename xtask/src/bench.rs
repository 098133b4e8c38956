//! The bench: Regent and a bare HTTP server, side by side, under the same requests.
//!
//! Requests per second swing with whatever else the machine does, so each line also gives the
//! server's processor time for 1,000 requests, and the ratio of that to the bare server's. Nothing
//! here is asserted: it reports.

pub mod bare;
mod load;
mod process;
mod scenes;
mod sign;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::run::{Result, is_release, release_binaries, succeed};
use load::{Source, Until, count_f64};
use process::Process;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Secrets of the large store
    #[arg(long, default_value_t = 100_000)]
    secrets: u64,
    /// Where the data directories are made [default: a directory in the target directory]
    #[arg(long)]
    scratch: Option<PathBuf>,
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
    let bench = Bench {
        binary: binaries.join("regent"),
        scratch: scratch.clone(),
        time: Duration::from_secs(args.seconds),
        secrets: args.secrets,
        runtime: tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| cause.to_string())?,
    };
    let done = bench.run();
    let _ = std::fs::remove_dir_all(&scratch);
    done
}

struct Bench {
    binary: PathBuf,
    scratch: PathBuf,
    time: Duration,
    secrets: u64,
    runtime: tokio::runtime::Runtime,
}

/// One line of the report.
struct Measured {
    run: load::Run,
    /// Server processor time per 1,000 requests, in milliseconds.
    cpu_ms: f64,
}

impl Bench {
    /// Warms up, then measures one server under one load.
    fn measure(
        &self,
        server: &Process,
        connections: usize,
        until: Until,
        source: &Source,
    ) -> Result<Measured> {
        if let Until::Time(time) = until {
            let warm_up = Until::Time(time / 5);
            self.runtime.block_on(load::run(server.port, connections, warm_up, source.clone()))?;
        }
        let before = server.cpu_ms();
        let running = load::run(server.port, connections, until, source.clone());
        let run = self.runtime.block_on(running)?;
        let cpu = server.cpu_ms() - before;
        let cpu_ms = count_f64(cpu) * 1000.0 / count_f64(run.count);
        Ok(Measured { run, cpu_ms })
    }

    /// Measures Regent, and the bare server under the same requests with answers of the same size.
    fn beside_bare(
        &self,
        name: &str,
        regent: &Process,
        connections: usize,
        until: Until,
        source: &Source,
        answer_len: usize,
    ) -> Result<()> {
        let bare = Process::bare(answer_len)?;
        let base = self.measure(&bare, connections, until, source)?;
        let measured = self.measure(regent, connections, until, source)?;
        line(&format!("  bare server, {answer_len} bytes"), &base, None);
        line(name, &measured, Some(&base));
        Ok(())
    }
}

fn heading() {
    println!(
        "{:<42}{:>10}{:>10}{:>10}{:>16}{:>14}",
        "", "req/s", "p50", "p99", "CPU ms/1,000", "x bare's CPU"
    );
}

fn line(name: &str, measured: &Measured, base: Option<&Measured>) {
    let Measured { run, cpu_ms } = measured;
    let ratio = base.map_or(String::new(), |base| format!("{:.2}", cpu_ms / base.cpu_ms));
    println!(
        "{name:<42}{:>10.0}{:>10}{:>10}{cpu_ms:>16.1}{ratio:>14}",
        run.per_second(),
        shown(run.percentile(50)),
        shown(run.percentile(99)),
    );
}

/// Milliseconds with what digits matter.
fn shown(time: Duration) -> String {
    format!("{:.2}ms", time.as_secs_f64() * 1000.0)
}
