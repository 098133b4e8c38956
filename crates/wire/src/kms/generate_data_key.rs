//! GenerateDataKey on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::generate_data_key::{DataKey, DataKeyRequest, GenerateDataKey};
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
    encryption_context: Option<members::Pairs>,
    number_of_bytes: Option<i64>,
    key_spec: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    recipient: Option<members::Recipient>,
    dry_run: Option<bool>,
}

impl JsonOperation for GenerateDataKey {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let (spec, bytes) = (input.key_spec.as_deref(), input.number_of_bytes);
        members::check_data_key(&mut check, spec, bytes);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        members::recipient(input.recipient.as_ref())?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        let length = members::data_key_length(spec, bytes).map_err(fault::of_request)?;
        Ok(Self(DataKeyRequest {
            key,
            context: members::context(input.encryption_context).map_err(fault::of_request)?,
            length,
            dry_run: input.dry_run.unwrap_or_default(),
        }))
    }

    fn encode(output: &DataKey, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the plaintext behind.
        out.reserve(members::answer_len(output.plaintext.len()));
        json::object(out, |body| {
            body.blob("CiphertextBlob", &*output.blob);
            body.blob("Plaintext", output.plaintext.expose());
            body.string("KeyId", output.key.text().as_str());
            body.string("KeyMaterialId", output.material.to_string().as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
