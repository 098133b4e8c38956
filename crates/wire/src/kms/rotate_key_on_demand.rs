//! RotateKeyOnDemand on the wire.

use regent_core::cx::Cx;
use regent_core::ids::KeyArn;
use regent_core::keys::error::Error;
use regent_core::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
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
}

impl JsonOperation for RotateKeyOnDemand {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.finish()?;
        Ok(Self { key: key.into() })
    }

    fn encode(output: &KeyArn, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| body.string("KeyId", output.to_string().as_str()));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
