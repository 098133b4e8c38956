//! Hashes and message authentication for signatures of requests and for names of things.
//!
//! SHA-256 and HMAC-SHA-256 only, since AWS's Signature Version 4 has no others. This module does
//! not know what a signature covers. Comparison is in constant time; use [`equal`] for everything
//! that a caller could guess byte by byte.

use core::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

/// Bytes in a SHA-256 digest and in an HMAC-SHA-256 tag.
pub const DIGEST_LEN: usize = 32;

/// The SHA-256 digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; DIGEST_LEN] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// The HMAC-SHA-256 tag of the parts' concatenation. Parts have no separators: a caller for whom
/// `ab, c` and `a, bc` differ puts them in itself.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
    HmacKey::new(key).sign(parts)
}

/// Lower-case hex, two digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0x0f));
    }
    text
}

/// Whether two byte strings are equal, in time that depends on their lengths only.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

/// A key for HMAC-SHA-256, hashed once and used for many messages.
pub struct HmacKey(hmac::Key);

impl HmacKey {
    /// A prepared key from any number of bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag of the parts' concatenation, as [`hmac_sha256`].
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
        if let [message] = parts {
            return array(hmac::sign(&self.0, message).as_ref());
        }
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        array(context.sign().as_ref())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(redacted)")
    }
}

fn array(bytes: &[u8]) -> [u8; DIGEST_LEN] {
    let mut array = [0; DIGEST_LEN];
    array.copy_from_slice(bytes);
    array
}

/// The hex digit of a value below 16.
fn digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'a' - 10 + value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sha256_of_known_messages() {
        let of = |text: &str| hex(&sha256(text.as_bytes()));
        assert_eq!(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    /// RFC 4231, cases 1, 2 and 6.
    #[test]
    fn hmac_of_known_messages() {
        let cases: [(&[u8], &str, &str); 3] = [
            (
                &[0x0b; 20],
                "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, tag) in cases {
            assert_eq!(hex(&hmac_sha256(key, &[message.as_bytes()])), tag);
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", HmacKey::new(b"hunter2")), "HmacKey(redacted)");
    }

    #[test]
    fn equal_compares_lengths_and_bytes() {
        assert!(equal(b"", b""));
        assert!(equal(b"abc", b"abc"));
        assert!(!equal(b"abc", b"abd"));
        assert!(!equal(b"abc", b"ab"));
        assert!(!equal(b"", b"a"));
    }

    proptest! {
        #[test]
        fn parts_are_concatenated(key: Vec<u8>, message: Vec<u8>, at: prop::sample::Index) {
            let (left, right) = message.split_at(at.index(message.len() + 1));
            let whole = hmac_sha256(&key, &[&message]);
            prop_assert_eq!(hmac_sha256(&key, &[left, right]), whole);
            prop_assert_eq!(hmac_sha256(&key, &[left, b"", right]), whole);
        }

        #[test]
        fn a_prepared_key_signs_again(key: Vec<u8>, a: Vec<u8>, b: Vec<u8>) {
            let prepared = HmacKey::new(&key);
            for message in [&a, &b, &a] {
                prop_assert_eq!(prepared.sign(&[message]), hmac_sha256(&key, &[message]));
            }
        }

        #[test]
        fn hex_is_as_formatted(bytes: Vec<u8>) {
            let text = hex(&bytes);
            prop_assert_eq!(text.len(), bytes.len() * 2);
            for (at, byte) in bytes.iter().enumerate() {
                prop_assert_eq!(&text[at * 2..at * 2 + 2], format!("{byte:02x}"));
            }
        }

        #[test]
        fn equal_is_equality(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(equal(&a, &b), a == b);
            prop_assert!(equal(&a, &a));
        }
    }
}
