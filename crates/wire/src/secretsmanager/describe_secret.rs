//! DescribeSecret on the wire.

use regent_core::cx::Cx;
use regent_core::ids::Region;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::DescribeSecret;
use regent_core::secrets::ops::describe_secret::Description;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json;
use crate::json_operation::JsonOperation;
use crate::secretsmanager::{fault, members, rotation, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    secret_id: Option<Box<str>>,
}

impl JsonOperation for DescribeSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        let mut check = Constraints::new();
        members::check_secret_id(&mut check, input.secret_id.as_deref());
        check.finish()?;
        Ok(Self { secret: members::secret_id(input.secret_id.as_deref())? })
    }

    fn encode(output: &Description, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        let Description { found, replicas } = output;
        let secret = &found.secret;
        json::object(out, |body| {
            status::arn_and_name(body, &found.arn());
            body.string("Type", secret.secret_type.as_deref());
            body.string("Description", secret.description.as_deref());
            body.string("KmsKeyId", secret.kms_key_id.as_deref());
            let set_up = secret.rotation.as_ref();
            // AWS: null here once rotation is turned off.
            let last = set_up.filter(|set_up| set_up.enabled).and_then(|set_up| set_up.last);
            rotation::configuration(body, set_up, last);
            body.time("LastChangedDate", secret.last_changed);
            body.time("LastAccessedDate", secret.last_accessed);
            // AWS: "the date the secret is scheduled for deletion".
            body.time("DeletedDate", secret.deletion.map(|deletion| deletion.scheduled));
            status::tags(body, secret);
            status::versions_to_stages(body, "VersionIdsToStages", secret);
            body.time("CreatedDate", secret.created);
            let primary = secret.primary_region(found.scope.region);
            body.string("PrimaryRegion", primary.as_ref().map(Region::as_str));
            status::replication(body, &secret.name, replicas);
            status::links(body, secret);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
