//! The tags of a KMS request: a list on the wire, a map once its rules are met.
//!
//! Lengths are the model's constraints and checked by the wire; what the service itself refuses is
//! refused here.

use crate::keys::error::Error;
use crate::limits;
use crate::tags::{Tags, is_reserved};

/// Makes a map of a list of tags.
pub fn tags<K, V>(pairs: impl IntoIterator<Item = (K, V)>) -> Result<Tags, Error>
where
    K: Into<Box<str>>,
    V: Into<Box<str>>,
{
    let mut tags = Tags::new();
    for (key, value) in pairs {
        let key = key.into();
        if is_reserved(&key) {
            return Err(Error::TagReserved);
        }
        if tags.insert(key, value.into()).is_some() {
            return Err(Error::TagDuplicate);
        }
    }
    bounded(&tags)?;
    Ok(tags)
}

/// LIMIT: [`limits::TAGS_MAX`] on one key.
pub fn bounded(tags: &Tags) -> Result<(), Error> {
    if tags.len() > limits::TAGS_MAX { Err(Error::TooManyTags) } else { Ok(()) }
}
