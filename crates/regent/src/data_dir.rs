//! The data directory: one process at a time, and the root key.
//!
//! The directory is locked for as long as [`DataDir`] lives; the lock goes with the process, so a
//! killed server leaves none behind. The root key is in a file that its owner alone may read. It
//! is made only in a directory that is empty otherwise: a lost key is never replaced in silence
//! (promise R7), and somebody's home directory is never taken for a data directory. What the
//! stores keep here is their business.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use regent_core::ports::Entropy;
use regent_crypto::{RootKey, digest};
use zeroize::Zeroizing;

/// The lock of the directory. Its content is nothing.
const LOCK_FILE: &str = "regent.lock";
/// The root key: 64 hex digits and a line feed.
const KEY_FILE: &str = "root.key";
/// A root key on its way to the disk.
const KEY_DRAFT: &str = "root.key.new";
/// The audit log's name in the directory.
pub const AUDIT_FILE: &str = "audit.log";

/// Owner only.
const DIR_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Any permission of group or others.
const SHARED_BITS: u32 = 0o077;

/// A data directory that this process alone uses.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("data directory {} is in use by another process", .0.display())]
    InUse(PathBuf),
    #[error("data directory {} cannot be created: {cause}", path.display())]
    Create { path: PathBuf, cause: io::Error },
    #[error("data directory {} cannot be used: {} {cause}", path.display(), file)]
    Access { path: PathBuf, file: &'static str, cause: io::Error },
    #[error("data directory {} holds other files and no {KEY_FILE}", .0.display())]
    Foreign(PathBuf),
    #[error("{} can be read by others; allow its owner only: chmod 600", .0.display())]
    KeyShared(PathBuf),
    #[error("{} is not a root key: expected 64 hex digits", .0.display())]
    KeyMalformed(PathBuf),
}

impl DataDir {
    /// Creates the directory if it is absent, and locks it. One that is somebody else's is left
    /// as it is.
    pub fn open(path: &Path) -> Result<Self, Unusable> {
        let created = DirBuilder::new().recursive(true).mode(DIR_MODE).create(path);
        created.map_err(|cause| Unusable::Create { path: path.to_owned(), cause })?;
        let failed = |cause| access(path, LOCK_FILE, cause);
        // Absolute: the working directory may change, the lock does not.
        let path = path.canonicalize().map_err(failed)?;
        if !path.join(KEY_FILE).exists() {
            refuse_foreign(&path)?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .open(path.join(LOCK_FILE))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Unusable::InUse(path)),
            Err(TryLockError::Error(cause)) => Err(access(&path, LOCK_FILE, cause)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the audit log is kept.
    pub fn audit_file(&self) -> PathBuf {
        self.path.join(AUDIT_FILE)
    }

    /// The root key, made from `entropy` in a new directory.
    pub fn root_key(&self, entropy: &dyn Entropy) -> Result<RootKey, Unusable> {
        let file = self.path.join(KEY_FILE);
        match File::open(&file) {
            Ok(opened) => self.read_key(&opened, &file),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
                refuse_foreign(&self.path)?;
                let key = RootKey::generate(entropy);
                self.write_key(&key).map_err(|cause| access(&self.path, KEY_FILE, cause))?;
                Ok(key)
            }
            Err(cause) => Err(access(&self.path, KEY_FILE, cause)),
        }
    }

    fn read_key(&self, opened: &File, file: &Path) -> Result<RootKey, Unusable> {
        let failed = |cause| access(&self.path, KEY_FILE, cause);
        if opened.metadata().map_err(failed)?.mode() & SHARED_BITS != 0 {
            return Err(Unusable::KeyShared(file.to_owned()));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(128));
        let mut bounded = opened.take(128);
        bounded.read_to_end(&mut text).map_err(failed)?;
        decode_key(&text).ok_or_else(|| Unusable::KeyMalformed(file.to_owned()))
    }

    /// PROMISE R1: the key is on disk, under its name, before anything is sealed under it.
    fn write_key(&self, key: &RootKey) -> io::Result<()> {
        let draft = self.path.join(KEY_DRAFT);
        match fs::remove_file(&draft) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file =
            OpenOptions::new().create_new(true).write(true).mode(FILE_MODE).open(&draft)?;
        let mut text = Zeroizing::new(digest::hex(key.expose()));
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link, unlike a rename, never replaces a key that is there.
        fs::hard_link(&draft, self.path.join(KEY_FILE))?;
        fs::remove_file(&draft)?;
        File::open(&self.path)?.sync_all()
    }
}

/// Refuses a directory with files in it that a new data directory has not.
fn refuse_foreign(path: &Path) -> Result<(), Unusable> {
    let failed = |cause| access(path, KEY_FILE, cause);
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if ![LOCK_FILE, KEY_DRAFT, AUDIT_FILE].iter().any(|own| name == *own) {
            return Err(Unusable::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

fn access(path: &Path, file: &'static str, cause: io::Error) -> Unusable {
    Unusable::Access { path: path.to_owned(), file, cause }
}

/// Reads 64 hex digits, with white space around them.
fn decode_key(text: &[u8]) -> Option<RootKey> {
    let digits = text.trim_ascii();
    if digits.len() != 2 * RootKey::LEN {
        return None;
    }
    let mut bytes = Zeroizing::new([0_u8; RootKey::LEN]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    RootKey::from_slice(&*bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use regent_crypto::SystemEntropy;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_directory_gets_a_key_and_keeps_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = {
            let dir = DataDir::open(&path).unwrap();
            *dir.root_key(&SystemEntropy).unwrap().expose()
        };
        assert_eq!(mode(&path), 0o700);
        assert_eq!(mode(&path.join(KEY_FILE)), 0o600);
        assert!(!path.join(KEY_DRAFT).exists());
        let again = DataDir::open(&path).unwrap();
        assert_eq!(*again.root_key(&SystemEntropy).unwrap().expose(), first);
    }

    #[test]
    fn one_user_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let held = DataDir::open(parent.path()).unwrap();
        let text = DataDir::open(parent.path()).unwrap_err().to_string();
        assert!(text.ends_with("is in use by another process"), "{text}");
        drop(held);
        assert!(DataDir::open(parent.path()).is_ok());
    }

    #[test]
    fn a_draft_left_by_a_crash_is_no_obstacle() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join(KEY_DRAFT), "half").unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        assert!(dir.root_key(&SystemEntropy).is_ok());
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        fs::write(parent.path().join("us-east-1.db"), "data").unwrap();
        assert!(matches!(dir.root_key(&SystemEntropy), Err(Unusable::Foreign(_))));
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("letter.txt"), "Dear").unwrap();
        assert!(matches!(DataDir::open(parent.path()), Err(Unusable::Foreign(_))));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_shared_or_damaged_key_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        dir.root_key(&SystemEntropy).unwrap();
        let file = parent.path().join(KEY_FILE);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(dir.root_key(&SystemEntropy), Err(Unusable::KeyShared(_))));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in ["", "zz", &"0".repeat(63), &"0".repeat(66), &"x".repeat(64)] {
            fs::write(&file, damaged).unwrap();
            assert!(matches!(dir.root_key(&SystemEntropy), Err(Unusable::KeyMalformed(_))));
        }
    }

    #[test]
    fn a_file_is_no_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(DataDir::open(file.path()), Err(Unusable::Create { .. })));
    }
}
