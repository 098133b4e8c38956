//! PutSecretValue on the wire.

use regent_core::cx::Cx;
use regent_core::ids::StageLabel;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::PutSecretValue;
use regent_core::secrets::ops::put_secret_value::Stored;
use regent_core::secrets::rotation::token::RotationToken;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob, Sensitive};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

/// The element constraints of `VersionStages`, as AWS prints them.
const STAGE_CONSTRAINTS: &str = "Member must have length less than or equal to 256, Member must have length greater than or equal to 1";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    client_request_token: Option<Box<str>>,
    secret_string: Option<Sensitive>,
    secret_binary: Option<Blob>,
    version_stages: Option<Vec<Box<str>>>,
    rotation_token: Option<Sensitive>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, self.secret_id.as_deref());
        let (string, binary) = (self.secret_string.as_ref(), self.secret_binary.as_ref());
        members::check_value(&mut check, string, binary, 0);
        let is_label =
            |label: &str| (1..=limits::STAGE_LABEL_LEN_MAX).contains(&label.chars().count());
        check
            .strings("versionStages", self.version_stages.as_deref())
            .length(1..=limits::STAGES_PER_REQUEST_MAX)
            .each(STAGE_CONSTRAINTS, is_label);
        let is_token = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        check
            .text("rotationToken", self.rotation_token.as_ref().map(Sensitive::expose))
            .sensitive()
            .length(limits::ROTATION_TOKEN_LEN_MIN..=limits::ROTATION_TOKEN_LEN_MAX)
            .pattern(r"^[a-zA-Z0-9\-]+$", is_token);
        check.finish()
    }
}

impl JsonOperation for PutSecretValue {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let secret = members::secret_id(input.secret_id.as_deref())?;
        let token = members::token(input.client_request_token.as_deref())?;
        let stages = input.version_stages.unwrap_or_default();
        // AWS: an empty value is no value.
        let string = input.secret_string.filter(|value| !value.expose().is_empty());
        Ok(Self {
            secret,
            token,
            value: members::value(string, input.secret_binary),
            stages: stages.iter().map(|label| members::stage(label)).collect::<Result<_, _>>()?,
            rotation: input.rotation_token.map(|token| RotationToken::parse(token.expose())),
        })
    }

    fn encode(output: &Stored, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string("VersionId", output.version.as_str());
            if !output.stages.is_empty() {
                body.strings("VersionStages", output.stages.iter().map(StageLabel::as_str));
            }
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
