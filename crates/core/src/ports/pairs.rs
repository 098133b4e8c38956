//! Cryptography with key pairs and MAC keys, as a trait.
//!
//! Private keys are PKCS#8 and public keys SubjectPublicKeyInfo, both DER and in one canonical
//! encoding, so that equal keys have equal bytes. Which operation suits which key is decided before:
//! see [`crate::keys::spec`]. Failures say nothing of their cause.

use super::Unopened;
use crate::keys::spec::{Curve, HmacHash, MlKem, OaepHash, PairSpec, SigningAlgorithm};
use crate::plaintext::{KeyBytes, Plaintext};

/// A key pair.
#[derive(Debug)]
pub struct Pair {
    pub private: KeyBytes,
    pub public: Box<[u8]>,
}

/// What is signed.
#[derive(Debug, Clone, Copy)]
pub enum Message<'a> {
    /// The message itself.
    Raw(&'a [u8]),
    /// Its digest, of the algorithm's length.
    Digest(&'a [u8]),
    /// ML-DSA's message representative, made elsewhere.
    ExternalMu(&'a [u8; MU_LEN]),
}

/// Bytes of ML-DSA's message representative: FIPS 204.
pub const MU_LEN: usize = 64;

/// A fresh shared secret, and how the other side gets it.
#[derive(Debug)]
pub struct Encapsulated {
    pub secret: Plaintext,
    pub ciphertext: Vec<u8>,
}

/// Bytes that are no key of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not such a key")]
pub struct NotAKey;

/// Public-key cryptography and MACs. None of it depends on the Region.
pub trait Pairs {
    /// A new pair. Its randomness is the implementation's own, because a library that makes RSA
    /// keys draws its own. Slow for RSA: up to seconds.
    fn generate_pair(&self, spec: PairSpec) -> Pair;

    /// The pair of a private key that came from elsewhere, in canonical encoding.
    fn read_pair(&self, spec: PairSpec, private: &KeyBytes) -> Result<Pair, NotAKey>;

    fn sign(
        &self,
        spec: PairSpec,
        private: &KeyBytes,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, Unopened>;

    /// Whether the signature is one of this message by this key.
    fn verify(
        &self,
        spec: PairSpec,
        public: &[u8],
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> bool;

    fn mac(&self, hash: HmacHash, key: &KeyBytes, message: &[u8]) -> Vec<u8>;

    /// RSAES-OAEP without a label. Fails if the plaintext is too long.
    fn oaep_encrypt(
        &self,
        public: &[u8],
        hash: OaepHash,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unopened>;

    fn oaep_decrypt(
        &self,
        private: &KeyBytes,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened>;

    /// ECDH: the raw shared secret, the x coordinate. Fails unless `peer` is a valid key of the
    /// curve as SubjectPublicKeyInfo.
    fn agree(&self, curve: Curve, private: &KeyBytes, peer: &[u8]) -> Result<Plaintext, Unopened>;

    fn encapsulate(&self, set: MlKem, public: &[u8]) -> Result<Encapsulated, Unopened>;

    /// Fails only for a ciphertext of another length: FIPS 203 gives any other bytes a secret too.
    fn decapsulate(
        &self,
        set: MlKem,
        private: &KeyBytes,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened>;

    /// AES key unwrap with padding (RFC 5649) under an AES-256 key.
    fn unwrap_padded(&self, key: &Plaintext, wrapped: &[u8]) -> Result<KeyBytes, Unopened>;
}
