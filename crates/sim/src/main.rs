//! The simulator's command line: many seeds at once, or one seed with its whole trace.
//!
//! Exits with 1 at the first seed that breaks a promise, after saying which, where, and how to see
//! it again.
#![allow(clippy::unwrap_used, reason = "never shipped")]

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use clap::Parser;
use regent_sim::world::{Failed, Options, run};

/// Simulates Regions under faults, and checks every promise.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    start: u64,
    /// Run this seed alone and print its trace.
    #[arg(long)]
    seed: Option<u64>,
    /// Events before everything heals.
    #[arg(long, default_value_t = 3000)]
    steps: u64,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// How much of what clients ask is asked of stacks. Without any, seeds run as they did before
    /// there were stacks.
    #[arg(long, default_value_t = Options::of_seed(0).stacks_percent)]
    stacks_percent: u64,
    /// Use the real cryptography, which is slower.
    #[arg(long)]
    real_crypto: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = |seed, verbose| Options {
        steps: args.steps,
        real_crypto: args.real_crypto,
        verbose,
        stacks_percent: args.stacks_percent,
        ..Options::of_seed(seed)
    };
    if let Some(seed) = args.seed {
        return match run(options(seed, true)) {
            Ok(passed) => {
                println!(
                    "seed {seed} passed: {} events, trace {:016x}",
                    passed.events, passed.trace
                );
                ExitCode::SUCCESS
            }
            Err(failed) => report(&args, &failed, false),
        };
    }
    let next = AtomicU64::new(args.start);
    let stop = AtomicBool::new(false);
    let passed = AtomicU64::new(0);
    let first: Mutex<Option<Box<Failed>>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= args.start + args.seeds {
                        break;
                    }
                    match run(options(seed, false)) {
                        Ok(_) => {
                            let count = passed.fetch_add(1, Ordering::Relaxed) + 1;
                            if count.is_multiple_of(100) {
                                println!("{count} of {}", args.seeds);
                            }
                        }
                        Err(failed) => {
                            stop.store(true, Ordering::Relaxed);
                            let mut first = first.lock().unwrap();
                            if first.as_ref().is_none_or(|other| other.seed > failed.seed) {
                                *first = Some(failed);
                            }
                        }
                    }
                }
            });
        }
    });
    if let Some(failed) = first.into_inner().unwrap() {
        return report(&args, &failed, true);
    }
    println!("{} seeds passed", passed.into_inner());
    ExitCode::SUCCESS
}

fn report(args: &Args, failed: &Failed, lines: bool) -> ExitCode {
    if lines {
        failed.last_lines.iter().for_each(|line| println!("{line}"));
    }
    let Failed { seed, event, violation, .. } = failed;
    println!("seed {seed} broke {} at event {event}: {}", violation.promise, violation.what);
    let crypto = if args.real_crypto { " --real-crypto" } else { "" };
    let (steps, percent) = (args.steps, args.stacks_percent);
    println!("again: regent-sim --seed {seed} --steps {steps} --stacks-percent {percent}{crypto}");
    ExitCode::FAILURE
}
