//! Fuzzing on a stable compiler: the targets of `fuzz/`, fed with mutated seeds for some time.
//!
//! There is no coverage to be guided by, so it finds less than cargo-fuzz finds in the same time;
//! it runs everywhere, and in CI. A panic is a finding: its input is kept, and the same seed runs
//! into it again.

#[path = "../../fuzz/src/targets.rs"]
#[expect(clippy::panic, reason = "a finding is a panic")]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::run::{Result, is_release, release_binaries, root, succeed};

/// LIMIT: bytes of an input.
const INPUT_LEN_MAX: usize = 1 << 16;
/// Pieces that decoders treat specially.
const DICTIONARY: [&[u8]; 32] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"true",
    b"1e309",
    b"-0",
    b"9223372036854775808",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xf0\x9f\xa6\x80",
    b"&",
    b"=",
    b"%",
    b"arn:aws:secretsmanager:us-east-1:123456789012:secret:seed-",
    b"mrk-",
    b"\n\n",
    b"{{resolve:secretsmanager:",
    b"${",
    b"!Sub ",
    b"Fn::If",
    b"Fn::ForEach::X",
    b"&a ",
    b"*a",
    b"\n  - ",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target: request, frame or template
    #[arg(long)]
    target: Option<String>,
    /// The seed of the mutations [default: from the clock]
    #[arg(long)]
    seed: Option<u64>,
}

struct Target {
    name: &'static str,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Vec<u8>>,
}

const TARGETS: [Target; 3] = [
    Target { name: "request", run: targets::request, seeds: targets::request_seeds },
    Target { name: "frame", run: targets::frame, seeds: targets::frame_seeds },
    Target { name: "template", run: targets::template, seeds: targets::template_seeds },
];

pub fn run(args: &Args) -> Result<()> {
    if !is_release() {
        let arguments = std::env::args_os().skip(1);
        return succeed(Command::new(release_binaries()?.join("xtask")).args(arguments));
    }
    let wanted = |target: &&Target| args.target.as_deref().is_none_or(|name| name == target.name);
    let chosen: Vec<_> = TARGETS.iter().filter(wanted).collect();
    if chosen.is_empty() {
        return Err("no such target; there are request, frame and template".to_owned());
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = args.seed.unwrap_or(clock.as_secs());
    for target in chosen {
        fuzz(target, Duration::from_secs(args.seconds), seed)?;
    }
    Ok(())
}

fn fuzz(target: &Target, time: Duration, seed: u64) -> Result<()> {
    let corpus = (target.seeds)();
    for input in &corpus {
        attempt(target, input, seed)?;
    }
    let mut chance = Chance(seed);
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < time {
        // The clock is looked at once for a batch.
        for _ in 0..256 {
            let input = chance.mutated(&corpus);
            attempt(target, &input, seed)?;
            count += 1;
        }
    }
    println!("xtask: fuzz {}: {count} inputs from seed {seed}, no finding", target.name);
    Ok(())
}

fn attempt(target: &Target, input: &[u8], seed: u64) -> Result<()> {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok() {
        return Ok(());
    }
    let folder = root().join("fuzz/artifacts").join(target.name);
    let file = folder.join(format!("crash-{seed}"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
    let place = match kept {
        Ok(()) => file.display().to_string(),
        Err(cause) => format!("nowhere ({cause})"),
    };
    Err(format!("fuzz {}: a finding with seed {seed}, kept in {place}", target.name))
}

/// SplitMix64: small, and the same everywhere.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn pick<'c, T: ?Sized>(&mut self, from: &[&'c T]) -> Option<&'c T> {
        from.get(self.below(from.len())).copied()
    }

    /// A seed, changed in one to eight places.
    fn mutated(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus.get(self.below(corpus.len())).cloned().unwrap_or_default();
        for _ in 0..=self.below(8) {
            self.mutate(&mut input, corpus);
        }
        input.truncate(INPUT_LEN_MAX);
        input
    }

    fn mutate(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(32)).min(input.len());
        match self.below(8) {
            0 => {
                let bit = self.below(8);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            1 => {
                let random = self.byte();
                if let Some(byte) = input.get_mut(at) {
                    *byte = random;
                }
            }
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let piece: Vec<u8> = input.drain(at..end).collect();
                let times = self.below(64);
                drop(input.splice(at..at, piece.repeat(times)));
            }
            5 | 6 => {
                let piece = self.pick(&DICTIONARY).unwrap_or_default();
                drop(input.splice(at..at, piece.iter().copied()));
            }
            _ => {
                let other = corpus.get(self.below(corpus.len())).cloned().unwrap_or_default();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend(other.into_iter().skip(from));
            }
        }
    }
}
