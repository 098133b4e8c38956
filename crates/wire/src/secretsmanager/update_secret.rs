//! UpdateSecret on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::UpdateSecret;
use regent_core::secrets::ops::update_secret::Updated;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob, Sensitive};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    client_request_token: Option<Box<str>>,
    description: Option<Box<str>>,
    kms_key_id: Option<Box<str>>,
    secret_string: Option<Sensitive>,
    secret_binary: Option<Blob>,
    r#type: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, self.secret_id.as_deref());
        members::check_description(&mut check, self.description.as_deref());
        members::check_kms_key_id(&mut check, self.kms_key_id.as_deref());
        let (string, binary) = (self.secret_string.as_ref(), self.secret_binary.as_ref());
        members::check_value(&mut check, string, binary, 1);
        members::check_type(&mut check, self.r#type.as_deref());
        check.finish()
    }
}

impl JsonOperation for UpdateSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            token: members::token(input.client_request_token.as_deref())?,
            description: input.description,
            kms_key_id: input.kms_key_id,
            secret_type: input.r#type,
            value: members::value(input.secret_string, input.secret_binary),
        })
    }

    fn encode(output: &Updated, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string(
                "VersionId",
                output.version.as_ref().map(regent_core::ids::VersionId::as_str),
            );
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
