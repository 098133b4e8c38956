//! Sign on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::sign::{Sign, Signed};
use regent_core::keys::signing::Signing;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    message: Option<Blob>,
    message_type: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    signing_algorithm: Option<Box<str>>,
    dry_run: Option<bool>,
}

impl JsonOperation for Sign {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_message(&mut check, input.message.as_ref());
        let message_type = input.message_type.as_deref();
        let algorithm = input.signing_algorithm.as_deref();
        members::check_signing(&mut check, message_type, algorithm);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        Ok(Self(Signing {
            key,
            message: input.message.ok_or_else(Fault::serialization)?.into_plaintext(),
            message_type: members::message_type(message_type),
            algorithm: members::signing_algorithm(algorithm)?,
            dry_run: input.dry_run.unwrap_or_default(),
        }))
    }

    fn encode(output: &Signed, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("Signature", &*output.signature);
            body.string("SigningAlgorithm", output.algorithm.as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
