//! The embedded store: one SQLite file per Region, WAL, `synchronous=FULL`.
//!
//! One committer thread owns the write connection and puts waiting batches into one transaction
//! and one sync (promise R1). Readers use a small pool of read-only connections, in front of which
//! stands a bounded cache of decoded records that never shows an older record than was committed.

mod cache;
mod committer;
mod file;
mod readers;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use core::ops::ControlFlow;
use regent_core::ports::{Read, StoreFault, Stored};
use regent_core::records::{Key, Record, Scan};
use regent_core::tx::Batch;

use crate::{CommitError, Done, Store, codec, encode};
use cache::Cache;
use committer::{Committer, Job, Write};
use readers::Readers;

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// LIMIT: memory for decoded records, in bytes, by estimate.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024 }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    #[error("{} is not a Regent store", .0.display())]
    NotOurs(PathBuf),
    #[error("{path} has format {found}, which is newer than this version of Regent reads", path = .path.display())]
    Newer { path: PathBuf, found: i64 },
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}", path = .path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// An open store. Dropping it finishes the commits that wait and closes the file.
pub struct SqliteStore {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
    thread: Option<JoinHandle<()>>,
    /// Held for as long as the store is open.
    _lock: File,
}

/// What readers and the committer share.
struct Shared {
    cache: Cache,
    readers: Readers,
    seq: AtomicU64,
}

impl core::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SqliteStore").field("seq", &self.seq()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in this file, and creates it if it is not there.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = file::lock(path)?;
        let connection = file::open_for_writing(path)?;
        let seq = file::last_commit(&connection)
            .map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })?;
        let shared = Arc::new(Shared {
            cache: Cache::new(options.cache_bytes),
            readers: Readers::new(path.to_owned()),
            seq: AtomicU64::new(seq),
        });
        let (jobs, queue) = mpsc::channel();
        let committer = Committer::new(connection, Arc::clone(&shared), seq);
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || committer.run(&queue))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Self { shared, jobs, thread: Some(thread), _lock: lock })
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the committer had panicked");
        }
    }
}

impl Shared {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        if let Some(stored) = self.cache.get(key) {
            return Ok(Some(stored));
        }
        let ticket = self.cache.ticket(key);
        let Some((seq, bytes)) = self.readers.row(&encode::key(key))? else { return Ok(None) };
        let stored = Stored { record: codec::read_record(key, &bytes)?, seq };
        self.cache.offer(&ticket, key, &stored);
        Ok(Some(stored))
    }

    /// The commit that last wrote a record; 0 if there is none.
    fn seq_of(&self, key: &Key) -> Result<u64, StoreFault> {
        match self.cache.get(key) {
            Some(stored) => Ok(stored.seq),
            None => self.readers.seq(&encode::key(key)),
        }
    }
}

impl Read for SqliteStore {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        self.shared.get(key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.shared.readers.scan(&encode::range(scan), &mut |key, value| {
            let key = codec::read_key(key)?;
            let record = codec::read_record(&key, value)?;
            Ok(visit(key, record))
        })
    }
}

impl Store for SqliteStore {
    fn seq(&self) -> u64 {
        self.shared.seq.load(Ordering::Acquire)
    }

    fn unchanged(&self, reads: &BTreeMap<Key, u64>) -> Result<bool, StoreFault> {
        for (key, seq) in reads {
            if self.shared.seq_of(key)? != *seq {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn commit_with(&self, batch: Batch, done: Done) {
        let writes: Result<Vec<Write>, _> =
            batch.writes.into_iter().map(|(key, record)| Write::new(key, record)).collect();
        let reads = batch.reads.into_iter().collect();
        match writes {
            Ok(writes) => self.submit(Job::Commit { reads, writes, done }),
            Err(misplaced) => {
                tracing::error!(%misplaced, "a batch cannot be stored");
                done(Err(CommitError::Fault));
            }
        }
    }

    fn wipe_with(&self, done: Done) {
        self.submit(Job::Wipe { done });
    }
}

impl SqliteStore {
    fn submit(&self, job: Job) {
        if let Err(mpsc::SendError(job)) = self.jobs.send(job) {
            tracing::error!("the committer is gone");
            job.fail();
        }
    }
}
