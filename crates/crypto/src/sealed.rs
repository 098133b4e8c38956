//! The one construction by which everything here is sealed: salt, ciphertext, tag.
//!
//! AES-256-GCM under a message key that HKDF-SHA-256 derives from the given key and a random salt
//! of 32 bytes. The label (HKDF's info) keeps the uses of one key apart and stands for the version
//! of the format. The associated data is authenticated and not contained. This module does not
//! know what it seals.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use regent_core::plaintext::{Plaintext, SymmetricKey};
use regent_core::ports::{Entropy, SALT_LEN, Unopened};
use zeroize::Zeroizing;

use crate::invariant::sound;

/// Bytes of AES-GCM's tag, which a sealed message ends with.
pub(crate) const TAG_LEN: usize = 16;

/// Bytes that sealing adds to a message.
pub(crate) const OVERHEAD: usize = SALT_LEN + TAG_LEN;

/// What a message is sealed under. The label's parts are concatenated; all that vary have a fixed
/// length.
#[derive(Clone, Copy)]
pub(crate) struct Under<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) label: &'a [&'a [u8]],
    pub(crate) aad: &'a [u8],
}

/// Appends the sealed `plaintext` to `out`: [`OVERHEAD`] bytes more than the plaintext.
pub(crate) fn seal_onto(
    out: &mut Vec<u8>,
    under: Under<'_>,
    plaintext: &[u8],
    entropy: &dyn Entropy,
) {
    let start = out.len();
    out.resize(start + OVERHEAD + plaintext.len(), 0);
    let (_, message) = out.split_at_mut(start);
    let (salt, body) = message.split_at_mut(SALT_LEN);
    let (ciphertext, tag) = body.split_at_mut(plaintext.len());
    entropy.fill(salt);
    // Out of place, so that the plaintext is never in a buffer that is not zeroized.
    let result = under.message_key(salt).seal_out_of_place_scatter(
        nonce(),
        Aad::from(under.aad),
        plaintext,
        ciphertext,
        &[],
        tag,
    );
    sound(result, "sealing");
}

/// Opens a message of any length.
pub(crate) fn open(under: Under<'_>, sealed: &[u8]) -> Result<Plaintext, Unopened> {
    let message = Message::split(sealed)?;
    // Zeroized also when the message does not open: aws-lc leaves the buffer unspecified then.
    let mut bytes = Zeroizing::new(vec![0; message.ciphertext.len()]);
    message.open_into(under, &mut bytes)?;
    Ok(Plaintext::new(core::mem::take(&mut *bytes)))
}

/// Opens a message that is a key.
pub(crate) fn open_key(under: Under<'_>, sealed: &[u8]) -> Result<SymmetricKey, Unopened> {
    let mut bytes = Zeroizing::new([0; SymmetricKey::LEN]);
    Message::split(sealed)?.open_into(under, &mut *bytes)?;
    Ok(SymmetricKey::new(*bytes))
}

impl Under<'_> {
    fn message_key(&self, salt: &[u8]) -> LessSafeKey {
        let prk = Salt::new(HKDF_SHA256, salt).extract(self.key);
        let okm = sound(prk.expand(self.label, &AES_256_GCM), "deriving a message key");
        LessSafeKey::new(UnboundKey::from(okm))
    }
}

/// The nonce of every message. It may be fixed because no two messages share a key: each has its
/// own, derived from 256 random bits of salt, and is encrypted once.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

struct Message<'a> {
    salt: &'a [u8; SALT_LEN],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_LEN],
}

impl<'a> Message<'a> {
    fn split(sealed: &'a [u8]) -> Result<Self, Unopened> {
        let (salt, body) = sealed.split_first_chunk().ok_or(Unopened)?;
        let (ciphertext, tag) = body.split_last_chunk().ok_or(Unopened)?;
        Ok(Self { salt, ciphertext, tag })
    }

    /// `out` has the ciphertext's length, or the message does not open.
    fn open_into(&self, under: Under<'_>, out: &mut [u8]) -> Result<(), Unopened> {
        under
            .message_key(self.salt)
            .open_separate_gather(nonce(), Aad::from(under.aad), self.ciphertext, self.tag, out)
            .map_err(|_| Unopened)
    }
}
