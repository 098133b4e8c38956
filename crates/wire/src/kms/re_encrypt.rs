//! ReEncrypt on the wire.

use regent_core::cx::Cx;
use regent_core::keys::ciphertext::Sealed;
use regent_core::keys::error::Error;
use regent_core::keys::ops::re_encrypt::{ReEncrypt, ReEncrypted};
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
    source_encryption_context: Option<members::Pairs>,
    source_key_id: Option<Box<str>>,
    destination_key_id: Option<Box<str>>,
    destination_encryption_context: Option<members::Pairs>,
    source_encryption_algorithm: Option<Box<str>>,
    destination_encryption_algorithm: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<Box<str>>>,
}

impl JsonOperation for ReEncrypt {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let blob = input.ciphertext_blob.as_ref().map(Blob::expose);
        members::check_sealed(&mut check, blob, input.dry_run_modifiers.as_deref());
        let (source, destination) =
            (input.source_key_id.as_deref(), input.destination_key_id.as_deref());
        members::check_optional_key(&mut check, "sourceKeyId", source);
        let destination = members::check_key(&mut check, "destinationKeyId", destination);
        let from = input.source_encryption_algorithm.as_deref();
        let to = input.destination_encryption_algorithm.as_deref();
        members::check_algorithm(&mut check, "sourceEncryptionAlgorithm", from);
        members::check_algorithm(&mut check, "destinationEncryptionAlgorithm", to);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let tokens = members::tokens_of(input.grant_tokens.as_deref())?;
        let (from, algorithm) = (members::algorithm(from)?, members::algorithm(to)?);
        let dry_run = input.dry_run.unwrap_or_default();
        let modifiers = input.dry_run_modifiers.as_deref();
        let context = |pairs| members::context(pairs).map_err(fault::of_request);
        let sealed = Sealed {
            key: source.map(Into::into),
            algorithm: from,
            blob: members::sealed_blob(blob, dry_run, modifiers)?,
            context: context(input.source_encryption_context)?,
            tokens,
        };
        let destination = destination.into();
        let context = context(input.destination_encryption_context)?;
        Ok(Self { sealed, destination, context, algorithm, dry_run })
    }

    fn encode(output: &ReEncrypted, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.blob("CiphertextBlob", &*output.blob);
            body.string("SourceKeyId", output.source.to_string().as_str());
            body.string("KeyId", output.destination.to_string().as_str());
            body.string("SourceEncryptionAlgorithm", output.source_algorithm.as_str());
            body.string("DestinationEncryptionAlgorithm", output.destination_algorithm.as_str());
            let source = output.source_material.map(|material| material.to_string());
            body.string("SourceKeyMaterialId", source.as_deref());
            let destination = output.destination_material.map(|material| material.to_string());
            body.string("DestinationKeyMaterialId", destination.as_deref());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
