//! GenerateDataKeyPair on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::generate_data_key_pair::{
    DataKeyPair, DataKeyPairRequest, GenerateDataKeyPair,
};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    encryption_context: Option<members::Pairs>,
    key_id: Option<Box<str>>,
    key_pair_spec: Option<Box<str>>,
    grant_tokens: Option<Vec<Box<str>>>,
    recipient: Option<members::Recipient>,
    dry_run: Option<bool>,
}

impl JsonOperation for GenerateDataKeyPair {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let spec = input.key_pair_spec.as_deref();
        members::check_pair_spec(&mut check, spec);
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        members::recipient(input.recipient.as_ref())?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        Ok(Self(DataKeyPairRequest {
            key,
            context: members::context(input.encryption_context).map_err(fault::of_request)?,
            spec: members::pair_spec(spec)?,
            dry_run: input.dry_run.unwrap_or_default(),
        }))
    }

    fn encode(output: &DataKeyPair, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        let private = output.private.expose();
        // PROMISE R7: a body that grows leaves copies of the private key behind.
        out.reserve(members::answer_len(private.len() + output.public.len()));
        json::object(out, |body| {
            body.blob("PrivateKeyCiphertextBlob", &*output.blob);
            body.blob("PrivateKeyPlaintext", private);
            body.blob("PublicKey", &*output.public);
            body.string("KeyId", output.key.text().as_str());
            body.string("KeyPairSpec", output.spec.as_str());
            body.string("KeyMaterialId", output.material.to_string().as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }

    /// RSA keys take long to make.
    fn is_slow(body: &[u8]) -> bool {
        members::names_rsa(body)
    }
}
