//! What external key store proxies are asked, and how the answers reach an operation.
//!
//! The port of AWS's external key stores. An operation asks [`Proxies`] as if the answer were there.
//! If it is not, the question is noted and the operation gives up; whoever runs it asks the proxy, and
//! runs it again with the answer and with the same randomness, so that it asks the same. Nothing here
//! knows HTTP or who waits. The proxy never sees a plaintext: see [`super::external`] (promise R7).

use core::cell::RefCell;
use std::sync::Arc;

use crate::ids::{KeyArn, RequestId};
use crate::keys::stores::Proxy;
use crate::ports::StoreFault;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyCall {
    pub proxy: Arc<Proxy>,
    pub asked: Asked,
    pub purpose: Purpose,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Health,
    Metadata { key: Box<str> },
    Encrypt { key: Box<str>, text: Box<[u8]>, aad: Box<[u8]> },
    Decrypt { key: Box<str>, sealed: Sealed, aad: Box<[u8]> },
}

/// AWS: requestMetadata, by which a proxy decides and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// AWS's name of the operation that needs the answer.
    pub operation: &'static str,
    pub request: RequestId,
    pub principal: Arc<str>,
    /// The KMS key, if there is one yet.
    pub key: Option<KeyArn>,
    pub via_service: Option<Box<str>>,
}

/// What a proxy encrypts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// LIMIT: [`Sealed::METADATA_LEN_MAX`]. The proxy's own.
    pub metadata: Box<[u8]>,
    /// 12 or 16 bytes.
    pub iv: Box<[u8]>,
    pub tag: [u8; Self::TAG_LEN],
    pub text: Box<[u8]>,
}

impl Sealed {
    /// AWS: bytes of metadata that a proxy may add.
    pub const METADATA_LEN_MAX: usize = 20;
    pub const TAG_LEN: usize = 16;

    /// Whether the parts have the lengths that AWS asks for.
    pub fn is_well_formed(&self) -> bool {
        self.metadata.len() <= Self::METADATA_LEN_MAX && matches!(self.iv.len(), 12 | 16)
    }

    /// The parts as one text of bytes: lengths, metadata, initialization vector, tag, ciphertext.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        for part in [&self.metadata, &self.iv] {
            out.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(&self.text);
    }

    /// What [`Self::write_to`] wrote.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (metadata, rest) = part(bytes)?;
        let (iv, rest) = part(rest)?;
        let (tag, text) = rest.split_first_chunk::<{ Self::TAG_LEN }>()?;
        let (metadata, iv) = (metadata.into(), iv.into());
        let sealed = Self { metadata, iv, tag: *tag, text: text.into() };
        sealed.is_well_formed().then_some(sealed)
    }
}

/// A part that has its length before it, and what follows.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

/// What a proxy answered, or why it did not.
pub type ProxyAnswer = Result<Told, ProxyProblem>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Whether some key manager behind the proxy is available.
    Health {
        available: bool,
    },
    Metadata(ExternalKeyMetadata),
    Sealed(Sealed),
    /// What [`Asked::Decrypt`] opened: still under the KMS key's own material.
    Opened(Box<[u8]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that AWS asks of the key")]
pub struct ExternalKeyMetadata {
    pub is_aes_256: bool,
    pub encrypts: bool,
    pub decrypts: bool,
    pub enabled: bool,
}

/// Declares the problems with the numbers that stand for them in stored bytes and frames.
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// Why an external key store is of no use for a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ProxyProblem {
            $($(#[$doc])* $name),*
        }

        impl ProxyProblem {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$name => $code),*
                }
            }

            pub const fn of_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

problems! {
    /// The key store is not connected: nobody was asked.
    NotConnected = 1,
    /// No connection.
    Unreachable = 2,
    /// No encrypted connection.
    Tls = 3,
    TimedOut = 4,
    /// No answer of the proxy's interface, or one about an invalid request.
    Malformed = 5,
    Authentication = 6,
    AccessDenied = 7,
    InvalidState = 8,
    InvalidCiphertext = 9,
    InvalidKeyUsage = 10,
    KeyNotFound = 11,
    InvalidUriPath = 12,
    Unsupported = 13,
    DependencyTimeout = 14,
    Throttled = 15,
    Internal = 16,
}

/// What a request has asked proxies, and what they have answered.
#[derive(Debug, Default)]
pub struct Proxies {
    answers: Vec<(ProxyCall, ProxyAnswer)>,
    wanted: RefCell<Vec<ProxyCall>>,
}

impl Proxies {
    /// The answer. Without one yet, whatever the operation says after this fault is void.
    pub fn ask(&self, call: ProxyCall) -> Result<ProxyAnswer, StoreFault> {
        if let Some((_, answer)) = self.answers.iter().find(|(asked, _)| *asked == call) {
            return Ok(answer.clone());
        }
        self.wanted.borrow_mut().push(call);
        Err(StoreFault)
    }

    /// The questions that the last run had no answer to, to be asked before the next.
    pub fn take_wanted(&self) -> Vec<ProxyCall> {
        self.wanted.take()
    }

    pub fn answered(&mut self, call: ProxyCall, answer: ProxyAnswer) {
        self.answers.push((call, answer));
    }

    /// How many questions were answered.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sealed_parts_survive(
            metadata in prop::collection::vec(any::<u8>(), 0..=20),
            long in any::<bool>(),
            tag in any::<[u8; 16]>(),
            text in any::<Vec<u8>>(),
        ) {
            let iv = vec![7; if long { 16 } else { 12 }].into();
            let sealed = Sealed { metadata: metadata.into(), iv, tag, text: text.into() };
            let mut bytes = Vec::new();
            sealed.write_to(&mut bytes);
            prop_assert_eq!(Sealed::parse(&bytes), Some(sealed));
        }

        /// PROMISE R8.
        #[test]
        fn any_bytes_parse_or_are_refused(bytes in any::<Vec<u8>>()) {
            if let Some(sealed) = Sealed::parse(&bytes) {
                let mut again = Vec::new();
                sealed.write_to(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }

    /// AWS: what a proxy may answer with, to the byte.
    #[test]
    fn lengths_of_sealed_parts() {
        let formed = |metadata: usize, iv: usize| {
            let (metadata, iv) = (vec![1; metadata].into(), vec![2; iv].into());
            let sealed = Sealed { metadata, iv, tag: [3; 16], text: [].into() };
            let mut bytes = Vec::new();
            sealed.write_to(&mut bytes);
            assert_eq!(Sealed::parse(&bytes).is_some(), sealed.is_well_formed());
            sealed.is_well_formed()
        };
        assert!(formed(0, 12) && formed(20, 16));
        assert!(!formed(21, 12));
        for iv in [0, 11, 13, 14, 15, 17] {
            assert!(!formed(0, iv), "{iv}");
        }
    }

    #[test]
    fn numbers_stand_for_problems() {
        for problem in ProxyProblem::ALL {
            assert_eq!(ProxyProblem::of_code(problem.code()), Some(*problem));
        }
        assert_eq!(ProxyProblem::of_code(0), None);
    }
}
