//! RemoveRegionsFromReplication on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::RemoveRegionsFromReplication;
use regent_core::secrets::ops::replicate_secret_to_regions::Replicated;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::replicate_secret_to_regions::encode_replicated;
use crate::secretsmanager::{fault, members};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    remove_replica_regions: Option<Vec<Box<str>>>,
}

impl JsonOperation for RemoveRegionsFromReplication {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        let is_region =
            |text: &str| text.len() <= limits::REPLICA_REGION_LEN_MAX && members::is_region(text);
        check
            .strings("removeReplicaRegions", input.remove_replica_regions.as_deref())
            .required()
            .length(1..=usize::MAX)
            .each(&members::region_constraints(), is_region);
        check.finish()?;
        // What cannot be one of our Regions has no replica, and removing that is no error.
        let regions = input.remove_replica_regions.unwrap_or_default();
        Ok(Self {
            secret: members::secret_id(input.secret_id.as_deref())?,
            regions: regions.iter().filter_map(|region| region.parse().ok()).collect(),
        })
    }

    fn encode(output: &Replicated, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| encode_replicated(body, output));
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
