//! One suite for every store: what the rest of Regent relies on.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    Batch { reads: reads.iter().cloned().collect(), writes: writes.iter().cloned().collect() }
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
        let write = |reads: &[(Key, u64)]| {
            store.commit(batch(reads, &[(b.clone(), Some(value(b"b")))]))
        };
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
            let mut found = Vec::new();
            store
                .scan(&scan, &mut |key, _| {
                    let Key::SecretByCreated { scope, name, .. } = key else { panic!() };
                    assert_eq!(scope, home());
                    found.push(name.to_string());
                    if found.len() == at_most {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                })
                .unwrap();
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

/// Readers never see a record go back, with a cache so small that it is filled and emptied all the
/// time, and a writer sees its own write as soon as it is answered.
#[test]
fn readers_never_go_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path, Options { cache_bytes: 4000 }).unwrap();
    let regions = ["us-west-2", "eu-west-1", "us-east-2", "ap-south-1", "sa-east-1"];
    let keys: Vec<Key> = regions.iter().map(|region| peer(region)).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                let mut seen = vec![0; keys.len()];
                while !stop.load(Ordering::Relaxed) {
                    for (key, seen) in keys.iter().zip(&mut seen) {
                        let seq = store.get(key).unwrap().map_or(0, |stored| stored.seq);
                        assert!(seq >= *seen, "went back from {seen} to {seq}");
                        *seen = seq;
                    }
                }
            });
        }
        for round in 0..600_u64 {
            for key in &keys {
                let bytes_now = round.to_be_bytes();
                let write = [(key.clone(), Some(value(&bytes_now)))];
                let seq = store.commit(batch(&[], &write)).unwrap();
                assert_eq!(bytes(&store, key), Some((bytes_now.to_vec(), seq)));
            }
        }
        stop.store(true, Ordering::Relaxed);
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

#[test]
fn files_that_cannot_be_opened_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path, Options::default()).unwrap();
    assert!(matches!(SqliteStore::open(&path, Options::default()), Err(OpenError::Locked(_))));
    drop(store);
    let foreign = directory.path().join("b.db");
    std::fs::write(&foreign, vec![b'x'; 8192]).unwrap();
    let refused = SqliteStore::open(&foreign, Options::default());
    assert!(matches!(refused, Err(OpenError::NotOurs(_))));
    let nowhere = directory.path().join("no/such/place.db");
    assert!(matches!(SqliteStore::open(&nowhere, Options::default()), Err(OpenError::Io { .. })));
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
