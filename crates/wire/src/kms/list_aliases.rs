//! ListAliases on the wire.

use std::sync::Arc;

use regent_core::cx::Cx;
use regent_core::ids::AliasArn;
use regent_core::keys::error::Error;
use regent_core::keys::model::Alias;
use regent_core::keys::ops::list_aliases::ListAliases;
use regent_core::keys::page::Page;
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, marker, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    limit: Option<i64>,
    marker: Option<Box<str>>,
}

impl JsonOperation for ListAliases {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_optional_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check.finish()?;
        Ok(Self {
            key: input.key_id.as_deref().map(Into::into),
            limit: members::limit(
                input.limit,
                limits::LIST_ALIASES_DEFAULT,
                limits::LIST_ALIASES_MAX,
            ),
            after: marker::decode(input.marker.as_deref(), |last| last.parse().ok())?,
        })
    }

    fn encode(output: &Page<Arc<Alias>>, cx: &Cx<'_>, out: &mut Vec<u8>) {
        let scope = cx.scope();
        json::object(out, |body| {
            body.array("Aliases", |list| {
                for alias in &output.items {
                    let name = alias.name.clone();
                    list.object(|entry| {
                        entry.string("AliasName", name.as_str());
                        entry.string("AliasArn", AliasArn { scope, name }.to_string().as_str());
                        entry.string("TargetKeyId", alias.target.to_string().as_str());
                        entry.time("CreationDate", alias.created);
                        entry.time("LastUpdatedDate", alias.updated);
                    });
                }
            });
            let next = output.resume().map(|alias| marker::encode(alias.name.as_str()));
            body.string("NextMarker", next.as_deref());
            body.boolean("Truncated", output.truncated);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
