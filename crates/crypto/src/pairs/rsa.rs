//! RSA: key pairs, OAEP, and signatures with PSS and PKCS#1 v1.5.
//!
//! The salt of PSS is as long as the hash. Keys of another size than the spec's are none.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaParameters, RsaSignatureEncoding, UnparsedPublicKey,
};
use regent_core::keys::spec::{OaepHash, RsaSize, SignHash};
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{NotAKey, Pair, Unopened};
use zeroize::Zeroizing;

use crate::invariant::sound;

pub(super) fn generate(size: RsaSize) -> Pair {
    let size = match size {
        RsaSize::Bits2048 => KeySize::Rsa2048,
        RsaSize::Bits3072 => KeySize::Rsa3072,
        RsaSize::Bits4096 => KeySize::Rsa4096,
    };
    pair(&sound(KeyPair::generate(size), "making an RSA key pair"))
}

pub(super) fn read(size: RsaSize, private: &[u8]) -> Result<Pair, NotAKey> {
    let key = KeyPair::from_pkcs8(private).map_err(|_| NotAKey)?;
    if key.public_modulus_len() == size.modulus_len() { Ok(pair(&key)) } else { Err(NotAKey) }
}

fn pair(key: &KeyPair) -> Pair {
    let private: Pkcs8V1Der<'_> = sound(key.as_der(), "encoding an RSA private key");
    let public: PublicKeyX509Der<'_> =
        sound(key.public_key().as_der(), "encoding an RSA public key");
    Pair { private: KeyBytes::new(private.as_ref().to_vec()), public: public.as_ref().into() }
}

pub(super) fn pss(hash: SignHash) -> &'static RsaSignatureEncoding {
    match hash {
        SignHash::Sha256 => &RSA_PSS_SHA256,
        SignHash::Sha384 => &RSA_PSS_SHA384,
        SignHash::Sha512 => &RSA_PSS_SHA512,
    }
}

pub(super) fn pkcs1(hash: SignHash) -> &'static RsaSignatureEncoding {
    match hash {
        SignHash::Sha256 => &RSA_PKCS1_SHA256,
        SignHash::Sha384 => &RSA_PKCS1_SHA384,
        SignHash::Sha512 => &RSA_PKCS1_SHA512,
    }
}

/// How signatures of [`pss`] are verified.
pub(super) fn pss_of(hash: SignHash) -> &'static RsaParameters {
    match hash {
        SignHash::Sha256 => &RSA_PSS_2048_8192_SHA256,
        SignHash::Sha384 => &RSA_PSS_2048_8192_SHA384,
        SignHash::Sha512 => &RSA_PSS_2048_8192_SHA512,
    }
}

/// How signatures of [`pkcs1`] are verified.
pub(super) fn pkcs1_of(hash: SignHash) -> &'static RsaParameters {
    match hash {
        SignHash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        SignHash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
        SignHash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
    }
}

/// A key to sign with.
pub(super) fn signing(private: &[u8]) -> Result<KeyPair, Unopened> {
    KeyPair::from_pkcs8(private).map_err(|_| Unopened)
}

pub(super) fn sign(
    key: &KeyPair,
    encoding: &'static RsaSignatureEncoding,
    digest: &aws_lc_rs::digest::Digest,
) -> Result<Vec<u8>, Unopened> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign_digest(encoding, digest, &mut signature).map_err(|_| Unopened)?;
    Ok(signature)
}

pub(super) fn verify(
    public: &[u8],
    parameters: &'static RsaParameters,
    digest: &aws_lc_rs::digest::Digest,
    signature: &[u8],
) -> Result<(), Unopened> {
    UnparsedPublicKey::new(parameters, public)
        .verify_digest(digest, signature)
        .map_err(|_| Unopened)
}

fn oaep(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
    }
}

pub(super) fn encrypt(
    public: &[u8],
    hash: OaepHash,
    plaintext: &[u8],
) -> Result<Vec<u8>, Unopened> {
    let key = PublicEncryptingKey::from_der(public).map_err(|_| Unopened)?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| Unopened)?;
    let mut out = vec![0; key.ciphertext_size()];
    let len = key.encrypt(oaep(hash), plaintext, &mut out, None).map_err(|_| Unopened)?.len();
    out.truncate(len);
    Ok(out)
}

/// A key to decrypt with.
pub(super) fn decrypting(private: &[u8]) -> Result<OaepPrivateDecryptingKey, Unopened> {
    let key = PrivateDecryptingKey::from_pkcs8(private).map_err(|_| Unopened)?;
    OaepPrivateDecryptingKey::new(key).map_err(|_| Unopened)
}

pub(super) fn decrypt(
    key: &OaepPrivateDecryptingKey,
    hash: OaepHash,
    ciphertext: &[u8],
) -> Result<Plaintext, Unopened> {
    let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
    let opened = key.decrypt(oaep(hash), ciphertext, &mut out, None).map_err(|_| Unopened)?;
    Ok(Plaintext::new(opened.to_vec()))
}
