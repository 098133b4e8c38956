//! Members that many requests have: their shapes, their constraints, their way into the core.
//!
//! Checks collect violations first; conversions come after [`Constraints::finish`] and answer with
//! Secrets Manager's own errors, name before token. A value goes from the body straight into
//! [`regent_core::plaintext::Plaintext`] (promise R7).

use regent_core::ids::{PolicyName, SecretArn, SecretName, StageLabel, VersionId};
use regent_core::limits;
use regent_core::secrets::replicas::AddReplica;
use regent_core::secrets::tagging;
use regent_core::secrets::target::SecretId;
use regent_core::secrets::versions::GivenValue;
use serde::Deserialize;

use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{Blob, Sensitive};
use crate::secretsmanager::fault;

/// The model's pattern of Region names.
const REGION_PATTERN: &str = r"^([a-z]+-)+\d+$";

pub fn check_secret_id(check: &mut Constraints, id: Option<&str>) {
    check.text("secretId", id).required().length(1..=limits::SECRET_ID_LEN_MAX);
}

pub fn secret_id(given: Option<&str>) -> Result<SecretId, Fault> {
    SecretId::parse(given.unwrap_or_default()).map_err(|_| fault::invalid_name())
}

pub fn check_replica_arn(check: &mut Constraints, arn: Option<&str>) {
    check
        .text("crossAccountReplicaARN", arn)
        .required()
        .length(limits::SECRET_ARN_LEN_MIN..=limits::SECRET_ID_LEN_MAX);
}

/// The complete ARN of a secret, in the member of that name.
pub fn secret_arn(member: &str, given: Option<&str>) -> Result<SecretArn, Fault> {
    let parsed = SecretId::parse(given.unwrap_or_default()).ok();
    parsed.and_then(|id| id.arn().cloned()).ok_or_else(|| fault::not_an_arn(member))
}

pub fn secret_name(given: Option<&str>) -> Result<SecretName, Fault> {
    given.unwrap_or_default().parse().map_err(|_| fault::invalid_name())
}

/// AWS: presence and length of the token are the service's own checks.
pub fn token(given: Option<&str>) -> Result<VersionId, Fault> {
    let given = given.ok_or_else(fault::token_missing)?;
    given.parse().map_err(|_| fault::token_length())
}

pub fn check_version_id(check: &mut Constraints, path: &str, id: Option<&str>) {
    check.text(path, id).length(limits::VERSION_ID_LEN_MIN..=limits::VERSION_ID_LEN_MAX);
}

/// The model's pattern of policy names.
const POLICY_NAME_PATTERN: &str = r"[0-9A-Za-z\-\_]+";

pub fn check_policy_name(check: &mut Constraints, name: Option<&str>) {
    let legal = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    check
        .text("policyName", name)
        .length(1..=limits::POLICY_NAME_LEN_MAX)
        .pattern(POLICY_NAME_PATTERN, |text| !text.is_empty() && legal(text));
}

/// A policy's name that met its constraints.
pub fn policy_name(given: Option<&str>) -> Result<PolicyName, Fault> {
    let given = given.map(str::parse).transpose().map_err(|_| Fault::serialization())?;
    Ok(given.unwrap_or_else(PolicyName::of_requests))
}

pub fn check_resource_policy(check: &mut Constraints, text: Option<&str>) {
    check.text("resourcePolicy", text).required().length(1..=limits::RESOURCE_POLICY_LEN_MAX);
}

/// A version id that met its constraints.
pub fn version_id(given: Option<&str>) -> Result<Option<VersionId>, Fault> {
    given.map(str::parse).transpose().map_err(|_| Fault::serialization())
}

pub fn check_stage(check: &mut Constraints, path: &str, label: Option<&str>) {
    check.text(path, label).length(1..=limits::STAGE_LABEL_LEN_MAX);
}

/// A staging label that met its constraints.
pub fn stage(given: &str) -> Result<StageLabel, Fault> {
    given.parse().map_err(|_| Fault::serialization())
}

pub fn check_description(check: &mut Constraints, text: Option<&str>) {
    check.text("description", text).length(0..=limits::DESCRIPTION_LEN_MAX);
}

pub fn check_kms_key_id(check: &mut Constraints, id: Option<&str>) {
    check.text("kmsKeyId", id).length(0..=limits::KMS_KEY_ID_LEN_MAX);
}

pub fn check_type(check: &mut Constraints, text: Option<&str>) {
    check.text("type", text).length(0..=limits::SECRET_TYPE_LEN_MAX);
}

/// Bounds a value's bytes, in either member. `string_min` is 0 where an empty string has the
/// service's own error.
pub fn check_value(
    check: &mut Constraints,
    string: Option<&Sensitive>,
    binary: Option<&Blob>,
    string_min: usize,
) {
    let string = string.map(|value| value.expose().as_bytes());
    check.blob("secretString", string).length(string_min..=limits::SECRET_VALUE_LEN_MAX);
    check.blob("secretBinary", binary.map(Blob::expose)).length(1..=limits::SECRET_VALUE_LEN_MAX);
}

pub fn value(string: Option<Sensitive>, binary: Option<Blob>) -> GivenValue {
    GivenValue {
        string: string.map(Sensitive::into_plaintext),
        binary: binary.map(Blob::into_plaintext),
    }
}

/// An entry of `Tags`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    key: Option<Box<str>>,
    value: Option<Box<str>>,
}

pub fn check_tags(check: &mut Constraints, tags: &[Tag]) {
    for (at, tag) in tags.iter().enumerate() {
        let at = at + 1;
        check
            .text(format_args!("tags.{at}.member.key"), tag.key.as_deref())
            .required()
            .length(1..=limits::TAG_KEY_LEN_MAX);
        check
            .text(format_args!("tags.{at}.member.value"), tag.value.as_deref())
            .length(0..=limits::TAG_VALUE_LEN_MAX);
    }
}

pub fn tags(given: Vec<Tag>) -> Vec<tagging::Tag> {
    let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    given.into_iter().map(pair).collect()
}

/// An entry of `AddReplicaRegions`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicaRegion {
    region: Option<Box<str>>,
    kms_key_id: Option<Box<str>>,
}

pub fn check_replicas(check: &mut Constraints, replicas: Option<&[ReplicaRegion]>) {
    check.size("addReplicaRegions", replicas.map(<[_]>::len), &(1..=usize::MAX));
    for (at, replica) in replicas.unwrap_or_default().iter().enumerate() {
        let path = format!("addReplicaRegions.{}.member", at + 1);
        check
            .text(format_args!("{path}.region"), replica.region.as_deref())
            .required()
            .length(1..=limits::REPLICA_REGION_LEN_MAX)
            .pattern(REGION_PATTERN, is_region);
        check
            .text(format_args!("{path}.kmsKeyId"), replica.kms_key_id.as_deref())
            .length(0..=limits::KMS_KEY_ID_LEN_MAX);
    }
}

pub fn replicas(given: Vec<ReplicaRegion>) -> Vec<AddReplica> {
    let add = |replica: ReplicaRegion| AddReplica {
        region: replica.region.unwrap_or_default(),
        kms_key_id: replica.kms_key_id,
    };
    given.into_iter().map(add).collect()
}

/// The element constraints of a list of Regions, as AWS prints them.
pub fn region_constraints() -> String {
    format!(
        "Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: {REGION_PATTERN}"
    )
}

/// Whether a text has the form that the model asks of a Region, which is wider than
/// [`regent_core::ids::Region`].
pub fn is_region(text: &str) -> bool {
    let Some((words, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    words.split('-').all(is_word)
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}
