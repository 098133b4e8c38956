//! DeleteSecret on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::DeleteSecret;
use regent_core::secrets::ops::delete_secret::Deleted;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    recovery_window_in_days: Option<i64>,
    force_delete_without_recovery: Option<bool>,
}

impl JsonOperation for DeleteSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            // AWS: the bounds are the service's own check.
            window_days: input.recovery_window_in_days,
            force: input.force_delete_without_recovery.unwrap_or_default(),
        })
    }

    fn encode(output: &Deleted, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.time("DeletionDate", output.at);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
