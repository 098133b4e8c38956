//! What is measured, in the order of the report.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::load::{self, Connection, Source, Until, percentile};
use super::process::Process;
use super::report::{millis, per_thousand, shown};
use super::sign::Signer;
use super::{Bench, Load};
use crate::run::Result;

pub(super) const EAST: &str = "us-east-1";
pub(super) const WEST: &str = "us-west-2";
/// Bytes of a value.
pub(super) const VALUE_LEN: usize = 1024;
/// Connections of a read load: enough to keep both cores busy.
pub(super) const CONNECTIONS: usize = 16;
/// Connections of the large write load.
pub(super) const WRITERS: usize = 64;
/// Secrets of the small store.
pub(super) const FEW: u64 = 1000;
/// LIMIT: writes of all measurements. A secret holds 100 versions of one day.
const WRITES_MAX: u64 = 80 * FEW;
/// A number that no round of writes has.
const FIRST_PUT: u64 = 1 << 50;
/// Samples of the replication delay.
const REPLICATIONS: u64 = 500;
/// Secrets that they are of: a secret holds 100 versions of one day.
const REPLICATED: u64 = 8;
/// How long a replica may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two questions whether the replica has it. Asking without a pause would take the
/// processor from whoever writes it, and from the disk of a virtual machine.
const ASK_PAUSE: Duration = Duration::from_micros(200);
/// Until a server has come to rest.
const REST: Duration = Duration::from_millis(500);
/// Processor time in that time of a server that rests, at most.
const REST_CPU: Duration = Duration::from_millis(25);
/// How often each secret is read at most until all first reads are noted.
const FIRST_READS_MAX: u64 = 20;

impl Bench {
    pub fn run(&mut self) -> Result<()> {
        let small = self.scratch.join("small");
        let server = self.start(&small, "startEmpty", "start, empty", None)?;
        self.memory(&server, "memoryIdleEmptyKib", "memory, idle, empty");
        self.fill(&server, FEW)?;
        self.reads(&server, FEW)?;
        self.cryptography(&server)?;
        self.writes(&server)?;
        if self.wants("replication") {
            self.replication(&server)?;
        }
        self.memory(&server, "memoryAfterLoadsKib", "memory after these loads");
        drop(server);
        self.lists()?;
        self.stacks()?;
        self.guard()?;
        if self.secrets == 0 {
            return Ok(());
        }
        let large = self.scratch.join("large");
        let server = Process::regent(&self.binary, &large)?;
        self.fill(&server, self.secrets)?;
        self.reads(&server, self.secrets)?;
        self.memory(&server, "memoryAfterReadsLargeKib", "memory after these reads");
        drop(server);
        let server =
            self.start(&large, "startLarge", "start, large store", Some(self.secrets / 2))?;
        self.memory(&server, "memoryIdleLargeKib", "memory, idle, large store");
        Ok(())
    }

    /// Starts a server, and tells how long it takes to its first answer.
    fn start(
        &mut self,
        data_dir: &Path,
        name: &str,
        text: &str,
        secret: Option<u64>,
    ) -> Result<Process> {
        let started = Instant::now();
        let server = Process::regent(&self.binary, data_dir)?;
        let signer = Signer::secrets(server.port, EAST);
        let request = match secret {
            Some(number) => get(&signer, number),
            None => signer.request("ListSecrets", "{}"),
        };
        self.runtime.block_on(async {
            Connection::open(server.port).await?.exchange(&request).await.map(drop)
        })?;
        let (listening, first) = (server.listening_after, started.elapsed());
        let value = json!({ "listeningMs": millis(listening), "firstAnswerMs": millis(first) });
        let text = format!(
            "{text}: listens after {}, first answer after {}",
            shown(listening),
            shown(first)
        );
        self.report.fact(name, &text, value);
        Ok(server)
    }

    /// Resident memory, once the server has come to rest.
    fn memory(&mut self, server: &Process, name: &str, text: &str) {
        std::thread::sleep(REST);
        let kib = server.memory_kib();
        self.report.fact(name, &format!("{text}: {kib} KiB"), kib.into());
    }

    fn fill(&mut self, server: &Process, count: u64) -> Result<()> {
        let signer = Signer::secrets(server.port, EAST);
        let value = "v".repeat(VALUE_LEN);
        let source: Source = Arc::new(move |number| {
            let body = format!(
                r#"{{"Name":"secret-{number}","SecretString":"{value}","ClientRequestToken":"{}"}}"#,
                token(number)
            );
            signer.request("CreateSecret", &body).into()
        });
        let made =
            self.runtime.block_on(load::run(server.port, WRITERS, Until::Count(count), source))?;
        let rate = made.per_second();
        let text = format!("{count} secrets created: {rate:.0}/s");
        self.report.fact(&format!("created{count}PerSecond"), &text, json!(rate.round()));
        Ok(())
    }

    fn reads(&mut self, server: &Process, count: u64) -> Result<()> {
        let name = format!("GetSecretValue, {count} secrets");
        if !self.wants(&name) {
            return Ok(());
        }
        let signer = Signer::secrets(server.port, EAST);
        let pool: Arc<[Arc<[u8]>]> = (0..count).map(|number| get(&signer, number).into()).collect();
        let answer_len = self.answer_len(server, pool.first())?;
        self.first_reads(server, &pool)?;
        for connections in [CONNECTIONS, 1] {
            let load = Load {
                name: &name,
                connections,
                until: Until::Time(self.time),
                source: &|round| uniform(&pool, round),
                answer_len,
                raw: None,
            };
            self.beside_bare(server, &load)?;
        }
        Ok(())
    }

    /// The first read of a secret on a day is followed by a write, `LastAccessedDate`: measured on
    /// its own, and out of the way of what follows.
    fn first_reads(&mut self, server: &Process, pool: &Arc<[Arc<[u8]>]>) -> Result<()> {
        let (count, requests) = (pool.len(), Arc::clone(pool));
        let source: Source = Arc::new(move |number| pick(&requests, number));
        let until = Until::Count(u64::try_from(count).unwrap_or_default());
        let mut shown = None;
        // Notes that no memory was left for are made again by a later read.
        for _ in 0..FIRST_READS_MAX {
            let before = server.cpu();
            let source = Arc::clone(&source);
            let run = self.runtime.block_on(load::run(server.port, CONNECTIONS, until, source))?;
            let read = server.cpu();
            let rested = rest(server);
            let took = rested.saturating_sub(before);
            shown.get_or_insert((run.per_second(), per_thousand(took, run.count)));
            if rested.saturating_sub(read) < 2 * REST_CPU {
                break;
            }
        }
        let (rate, cpu_ms) = shown.unwrap_or_default();
        let text = format!(
            "{count} secrets read for the first time: {rate:.0}/s, CPU {cpu_ms:.1} ms/1,000"
        );
        let value = json!({ "perSecond": rate.round(), "cpuMsPer1000": cpu_ms.round() });
        self.report.fact(&format!("firstReads{count}"), &text, value);
        Ok(())
    }

    fn writes(&mut self, server: &Process) -> Result<()> {
        let name = "PutSecretValue, 1 KiB";
        if !self.wants(name) {
            return Ok(());
        }
        let first: Arc<[u8]> = put(&Signer::secrets(server.port, EAST), FIRST_PUT, "w").into();
        let answer_len = self.answer_len(server, Some(&first))?;
        for connections in [1, WRITERS] {
            let writers = u64::try_from(connections).unwrap_or_default();
            let count = WRITES_MAX / self.rounds / if connections == 1 { 20 } else { 2 };
            let port = server.port;
            // Each round has tokens of its own, so that every write is a new version.
            let source = move |round: u64| -> Source {
                let signer = Signer::secrets(port, EAST);
                let value = "w".repeat(VALUE_LEN);
                Arc::new(move |number| {
                    put(&signer, (writers << 40) + (round << 32) + number, &value).into()
                })
            };
            let until = Until::Count(count);
            self.beside_bare(
                server,
                &Load { name, connections, until, source: &source, answer_len, raw: None },
            )?;
        }
        Ok(())
    }

    /// From the answer of a write to the first answer of another Region that has it.
    fn replication(&mut self, server: &Process) -> Result<()> {
        let mut delays = self.runtime.block_on(replications(server.port))?;
        delays.sort_unstable();
        let (p50, p99) = (percentile(&delays, 50), percentile(&delays, 99));
        let text = format!(
            "replication, from the write's answer to the value in {WEST}: p50 {}, p99 {}",
            shown(p50),
            shown(p99)
        );
        let value = json!({ "p50Ms": millis(p50), "p99Ms": millis(p99) });
        self.report.fact("replication", &text, value);
        Ok(())
    }

    pub(super) fn answer_len(
        &self,
        server: &Process,
        request: Option<&Arc<[u8]>>,
    ) -> Result<usize> {
        let request = request.cloned().unwrap_or_default();
        self.runtime.block_on(async {
            Ok(Connection::open(server.port).await?.exchange(&request).await?.len())
        })
    }

    pub(super) fn ask<T>(
        &self,
        server: &Process,
        request: &[u8],
        find: impl Fn(&serde_json::Value) -> Option<T>,
    ) -> Result<T> {
        self.runtime.block_on(async {
            let mut connection = Connection::open(server.port).await?;
            let answer = connection.exchange(request).await?;
            let answer = serde_json::from_slice(answer).map_err(|cause| cause.to_string())?;
            find(&answer).ok_or_else(|| format!("an answer without what it should have: {answer}"))
        })
    }
}

async fn replications(port: u16) -> Result<Vec<Duration>> {
    let (east, west) = (Signer::secrets(port, EAST), Signer::secrets(port, WEST));
    let mut primary = Connection::open(port).await?;
    let mut replica = Connection::open(port).await?;
    for secret in 0..REPLICATED {
        let token = token(secret);
        let body = format!(
            r#"{{"Name":"replicated-{secret}","SecretString":"v","ClientRequestToken":"{token}","AddReplicaRegions":[{{"Region":"{WEST}"}}]}}"#
        );
        primary.exchange(&east.request("CreateSecret", &body)).await?;
        arrival(&mut replica, &west, secret, &token).await?;
    }
    let mut delays = Vec::new();
    for number in 0..REPLICATIONS {
        let (secret, token) = (number % REPLICATED, token((3 << 32) + number));
        let body = format!(
            r#"{{"SecretId":"replicated-{secret}","SecretString":"v{number}","ClientRequestToken":"{token}"}}"#
        );
        primary.exchange(&east.request("PutSecretValue", &body)).await?;
        let answered = Instant::now();
        arrival(&mut replica, &west, secret, &token).await?;
        delays.push(answered.elapsed());
    }
    Ok(delays)
}

/// Asks until the answer is of this version.
async fn arrival(
    replica: &mut Connection,
    west: &Signer,
    secret: u64,
    version: &str,
) -> Result<()> {
    let request =
        west.request("GetSecretValue", &format!(r#"{{"SecretId":"replicated-{secret}"}}"#));
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match replica.exchange(&request).await {
            Ok(answer) if contains(answer, version) => return Ok(()),
            Ok(_) => {}
            // Until the first state has arrived there is no such secret.
            Err(cause) if cause.contains("ResourceNotFoundException") => {}
            Err(cause) => return Err(cause),
        }
        // Nothing else runs on this thread, and the runtime's own timer is coarser.
        std::thread::sleep(ASK_PAUSE);
    }
    Err(format!("replicated-{secret} did not arrive in {WEST}"))
}

fn contains(answer: &[u8], text: &str) -> bool {
    answer.windows(text.len()).any(|window| window == text.as_bytes())
}

fn get(signer: &Signer, number: u64) -> Vec<u8> {
    signer.request("GetSecretValue", &format!(r#"{{"SecretId":"secret-{number}"}}"#))
}

/// A write of a new version of one of the few secrets.
fn put(signer: &Signer, number: u64, value: &str) -> Vec<u8> {
    let (secret, token) = (number % FEW, token(number));
    let body = format!(
        r#"{{"SecretId":"secret-{secret}","SecretString":"{value}","ClientRequestToken":"{token}"}}"#
    );
    signer.request("PutSecretValue", &body)
}

/// A version id of its own for each number.
pub(super) fn token(number: u64) -> String {
    format!("bench-{number:026}")
}

/// Waits until the server does nothing more, and returns its processor time.
pub(super) fn rest(server: &Process) -> Duration {
    let mut before = server.cpu();
    loop {
        std::thread::sleep(REST);
        let now = server.cpu();
        if now.saturating_sub(before) < REST_CPU {
            return now;
        }
        before = now;
    }
}

/// Each request of the pool as often as every other, in no order that a cache could follow.
pub(super) fn uniform(pool: &Arc<[Arc<[u8]>]>, round: u64) -> Source {
    let pool = Arc::clone(pool);
    Arc::new(move |number| {
        // Each round asks for others.
        let number = (round << 32) + number;
        pick(&pool, number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32))
    })
}

fn pick(pool: &[Arc<[u8]>], number: u64) -> Arc<[u8]> {
    let len = u64::try_from(pool.len()).unwrap_or(1).max(1);
    let at = usize::try_from(number % len).unwrap_or_default();
    pool.get(at).cloned().unwrap_or_default()
}
