//! A group reads as the store will once it is committed, whatever it writes: the same transactions,
//! committed one after the other, are what it is held against.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail as tests do")]

use std::ops::ControlFlow;

use proptest::prelude::*;
use regent_core::ids::{AliasName, KeyId, Scope};
use regent_core::ports::{Read, Stored};
use regent_core::records::{Key, Order, Prefix, Record, Scan};
use regent_core::tx::{Batch, Tx};
use regent_store::{CommitError, Group, MemoryStore, Store};

/// What a transaction does to one of a few records: writes it, or removes it. Half are read first.
#[derive(Debug, Clone)]
struct Write {
    at: u8,
    value: Option<u32>,
    is_read: bool,
}

fn scope() -> Scope {
    Scope { region: "us-east-1".parse().unwrap(), account: "123456789012".parse().unwrap() }
}

/// Two kinds, so that a scan of one has neighbours.
fn key(at: u8) -> Key {
    let (scope, id) = (scope(), KeyId::from_bytes([at / 2; 16], false));
    if at.is_multiple_of(2) {
        Key::GrantCount { scope, key: id }
    } else {
        Key::AliasOfKey { scope, id: KeyId::from_bytes([7; 16], false), name: alias(at) }
    }
}

fn alias(at: u8) -> AliasName {
    format!("alias/{at}").parse().unwrap()
}

fn record(at: u8, value: u32) -> Record {
    if at.is_multiple_of(2) { Record::Count(value) } else { Record::Index }
}

fn transaction(read: &dyn Read, writes: &[Write]) -> Batch {
    let mut tx = Tx::new(read);
    for Write { at, value, is_read } in writes {
        if *is_read {
            tx.get(&key(*at)).unwrap();
        }
        match value {
            Some(value) => tx.put(key(*at), record(*at, *value)),
            None => tx.remove(key(*at)),
        }
    }
    tx.into_batch()
}

fn shown(record: &Record) -> String {
    format!("{record:?}")
}

/// Lets so many be visited.
fn at_most(mut most: usize) -> impl FnMut() -> ControlFlow<()> {
    move || {
        most -= 1;
        if most == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// All that can be read: each record, and every way to walk over a range, with several ends.
fn all(read: &dyn Read) -> Vec<String> {
    let mut seen = Vec::new();
    for at in 0..20 {
        let found = read.get(&key(at)).unwrap();
        seen.push(format!("{at} {:?}", found.map(|Stored { record, .. }| shown(&record))));
    }
    let prefix = Prefix::AliasesOfKey { scope: scope(), id: KeyId::from_bytes([7; 16], false) };
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(key(5))] {
            for most in [1, 2, 4, 20] {
                let scan = Scan { prefix: prefix.clone(), after: after.clone(), order };
                seen.push(format!("{order:?} {after:?} {most}"));
                let mut stop = at_most(most);
                let visit = &mut |key: Key, record: Record| {
                    seen.push(format!("{key:?} {}", shown(&record)));
                    stop()
                };
                read.scan(&scan, visit).unwrap();
                let mut stop = at_most(most);
                let visit = &mut |key: Key| {
                    seen.push(format!("{key:?}"));
                    stop()
                };
                read.keys(&scan, visit).unwrap();
            }
        }
    }
    seen
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let write = (0..20_u8, proptest::option::weighted(0.7, 0..9_u32), any::<bool>());
    let write = write.prop_map(|(at, value, is_read)| Write { at, value, is_read });
    proptest::collection::vec(write, 0..8)
}

proptest! {
    #[test]
    fn a_group_is_what_its_transactions_are_one_after_the_other(
        before in writes(),
        grouped in proptest::collection::vec(writes(), 1..5),
    ) {
        let (alone, together) = (MemoryStore::new(), MemoryStore::new());
        for store in [&alone, &together] {
            store.commit(transaction(store, &before)).unwrap();
        }
        let mut group = Group::new(&together);
        for writes in &grouped {
            group.add(transaction(&group, writes));
            alone.commit(transaction(&alone, writes)).unwrap();
            prop_assert_eq!(all(&group), all(&alone));
        }
        together.commit(group.into_batch()).unwrap();
        prop_assert_eq!(all(&together), all(&alone));
    }
}

/// Whoever of the group has read a record: if somebody else changes it, nothing is written.
#[test]
fn a_group_stands_on_all_that_its_transactions_have_read() {
    for reader in 0..2 {
        let store = MemoryStore::new();
        let mut group = Group::new(&store);
        for turn in 0..2 {
            let writes = [Write { at: 2, value: Some(turn), is_read: true }];
            let mut batch = transaction(&group, &writes);
            if turn == reader {
                batch.reads.extend(transaction(&group, &[read_of(4)]).reads);
            }
            group.add(batch);
        }
        let other = [Write { at: 4, value: Some(1), is_read: false }];
        store.commit(transaction(&store, &other)).unwrap();
        assert_eq!(store.commit(group.into_batch()), Err(CommitError::Conflict));
        assert!(store.get(&key(2)).unwrap().is_none());
    }
}

/// What one transaction has read and another finds changed: the group is of no one moment.
#[test]
fn a_group_that_somebody_came_between_is_not_committed() {
    let store = MemoryStore::new();
    let mut group = Group::new(&store);
    for turn in 0..2 {
        let mut batch = transaction(&group, &[Write { at: turn, value: Some(1), is_read: false }]);
        batch.reads.extend(transaction(&group, &[read_of(4)]).reads);
        group.add(batch);
        let other = [Write { at: 4, value: Some(1), is_read: false }];
        if turn == 0 {
            store.commit(transaction(&store, &other)).unwrap();
        }
    }
    assert_eq!(store.commit(group.into_batch()), Err(CommitError::Conflict));
}

fn read_of(at: u8) -> Write {
    Write { at, value: None, is_read: true }
}
