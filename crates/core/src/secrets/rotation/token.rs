//! Rotation tokens: how a function shows that it was this invocation that asked it.
//!
//! A token is random, new for each invocation, and stored only as a digest, so that neither the
//! store nor a function that was given up on can speak for the present one.

use core::fmt::{self, Write as _};

use crate::ids::MaterialId;
use crate::plaintext::KeyBytes;
use crate::ports::{Crypto, Entropy, random};

/// What a RotationToken must be the origin of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenDigest(pub [u8; 32]);

/// AWS: 36 to 256 letters, digits or hyphens. These are 64 hexadecimal digits.
pub struct RotationToken(KeyBytes);

/// Bytes in a token.
const LEN: usize = 32;

impl fmt::Debug for RotationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotationToken(redacted)")
    }
}

impl RotationToken {
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(KeyBytes::new(random::<LEN>(entropy).into()))
    }

    /// `None` for a text that no token here has.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .map(|c| c.to_digit(16).filter(|_| !c.is_ascii_uppercase()))
            .map(|digit| digit.and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| (byte << 4) | digit))
            .collect();
        if digits.len() != 2 * LEN {
            return None;
        }
        Some(Self(KeyBytes::new(bytes)))
    }

    /// The text that the function is given.
    pub fn expose(&self) -> String {
        let mut text = String::with_capacity(2 * LEN);
        for byte in self.0.expose() {
            // A string takes everything.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    pub fn digest(&self, crypto: &dyn Crypto) -> TokenDigest {
        let MaterialId(digest) = crypto.material_id(&self.0);
        TokenDigest(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counter;

    #[test]
    fn tokens_are_read_back_and_shown_nowhere() {
        let entropy = Counter::default();
        let token = RotationToken::new(&entropy);
        let text = token.expose();
        assert_eq!(text.len(), 64);
        assert_eq!(RotationToken::parse(&text).unwrap().expose(), text);
        assert!(!format!("{token:?}").contains(&text));
        assert_ne!(RotationToken::new(&entropy).expose(), text);
        let longer = format!("{text}0");
        for bad in ["", &text[1..], &longer, &text.replace('a', "g"), &"A".repeat(64)] {
            if bad != text {
                assert!(RotationToken::parse(bad).is_none(), "{bad}");
            }
        }
    }
}
