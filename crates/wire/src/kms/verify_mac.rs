//! VerifyMac on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::generate_mac::MacRequest;
use regent_core::keys::ops::verify_mac::{VerifiedMac, VerifyMac};
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob};
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    message: Option<Blob>,
    key_id: Option<Box<str>>,
    mac_algorithm: Option<Box<str>>,
    mac: Option<Blob>,
    grant_tokens: Option<Vec<Box<str>>>,
    dry_run: Option<bool>,
}

impl JsonOperation for VerifyMac {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_message(&mut check, input.message.as_ref());
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let algorithm = input.mac_algorithm.as_deref();
        members::check_mac_algorithm(&mut check, algorithm);
        members::check_result(&mut check, "mac", input.mac.as_ref());
        members::check_grant_tokens(&mut check, input.grant_tokens.as_deref());
        check.finish()?;
        let key = members::key_with_tokens(key, input.grant_tokens.as_deref())?;
        let mac = members::bytes(input.mac.as_ref())?;
        let request = MacRequest {
            key,
            message: input.message.ok_or_else(Fault::serialization)?.into_plaintext(),
            algorithm: members::mac_algorithm(algorithm)?,
            dry_run: input.dry_run.unwrap_or_default(),
        };
        Ok(Self { request, mac })
    }

    fn encode(output: &VerifiedMac, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("KeyId", output.key.text().as_str());
            body.boolean("MacValid", true);
            body.string("MacAlgorithm", output.algorithm.algorithm());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
