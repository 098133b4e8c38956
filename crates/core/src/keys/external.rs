//! Encryption under KMS keys of every origin, those of external key stores among them.
//!
//! AWS: double encryption. A key of an external key store has material of its own here and another key
//! at the proxy. What leaves is first sealed under the former, and only that is sent to the proxy; so
//! neither side alone opens anything, and the proxy sees no plaintext (promise R7). The blob has the
//! header of every blob, and after it what the proxy made.

use std::sync::Arc;

use crate::cx::Cx;
use crate::keys::access::Found;
use crate::keys::envelope::{self, BlobHeader, EncryptionContext};
use crate::keys::problem::KeyProblem;
use crate::keys::proxy::{Asked, ProxyProblem, Purpose, Sealed, Told};
use crate::keys::stores::{self, ExternalKey, Proxy};
use crate::plaintext::Plaintext;
use crate::ports::{Read, StoreFault, Unopened};

/// What uses a key, as a proxy is told.
#[derive(Debug, Clone, Copy)]
pub struct Use<'a> {
    /// AWS's name of the KMS operation.
    pub operation: &'static str,
    pub via_service: Option<&'a str>,
}

/// Why a blob does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOpened {
    Unopened,
    Key(KeyProblem),
    Store(StoreFault),
}

impl From<Unopened> for NotOpened {
    fn from(_: Unopened) -> Self {
        Self::Unopened
    }
}

impl From<StoreFault> for NotOpened {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

/// Encrypts under a key that may be used: state and permission are the caller's to check.
pub fn encrypt(
    cx: &Cx<'_>,
    read: &dyn Read,
    found: &Found,
    context: &EncryptionContext,
    text: &[u8],
    by: Use<'_>,
) -> Result<Result<Vec<u8>, KeyProblem>, StoreFault> {
    let (crypto, entropy) = (cx.crypto, cx.entropy);
    let blob = envelope::encrypt(&found.key, found.scope, context, text, crypto, entropy)
        // Material that does not unwrap is corruption of this Region's store.
        .map_err(|Unopened| StoreFault)?;
    let Some(external) = &found.key.external else { return Ok(Ok(blob)) };
    let (_, head, inner) = BlobHeader::parse(&blob).map_err(|Unopened| StoreFault)?;
    let proxy = match connected(read, found, external)? {
        Ok(proxy) => proxy,
        Err(problem) => return Ok(Err(problem)),
    };
    let (key, text, aad) = (external.key.clone(), inner.into(), head.into());
    let told = proxy.ask(cx, Asked::Encrypt { key, text, aad }, purpose(cx, found, by))?;
    let sealed = match told {
        Ok(Told::Sealed(sealed)) if sealed.text.len() == inner.len() => sealed,
        Ok(_) => return Ok(Err(ProxyProblem::Malformed.into())),
        Err(problem) => return Ok(Err(problem.into())),
    };
    let mut blob = head.to_vec();
    sealed.write_to(&mut blob);
    Ok(Ok(blob))
}

/// Decrypts a blob under a key that may be used.
pub fn decrypt(
    cx: &Cx<'_>,
    read: &dyn Read,
    found: &Found,
    context: &EncryptionContext,
    blob: &[u8],
    by: Use<'_>,
) -> Result<Plaintext, NotOpened> {
    let open = |blob: &[u8]| envelope::decrypt(&found.key, found.scope, context, blob, cx.crypto);
    let Some(external) = &found.key.external else { return Ok(open(blob)?) };
    let proxy = connected(read, found, external)?.map_err(NotOpened::Key)?;
    let (_, head, rest) = BlobHeader::parse(blob)?;
    let sealed = Sealed::parse(rest).ok_or(NotOpened::Unopened)?;
    let (key, aad, len) = (external.key.clone(), head.into(), sealed.text.len());
    let told = proxy.ask(cx, Asked::Decrypt { key, sealed, aad }, purpose(cx, found, by))?;
    let inner = match told {
        Ok(Told::Opened(inner)) if inner.len() == len => inner,
        Ok(_) => return Err(NotOpened::Key(ProxyProblem::Malformed.into())),
        Err(problem) => return Err(NotOpened::Key(problem.into())),
    };
    Ok(open(&[head, &inner].concat())?)
}

/// The proxy of a key's store, if that is connected.
fn connected(
    read: &dyn Read,
    found: &Found,
    external: &ExternalKey,
) -> Result<Result<Arc<Proxy>, KeyProblem>, StoreFault> {
    let store = stores::find(read, found.scope, external.store.as_str())?;
    let store = store.filter(stores::KeyStore::is_connected);
    Ok(store.map(|store| store.proxy).ok_or(ProxyProblem::NotConnected.into()))
}

fn purpose(cx: &Cx<'_>, found: &Found, by: Use<'_>) -> Purpose {
    Purpose {
        operation: by.operation,
        request: cx.request_id,
        principal: Arc::clone(&cx.caller.arn),
        key: Some(found.arn()),
        via_service: by.via_service.map(Into::into),
    }
}

impl From<ProxyProblem> for KeyProblem {
    fn from(problem: ProxyProblem) -> Self {
        Self::Proxy { problem }
    }
}
