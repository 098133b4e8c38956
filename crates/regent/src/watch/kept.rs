//! The ledger's file: written anew at each change, so that it is always whole, and locked.
//!
//! It has names, ARNs and reasons in it, no values, and is its owner's alone. Nothing here knows what
//! a problem is.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use regent_audit::ledger::Ledger;
use regent_audit::private;

#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("{0} is in use by another watch")]
    InUse(PathBuf),
    #[error("{0}: this is no state that a watch wrote")]
    NoState(PathBuf),
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
}

impl Kept {
    /// Opens a file for as long as this lives, with what it holds if it is there.
    pub fn open(path: &Path) -> Result<(Self, Option<Ledger>), Unusable> {
        let failed = |cause| Unusable::Io(path.to_owned(), cause);
        let lock = private(&beside(path, "lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Unusable::InUse(path.to_owned())),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let ledger = match fs::read(path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                Some(read.map_err(|_| Unusable::NoState(path.to_owned()))?)
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(failed(cause)),
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, ledger))
    }

    /// The old content or the new one is there, whatever happens.
    pub fn save(&self, ledger: &Ledger) -> io::Result<()> {
        let new = beside(&self.path, "new");
        let mut file = private(&new)?;
        file.write_all(&serde_json::to_vec(ledger)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_comes_back_and_has_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let (kept, none) = Kept::open(&path).unwrap();
        assert_eq!(none, None);
        assert!(matches!(Kept::open(&path), Err(Unusable::InUse(_))));
        let ledger = Ledger::new("l".to_owned());
        kept.save(&ledger).unwrap();
        drop(kept);
        assert_eq!(Kept::open(&path).unwrap().1, Some(ledger));
        fs::write(&path, "notes").unwrap();
        assert!(matches!(Kept::open(&path), Err(Unusable::NoState(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    }
}
