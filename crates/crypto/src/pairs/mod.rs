//! Key pairs and MACs: the core's [`Pairs`], by algorithm.
//!
//! aws-lc-rs wherever it has the algorithm; what it lacks is in [`ed25519`] and [`ml_dsa`], with
//! the reasons in `docs/adr`. Private keys come and go as PKCS#8 in a zeroizing type; those that are
//! costly to parse are kept for a while as they were parsed ([`parsed`]). Whatever a stored, given or
//! received byte can cause is an error without a cause; only a broken library stops the process.

mod ecc;
mod ed25519;
mod ml_dsa;
mod ml_kem;
mod parsed;
mod rsa;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::sync::Arc;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use aws_lc_rs::rsa::{KeyPair, OaepPrivateDecryptingKey};
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::{digest, hmac};
use parsed::Parsed;
use regent_core::keys::spec::{
    Curve, HmacHash, MlKem, OaepHash, PairSpec, SignHash, SigningAlgorithm,
};
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{Encapsulated, Message, NotAKey, Pair, Pairs, Unopened};
use zeroize::Zeroizing;

/// The implementation. It remembers nothing but keys that were parsed.
#[derive(Default)]
pub(crate) struct SystemPairs {
    rsa_signing: Parsed<KeyPair>,
    rsa_decrypting: Parsed<OaepPrivateDecryptingKey>,
    ecdsa: Parsed<EcdsaKeyPair, Curve>,
}

impl SystemPairs {
    /// Lets go of all private keys that were parsed.
    pub(crate) fn forget(&self) {
        self.rsa_signing.forget();
        self.rsa_decrypting.forget();
        self.ecdsa.forget();
    }

    /// Whether any are kept.
    pub(crate) fn remember(&self) -> bool {
        !(self.rsa_signing.is_empty() && self.rsa_decrypting.is_empty() && self.ecdsa.is_empty())
    }

    fn rsa_signing(&self, private: &[u8]) -> Result<Arc<KeyPair>, Unopened> {
        self.rsa_signing.get((), private, rsa::signing)
    }
}

impl Pairs for SystemPairs {
    fn generate_pair(&self, spec: PairSpec) -> Pair {
        match spec {
            PairSpec::Rsa(size) => rsa::generate(size),
            PairSpec::Ecc(curve) => ecc::generate(curve),
            PairSpec::Ed25519 => ed25519::generate(),
            PairSpec::MlDsa(set) => ml_dsa::generate(set),
            PairSpec::MlKem(set) => ml_kem::generate(set),
        }
    }

    fn read_pair(&self, spec: PairSpec, private: &KeyBytes) -> Result<Pair, NotAKey> {
        let bytes = private.expose();
        match spec {
            PairSpec::Rsa(size) => rsa::read(size, bytes),
            PairSpec::Ecc(curve) => ecc::read(curve, bytes),
            PairSpec::Ed25519 => ed25519::read(bytes),
            PairSpec::MlDsa(set) => ml_dsa::read(set, bytes),
            PairSpec::MlKem(set) => ml_kem::read(set, bytes),
        }
    }

    fn sign(
        &self,
        spec: PairSpec,
        private: &KeyBytes,
        algorithm: SigningAlgorithm,
        message: Message<'_>,
    ) -> Result<Vec<u8>, Unopened> {
        let private = private.expose();
        match (spec, algorithm) {
            (PairSpec::Rsa(_), SigningAlgorithm::RsaPss(hash)) => {
                let key = self.rsa_signing(private)?;
                rsa::sign(&key, rsa::pss(hash), &hashed(hash, message)?)
            }
            (PairSpec::Rsa(_), SigningAlgorithm::RsaPkcs1(hash)) => {
                let key = self.rsa_signing(private)?;
                rsa::sign(&key, rsa::pkcs1(hash), &hashed(hash, message)?)
            }
            (PairSpec::Ecc(curve), SigningAlgorithm::Ecdsa(hash)) => {
                let key = self.ecdsa.get(curve, private, |bytes| ecc::signing(curve, bytes))?;
                ecc::sign(&key, &hashed(hash, message)?)
            }
            (PairSpec::Ed25519, SigningAlgorithm::Ed25519) => ed25519::sign(private, message),
            (PairSpec::Ed25519, SigningAlgorithm::Ed25519Ph) => {
                let digest = hashed(SignHash::Sha512, message)?;
                ed25519::sign_prehashed(private, digest.as_ref())
            }
            (PairSpec::MlDsa(set), SigningAlgorithm::MlDsa) => ml_dsa::sign(set, private, message),
            _ => Err(Unopened),
        }
    }

    fn verify(
        &self,
        spec: PairSpec,
        public: &[u8],
        algorithm: SigningAlgorithm,
        message: Message<'_>,
        signature: &[u8],
    ) -> bool {
        let verified = match (spec, algorithm) {
            (PairSpec::Rsa(_), SigningAlgorithm::RsaPss(hash)) => hashed(hash, message)
                .and_then(|digest| rsa::verify(public, rsa::pss_of(hash), &digest, signature)),
            (PairSpec::Rsa(_), SigningAlgorithm::RsaPkcs1(hash)) => hashed(hash, message)
                .and_then(|digest| rsa::verify(public, rsa::pkcs1_of(hash), &digest, signature)),
            (PairSpec::Ecc(curve), SigningAlgorithm::Ecdsa(hash)) => hashed(hash, message)
                .and_then(|digest| ecc::verify(curve, public, &digest, signature)),
            (PairSpec::Ed25519, SigningAlgorithm::Ed25519) => {
                ed25519::verify(public, message, signature)
            }
            (PairSpec::Ed25519, SigningAlgorithm::Ed25519Ph) => hashed(SignHash::Sha512, message)
                .and_then(|digest| ed25519::verify_prehashed(public, digest.as_ref(), signature)),
            (PairSpec::MlDsa(set), SigningAlgorithm::MlDsa) => {
                ml_dsa::verify(set, public, message, signature)
            }
            _ => Err(Unopened),
        };
        verified.is_ok()
    }

    fn mac(&self, hash: HmacHash, key: &KeyBytes, message: &[u8]) -> Vec<u8> {
        let algorithm = match hash {
            HmacHash::Sha224 => hmac::HMAC_SHA224,
            HmacHash::Sha256 => hmac::HMAC_SHA256,
            HmacHash::Sha384 => hmac::HMAC_SHA384,
            HmacHash::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key.expose()), message).as_ref().to_vec()
    }

    fn oaep_encrypt(
        &self,
        public: &[u8],
        hash: OaepHash,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unopened> {
        rsa::encrypt(public, hash, plaintext)
    }

    fn oaep_decrypt(
        &self,
        private: &KeyBytes,
        hash: OaepHash,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened> {
        let key = self.rsa_decrypting.get((), private.expose(), rsa::decrypting)?;
        rsa::decrypt(&key, hash, ciphertext)
    }

    fn agree(&self, curve: Curve, private: &KeyBytes, peer: &[u8]) -> Result<Plaintext, Unopened> {
        ecc::agree(curve, private.expose(), peer)
    }

    fn encapsulate(&self, set: MlKem, public: &[u8]) -> Result<Encapsulated, Unopened> {
        ml_kem::encapsulate(set, public)
    }

    fn decapsulate(
        &self,
        set: MlKem,
        private: &KeyBytes,
        ciphertext: &[u8],
    ) -> Result<Plaintext, Unopened> {
        ml_kem::decapsulate(set, private.expose(), ciphertext)
    }

    fn unwrap_padded(&self, key: &Plaintext, wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        let key = AesKek::new(&AES_256, key.expose()).map_err(|_| Unopened)?;
        let mut bytes = Zeroizing::new(vec![0; wrapped.len()]);
        let opened = key.unwrap_with_padding(wrapped, &mut bytes).map_err(|_| Unopened)?;
        Ok(KeyBytes::new(opened.to_vec()))
    }
}

/// The digest that is signed: of the message, or as given.
fn hashed(hash: SignHash, message: Message<'_>) -> Result<digest::Digest, Unopened> {
    let algorithm = match hash {
        SignHash::Sha256 => &digest::SHA256,
        SignHash::Sha384 => &digest::SHA384,
        SignHash::Sha512 => &digest::SHA512,
    };
    match message {
        Message::Raw(message) => Ok(digest::digest(algorithm, message)),
        Message::Digest(bytes) => {
            digest::Digest::import_less_safe(bytes, algorithm).map_err(|_| Unopened)
        }
        Message::ExternalMu(_) => Err(Unopened),
    }
}
