//! RetireGrant on the wire: by the token, or by the key and the grant's id.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::retire_grant::RetireGrant;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, grant, members};

const AMBIGUOUS: &str = "Please specify either a grant token, or both a key ID and a grant ID.";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    grant_token: Option<Box<str>>,
    key_id: Option<Box<str>>,
    grant_id: Option<Box<str>>,
    dry_run: Option<bool>,
}

impl JsonOperation for RetireGrant {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        check.text("grantToken", input.grant_token.as_deref()).length(1..=8192);
        members::check_optional_key(&mut check, "keyId", input.key_id.as_deref());
        grant::check_id(&mut check, input.grant_id.as_deref());
        check.finish()?;
        let named =
            (input.grant_token.as_deref(), input.key_id.as_deref(), input.grant_id.as_deref());
        let dry_run = input.dry_run.unwrap_or_default();
        match named {
            (Some(token), None, None) => {
                let token = grant::read_token(token)?;
                let key = token.key.to_string().as_str().into();
                Ok(Self { key, id: token.grant, by_token: true, dry_run })
            }
            (None, Some(key), Some(id)) => {
                Ok(Self { key: key.into(), id: grant::id(id)?, by_token: false, dry_run })
            }
            _ => Err(Fault::validation(AMBIGUOUS)),
        }
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
