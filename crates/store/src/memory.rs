//! A store in memory, for the simulator: deterministic, without threads, and able to crash.
//!
//! It keeps encoded keys and records, so that every simulated run exercises the codec. Readers see
//! each commit at once, as on a machine that has not lost power. What [`MemoryStore::sync`] has
//! not made durable is lost in a [`MemoryStore::crash`].

use core::fmt;
use core::ops::{Bound, ControlFlow};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regent_core::ports::{Read, StoreFault, Stored};
use regent_core::records::{Key, Order, Prefix, Record, Scan};
use regent_core::tx::Batch;

use crate::encode::Range;
use crate::{CommitError, Done, Store, codec, encode};

/// How many rows a scan copies at a time, so that its visitor may read the store.
const SCAN_CHUNK: usize = 64;

/// A store that is gone with the process.
pub struct MemoryStore {
    state: Mutex<State>,
    /// Held from a commit until it was answered, so that answers come in the order of commits.
    /// Readers do not wait for it.
    answering: Mutex<()>,
    sync_each: bool,
}

#[derive(Default)]
struct State {
    rows: Rows,
    seq: u64,
    /// Commits since the last sync, oldest first.
    unsynced: Vec<Unsynced>,
}

type Rows = BTreeMap<Vec<u8>, Row>;

#[derive(Clone)]
struct Row {
    seq: u64,
    value: Arc<[u8]>,
}

/// What it takes to undo one commit, and who waits for it to be durable.
struct Unsynced {
    before: Vec<(Vec<u8>, Option<Row>)>,
    done: Option<(Done, u64)>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStore")
            .field("rows", &state.rows.len())
            .field("seq", &state.seq)
            .field("unsynced", &state.unsynced.len())
            .finish_non_exhaustive()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// A store that syncs each commit.
    pub fn new() -> Self {
        Self { state: Mutex::default(), answering: Mutex::default(), sync_each: true }
    }

    /// A store that syncs only when it is told to. [`Store::commit_with`] then answers at the
    /// sync, or never if a crash comes first; a conflict is answered at once. The blocking
    /// [`Store::commit`] returns before the sync.
    pub fn unsynced() -> Self {
        Self { sync_each: false, ..Self::new() }
    }

    /// Makes every commit so far durable, and answers those who wait for it, in order.
    pub fn sync(&self) {
        let _answering = self.answering();
        let synced = core::mem::take(&mut self.state().unsynced);
        for (done, seq) in synced.into_iter().filter_map(|commit| commit.done) {
            done(Ok(seq));
        }
    }

    /// How many commits a crash would lose.
    pub fn unsynced_len(&self) -> usize {
        self.state().unsynced.len()
    }

    /// Power loss and restart: everything unsynced is gone, and nobody hears of it.
    pub fn crash(&self) {
        self.crash_keeping(0);
    }

    /// Power loss after the disk happened to have written the first `kept` of the unsynced
    /// commits. Those are durable from now on, but nobody is told.
    pub fn crash_keeping(&self, kept: usize) {
        let mut state = self.state();
        let kept = kept.min(state.unsynced.len());
        let lost = state.unsynced.split_off(kept);
        state.seq -= lost.len() as u64; // each commit took one number
        for (key, row) in lost.into_iter().rev().flat_map(|commit| commit.before) {
            state.put(key, row);
        }
        state.unsynced.clear();
    }

    fn answering(&self) -> MutexGuard<'_, ()> {
        self.answering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, and returns the result with `done` unless that has to wait for the sync.
    fn commit_now(
        &self,
        batch: Batch,
        done: Option<Done>,
    ) -> (Result<u64, CommitError>, Option<Done>) {
        let writes = match encode_writes(batch.writes) {
            Ok(writes) => writes,
            Err(misplaced) => {
                tracing::error!(%misplaced, "a batch cannot be stored");
                return (Err(CommitError::Fault), done);
            }
        };
        let mut state = self.state();
        if !state.unchanged(&batch.reads) {
            return (Err(CommitError::Conflict), done);
        }
        if writes.is_empty() {
            return (Ok(state.seq), done);
        }
        let (seq, done) = self.apply(&mut state, writes, done);
        (Ok(seq), done)
    }

    fn wipe_now(&self, done: Option<Done>) -> (u64, Option<Done>) {
        let mut state = self.state();
        // The store stays that of its Region.
        let kept = encode::range(&Scan::all(Prefix::Identities));
        let keys = state.rows.keys().filter(|key| **key < kept.start || **key >= kept.end);
        let writes = keys.map(|key| (key.clone(), None)).collect();
        self.apply(&mut state, writes, done)
    }

    fn apply(
        &self,
        state: &mut State,
        writes: Vec<Write>,
        done: Option<Done>,
    ) -> (u64, Option<Done>) {
        let seq = state.seq + 1;
        let mut before = Vec::with_capacity(writes.len());
        for (key, value) in writes {
            let old = state.put(key.clone(), value.map(|value| Row { seq, value }));
            before.push((key, old));
        }
        state.seq = seq;
        if self.sync_each {
            return (seq, done);
        }
        state.unsynced.push(Unsynced { before, done: done.map(|done| (done, seq)) });
        (seq, None)
    }
}

fn encode_writes(writes: BTreeMap<Key, Option<Record>>) -> Result<Vec<Write>, codec::Misplaced> {
    let encoded = writes.into_iter().map(|(key, record)| {
        let value = record.map(|record| codec::encode(&key, &record)).transpose()?;
        Ok((encode::key(&key), value.map(Into::into)))
    });
    encoded.collect()
}

/// An encoded key, and its new value unless it is removed.
type Write = (Vec<u8>, Option<Arc<[u8]>>);

impl State {
    fn put(&mut self, key: Vec<u8>, row: Option<Row>) -> Option<Row> {
        match row {
            Some(row) => self.rows.insert(key, row),
            None => self.rows.remove(&key),
        }
    }

    fn unchanged(&self, reads: &BTreeMap<Key, u64>) -> bool {
        reads
            .iter()
            .all(|(key, seq)| self.rows.get(&encode::key(key)).map_or(0, |row| row.seq) == *seq)
    }

    /// Takes the next rows of a range out of it, up to [`SCAN_CHUNK`].
    fn chunk(&self, range: &mut Range) -> Vec<(Vec<u8>, Arc<[u8]>)> {
        if range.start >= range.end {
            return Vec::new();
        }
        let bounds = (Bound::Included(&range.start), Bound::Excluded(&range.end));
        let rows = self.rows.range::<Vec<u8>, _>(bounds);
        let copy = |(key, row): (&Vec<u8>, &Row)| (key.clone(), Arc::clone(&row.value));
        let chunk: Vec<_> = match range.order {
            Order::Ascending => rows.take(SCAN_CHUNK).map(copy).collect(),
            Order::Descending => rows.rev().take(SCAN_CHUNK).map(copy).collect(),
        };
        if let Some((last, _)) = chunk.last() {
            match range.order {
                Order::Ascending => {
                    range.start.clone_from(last);
                    range.start.push(0);
                }
                Order::Descending => range.end.clone_from(last),
            }
        }
        chunk
    }
}

impl Read for MemoryStore {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        let Some(row) = self.state().rows.get(&encode::key(key)).cloned() else {
            return Ok(None);
        };
        let record = codec::read_record(key, &row.value)?;
        Ok(Some(Stored { record, seq: row.seq }))
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        let mut range = encode::range(scan);
        loop {
            let chunk = self.state().chunk(&mut range);
            if chunk.is_empty() {
                return Ok(());
            }
            for (key, value) in chunk {
                let key = codec::read_key(&key)?;
                let record = codec::read_record(&key, &value)?;
                if visit(key, record).is_break() {
                    return Ok(());
                }
            }
        }
    }
}

impl Store for MemoryStore {
    fn seq(&self) -> u64 {
        self.state().seq
    }

    fn unchanged(&self, reads: &BTreeMap<Key, u64>) -> Result<bool, StoreFault> {
        Ok(self.state().unchanged(reads))
    }

    fn commit_with(&self, batch: Batch, done: Done) {
        let _answering = self.answering();
        if let (result, Some(done)) = self.commit_now(batch, Some(done)) {
            done(result);
        }
    }

    fn wipe_with(&self, done: Done) {
        let _answering = self.answering();
        if let (seq, Some(done)) = self.wipe_now(Some(done)) {
            done(Ok(seq));
        }
    }

    fn commit(&self, batch: Batch) -> Result<u64, CommitError> {
        self.commit_now(batch, None).0
    }

    fn wipe(&self) -> Result<u64, CommitError> {
        Ok(self.wipe_now(None).0)
    }
}
