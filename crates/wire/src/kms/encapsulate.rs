//! Encapsulate on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::encapsulate::{ALGORITHM, Encapsulate, NewSecret};
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
    encapsulation_algorithm: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    dry_run: Option<bool>,
}

impl JsonOperation for Encapsulate {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_encapsulation(&mut check, input.encapsulation_algorithm.as_deref());
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        Ok(Self { key, dry_run: input.dry_run.unwrap_or_default() })
    }

    fn encode(output: &NewSecret, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the secret behind.
        out.reserve(members::answer_len(output.ciphertext.len()));
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("SharedSecret", output.secret.expose());
            body.blob("SharedSecretCiphertextBlob", &*output.ciphertext);
            body.string("EncapsulationAlgorithm", ALGORITHM);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
