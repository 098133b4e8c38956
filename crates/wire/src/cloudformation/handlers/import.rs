//! Whether what a stack is to import is there: asked by the operations that tell, as the stack's
//! principal.

use regent_core::stacks::handlers::{Done, Handled};
use regent_core::tx::Tx;
use serde::Deserialize;

use super::At;
use super::call::{Body, Unanswered, is_absent, said, unanswered};
use crate::json;
use crate::service::Service;

#[derive(Debug, Deserialize)]
struct Secret {
    #[serde(rename = "ARN")]
    arn: Box<str>,
    #[serde(rename = "DeletedDate")]
    deleted: Option<f64>,
    #[serde(rename = "RotationEnabled", default)]
    rotates: bool,
    #[serde(rename = "ResourcePolicy")]
    policy: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
struct Described {
    #[serde(rename = "KeyMetadata")]
    key: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    key_id: Box<str>,
    key_manager: Box<str>,
    key_state: Box<str>,
    multi_region_configuration: Option<MultiRegion>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MultiRegion {
    multi_region_key_type: Box<str>,
}

pub(super) fn check(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Handled<()> {
    let type_name = at.place.type_name;
    let (service, found) = match type_name {
        "AWS::KMS::Alias" => (Service::Kms, alias(at, tx, physical)),
        "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => (Service::Kms, key(at, tx, physical)),
        _ => (Service::SecretsManager, secret(at, tx, physical)),
    };
    match found {
        Ok(true) => Ok(Done::Done(())),
        Err(why) if !is_absent(&why) => unanswered(at.place.cx, service, why),
        _ => {
            let text = format!(
                "Resource of type '{type_name}' with identifier '{physical}' was not found."
            );
            Err(said(at.place.cx, &text, "NotFound"))
        }
    }
}

/// AWS: a secret is identified by its ARN, and so is what it has one of.
fn secret(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Result<bool, Unanswered> {
    let operation = match at.place.type_name {
        "AWS::SecretsManager::ResourcePolicy" => "GetResourcePolicy",
        _ => "DescribeSecret",
    };
    let service = Service::SecretsManager;
    let body = at.calls.call(tx, service, operation, 512, |body| body.string("SecretId", physical));
    let found: Secret = read(service, &body?)?;
    let is_there = match at.place.type_name {
        "AWS::SecretsManager::ResourcePolicy" => found.policy.is_some(),
        "AWS::SecretsManager::RotationSchedule" => found.rotates,
        _ => true,
    };
    Ok(is_there && found.deleted.is_none() && *found.arn == *physical)
}

fn key(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Result<bool, Unanswered> {
    let found = described(at, tx, physical)?;
    let replica = found.multi_region_configuration;
    let replica = replica.is_some_and(|multi| *multi.multi_region_key_type == *"REPLICA");
    let right = replica == (at.place.type_name == "AWS::KMS::ReplicaKey");
    let leaves = matches!(&*found.key_state, "PendingDeletion" | "PendingReplicaDeletion");
    Ok(right && !leaves && *found.key_id == *physical)
}

/// AWS: the aliases of its own keys are nobody's.
fn alias(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Result<bool, Unanswered> {
    if !physical.starts_with("alias/") {
        return Ok(false);
    }
    let found = described(at, tx, physical)?;
    Ok(*found.key_manager == *"CUSTOMER")
}

fn described(at: &At<'_>, tx: &mut Tx<'_>, physical: &str) -> Result<Metadata, Unanswered> {
    let body = super::key::plain(at, tx, "DescribeKey", physical)?;
    read::<Described>(Service::Kms, &body).map(|found| found.key)
}

fn read<'b, T: Deserialize<'b>>(service: Service, body: &'b Body) -> Result<T, Unanswered> {
    json::parse(body).map_err(|_| Unanswered::Fault(crate::fault::Fault::internal(service)))
}
