//! Bytes of earlier versions, which must open for ever.
//!
//! The messages of `regent/seal/v1` and `regent/wrap/v1` and the material id were computed with
//! another library, from the description in [`crate::sealed`] alone. The files in `testdata` were
//! written by this crate when their version was new. They are added to, never replaced.

use regent_core::plaintext::SymmetricKey;
use regent_core::ports::Crypto;

use crate::digest::hex;
use crate::entropy::tests::Counting;
use crate::{RegionCrypto, RootKey};

const AAD: &[u8] = b"golden aad";

/// Of key 0..32, salt 32..64, [`AAD`] and `hunter2`.
const SEALED_V1: &str = "\
    202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3fc1d58ed5e277d3d5a9d49c636a\
    de08e691b54595e46c06";

/// Of key 0..32, salt 32..64, no associated data and no plaintext.
const SEALED_EMPTY_V1: &str = "\
    202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3ff4de0fc30e946439f164214eb2\
    ddf561";

/// Of Region key 0..32, salt 32..64, [`AAD`] and the key 64..96.
const WRAPPED_V1: &str = "\
    202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3fcf7d4fb64d9ccd31bc9bdbd605\
    31b0564188f63a47636a7a602c5ee8d67bee1d0b003b14f8295041563fa2cddb9c251d";

/// Of the material 0..32.
const MATERIAL_ID_V1: &str = "5e7ff3a268e018f597d10aa451bd37051f88dbd53cd570a3f1abc6d73d383942";

/// Under the root key 160..192; the Region key is 0..32.
const IDENTITY_V1: &[u8] = include_bytes!("../testdata/identity-v1.bin");

/// The key 64..96, sealed with [`AAD`] to the Region of [`IDENTITY_V1`].
const TRANSPORT_V1: &[u8] = include_bytes!("../testdata/transport-v1.bin");

fn counted<const FIRST: u8>() -> [u8; 32] {
    core::array::from_fn(|at| FIRST + u8::try_from(at).unwrap_or_default())
}

fn key() -> SymmetricKey {
    SymmetricKey::new(counted::<0>())
}

fn other_key() -> SymmetricKey {
    SymmetricKey::new(counted::<64>())
}

fn identity() -> RegionCrypto {
    RegionCrypto::open_identity(&RootKey::new(counted::<160>()), IDENTITY_V1).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

#[test]
fn sealed_messages() {
    let region = identity();
    let salt = Counting::from(32);
    assert_eq!(hex(&region.seal(&key(), AAD, b"hunter2", &salt)), SEALED_V1);
    assert_eq!(region.open(&key(), AAD, &unhex(SEALED_V1)).unwrap().expose(), b"hunter2");

    let salt = Counting::from(32);
    assert_eq!(hex(&region.seal(&key(), b"", b"", &salt)), SEALED_EMPTY_V1);
    assert!(region.open(&key(), b"", &unhex(SEALED_EMPTY_V1)).unwrap().is_empty());
}

#[test]
fn wrapped_keys() {
    let region = identity();
    let salt = Counting::from(32);
    assert_eq!(hex(&region.wrap(AAD, &other_key().into(), &salt)), WRAPPED_V1);
    assert_eq!(region.unwrap(AAD, &unhex(WRAPPED_V1)).unwrap().expose(), other_key().expose());
    assert_eq!(region.unwrap_key(AAD, &unhex(WRAPPED_V1)).unwrap().expose(), other_key().expose());
}

#[test]
fn material_ids() {
    assert_eq!(identity().material_id(&key().into()).to_string(), MATERIAL_ID_V1);
}

#[test]
fn keys_sealed_to_a_region() {
    let opened = identity().open_sealed(AAD, TRANSPORT_V1).unwrap();
    assert_eq!(opened.expose(), other_key().expose());
}
