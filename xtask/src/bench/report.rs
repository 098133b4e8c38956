//! What the bench found, as a table that grows line by line, or as one JSON object at the end.
//!
//! Medians of rounds; the ratio is the median of each round's own ratio, so that a neighbour who
//! disturbs one round disturbs it for both servers.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::load::count_f64;
use crate::run::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    Text,
    Json,
}

/// One server in one round.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
    /// Server processor time per 1,000 requests, in milliseconds.
    pub cpu_ms: f64,
}

impl Measured {
    /// The median of each number on its own.
    fn median(rounds: &[Self]) -> Self {
        let seconds = |of: fn(&Self) -> Duration| {
            let values = rounds.iter().map(|round| of(round).as_secs_f64()).collect();
            Duration::from_secs_f64(median(values))
        };
        Self {
            per_second: median(rounds.iter().map(|round| round.per_second).collect()),
            p50: seconds(|round| round.p50),
            p99: seconds(|round| round.p99),
            cpu_ms: median(rounds.iter().map(|round| round.cpu_ms).collect()),
        }
    }

    fn json(&self) -> Value {
        json!({
            "requestsPerSecond": rounded(self.per_second),
            "p50Ms": millis(self.p50),
            "p99Ms": millis(self.p99),
            "cpuMsPer1000": rounded(self.cpu_ms),
        })
    }
}

/// The middle value, or the mean of the two in the middle; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or_default();
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    f64::midpoint(lower, upper)
}

/// One load on both servers.
#[derive(Debug)]
pub struct Scene {
    name: String,
    connections: usize,
    answer_len: usize,
    bare: Measured,
    regent: Measured,
    ratio: f64,
    /// Requests per second of Regent's, as a share of the bare server's.
    rate: f64,
    raw: Option<Raw>,
}

/// The cryptography of one request alone.
#[derive(Debug, Clone, Copy)]
struct Raw {
    /// Processor time of 1,000 operations, in milliseconds.
    cpu_ms: f64,
    /// Regent's processor time as a multiple of the bare server's and this together.
    ratio: f64,
}

impl Scene {
    pub fn of(
        name: &str,
        connections: usize,
        answer_len: usize,
        bare: &[Measured],
        regent: &[Measured],
        raw: &[f64],
    ) -> Self {
        let pairs = || regent.iter().zip(bare);
        let ratios = pairs().map(|(ours, base)| ours.cpu_ms / base.cpu_ms);
        let rates = pairs().map(|(ours, base)| ours.per_second / base.per_second);
        let above = pairs().zip(raw).map(|((ours, base), raw)| ours.cpu_ms / (base.cpu_ms + raw));
        let alone = Raw { cpu_ms: median(raw.to_vec()), ratio: median(above.collect()) };
        Self {
            name: name.to_owned(),
            connections,
            answer_len,
            bare: Measured::median(bare),
            regent: Measured::median(regent),
            ratio: median(ratios.collect()),
            rate: median(rates.collect()),
            raw: (!raw.is_empty()).then_some(alone),
        }
    }
}

#[derive(Debug)]
pub struct Report {
    output: Output,
    scenes: Vec<Value>,
    facts: Map<String, Value>,
    headed: bool,
}

impl Report {
    pub fn new(output: Output) -> Self {
        Self { output, scenes: Vec::new(), facts: Map::new(), headed: false }
    }

    pub fn scene(&mut self, scene: Scene) {
        let Scene { name, connections, answer_len, bare, regent, ratio, rate, raw } = scene;
        if self.output == Output::Text {
            if !self.headed {
                println!(
                    "{:<40}{:>10}{:>10}{:>10}{:>14}{:>10}",
                    "", "req/s", "p50", "p99", "CPU ms/1,000", "x bare"
                );
                self.headed = true;
            }
            let title = format!("{name}, {connections} conn.");
            line(&format!("  bare, {answer_len} bytes"), &bare, "");
            line(&title, &regent, &format!("{ratio:.2}"));
            if let Some(Raw { cpu_ms, ratio }) = raw {
                let name = "  cryptography alone; x bare and it";
                println!("{name:<70}{cpu_ms:>14.1}{ratio:>10.2}");
            }
        }
        self.scenes.push(json!({
            "name": name,
            "connections": connections,
            "answerBytes": answer_len,
            "bare": bare.json(),
            "regent": regent.json(),
            "cpuRatio": rounded(ratio),
            "rateOfBare": rounded(rate),
            "cryptographyCpuMsPer1000": raw.map(|raw| rounded(raw.cpu_ms)),
            "cpuRatioToBareAndCryptography": raw.map(|raw| rounded(raw.ratio)),
        }));
    }

    /// A number that is no load's.
    pub fn fact(&mut self, name: &str, text: &str, value: Value) {
        if self.output == Output::Text {
            println!("{text}");
            self.headed = false;
        }
        self.facts.insert(name.to_owned(), value);
    }

    pub fn finish(self) -> Result<()> {
        if self.output == Output::Json {
            let all = json!({ "scenes": self.scenes, "facts": self.facts });
            let text = serde_json::to_string_pretty(&all).map_err(|cause| cause.to_string())?;
            println!("{text}");
        }
        Ok(())
    }
}

fn line(name: &str, measured: &Measured, ratio: &str) {
    let Measured { per_second, p50, p99, cpu_ms } = measured;
    println!(
        "{name:<40}{per_second:>10.0}{:>10}{:>10}{cpu_ms:>14.1}{ratio:>10}",
        shown(*p50),
        shown(*p99),
    );
}

/// Milliseconds with what digits matter.
pub fn shown(time: Duration) -> String {
    format!("{:.2}ms", time.as_secs_f64() * 1000.0)
}

/// Milliseconds, to the microsecond.
pub fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}

/// Milliseconds per 1,000.
pub fn per_thousand(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count_f64(count)
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).abs() < 1e-9);
    }

    #[test]
    fn milliseconds_per_thousand() {
        assert!((per_thousand(Duration::from_micros(30), 2) - 15.0).abs() < 1e-9);
    }

    /// One disturbed round does not decide.
    #[test]
    fn a_ratio_is_of_rounds_not_of_medians() {
        let round =
            |cpu_ms| Measured { per_second: 1.0, p50: Duration::ZERO, p99: Duration::ZERO, cpu_ms };
        let (bare, ours) = ([round(1.0), round(5.0), round(2.0)], [2.0, 10.0, 40.0].map(round));
        let scene = Scene::of("s", 1, 1, &bare, &ours, &[]);
        assert!((scene.ratio - 2.0).abs() < 1e-9 && scene.raw.is_none());
    }

    /// What cryptography costs by itself is in the measure, not in the excess.
    #[test]
    fn cryptography_alone_is_set_beside_the_bare_server() {
        let round = |per_second, cpu_ms| Measured {
            per_second,
            p50: Duration::ZERO,
            p99: Duration::ZERO,
            cpu_ms,
        };
        let scene = Scene::of("s", 1, 1, &[round(8.0, 2.0)], &[round(2.0, 20.0)], &[3.0]);
        let raw = scene.raw.unwrap();
        assert!((raw.cpu_ms - 3.0).abs() < 1e-9 && (raw.ratio - 4.0).abs() < 1e-9);
        assert!((scene.rate - 0.25).abs() < 1e-9);
    }
}
