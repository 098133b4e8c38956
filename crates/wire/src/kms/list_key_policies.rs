//! ListKeyPolicies on the wire. A key has one policy, so there is one page.

use regent_core::cx::Cx;
use regent_core::keys::error::Error;
use regent_core::keys::ops::list_key_policies::ListKeyPolicies;
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
    limit: Option<i64>,
    marker: Option<Box<str>>,
}

impl JsonOperation for ListKeyPolicies {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        members::check_limit(&mut check, input.limit);
        members::check_marker(&mut check, input.marker.as_deref());
        check.finish()?;
        // There is never a second page, so that no marker is ours.
        if input.marker.is_some() {
            return Err(fault::invalid_marker());
        }
        Ok(Self { key: key.into() })
    }

    fn encode(output: &[&'static str; 1], _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.strings("PolicyNames", output);
            body.boolean("Truncated", false);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
