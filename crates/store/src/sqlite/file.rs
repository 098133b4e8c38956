//! The file itself: its lock, its marks, its table. Described in `docs/storage-format.md`.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// `REGT`, which tells SQLite files of ours from others.
const APPLICATION_ID: i64 = 0x5245_4754;
/// The layout of the file. Records carry their own format.
const USER_VERSION: i64 = 1;
/// How many pages the log may have before it is folded into the file, in pages of 4 KiB.
const CHECKPOINT_PAGES: i64 = 4000;

/// Takes the file's lock, which says that no other process has it open.
pub fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(name);
    let file = file.map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Opens the file for the committer, and lays it out if it is new.
pub fn open_for_writing(path: &Path) -> Result<Connection, OpenError> {
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let foreign = |_| OpenError::NotOurs(path.to_owned());
    let application = pragma("application_id").map_err(foreign)?;
    let version = pragma("user_version").map_err(foreign)?;
    let pages = pragma("page_count").map_err(foreign)?;
    match (application, version) {
        (APPLICATION_ID, USER_VERSION) => {}
        (APPLICATION_ID, found) if found > USER_VERSION => {
            return Err(OpenError::Newer { path: path.to_owned(), found });
        }
        (0, 0) if pages == 0 => lay_out(&connection).map_err(sqlite)?,
        _ => return Err(OpenError::NotOurs(path.to_owned())),
    }
    configure(&connection).map_err(sqlite)?;
    Ok(connection)
}

fn lay_out(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         CREATE TABLE records (
           id INTEGER PRIMARY KEY,
           key BLOB NOT NULL UNIQUE,
           seq INTEGER NOT NULL,
           value BLOB NOT NULL
         );
         CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL);
         INSERT INTO state VALUES (1, 0);
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {USER_VERSION};
         COMMIT;"
    ))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // PROMISE R1: the log is synced before a commit returns.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(())
}

/// The number of the last commit.
pub fn last_commit(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT seq FROM state", [], |row| row.get(0))
}
