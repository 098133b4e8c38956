//! Several transactions that become one commit.
//!
//! Each of them reads the store as it will be once those before it are committed, scans included:
//! what they do together is what they would do one after the other with nobody in between. The
//! commit writes all of it or nothing, and checks what each of them has read of the store. Nothing
//! is held until then.

use core::fmt;
use core::ops::{Bound, ControlFlow};
use std::collections::{BTreeMap, VecDeque};

use regent_core::ports::{Read, StoreFault, Stored};
use regent_core::records::{Key, Order, Record, Scan};
use regent_core::tx::Batch;

use crate::encode;

/// A store, and what will be committed to it.
pub struct Group<'s> {
    store: &'s dyn Read,
    batch: Batch,
    /// What is written, by its place in the store.
    places: BTreeMap<Vec<u8>, Key>,
}

impl fmt::Debug for Group<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("writes", &self.batch.writes.len()).finish_non_exhaustive()
    }
}

impl<'s> Group<'s> {
    pub fn new(store: &'s dyn Read) -> Self {
        Self { store, batch: Batch::default(), places: BTreeMap::new() }
    }

    /// Adds what a transaction on this group has read and wants to write.
    pub fn add(&mut self, batch: Batch) {
        let Batch { reads, writes, events, key_events } = batch;
        for (key, seq) in reads {
            // What one before it writes was not read from the store. Of what was, the first
            // reading counts: if a later one differs, somebody was in between.
            if !self.batch.writes.contains_key(&key) {
                self.batch.reads.entry(key).or_insert(seq);
            }
        }
        for (key, write) in writes {
            self.places.insert(encode::key(&key), key.clone());
            self.batch.writes.insert(key, write);
        }
        self.batch.events.extend(events);
        self.batch.key_events.extend(key_events);
    }

    pub fn into_batch(self) -> Batch {
        self.batch
    }

    /// What is written in a range.
    fn ahead(&self, scan: &Scan) -> Ahead<'_> {
        let range = encode::range(scan);
        let order = scan.order;
        if range.start >= range.end {
            return Ahead { writes: VecDeque::new(), order };
        }
        let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
        let keys = self.places.range::<Vec<u8>, _>(bounds).map(|(_, key)| key);
        let writes = keys.filter_map(|key| Some((key, self.batch.writes.get(key)?.as_ref())));
        let mut writes: VecDeque<_> = writes.collect();
        if order == Order::Descending {
            writes.make_contiguous().reverse();
        }
        Ahead { writes, order }
    }

    /// Visits what `walk` finds in the store, as it will be. `of` is what is visited of a record.
    fn merge<T>(
        &self,
        scan: &Scan,
        of: impl Fn(&Record) -> T,
        visit: &mut dyn FnMut(Key, T) -> ControlFlow<()>,
        walk: impl FnOnce(&mut dyn FnMut(Key, T) -> ControlFlow<()>) -> Result<(), StoreFault>,
    ) -> Result<(), StoreFault> {
        let mut ahead = self.ahead(scan);
        let mut flow = ControlFlow::Continue(());
        walk(&mut |key, found| {
            flow = ahead.step_to(key, found, &of, visit);
            flow
        })?;
        while let Some((key, write)) = ahead.next(None).filter(|_| flow.is_continue()) {
            if let Some(record) = write {
                flow = visit(key.clone(), of(record));
            }
        }
        Ok(())
    }
}

/// What a group writes in a range, in the order of a scan. `None` removes.
struct Ahead<'g> {
    writes: VecDeque<(&'g Key, Option<&'g Record>)>,
    order: Order,
}

impl<'g> Ahead<'g> {
    /// Takes what is written next, unless that is behind `key`.
    fn next(&mut self, key: Option<&Key>) -> Option<(&'g Key, Option<&'g Record>)> {
        let (next, _) = self.writes.front()?;
        let is_behind = key.is_some_and(|key| match self.order {
            Order::Ascending => *next > key,
            Order::Descending => *next < key,
        });
        if is_behind { None } else { self.writes.pop_front() }
    }

    /// Visits what is written up to a key that the store has, and then that key, unless it is
    /// written itself.
    fn step_to<T>(
        &mut self,
        key: Key,
        found: T,
        of: &impl Fn(&Record) -> T,
        visit: &mut dyn FnMut(Key, T) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some((next, write)) = self.next(Some(&key)) {
            if let Some(record) = write {
                visit(next.clone(), of(record))?;
            }
            if *next == key {
                return ControlFlow::Continue(());
            }
        }
        visit(key, found)
    }
}

impl Read for Group<'_> {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        match self.batch.writes.get(key) {
            Some(write) => Ok(write.clone().map(|record| Stored { record, seq: 0 })),
            None => self.store.get(key),
        }
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.merge(scan, Record::clone, visit, |visit| self.store.scan(scan, visit))
    }

    fn keys(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        let visit: &mut dyn FnMut(Key, ()) -> ControlFlow<()> = &mut |key, ()| visit(key);
        let walk = |visit: &mut dyn FnMut(Key, ()) -> ControlFlow<()>| {
            self.store.keys(scan, &mut |key| visit(key, ()))
        };
        self.merge(scan, |_| (), visit, walk)
    }
}
