//! What the core needs from outside, as traits: reading the store, cryptography, entropy.
//!
//! There is no `Write` that touches anything: a command collects its writes in a
//! [`crate::tx::Tx`], and the shell commits them. There is no clock: time is [`crate::cx::Cx::now`].

mod pairs;

use core::ops::ControlFlow;

use crate::ids::MaterialId;
use crate::plaintext::{KeyBytes, Plaintext, SymmetricKey};
use crate::records::{Key, Record, Scan};

pub use pairs::{Encapsulated, MU_LEN, Message, NotAKey, Pair, Pairs};

/// Reads one consistent-enough view of a Region's records.
///
/// A transaction re-checks at commit every record that it read one by one; scans are not
/// re-checked, so a command never decides by a scan alone (its parent record guards it).
pub trait Read {
    /// The record and the commit that last wrote it, or `None`.
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault>;

    /// Visits the records of `scan` in its order until `visit` breaks.
    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault>;

    /// [`Read::scan`] for who needs no records. A store may do it for less.
    fn keys(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.scan(scan, &mut |key, _| visit(key))
    }
}

/// A record as read.
#[derive(Debug, Clone)]
pub struct Stored {
    pub record: Record,
    /// The number of the commit that wrote it; never 0.
    pub seq: u64,
}

/// The store could not answer: I/O or corruption. Details are logged where they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store could not answer")]
pub struct StoreFault;

/// Random bytes. In production from aws-lc; in the simulator from the seed.
pub trait Entropy {
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// A ciphertext that does not open: altered, foreign, or under other associated data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ciphertext does not open")]
pub struct Unopened;

/// Bytes of the salt that a sealed message begins with.
pub const SALT_LEN: usize = 32;

/// One Region's cryptography. It holds the Region key and the Region's transport key pair, which
/// never leave it.
pub trait Crypto {
    /// Seals under `key`: AES-256-GCM with a per-message key derived by HKDF-SHA-256 from a random
    /// salt, so that no nonce limit binds. Result: salt, ciphertext, tag. `aad` is authenticated.
    fn seal(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Vec<u8>;

    /// Opens what [`Crypto::seal`] made under the same key and associated data.
    fn open(&self, key: &SymmetricKey, aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Unopened>;

    /// Wraps key material under the Region key, for the store. Same construction as
    /// [`Crypto::seal`].
    fn wrap(&self, aad: &[u8], material: &KeyBytes, entropy: &dyn Entropy) -> Vec<u8>;

    /// Unwraps what [`Crypto::wrap`] made in this Region.
    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<KeyBytes, Unopened>;

    /// Unwraps material that is a symmetric key; anything else does not open.
    fn unwrap_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<SymmetricKey, Unopened>;

    /// This Region's public transport key.
    fn transport_key(&self) -> TransportKey;

    /// Seals a data key to another Region's transport key.
    fn seal_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        key: &SymmetricKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened>;

    /// Opens a data key that another Region sealed to this one.
    fn open_sealed(&self, aad: &[u8], sealed: &[u8]) -> Result<SymmetricKey, Unopened>;

    /// Seals key material to another Region's transport key.
    fn seal_material_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        material: &KeyBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened>;

    /// Opens key material that another Region sealed to this one.
    fn open_sealed_material(&self, aad: &[u8], sealed: &[u8]) -> Result<KeyBytes, Unopened>;

    /// The public name of key material: one-way, equal in every Region that holds the material.
    fn material_id(&self, material: &KeyBytes) -> MaterialId;

    /// Key pairs and MACs, which are the same in every Region.
    fn pairs(&self) -> &dyn Pairs;

    /// Whether two byte strings are equal, in time that depends on their lengths only.
    fn equal(&self, a: &[u8], b: &[u8]) -> bool;
}

/// The public half of a Region's transport key pair, in the encoding of the crypto crate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct TransportKey(pub Box<[u8]>);
