//! UntagResource on the wire. The answer is an empty body.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::UntagResource;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members};

/// The element constraints of `TagKeys`, as AWS prints them.
const KEY_CONSTRAINTS: &str = "Member must have length less than or equal to 128, Member must have length greater than or equal to 1";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    tag_keys: Option<Vec<Box<str>>>,
}

impl JsonOperation for UntagResource {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        let is_key = |key: &str| (1..=limits::TAG_KEY_LEN_MAX).contains(&key.chars().count());
        check
            .strings("tagKeys", input.tag_keys.as_deref())
            .required()
            .each(KEY_CONSTRAINTS, is_key);
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            keys: input.tag_keys.unwrap_or_default(),
        })
    }

    fn encode((): &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
