//! ReplicateKey on the wire.

use regent_core::cx::Cx;
use regent_core::keys::access::Found;
use regent_core::keys::error::Error;
use regent_core::keys::ops::replicate_key::ReplicateKey;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::kms::{fault, members, metadata};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<Box<str>>,
    replica_region: Option<Box<str>>,
    policy: Option<Box<str>>,
    bypass_policy_lockout_safety_check: Option<bool>,
    description: Option<Box<str>>,
    tags: Option<Vec<members::Tag>>,
}

impl JsonOperation for ReplicateKey {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        let key = members::check_key(&mut check, "keyId", input.key_id.as_deref());
        let region =
            members::check_region(&mut check, "replicaRegion", input.replica_region.as_deref());
        members::check_policy(&mut check, input.policy.as_deref());
        members::check_description(&mut check, input.description.as_deref());
        members::check_tags(&mut check, input.tags.as_deref().unwrap_or_default());
        check.finish()?;
        Ok(Self {
            key: key.into(),
            region: region.into(),
            policy: members::policy(input.policy.as_deref()).map_err(fault::of_request)?,
            bypass_lockout_check: input.bypass_policy_lockout_safety_check.unwrap_or_default(),
            description: input.description.clone().unwrap_or_default(),
            tags: members::tags(input.tags.unwrap_or_default()).map_err(fault::of_request)?,
        })
    }

    fn encode(output: &Found, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.object("ReplicaKeyMetadata", |body| metadata::write_creating(body, output));
            body.string("ReplicaPolicy", &*output.key.policy.text);
            let tags = &output.key.tags;
            if !tags.is_empty() {
                body.array("ReplicaTags", |list| {
                    for (key, value) in tags {
                        list.object(|entry| {
                            entry.string("TagKey", &**key);
                            entry.string("TagValue", &**value);
                        });
                    }
                });
            }
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
