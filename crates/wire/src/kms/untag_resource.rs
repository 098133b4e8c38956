//! UntagResource of KMS on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::untag_resource::UntagResource;
use regent_core::limits;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

/// The element constraints of `TagKeys`, as AWS prints them.
const TAG_KEY_CONSTRAINTS: &str = "Member must have length less than or equal to 128, Member must have length greater than or equal to 1";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    tag_keys: Option<Vec<Box<str>>>,
}

impl JsonOperation for UntagResource {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.required("tagKeys", input.tag_keys.as_ref());
        let bounded = |key: &str| (1..=limits::TAG_KEY_LEN_MAX).contains(&key.chars().count());
        check.strings("tagKeys", input.tag_keys.as_deref()).each(TAG_KEY_CONSTRAINTS, bounded);
        check.finish()?;
        let key = key.into();
        Ok(Self { key, tag_keys: input.tag_keys.into_iter().flatten().collect() })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
