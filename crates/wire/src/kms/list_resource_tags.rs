//! ListResourceTags on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::list_resource_tags::ListResourceTags;
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

impl JsonOperation for ListResourceTags {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check.finish()?;
        Ok(Self {
            key: key.into(),
            limit: members::limit(input.limit, limits::LIST_TAGS_DEFAULT, limits::TAGS_MAX),
            after: marker::decode(input.marker.as_deref(), |last| Some(last.into()))?,
        })
    }

    fn encode(output: &Page<(Box<str>, Box<str>)>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("Tags", |list| {
                for (key, value) in &output.items {
                    list.object(|entry| {
                        entry.string("TagKey", &**key);
                        entry.string("TagValue", &**value);
                    });
                }
            });
            let next = output.resume().map(|(key, _)| marker::encode(key));
            body.string("NextMarker", next.as_deref());
            body.boolean("Truncated", output.truncated);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
