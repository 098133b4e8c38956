//! Ed25519, pure and pre-hashed (RFC 8032).
//!
//! aws-lc-rs has no Ed25519ph. It is Ed25519 of the digest with every hash begun by a fixed prefix,
//! so that `ed25519-dalek` computes it over such a hash: see `docs/adr/0006-beside-aws-lc.md`.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ed25519_dalek::hazmat::{ExpandedSecretKey, raw_sign, raw_verify};
use ed25519_dalek::{Signature, VerifyingKey};
use regent_core::plaintext::KeyBytes;
use regent_core::ports::{Message, NotAKey, Pair, Unopened};
use sha2::Sha512;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Update};
use zeroize::Zeroizing;

use crate::invariant::sound;

/// Bytes of a seed and of a public key.
const KEY_LEN: usize = 32;

pub(super) fn generate() -> Pair {
    pair(&sound(Ed25519KeyPair::generate(), "making an Ed25519 key pair"))
}

pub(super) fn read(private: &[u8]) -> Result<Pair, NotAKey> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map(|key| pair(&key)).map_err(|_| NotAKey)
}

/// The private key as RFC 8410 has it, without the public key.
fn pair(key: &Ed25519KeyPair) -> Pair {
    let private = sound(key.to_pkcs8v1(), "encoding an Ed25519 private key");
    let public: PublicKeyX509Der<'_> =
        sound(key.public_key().as_der(), "encoding an Ed25519 public key");
    Pair { private: KeyBytes::new(private.as_ref().to_vec()), public: public.as_ref().into() }
}

pub(super) fn sign(private: &[u8], message: Message<'_>) -> Result<Vec<u8>, Unopened> {
    let Message::Raw(message) = message else { return Err(Unopened) };
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map_err(|_| Unopened)?;
    Ok(key.try_sign(message).map_err(|_| Unopened)?.as_ref().to_vec())
}

pub(super) fn verify(
    public: &[u8],
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), Unopened> {
    let Message::Raw(message) = message else { return Err(Unopened) };
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).map_err(|_| Unopened)
}

pub(super) fn sign_prehashed(private: &[u8], digest: &[u8]) -> Result<Vec<u8>, Unopened> {
    let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map_err(|_| Unopened)?;
    let seed = key.seed().map_err(|_| Unopened)?;
    let seed = aws_lc_rs::encoding::AsBigEndian::<
        aws_lc_rs::encoding::Curve25519SeedBin<'static>,
    >::as_be_bytes(&seed)
    .map_err(|_| Unopened)?;
    let seed: Zeroizing<[u8; KEY_LEN]> =
        Zeroizing::new(seed.as_ref().try_into().map_err(|_| Unopened)?);
    let expanded = ExpandedSecretKey::from(&*seed);
    let public = VerifyingKey::from(&expanded);
    Ok(raw_sign::<Prehashed>(&expanded, digest, &public).to_bytes().to_vec())
}

pub(super) fn verify_prehashed(
    public: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), Unopened> {
    let public: &[u8; KEY_LEN] = public.last_chunk().ok_or(Unopened)?;
    let public = VerifyingKey::from_bytes(public).map_err(|_| Unopened)?;
    let signature = Signature::from_slice(signature).map_err(|_| Unopened)?;
    raw_verify::<Prehashed>(&public, digest, &signature).map_err(|_| Unopened)
}

/// SHA-512 begun with RFC 8032's `dom2(1, "")`: pre-hashed, without a context.
struct Prehashed(Sha512);

impl Default for Prehashed {
    fn default() -> Self {
        let mut hash = Sha512::default();
        Update::update(&mut hash, b"SigEd25519 no Ed25519 collisions\x01\x00");
        Self(hash)
    }
}

impl OutputSizeUser for Prehashed {
    type OutputSize = <Sha512 as OutputSizeUser>::OutputSize;
}

impl Update for Prehashed {
    fn update(&mut self, data: &[u8]) {
        Update::update(&mut self.0, data);
    }
}

impl FixedOutput for Prehashed {
    fn finalize_into(self, out: &mut Output<Self>) {
        FixedOutput::finalize_into(self.0, out);
    }
}

impl HashMarker for Prehashed {}
