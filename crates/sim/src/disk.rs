//! One Region's disk: batches wait for a sync, and a crash may come before, after, or in between.
//!
//! It behaves as the real stores do: a batch is checked, written and synced as part of a group, and
//! readers see it only then. Whoever waits is told after the sync. A crash in the middle of a sync
//! may leave the first batches of the group behind without anybody having been told (promise R1).

use std::rc::Rc;

use regent_core::ports::Read;
use regent_core::records::{Key, Record};
use regent_core::tx::Batch;
use regent_store::{CommitError, MemoryStore, Store};

use crate::job::{Job, Product};

/// A record before and after a commit.
#[derive(Debug)]
pub struct Change {
    pub key: Key,
    pub before: Option<Record>,
    pub after: Option<Record>,
}

/// A batch that waits for the disk.
#[derive(Debug)]
struct Waiting {
    job: Job,
    product: Product,
    batch: Batch,
}

/// What became of a job at a sync.
#[derive(Debug)]
pub enum Synced {
    Committed { job: Job, product: Product, changes: Vec<Change> },
    Conflict(Job),
}

/// A store, and what waits for it.
#[derive(Debug)]
pub struct Disk {
    pub store: Rc<MemoryStore>,
    waiting: Vec<Waiting>,
}

impl Default for Disk {
    fn default() -> Self {
        Self { store: Rc::new(MemoryStore::unsynced()), waiting: Vec::new() }
    }
}

impl Disk {
    pub fn submit(&mut self, job: Job, product: Product, batch: Batch) {
        self.waiting.push(Waiting { job, product, batch });
    }

    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.waiting.iter().map(|waiting| &waiting.job)
    }

    /// Writes and syncs everything that waits.
    pub fn sync(&mut self) -> Vec<Synced> {
        let results = self.write();
        self.store.sync();
        results
    }

    /// Power loss: `kept` of the batches that wait may turn out to have been written. Those are
    /// returned; nobody else will ever hear of them.
    pub fn crash(&mut self, keep: impl FnOnce(usize) -> usize) -> Vec<Synced> {
        let mut results = self.write();
        results.retain(|result| matches!(result, Synced::Committed { .. }));
        let kept = keep(results.len());
        self.store.crash_keeping(kept);
        results.truncate(kept);
        results
    }

    fn write(&mut self) -> Vec<Synced> {
        let store = Rc::clone(&self.store);
        let write = |Waiting { job, product, batch }: Waiting| {
            let changes = batch
                .writes
                .iter()
                .map(|(key, record)| Change {
                    key: key.clone(),
                    before: store.get(key).unwrap().map(|stored| stored.record),
                    after: record.clone(),
                })
                .collect();
            match store.commit(batch) {
                Ok(_) => Synced::Committed { job, product, changes },
                Err(CommitError::Conflict) => Synced::Conflict(job),
                Err(CommitError::Fault) => panic!("a batch cannot be stored: {job:?}"),
            }
        };
        core::mem::take(&mut self.waiting).into_iter().map(write).collect()
    }
}
