//! One Region's cryptography: the core's [`Crypto`] over the Region key and the transport pair.
//!
//! The Region key wraps keys for the store and does nothing else; messages are sealed under the
//! keys that callers bring. A label keeps the two uses apart (`regent/seal/v1`, `regent/wrap/v1`),
//! so that a wrapped key never opens as a message. Nothing here reads a clock, a file or a record.

use core::fmt;

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use regent_core::ids::MaterialId;
use regent_core::plaintext::{KeyBytes, Plaintext, SymmetricKey};
use regent_core::ports::{Crypto, Entropy, Pairs, TransportKey, Unopened, random};
use zeroize::Zeroizing;

use crate::digest;
use crate::invariant::sound;
use crate::opened::Opened;
use crate::pairs::SystemPairs;
use crate::sealed::{self, OVERHEAD, Under};
use crate::transport::{self, TransportPair};

const SEAL: &[&[u8]] = &[b"regent/seal/v1"];
const WRAP: &[&[u8]] = &[b"regent/wrap/v1"];
const MATERIAL_ID: &[&[u8]] = &[b"regent/material-id/v1"];

/// A Region's keys and what can be done with them. Every key is zeroized on drop.
pub struct RegionCrypto {
    pub(crate) region_key: SymmetricKey,
    pub(crate) transport: TransportPair,
    pub(crate) pairs: SystemPairs,
    pub(crate) opened: Opened,
}

impl RegionCrypto {
    /// A new identity. The ML-KEM half of the transport key pair comes from aws-lc's generator,
    /// the rest from `entropy`.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let region_key = Zeroizing::new(random(entropy));
        Self {
            region_key: SymmetricKey::new(*region_key),
            transport: TransportPair::generate(entropy),
            pairs: SystemPairs::default(),
            opened: Opened::default(),
        }
    }

    /// Lets go of keys that were kept for their next use, symmetric ones and private ones of key
    /// pairs: to be called when material may be gone.
    pub fn forget_keys(&self) {
        self.pairs.forget();
        self.opened.forget();
    }

    /// Whether any are kept.
    pub fn remembers_keys(&self) -> bool {
        self.pairs.remember() || !self.opened.is_empty()
    }

    fn wrapping<'a>(&'a self, aad: &'a [u8]) -> Under<'a> {
        Under { key: self.region_key.expose(), label: WRAP, aad }
    }
}

impl Crypto for RegionCrypto {
    fn seal(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        seal(Under { key: key.expose(), label: SEAL, aad }, plaintext, entropy)
    }

    fn open(&self, key: &SymmetricKey, aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Unopened> {
        sealed::open(Under { key: key.expose(), label: SEAL, aad }, sealed)
    }

    fn wrap(&self, aad: &[u8], material: &KeyBytes, entropy: &dyn Entropy) -> Vec<u8> {
        seal(self.wrapping(aad), material.expose(), entropy)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        sealed::open(self.wrapping(aad), wrapped).map(Plaintext::into_key)
    }

    fn unwrap_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<SymmetricKey, Unopened> {
        self.opened.get(aad, wrapped, || sealed::open_key(self.wrapping(aad), wrapped))
    }

    fn transport_key(&self) -> TransportKey {
        self.transport.public().clone()
    }

    fn seal_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        key: &SymmetricKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        transport::seal_to(peer, aad, key.expose(), entropy)
    }

    fn open_sealed(&self, aad: &[u8], sealed: &[u8]) -> Result<SymmetricKey, Unopened> {
        let opened = self.transport.open(aad, sealed)?;
        SymmetricKey::from_slice(opened.expose()).ok_or(Unopened)
    }

    fn seal_material_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        material: &KeyBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        transport::seal_to(peer, aad, material.expose(), entropy)
    }

    fn open_sealed_material(&self, aad: &[u8], sealed: &[u8]) -> Result<KeyBytes, Unopened> {
        self.transport.open(aad, sealed).map(Plaintext::into_key)
    }

    /// HKDF-SHA-256 of the material without salt, under a label of its own: it tells nothing of
    /// the material or of any message key derived from it.
    fn material_id(&self, material: &KeyBytes) -> MaterialId {
        let mut id = [0; 32];
        let prk = Salt::none(HKDF_SHA256).extract(material.expose());
        let filled = prk.expand(MATERIAL_ID, HKDF_SHA256).and_then(|okm| okm.fill(&mut id));
        sound(filled, "deriving a material id");
        MaterialId(id)
    }

    fn pairs(&self) -> &dyn Pairs {
        &self.pairs
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        digest::equal(a, b)
    }
}

impl fmt::Debug for RegionCrypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegionCrypto(redacted)")
    }
}

fn seal(under: Under<'_>, plaintext: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
    let mut out = Vec::with_capacity(plaintext.len() + OVERHEAD);
    sealed::seal_onto(&mut out, under, plaintext, entropy);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::sync::LazyLock;

    use super::*;
    use crate::entropy::SystemEntropy;
    use crate::entropy::tests::Counting;

    static A: LazyLock<RegionCrypto> = LazyLock::new(|| RegionCrypto::generate(&SystemEntropy));
    static B: LazyLock<RegionCrypto> = LazyLock::new(|| RegionCrypto::generate(&SystemEntropy));

    fn key(byte: u8) -> SymmetricKey {
        SymmetricKey::new([byte; 32])
    }

    fn material(byte: u8) -> KeyBytes {
        key(byte).into()
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", *A), "RegionCrypto(redacted)");
    }

    #[test]
    fn shared_between_threads() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<RegionCrypto>();
    }

    #[test]
    fn every_flipped_bit_fails() {
        let sealed = A.seal(&key(1), b"aad", b"hunter2", &SystemEntropy);
        let wrapped = A.wrap(b"aad", &material(2), &SystemEntropy);
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(A.open(&key(1), b"aad", &altered).is_err(), "bit {bit}");
        }
        for bit in 0..wrapped.len() * 8 {
            let mut altered = wrapped.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(A.unwrap(b"aad", &altered).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_fails() {
        let sealed = A.seal(&key(1), b"", b"hunter2", &SystemEntropy);
        let wrapped = A.wrap(b"", &material(2), &SystemEntropy);
        for len in 0..sealed.len() {
            assert!(A.open(&key(1), b"", &sealed[..len]).is_err(), "{len}");
        }
        for len in 0..wrapped.len() {
            assert!(A.unwrap(b"", &wrapped[..len]).is_err(), "{len}");
        }
    }

    /// An authentic message of another length is material, and no symmetric key.
    #[test]
    fn only_keys_unwrap() {
        for len in [0, 31, 33] {
            let wrapped = seal(A.wrapping(b""), &vec![1; len], &SystemEntropy);
            assert!(A.unwrap_key(b"", &wrapped).is_err(), "{len}");
            assert_eq!(A.unwrap(b"", &wrapped).unwrap().expose().len(), len);
        }
    }

    /// What a key was unwrapped for once does not open for anything else afterwards.
    #[test]
    fn a_kept_key_opens_nothing_that_it_would_not() {
        let region = RegionCrypto::generate(&SystemEntropy);
        let wrapped = region.wrap(b"aad", &material(2), &SystemEntropy);
        for _ in 0..2 {
            let opened = region.unwrap_key(b"aad", &wrapped).unwrap();
            assert_eq!(opened.expose(), key(2).expose());
            assert!(region.remembers_keys());
            assert!(region.unwrap_key(b"bad", &wrapped).is_err());
            for bit in 0..wrapped.len() * 8 {
                let mut altered = wrapped.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert!(region.unwrap_key(b"aad", &altered).is_err(), "bit {bit}");
            }
        }
        region.forget_keys();
        assert!(!region.remembers_keys());
    }

    #[test]
    fn uses_of_one_key_are_apart() {
        let region_key = SymmetricKey::new(*A.region_key.expose());
        let wrapped = A.wrap(b"", &material(2), &SystemEntropy);
        assert!(A.open(&region_key, b"", &wrapped).is_err());
        let sealed = A.seal(&region_key, b"", key(2).expose(), &SystemEntropy);
        assert!(A.unwrap(b"", &sealed).is_err());
    }

    #[test]
    fn regions_are_apart() {
        let wrapped = A.wrap(b"aad", &material(2), &SystemEntropy);
        assert!(B.unwrap(b"aad", &wrapped).is_err());
        let sent = A.seal_to(&B.transport_key(), b"aad", &key(2), &SystemEntropy).unwrap();
        assert_eq!(B.open_sealed(b"aad", &sent).unwrap().expose(), key(2).expose());
        assert!(A.open_sealed(b"aad", &sent).is_err());
        assert!(B.open_sealed(b"bad", &sent).is_err());
        let long = KeyBytes::new(vec![7; 2400]);
        let sent = A.seal_material_to(&B.transport_key(), b"aad", &long, &SystemEntropy).unwrap();
        assert_eq!(B.open_sealed_material(b"aad", &sent).unwrap().expose(), long.expose());
        assert!(A.open_sealed_material(b"aad", &sent).is_err());
        assert!(B.open_sealed_material(b"bad", &sent).is_err());
        assert!(B.open_sealed(b"aad", &sent).is_err(), "no data key is that long");
    }

    /// What is sealed under a multi-Region key opens in every Region that holds the key.
    #[test]
    fn sealed_messages_belong_to_no_region() {
        let sealed = A.seal(&key(1), b"aad", b"hunter2", &SystemEntropy);
        assert_eq!(B.open(&key(1), b"aad", &sealed).unwrap().expose(), b"hunter2");
        assert_eq!(A.material_id(&material(1)), B.material_id(&material(1)));
        assert_ne!(A.material_id(&material(1)), A.material_id(&material(2)));
    }

    #[test]
    fn the_given_entropy_is_the_salt() {
        let sealed = A.seal(&key(1), b"", b"x", &Counting::from(9));
        assert_eq!(sealed[..3], [9, 10, 11]);
        assert_eq!(sealed, A.seal(&key(1), b"", b"x", &Counting::from(9)));
        assert_ne!(sealed, A.seal(&key(1), b"", b"x", &Counting::from(10)));
    }

    proptest! {
        #[test]
        fn seal_round_trips(
            k: [u8; 32],
            aad: Vec<u8>,
            text in prop::collection::vec(any::<u8>(), 0..2000),
        ) {
            let sealed = A.seal(&SymmetricKey::new(k), &aad, &text, &SystemEntropy);
            prop_assert_eq!(sealed.len(), text.len() + OVERHEAD);
            let opened = A.open(&SymmetricKey::new(k), &aad, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), &text[..]);
        }

        #[test]
        fn other_key_or_aad_fails(k: [u8; 32], l: [u8; 32], aad: Vec<u8>, bad: Vec<u8>) {
            prop_assume!(k != l && aad != bad);
            let (k, l) = (SymmetricKey::new(k), SymmetricKey::new(l));
            let sealed = A.seal(&k, &aad, b"hunter2", &SystemEntropy);
            prop_assert!(A.open(&l, &aad, &sealed).is_err());
            prop_assert!(A.open(&k, &bad, &sealed).is_err());
            let wrapped = A.wrap(&aad, &KeyBytes::new(k.expose().to_vec()), &SystemEntropy);
            let unwrapped = A.unwrap_key(&aad, &wrapped).unwrap();
            prop_assert_eq!(unwrapped.expose(), k.expose());
            prop_assert!(A.unwrap(&bad, &wrapped).is_err());
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert!(A.open(&key(1), b"", &bytes).is_err());
            prop_assert!(A.unwrap(b"", &bytes).is_err());
            prop_assert!(A.open_sealed(b"", &bytes).is_err());
            prop_assert!(RegionCrypto::open_identity(&crate::RootKey::new([0; 32]), &bytes).is_err());
        }
    }
}
