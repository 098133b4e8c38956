//! How answers show a secret, its labels and its replicas.
//!
//! A status's message is AWS's, with the failure that the replica's Region reported.

use std::collections::BTreeMap;
use std::sync::Arc;

use regent_core::ids::{Region, RequestId, SecretArn, SecretName, VersionId};
use regent_core::secrets::model::{
    Link, LinkStatus, Replica, ReplicaFailure, ReplicaStatus, Role, Secret,
};
use regent_core::secrets::value::DEFAULT_KEY;
use regent_core::tags::OF_STACKS;

use crate::json::Object;
use crate::secretsmanager::fault::failure_text;

const SUCCEEDED: &str = "Replication succeeded";

/// `ARN` and `Name`, which nearly every answer begins with.
pub fn arn_and_name(body: &mut Object<'_>, arn: &SecretArn) {
    body.string("ARN", arn.text().as_str());
    body.string("Name", arn.name.as_str());
}

/// `Tags`. AWS: absent if the secret was never tagged, empty if all tags were removed.
pub fn tags(body: &mut Object<'_>, secret: &Secret) {
    let Some(tags) = &secret.tags else { return };
    let of_stack = |key: &str| OF_STACKS.contains(&key);
    let first = OF_STACKS.iter().filter_map(|key| tags.get_key_value(*key));
    body.array("Tags", |list| {
        for (key, value) in first.chain(tags.iter().filter(|(key, _)| !of_stack(key))) {
            list.object(|tag| {
                tag.string("Key", &**key);
                tag.string("Value", &**value);
            });
        }
    });
}

/// The labels of each version that has any.
pub fn versions_to_stages(body: &mut Object<'_>, member: &str, secret: &Secret) {
    let mut versions: BTreeMap<&VersionId, Vec<&str>> = BTreeMap::new();
    for (label, id) in &secret.stages {
        versions.entry(id).or_default().push(label.as_str());
    }
    if !versions.is_empty() {
        body.object(member, |map| {
            for (id, labels) in versions {
                map.strings(id.as_str(), labels);
            }
        });
    }
}

/// `ReplicationStatus`, which a secret without replicas has not.
pub fn replication(body: &mut Object<'_>, name: &SecretName, replicas: &[Arc<Replica>]) {
    if !replicas.is_empty() {
        replication_even_if_none(body, name, replicas);
    }
}

/// `ReplicationStatus`, empty if there is none.
pub fn replication_even_if_none(
    body: &mut Object<'_>,
    name: &SecretName,
    replicas: &[Arc<Replica>],
) {
    body.array("ReplicationStatus", |list| {
        for replica in replicas {
            list.object(|entry| {
                entry.string("Region", replica.region.as_str());
                entry.string("KmsKeyId", replica.kms_key_id.as_deref().unwrap_or(DEFAULT_KEY));
                entry.string("Status", status(replica));
                entry.string("StatusMessage", message(name, replica).as_deref());
                entry.time("LastAccessedDate", replica.last_accessed);
            });
        }
    });
}

/// What ties the secret to one of another account, as primary or as replica.
pub fn links(body: &mut Object<'_>, secret: &Secret) {
    if let Role::CrossAccountReplica(link) = &secret.role {
        body.object("CrossAccountPrimary", |entry| link_members(entry, "PrimarySecretARN", link));
    }
    if let Some(link) = &secret.cross_account_replica {
        body.array("CrossAccountReplicas", |list| {
            list.object(|entry| link_members(entry, "ReplicaSecretARN", link));
        });
    }
}

fn link_members(entry: &mut Object<'_>, member: &str, link: &Link) {
    entry.string(member, link.other.text().as_str());
    entry.string("ReplicationRoleARN", link.role.as_ref().map(ToString::to_string).as_deref());
    entry.string("ReplicationStatus", of_link(&link.status));
    entry.string("StatusMessage", link_message(&link.status).as_deref());
}

/// The status of replication to another account.
pub const fn of_link(status: &LinkStatus) -> &'static str {
    match status {
        LinkStatus::Pending => "Pending",
        LinkStatus::InSync => "InSync",
        LinkStatus::Failed { .. } => "Failed",
        LinkStatus::Detached => "Detached",
    }
}

fn link_message(status: &LinkStatus) -> Option<String> {
    match status {
        LinkStatus::Pending | LinkStatus::Detached => None,
        LinkStatus::InSync => Some(SUCCEEDED.to_owned()),
        LinkStatus::Failed { failure, request_id } => {
            failure_text(failure, *request_id).as_deref().map(failed)
        }
    }
}

fn failed(why: &str) -> String {
    format!("Replication failed: {why}")
}

fn status(replica: &Replica) -> &'static str {
    match replica.status {
        ReplicaStatus::InProgress => "InProgress",
        ReplicaStatus::InSync => "InSync",
        ReplicaStatus::Failed { .. } => "Failed",
    }
}

fn message(name: &SecretName, replica: &Replica) -> Option<String> {
    match &replica.status {
        ReplicaStatus::InProgress => None,
        ReplicaStatus::InSync => Some(SUCCEEDED.to_owned()),
        ReplicaStatus::Failed { failure, request_id } => {
            Some(why_failed(name, replica.region, failure, *request_id))
        }
    }
}

/// The message about a replica in `region` that failed.
pub fn why_failed(
    name: &SecretName,
    region: Region,
    failure: &ReplicaFailure,
    request_id: RequestId,
) -> String {
    let why = failure_text(failure, request_id).unwrap_or_else(|| {
        format!("Secret name {name} is currently replicated to {region} with a different arn")
    });
    failed(&why)
}
