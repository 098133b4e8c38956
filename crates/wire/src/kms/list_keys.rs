//! ListKeys on the wire.

use regent_core::cx::Cx;
use regent_core::ids::KeyArn;
use regent_core::keys::error::Error;
use regent_core::keys::ops::list_keys::ListKeys;
use regent_core::keys::page::Page;
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, marker, members};

/// AWS: whose keys to list. No keys are shared with anybody here.
const OWNERS: [&str; 2] = ["SELF", "OTHER_ACCOUNTS_VIA_RAM"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    limit: Option<i64>,
    marker: Option<Box<str>>,
    resource_owners: Option<Vec<Box<str>>>,
}

impl JsonOperation for ListKeys {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check
            .strings("resourceOwners", input.resource_owners.as_deref())
            .length(1..=OWNERS.len())
            .each_one_of(&OWNERS);
        check.finish()?;
        let owners = input.resource_owners.as_deref();
        Ok(Self {
            own: owners.is_none_or(|owners| owners.iter().any(|owner| **owner == *"SELF")),
            limit: members::limit(input.limit, limits::LIST_KEYS_DEFAULT, limits::LIST_KEYS_MAX),
            after: marker::decode(input.marker.as_deref(), |last| last.parse().ok())?,
        })
    }

    fn encode(output: &Page<KeyArn>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("Keys", |list| {
                for key in &output.items {
                    list.object(|entry| {
                        entry.string("KeyId", key.id.to_string().as_str());
                        entry.string("KeyArn", key.to_string().as_str());
                    });
                }
            });
            let next = output.resume().map(|key| marker::encode(&key.id.to_string()));
            body.string("NextMarker", next.as_deref());
            body.boolean("Truncated", output.truncated);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
