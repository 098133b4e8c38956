//! ML-DSA (FIPS 204): signatures of messages, and of representatives that were made elsewhere.
//!
//! aws-lc-rs signs messages only. A representative (`mu`) is signed and verified with the `ml-dsa`
//! crate, deterministically: see `docs/adr/0006-beside-aws-lc.md`. Private keys are seeds.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
    UnparsedPublicKey,
};
use ml_dsa::{
    EncodedVerifyingKey, ExpandedSigningKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Seed,
    Signature, VerifyingKey,
};
use regent_core::keys::spec::MlDsa;
use regent_core::plaintext::KeyBytes;
use regent_core::ports::{MU_LEN, Message, NotAKey, Pair, Unopened};
use zeroize::Zeroizing;

use crate::invariant::sound;

const SEED_LEN: usize = 32; // FIPS 204, algorithm 1
/// What stands before the seed in PKCS#8: version, algorithm (RFC 9881), and the choice of a seed.
const PKCS8_LEN: usize = 22 + SEED_LEN;

fn signing(set: MlDsa) -> &'static PqdsaSigningAlgorithm {
    match set {
        MlDsa::MlDsa44 => &ML_DSA_44_SIGNING,
        MlDsa::MlDsa65 => &ML_DSA_65_SIGNING,
        MlDsa::MlDsa87 => &ML_DSA_87_SIGNING,
    }
}

fn verifying(set: MlDsa) -> &'static PqdsaVerificationAlgorithm {
    match set {
        MlDsa::MlDsa44 => &ML_DSA_44,
        MlDsa::MlDsa65 => &ML_DSA_65,
        MlDsa::MlDsa87 => &ML_DSA_87,
    }
}

pub(super) fn generate(set: MlDsa) -> Pair {
    let key = sound(PqdsaKeyPair::generate(signing(set)), "making an ML-DSA key pair");
    sound(pair(&key), "encoding an ML-DSA key pair")
}

/// A key without its seed is none: it could not be written down again.
pub(super) fn read(set: MlDsa, private: &[u8]) -> Result<Pair, NotAKey> {
    pair(&PqdsaKeyPair::from_pkcs8(signing(set), private).map_err(|_| NotAKey)?)
}

fn pair(key: &PqdsaKeyPair) -> Result<Pair, NotAKey> {
    let private = key.to_pkcs8v1().map_err(|_| NotAKey)?;
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().map_err(|_| NotAKey)?;
    if private.as_ref().len() != PKCS8_LEN {
        return Err(NotAKey);
    }
    Ok(Pair { private: KeyBytes::new(private.as_ref().to_vec()), public: public.as_ref().into() })
}

pub(super) fn sign(set: MlDsa, private: &[u8], message: Message<'_>) -> Result<Vec<u8>, Unopened> {
    match (message, set) {
        (Message::Raw(message), _) => {
            let key = PqdsaKeyPair::from_pkcs8(signing(set), private).map_err(|_| Unopened)?;
            let mut signature = vec![0; signing(set).signature_len()];
            let len = key.sign(message, &mut signature).map_err(|_| Unopened)?;
            signature.truncate(len);
            Ok(signature)
        }
        (Message::ExternalMu(mu), MlDsa::MlDsa44) => sign_mu::<MlDsa44>(private, mu),
        (Message::ExternalMu(mu), MlDsa::MlDsa65) => sign_mu::<MlDsa65>(private, mu),
        (Message::ExternalMu(mu), MlDsa::MlDsa87) => sign_mu::<MlDsa87>(private, mu),
        (Message::Digest(_), _) => Err(Unopened),
    }
}

pub(super) fn verify(
    set: MlDsa,
    public: &[u8],
    message: Message<'_>,
    signature: &[u8],
) -> Result<(), Unopened> {
    match (message, set) {
        (Message::Raw(message), _) => UnparsedPublicKey::new(verifying(set), public)
            .verify(message, signature)
            .map_err(|_| Unopened),
        (Message::ExternalMu(mu), MlDsa::MlDsa44) => verify_mu::<MlDsa44>(public, mu, signature),
        (Message::ExternalMu(mu), MlDsa::MlDsa65) => verify_mu::<MlDsa65>(public, mu, signature),
        (Message::ExternalMu(mu), MlDsa::MlDsa87) => verify_mu::<MlDsa87>(public, mu, signature),
        (Message::Digest(_), _) => Err(Unopened),
    }
}

fn sign_mu<P: MlDsaParams>(private: &[u8], mu: &[u8; MU_LEN]) -> Result<Vec<u8>, Unopened> {
    let seed: &[u8; SEED_LEN] = private.last_chunk().ok_or(Unopened)?;
    let seed: Zeroizing<Seed> = Zeroizing::new((*seed).into());
    let key = ExpandedSigningKey::<P>::from_seed(&seed);
    Ok(key.sign_mu_deterministic(&(*mu).into()).encode().to_vec())
}

fn verify_mu<P: MlDsaParams>(
    public: &[u8],
    mu: &[u8; MU_LEN],
    signature: &[u8],
) -> Result<(), Unopened> {
    let len = size_of::<EncodedVerifyingKey<P>>();
    let at = public.len().checked_sub(len).ok_or(Unopened)?;
    let (_, encoded) = public.split_at(at);
    let encoded = EncodedVerifyingKey::<P>::try_from(encoded).map_err(|_| Unopened)?;
    let signature = Signature::<P>::try_from(signature).map_err(|_| Unopened)?;
    let valid = VerifyingKey::<P>::decode(&encoded).verify_mu(&(*mu).into(), &signature);
    if valid { Ok(()) } else { Err(Unopened) }
}
