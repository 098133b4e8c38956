//! Decapsulate on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::decapsulate::{Decapsulate, OpenedSecret};
use regent_core::keys::ops::encapsulate::ALGORITHM;
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
    shared_secret_ciphertext_blob: Option<Blob>,
    encapsulation_algorithm: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    dry_run: Option<bool>,
}

impl JsonOperation for Decapsulate {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let ciphertext = input.shared_secret_ciphertext_blob.as_ref();
        members::check_result(&mut check, "sharedSecretCiphertextBlob", ciphertext);
        members::check_encapsulation(&mut check, input.encapsulation_algorithm.as_deref());
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        let dry_run = input.dry_run.unwrap_or_default();
        Ok(Self { key, ciphertext: members::bytes(ciphertext)?, dry_run })
    }

    fn encode(output: &OpenedSecret, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the secret behind.
        out.reserve(members::answer_len(output.secret.len()));
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("SharedSecret", output.secret.expose());
            body.string("EncapsulationAlgorithm", ALGORITHM);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
