//! The credentials of sessions, which are kept nowhere: the token carries the session, sealed, and
//! the secret follows from the access key.
//!
//! Both keys derive from the root key. A token opens with the access key that it was sealed for and
//! with no other, so that halves of two sessions make no third (promise R6).

use core::fmt;

use regent_core::plaintext::{Plaintext, SymmetricKey};
use regent_core::ports::{Entropy, Unopened};

use crate::digest::{DIGEST_LEN, HmacKey, hmac_sha256};
use crate::root::RootKey;
use crate::sealed::{self, OVERHEAD, Under};

const SEALING: &[u8] = b"regent/session/token/v1";
const SECRETS: &[u8] = b"regent/session/secret/v1";

/// What makes tokens and secrets, and opens tokens.
pub struct TokenKey {
    sealing: SymmetricKey,
    secrets: HmacKey,
}

impl TokenKey {
    pub fn derive(root: &RootKey) -> Self {
        let of = |label| zeroize::Zeroizing::new(hmac_sha256(root.expose(), &[label]));
        Self { sealing: SymmetricKey::new(*of(SEALING)), secrets: HmacKey::new(&*of(SECRETS)) }
    }

    pub fn seal(&self, access_key: &str, session: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut out = Vec::with_capacity(OVERHEAD + session.len());
        sealed::seal_onto(&mut out, self.under(access_key), session, entropy);
        out
    }

    pub fn open(&self, access_key: &str, token: &[u8]) -> Result<Plaintext, Unopened> {
        sealed::open(self.under(access_key), token)
    }

    /// What the secret of an access key is made of.
    pub fn secret(&self, access_key: &str) -> [u8; DIGEST_LEN] {
        self.secrets.sign(&[access_key.as_bytes()])
    }

    fn under<'a>(&'a self, access_key: &'a str) -> Under<'a> {
        Under { key: self.sealing.expose(), label: &[SEALING], aad: access_key.as_bytes() }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn a_token_opens_for_its_access_key_only() {
        let key = TokenKey::derive(&RootKey::new([1; 32]));
        let token = key.seal("ASIAONE", b"session", &SystemEntropy);
        assert_eq!(key.open("ASIAONE", &token).unwrap().expose(), b"session");
        assert!(key.open("ASIATWO", &token).is_err());
        let other = TokenKey::derive(&RootKey::new([2; 32]));
        assert!(other.open("ASIAONE", &token).is_err());
        for at in 0..token.len() {
            let mut altered = token.clone();
            altered[at] ^= 1;
            assert!(key.open("ASIAONE", &altered).is_err(), "byte {at}");
        }
    }

    /// PROMISE R6: a session outlives the process, and each access key has a secret of its own.
    #[test]
    fn secrets_follow_from_the_root_key() {
        let secret = |root, key: &str| TokenKey::derive(&RootKey::new([root; 32])).secret(key);
        assert_eq!(secret(1, "ASIAONE"), secret(1, "ASIAONE"));
        assert_ne!(secret(1, "ASIAONE"), secret(1, "ASIATWO"));
        assert_ne!(secret(1, "ASIAONE"), secret(2, "ASIAONE"));
    }

    #[test]
    fn debug_shows_nothing() {
        let key = TokenKey::derive(&RootKey::new([1; 32]));
        assert_eq!(format!("{key:?}"), "TokenKey(redacted)");
    }
}
