//! GetKeyPolicy on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::key_policy;
use regent_core::keys::ops::get_key_policy::GetKeyPolicy;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    policy_name: Option<Box<str>>,
}

impl JsonOperation for GetKeyPolicy {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_policy_name(&mut check, input.policy_name.as_deref());
        check.finish()?;
        Ok(Self { key: key.into(), name: input.policy_name.clone() })
    }

    fn encode(output: &Box<str>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("Policy", &**output);
            body.string("PolicyName", key_policy::NAME);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
