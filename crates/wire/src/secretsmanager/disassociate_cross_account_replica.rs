//! DisassociateCrossAccountReplica on the wire.

use regent_core::cx::Cx;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::DisassociateCrossAccountReplica;
use regent_core::secrets::ops::disassociate_cross_account_replica::Disassociated;
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
    #[serde(rename = "CrossAccountReplicaARN")]
    replica_arn: Option<Box<str>>,
}

impl JsonOperation for DisassociateCrossAccountReplica {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let replica = input.replica_arn.as_deref();
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        members::check_replica_arn(&mut check, replica);
        check.finish()?;
        let secret = members::secret_id(input.secret_id.as_deref())?;
        Ok(Self { secret, replica: members::secret_arn("CrossAccountReplicaARN", replica)? })
    }

    fn encode(output: &Disassociated, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("ARN", output.arn.text().as_str());
            body.string("CrossAccountReplicaARN", output.replica.text().as_str());
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
