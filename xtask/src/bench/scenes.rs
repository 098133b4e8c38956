//! What is measured, in the order of the report.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::load::{self, Connection, Source, Until, percentile};
use super::process::Process;
use super::sign::Signer;
use super::{Bench, heading, shown};
use crate::run::Result;

const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";
/// Bytes of a value.
const VALUE_LEN: usize = 1024;
/// Connections of a read load: enough to keep both cores busy.
const CONNECTIONS: usize = 16;
/// Connections of the large write load.
const WRITERS: usize = 64;
/// Secrets of the small store.
const FEW: u64 = 1000;
/// LIMIT: writes of one measurement. A secret holds 100 versions of one day.
const WRITES_MAX: u64 = 60 * FEW;
/// Samples of the replication delay.
const REPLICATIONS: u64 = 500;
/// Secrets that they are of: a secret holds 100 versions of one day.
const REPLICATED: u64 = 8;
/// How long a replica may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Bench {
    pub fn run(&self) -> Result<()> {
        let small = self.scratch.join("small");
        let server = self.start(&small, "start, empty", None)?;
        std::thread::sleep(Duration::from_millis(500));
        println!("memory, idle, empty: {} KiB", server.memory_kib());
        self.fill(&server, FEW)?;
        println!();
        heading();
        self.reads(&server, FEW)?;
        self.cryptography(&server)?;
        self.writes(&server)?;
        println!();
        self.replication(&server)?;
        println!("memory after these loads: {} KiB\n", server.memory_kib());
        drop(server);

        let large = self.scratch.join("large");
        let server = Process::regent(&self.binary, &large)?;
        self.fill(&server, self.secrets)?;
        heading();
        self.reads(&server, self.secrets)?;
        drop(server);
        println!();
        let server = self.start(&large, "start, large store", Some(self.secrets / 2))?;
        std::thread::sleep(Duration::from_millis(500));
        println!("memory, idle, large store: {} KiB", server.memory_kib());
        Ok(())
    }

    /// Starts a server, and tells how long it takes to its first answer.
    fn start(&self, data_dir: &Path, name: &str, secret: Option<u64>) -> Result<Process> {
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
        let first = started.elapsed();
        println!(
            "{name}: listens after {}, first answer after {}",
            shown(server.listening_after),
            shown(first)
        );
        Ok(server)
    }

    fn fill(&self, server: &Process, count: u64) -> Result<()> {
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
        println!("{count} secrets created: {:.0}/s", made.per_second());
        Ok(())
    }

    fn reads(&self, server: &Process, count: u64) -> Result<()> {
        let signer = Signer::secrets(server.port, EAST);
        let pool: Vec<Arc<[u8]>> = (0..count).map(|number| get(&signer, number).into()).collect();
        let answer_len = self.answer_len(server, pool.first())?;
        let source = uniform(pool);
        let name = format!("GetSecretValue, {count} secrets");
        let until = Until::Time(self.time);
        self.beside_bare(&name, server, CONNECTIONS, until, &source, answer_len)?;
        self.beside_bare(&format!("{name}, 1 connection"), server, 1, until, &source, answer_len)
    }

    fn cryptography(&self, server: &Process) -> Result<()> {
        let signer = Signer::keys(server.port, EAST);
        let key = self.ask(server, &signer.request("CreateKey", "{}"), |answer| {
            Some(answer.get("KeyMetadata")?.get("KeyId")?.as_str()?.to_owned())
        })?;
        let plaintext = STANDARD.encode([7; VALUE_LEN]);
        let body = format!(r#"{{"KeyId":"{key}","Plaintext":"{plaintext}"}}"#);
        let encrypt = signer.request("Encrypt", &body);
        let blob = self.ask(server, &encrypt, |answer| {
            Some(answer.get("CiphertextBlob")?.as_str()?.to_owned())
        })?;
        let decrypt = signer.request("Decrypt", &format!(r#"{{"CiphertextBlob":"{blob}"}}"#));
        for (name, request) in [("Encrypt, 1 KiB", encrypt), ("Decrypt, 1 KiB", decrypt)] {
            let request: Arc<[u8]> = request.into();
            let answer_len = self.answer_len(server, Some(&request))?;
            let source: Source = Arc::new(move |_| Arc::clone(&request));
            let until = Until::Time(self.time);
            self.beside_bare(name, server, CONNECTIONS, until, &source, answer_len)?;
        }
        Ok(())
    }

    fn writes(&self, server: &Process) -> Result<()> {
        // Each measurement has tokens of its own, so that every write is a new version.
        for (turn, connections) in [(1, 1), (2, WRITERS)] {
            let signer = Signer::secrets(server.port, EAST);
            let value = "w".repeat(VALUE_LEN);
            let source: Source = Arc::new(move |number| {
                let secret = number % FEW;
                let token = token((turn << 32) + number);
                let body = format!(
                    r#"{{"SecretId":"secret-{secret}","SecretString":"{value}","ClientRequestToken":"{token}"}}"#
                );
                signer.request("PutSecretValue", &body).into()
            });
            let count = if connections == 1 { 2 * FEW } else { WRITES_MAX / 2 };
            let name = format!("PutSecretValue, {connections} connections");
            self.beside_bare(&name, server, connections, Until::Count(count), &source, 200)?;
        }
        Ok(())
    }

    /// From the answer of a write to the first answer of another Region that has it.
    fn replication(&self, server: &Process) -> Result<()> {
        let mut delays = self.runtime.block_on(replications(server.port))?;
        delays.sort_unstable();
        println!(
            "replication, from the write's answer to the value in {WEST}: p50 {}, p99 {}",
            shown(percentile(&delays, 50)),
            shown(percentile(&delays, 99))
        );
        Ok(())
    }

    fn answer_len(&self, server: &Process, request: Option<&Arc<[u8]>>) -> Result<usize> {
        let request = request.cloned().unwrap_or_default();
        self.runtime.block_on(async {
            Ok(Connection::open(server.port).await?.exchange(&request).await?.len())
        })
    }

    fn ask<T>(
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
    }
    Err(format!("replicated-{secret} did not arrive in {WEST}"))
}

fn contains(answer: &[u8], text: &str) -> bool {
    answer.windows(text.len()).any(|window| window == text.as_bytes())
}

fn get(signer: &Signer, number: u64) -> Vec<u8> {
    signer.request("GetSecretValue", &format!(r#"{{"SecretId":"secret-{number}"}}"#))
}

/// A version id of its own for each number.
fn token(number: u64) -> String {
    format!("bench-{number:026}")
}

/// Each request of the pool as often as every other, in no order that a cache could follow.
fn uniform(pool: Vec<Arc<[u8]>>) -> Source {
    Arc::new(move |number| {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        let len = u64::try_from(pool.len()).unwrap_or(1).max(1);
        let at = usize::try_from(mixed % len).unwrap_or_default();
        pool.get(at).cloned().unwrap_or_default()
    })
}
