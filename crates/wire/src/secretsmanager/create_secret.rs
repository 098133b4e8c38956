//! CreateSecret on the wire.

use regent_core::cx::Cx;
use regent_core::limits;
use regent_core::secrets::error::Error;
use regent_core::secrets::ops::CreateSecret;
use regent_core::secrets::ops::create_secret::Created;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Blob, Sensitive};
use crate::json_operation::JsonOperation;
use crate::secretsmanager::members::{self, ReplicaRegion, Tag};
use crate::secretsmanager::{fault, status};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: Option<Box<str>>,
    client_request_token: Option<Box<str>>,
    description: Option<Box<str>>,
    kms_key_id: Option<Box<str>>,
    secret_string: Option<Sensitive>,
    secret_binary: Option<Blob>,
    tags: Option<Vec<Tag>>,
    add_replica_regions: Option<Vec<ReplicaRegion>>,
    force_overwrite_replica_secret: Option<bool>,
    r#type: Option<Box<str>>,
    #[serde(rename = "CrossAccountPrimaryARN")]
    cross_account_primary_arn: Option<Box<str>>,
}

impl Input {
    fn check(&self) -> Result<(), Fault> {
        let mut check = Constraints::new();
        check.text("name", self.name.as_deref()).required().length(1..=limits::SECRET_NAME_LEN_MAX);
        members::check_description(&mut check, self.description.as_deref());
        members::check_kms_key_id(&mut check, self.kms_key_id.as_deref());
        let (string, binary) = (self.secret_string.as_ref(), self.secret_binary.as_ref());
        members::check_value(&mut check, string, binary, 1);
        members::check_tags(&mut check, self.tags.as_deref().unwrap_or_default());
        members::check_replicas(&mut check, self.add_replica_regions.as_deref());
        members::check_type(&mut check, self.r#type.as_deref());
        check
            .text("crossAccountPrimaryARN", self.cross_account_primary_arn.as_deref())
            .length(limits::SECRET_ARN_LEN_MIN..=limits::SECRET_ID_LEN_MAX);
        check.finish()
    }
}

impl JsonOperation for CreateSecret {
    fn decode(body: &[u8]) -> Result<Self, Fault> {
        let input: Input = json::parse(body)?;
        input.check()?;
        let name = members::secret_name(input.name.as_deref())?;
        let token = members::token(input.client_request_token.as_deref())?;
        let primary = input.cross_account_primary_arn.as_deref();
        let primary = primary.map(|arn| members::secret_arn("CrossAccountPrimaryARN", Some(arn)));
        Ok(Self {
            name,
            token,
            description: input.description,
            kms_key_id: input.kms_key_id,
            value: members::value(input.secret_string, input.secret_binary),
            tags: input.tags.map(members::tags),
            replicas: input.add_replica_regions.map(members::replicas).unwrap_or_default(),
            overwrite: input.force_overwrite_replica_secret.unwrap_or_default(),
            secret_type: input.r#type,
            cross_account_primary: primary.transpose()?,
        })
    }

    fn encode(output: &Created, _cx: &Cx<'_>, out: &mut Vec<u8>) {
        json::object(out, |body| {
            status::arn_and_name(body, &output.arn);
            body.string(
                "VersionId",
                output.version.as_ref().map(regent_core::ids::VersionId::as_str),
            );
            status::replication(body, &output.arn.name, &output.replicas);
        });
    }

    fn fault(error: Error, cx: &Cx<'_>) -> Fault {
        fault::of(error, cx)
    }
}
