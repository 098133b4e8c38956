//! What a primary told the stacks of other Regions that wanted a replica of it.
//!
//! A stack asks until it hears an answer, and a question may arrive late. So each wish has a token,
//! and the primary keeps what it said: a wish is granted once, and one that was refused or
//! withdrawn stays so, whenever it arrives. Several stacks of one Region may wish for the same: what
//! one is told leaves the others' verdicts as they are.

use std::sync::Arc;

use crate::ids::{KeyId, Region, Scope};
use crate::keys::model::KmsKey;
use crate::limits;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Record};
use crate::tx::{Records, Tx};

/// Whether a wish was granted; `None` if nothing was said about it yet.
pub fn verdict(
    read: &dyn Read,
    scope: Scope,
    id: KeyId,
    from: Region,
    token: &str,
) -> Result<Option<bool>, StoreFault> {
    let Some(key) = read.kms_key(scope, id)? else { return Ok(None) };
    let requests = key.multi_region.as_ref().and_then(|multi| multi.requests.get(&from));
    Ok(requests.and_then(|requests| {
        if requests.granted.as_deref() == Some(token) {
            return Some(true);
        }
        requests.refused.iter().any(|refused| **refused == *token).then_some(false)
    }))
}

/// Keeps a verdict. A key that has no replicas has nothing to keep it in, and never grants any.
pub fn note(
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    from: Region,
    (token, granted): (&str, bool),
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let mut key = KmsKey::clone(&key);
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    let requests = multi.requests.entry(from).or_default();
    requests.refused.retain(|refused| **refused != *token);
    // What was granted before has had its replica, and gets no other.
    let refused = if granted {
        requests.granted.replace(token.into()).filter(|before| **before != *token)
    } else {
        Some(token.into())
    };
    requests.refused.extend(refused);
    let surplus = requests.refused.len().saturating_sub(limits::REFUSED_REPLICAS_KEPT);
    requests.refused.drain(..surplus);
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}
