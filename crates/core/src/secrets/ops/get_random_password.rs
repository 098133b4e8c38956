//! GetRandomPassword: random characters of chosen types.
//!
//! Every password that meets the request is equally likely. A character is drawn by rejection, so
//! that none is favoured by the remainder of a division; and a password that lacks a required type
//! is drawn again as a whole, because one that is repaired is no longer random where it was.

use zeroize::Zeroizing;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Entropy, Read, StoreFault};
use crate::secrets::error::Error;

const UPPERCASE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWERCASE: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const NUMBERS: &[u8] = b"0123456789";
/// AWS: these 32, and no space.
const PUNCTUATION: &[u8] = b"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Random bytes that are drawn at a time.
const DRAWN: usize = 64;

#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as AWS has them")]
pub struct GetRandomPassword {
    /// At most [`crate::limits::PASSWORD_LEN_MAX`].
    pub length: usize,
    pub exclude_characters: Box<str>,
    pub exclude_uppercase: bool,
    pub exclude_lowercase: bool,
    pub exclude_numbers: bool,
    pub exclude_punctuation: bool,
    pub include_space: bool,
    pub require_each_included_type: bool,
}

impl Operation for GetRandomPassword {
    const ACTION: &'static str = "secretsmanager:GetRandomPassword";
    type Target = ();
    type Output = Plaintext;
    type Error = Error;

    fn target(&self, _cx: &Cx<'_>, _read: &dyn Read) -> Result<(), StoreFault> {
        Ok(())
    }

    fn demands(&self, cx: &Cx<'_>, (): &()) -> Vec<Demand> {
        vec![Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account)]
    }
}

impl Query for GetRandomPassword {
    fn run(
        op: Authorized<Self>,
        (): (),
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Plaintext, Error> {
        let types = op.types();
        let required: &[Vec<u8>] = if op.require_each_included_type { &types } else { &[] };
        if op.length < required.len() {
            return Err(Error::PasswordTooShort);
        }
        if required.iter().any(Vec::is_empty) {
            return Err(Error::PasswordTypeExcluded);
        }
        let mut alphabet = types.concat();
        // AWS: a space is admitted, never required.
        if op.include_space && op.admits(b' ') {
            alphabet.push(b' ');
        }
        if alphabet.is_empty() {
            return Err(Error::PasswordAllExcluded);
        }
        let mut source = Source::new(cx.entropy);
        let mut password = Zeroizing::new(Vec::with_capacity(op.length));
        loop {
            password.clear();
            while password.len() < op.length {
                password.extend(source.character(&alphabet));
            }
            let has = |of: &Vec<u8>| password.iter().any(|byte| of.contains(byte));
            if required.iter().all(has) {
                return Ok(Plaintext::new(core::mem::take(&mut *password)));
            }
        }
    }
}

impl GetRandomPassword {
    /// The characters of each included type, without the excluded ones.
    fn types(&self) -> Vec<Vec<u8>> {
        let types = [
            (UPPERCASE, self.exclude_uppercase),
            (LOWERCASE, self.exclude_lowercase),
            (NUMBERS, self.exclude_numbers),
            (PUNCTUATION, self.exclude_punctuation),
        ];
        let included = types.into_iter().filter(|(_, excluded)| !excluded);
        let left = |(all, _): (&[u8], bool)| {
            let mut left = all.to_vec();
            left.retain(|byte| self.admits(*byte));
            left
        };
        included.map(left).collect()
    }

    fn admits(&self, byte: u8) -> bool {
        !self.exclude_characters.as_bytes().contains(&byte)
    }
}

/// Random bytes, some at a time.
struct Source<'e> {
    entropy: &'e dyn Entropy,
    bytes: Zeroizing<[u8; DRAWN]>,
    used: usize,
}

impl<'e> Source<'e> {
    fn new(entropy: &'e dyn Entropy) -> Self {
        Self { entropy, bytes: Zeroizing::new([0; DRAWN]), used: DRAWN }
    }

    /// One character, each with the same chance; `None` if the next byte favours some of them.
    fn character(&mut self, alphabet: &[u8]) -> Option<u8> {
        let byte = usize::from(self.byte());
        let fair = 256 - 256 % alphabet.len();
        if byte < fair { alphabet.get(byte % alphabet.len()).copied() } else { None }
    }

    fn byte(&mut self) -> u8 {
        if self.used >= DRAWN {
            self.entropy.fill(&mut *self.bytes);
            self.used = 0;
        }
        let byte = self.bytes.get(self.used).copied().unwrap_or_default();
        self.used += 1;
        byte
    }
}
