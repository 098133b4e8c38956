//! One suite for every store: what the rest of Regent relies on.
//!
//! [`each`] runs a test against the memory store, and against SQLite with and without a cache to
//! speak of. What only one of them promises (crashes, files, threads) follows below. A store that
//! is added later joins [`each`] and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use regent_core::ids::{Scope, SecretName};
use regent_core::ports::{Read, TransportKey};
use regent_core::records::{Key, Order, Prefix, Record, Scan};
use regent_core::tx::Batch;
use regent_store::sqlite::{OpenError, Options, SqliteStore};
use regent_store::{CommitError, MemoryStore, Store};

fn scope(region: &str, account: &str) -> Scope {
    Scope { region: region.parse().unwrap(), account: account.parse().unwrap() }
}

fn home() -> Scope {
    scope("us-east-1", "123456789012")
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn peer(region: &str) -> Key {
    Key::Peer { region: home().region, peer: region.parse().unwrap() }
}

fn key(scope: Scope, text: &str) -> Key {
    Key::SecretByCreated {
        scope,
        created: regent_core::time::Timestamp::from_millis(0),
        name: name(text),
    }
}

fn value(bytes: &[u8]) -> Record {
    Record::Peer(TransportKey(bytes.into()))
}

fn bytes(store: &dyn Store, key: &Key) -> Option<(Vec<u8>, u64)> {
    let stored = store.get(key).unwrap()?;
    let Record::Peer(TransportKey(bytes)) = stored.record else { panic!("another record") };
    Some((bytes.to_vec(), stored.seq))
}

fn batch(reads: &[(Key, u64)], writes: &[(Key, Option<Record>)]) -> Batch {
    Batch {
        reads: reads.iter().cloned().collect(),
        writes: writes.iter().cloned().collect(),
        ..Batch::default()
    }
}

/// Runs a test against each store.
fn each(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    let directory = tempfile::tempdir().unwrap();
    test(&SqliteStore::open(&directory.path().join("a.db"), Options::default()).unwrap());
    // Without a cache to speak of, everything comes from the file.
    let bare = Options { cache_bytes: 1 };
    test(&SqliteStore::open(&directory.path().join("b.db"), bare).unwrap());
}

#[test]
fn what_is_written_is_read_until_it_is_removed() {
    each(|store| {
        let a = peer("us-west-2");
        assert!(store.get(&a).unwrap().is_none());
        let first = store.commit(batch(&[], &[(a.clone(), Some(value(b"one")))])).unwrap();
        assert_eq!(bytes(store, &a), Some((b"one".to_vec(), first)));
        let large = vec![7; 300_000];
        let second = store.commit(batch(&[], &[(a.clone(), Some(value(&large)))])).unwrap();
        assert!(second > first);
        assert_eq!(bytes(store, &a), Some((large, second)));
        store.commit(batch(&[], &[(a.clone(), None)])).unwrap();
        assert!(store.get(&a).unwrap().is_none());
    });
}

#[test]
fn a_changed_read_is_a_conflict_and_writes_nothing() {
    each(|store| {
        let (a, b) = (peer("us-west-2"), peer("eu-west-1"));
        let write =
            |reads: &[(Key, u64)]| store.commit(batch(reads, &[(b.clone(), Some(value(b"b")))]));
        let first = store.commit(batch(&[(a.clone(), 0)], &[(a.clone(), Some(value(b"1")))]));
        let first = first.unwrap();
        assert_eq!(write(&[(a.clone(), 0)]), Err(CommitError::Conflict));
        assert!(store.get(&b).unwrap().is_none());
        store.commit(batch(&[(a.clone(), first)], &[(a.clone(), Some(value(b"2")))])).unwrap();
        assert_eq!(write(&[(a.clone(), first)]), Err(CommitError::Conflict));
        store.commit(batch(&[], &[(a.clone(), None)])).unwrap();
        assert_eq!(write(&[(a.clone(), first)]), Err(CommitError::Conflict));
        write(&[(a.clone(), 0)]).unwrap();
        let reads: BTreeMap<_, _> = [(a.clone(), 0)].into();
        assert!(store.unchanged(&reads).unwrap());
        store.commit(batch(&[], &[(a, Some(value(b"3")))])).unwrap();
        assert!(!store.unchanged(&reads).unwrap());
    });
}

#[test]
fn scans_stay_in_their_range_and_order() {
    each(|store| {
        let others = [
            scope("us-east-1", "123456789011"),
            scope("us-east-1", "123456789013"),
            scope("us-east-2", "123456789012"),
        ];
        let names = ["a", "ab", "b", "b/c", "z"];
        for scope in others.into_iter().chain([home()]) {
            let writes: Vec<_> =
                names.iter().map(|name| (key(scope, name), Some(Record::Index))).collect();
            store.commit(batch(&[], &writes)).unwrap();
        }
        let walk = |after: Option<&str>, order, at_most: usize| {
            let scan = Scan {
                prefix: Prefix::SecretsByCreated { scope: home() },
                after: after.map(|name| key(home(), name)),
                order,
            };
            let (mut found, mut keys) = (Vec::new(), Vec::new());
            let visit = |key: Key, found: &mut Vec<String>| {
                let Key::SecretByCreated { scope, name, .. } = key else { panic!() };
                assert_eq!(scope, home());
                found.push(name.to_string());
                if found.len() == at_most {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            store.scan(&scan, &mut |key, _| visit(key, &mut found)).unwrap();
            store.keys(&scan, &mut |key| visit(key, &mut keys)).unwrap();
            assert_eq!(found, keys);
            found
        };
        assert_eq!(walk(None, Order::Ascending, 99), names);
        assert_eq!(walk(Some("ab"), Order::Ascending, 2), ["b", "b/c"]);
        assert_eq!(walk(Some("b"), Order::Descending, 99), ["ab", "a"]);
        assert_eq!(walk(Some("zz"), Order::Ascending, 99), [""; 0]);
    });
}

#[test]
fn wiping_leaves_the_identity() {
    each(|store| {
        let identity = Key::Identity { region: home().region };
        let record = Record::Identity(Arc::from([1, 2, 3].as_slice()));
        let a = peer("us-west-2");
        let writes = [(identity.clone(), Some(record)), (a.clone(), Some(value(b"x")))];
        store.commit(batch(&[], &writes)).unwrap();
        store.wipe().unwrap();
        assert!(store.get(&a).unwrap().is_none());
        assert!(store.get(&identity).unwrap().is_some());
    });
}

/// Adds one to a counter, again after each conflict.
fn increment(store: &dyn Store, counter: &Key) {
    loop {
        let (count, seq) = match bytes(store, counter) {
            Some((bytes, seq)) => (u64::from_be_bytes(bytes.try_into().unwrap()), seq),
            None => (0, 0),
        };
        let next = value(&(count + 1).to_be_bytes());
        match store.commit(batch(&[(counter.clone(), seq)], &[(counter.clone(), Some(next))])) {
            Ok(_) => return,
            Err(CommitError::Conflict) => {}
            Err(CommitError::Fault) => panic!("the store failed"),
        }
    }
}

#[test]
fn no_increment_is_lost_among_threads() {
    each(|store| {
        let counter = peer("us-west-2");
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| (0..50).for_each(|_| increment(store, &counter)));
            }
        });
        let (count, _) = bytes(store, &counter).unwrap();
        assert_eq!(u64::from_be_bytes(count.try_into().unwrap()), 400);
    });
}

/// Nobody reads an older state than anybody has read before, with a cache so small that it is
/// filled and emptied all the time; and a writer sees its own write as soon as it is answered.
#[test]
fn readers_never_go_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    for cache_bytes in [4000, 1 << 20] {
        let store = SqliteStore::open(&path, Options { cache_bytes }).unwrap();
        let regions = ["us-west-2", "eu-west-1", "us-east-2", "ap-south-1", "sa-east-1"];
        let keys = regions.map(peer);
        let newest: [AtomicU64; 5] = Default::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        for (key, newest) in keys.iter().zip(&newest) {
                            let before = newest.load(Ordering::SeqCst);
                            let seq = store.get(key).unwrap().map_or(0, |stored| stored.seq);
                            assert!(seq >= before, "went back from {before} to {seq}");
                            newest.fetch_max(seq, Ordering::SeqCst);
                        }
                    }
                });
            }
            for round in 0..100_u64 {
                for (key, newest) in keys.iter().zip(&newest) {
                    let bytes_now = round.to_be_bytes();
                    let write = [(key.clone(), Some(value(&bytes_now)))];
                    let seq = store.commit(batch(&[], &write)).unwrap();
                    newest.fetch_max(seq, Ordering::SeqCst);
                    assert_eq!(bytes(&store, key), Some((bytes_now.to_vec(), seq)));
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}

/// A query over two records that are always written together never answers from two states, if it
/// does as the shell does: run again when the store has moved and what was read has changed.
#[test]
fn a_query_sees_one_state() {
    each(|store| {
        let (a, b) = (peer("us-west-2"), peer("eu-west-1"));
        let stop = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..3 {
                threads.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        let before = store.seq();
                        let (read_a, read_b) = (bytes(store, &a), bytes(store, &b));
                        let seq = |read: &Option<(Vec<u8>, u64)>| read.as_ref().map_or(0, |r| r.1);
                        let reads = [(a.clone(), seq(&read_a)), (b.clone(), seq(&read_b))];
                        if store.seq() == before || store.unchanged(&reads.into()).unwrap() {
                            assert_eq!(read_a, read_b);
                        }
                    }
                });
            }
            for round in 0..500_u64 {
                let now = Some(value(&round.to_be_bytes()));
                store.commit(batch(&[], &[(a.clone(), now.clone()), (b.clone(), now)])).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
    });
}

/// Of many who want the same place at once one gets it, and everybody is told, in order.
#[test]
fn one_of_a_group_wins() {
    each(|store| {
        let a = peer("us-west-2");
        let (sender, answers) = mpsc::channel();
        for number in 0..100_u8 {
            let sender = sender.clone();
            let done = Box::new(move |result| sender.send((number, result)).unwrap());
            let write = [(a.clone(), Some(value(&[number])))];
            store.commit_with(batch(&[(a.clone(), 0)], &write), done);
        }
        let answers: Vec<_> = answers.iter().take(100).collect();
        assert!(answers.iter().map(|(number, _)| *number).eq(0..100));
        assert_eq!(answers[0].1, Ok(1));
        assert!(answers[1..].iter().all(|(_, result)| *result == Err(CommitError::Conflict)));
        assert_eq!(bytes(store, &a), Some((vec![0], 1)));
        assert_eq!(store.seq(), 1);
    });
}

/// What follows from commits is set in motion as they are answered: in their order.
#[test]
fn commits_of_many_threads_are_answered_in_their_order() {
    each(|store| {
        let (sender, answers) = mpsc::channel();
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let sender = sender.clone();
                scope.spawn(move || {
                    for round in 0..200_u8 {
                        let sender = sender.clone();
                        let done = Box::new(move |result| {
                            // A moment in which another thread could overtake.
                            std::thread::yield_now();
                            sender.send(result).unwrap();
                        });
                        let write = [(peer("us-west-2"), Some(value(&[thread, round])))];
                        store.commit_with(batch(&[], &write), done);
                    }
                });
            }
        });
        assert!(answers.iter().take(1600).eq((1..=1600).map(Ok)));
    });
}

/// Whoever waits when a store is dropped is still served.
#[test]
fn dropping_serves_those_who_wait() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let (sender, answers) = mpsc::channel();
    for _ in 0..1000 {
        let sender = sender.clone();
        let write = [(peer("us-west-2"), Some(value(&[0; 2000])))];
        let done = Box::new(move |result| sender.send(result).unwrap());
        store.commit_with(batch(&[], &write), done);
    }
    drop(store);
    assert!(answers.try_iter().eq((1..=1000).map(Ok)));
    let mut log = path.into_os_string();
    log.push("-wal");
    assert!(!Path::new(&log).exists(), "the log is folded into the file");
}

/// Many random batches and scans, checked against a plain map.
#[test]
fn a_store_does_as_a_map_does() {
    each(|store| {
        let mut random = 7_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let mut model = BTreeMap::new();
        for round in 1..=300 {
            let mut changes = Batch::default();
            for _ in 0..=next(4) {
                let key = key(home(), &format!("n{}", next(40)));
                // A key may come twice in a round. What counts is what it was before the round.
                let before = model.get(&key).copied().unwrap_or(0);
                changes.reads.entry(key.clone()).or_insert(before);
                let write = (next(3) > 0).then_some(Record::Index);
                match write {
                    Some(_) => model.insert(key.clone(), round),
                    None => model.remove(&key),
                };
                changes.writes.insert(key, write);
            }
            assert_eq!(store.commit(changes), Ok(round));
            let prefix = Prefix::SecretsByCreated { scope: home() };
            let found = regent_core::tx::collect(store, prefix, |key, _| Some(key));
            assert!(found.unwrap().iter().eq(model.keys()));
        }
        for (key, seq) in &model {
            assert_eq!(store.get(key).unwrap().unwrap().seq, *seq);
        }
    });
}

#[test]
fn everything_acknowledged_is_there_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let a = peer("us-west-2");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let seq = store.commit(batch(&[], &[(a.clone(), Some(value(b"kept")))])).unwrap();
    drop(store);
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert_eq!(store.seq(), seq);
    assert_eq!(bytes(&store, &a), Some((b"kept".to_vec(), seq)));
    assert!(store.commit(batch(&[], &[(a, None)])).unwrap() > seq);
}

/// PROMISE R1: what was acknowledged is in the files as they are on the disk at that moment, as a
/// killed process leaves them.
#[test]
fn everything_acknowledged_is_there_after_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("a.db"), Options::default()).unwrap();
    for round in 1..=60_u64 {
        let write = [
            (key(home(), &format!("n{round}")), Some(Record::Index)),
            (peer("us-west-2"), Some(value(&vec![7; 400_000]))),
        ];
        store.commit(batch(&[], &write)).unwrap();
        if round % 15 == 0 {
            let left = directory.path().join(format!("left-{round}"));
            std::fs::create_dir(&left).unwrap();
            for file in ["a.db", "a.db-wal"] {
                std::fs::copy(directory.path().join(file), left.join(file)).unwrap();
            }
            let left = SqliteStore::open(&left.join("a.db"), Options::default()).unwrap();
            assert_eq!(left.seq(), round);
            let prefix = Prefix::SecretsByCreated { scope: home() };
            let found = regent_core::tx::collect(&left, prefix, |key, _| Some(key)).unwrap();
            assert_eq!(found.len() as u64, round);
            assert_eq!(bytes(&left, &peer("us-west-2")).unwrap().1, round);
        }
    }
}

#[test]
fn files_that_cannot_be_opened_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let open = |path: &Path| SqliteStore::open(path, Options::default());
    let at = |name| directory.path().join(name);
    let path = at("a.db");
    let store = open(&path).unwrap();
    let locked = open(&path).unwrap_err();
    assert!(matches!(locked, OpenError::Locked(_)));
    assert_eq!(locked.to_string(), format!("{} is in use by another process", path.display()));
    drop(store);

    let nowhere = open(&at("no/such/place.db")).unwrap_err();
    assert!(matches!(nowhere, OpenError::Io { .. }), "{nowhere}");
    for (name, content) in [("short", b"hello".as_slice()), ("long", &[b'x'; 8192])] {
        std::fs::write(at(name), content).unwrap();
        assert!(matches!(open(&at(name)), Err(OpenError::NotOurs(_))), "{name}");
        assert_eq!(std::fs::read(at(name)).unwrap(), content, "{name} is left as it was");
    }
    let other = rusqlite::Connection::open(at("other.db")).unwrap();
    other.execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    assert!(matches!(open(&at("other.db")), Err(OpenError::NotOurs(_))));

    let later = rusqlite::Connection::open(&path).unwrap();
    later.pragma_update(None, "user_version", 4).unwrap();
    drop(later);
    let newer = open(&path).unwrap_err();
    assert!(matches!(newer, OpenError::Newer { found: 4, .. }));
    assert!(newer.to_string().contains("newer than this version of Regent reads"), "{newer}");
}

/// An older binary is to refuse a file that a newer one has opened.
#[test]
fn a_file_of_an_earlier_format_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let written = (peer("us-west-2"), Some(value(b"x")));
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    store.commit(batch(&[], &[written])).unwrap();
    drop(store);
    let format = |set: Option<i64>| -> i64 {
        let file = rusqlite::Connection::open(&path).unwrap();
        if let Some(format) = set {
            file.pragma_update(None, "user_version", format).unwrap();
        }
        file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    for earlier in [1, 2] {
        assert_eq!((format(None), format(Some(earlier))), (3, earlier));
        let store = SqliteStore::open(&path, Options::default()).unwrap();
        assert_eq!(bytes(&store, &peer("us-west-2")), Some((b"x".to_vec(), 1)));
        drop(store);
        assert_eq!(format(None), 3);
    }
}

/// A process that was killed before it had laid out its file leaves one that can be opened.
#[test]
fn a_file_without_tables_is_laid_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let bare = rusqlite::Connection::open(&path).unwrap();
    bare.pragma_update(None, "journal_mode", "WAL").unwrap();
    drop(bare);
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert_eq!(store.commit(batch(&[], &[(peer("us-west-2"), Some(value(b"x")))])), Ok(1));
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("a.db"), Options::default()).unwrap();
    store.commit(batch(&[], &[(peer("us-west-2"), Some(value(b"x")))])).unwrap();
    store.get(&peer("eu-west-1")).unwrap();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

/// A damaged row is a fault for whoever reads it, and for nobody else.
#[test]
fn a_damaged_record_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (good, bad) = (peer("us-west-2"), peer("eu-west-1"));
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    let writes = [good.clone(), bad.clone()].map(|key| (key, Some(value(b"x"))));
    store.commit(batch(&[], &writes)).unwrap();
    drop(store);
    let damage = rusqlite::Connection::open(&path).unwrap();
    let key = regent_store::encode::key(&bad);
    damage.execute("UPDATE records SET value = x'ffff' WHERE key = ?1", [key]).unwrap();
    drop(damage);
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert!(store.get(&bad).is_err());
    assert!(store.get(&good).unwrap().is_some());
    store.commit(batch(&[], &[(bad.clone(), None)])).unwrap();
    assert!(store.get(&bad).unwrap().is_none());
}

/// PROMISE R1 in the memory store: a crash loses what was not synced, and nothing else.
#[test]
fn a_crash_loses_what_was_not_synced() {
    let store = MemoryStore::unsynced();
    let (a, b, c) = (peer("us-west-2"), peer("eu-west-1"), peer("us-east-2"));
    store.commit(batch(&[], &[(a.clone(), Some(value(b"a")))])).unwrap();
    store.sync();
    store.commit(batch(&[], &[(a.clone(), Some(value(b"a2"))), (b.clone(), None)])).unwrap();
    store.commit(batch(&[], &[(c.clone(), Some(value(b"c")))])).unwrap();
    store.crash_keeping(1);
    assert_eq!(bytes(&store, &a).unwrap().0, b"a2");
    assert!(store.get(&c).unwrap().is_none());
    store.commit(batch(&[], &[(a.clone(), Some(value(b"a3")))])).unwrap();
    store.crash();
    assert_eq!(bytes(&store, &a).unwrap().0, b"a2");
}

/// PROMISE R1 in the memory store: nobody is told before the sync, or at all after a crash.
#[test]
fn nobody_hears_of_what_is_not_synced() {
    let store = MemoryStore::unsynced();
    let (sender, answers) = mpsc::channel();
    let write = |to: &str, reads: &[(Key, u64)]| {
        let sender = sender.clone();
        let done = Box::new(move |result| sender.send(result).unwrap());
        store.commit_with(batch(reads, &[(peer(to), Some(value(b"x")))]), done);
    };
    write("us-west-2", &[]);
    assert_eq!(answers.try_iter().count(), 0);
    assert_eq!(store.unsynced_len(), 1);
    store.sync();
    assert!(answers.try_iter().eq([Ok(1)]));
    write("us-west-2", &[(peer("us-west-2"), 0)]);
    assert!(answers.try_iter().eq([Err(CommitError::Conflict)]));
    write("eu-west-1", &[]);
    store.crash();
    store.sync();
    assert_eq!(answers.try_iter().count(), 0);
    assert_eq!((store.seq(), store.unsynced_len()), (1, 0));
    write("eu-west-1", &[(peer("eu-west-1"), 0)]);
    store.sync();
    assert!(answers.try_iter().eq([Ok(2)]));
}
