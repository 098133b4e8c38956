//! Reading rows, on connections that cannot write.
//!
//! A reader takes a connection out of the pool, so that no lock is held while SQLite works, and
//! puts it back. Connections are opened when they are needed and kept up to a bound.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use core::ops::ControlFlow;
use regent_core::ports::StoreFault;
use regent_core::records::Order;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::encode::Range;

/// LIMIT: idle connections that are kept.
const IDLE_MAX: usize = 4;

pub struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// What a scan does with each row.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreFault> + 'a;

impl Readers {
    pub fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::default() }
    }

    /// The commit and the value of a row.
    pub fn row(&self, key: &[u8]) -> Result<Option<(u64, Vec<u8>)>, StoreFault> {
        self.with(|connection| {
            let mut select =
                connection.prepare_cached("SELECT seq, value FROM records WHERE key = ?1")?;
            select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    /// The commit of a row; 0 if there is none.
    pub fn seq(&self, key: &[u8]) -> Result<u64, StoreFault> {
        self.with(|connection| seq_of(connection, key))
    }

    /// Visits the rows of a range in its order.
    pub fn scan(&self, range: &Range, visit: &mut Visit<'_>) -> Result<(), StoreFault> {
        if range.start >= range.end {
            return Ok(());
        }
        let select = match range.order {
            Order::Ascending => {
                "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key"
            }
            Order::Descending => {
                "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key DESC"
            }
        };
        self.with(|connection| {
            let mut select = connection.prepare_cached(select)?;
            let mut rows = select.query(params![range.start, range.end])?;
            while let Some(row) = rows.next()? {
                let (key, value) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
                match visit(key, value) {
                    Ok(ControlFlow::Continue(())) => {}
                    Ok(ControlFlow::Break(())) => break,
                    Err(fault) => return Ok(Err(fault)),
                }
            }
            Ok(Ok(()))
        })?
    }

    fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreFault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => Ok(connection),
            None => self.open(),
        };
        let result = connection.and_then(|connection| {
            let result = read(&connection)?;
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
            Ok(result)
        });
        result.map_err(|error| {
            tracing::error!(%error, "a read failed");
            StoreFault
        })
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(core::time::Duration::from_secs(5))?;
        Ok(connection)
    }
}

/// The commit of a row, on any connection; 0 if there is none.
pub fn seq_of(connection: &Connection, key: &[u8]) -> rusqlite::Result<u64> {
    let mut select = connection.prepare_cached("SELECT seq FROM records WHERE key = ?1")?;
    Ok(select.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
}
