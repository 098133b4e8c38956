//! Bytes that must never leave by accident (promise R7).
//!
//! All types here zeroize on drop, print as redacted, and implement neither `Clone` nor any
//! serialisation. Reading the bytes is spelled `expose`, so that every reader can be found.

use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret value, or whatever a caller asked KMS to encrypt.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes, as key material.
    pub fn into_key(mut self) -> KeyBytes {
        KeyBytes(core::mem::take(&mut self.0))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(redacted)")
    }
}

/// A 256-bit symmetric key: KMS key material, a data key, or the Region key.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SymmetricKey([u8; Self::LEN]);

impl SymmetricKey {
    /// Bytes in a key.
    pub const LEN: usize = 32;

    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// `None` unless there are exactly [`Self::LEN`] bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub fn expose(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey(redacted)")
    }
}

/// Key material of any length: a symmetric key, an HMAC key, or a private key in PKCS#8. Which of
/// them is for the key's spec to say.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyBytes(Vec<u8>);

impl KeyBytes {
    /// Takes the bytes over, whatever capacity they have; none are left behind.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<SymmetricKey> for KeyBytes {
    fn from(key: SymmetricKey) -> Self {
        Self(key.expose().to_vec())
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let value = Plaintext::new(b"hunter2".to_vec());
        assert_eq!(format!("{value:?}"), "Plaintext(redacted)");
        assert_eq!(format!("{:?}", SymmetricKey::new([7; 32])), "SymmetricKey(redacted)");
        assert_eq!(format!("{:?}", KeyBytes::new(vec![7; 32])), "KeyBytes(redacted)");
    }
}
