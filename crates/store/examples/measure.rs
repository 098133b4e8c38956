//! Measures the SQLite store: commits from many threads, reads from the cache and from the file,
//! and opening a full store. Prints one line each; asserts nothing.
//!
//! `cargo run --release -p regent-store --example measure [directory]`. The directory decides
//! which disk is measured; the default is the system's temporary one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "an example stops at the first error and prints"
)]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use regent_core::ids::{KeyId, Scope};
use regent_core::ports::Read;
use regent_core::records::{Key, Record};
use regent_core::secrets::model::{SealedValue, ValueKind, Version};
use regent_core::time::Timestamp;
use regent_core::tx::Batch;
use regent_store::sqlite::Options;
use regent_store::{SqliteStore, Store};

const SECRETS: u64 = 100_000;
const VALUE_BYTES: usize = 1500;
const SPAN: Duration = Duration::from_secs(5);

fn version(number: u64) -> (Key, Record) {
    let scope =
        Scope { region: "us-east-1".parse().unwrap(), account: "111122223333".parse().unwrap() };
    // Spread over the key space, as names are.
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let id: regent_core::ids::VersionId = format!("{spread:016x}-{number:016x}").parse().unwrap();
    let key = Key::Version {
        scope,
        name: format!("app/{spread:016x}").parse().unwrap(),
        suffix: "a1B2c3".parse().unwrap(),
        id: id.clone(),
    };
    let value = SealedValue {
        kind: ValueKind::String,
        sealed: vec![0x5a; VALUE_BYTES - 250].into(),
        data_key: vec![0xa5; 180].into(),
        kms_key: KeyId::from_bytes([7; 16], true),
        kms_key_is_default: false,
    };
    let created = Timestamp::EPOCH;
    let version = Version { id, created, last_accessed: None, changed: number, value };
    (key, Record::Version(version.into()))
}

fn write(number: u64) -> Batch {
    let (key, record) = version(number);
    Batch { writes: [(key, Some(record))].into(), ..Batch::default() }
}

fn fill(store: &SqliteStore) {
    let start = Instant::now();
    for first in (0..SECRETS).step_by(1000) {
        let writes = (first..first + 1000).map(version).map(|(key, record)| (key, Some(record)));
        store.commit(Batch { writes: writes.collect(), ..Batch::default() }).unwrap();
    }
    println!("fill: {SECRETS} records in {:.1?}", start.elapsed());
}

/// One record in each commit, over records that are there.
fn commits(store: &SqliteStore, threads: u64) {
    let count = AtomicU64::new(0);
    let slowest = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (count, slowest) = (&count, &slowest);
            scope.spawn(move || {
                let mut number = thread;
                while start.elapsed() < SPAN {
                    let one = Instant::now();
                    store.commit(write(number % SECRETS)).unwrap();
                    let micros = u64::try_from(one.elapsed().as_micros()).unwrap();
                    slowest.fetch_max(micros, Ordering::Relaxed);
                    count.fetch_add(1, Ordering::Relaxed);
                    number += 64 * 7919;
                }
            });
        }
    });
    let each = start.elapsed().as_secs_f64();
    let count = u32::try_from(count.into_inner()).unwrap();
    println!(
        "commit: {threads} threads, {:.0}/s, mean {:.2} ms, slowest {:.0} ms",
        f64::from(count) / each,
        each * 1e3 * f64::from(u32::try_from(threads).unwrap()) / f64::from(count),
        f64::from(u32::try_from(slowest.into_inner()).unwrap()) / 1e3,
    );
}

fn gets(what: &str, store: &SqliteStore, numbers: impl Fn(u64) -> u64 + Sync, threads: u64) {
    const READS: u32 = 100_000;
    let keys: Vec<Key> = (0..1000).map(|n| version(numbers(n)).0).collect();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for key in keys.iter().cycle().take(READS as usize) {
                    assert!(store.get(key).unwrap().is_some());
                }
            });
        }
    });
    println!("{what}: {threads} threads, {:.2?} each", start.elapsed() / READS);
}

fn run(path: &Path) {
    let store = SqliteStore::open(path, Options::default()).unwrap();
    fill(&store);
    commits(&store, 1);
    commits(&store, 64);
    drop(store);

    let start = Instant::now();
    let store = SqliteStore::open(path, Options::default()).unwrap();
    println!("open: {:.2?} with {SECRETS} records", start.elapsed());
    gets("get, cached", &store, |n| n, 1);
    gets("get, cached", &store, |n| n, 4);
    drop(store);
    let store = SqliteStore::open(path, Options { cache_bytes: 1 }).unwrap();
    gets("get, not cached", &store, |n| n * 97, 1);
    gets("get, not cached", &store, |n| n * 97, 4);
    drop(store);
    println!("file: {} bytes a record", std::fs::metadata(path).unwrap().len() / SECRETS);
}

fn main() {
    let directory = match std::env::args_os().nth(1) {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    };
    run(&directory.unwrap().path().join("measure.db"));
}
