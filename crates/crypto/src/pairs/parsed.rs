//! Private keys as they were parsed, for the next use of the same key.
//!
//! Parsing checks that a key's parts belong together, which takes longer than a signature with it. A
//! key is found by a digest of the bytes that it was parsed from: whoever uses one must have opened its
//! material, as if nothing were kept. What is kept is bounded, and aws-lc cleanses what it frees.
//! This module does not know what a key is for, nor when its owner wants it forgotten.

use core::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;
use regent_core::ports::Unopened;

use crate::digest::{DIGEST_LEN, sha256};

/// LIMIT: keys of one type. The largest, of RSA, take some 10 KiB each.
const KEYS_MAX: usize = 128;

/// Keys of one type, by the digest of their encoding and what else decides how it is read.
pub(super) struct Parsed<K, S: Eq + Hash = ()>(Cache<(S, [u8; DIGEST_LEN]), Arc<K>>);

impl<K, S: Eq + Hash> Default for Parsed<K, S> {
    fn default() -> Self {
        Self(Cache::new(KEYS_MAX))
    }
}

impl<K, S: Eq + Hash> Parsed<K, S> {
    /// The key that these bytes are, parsed unless it is here. What does not parse is not kept.
    pub(super) fn get(
        &self,
        spec: S,
        private: &[u8],
        parse: impl FnOnce(&[u8]) -> Result<K, Unopened>,
    ) -> Result<Arc<K>, Unopened> {
        let name = (spec, sha256(private));
        if let Some(key) = self.0.get(&name) {
            return Ok(key);
        }
        let key = Arc::new(parse(private)?);
        self.0.insert(name, Arc::clone(&key));
        Ok(key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets go of all. Who is just using one has it to the end.
    pub(super) fn forget(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    type Keys = Parsed<Vec<u8>, u8>;

    /// Gets `private`, and says whether it had to be parsed.
    fn parses(parsed: &Keys, spec: u8, private: &[u8]) -> bool {
        let asked = Cell::new(false);
        let key = parsed.get(spec, private, |bytes| {
            asked.set(true);
            Ok(bytes.to_vec())
        });
        assert_eq!(*key.unwrap(), private);
        asked.get()
    }

    #[test]
    fn a_key_is_parsed_once_until_it_is_forgotten() {
        let parsed = Keys::default();
        assert!(parses(&parsed, 0, b"one"));
        assert!(!parses(&parsed, 0, b"one"));
        assert!(parses(&parsed, 0, b"two"), "another key");
        assert!(parses(&parsed, 1, b"one"), "another spec");
        assert!(!parsed.is_empty());
        parsed.forget();
        assert!(parsed.is_empty());
        assert!(parses(&parsed, 0, b"one"));
    }

    #[test]
    fn what_does_not_parse_is_not_kept() {
        let parsed = Keys::default();
        assert!(parsed.get(0, b"one", |_| Err(Unopened)).is_err());
        assert!(parses(&parsed, 0, b"one"));
    }

    #[test]
    fn no_more_are_kept_than_may_be() {
        let parsed = Keys::default();
        for number in 0..4 * KEYS_MAX {
            assert!(parses(&parsed, 0, &number.to_be_bytes()));
        }
        assert!(parsed.0.len() <= KEYS_MAX);
    }

    /// PROMISE R7: what is forgotten is let go of, not only hidden.
    #[test]
    fn forgotten_keys_are_dropped() {
        let parsed = Keys::default();
        let key = parsed.get(0, b"one", |bytes| Ok(bytes.to_vec())).unwrap();
        assert_eq!(Arc::strong_count(&key), 2);
        parsed.forget();
        assert_eq!(Arc::strong_count(&key), 1);
    }
}
