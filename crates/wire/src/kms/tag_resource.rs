//! TagResource of KMS on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::tag_resource::TagResource;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    tags: Option<Vec<members::Tag>>,
}

impl JsonOperation for TagResource {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.required("tags", input.tags.as_ref());
        members::check_tags(&mut check, input.tags.as_deref().unwrap_or_default());
        check.finish()?;
        let key = key.into();
        let tags = members::tags(input.tags.unwrap_or_default()).map_err(fault::of_request)?;
        Ok(Self { key, tags })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
