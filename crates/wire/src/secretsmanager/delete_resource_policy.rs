//! DeleteResourcePolicy on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::DeleteResourcePolicy;
use regent_core::secrets::ops::put_resource_policy::ChangedPolicy;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    policy_name: Option<Box<str>>,
}

impl JsonOperation for DeleteResourcePolicy {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        members::check_policy_name(&mut check, input.policy_name.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            name: members::policy_name(input.policy_name.as_deref())?,
        })
    }

    fn encode(output: &ChangedPolicy, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string("PolicyName", output.name.as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
