//! Tags as a request gives them, and what they may be.
//!
//! Lengths are the wire's to check; reserved keys, repetitions and the quota are checked here.

use crate::limits;
use crate::secrets::error::Error;
use crate::tags::{Tags, is_reserved};

/// One tag as given.
pub type Tag = (Box<str>, Box<str>);

/// The tags of a request, without repetition.
pub fn parse(given: &[Tag]) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for (key, value) in given {
        if is_reserved(key) {
            return Err(Error::TagReserved);
        }
        if tags.insert(key.clone(), value.clone()).is_some() {
            return Err(Error::TagDuplicate);
        }
    }
    within_quota(&tags)?;
    Ok(tags)
}

/// The tags of a request as conditions see them, before anything is checked.
pub fn requested(given: &[Tag]) -> Option<Tags> {
    (!given.is_empty()).then(|| given.iter().cloned().collect())
}

/// Refuses the keys of tags that a service has given in its own name.
pub fn modifiable<'a>(
    tags: Option<&Tags>,
    keys: impl IntoIterator<Item = &'a Box<str>>,
) -> Result<(), Error> {
    let is_system = |key: &str| is_reserved(key) && tags.is_some_and(|tags| tags.contains_key(key));
    match keys.into_iter().find(|key| is_system(key)) {
        Some(key) => Err(Error::SystemTag { key: key.clone() }),
        None => Ok(()),
    }
}

/// LIMIT: tags of one secret. AWS: those of its own do not count.
pub fn within_quota(tags: &Tags) -> Result<(), Error> {
    let count = tags.keys().filter(|key| !is_reserved(key)).count();
    if count > limits::TAGS_MAX { Err(Error::TooManyTags) } else { Ok(()) }
}
