//! Symmetric keys as they were unwrapped, for the next use of the same key.
//!
//! A key is found by what it was unwrapped from, all of it and its associated data, so that nothing
//! opens here that would not open otherwise. What is kept is bounded, and zeroized when it is let go.
//! This module does not know what a key is for, nor when its owner wants it forgotten.

use std::sync::Arc;

use quick_cache::sync::Cache;
use regent_core::plaintext::SymmetricKey;
use regent_core::ports::{SALT_LEN, Unopened};

/// LIMIT: keys. Each takes some 400 bytes.
const KEYS_MAX: usize = 1024;

/// A key, and what it was unwrapped from.
struct Unwrapped {
    aad: Box<[u8]>,
    wrapped: Box<[u8]>,
    key: SymmetricKey,
}

/// Keys by their salt, which no two wrapped keys share.
pub(crate) struct Opened(Cache<[u8; SALT_LEN], Arc<Unwrapped>>);

impl Default for Opened {
    fn default() -> Self {
        Self(Cache::new(KEYS_MAX))
    }
}

impl Opened {
    /// The key that these bytes unwrap to, unwrapped unless it is here. What does not is not kept.
    pub(crate) fn get(
        &self,
        aad: &[u8],
        wrapped: &[u8],
        unwrap: impl FnOnce() -> Result<SymmetricKey, Unopened>,
    ) -> Result<SymmetricKey, Unopened> {
        let salt = wrapped.first_chunk().ok_or(Unopened)?;
        if let Some(found) = self.0.get(salt)
            && *found.aad == *aad
            && *found.wrapped == *wrapped
        {
            return Ok(copy(&found.key));
        }
        let key = unwrap()?;
        let kept = Unwrapped { aad: aad.into(), wrapped: wrapped.into(), key: copy(&key) };
        self.0.insert(*salt, Arc::new(kept));
        Ok(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets go of all. Who is just using one has a copy to the end.
    pub(crate) fn forget(&self) {
        self.0.clear();
    }
}

fn copy(key: &SymmetricKey) -> SymmetricKey {
    SymmetricKey::new(*key.expose())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Gets a key, and says whether it had to be unwrapped.
    fn unwraps(opened: &Opened, aad: &[u8], wrapped: &[u8]) -> bool {
        let asked = Cell::new(false);
        let key = opened.get(aad, wrapped, || {
            asked.set(true);
            Ok(SymmetricKey::new([7; 32]))
        });
        assert_eq!(*key.unwrap().expose(), [7; 32]);
        asked.get()
    }

    #[test]
    fn a_key_is_unwrapped_once_until_it_is_forgotten() {
        let opened = Opened::default();
        assert!(unwraps(&opened, b"aad", &[1; 80]));
        assert!(!unwraps(&opened, b"aad", &[1; 80]));
        assert!(!opened.is_empty());
        opened.forget();
        assert!(opened.is_empty());
        assert!(unwraps(&opened, b"aad", &[1; 80]));
    }

    /// Whatever differs by a bit is unwrapped for itself, and fails for itself.
    #[test]
    fn only_the_very_same_bytes_are_found() {
        let opened = Opened::default();
        assert!(unwraps(&opened, b"aad", &[1; 80]));
        assert!(opened.get(b"AAD", &[1; 80], || Err(Unopened)).is_err(), "other associated data");
        for at in 0..80 {
            let mut altered = [1; 80];
            altered[at] ^= 1;
            assert!(opened.get(b"aad", &altered, || Err(Unopened)).is_err(), "byte {at}");
        }
        assert!(!unwraps(&opened, b"aad", &[1; 80]), "a failure takes nobody's place");
        assert!(opened.get(b"aad", &[1; 31], || Ok(SymmetricKey::new([7; 32]))).is_err());
    }

    #[test]
    fn no_more_are_kept_than_may_be() {
        let opened = Opened::default();
        for number in 0..4 * KEYS_MAX {
            let mut wrapped = [0; 80];
            wrapped[..8].copy_from_slice(&number.to_be_bytes());
            assert!(unwraps(&opened, b"", &wrapped));
        }
        assert!(opened.0.len() <= KEYS_MAX);
    }
}
