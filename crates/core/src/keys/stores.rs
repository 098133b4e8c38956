//! Custom key stores: external key managers behind a proxy that speaks AWS's XKS proxy API.
//!
//! The stores of one account in one Region are one record, so that names, addresses and their number
//! are decided in one place. A store belongs to one Region; nothing of it is replicated. There are no
//! CloudHSM clusters, hence no key stores of that kind.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{KeyArn, Scope};
use crate::keys::error::Error;
use crate::keys::proxy::{Asked, ProxyAnswer, ProxyCall, ProxyProblem, Purpose, Told};
use crate::plaintext::KeyBytes;
use crate::ports::{Crypto, Read, StoreFault, Unopened, random};
use crate::records::{Key, Record};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// LIMIT: custom key stores of an account in a Region. AWS: the same quota.
pub const KEY_STORES_MAX: usize = 10;

/// The id of a custom key store: `cks-` and 17 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyStoreId(Box<str>);

impl KeyStoreId {
    const PREFIX: &'static str = "cks-";
    const DIGITS: usize = 17;

    pub fn from_entropy(bytes: [u8; 9]) -> Self {
        let digit = |nibble| char::from_digit(u32::from(nibble), 16);
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit);
        Self(Self::PREFIX.chars().chain(digits.take(Self::DIGITS)).collect::<String>().into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is not the id of a key store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAKeyStoreId;

impl FromStr for KeyStoreId {
    type Err = NotAKeyStoreId;

    fn from_str(text: &str) -> Result<Self, NotAKeyStoreId> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(NotAKeyStoreId)?;
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() == Self::DIGITS && digits.bytes().all(hex) {
            Ok(Self(text.into()))
        } else {
            Err(NotAKeyStoreId)
        }
    }
}

impl fmt::Display for KeyStoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One external key store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyStore {
    pub id: KeyStoreId,
    pub name: Box<str>,
    pub created: Timestamp,
    pub proxy: Arc<Proxy>,
    pub connection: Connection,
    /// How many KMS keys it has, those that wait for deletion among them.
    pub keys: u32,
}

impl KeyStore {
    pub fn is_connected(&self) -> bool {
        self.connection == Connection::Connected
    }
}

/// AWS: ConnectionState. The states between are over when a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    Disconnected,
    Connected,
    Failed(ProxyProblem),
}

/// Where a proxy is, and how requests to it are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub scope: Scope,
    /// Scheme and authority.
    pub endpoint: Box<str>,
    /// Begins with `/` and ends in `/kms/xks/v1`.
    pub path: Box<str>,
    pub access_key: Box<str>,
    /// The secret access key, wrapped under the Region key.
    pub secret: Box<[u8]>,
}

/// A credential as a request brings it.
#[derive(Debug)]
pub struct Credential {
    pub access_key: Box<str>,
    pub secret: KeyBytes,
}

impl Proxy {
    pub fn new(cx: &Cx<'_>, endpoint: Box<str>, path: Box<str>, credential: &Credential) -> Self {
        let (scope, access_key) = (cx.scope(), credential.access_key.clone());
        let secret =
            cx.crypto.wrap(&secret_aad(scope, &access_key), &credential.secret, cx.entropy);
        Self { scope, endpoint, path, access_key, secret: secret.into() }
    }

    /// The secret access key, for whoever signs.
    pub fn open_secret(&self, crypto: &dyn Crypto) -> Result<KeyBytes, Unopened> {
        crypto.unwrap(&secret_aad(self.scope, &self.access_key), &self.secret)
    }

    /// Asks for the proxy's health. AWS: a proxy without any available key manager is unreachable.
    pub fn check_health(
        self: &Arc<Self>,
        cx: &Cx<'_>,
        operation: &'static str,
    ) -> Result<Result<(), ProxyProblem>, StoreFault> {
        let purpose = Purpose {
            operation,
            request: cx.request_id,
            principal: Arc::clone(&cx.caller.arn),
            key: None,
            via_service: None,
        };
        Ok(match self.ask(cx, Asked::Health, purpose)? {
            Ok(Told::Health { available: true }) => Ok(()),
            Ok(Told::Health { available: false }) => Err(ProxyProblem::Unreachable),
            Ok(_) => Err(ProxyProblem::Malformed),
            Err(problem) => Err(problem),
        })
    }

    pub fn ask(
        self: &Arc<Self>,
        cx: &Cx<'_>,
        asked: Asked,
        purpose: Purpose,
    ) -> Result<ProxyAnswer, StoreFault> {
        cx.proxies.ask(ProxyCall { proxy: Arc::clone(self), asked, purpose })
    }
}

/// What a wrapped secret access key is bound to.
fn secret_aad(scope: Scope, access_key: &str) -> Vec<u8> {
    let Scope { region, account } = scope;
    format!("regent/xks-credential/v1\0{region}\0{account}\0{access_key}").into_bytes()
}

/// Which key of which store a KMS key is the other half of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalKey {
    pub store: KeyStoreId,
    /// As the proxy names it.
    pub key: Box<str>,
}

/// What may be wrong with a key store, or with a request about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreProblem {
    NotFound,
    NameInUse,
    AddressInUse,
    TooMany,
    /// The connection's state forbids it.
    Connected,
    Failed,
    HasKeys,
    ClusterNotFound,
    VpcServiceNotFound,
    /// A member is missing that this kind of store must have, or one is there that it has not.
    Members,
    /// The proxy does not answer as a new or changed store's must.
    Proxy(ProxyProblem),
    /// CreateKey: why the external key cannot be used.
    NewKey(ProxyProblem),
    /// CreateKey: the external key is of the wrong kind, or disabled.
    NewKeyUnfit,
    /// CreateKey: another KMS key of the store is under the external key.
    NewKeyInUse,
    /// CreateKey: origin, store and external key do not go together.
    NewKeyMembers,
    /// GenerateRandom: not from an external key store.
    NoRandom,
    /// The operation is not for keys of key stores.
    NotForItsKeys {
        key: KeyArn,
    },
}

impl From<StoreProblem> for Error {
    fn from(problem: StoreProblem) -> Self {
        Self::KeyStore(problem)
    }
}

/// The stores of an account in a Region, by id.
pub type KeyStores = Arc<Vec<KeyStore>>;

pub fn all(read: &dyn Read, scope: Scope) -> Result<KeyStores, StoreFault> {
    Ok(read.key_stores(scope)?.unwrap_or_default())
}

pub fn find(read: &dyn Read, scope: Scope, id: &str) -> Result<Option<KeyStore>, StoreFault> {
    let stores = all(read, scope)?;
    Ok(stores.iter().find(|store| store.id.as_str() == id).cloned())
}

/// Puts a store beside the others, or in the place of the one with its id.
pub fn put(tx: &mut Tx<'_>, scope: Scope, store: KeyStore) -> Result<(), StoreFault> {
    let mut stores = Vec::clone(&*all(tx, scope)?);
    match stores.binary_search_by(|other| other.id.cmp(&store.id)) {
        Ok(at) => stores.splice(at..=at, [store]).for_each(drop),
        Err(at) => stores.insert(at, store),
    }
    tx.put(Key::KeyStores { scope }, Record::KeyStores(Arc::new(stores)));
    Ok(())
}

pub fn remove(tx: &mut Tx<'_>, scope: Scope, id: &KeyStoreId) -> Result<(), StoreFault> {
    let mut stores = Vec::clone(&*all(tx, scope)?);
    stores.retain(|store| store.id != *id);
    let at = Key::KeyStores { scope };
    if stores.is_empty() {
        tx.remove(at);
    } else {
        tx.put(at, Record::KeyStores(Arc::new(stores)));
    }
    Ok(())
}

/// Notes that a KMS key has come into its store (`true`), or is gone from it.
pub fn count(
    tx: &mut Tx<'_>,
    scope: Scope,
    external: &ExternalKey,
    comes: bool,
) -> Result<(), StoreFault> {
    let at = Key::ExternalKey { scope, store: external.store.clone(), key: external.key.clone() };
    if comes {
        tx.put(at, Record::Index);
    } else {
        tx.remove(at);
    }
    let Some(mut store) = find(tx, scope, external.store.as_str())? else { return Ok(()) };
    store.keys = if comes { store.keys.saturating_add(1) } else { store.keys.saturating_sub(1) };
    put(tx, scope, store)
}

/// Whether another KMS key is already under the external key.
pub fn is_in_use(
    read: &dyn Read,
    scope: Scope,
    external: &ExternalKey,
) -> Result<bool, StoreFault> {
    let at = Key::ExternalKey { scope, store: external.store.clone(), key: external.key.clone() };
    Ok(read.get(&at)?.is_some())
}

/// Refuses a store that shares its name or its address with another one.
pub fn check_unique(stores: &[KeyStore], new: &KeyStore) -> Result<(), StoreProblem> {
    let others = || stores.iter().filter(|other| other.id != new.id);
    if others().any(|other| other.name == new.name) {
        return Err(StoreProblem::NameInUse);
    }
    let address = |store: &KeyStore| (store.proxy.endpoint.clone(), store.proxy.path.clone());
    if others().any(|other| address(other) == address(new)) {
        return Err(StoreProblem::AddressInUse);
    }
    Ok(())
}

/// A new id.
pub fn new_id(cx: &Cx<'_>) -> KeyStoreId {
    KeyStoreId::from_entropy(random(cx.entropy))
}
