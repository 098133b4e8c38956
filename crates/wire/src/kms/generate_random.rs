//! GenerateRandom on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::generate_random::GenerateRandom;
use regent_core::plaintext::Plaintext;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<Box<str>>,
    recipient: Option<members::Recipient>,
}

impl JsonOperation for GenerateRandom {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_bytes(&mut check, input.number_of_bytes);
        check.text("customKeyStoreId", input.custom_key_store_id.as_deref()).length(1..=64);
        check.finish()?;
        members::recipient(input.recipient.as_ref())?;
        // AWS: presence is the service's own check.
        let number_of_bytes = input.number_of_bytes.and_then(|bytes| usize::try_from(bytes).ok());
        let number_of_bytes =
            number_of_bytes.ok_or_else(|| Fault::validation("NumberOfBytes is required."))?;
        Ok(Self { number_of_bytes, store: input.custom_key_store_id })
    }

    fn encode(output: &Plaintext, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        // PROMISE R7: a body that grows leaves copies of the plaintext behind.
        out.reserve(members::answer_len(output.len()));
        json::object(out, |body| {
            body.blob("Plaintext", output.expose());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
