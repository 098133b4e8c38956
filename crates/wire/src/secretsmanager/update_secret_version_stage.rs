//! UpdateSecretVersionStage on the wire.

use regent_core::cx::Cx;
use regent_core::ids::SecretArn;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::UpdateSecretVersionStage;
use regent_core::secrets::stages::Move;
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
    version_stage: Option<Box<str>>,
    remove_from_version_id: Option<Box<str>>,
    move_to_version_id: Option<Box<str>>,
}

impl JsonOperation for UpdateSecretVersionStage {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let (from, to) =
            (input.remove_from_version_id.as_deref(), input.move_to_version_id.as_deref());
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        let label = check
            .text("versionStage", input.version_stage.as_deref())
            .required()
            .length(1..=limits::STAGE_LABEL_LEN_MAX)
            .value();
        members::check_version_id(&mut check, "removeFromVersionId", from);
        members::check_version_id(&mut check, "moveToVersionId", to);
        check.finish()?;
        let secret = members::secret_id(input.secret_id.as_deref())?;
        let label = members::stage(label)?;
        let (from, to) = (members::version_id(from)?, members::version_id(to)?);
        Ok(Self { secret, change: Move { label, from, to } })
    }

    fn encode(arn: &SecretArn, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| status::arn_and_name(body, arn));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
