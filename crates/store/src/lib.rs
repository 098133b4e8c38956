//! One Region's store: an ordered map of records with optimistic transactions.
//!
//! [`Store`] is the whole port. [`memory`] loses unsynced writes on command, for the simulator;
//! [`sqlite`] is the embedded default. [`group`] makes one commit of several transactions.
//! [`encode`] and [`codec`] are the only code that knows what keys and records look like as bytes
//! (`docs/storage-format.md`). Nothing here decides anything
//! about secrets or keys. Keeps promise R1: a commit is answered after it was synced.

pub mod codec;
pub mod encode;
pub mod group;
pub mod memory;
pub mod sqlite;

use std::collections::BTreeMap;
use std::sync::mpsc;

use regent_core::ports::{Read, StoreFault};
use regent_core::records::Key;
use regent_core::tx::Batch;

pub use group::Group;
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// One Region's store.
///
/// Reading from the store itself gives the newest committed state of each record on its own, never
/// an older one than was read before. A [`regent_core::tx::Tx`] over it records what was read:
/// [`Store::unchanged`] then tells whether a query saw one state of all of them.
pub trait Store: Read + Send + Sync {
    /// Stands for the state of the store: if two answers are equal, nothing that was read in
    /// between has changed in between. At rest it is the number of the last commit. While a commit
    /// is becoming visible, no two answers are equal, and [`Store::unchanged`] has to tell.
    fn seq(&self) -> u64;

    /// Whether every record is still as it was read: the commit that wrote it, 0 for absent. Then
    /// all of them were so at one and the same moment, between the last read and this call.
    fn unchanged(&self, reads: &BTreeMap<Key, u64>) -> Result<bool, StoreFault>;

    /// Writes all of the batch or nothing, and calls `done` with the number of the commit once it
    /// is durable (promise R1), or with the reason why not. A batch without writes is only
    /// checked. Commits are answered in their order, one at a time. `done` runs on the committer's
    /// thread and must neither block nor panic nor commit; it is dropped uncalled if the store is
    /// dropped first.
    fn commit_with(&self, batch: Batch, done: Done);

    /// Removes everything but the Region's identity, as one commit.
    fn wipe_with(&self, done: Done);

    /// [`Store::commit_with`], blocking the thread.
    fn commit(&self, batch: Batch) -> Result<u64, CommitError> {
        wait(|done| self.commit_with(batch, done))
    }

    /// [`Store::wipe_with`], blocking the thread.
    fn wipe(&self) -> Result<u64, CommitError> {
        wait(|done| self.wipe_with(done))
    }
}

/// Who is told what became of a commit.
pub type Done = Box<dyn FnOnce(Result<u64, CommitError>) + Send>;

/// Why a batch was not committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A record of the read set has changed. Nothing was written; the command runs again.
    #[error("a record that was read has changed")]
    Conflict,
    /// The store failed. Whether the batch will be there after a restart is not known.
    #[error("the store could not commit")]
    Fault,
}

fn wait(start: impl FnOnce(Done)) -> Result<u64, CommitError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    start(Box::new(move |result| {
        // The receiver waits below, unless this thread is gone.
        let _ = sender.send(result);
    }));
    receiver.recv().unwrap_or(Err(CommitError::Fault))
}
