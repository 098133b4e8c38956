//! ValidateResourcePolicy on the wire.
//!
//! AWS: what each check is called is not documented; the messages are those that its console shows.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::ValidateResourcePolicy;
use regent_core::secrets::policy_check::PolicyFlaw;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    resource_policy: Option<Box<str>>,
}

impl JsonOperation for ValidateResourcePolicy {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let secret = input.secret_id.as_deref();
        check.text("secretId", secret).length(1..=limits::SECRET_ID_LEN_MAX);
        members::check_resource_policy(&mut check, input.resource_policy.as_deref());
        check.finish()?;
        Ok(Self {
            secret: secret.map(|id| members::secret_id(Some(id))).transpose()?,
            policy: input.resource_policy.unwrap_or_default(),
        })
    }

    fn encode(output: &Vec<PolicyFlaw>, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.boolean("PolicyValidationPassed", output.is_empty());
            body.array("ValidationErrors", |list| {
                for flaw in output {
                    list.object(|entry| {
                        entry.string("CheckName", check_name(*flaw));
                        entry.string("ErrorMessage", fault::policy_flaw(*flaw));
                    });
                }
            });
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

const fn check_name(flaw: PolicyFlaw) -> &'static str {
    match flaw {
        PolicyFlaw::Unreadable | PolicyFlaw::Syntax => "SyntaxCheck",
        PolicyFlaw::Principal | PolicyFlaw::ServicePrincipal => "PrincipalCheck",
        PolicyFlaw::Broad => "PublicAccessCheck",
        PolicyFlaw::Lockout => "LockoutCheck",
    }
}
