//! Decrypt on the wire.

use regent_core::cx::Cx;
use regent_core::keys::ciphertext::{Opened, Sealed};
use regent_core::keys::error::Error;
use regent_core::keys::ops::decrypt::Decrypt;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    ciphertext_blob: Option<Blob>,
    encryption_context: Option<members::Pairs>,
    grant_tokens: Option<Vec<Box<str>>>,
    key_id: Option<Box<str>>,
    encryption_algorithm: Option<Box<str>>,
    recipient: Option<members::Recipient>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<Box<str>>>,
}

impl JsonOperation for Decrypt {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let blob = input.ciphertext_blob.as_ref().map(Blob::expose);
        members::check_sealed(&mut check, blob, input.dry_run_modifiers.as_deref());
        members::check_optional_key(&mut check, "keyId", input.key_id.as_deref());
        let algorithm = input.encryption_algorithm.as_deref();
        members::check_algorithm(&mut check, "encryptionAlgorithm", algorithm);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        members::recipient(input.recipient.as_ref())?;
        let tokens = members::tokens_of(input.grant_tokens.as_deref())?;
        let algorithm = members::algorithm(algorithm)?;
        let dry_run = input.dry_run.unwrap_or_default();
        let modifiers = input.dry_run_modifiers.as_deref();
        let sealed = Sealed {
            key: input.key_id.as_deref().map(Into::into),
            algorithm,
            blob: members::sealed_blob(blob, dry_run, modifiers)?,
            context: members::context(input.encryption_context).map_err(fault::of_request)?,
            tokens,
        };
        Ok(Self { sealed, dry_run })
    }

    fn encode(output: &Opened, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the plaintext behind.
        out.reserve(members::answer_len(output.plaintext.len()));
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("Plaintext", output.plaintext.expose());
            body.string("EncryptionAlgorithm", output.algorithm.as_str());
            let material = output.material.map(|material| material.to_string());
            body.string("KeyMaterialId", material.as_deref());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
