//! ECDSA on the NIST curves and secp256k1, ECDH on the NIST curves.

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKeyFormat};
use aws_lc_rs::digest::Digest;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1,
    ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    EcdsaVerificationAlgorithm, KeyPair as _, UnparsedPublicKey,
};
use regent_core::keys::spec::Curve;
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{NotAKey, Pair, Unopened};

use crate::invariant::sound;

fn algorithm(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &ECDSA_P521_SHA512_ASN1_SIGNING,
        Curve::Secp256k1 => &ECDSA_P256K1_SHA256_ASN1_SIGNING,
    }
}

fn verifying(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &ECDSA_P256_SHA256_ASN1,
        Curve::P384 => &ECDSA_P384_SHA384_ASN1,
        Curve::P521 => &ECDSA_P521_SHA512_ASN1,
        Curve::Secp256k1 => &ECDSA_P256K1_SHA256_ASN1,
    }
}

pub(super) fn generate(curve: Curve) -> Pair {
    pair(&sound(EcdsaKeyPair::generate(algorithm(curve)), "making an elliptic-curve key pair"))
}

pub(super) fn read(curve: Curve, private: &[u8]) -> Result<Pair, NotAKey> {
    signing(curve, private).map(|key| pair(&key)).map_err(|_| NotAKey)
}

fn pair(key: &EcdsaKeyPair) -> Pair {
    let private = sound(key.to_pkcs8v1(), "encoding an elliptic-curve private key");
    let public: PublicKeyX509Der<'_> =
        sound(key.public_key().as_der(), "encoding an elliptic-curve public key");
    Pair { private: KeyBytes::new(private.as_ref().to_vec()), public: public.as_ref().into() }
}

/// A key to sign with.
pub(super) fn signing(curve: Curve, private: &[u8]) -> Result<EcdsaKeyPair, Unopened> {
    EcdsaKeyPair::from_pkcs8(algorithm(curve), private).map_err(|_| Unopened)
}

/// A signature in DER.
pub(super) fn sign(key: &EcdsaKeyPair, digest: &Digest) -> Result<Vec<u8>, Unopened> {
    let signature = key.sign_digest(digest).map_err(|_| Unopened)?;
    Ok(signature.as_ref().to_vec())
}

pub(super) fn verify(
    curve: Curve,
    public: &[u8],
    digest: &Digest,
    signature: &[u8],
) -> Result<(), Unopened> {
    UnparsedPublicKey::new(verifying(curve), public)
        .verify_digest(digest, signature)
        .map_err(|_| Unopened)
}

/// Whether a SubjectPublicKeyInfo names its curve. One that spells out the curve's parameters instead
/// may spell out others, and aws-lc-rs does not look at each.
fn is_named(curve: Curve, public: &[u8]) -> bool {
    const KEY: [u8; 9] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let name: &[u8] = match curve {
        Curve::P256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        Curve::P384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        Curve::P521 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
        Curve::Secp256k1 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
    };
    // Two headers stand before: of one byte, and a length of up to three.
    let after = |at: usize| public.get(at..)?.strip_prefix(&KEY);
    (4..=8).filter_map(after).any(|rest| rest.starts_with(name))
}

pub(super) fn agree(curve: Curve, private: &[u8], peer: &[u8]) -> Result<Plaintext, Unopened> {
    let algorithm = match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
        Curve::P521 => &ECDH_P521,
        Curve::Secp256k1 => return Err(Unopened),
    };
    let private =
        agreement::PrivateKey::from_private_key_der(algorithm, private).map_err(|_| Unopened)?;
    let named = is_named(curve, peer);
    let peer = agreement::UnparsedPublicKey::new(algorithm, peer);
    let peer = agreement::ParsedPublicKey::try_from(peer).map_err(|_| Unopened)?;
    // AWS: a bare point is not a public key.
    if peer.format() != ParsedPublicKeyFormat::X509 || !named {
        return Err(Unopened);
    }
    agreement::agree(&private, peer, Unopened, |secret| Ok(Plaintext::new(secret.to_vec())))
}
