//! ML-KEM (FIPS 203), and its keys in DER (RFC 9935), which aws-lc-rs leaves to others.
//!
//! A private key is the expanded decapsulation key. It contains the encapsulation key, which
//! aws-lc-rs does not recover by itself.

use aws_lc_rs::kem::{
    Algorithm, AlgorithmId, Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768,
    ML_KEM_1024,
};
use regent_core::keys::spec::MlKem;
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{Encapsulated, NotAKey, Pair, Unopened};

use crate::invariant::sound;

/// The numbers of a parameter set: FIPS 203, table 3.
struct Set {
    algorithm: &'static Algorithm<AlgorithmId>,
    /// The last byte of the object identifier.
    oid: u8,
    public_len: u16,
    private_len: u16,
    ciphertext_len: usize,
}

/// Bytes at the end of a decapsulation key, after the encapsulation key: a hash and a seed.
const AFTER_PUBLIC_LEN: usize = 64;
/// An algorithm identifier without its last byte: 2.16.840.1.101.3.4.4.
const ALGORITHM: [u8; 12] =
    [0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04];
/// Bytes of a DER header whose length takes two bytes, as every length here does.
const HEADER_LEN: u16 = 4;

const fn set(of: MlKem) -> Set {
    match of {
        MlKem::MlKem512 => Set {
            algorithm: &ML_KEM_512,
            oid: 1,
            public_len: 800,
            private_len: 1632,
            ciphertext_len: 768,
        },
        MlKem::MlKem768 => Set {
            algorithm: &ML_KEM_768,
            oid: 2,
            public_len: 1184,
            private_len: 2400,
            ciphertext_len: 1088,
        },
        MlKem::MlKem1024 => Set {
            algorithm: &ML_KEM_1024,
            oid: 3,
            public_len: 1568,
            private_len: 3168,
            ciphertext_len: 1568,
        },
    }
}

impl Set {
    /// What stands before the encapsulation key in SubjectPublicKeyInfo.
    fn public_header(&self) -> Vec<u8> {
        let mut der = Vec::new();
        let algorithm_len = 13;
        header(&mut der, 0x30, algorithm_len + HEADER_LEN + 1 + self.public_len);
        der.extend_from_slice(&ALGORITHM);
        der.push(self.oid);
        header(&mut der, 0x03, 1 + self.public_len);
        der.push(0);
        der
    }

    /// What stands before the expanded decapsulation key in PKCS#8.
    fn private_header(&self) -> Vec<u8> {
        let mut der = Vec::new();
        let version_and_algorithm_len = 3 + 13;
        header(&mut der, 0x30, version_and_algorithm_len + 2 * HEADER_LEN + self.private_len);
        der.extend_from_slice(&[0x02, 0x01, 0x00]);
        der.extend_from_slice(&ALGORITHM);
        der.push(self.oid);
        header(&mut der, 0x04, HEADER_LEN + self.private_len);
        header(&mut der, 0x04, self.private_len);
        der
    }

    /// The decapsulation key in PKCS#8.
    fn private<'a>(&self, pkcs8: &'a [u8]) -> Result<&'a [u8], Unopened> {
        let key = pkcs8.strip_prefix(&*self.private_header()).ok_or(Unopened)?;
        if key.len() == usize::from(self.private_len) { Ok(key) } else { Err(Unopened) }
    }

    fn pair(&self, private: &[u8]) -> Result<Pair, NotAKey> {
        let end = private.len().checked_sub(AFTER_PUBLIC_LEN).ok_or(NotAKey)?;
        let start = end.checked_sub(usize::from(self.public_len)).ok_or(NotAKey)?;
        let encapsulation_key = private.get(start..end).ok_or(NotAKey)?;
        let public = [&*self.public_header(), encapsulation_key].concat();
        let head = self.private_header();
        let mut pkcs8 = Vec::with_capacity(head.len() + private.len());
        pkcs8.extend_from_slice(&head);
        pkcs8.extend_from_slice(private);
        Ok(Pair { private: KeyBytes::new(pkcs8), public: public.into() })
    }
}

fn header(der: &mut Vec<u8>, tag: u8, len: u16) {
    der.extend_from_slice(&[tag, 0x82]);
    der.extend_from_slice(&len.to_be_bytes());
}

pub(super) fn generate(of: MlKem) -> Pair {
    let set = set(of);
    let key = sound(DecapsulationKey::generate(set.algorithm), "making an ML-KEM key pair");
    let private = sound(key.key_bytes(), "reading an ML-KEM private key");
    sound(set.pair(private.as_ref()), "encoding an ML-KEM key pair")
}

/// aws-lc-rs checks nothing but the length, so a secret is sent to the key's own public half.
pub(super) fn read(of: MlKem, pkcs8: &[u8]) -> Result<Pair, NotAKey> {
    let set = set(of);
    let private = set.private(pkcs8).map_err(|_| NotAKey)?;
    let pair = set.pair(private)?;
    let sent = encapsulate(of, &pair.public).map_err(|_| NotAKey)?;
    let got = decapsulate(of, pkcs8, &sent.ciphertext).map_err(|_| NotAKey)?;
    if got.expose() == sent.secret.expose() { Ok(pair) } else { Err(NotAKey) }
}

pub(super) fn encapsulate(of: MlKem, public: &[u8]) -> Result<Encapsulated, Unopened> {
    let set = set(of);
    let public = public.strip_prefix(&*set.public_header()).ok_or(Unopened)?;
    let key = EncapsulationKey::new(set.algorithm, public).map_err(|_| Unopened)?;
    let (ciphertext, secret) = key.encapsulate().map_err(|_| Unopened)?;
    let secret = Plaintext::new(secret.as_ref().to_vec());
    Ok(Encapsulated { secret, ciphertext: ciphertext.as_ref().to_vec() })
}

pub(super) fn decapsulate(
    of: MlKem,
    pkcs8: &[u8],
    ciphertext: &[u8],
) -> Result<Plaintext, Unopened> {
    let set = set(of);
    if ciphertext.len() != set.ciphertext_len {
        return Err(Unopened);
    }
    let key = DecapsulationKey::new(set.algorithm, set.private(pkcs8)?).map_err(|_| Unopened)?;
    let secret = key.decapsulate(Ciphertext::from(ciphertext)).map_err(|_| Unopened)?;
    Ok(Plaintext::new(secret.as_ref().to_vec()))
}
