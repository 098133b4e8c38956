//! GetKeyRotationStatus on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::get_key_rotation_status::{GetKeyRotationStatus, RotationStatus};
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

impl JsonOperation for GetKeyRotationStatus {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.finish()?;
        Ok(Self { key: key.into() })
    }

    fn encode(output: &RotationStatus, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.boolean("KeyRotationEnabled", output.rotation.is_some());
            if let Some(rotation) = output.rotation {
                body.number("RotationPeriodInDays", i64::from(rotation.period_days));
                body.time("NextRotationDate", rotation.next);
            }
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
