//! ReplicateSecretToRegions on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::ReplicateSecretToRegions;
use regent_core::secrets::ops::replicate_secret_to_regions::Replicated;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::members::{self, ReplicaRegion};
use crate::secretsmanager::{fault, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    add_replica_regions: Option<Vec<ReplicaRegion>>,
    force_overwrite_replica_secret: Option<bool>,
}

impl JsonOperation for ReplicateSecretToRegions {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.required("addReplicaRegions", input.add_replica_regions.as_ref());
        members::check_replicas(&mut check, input.add_replica_regions.as_deref());
        check.finish()?;
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            replicas: input.add_replica_regions.map(members::replicas).unwrap_or_default(),
            overwrite: input.force_overwrite_replica_secret.unwrap_or_default(),
        })
    }

    fn encode(output: &Replicated, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| encode_replicated(body, output));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}

/// The answer that RemoveRegionsFromReplication shares.
pub fn encode_replicated(body: &mut json::Object<'_>, output: &Replicated) {
    body.string("ARN", output.arn.to_string().as_str());
    status::replication_even_if_none(body, &output.arn.name, &output.replicas);
}
