//! Cryptography for simulated runs: fast, deterministic, and as strict as the real one.
//!
//! A stream of hashes hides the plaintext and a checksum over key, associated data and text
//! notices a wrong key, altered bytes or another context. It protects nothing. Every key that
//! passes is remembered, so that the checker can look for it in frames and records (promise R7).

#[path = "../../core/src/testing/pairs.rs"]
#[allow(dead_code, reason = "tests of operations use more of it")]
mod pairs;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use regent_core::ids::{MaterialId, Region};
use regent_core::plaintext::{KeyBytes, Plaintext, SymmetricKey};
use regent_core::ports::{Crypto, Entropy, Pairs, SALT_LEN, TransportKey, Unopened, random};

use pairs::FakePairs;

/// The beginnings of all keys that were ever used in a run.
pub type Seen = Rc<RefCell<BTreeSet<[u8; 8]>>>;

/// One Region's fake cryptography.
#[derive(Debug)]
pub struct FakeCrypto {
    region_key: SymmetricKey,
    seen: Seen,
    pairs: FakePairs,
    /// Whether texts are hidden at all: the checker must notice if not.
    hides: bool,
}

impl FakeCrypto {
    pub fn new(region: Region, seen: &Seen, hides: bool) -> Self {
        let region_key = expand(&[b"region", region.as_str().as_bytes()]);
        Self { region_key, seen: Rc::clone(seen), pairs: FakePairs::new(region.as_str()), hides }
    }

    fn note(&self, key: &[u8]) {
        if let Some(start) = key.first_chunk() {
            self.seen.borrow_mut().insert(*start);
        }
    }

    fn mask(&self, key: &SymmetricKey, salt: &[u8], bytes: &mut [u8]) {
        if !self.hides {
            return;
        }
        for (at, chunk) in bytes.chunks_mut(8).enumerate() {
            let stream = hash(&[key.expose(), salt, &(at as u64).to_le_bytes()]).to_le_bytes();
            chunk.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
        }
    }

    fn sealed_under(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        text: &[u8],
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        let salt: [u8; SALT_LEN] = random(entropy);
        let mut body = text.to_vec();
        self.mask(key, &salt, &mut body);
        let tag = hash(&[key.expose(), aad, &salt, text]).to_le_bytes();
        [&salt[..], &body, &tag].concat()
    }

    fn opened_under(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Plaintext, Unopened> {
        let (salt, rest) = sealed.split_at_checked(SALT_LEN).ok_or(Unopened)?;
        let at = rest.len().checked_sub(8).ok_or(Unopened)?;
        let (body, tag) = rest.split_at(at);
        let mut body = body.to_vec();
        self.mask(key, salt, &mut body);
        let expected = hash(&[key.expose(), aad, salt, &body]).to_le_bytes();
        if tag == expected { Ok(Plaintext::new(body)) } else { Err(Unopened) }
    }

    fn opened_key(
        &self,
        under: &SymmetricKey,
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<SymmetricKey, Unopened> {
        let opened = self.opened_under(under, aad, sealed)?;
        SymmetricKey::from_slice(opened.expose()).ok_or(Unopened)
    }
}

/// What opens a transport key's messages. In a fake, everybody can make it.
fn private(public: &TransportKey) -> SymmetricKey {
    expand(&[b"private", &public.0])
}

/// FNV-1a over lengths and words, finished so that every bit counts.
pub fn hash(parts: &[&[u8]]) -> u64 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let mut word = |word: u64| {
        state = (state ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
        state ^= state >> 29;
    };
    for part in parts {
        word(part.len() as u64);
        for chunk in part.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            word(u64::from_le_bytes(bytes));
        }
    }
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn expand(parts: &[&[u8]]) -> SymmetricKey {
    let mut bytes = [0; SymmetricKey::LEN];
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        let mut parts = parts.to_vec();
        let at = (at as u64).to_le_bytes();
        parts.push(&at);
        chunk.copy_from_slice(&hash(&parts).to_le_bytes());
    }
    SymmetricKey::new(bytes)
}

impl Crypto for FakeCrypto {
    fn seal(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        self.note(key.expose());
        self.sealed_under(key, aad, plaintext, entropy)
    }

    fn open(&self, key: &SymmetricKey, aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Unopened> {
        self.opened_under(key, aad, sealed)
    }

    fn wrap(&self, aad: &[u8], material: &KeyBytes, entropy: &dyn Entropy) -> Vec<u8> {
        self.note(material.expose());
        self.sealed_under(&self.region_key, aad, material.expose(), entropy)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        self.opened_under(&self.region_key, aad, wrapped).map(Plaintext::into_key)
    }

    fn unwrap_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<SymmetricKey, Unopened> {
        self.opened_key(&self.region_key, aad, wrapped)
    }

    fn transport_key(&self) -> TransportKey {
        TransportKey(expand(&[b"transport", self.region_key.expose()]).expose()[..].into())
    }

    fn seal_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        key: &SymmetricKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        self.note(key.expose());
        Ok(self.sealed_under(&private(peer), aad, key.expose(), entropy))
    }

    fn open_sealed(&self, aad: &[u8], sealed: &[u8]) -> Result<SymmetricKey, Unopened> {
        self.opened_key(&private(&self.transport_key()), aad, sealed)
    }

    fn seal_material_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        material: &KeyBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        self.note(material.expose());
        Ok(self.sealed_under(&private(peer), aad, material.expose(), entropy))
    }

    fn open_sealed_material(&self, aad: &[u8], sealed: &[u8]) -> Result<KeyBytes, Unopened> {
        self.opened_under(&private(&self.transport_key()), aad, sealed).map(Plaintext::into_key)
    }

    fn material_id(&self, material: &KeyBytes) -> MaterialId {
        MaterialId(*expand(&[b"material", material.expose()]).expose())
    }

    fn pairs(&self) -> &dyn Pairs {
        &self.pairs
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}
