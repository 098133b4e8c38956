//! Encrypt on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::encrypt::{Encrypt, Encrypted};
use regent_core::limits;
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
    plaintext: Option<Blob>,
    encryption_context: Option<members::Pairs>,
    grant_tokens: Option<Vec<Box<str>>>,
    encryption_algorithm: Option<Box<str>>,
    dry_run: Option<bool>,
}

impl JsonOperation for Encrypt {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check
            .blob("plaintext", input.plaintext.as_ref().map(Blob::expose))
            .required()
            .length(1..=limits::KMS_PLAINTEXT_LEN_MAX);
        let algorithm = input.encryption_algorithm.as_deref();
        members::check_algorithm(&mut check, "encryptionAlgorithm", algorithm);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        let algorithm = members::algorithm(algorithm)?;
        let plaintext = input.plaintext.ok_or_else(Fault::serialization)?.into_plaintext();
        Ok(Self {
            key,
            plaintext,
            context: members::context(input.encryption_context).map_err(fault::of_request)?,
            algorithm,
            dry_run: input.dry_run.unwrap_or_default(),
        })
    }

    fn encode(output: &Encrypted, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.blob("CiphertextBlob", &*output.blob);
            body.string("KeyId", output.key.text().as_str());
            body.string("EncryptionAlgorithm", output.algorithm.as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
