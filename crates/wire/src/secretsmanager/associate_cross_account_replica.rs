//! AssociateCrossAccountReplica on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::AssociateCrossAccountReplica;
use regent_core::secrets::ops::associate_cross_account_replica::Associated;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, status};

/// AWS: whether the replica's account has to be of the same organization. All accounts of one
/// installation are, so both are met.
const RESTRICTIONS: [&str; 2] = ["SameOrg", "NoRestriction"];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
    #[serde(rename = "CrossAccountReplicaARN")]
    replica_arn: Option<Box<str>>,
    replica_restriction: Option<Box<str>>,
    #[serde(rename = "ReplicationRoleARN")]
    role_arn: Option<Box<str>>,
}

impl JsonOperation for AssociateCrossAccountReplica {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let (replica, role) = (input.replica_arn.as_deref(), input.role_arn.as_deref());
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        members::check_replica_arn(&mut check, replica);
        check
            .text("replicaRestriction", input.replica_restriction.as_deref())
            .one_of(&RESTRICTIONS);
        check
            .text("replicationRoleARN", role)
            .length(limits::SECRET_ARN_LEN_MIN..=limits::SECRET_ID_LEN_MAX);
        check.finish()?;
        let secret = members::secret_id(input.secret_id.as_deref())?;
        let replica = members::secret_arn("CrossAccountReplicaARN", replica)?;
        let role = role.map(|arn| arn.parse().map_err(|_| fault::not_a_role("ReplicationRoleARN")));
        Ok(Self { secret, replica, role: role.transpose()? })
    }

    fn encode(output: &Associated, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            body.string("ARN", output.arn.text().as_str());
            body.string("CrossAccountReplicaARN", output.replica.text().as_str());
            body.string("ReplicationStatus", status::of_link(&output.status));
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
