//! The root key: what a seal yields, and the only key that is kept outside the store.
//!
//! It wraps the Region's identity and nothing else. How it is kept (a file, a passphrase, another
//! KMS) is the business of the seals, not of this crate.

use core::fmt;

use regent_core::plaintext::SymmetricKey;
use regent_core::ports::{Entropy, random};
use zeroize::Zeroizing;

/// The 256-bit key at the root of a Region's key hierarchy. Zeroized on drop.
pub struct RootKey(SymmetricKey);

impl RootKey {
    /// Bytes in a root key.
    pub const LEN: usize = SymmetricKey::LEN;

    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(SymmetricKey::new(bytes))
    }

    /// `None` unless there are exactly [`Self::LEN`] bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        SymmetricKey::from_slice(bytes).map(Self)
    }

    /// A new root key from random bytes.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let bytes = Zeroizing::new(random(entropy));
        Self::new(*bytes)
    }

    /// The key's bytes, for the seal that keeps them.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        self.0.expose()
    }

    pub(crate) fn key(&self) -> &SymmetricKey {
        &self.0
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::tests::Counting;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", RootKey::new([7; 32])), "RootKey(redacted)");
    }

    #[test]
    fn only_32_bytes_are_a_key() {
        assert!(RootKey::from_slice(&[1; 31]).is_none());
        assert!(RootKey::from_slice(&[1; 33]).is_none());
        assert_eq!(RootKey::from_slice(&[1; 32]).unwrap().expose(), &[1; 32]);
    }

    #[test]
    fn generated_from_the_given_entropy() {
        let key = RootKey::generate(&Counting::from(3));
        assert_eq!(key.expose()[..3], [3, 4, 5]);
    }
}
