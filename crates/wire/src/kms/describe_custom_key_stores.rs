//! DescribeCustomKeyStores on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::describe_custom_key_stores::DescribeCustomKeyStores;
use regent_core::keys::page::Page;
use regent_core::keys::stores::{Connection, KeyStore};
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, key_store, marker, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    custom_key_store_id: Option<Box<str>>,
    custom_key_store_name: Option<Box<str>>,
    limit: Option<i64>,
    marker: Option<Box<str>>,
}

impl JsonOperation for DescribeCustomKeyStores {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        check.text("customKeyStoreId", input.custom_key_store_id.as_deref()).length(1..=64);
        check.text("customKeyStoreName", input.custom_key_store_name.as_deref()).length(1..=256);
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check.finish()?;
        if input.custom_key_store_id.is_some() && input.custom_key_store_name.is_some() {
            return Err(Fault::validation(
                "Specify either CustomKeyStoreId or CustomKeyStoreName, but not both.",
            ));
        }
        Ok(Self {
            id: input.custom_key_store_id,
            name: input.custom_key_store_name,
            limit: members::limit(input.limit, limits::LIST_KEYS_DEFAULT, limits::LIST_KEYS_MAX),
            after: marker::decode(input.marker.as_deref(), |last| last.parse().ok())?,
        })
    }

    fn encode(output: &Page<KeyStore>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("CustomKeyStores", |list| {
                for store in &output.items {
                    list.object(|entry| write(entry, store));
                }
            });
            let next = output.resume().map(|store| marker::encode(store.id.as_str()));
            body.string("NextMarker", next.as_deref());
            body.boolean("Truncated", output.truncated);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

fn write(entry: &mut Object<'_>, store: &KeyStore) {
    entry.string("CustomKeyStoreId", store.id.as_str());
    entry.string("CustomKeyStoreName", &*store.name);
    let (state, problem) = match store.connection {
        Connection::Disconnected => ("DISCONNECTED", None),
        Connection::Connected => ("CONNECTED", None),
        Connection::Failed(problem) => ("FAILED", Some(key_store::connection_error(problem))),
    };
    entry.string("ConnectionState", state);
    entry.string("ConnectionErrorCode", problem);
    entry.time("CreationDate", store.created);
    entry.string("CustomKeyStoreType", key_store::EXTERNAL);
    entry.object("XksProxyConfiguration", |proxy| {
        proxy.string("Connectivity", key_store::PUBLIC);
        proxy.string("AccessKeyId", &*store.proxy.access_key);
        proxy.string("UriEndpoint", &*store.proxy.endpoint);
        proxy.string("UriPath", &*store.proxy.path);
    });
}
