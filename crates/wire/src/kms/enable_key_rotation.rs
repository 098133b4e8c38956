//! EnableKeyRotation on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::enable_key_rotation::EnableKeyRotation;
use regent_core::keys::rotation::RotationPeriod;
use regent_core::limits;
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
    rotation_period_in_days: Option<i64>,
}

impl JsonOperation for EnableKeyRotation {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let days = input.rotation_period_in_days;
        check
            .number("rotationPeriodInDays", days)
            .range(limits::ROTATION_PERIOD_DAYS_MIN..=limits::ROTATION_PERIOD_DAYS_MAX);
        check.finish()?;
        Ok(Self { key: key.into(), period: days.and_then(RotationPeriod::new) })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
