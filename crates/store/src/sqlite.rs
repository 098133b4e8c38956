//! The embedded store: one SQLite file per Region.
//!
//! One thread owns the only writing connection and commits waiting batches together, with one sync
//! for all of them ([`committer`]). Readers take a connection from a small pool, and only for what
//! the cache of decoded records does not hold ([`cache`]). The file, its table and its pragmas are
//! in [`file`] and in `docs/storage-format.md`. Keeps promise R1.

mod cache;
mod committer;
mod file;
mod readers;

use core::fmt;
use core::ops::ControlFlow;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use regent_core::ports::{Read, StoreFault, Stored};
use regent_core::records::{Key, Order, Record, Scan};
use regent_core::tx::Batch;

use self::cache::Cache;
use self::committer::{Committer, Prepared, Request};
use self::readers::Readers;
use crate::{CommitError, Done, Store, codec, encode};

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// LIMIT: memory for decoded records, in bytes, by estimate.
    pub cache_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 256 << 20 }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open, or this one has.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// Something else is where the file should be.
    #[error("{} is not a Regent store", .0.display())]
    NotOurs(PathBuf),
    /// A newer version of Regent wrote the file.
    #[error("{path} has format {found}, which is newer than this version of Regent reads", path = .path.display())]
    Newer { path: PathBuf, found: i64 },
    /// The file cannot be created, read or written.
    #[error("{path}: {source}", path = .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}: {source}", path = .path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// One Region's store in one file. Dropping it finishes what waits and closes the file.
pub struct SqliteStore {
    shared: Arc<Shared>,
    /// `None` while dropping.
    requests: Option<Sender<Request>>,
    committer: Option<JoinHandle<()>>,
    /// Held for as long as the file is open.
    _lock: File,
}

/// What the committer shares with the readers.
struct Shared {
    cache: Cache,
    readers: Readers,
    last: LastCommit,
}

/// The last commit, and whether another is under way.
struct LastCommit {
    seq: AtomicU64,
    /// How often a commit has begun or ended: odd while one is under way.
    turns: AtomicU64,
    /// How often somebody has asked in the meantime.
    asked: AtomicU64,
}

impl LastCommit {
    fn new(seq: u64) -> Self {
        Self { seq: AtomicU64::new(seq), turns: AtomicU64::default(), asked: AtomicU64::default() }
    }

    /// To be called before a commit becomes visible.
    fn begin(&self) {
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// To be called after the commit is visible everywhere, or has failed.
    fn end(&self, seq: u64) {
        self.seq.store(seq, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
    }

    /// What [`Store::seq`] answers.
    fn seq(&self) -> u64 {
        if self.turns.load(Ordering::SeqCst) % 2 == 1 {
            return UNDER_WAY | self.asked.fetch_add(1, Ordering::Relaxed);
        }
        self.seq.load(Ordering::SeqCst)
    }
}

/// The highest bit, which the number of no commit has.
const UNDER_WAY: u64 = 1 << 63;

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.shared.readers.path())
            .field("seq", &self.seq())
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store in this file, and creates the file if it is not there. Takes about the same
    /// time however much is in it.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let opened = file::open(path)?;
        let shared = Arc::new(Shared {
            cache: Cache::new(options.cache_bytes),
            readers: Readers::new(path.to_owned()),
            last: LastCommit::new(opened.seq),
        });
        let (requests, waiting) = mpsc::channel();
        let committer = Committer::new(opened.connection, Arc::clone(&shared), opened.seq);
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || committer.run(&waiting))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        Ok(Self { shared, requests: Some(requests), committer: Some(thread), _lock: opened.lock })
    }

    fn request(&self, request: Request) {
        let sent = match &self.requests {
            Some(requests) => requests.send(request).map_err(|unsent| unsent.0),
            None => Err(request),
        };
        if let Err(request) = sent {
            // The committer thread is gone, which it only is after a panic.
            request.answer(Err(CommitError::Fault));
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.requests = None;
        // The writing connection is to be the last one, so that it removes the log.
        self.shared.readers.close();
        if let Some(Err(_)) = self.committer.take().map(JoinHandle::join) {
            tracing::error!("the committer of a store has panicked");
        }
    }
}

impl Read for SqliteStore {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        let cache = &self.shared.cache;
        if let Some(stored) = cache.get(key) {
            return Ok(Some(stored));
        }
        let permit = cache.permit(key);
        let found = self.shared.readers.row(&encode::key(key), |seq, value| {
            let record = codec::read_record(key, value)?;
            Ok(Stored { record, seq })
        })?;
        let Some(stored) = found else { return Ok(None) };
        if let Some(permit) = permit {
            cache.fill(&permit, key, &stored);
        }
        Ok(Some(stored))
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        let range = encode::range(scan);
        let descending = range.order == Order::Descending;
        self.shared.readers.rows(&range.start, &range.end, descending, &mut |key, value| {
            let key = codec::read_key(key)?;
            let record = codec::read_record(&key, value)?;
            Ok(visit(key, record))
        })
    }

    fn keys(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        let range = encode::range(scan);
        let descending = range.order == Order::Descending;
        self.shared
            .readers
            .keys(&range.start, &range.end, descending, &mut |key| Ok(visit(codec::read_key(key)?)))
    }
}

impl Store for SqliteStore {
    fn seq(&self) -> u64 {
        self.shared.last.seq()
    }

    fn unchanged(&self, reads: &BTreeMap<Key, u64>) -> Result<bool, StoreFault> {
        for (key, seq) in reads {
            let current = match self.shared.cache.seq(key) {
                Some(current) => current,
                None => self.shared.readers.seq(&encode::key(key))?,
            };
            if current != *seq {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn commit_with(&self, batch: Batch, done: Done) {
        match Prepared::new(batch) {
            Ok(prepared) => self.request(Request::Commit(prepared, done)),
            Err(misplaced) => {
                tracing::error!(%misplaced, "a batch cannot be stored");
                done(Err(CommitError::Fault));
            }
        }
    }

    fn wipe_with(&self, done: Done) {
        self.request(Request::Wipe(done));
    }
}
