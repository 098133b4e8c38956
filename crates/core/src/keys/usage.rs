//! The last use of a key: which operation, when, and in which request.
//!
//! AWS: of successful cryptographic operations, each Region's own, those that Secrets Manager asks for
//! among them. An operation only says which keys it used; whoever has the write path notes it some
//! time later, the last of several uses, so that no request waits for it.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::ids::{KeyArn, RequestId};
use crate::ports::StoreFault;
use crate::records::{Key, Record};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// Declares the operations with the numbers that stand for them in stored bytes.
macro_rules! operations {
    ($($name:ident = $code:literal),* $(,)?) => {
        /// AWS: KeyLastUsageTrackingOperation.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum KeyOperation {
            $($name),*
        }

        impl KeyOperation {
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name)),*
                }
            }

            pub const fn code(self) -> u32 {
                match self {
                    $(Self::$name => $code),*
                }
            }

            pub fn of_code(code: u32) -> Option<Self> {
                Self::ALL.iter().copied().find(|operation| operation.code() == code)
            }
        }
    };
}

operations! {
    Encrypt = 1,
    Decrypt = 2,
    ReEncrypt = 3,
    GenerateDataKey = 4,
    GenerateDataKeyWithoutPlaintext = 5,
    GenerateDataKeyPair = 6,
    GenerateDataKeyPairWithoutPlaintext = 7,
    Sign = 8,
    Verify = 9,
    GenerateMac = 10,
    VerifyMac = 11,
    DeriveSharedSecret = 12,
    Encapsulate = 13,
    Decapsulate = 14,
}

/// One use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastUse {
    pub operation: KeyOperation,
    pub at: Timestamp,
    pub request: RequestId,
    /// The audit record's id.
    pub event: RequestId,
}

/// The keys that one request has used so far. One key, as most requests use, is noted in place.
#[derive(Debug, Default)]
pub struct Uses {
    first: Cell<Option<(KeyArn, KeyOperation)>>,
    more: RefCell<Vec<(KeyArn, KeyOperation)>>,
}

impl Uses {
    /// Says that the key was used with success.
    pub fn note(&self, key: KeyArn, operation: KeyOperation) {
        match self.first.get() {
            None => self.first.set(Some((key, operation))),
            Some(_) => self.more.borrow_mut().push((key, operation)),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.first.get().is_none()
    }

    /// In the order in which they were noted.
    pub fn into_each(self) -> impl Iterator<Item = (KeyArn, KeyOperation)> {
        self.first.get().into_iter().chain(self.more.into_inner())
    }
}

/// Uses that are not written yet, the last of each key.
#[derive(Debug, Default)]
pub struct Waiting(BTreeMap<KeyArn, LastUse>);

impl Waiting {
    /// LIMIT: keys whose use waits. While so many do, the use of yet another key is not noted.
    pub const MAX: usize = 16_384;

    pub fn note(&mut self, key: KeyArn, used: LastUse) {
        let full = self.0.len() >= Self::MAX;
        match self.0.get_mut(&key) {
            Some(noted) if noted.at > used.at => {}
            Some(noted) => *noted = used,
            None if full => {}
            None => drop(self.0.insert(key, used)),
        }
    }

    /// Takes the uses of up to `max` keys.
    pub fn take(&mut self, max: usize) -> Vec<(KeyArn, LastUse)> {
        core::iter::from_fn(|| self.0.pop_first()).take(max).collect()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Writes the last use of a key, unless the key is gone or a later use is written.
pub fn write(tx: &mut Tx<'_>, key: KeyArn, used: LastUse) -> Result<(), StoreFault> {
    let KeyArn { scope, id } = key;
    let later = tx.key_use(scope, id)?.is_some_and(|written| written.at > used.at);
    if tx.kms_key(scope, id)?.is_some() && !later {
        tx.put(Key::KeyUse { scope, id }, Record::KeyUse(used));
    }
    Ok(())
}
