//! The one thread that writes: it commits what waits together, with one sync for all of it.
//!
//! It sleeps until a request comes, takes whatever else has come by then, checks each batch's read
//! set against what is committed and what is before it in the group, writes the batches that pass
//! in one SQLite transaction, and answers after the sync (promise R1). If anything fails, the
//! whole group fails and nothing of it is cached.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use regent_core::ports::Stored;
use regent_core::records::{Key, Prefix, Record, Scan};
use regent_core::tx::Batch;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::{Shared, readers};
use crate::codec::{self, Misplaced};
use crate::{CommitError, Done, encode};

/// Most requests in one group.
const GROUP_MAX: usize = 256;

/// A group takes no further request beyond this many bytes of values.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// The log is copied into the file when about this much has been written to it.
const LOG_BYTES_MAX: usize = 16 << 20;

/// A row costs the log at least the page that it is on.
const PAGE_BYTES: usize = 4096;

const UPSERT: &str = "INSERT INTO records (key, seq, value) VALUES (?1, ?2, ?3) \
    ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, value = excluded.value";
const DELETE: &str = "DELETE FROM records WHERE key = ?1";
const DELETE_OTHERS: &str = "DELETE FROM records WHERE key < ?1 OR key >= ?2";
const SET_SEQ: &str = "UPDATE state SET seq = ?1";

pub(super) enum Request {
    Commit(Prepared, Done),
    Wipe(Done),
}

impl Request {
    pub(super) fn answer(self, result: Result<u64, CommitError>) {
        match self {
            Self::Commit(_, done) | Self::Wipe(done) => done(result),
        }
    }
}

/// A batch, encoded by the thread that asks for it.
pub(super) struct Prepared {
    reads: Vec<(Key, u64)>,
    writes: Vec<Write>,
}

struct Write {
    key: Key,
    key_bytes: Vec<u8>,
    /// `None` removes.
    value: Option<(Record, Vec<u8>)>,
}

impl Write {
    fn len(&self) -> usize {
        self.value.as_ref().map_or(0, |(_, bytes)| bytes.len())
    }
}

impl Prepared {
    pub(super) fn new(batch: Batch) -> Result<Self, Misplaced> {
        let writes = batch.writes.into_iter().map(|(key, record)| {
            let value = match record {
                Some(record) => {
                    let bytes = codec::encode(&key, &record)?;
                    Some((record, bytes))
                }
                None => None,
            };
            Ok(Write { key_bytes: encode::key(&key), key, value })
        });
        let writes = writes.collect::<Result<_, _>>()?;
        Ok(Self { reads: batch.reads.into_iter().collect(), writes })
    }

    fn len(&self) -> usize {
        self.writes.iter().map(Write::len).sum()
    }
}

pub(super) struct Committer {
    connection: Connection,
    shared: Arc<Shared>,
    seq: u64,
    /// Written to the log since it was last copied into the file, about.
    log_bytes: usize,
}

type Outcome = Result<u64, CommitError>;

/// What a group has written so far: the commit of each key, 0 where it was removed.
type Overlay = HashMap<Key, u64>;

impl Committer {
    pub(super) fn new(connection: Connection, shared: Arc<Shared>, seq: u64) -> Self {
        Self { connection, shared, seq, log_bytes: 0 }
    }

    /// Serves until nobody can ask any more, then empties the log.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        let mut waiting = None;
        while let Some(first) = waiting.take().or_else(|| requests.recv().ok()) {
            match first {
                Request::Wipe(done) => {
                    let outcome = self.wipe().map_err(|error| fault(&error));
                    done(outcome);
                }
                Request::Commit(prepared, done) => {
                    let mut group = vec![(prepared, done)];
                    waiting = gather(requests, &mut group);
                    self.commit(group);
                }
            }
            if self.log_bytes > LOG_BYTES_MAX {
                self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
            }
        }
        self.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
    }

    fn commit(&mut self, group: Vec<(Prepared, Done)>) {
        let (batches, dones): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.write(batches) {
            Ok(outcomes) => {
                for (done, outcome) in dones.into_iter().zip(outcomes) {
                    done(outcome);
                }
            }
            Err(error) => {
                let fault = fault(&error);
                for done in dones {
                    done(Err(fault));
                }
            }
        }
    }

    /// Commits the batches that pass, in one transaction.
    fn write(&mut self, batches: Vec<Prepared>) -> rusqlite::Result<Vec<Outcome>> {
        let shared = Arc::clone(&self.shared);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut seq = self.seq;
        let mut overlay = Overlay::new();
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut passed = Vec::new();
        for batch in batches {
            if !is_unchanged(&batch, &overlay, &shared, &transaction)? {
                outcomes.push(Err(CommitError::Conflict));
                continue;
            }
            if !batch.writes.is_empty() {
                seq += 1;
                apply(&batch.writes, seq, &mut overlay, &transaction)?;
                passed.push((seq, batch.writes));
            }
            outcomes.push(Ok(seq));
        }
        if passed.is_empty() {
            return Ok(outcomes);
        }
        transaction.prepare_cached(SET_SEQ)?.execute([seq])?;
        let committing = shared.cache.begin_commit(overlay.keys());
        shared.last.begin();
        if let Err(error) = transaction.commit() {
            shared.last.end(self.seq);
            shared.cache.end_commit(committing, core::iter::empty());
            return Err(error);
        }
        self.seq = seq;
        let rows = passed.iter().flat_map(|(_, writes)| writes);
        self.log_bytes += rows.map(|write| write.len() + PAGE_BYTES).sum::<usize>();
        shared.cache.end_commit(committing, written(passed, &overlay));
        shared.last.end(seq);
        Ok(outcomes)
    }

    fn wipe(&mut self) -> rusqlite::Result<u64> {
        let shared = Arc::clone(&self.shared);
        let seq = self.seq + 1;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The store stays that of its Region.
        let kept = encode::range(&Scan::all(Prefix::Identities));
        let removed = transaction.execute(DELETE_OTHERS, params![kept.start, kept.end])?;
        transaction.execute(SET_SEQ, [seq])?;
        let wiping = shared.cache.begin_wipe();
        shared.last.begin();
        let committed = transaction.commit();
        self.seq = if committed.is_ok() { seq } else { self.seq };
        shared.cache.end_commit(wiping, core::iter::empty());
        shared.last.end(self.seq);
        committed?;
        self.log_bytes += removed.saturating_mul(PAGE_BYTES);
        Ok(seq)
    }

    fn checkpoint(&mut self, pragma: &str) {
        self.log_bytes = 0;
        if let Err(error) = self.connection.query_row(pragma, [], |_| Ok(())) {
            // Nothing is lost: the log stays, and the next checkpoint copies it.
            tracing::warn!(%error, "the log of a store could not be copied into its file");
        }
    }
}

/// Takes what waits, up to the first wipe, which it returns.
fn gather(requests: &Receiver<Request>, group: &mut Vec<(Prepared, Done)>) -> Option<Request> {
    let mut bytes: usize = group.iter().map(|(prepared, _)| prepared.len()).sum();
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        match requests.try_recv() {
            Ok(Request::Commit(prepared, done)) => {
                bytes += prepared.len();
                group.push((prepared, done));
            }
            Ok(wipe @ Request::Wipe(_)) => return Some(wipe),
            Err(_) => break,
        }
    }
    None
}

fn is_unchanged(
    batch: &Prepared,
    overlay: &Overlay,
    shared: &Shared,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<bool> {
    for (key, seen) in &batch.reads {
        let current = match overlay.get(key).copied().or_else(|| shared.cache.seq(key)) {
            Some(current) => current,
            None => readers::seq(transaction, &encode::key(key))?,
        };
        if current != *seen {
            return Ok(false);
        }
    }
    Ok(true)
}

fn apply(
    writes: &[Write],
    seq: u64,
    overlay: &mut Overlay,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<()> {
    for Write { key, key_bytes, value } in writes {
        if let Some((_, value)) = value {
            let mut upsert = transaction.prepare_cached(UPSERT)?;
            upsert.execute(params![key_bytes, seq, value])?;
            overlay.insert(key.clone(), seq);
        } else {
            transaction.prepare_cached(DELETE)?.execute([key_bytes])?;
            overlay.insert(key.clone(), 0);
        }
    }
    Ok(())
}

/// The records that a group leaves behind: of each key its last one.
fn written(
    passed: Vec<(u64, Vec<Write>)>,
    overlay: &Overlay,
) -> impl Iterator<Item = (Key, Stored)> {
    let writes = passed
        .into_iter()
        .flat_map(|(seq, writes)| writes.into_iter().map(move |write| (seq, write)));
    writes.filter_map(|(seq, write)| {
        let Write { key, value, .. } = write;
        let (record, _) = value?;
        let is_last = overlay.get(&key) == Some(&seq);
        is_last.then_some((key, Stored { record, seq }))
    })
}

fn fault(error: &rusqlite::Error) -> CommitError {
    tracing::error!(%error, "the store could not commit");
    CommitError::Fault
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use regent_core::ids::Region;
    use regent_core::ports::{Read, TransportKey};

    use super::*;
    use crate::sqlite::{LastCommit, Options, SqliteStore, cache::Cache, file, readers::Readers};

    fn region() -> Region {
        "us-east-1".parse().unwrap()
    }

    fn write(value: usize) -> Prepared {
        let key = Key::Peer { region: region(), peer: region() };
        let record = Record::Peer(TransportKey(vec![7; value].into()));
        let writes = [(key, Some(record))].into();
        Prepared::new(Batch { writes, ..Batch::default() }).unwrap()
    }

    /// A full disk: everybody in the group is told, nothing of it is seen, and the next one works.
    #[test]
    fn a_group_fails_as_a_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let file::Opened { connection, lock, seq } = file::open(&path).unwrap();
        let shared = Arc::new(Shared {
            cache: Cache::new(1 << 20),
            readers: Readers::new(path.clone()),
            last: LastCommit::new(seq),
        });
        connection.pragma_update(None, "max_page_count", 40).unwrap();
        let mut committer = Committer::new(connection, Arc::clone(&shared), seq);
        let (sender, answers) = mpsc::channel::<Outcome>();
        let mut commit = |sizes: &[usize]| {
            let group = sizes.iter().map(|size| {
                let sender = sender.clone();
                (write(*size), Box::new(move |result| sender.send(result).unwrap()) as Done)
            });
            committer.commit(group.collect());
            answers.try_iter().collect::<Vec<Outcome>>()
        };
        assert_eq!(commit(&[1]), [Ok(1)]);
        assert_eq!(commit(&[2, 1 << 20]), [Err(CommitError::Fault), Err(CommitError::Fault)]);
        assert_eq!(shared.last.seq(), 1);
        assert_eq!(commit(&[3, 4]), [Ok(2), Ok(3)]);
        drop((committer, lock));
        let store = SqliteStore::open(&path, Options::default()).unwrap();
        let key = Key::Peer { region: region(), peer: region() };
        let Some(Stored { record: Record::Peer(value), seq: 3 }) = store.get(&key).unwrap() else {
            panic!("the last write is not there");
        };
        assert_eq!(value.0.len(), 4);
    }

    /// Two answers during a commit are never equal: nobody takes a torn read for a whole one.
    #[test]
    fn no_two_answers_are_equal_while_a_commit_is_under_way() {
        let last = LastCommit::new(5);
        assert_eq!((last.seq(), last.seq()), (5, 5));
        last.begin();
        assert_ne!(last.seq(), last.seq());
        last.end(6);
        assert_eq!((last.seq(), last.seq()), (6, 6));
    }
}
