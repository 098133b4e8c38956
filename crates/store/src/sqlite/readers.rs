//! Reading connections, and the four questions that they answer.
//!
//! A connection is taken for one question and given back; there are as many as threads that ask at
//! once. Each question sees one committed state of the file. SQLite's errors are logged here and
//! become faults.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use regent_core::ports::StoreFault;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

/// Connections that are kept while nobody needs them.
const IDLE_MAX: usize = 16;

const SELECT_ROW: &str = "SELECT seq, value FROM records WHERE key = ?1";
const SELECT_SEQ: &str = "SELECT seq FROM records WHERE key = ?1";
const SELECT_ASCENDING: &str =
    "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key";
const SELECT_DESCENDING: &str =
    "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key DESC";
// The index of the keys answers these without a look at the rows.
const SELECT_KEYS_ASCENDING: &str =
    "SELECT key FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key";
const SELECT_KEYS_DESCENDING: &str =
    "SELECT key FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key DESC";

/// Whether a walk goes on.
type Goes = Result<ControlFlow<()>, StoreFault>;
/// What a scan does with the key and the value of each row.
pub(super) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Goes + 'a;
/// What a scan of keys does with each.
pub(super) type VisitKey<'a> = dyn FnMut(&[u8]) -> Goes + 'a;
type VisitRow<'a> = dyn FnMut(&Row<'_>) -> rusqlite::Result<Goes> + 'a;

pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the connections that are not in use.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reads the row of a key: its commit and its value, as `read` takes them.
    pub(super) fn row<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(u64, &[u8]) -> Result<T, StoreFault>,
    ) -> Result<Option<T>, StoreFault> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(SELECT_ROW)?;
            let mut rows = statement.query([key])?;
            let Some(row) = rows.next()? else { return Ok(Ok(None)) };
            let value = row.get_ref(1)?.as_blob()?;
            Ok(read(row.get(0)?, value).map(Some))
        })
    }

    /// The commit that wrote the row of a key, 0 if there is none.
    pub(super) fn seq(&self, key: &[u8]) -> Result<u64, StoreFault> {
        self.with(|connection| seq(connection, key).map(Ok))
    }

    /// Visits the rows of a range: their keys and values.
    pub(super) fn rows(
        &self,
        start: &[u8],
        end: &[u8],
        descending: bool,
        visit: &mut Visit<'_>,
    ) -> Result<(), StoreFault> {
        let select = if descending { SELECT_DESCENDING } else { SELECT_ASCENDING };
        self.walk(select, start, end, &mut |row| {
            Ok(visit(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?))
        })
    }

    /// Visits the keys of a range.
    pub(super) fn keys(
        &self,
        start: &[u8],
        end: &[u8],
        descending: bool,
        visit: &mut VisitKey<'_>,
    ) -> Result<(), StoreFault> {
        let select = if descending { SELECT_KEYS_DESCENDING } else { SELECT_KEYS_ASCENDING };
        self.walk(select, start, end, &mut |row| Ok(visit(row.get_ref(0)?.as_blob()?)))
    }

    fn walk(
        &self,
        select: &str,
        start: &[u8],
        end: &[u8],
        visit: &mut VisitRow<'_>,
    ) -> Result<(), StoreFault> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(select)?;
            let mut rows = statement.query([start, end])?;
            while let Some(row) = rows.next()? {
                match visit(row)? {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => break,
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            Ok(Ok(()))
        })
    }

    fn with<T>(
        &self,
        ask: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, StoreFault>>,
    ) -> Result<T, StoreFault> {
        let answered = self.take().and_then(|connection| {
            let answer = ask(&connection)?;
            self.give_back(connection);
            Ok(answer)
        });
        answered.unwrap_or_else(|error| {
            tracing::error!(%error, path = %self.path.display(), "the store cannot be read");
            Err(StoreFault)
        })
    }

    fn take(&self) -> rusqlite::Result<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Connection::open_with_flags(
                &self.path,
                OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            ),
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }
}

/// The commit that wrote the row of a key, 0 if there is none.
pub(super) fn seq(connection: &Connection, key: &[u8]) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(SELECT_SEQ)?;
    let seq = statement.query_row([key], |row| row.get(0)).optional()?;
    Ok(seq.unwrap_or(0))
}
