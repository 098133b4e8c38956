//! Signing keys: their derivation, and a bounded cache of those that verified a request.
//!
//! A key is good for one day, Region and service, so the credential text as the client sent it
//! names it. The cache holds the secret too: a key derived from another secret is never used. No
//! lock is held while anything is derived, and aws-lc cleanses the keys that are evicted.

use core::fmt;
use core::hash::BuildHasher as _;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regent_crypto::digest::{self, HmacKey};
use zeroize::Zeroizing;

use super::{Scope, SecretKey};

/// A key that is good for one credential scope, prepared for signing and shared with the cache.
pub(super) type SigningKey = Arc<HmacKey>;

/// LIMIT: shards, so that requests seldom wait for one another.
const SHARDS: usize = 16;
/// LIMIT: keys in a shard. A full shard is emptied; deriving anew costs about a microsecond.
const SHARD_LEN_MAX: usize = 256;

/// The signing keys of credential scopes seen lately.
#[derive(Default)]
pub struct SigningKeys {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

type Shard = HashMap<Box<str>, (SecretKey, SigningKey)>;

impl SigningKeys {
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of `credential`, if it was derived from `secret`.
    pub(super) fn find(&self, credential: &str, secret: &SecretKey) -> Option<SigningKey> {
        let shard = self.shard(credential)?;
        let (held, key) = shard.get(credential)?;
        held.is(secret).then(|| key.clone())
    }

    pub(super) fn insert(&self, credential: &str, secret: &SecretKey, key: SigningKey) {
        let Some(mut shard) = self.shard(credential) else { return };
        if shard.len() >= SHARD_LEN_MAX {
            shard.clear();
        }
        shard.insert(credential.into(), (secret.clone(), key));
    }

    fn shard(&self, credential: &str) -> Option<MutexGuard<'_, Shard>> {
        let hash = self.hasher.hash_one(credential).to_le_bytes();
        let index = usize::from(hash[0]) % SHARDS;
        // A poisoned shard is still a map of whole entries.
        Some(self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(redacted)")
    }
}

/// Derives the signing key of `scope`.
pub(super) fn derive(secret: &[u8], scope: &Scope<'_>) -> SigningKey {
    Arc::new(HmacKey::new(&*chain(secret, scope)))
}

/// The bytes of a signing key.
fn chain(secret: &[u8], scope: &Scope<'_>) -> Zeroizing<[u8; 32]> {
    let mut start = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
    start.extend_from_slice(b"AWS4");
    start.extend_from_slice(secret);
    let step =
        |key: &[u8], part: &str| Zeroizing::new(digest::hmac_sha256(key, &[part.as_bytes()]));
    let day = step(&start, scope.day);
    let region = step(&*day, scope.region);
    let service = step(&*region, scope.service);
    step(&*service, super::TERMINATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn scope(day: &'static str) -> Scope<'static> {
        let (region, service) = ("us-east-1", "iam");
        Scope { access_key: "AKIDEXAMPLE", day, region, service, terminator: "aws4_request" }
    }

    /// AWS: the example of the documentation of signature version 4.
    #[test]
    fn derivation_example() {
        assert_eq!(
            digest::hex(&*chain(SECRET.as_bytes(), &scope("20150830"))),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        );
    }

    #[test]
    fn another_secret_finds_nothing() {
        let keys = SigningKeys::new();
        let secret = SecretKey::new(SECRET.to_owned());
        keys.insert("AKID/scope", &secret, Arc::new(HmacKey::new(b"key")));
        let found = keys.find("AKID/scope", &SecretKey::new(SECRET.to_owned())).unwrap();
        assert_eq!(found.sign(&[b"x"]), digest::hmac_sha256(b"key", &[b"x"]));
        assert!(keys.find("AKID/scope", &SecretKey::new("another".to_owned())).is_none());
        assert!(keys.find("akid/scope", &secret).is_none());
    }

    #[test]
    fn the_cache_is_bounded_and_prints_nothing() {
        let keys = SigningKeys::new();
        let secret = SecretKey::new(SECRET.to_owned());
        let key = Arc::new(HmacKey::new(b"key"));
        for index in 0..SHARDS * SHARD_LEN_MAX * 2 {
            keys.insert(&format!("AKID{index}"), &secret, key.clone());
        }
        let held: usize = keys.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(held <= SHARDS * SHARD_LEN_MAX);
        assert_eq!(format!("{keys:?} {secret:?}"), "SigningKeys(redacted) SecretKey(redacted)");
    }
}
