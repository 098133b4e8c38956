//! Bytes that must never leave by accident (promise R7).
//!
//! All types here zeroize on drop, print as redacted, and implement neither `Clone` nor any
//! serialisation. Reading the bytes is spelled `expose`, so that every reader can be found; only
//! [`Wiped`] is a plain buffer, for bytes that are still on their way in or out.

use core::fmt;
use core::ops::{Deref, DerefMut};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A buffer that is wiped when it is dropped, all its capacity at once: `Zeroizing<Vec<u8>>` wipes
/// byte by byte, which takes long for bodies.
#[derive(Default)]
pub struct Wiped(Vec<u8>);

impl Wiped {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Takes the bytes out, for another type that wipes them.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.0)
    }

    fn wipe(&mut self) {
        self.0.as_mut_slice().zeroize();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.wipe();
    }
}

impl ZeroizeOnDrop for Wiped {}

impl Deref for Wiped {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Wiped {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(redacted)")
    }
}

/// A secret value, or whatever a caller asked KMS to encrypt.
#[derive(ZeroizeOnDrop)]
pub struct Plaintext(Wiped);

impl Plaintext {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Wiped::new(bytes))
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes, as key material.
    pub fn into_key(mut self) -> KeyBytes {
        KeyBytes::new(self.0.take())
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
#[derive(ZeroizeOnDrop)]
pub struct KeyBytes(Wiped);

impl KeyBytes {
    /// Takes the bytes over, whatever capacity they have; none are left behind.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Wiped::new(bytes))
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<SymmetricKey> for KeyBytes {
    fn from(key: SymmetricKey) -> Self {
        Self::new(key.expose().to_vec())
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

    /// PROMISE R7: nothing is left of what was in a buffer.
    #[test]
    fn wiping_leaves_nothing() {
        let mut buffer = Wiped::new(b"hunter2".to_vec());
        buffer.wipe();
        assert_eq!(*buffer, [0; 7]);
        buffer.extend_from_slice(b"longer than that");
        let taken = buffer.take();
        assert!(taken.ends_with(b"that") && buffer.is_empty());
    }

    #[test]
    fn debug_shows_nothing() {
        let value = Plaintext::new(b"hunter2".to_vec());
        assert_eq!(format!("{value:?}"), "Plaintext(redacted)");
        assert_eq!(format!("{:?}", Wiped::new(vec![7])), "Wiped(redacted)");
        assert_eq!(format!("{:?}", SymmetricKey::new([7; 32])), "SymmetricKey(redacted)");
        assert_eq!(format!("{:?}", KeyBytes::new(vec![7; 32])), "KeyBytes(redacted)");
    }
}
