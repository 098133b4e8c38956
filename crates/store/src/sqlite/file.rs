//! Opening a Region's file: the lock, the checks, the pragmas, and the table of a new one.
//!
//! A file that is not ours or of a newer format is refused before anything is written to it. Nothing here reads the records, so opening takes no longer with more of them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// `REGT`, in the header of the file.
const APPLICATION_ID: i64 = 0x5245_4754;

/// The format of the file: its tables and its key encoding. Records have a format of their own.
///
/// Whoever writes a secret also writes what points at it, which is more since 2 and since 3; a store
/// of an earlier format may lack such records, which its owner adds (`regent_core::secrets::index`).
const FORMAT: i64 = 3;

/// The oldest format that is read. It becomes the present one when the file is opened.
const FORMAT_OLDEST: i64 = 1;

/// What every SQLite file begins with.
const SQLITE_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How the file is written. The values are reasoned about in `docs/storage-format.md`.
const PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA secure_delete = ON;
    PRAGMA cell_size_check = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -32768;
";

const TABLES: &str = "
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        seq INTEGER NOT NULL,
        value BLOB NOT NULL
    );
    CREATE TABLE state (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        seq INTEGER NOT NULL
    );
    INSERT INTO state (id, seq) VALUES (1, 0);
";

pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) lock: File,
    /// The last commit.
    pub(super) seq: u64,
}

pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    check_is_sqlite(path)?;
    let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
    if is_new(&connection, path)? {
        // What is in a file is as durable as its entry in the directory.
        sync_directory_of(path)
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        create(&mut connection).map_err(sqlite)?;
    } else {
        // An older version would write records without what belongs to them: from here on it
        // refuses the file.
        connection.pragma_update(None, "user_version", FORMAT).map_err(sqlite)?;
    }
    connection.execute_batch(PRAGMAS).map_err(sqlite)?;
    let seq =
        connection.query_row("SELECT seq FROM state", [], |row| row.get(0)).map_err(sqlite)?;
    Ok(Opened { connection, lock, seq })
}

/// SQLite's own locks are per transaction, and a second committer would trust its cache; so a file
/// beside the store is locked for as long as it is open.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let io = |source| OpenError::Io { path: lock_path.clone(), source };
    let lock = private().truncate(false).open(&lock_path).map_err(io)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// Creates the file if it is not there, and refuses one that SQLite did not write. SQLite itself
/// would take a short file of anything for an empty one of its own, and overwrite it.
fn check_is_sqlite(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io { path: path.to_owned(), source };
    let file = private().truncate(false).open(path).map_err(io)?;
    let mut head = Vec::new();
    file.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut head).map_err(io)?;
    if head.is_empty() || head == SQLITE_MAGIC {
        Ok(())
    } else {
        Err(OpenError::NotOurs(path.to_owned()))
    }
}

/// How our files are opened: created if absent, for the owner only.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(unix)]
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory_of(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the file is yet without tables. Refuses a file of anyone else or of a newer format.
fn is_new(connection: &Connection, path: &Path) -> Result<bool, OpenError> {
    let number = |sql: &str| {
        connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|source| {
            let path = path.to_owned();
            match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotOurs(path),
                _ => OpenError::Sqlite { path, source },
            }
        })
    };
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(true),
        (APPLICATION_ID, FORMAT_OLDEST..=FORMAT, _) => Ok(false),
        (APPLICATION_ID, found, _) if found > FORMAT => {
            Err(OpenError::Newer { path: path.to_owned(), found })
        }
        _ => Err(OpenError::NotOurs(path.to_owned())),
    }
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    // Last, in the same transaction: a file without them has no tables either.
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}
