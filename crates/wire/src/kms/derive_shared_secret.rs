//! DeriveSharedSecret on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::derive_shared_secret::{ALGORITHM, DeriveSharedSecret, SharedSecret};
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
    key_agreement_algorithm: Option<Box<str>>,
    public_key: Option<Blob>,
    grant_tokens: Option<Vec<Box<str>>>,
    dry_run: Option<bool>,
    recipient: Option<members::Recipient>,
}

impl JsonOperation for DeriveSharedSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let algorithm = input.key_agreement_algorithm.as_deref();
        check.text("keyAgreementAlgorithm", algorithm).required().one_of(&[ALGORITHM]);
        let peer = input.public_key.as_ref();
        let bounds = 1..=limits::KMS_PUBLIC_KEY_LEN_MAX;
        check.blob("publicKey", peer.map(Blob::expose)).required().length(bounds);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        members::recipient(input.recipient.as_ref())?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        let dry_run = input.dry_run.unwrap_or_default();
        Ok(Self { key, peer: members::bytes(peer)?, dry_run })
    }

    fn encode(output: &SharedSecret, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the secret behind.
        out.reserve(members::answer_len(output.secret.len()));
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.blob("SharedSecret", output.secret.expose());
            body.string("KeyAgreementAlgorithm", ALGORITHM);
            body.string("KeyOrigin", output.origin.as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
