//! PutKeyPolicy on the wire.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::key_policy;
use regent_core::keys::ops::put_key_policy::PutKeyPolicy;
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
    policy: Option<Box<str>>,
    bypass_policy_lockout_safety_check: Option<bool>,
}

impl JsonOperation for PutKeyPolicy {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_policy_name(&mut check, input.policy_name.as_deref());
        check.required("policy", input.policy.as_ref());
        members::check_policy(&mut check, input.policy.as_deref());
        check.finish()?;
        // AWS: the second policy that a key may have is written by another service only.
        if input.policy_name.as_deref() == Some("AWS_RAM") {
            return Err(Fault::validation("The AWS_RAM key policy cannot be set."));
        }
        let policy = input.policy.as_deref().unwrap_or_default();
        Ok(Self {
            key: key.into(),
            name: input.policy_name.clone(),
            policy: key_policy::parse(policy).map_err(fault::of_request)?,
            bypass_lockout_check: input.bypass_policy_lockout_safety_check.unwrap_or_default(),
        })
    }

    fn encode(_output: &(), _cx: &Cx<'_>, _out: &mut Vec<u8>) {}

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
