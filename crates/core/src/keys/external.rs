//! Encryption under KMS keys of every origin, those of external key stores among them.
//!
//! AWS: double encryption. A key of an external key store has material of its own here and another key
//! at the proxy. What leaves is first sealed under the former, and only that is sent to the proxy; so
//! neither side alone opens anything, and the proxy sees no plaintext (promise R7). The blob has the
//! header of every blob, and after it what the proxy made.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::cx::Cx;
use crate::keys::access::Found;
use crate::keys::envelope::{self, BlobHeader, EncryptionContext};
use crate::keys::problem::KeyProblem;
use crate::keys::proxy::{Asked, ProxyProblem, Purpose, Sealed, Told};
use crate::keys::spec::HmacHash;
use crate::keys::stores::{self, ExternalKey, Proxy};
use crate::plaintext::{KeyBytes, Plaintext};
use crate::ports::{Crypto, Entropy, Read, StoreFault, Unopened, random};

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
    let sealed = |entropy: &dyn Entropy| {
        envelope::encrypt(&found.key, found.scope, context, text, cx.crypto, entropy)
            // Material that does not unwrap is corruption of this Region's store.
            .map_err(|Unopened| StoreFault)
    };
    let Some(external) = &found.key.external else { return Ok(Ok(sealed(cx.entropy)?)) };
    let blob = sealed(&Bound { entropy: cx.entropy, crypto: cx.crypto, context, text })?;
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

/// Randomness that depends on what is sealed with it, too.
///
/// An operation that runs again draws the same, and by then may have something else to seal. Both
/// leave for the proxy, which must not get two messages under one message key.
struct Bound<'a> {
    entropy: &'a dyn Entropy,
    crypto: &'a dyn Crypto,
    context: &'a EncryptionContext,
    text: &'a [u8],
}

impl Entropy for Bound<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        let mut context = Vec::new();
        self.context.write_to(&mut context);
        let len = (context.len() as u64).to_be_bytes();
        let sealed = Zeroizing::new([&len, &*context, self.text].concat());
        for chunk in bytes.chunks_mut(HmacHash::Sha256.output_len()) {
            let drawn = KeyBytes::new(random::<32>(self.entropy).to_vec());
            let mac = self.crypto.pairs().mac(HmacHash::Sha256, &drawn, &sealed);
            for (byte, bound) in chunk.iter_mut().zip(mac) {
                *byte = bound;
            }
        }
    }
}

/// The proxy of a key's store, if that is connected.
fn connected(
    read: &dyn Read,
    found: &Found,
    external: &ExternalKey,
) -> Result<Result<Arc<Proxy>, KeyProblem>, StoreFault> {
    let store = stores::find(read, found.scope, external.store.as_str())?;
    let store = store.filter(stores::KeyStore::is_connected);
    Ok(store.map(|store| store.proxy).ok_or_else(|| KeyProblem::Unavailable { key: found.arn() }))
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
