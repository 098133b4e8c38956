//! GetKeyLastUsage on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::get_key_last_usage::{GetKeyLastUsage, Usage};
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

impl JsonOperation for GetKeyLastUsage {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.finish()?;
        Ok(Self { key: key.into() })
    }

    fn encode(output: &Usage, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.object("KeyLastUsage", |usage| {
                if let Some(last) = &output.last {
                    usage.string("Operation", last.operation.as_str());
                    usage.time("Timestamp", last.at);
                    usage.string("CloudTrailEventId", last.event.text().as_str());
                    usage.string("KmsRequestId", last.request.text().as_str());
                }
            });
            body.time("TrackingStartDate", output.created);
            body.time("KeyCreationDate", output.created);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
