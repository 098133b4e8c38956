//! ListResourcePolicies on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::ListResourcePolicies;
use regent_core::secrets::ops::list_resource_policies::PolicyNames;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, page_token};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    max_results: Option<i64>,
    next_token: Option<Box<str>>,
}

impl JsonOperation for ListResourcePolicies {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.number("maxResults", input.max_results).range(1..=100);
        page_token::check(&mut check, input.next_token.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            results_max: input.max_results.and_then(|count| usize::try_from(count).ok()),
            after: page_token::decode(input.next_token.as_deref())?,
        })
    }

    fn encode(output: &PolicyNames, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.array("ResourcePolicies", |list| {
                for name in &output.names {
                    list.object(|entry| entry.string("PolicyName", name.as_str()));
                }
            });
            body.string("NextToken", output.next.as_ref().map(page_token::encode).as_deref());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
