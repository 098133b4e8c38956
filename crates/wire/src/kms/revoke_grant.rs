//! RevokeGrant on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::revoke_grant::RevokeGrant;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, grant, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    grant_id: Option<Box<str>>,
    dry_run: Option<bool>,
}

impl JsonOperation for RevokeGrant {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        check.required("grantId", input.grant_id.as_ref());
        grant::check_id(&mut check, input.grant_id.as_deref());
        check.finish()?;
        Ok(Self {
            key: key.into(),
            id: grant::id(input.grant_id.as_deref().unwrap_or_default())?,
            dry_run: input.dry_run.unwrap_or_default(),
        })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
