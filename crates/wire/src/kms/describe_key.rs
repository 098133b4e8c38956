//! DescribeKey on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::describe_key::{DescribeKey, Described};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members, metadata};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
}

impl JsonOperation for DescribeKey {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        Ok(Self { key })
    }

    fn encode(output: &Described, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.object("KeyMetadata", |body| metadata::write_described(body, output));
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
