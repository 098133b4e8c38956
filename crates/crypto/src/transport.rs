//! Keys on their way from one Region to another: a hybrid, post-quantum sealed box.
//!
//! X25519 and ML-KEM-768 (FIPS 203) each give a shared secret; both, and everything that was sent
//! to agree on them, go into the derivation of the message key, so that the box holds while either
//! of the two does. It does not say who sealed it: that is for mutual TLS and the associated data.
//! ML-KEM keys and ephemeral keys come from aws-lc's generator whatever entropy is given, so that
//! sealed bytes differ between two simulator runs of one seed, while their meaning does not.
//!
//! Public key: version (1), X25519 public (32), ML-KEM public (1184).
//! Box: version (1), ephemeral X25519 public (32), ML-KEM ciphertext (1088), sealed message.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
use aws_lc_rs::kem::{Ciphertext, DecapsulationKey, EncapsulationKey, ML_KEM_768};
use regent_core::plaintext::Plaintext;
use regent_core::ports::{Entropy, TransportKey, Unopened, random};
use zeroize::Zeroizing;

use crate::invariant::sound;
use crate::sealed::{self, OVERHEAD, Under};

/// The first byte of a public key and of a box.
const VERSION: u8 = 1;
const LABEL: &[u8] = b"regent/transport/v1";

const X25519_LEN: usize = 32; // RFC 7748, all of private key, public key and shared secret
const KEM_PRIVATE_LEN: usize = 2400; // FIPS 203, table 3
const KEM_PUBLIC_LEN: usize = 1184; // FIPS 203, table 3
const KEM_CIPHERTEXT_LEN: usize = 1088; // FIPS 203, table 3
const KEM_SHARED_LEN: usize = 32; // FIPS 203, table 3

const HEADER_LEN: usize = 1 + X25519_LEN + KEM_CIPHERTEXT_LEN;

/// A Region's transport key pair.
pub(crate) struct TransportPair {
    x25519: PrivateKey,
    kem: DecapsulationKey,
    public: TransportKey,
}

impl TransportPair {
    /// Bytes in the form that [`Self::write_private`] writes.
    pub(crate) const PRIVATE_LEN: usize = X25519_LEN + KEM_PRIVATE_LEN + KEM_PUBLIC_LEN;

    /// A new pair: the X25519 key from `entropy`, the ML-KEM key from aws-lc's generator.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let seed = Zeroizing::new(random::<X25519_LEN>(entropy));
        let x25519 =
            sound(PrivateKey::from_private_key(&X25519, &*seed), "making an X25519 key pair");
        let kem = sound(DecapsulationKey::generate(&ML_KEM_768), "making an ML-KEM key pair");
        let kem_public = sound(
            kem.encapsulation_key().and_then(|key| key.key_bytes()),
            "reading an ML-KEM public key",
        );
        let public = public_key(&x25519, kem_public.as_ref());
        Self { x25519, kem, public }
    }

    /// Appends the X25519 private key, the ML-KEM private key and the ML-KEM public key, which
    /// aws-lc does not recover from the private one.
    pub(crate) fn write_private(&self, out: &mut Zeroizing<Vec<u8>>) {
        let seed: Curve25519SeedBin<'_> = sound(self.x25519.as_be_bytes(), "reading an X25519 key");
        let kem = sound(self.kem.key_bytes(), "reading an ML-KEM key");
        let (_, kem_public) = self.public.0.split_at(1 + X25519_LEN);
        out.extend_from_slice(seed.as_ref());
        out.extend_from_slice(kem.as_ref());
        out.extend_from_slice(kem_public);
    }

    /// The pair that [`Self::write_private`] wrote.
    pub(crate) fn read_private(bytes: &[u8]) -> Result<Self, Unopened> {
        let (seed, rest) = bytes.split_first_chunk::<X25519_LEN>().ok_or(Unopened)?;
        let (kem, rest) = rest.split_first_chunk::<KEM_PRIVATE_LEN>().ok_or(Unopened)?;
        let kem_public: &[u8; KEM_PUBLIC_LEN] = rest.try_into().map_err(|_| Unopened)?;
        let x25519 = PrivateKey::from_private_key(&X25519, seed).map_err(|_| Unopened)?;
        let kem = DecapsulationKey::new(&ML_KEM_768, kem).map_err(|_| Unopened)?;
        let public = public_key(&x25519, kem_public);
        Ok(Self { x25519, kem, public })
    }

    pub(crate) fn public(&self) -> &TransportKey {
        &self.public
    }

    /// Opens what [`seal_to`] made for this pair's public key.
    pub(crate) fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Unopened> {
        let (header, message) = sealed.split_first_chunk::<HEADER_LEN>().ok_or(Unopened)?;
        let (version, rest) = header.split_first().ok_or(Unopened)?;
        if *version != VERSION {
            return Err(Unopened);
        }
        let (ephemeral, kem_ciphertext) = rest.split_at(X25519_LEN);
        let kem_shared =
            self.kem.decapsulate(Ciphertext::from(kem_ciphertext)).map_err(|_| Unopened)?;
        let shared = combine(&self.x25519, ephemeral, kem_shared.as_ref())?;
        let label: &[&[u8]] = &[LABEL, header, &self.public.0];
        sealed::open(Under { key: &*shared, label, aad }, message)
    }
}

/// Seals `key` to the holder of `peer`'s private half. Refused when `peer` is no transport key.
pub(crate) fn seal_to(
    peer: &TransportKey,
    aad: &[u8],
    key: &[u8],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Unopened> {
    let (peer_x25519, peer_kem) = split_public(peer)?;
    let ephemeral = sound(PrivateKey::generate(&X25519), "making an ephemeral X25519 key");
    let peer_kem = EncapsulationKey::new(&ML_KEM_768, peer_kem).map_err(|_| Unopened)?;
    let (kem_ciphertext, kem_shared) = peer_kem.encapsulate().map_err(|_| Unopened)?;
    let shared = combine(&ephemeral, peer_x25519, kem_shared.as_ref())?;

    let mut header = Vec::with_capacity(HEADER_LEN);
    header.push(VERSION);
    header.extend_from_slice(x25519_public(&ephemeral).as_ref());
    header.extend_from_slice(kem_ciphertext.as_ref());
    let mut out = Vec::with_capacity(header.len() + OVERHEAD + key.len());
    out.extend_from_slice(&header);
    let label: &[&[u8]] = &[LABEL, &header, &peer.0];
    sealed::seal_onto(&mut out, Under { key: &*shared, label, aad }, key, entropy);
    Ok(out)
}

/// Both shared secrets, ML-KEM's first. Refused when the other side's X25519 key is one of the
/// few that make the shared secret zero.
fn combine(
    private: &PrivateKey,
    public: &[u8],
    kem_shared: &[u8],
) -> Result<Zeroizing<[u8; KEM_SHARED_LEN + X25519_LEN]>, Unopened> {
    agreement::agree(private, UnparsedPublicKey::new(&X25519, public), Unopened, |x_shared| {
        let mut both = Zeroizing::new([0; KEM_SHARED_LEN + X25519_LEN]);
        let (kem, x25519) = both.split_at_mut(KEM_SHARED_LEN);
        kem.copy_from_slice(kem_shared);
        x25519.copy_from_slice(x_shared);
        Ok(both)
    })
}

fn public_key(x25519: &PrivateKey, kem_public: &[u8]) -> TransportKey {
    let mut bytes = Vec::with_capacity(1 + X25519_LEN + KEM_PUBLIC_LEN);
    bytes.push(VERSION);
    bytes.extend_from_slice(x25519_public(x25519).as_ref());
    bytes.extend_from_slice(kem_public);
    TransportKey(bytes.into())
}

/// The X25519 and the ML-KEM public key of a transport key.
fn split_public(key: &TransportKey) -> Result<(&[u8], &[u8]), Unopened> {
    match key.0.split_first() {
        Some((&VERSION, rest)) if rest.len() == X25519_LEN + KEM_PUBLIC_LEN => {
            Ok(rest.split_at(X25519_LEN))
        }
        _ => Err(Unopened),
    }
}

fn x25519_public(key: &PrivateKey) -> agreement::PublicKey {
    sound(key.compute_public_key(), "computing an X25519 public key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    const KEY: &[u8] = &[5; 32];

    #[test]
    fn every_flipped_bit_fails() {
        let pair = TransportPair::generate(&SystemEntropy);
        let sealed = seal_to(pair.public(), b"aad", KEY, &SystemEntropy).unwrap();
        assert_eq!(sealed.len(), HEADER_LEN + OVERHEAD + KEY.len());
        assert_eq!(pair.open(b"aad", &sealed).unwrap().expose(), KEY);
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut altered = sealed.clone();
                altered[at] ^= 1 << bit;
                assert!(pair.open(b"aad", &altered).is_err(), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn every_other_length_fails() {
        let pair = TransportPair::generate(&SystemEntropy);
        let mut sealed = seal_to(pair.public(), b"aad", KEY, &SystemEntropy).unwrap();
        for len in 0..sealed.len() {
            assert!(pair.open(b"aad", &sealed[..len]).is_err(), "{len}");
        }
        sealed.push(0);
        assert!(pair.open(b"aad", &sealed).is_err());
    }

    #[test]
    fn neither_half_alone_opens() {
        let a = TransportPair::generate(&SystemEntropy);
        let b = TransportPair::generate(&SystemEntropy);
        let sealed = seal_to(a.public(), b"aad", KEY, &SystemEntropy).unwrap();
        let private = |pair: &TransportPair| {
            let mut bytes = Zeroizing::new(Vec::new());
            pair.write_private(&mut bytes);
            bytes
        };
        let (a, b) = (private(&a), private(&b));
        for (x25519, kem, opens) in [(&a, &a, true), (&a, &b, false), (&b, &a, false)] {
            let mut bytes = x25519[..X25519_LEN].to_vec();
            bytes.extend_from_slice(&kem[X25519_LEN..X25519_LEN + KEM_PRIVATE_LEN]);
            bytes.extend_from_slice(&a[X25519_LEN + KEM_PRIVATE_LEN..]);
            let pair = TransportPair::read_private(&bytes).unwrap();
            assert_eq!(pair.open(b"aad", &sealed).is_ok(), opens);
        }
    }

    #[test]
    fn only_transport_keys_are_sealed_to() {
        let pair = TransportPair::generate(&SystemEntropy);
        let good = pair.public().0.to_vec();
        let mut other_version = good.clone();
        other_version[0] = 2;
        let mut zero_point = good.clone();
        zero_point[1..=X25519_LEN].fill(0);
        let mut unreduced = good.clone();
        unreduced[1 + X25519_LEN..].fill(0xff);
        let longer = [&good[..], &[0]].concat();
        let shorter = good[..good.len() - 1].to_vec();
        for bad in [vec![], vec![1], other_version, zero_point, unreduced, longer, shorter] {
            let peer = TransportKey(bad.into());
            assert!(seal_to(&peer, b"", KEY, &SystemEntropy).is_err());
        }
    }

    #[test]
    fn private_form_round_trips() {
        let pair = TransportPair::generate(&SystemEntropy);
        let mut bytes = Zeroizing::new(Vec::new());
        pair.write_private(&mut bytes);
        assert_eq!(bytes.len(), TransportPair::PRIVATE_LEN);
        let again = TransportPair::read_private(&bytes).unwrap();
        assert_eq!(again.public(), pair.public());
        for len in [0, 31, 32, 2431, 2432, bytes.len() - 1] {
            assert!(TransportPair::read_private(&bytes[..len]).is_err());
        }
    }
}
