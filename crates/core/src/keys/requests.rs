//! What a primary told the stacks of other Regions that wanted a replica of it.
//!
//! A stack asks until it hears an answer, and a question may arrive late. So each wish has a token,
//! and the primary keeps the last verdict for each Region: a wish is granted once, and one that was
//! refused or withdrawn stays so, whenever it arrives.

use std::sync::Arc;

use crate::ids::{KeyId, Region, Scope};
use crate::keys::model::{KmsKey, ReplicaRequest};
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
    let request = key.multi_region.as_ref().and_then(|multi| multi.requests.get(&from));
    Ok(request.filter(|request| &*request.token == token).map(|request| request.granted))
}

/// Keeps a verdict. A key that has no replicas has nothing to keep it in, and never grants any.
pub fn note(
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    from: Region,
    request: ReplicaRequest,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let mut key = KmsKey::clone(&key);
    let Some(multi) = &mut key.multi_region else { return Ok(()) };
    multi.requests.insert(from, request);
    tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}
