//! CancelRotateSecret on the wire.

use regent_core::cx::Cx;
use regent_core::ids::VersionId;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::CancelRotateSecret;
use regent_core::secrets::ops::cancel_rotate_secret::Cancelled;
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
}

impl JsonOperation for CancelRotateSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.finish()?;
        Ok(Self { secret: members::secret_id(input.secret_id.as_deref())? })
    }

    fn encode(output: &Cancelled, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string("VersionId", output.version.as_ref().map(VersionId::as_str));
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
