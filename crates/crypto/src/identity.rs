//! A Region's identity as it outlives the process: the Region key and the transport key pair,
//! sealed under the root key.
//!
//! Bytes: version (1), then a sealed message of Region key (32), X25519 private key (32), ML-KEM
//! private key (2400) and ML-KEM public key (1184). The version is authenticated. This module
//! does not know where the bytes are kept.

use regent_core::plaintext::SymmetricKey;
use regent_core::ports::Unopened;
use zeroize::Zeroizing;

use crate::entropy::SystemEntropy;
use crate::opened::Opened;
use crate::pairs::SystemPairs;
use crate::region::RegionCrypto;
use crate::root::RootKey;
use crate::sealed::{self, OVERHEAD, Under};
use crate::transport::TransportPair;

/// The first byte of a sealed identity, and its associated data.
const VERSION: u8 = 1;
const LABEL: &[u8] = b"regent/identity/v1";
const LEN: usize = SymmetricKey::LEN + TransportPair::PRIVATE_LEN;

impl RegionCrypto {
    /// The identity sealed under the root key, in the form that [`Self::open_identity`] opens.
    /// The salt comes from aws-lc's generator, so that the bytes differ from call to call.
    pub fn seal_identity(&self, root: &RootKey) -> Vec<u8> {
        // Full capacity at once: growth would leave copies behind that are not zeroized.
        let mut identity = Zeroizing::new(Vec::with_capacity(LEN));
        identity.extend_from_slice(self.region_key.expose());
        self.transport.write_private(&mut identity);
        let mut out = Vec::with_capacity(1 + OVERHEAD + identity.len());
        out.push(VERSION);
        sealed::seal_onto(&mut out, under(root), &identity, &SystemEntropy);
        out
    }

    /// The identity that [`Self::seal_identity`] sealed, in this version of Regent or an older one.
    ///
    /// Fails when the bytes are altered, of an unknown version, or sealed under another root key.
    pub fn open_identity(root: &RootKey, bytes: &[u8]) -> Result<Self, Unopened> {
        let Some((&VERSION, sealed)) = bytes.split_first() else { return Err(Unopened) };
        let identity = sealed::open(under(root), sealed)?;
        let (region_key, transport) = identity.expose().split_first_chunk().ok_or(Unopened)?;
        Ok(Self {
            region_key: SymmetricKey::new(*region_key),
            transport: TransportPair::read_private(transport)?,
            pairs: SystemPairs::default(),
            opened: Opened::default(),
        })
    }
}

fn under(root: &RootKey) -> Under<'_> {
    Under { key: root.key().expose(), label: &[LABEL], aad: &[VERSION] }
}

#[cfg(test)]
mod tests {
    use regent_core::plaintext::KeyBytes;
    use regent_core::ports::Crypto;

    use super::*;

    fn sealed() -> (RootKey, RegionCrypto, Vec<u8>) {
        let root = RootKey::generate(&SystemEntropy);
        let region = RegionCrypto::generate(&SystemEntropy);
        let bytes = region.seal_identity(&root);
        (root, region, bytes)
    }

    #[test]
    fn opens_as_the_same_region() {
        let (root, region, bytes) = sealed();
        assert_eq!(bytes.len(), 1 + OVERHEAD + LEN);
        let again = RegionCrypto::open_identity(&root, &bytes).unwrap();
        assert_eq!(again.transport_key(), region.transport_key());
        let key = SymmetricKey::new([1; 32]);
        let wrapped = region.wrap(b"aad", &KeyBytes::new(key.expose().to_vec()), &SystemEntropy);
        assert_eq!(again.unwrap(b"aad", &wrapped).unwrap().expose(), key.expose());
        let sent = again.seal_to(&region.transport_key(), b"", &key, &SystemEntropy).unwrap();
        assert_eq!(again.open_sealed(b"", &sent).unwrap().expose(), key.expose());
    }

    #[test]
    fn altered_cut_or_under_another_root_fails() {
        let (root, _, bytes) = sealed();
        assert!(RegionCrypto::open_identity(&RootKey::new([0; 32]), &bytes).is_err());
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            assert!(RegionCrypto::open_identity(&root, &altered).is_err(), "byte {at}");
        }
        for len in (0..100).chain([bytes.len() - 1]) {
            assert!(RegionCrypto::open_identity(&root, &bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn sealed_twice_differs() {
        let (root, region, bytes) = sealed();
        assert_ne!(region.seal_identity(&root), bytes);
    }
}
