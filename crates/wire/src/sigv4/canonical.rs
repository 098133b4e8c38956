//! The canonical form of a request: the bytes that a signature is over.
//!
//! Canonicalisation reads and never decides; the one normalisation of a query string is the one
//! here, and it decodes as forms are decoded, so that what is signed is what is read. The path is
//! always `/`, which [`super`] has checked.

use std::borrow::Cow;

use http::HeaderName;
use regent_crypto::digest;

use super::claim::Claim;
use super::{AuthFault, SignedRequest};

const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// A query string, decoded. Names and values are bytes: they need not be UTF-8.
#[derive(Debug)]
pub(super) struct Query<'r>(Vec<Pair<'r>>);

type Pair<'r> = (Cow<'r, [u8]>, Cow<'r, [u8]>);

impl<'r> Query<'r> {
    pub(super) fn parse(text: &'r str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(decoded.collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| **key == *name.as_bytes())
    }

    /// The value of a parameter that is given once, as text.
    pub(super) fn single(&self, name: &str) -> Option<Cow<'r, str>> {
        let mut values = self.0.iter().filter(|(key, _)| **key == *name.as_bytes());
        let (_, value) = values.next().filter(|_| values.next().is_none())?;
        match value {
            Cow::Borrowed(bytes) => core::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes.clone()).ok().map(Cow::Owned),
        }
    }

    /// Appends the parameters, encoded anew and sorted, without the signature of a presigned
    /// request.
    fn write(&self, out: &mut Vec<u8>, presigned: bool) {
        let signed = |name: &[u8]| !(presigned && *name == *SIGNATURE_PARAMETER.as_bytes());
        let mut pairs: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| signed(name))
            .map(|(name, value)| (encode(name), encode(value)))
            .collect();
        pairs.sort_unstable();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
}

/// The canonical request.
///
/// `SignedHeaders` must be in lower case and in strictly ascending order, as every client writes
/// it, and each header must be there; otherwise no signature matches.
pub(super) fn request(
    request: &SignedRequest<'_>,
    query: &Query<'_>,
    claim: &Claim<'_>,
) -> Result<Vec<u8>, AuthFault> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(request.method.as_bytes());
    out.extend_from_slice(b"\n/\n");
    query.write(&mut out, claim.presigned);
    out.push(b'\n');
    let mut previous = "";
    for name in claim.signed_headers.split(';') {
        let in_order = name > previous && !name.bytes().any(|byte| byte.is_ascii_uppercase());
        if !in_order || !header(&mut out, request, name) {
            return Err(AuthFault::SignatureMismatch);
        }
        previous = name;
    }
    out.push(b'\n');
    out.extend_from_slice(claim.signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload_hash(request, claim)?.as_str().as_bytes());
    Ok(out)
}

/// Appends one header, its values joined by commas. False if the request has no such header.
fn header(out: &mut Vec<u8>, request: &SignedRequest<'_>, name: &str) -> bool {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut values = request.headers.get_all(name).iter();
    let Some(first) = values.next() else { return false };
    collapse(out, first.as_bytes());
    for value in values {
        out.push(b',');
        collapse(out, value.as_bytes());
    }
    out.push(b'\n');
    true
}

/// Appends `value` without spaces around it, and with runs of spaces as one.
fn collapse(out: &mut Vec<u8>, value: &[u8]) {
    let words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The hash of the body. A signed `x-amz-content-sha256` must be just that: an unsigned payload is
/// for S3 only.
fn payload_hash(request: &SignedRequest<'_>, claim: &Claim<'_>) -> Result<Hex, AuthFault> {
    static STATED: HeaderName = HeaderName::from_static("x-amz-content-sha256");
    let hash = hex(&digest::sha256(request.body));
    let mut stated = request.headers.get_all(&STATED).iter();
    if claim.signs(STATED.as_str())
        && stated.any(|value| value.as_bytes() != hash.as_str().as_bytes())
    {
        return Err(AuthFault::SignatureMismatch);
    }
    Ok(hash)
}

/// Decodes as forms are decoded: `+` is a space, and a stray `%` is itself.
fn decode(text: &str) -> Cow<'_, [u8]> {
    if !text.bytes().any(|byte| byte == b'%' || byte == b'+') {
        return Cow::Borrowed(text.as_bytes());
    }
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => out.push(b' '),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(*byte),
        }
    }
    Cow::Owned(out)
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(*byte);
        } else {
            let digits = [byte >> 4, byte & 15].map(|n| nibble(n).to_ascii_uppercase());
            out.extend_from_slice(&[b'%', digits[0], digits[1]]);
        }
    }
    out
}

/// 32 bytes in lower-case hexadecimal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hex([u8; 64]);

impl Hex {
    pub(super) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether `text` is the same, in constant time.
    pub(super) fn is(&self, text: &str) -> bool {
        digest::equal(&self.0, text.as_bytes())
    }
}

pub(super) fn hex(bytes: &[u8; 32]) -> Hex {
    let mut out = [0; 64];
    for (pair, byte) in out.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [nibble(byte >> 4), nibble(byte & 15)];
    }
    Hex(out)
}

const fn nibble(value: u8) -> u8 {
    match value {
        0..10 => b'0' + value,
        _ => b'a' + (value - 10),
    }
}
