//! Custom key stores, as one message for all of an account's.
//!
//! The secret access key is stored wrapped, as the core wrapped it (promise R7).

use std::sync::Arc;

use prost::Message;
use regent_core::ids::Scope;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::keys::stores::{Connection, KeyStore, KeyStores, Proxy};

use super::{FORMAT, Flaw, formatted, parse, read, time};

#[derive(Clone, PartialEq, Message)]
struct KeyStoresRecord {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(message, repeated, tag = "2")]
    stores: Vec<KeyStoreMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyStoreMessage {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(int64, tag = "3")]
    created_ms: i64,
    #[prost(string, tag = "4")]
    endpoint: String,
    #[prost(string, tag = "5")]
    path: String,
    #[prost(string, tag = "6")]
    access_key: String,
    #[prost(bytes = "vec", tag = "7")]
    secret: Vec<u8>,
    /// 0 disconnected, 1 connected, 2 failed.
    #[prost(uint32, tag = "8")]
    connection: u32,
    /// The problem's code, if the connection failed.
    #[prost(uint32, tag = "9")]
    problem: u32,
    #[prost(uint32, tag = "10")]
    keys: u32,
}

formatted!(KeyStoresRecord);

const DISCONNECTED: u32 = 0;
const CONNECTED: u32 = 1;
const FAILED: u32 = 2;

pub(super) fn encode(stores: &KeyStores) -> Vec<u8> {
    let message = |store: &KeyStore| {
        let (connection, problem) = match store.connection {
            Connection::Disconnected => (DISCONNECTED, 0),
            Connection::Connected => (CONNECTED, 0),
            Connection::Failed(problem) => (FAILED, problem.code()),
        };
        KeyStoreMessage {
            id: store.id.to_string(),
            name: store.name.to_string(),
            created_ms: store.created.millis(),
            endpoint: store.proxy.endpoint.to_string(),
            path: store.proxy.path.to_string(),
            access_key: store.proxy.access_key.to_string(),
            secret: store.proxy.secret.to_vec(),
            connection,
            problem,
            keys: store.keys,
        }
    };
    KeyStoresRecord { format: FORMAT, stores: stores.iter().map(message).collect() }.encode_to_vec()
}

/// `scope` is that of the record's key.
pub(super) fn decode(scope: Scope, bytes: &[u8]) -> Result<KeyStores, Flaw> {
    let message: KeyStoresRecord = read(bytes)?;
    let store = |message: KeyStoreMessage| {
        Ok(KeyStore {
            id: parse(&message.id, "stores.id")?,
            name: message.name.into(),
            created: time(message.created_ms),
            proxy: Arc::new(Proxy {
                scope,
                endpoint: message.endpoint.into(),
                path: message.path.into(),
                access_key: message.access_key.into(),
                secret: message.secret.into(),
            }),
            connection: match message.connection {
                DISCONNECTED => Connection::Disconnected,
                CONNECTED => Connection::Connected,
                FAILED => Connection::Failed(
                    ProxyProblem::of_code(message.problem).ok_or(Flaw::Field("stores.problem"))?,
                ),
                _ => return Err(Flaw::Field("stores.connection")),
            },
            keys: message.keys,
        })
    };
    let stores: Result<Vec<_>, Flaw> = message.stores.into_iter().map(store).collect();
    Ok(Arc::new(stores?))
}
