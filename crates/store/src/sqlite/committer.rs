//! The committer: one thread, one write connection, many batches per sync.
//!
//! It takes everything that waits, checks each batch's read set against the file and against the
//! batches before it, writes those that hold in one transaction, syncs, shows the new records to
//! readers and only then answers (promise R1).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use regent_core::ports::Stored;
use regent_core::records::{Key, Record};
use rusqlite::{Connection, params};

use super::Shared;
use super::cache::Closed;
use super::readers::seq_of;
use crate::{CommitError, Done, codec, encode};

/// LIMIT: batches in one transaction.
const GROUP_MAX: usize = 256;

/// What the committer is asked to do.
pub enum Job {
    Commit { reads: Vec<(Key, u64)>, writes: Vec<Write>, done: Done },
    Wipe { done: Done },
    Stop,
}

impl Job {
    /// Answers a job that nobody will do.
    pub fn fail(self) {
        match self {
            Self::Commit { done, .. } | Self::Wipe { done } => done(Err(CommitError::Fault)),
            Self::Stop => {}
        }
    }
}

/// One record to write, or to remove, encoded by whoever asked for it.
pub struct Write {
    key: Key,
    key_bytes: Vec<u8>,
    value: Option<(Record, Vec<u8>)>,
}

impl Write {
    pub fn new(key: Key, record: Option<Record>) -> Result<Self, codec::Misplaced> {
        let value = match record {
            None => None,
            Some(record) => {
                let bytes = codec::encode(&key, &record)?;
                Some((record, bytes))
            }
        };
        Ok(Self { key_bytes: encode::key(&key), key, value })
    }
}

pub struct Committer {
    connection: Connection,
    shared: Arc<Shared>,
    seq: u64,
}

/// A batch that is written and waits for the sync.
struct Written {
    seq: u64,
    writes: Vec<Write>,
    done: Done,
}

/// What the batches of one group have written so far, by encoded key: the commit, 0 if removed.
type Staged = HashMap<Vec<u8>, u64>;

impl Committer {
    pub fn new(connection: Connection, shared: Arc<Shared>, seq: u64) -> Self {
        Self { connection, shared, seq }
    }

    /// Works until it is told to stop, or until nobody is left to tell it anything.
    pub fn run(mut self, queue: &Receiver<Job>) {
        while let Ok(first) = queue.recv() {
            let mut group = vec![first];
            while group.len() < GROUP_MAX
                && let Ok(job) = queue.try_recv()
            {
                group.push(job);
            }
            if !self.work(group) {
                break;
            }
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the log could not be folded into the file");
        }
    }

    /// Does a group of jobs in order. Whether to go on.
    fn work(&mut self, group: Vec<Job>) -> bool {
        let mut batches = Vec::new();
        let mut go_on = true;
        for job in group {
            match job {
                Job::Commit { reads, writes, done } => batches.push((reads, writes, done)),
                Job::Wipe { done } => {
                    self.commit(core::mem::take(&mut batches));
                    self.wipe(done);
                }
                Job::Stop => go_on = false,
            }
        }
        self.commit(batches);
        go_on
    }

    fn commit(&mut self, batches: Vec<(Vec<(Key, u64)>, Vec<Write>, Done)>) {
        if batches.is_empty() {
            return;
        }
        let keys = batches.iter().flat_map(|(_, writes, _)| writes.iter().map(|write| &write.key));
        let closed = self.shared.cache.close(keys);
        let mut written = Vec::with_capacity(batches.len());
        let mut refused = Vec::new();
        let mut waiting = batches.into_iter();
        let result = self.transaction(|committer, staged| {
            for (reads, writes, done) in waiting.by_ref() {
                match committer.write(staged, &reads, &writes) {
                    Ok(true) => written.push(Written { seq: committer.seq, writes, done }),
                    Ok(false) => refused.push(done),
                    Err(error) => {
                        refused.push(done);
                        return Err(error);
                    }
                }
            }
            Ok(written.iter().any(|written| !written.writes.is_empty()))
        });
        match result {
            Ok(()) => {
                let dones = self.show(written, closed);
                refused.into_iter().for_each(|done| done(Err(CommitError::Conflict)));
                dones.into_iter().for_each(|(done, seq)| done(Ok(seq)));
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed");
                self.shared.cache.open(closed);
                let written = written.into_iter().map(|written| written.done);
                let failed = written.chain(refused).chain(waiting.map(|(_, _, done)| done));
                failed.for_each(|done| done(Err(CommitError::Fault)));
            }
        }
    }

    /// Runs `work` in one transaction, which is committed if `work` says so. On an error nothing
    /// has happened.
    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Staged) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let before = self.seq;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = work(self, &mut Staged::new()).and_then(|commit| {
            if !commit {
                return self.connection.execute_batch("ROLLBACK");
            }
            let mut update = self.connection.prepare_cached("UPDATE state SET seq = ?1")?;
            update.execute([self.seq])?;
            self.connection.execute_batch("COMMIT")
        });
        if result.is_err() {
            self.seq = before;
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        result
    }

    /// Writes one batch if its read set holds.
    fn write(
        &mut self,
        staged: &mut Staged,
        reads: &[(Key, u64)],
        writes: &[Write],
    ) -> rusqlite::Result<bool> {
        for (key, seq) in reads {
            if self.current(staged, key)? != *seq {
                return Ok(false);
            }
        }
        if writes.is_empty() {
            return Ok(true);
        }
        let seq = self.seq + 1;
        for write in writes {
            match &write.value {
                Some((_, bytes)) => {
                    let mut upsert = self.connection.prepare_cached(
                        "INSERT INTO records (key, seq, value) VALUES (?1, ?2, ?3)
                         ON CONFLICT (key) DO UPDATE SET seq = ?2, value = ?3",
                    )?;
                    upsert.execute(params![write.key_bytes, seq, bytes])?;
                }
                None => {
                    let mut delete =
                        self.connection.prepare_cached("DELETE FROM records WHERE key = ?1")?;
                    delete.execute([&write.key_bytes])?;
                }
            }
            let now = if write.value.is_some() { seq } else { 0 };
            staged.insert(write.key_bytes.clone(), now);
        }
        self.seq = seq;
        Ok(true)
    }

    /// The commit that a record was last written by, with what this group has written.
    fn current(&self, staged: &Staged, key: &Key) -> rusqlite::Result<u64> {
        let bytes = encode::key(key);
        if let Some(seq) = staged.get(&bytes) {
            return Ok(*seq);
        }
        match self.shared.cache.get(key) {
            Some(stored) => Ok(stored.seq),
            None => seq_of(&self.connection, &bytes),
        }
    }

    /// Shows what was committed to readers, and returns who is to be told.
    fn show(&self, written: Vec<Written>, closed: Closed) -> Vec<(Done, u64)> {
        let mut dones = Vec::with_capacity(written.len());
        for Written { seq, writes, done } in written {
            for write in writes {
                let stored = write.value.map(|(record, _)| Stored { record, seq });
                self.shared.cache.show(write.key, stored);
            }
            dones.push((done, seq));
        }
        self.shared.seq.store(self.seq, Ordering::Release);
        self.shared.cache.open(closed);
        dones
    }

    /// Removes everything but identities.
    fn wipe(&mut self, done: Done) {
        let closed = self.shared.cache.close_all();
        let result = self.transaction(|committer, _| {
            let kept = encode::identities();
            committer.connection.execute(
                "DELETE FROM records WHERE key < ?1 OR key >= ?2",
                params![kept.start, kept.end],
            )?;
            committer.seq += 1;
            Ok(true)
        });
        if result.is_ok() {
            self.shared.cache.clear();
            self.shared.seq.store(self.seq, Ordering::Release);
        }
        self.shared.cache.open(closed);
        done(match result {
            Ok(()) => Ok(self.seq),
            Err(error) => {
                tracing::error!(%error, "the store could not be emptied");
                Err(CommitError::Fault)
            }
        });
    }
}
