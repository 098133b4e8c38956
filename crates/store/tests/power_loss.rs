//! PROMISE R1: what SQLite's files may look like after power was lost, and what must be in them.
//!
//! Before a sync returns, each sector that was being written may hold the old bytes, the new ones
//! or neither, in any combination, and a file that grew may have any length in between; bytes
//! beside those that are written stay (SQLite's powersafe overwrite). These images are made from the files as they are before and after each commit and each copying of the
//! log, and opened again. A commit is then there as a whole or not at all, and one that was
//! answered is there. That syncs are really asked for is not shown here, but in `tests/e2e`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::fs;
use std::path::{Path, PathBuf};

use regent_core::ids::Region;
use regent_core::ports::{Read, TransportKey};
use regent_core::records::{Key, Record};
use regent_core::tx::Batch;
use regent_store::Store;
use regent_store::sqlite::{Options, SqliteStore};

/// What a disk writes at once, at the least.
const SECTOR: usize = 512;
/// Keys that each commit writes all of, so that half a commit shows.
const KEYS: [&str; 3] = ["us-east-2", "us-west-2", "eu-west-1"];
const IMAGES_PER_STEP: usize = 6;

/// The store's file and its log.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    main: Vec<u8>,
    log: Vec<u8>,
}

impl Files {
    fn of(path: &Path) -> Self {
        let read = |path: &Path| fs::read(path).unwrap_or_default();
        Self { main: read(path), log: read(&log_of(path)) }
    }

    /// Opens these files as a machine finds them after a restart, and returns what each key has.
    fn opened(&self) -> Vec<Option<usize>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        fs::write(&path, &self.main).unwrap();
        fs::write(log_of(&path), &self.log).unwrap();
        let store = SqliteStore::open(&path, Options::default()).unwrap();
        KEYS.iter().map(|peer| number(&store, peer)).collect()
    }
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn key(peer: &str) -> Key {
    Key::Peer { region: region("us-east-1"), peer: region(peer) }
}

/// The number that a commit left under a key: the value's first bytes.
fn number(store: &SqliteStore, peer: &str) -> Option<usize> {
    let stored = store.get(&key(peer)).unwrap()?;
    let Record::Peer(TransportKey(bytes)) = stored.record else { panic!("another record") };
    let (head, rest) = bytes.split_at(8);
    assert!(rest.iter().all(|byte| *byte == head[0]), "the value is torn");
    Some(usize::try_from(u64::from_le_bytes(head.try_into().unwrap())).unwrap())
}

fn commit(store: &SqliteStore, number: usize, len: usize) {
    let head = u64::try_from(number).unwrap().to_le_bytes();
    let mut value = vec![head[0]; len];
    value[..8].copy_from_slice(&head);
    let writes = KEYS.map(|peer| (key(peer), Some(Record::Peer(TransportKey(value[..].into())))));
    store.commit(Batch { writes: writes.into(), ..Batch::default() }).unwrap();
    // The committer copies the log after it has answered; it answers this one after that.
    store.commit(Batch::default()).unwrap();
}

/// A small generator of its own, so that each run makes the same images.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    /// What may be left of a file that was `before` and was being made `after`.
    fn image(&mut self, before: &[u8], after: &[u8]) -> Vec<u8> {
        let (short, long) = (before.len().min(after.len()), before.len().max(after.len()));
        let mut image = after.to_vec();
        image.truncate(short + self.below(long - short + 1));
        // Mostly new, mostly old, or half and half.
        let old_in_four = self.below(5);
        for (at, sector) in image.chunks_mut(SECTOR).enumerate() {
            let range = at * SECTOR..at * SECTOR + sector.len();
            let old = before.get(range).filter(|old| *old != sector);
            match old {
                Some(old) if self.below(4) < old_in_four => sector.copy_from_slice(old),
                Some(old) if self.below(8) == 0 => garble(old, sector),
                None if at * SECTOR >= before.len() && self.below(4) < old_in_four => {
                    sector.fill(0);
                }
                _ => {}
            }
        }
        image
    }
}

/// Leaves neither the old nor the new of what was being written.
fn garble(old: &[u8], sector: &mut [u8]) {
    for (byte, old) in sector.iter_mut().zip(old) {
        if *byte != *old {
            *byte = 0xa5;
        }
    }
}

/// Commits `count` times and opens images of every step; returns how often the log was copied.
fn lose_power(count: usize, len: usize, images: usize) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let mut dice = Dice(len as u64);
    let mut before = Files::of(&path);
    let mut copied = 0;
    for round in 1..=count {
        commit(&store, round, len);
        let after = Files::of(&path);
        let earlier = (round > 1).then(|| round - 1);
        for _ in 0..images {
            // While the commit was written to the log: it was not answered yet.
            let log = dice.image(&before.log, &after.log);
            let found = Files { main: before.main.clone(), log }.opened();
            let whole = [earlier, Some(round)].map(|number| vec![number; KEYS.len()]);
            assert!(whole.contains(&found), "commit {round} is there by halves: {found:?}");
        }
        if after.main != before.main {
            copied += 1;
            for _ in 0..images {
                // While the log was copied into the file: everything was answered.
                let main = dice.image(&before.main, &after.main);
                let found = Files { main, log: after.log.clone() }.opened();
                assert_eq!(found, [Some(round); KEYS.len()], "commit {round} was answered");
            }
        }
        assert_eq!(after.opened(), [Some(round); KEYS.len()]);
        before = after;
    }
    copied
}

#[test]
fn a_commit_is_there_as_a_whole_or_not_at_all() {
    lose_power(12, 3000, IMAGES_PER_STEP);
}

/// Large values, so that the log is copied into the file, and begun again, several times.
#[test]
fn copying_the_log_loses_nothing() {
    let copied = lose_power(24, 1 << 20, 2);
    assert!(copied >= 2, "the log was copied {copied} times");
}
