//! Whether a replica can be read, and whether it reads as its primary does.
//!
//! PROMISE R7: values are read, hashed under a key that only this run has, and wiped. What leaves
//! this module says whether two are equal.

use std::hash::{BuildHasher as _, RandomState};

use crate::client::{Client, Refusal, Value};

/// Hashes of one run: two keyed hashes of 64 bits, each with a random key of its own.
#[derive(Debug, Default)]
pub struct Digests {
    keys: [RandomState; 2],
}

/// What one Region reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    version: Option<String>,
    digest: [u64; 2],
}

impl Read {
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("none")
    }
}

impl Digests {
    /// Reads the current value and forgets it.
    pub async fn read(&self, client: &Client, id: &str) -> Result<Read, Refusal> {
        let value = client.value(id).await?;
        Ok(self.digest(value))
    }

    /// As if this had been read.
    #[cfg(test)]
    pub(crate) fn read_of(&self, version: &str, value: &str) -> Read {
        let bytes = zeroize::Zeroizing::new(value.as_bytes().to_vec());
        self.digest(Value { version: Some(version.to_owned()), text: true, bytes })
    }

    fn digest(&self, value: Value) -> Read {
        let Value { version, text, bytes } = value;
        let digest = self.keys.each_ref().map(|key| key.hash_one((text, bytes.as_slice())));
        Read { version, digest }
    }
}

/// What is wrong with a replica's value; `None` if nothing is.
pub fn compare(primary: &Read, replica: &Read) -> Option<String> {
    if primary.version != replica.version {
        // The versions themselves are compared elsewhere, and one may be on its way.
        return None;
    }
    (primary.digest != replica.digest)
        .then(|| "the same version has another value than in the primary's Region".to_owned())
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn read(digests: &Digests, version: &str, text: bool, value: &str) -> Read {
        let bytes = Zeroizing::new(value.as_bytes().to_vec());
        digests.digest(Value { version: Some(version.to_owned()), text, bytes })
    }

    #[test]
    fn equal_values_have_equal_digests() {
        let digests = Digests::default();
        let primary = read(&digests, "v1", true, "hunter2");
        assert_eq!(compare(&primary, &read(&digests, "v1", true, "hunter2")), None);
        assert!(compare(&primary, &read(&digests, "v1", true, "hunter3")).is_some());
        assert!(compare(&primary, &read(&digests, "v1", false, "hunter2")).is_some());
        assert_eq!(compare(&primary, &read(&digests, "v2", true, "hunter3")), None);
        // Nobody can look a value up by its digest.
        assert_ne!(primary, read(&Digests::default(), "v1", true, "hunter2"));
        assert!(!format!("{primary:?}").contains("hunter2"));
    }
}
