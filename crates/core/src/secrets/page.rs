//! Where a listing goes on: typed page tokens.
//!
//! A token carries the place after the last entry shown, not a position in a snapshot: entries that
//! come and go in between are no error. It is bound to the query that made it by a fingerprint, so
//! that it cannot continue another one. It is not secret and not authenticated: a forged one only
//! begins elsewhere in what the caller may list anyway. Its text is the wire's.

use crate::secrets::error::Error;
use crate::time::Timestamp;

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The [`Fingerprint`] of the query.
    pub query: u64,
    /// The last entry shown: its time, if the listing is by time, and its name or id.
    pub at: Timestamp,
    pub name: Box<str>,
}

impl PageToken {
    /// The token, if it belongs to this query.
    pub fn check(token: Option<&Self>, query: u64) -> Result<Option<&Self>, Error> {
        match token {
            Some(token) if token.query != query => Err(Error::InvalidNextToken),
            token => Ok(token),
        }
    }
}

/// A stable hash of what makes a query: FNV-1a over lengths and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn new(operation: &str) -> Self {
        Self(0xcbf2_9ce4_8422_2325).and(operation)
    }

    #[must_use]
    pub fn and(self, part: &str) -> Self {
        let length = (part.len() as u64).to_le_bytes();
        let bytes = length.iter().chain(part.as_bytes());
        Self(
            bytes.fold(self.0, |state, byte| {
                (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            }),
        )
    }

    pub fn value(self) -> u64 {
        self.0
    }
}
