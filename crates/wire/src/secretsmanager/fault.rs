//! Secrets Manager's words for what went wrong: one exhaustive match.
//!
//! Texts are AWS's, character for character, where one is known; the others follow its manner. A
//! KMS failure is quoted as AWS's own SDK prints one. No text has a secret value in it, because no
//! condition carries one (promise R7).

use std::borrow::Cow;

use regent_core::cx::{Cx, Profile};
use regent_core::ids::{Region, RequestId, SecretArn, SecretName};
use regent_core::keys::problem::KeyProblem;
use regent_core::policy::authorized::Denied;
use regent_core::policy::evaluate::Refusal;
use regent_core::secrets::cross_account::LinkFlaw;
use regent_core::secrets::error::{
    Error, RefusedRegion, RefusedReplica, RegionProblem, ReplicaRefusal,
};
use regent_core::secrets::model::ReplicaFailure;
use regent_core::secrets::policy_check::PolicyFlaw;
use regent_core::secrets::rotation::schedule::Flaw;

use crate::fault::Fault;
use crate::kms::problem::text_and_code;
use crate::service::Service;

const KMS_DENIED: &str = "Access to KMS is not allowed";
const DEFAULT_KEY: &str = "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS service key.";
const STAGE_NOT_ON_VERSION: &str =
    "You provided a VersionStage that is not associated to the provided VersionId.";
const MARKED: &str =
    "You can't perform this operation on the secret because it was marked for deletion.";
const NAME_SCHEDULED: &str = "You can't create this secret because a secret with this name is already scheduled for deletion.";
const BOTH_KINDS: &str =
    "You can't specify both a binary secret value and a string secret value in the same secret.";
const UNOPENED: &str =
    "Secrets Manager can't decrypt the protected secret text using the provided KMS key.";
const ON_REPLICA: &str =
    "Operation not permitted on a replica secret. Call must be made in primary secret's region.";
const OTHER_REGION: &str =
    "A primary secret and its cross-account replica must be in the same Region.";
const SAME_ACCOUNT: &str =
    "A primary secret and its cross-account replica must be in different accounts.";
const NEEDS_CUSTOMER_KEY: &str =
    "You must specify a customer managed KMS key when you create a cross-account replica secret.";
const NOT_THE_OWNER: &str =
    "You must associate a cross-account replica from the account that owns the primary secret.";
const ON_CROSS_ACCOUNT_REPLICA: &str = "Operation not permitted on a cross-account replica secret. Call must be made on the primary secret.";
const NOT_A_REPLICA: &str =
    "Operation not permitted on a primary secret. Call must be made in replica secret's region.";
const WINDOW: &str = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
const WINDOW_WITH_FORCE: &str =
    "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
const TAG_RESERVED: &str = "aws: prefixed tag key names are not allowed for external use.";
const CURRENT_STAYS: &str = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.";
const NO_SUCH_POLICY: &str = "Secrets Manager can't find the specified resource policy.";
const POLICY_NAME_RESERVED: &str =
    "You can only attach or delete the resource policy named default.";
const PUBLIC_POLICY: &str =
    "You can't attach a resource-based policy that allows broad access to the secret.";
const PASSWORD_TOO_SHORT: &str = "Password length is too short based on the required types.";
const PASSWORD_TYPE_EXCLUDED: &str = "All characters of the desired type have been excluded";
const NO_FUNCTION: &str = "No Lambda rotation function ARN is associated with this secret.";
const FUNCTION_UNUSABLE: &str = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.";
pub(crate) const ROTATION_INCOMPLETE: &str =
    "A previous rotation isn't complete. That rotation will be reattempted.";
const RULES_BOTH: &str =
    "You cannot specify both rotation frequency and schedule expression together.";
const NOT_EXTERNAL: &str = "You can specify ExternalSecretRotationMetadata and ExternalSecretRotationRoleArn only for a managed external secret.";
const TOKEN_MISSING: &str =
    "You must provide a ClientRequestToken value. We recommend a UUID-type value.";
const STAGE_MOVE_EMPTY: &str =
    "You must specify MoveToVersionId, RemoveFromVersionId, or both of them.";

/// The fault of a condition.
pub fn of(error: Error, cx: &Cx<'_>) -> Fault {
    match error {
        Error::Store(_) => Fault::internal(Service::SecretsManager),
        Error::Denied(denied) => Fault::access_denied(Service::SecretsManager, denial(&denied)),
        Error::NotFound => absent("Secrets Manager can't find the specified secret."),
        Error::NoVersionAtStage { stage } => absent(no_value("staging label", stage.as_str())),
        Error::NoVersion { id } => absent(no_value("VersionId", &id)),
        Error::StageNotOnVersion => request(STAGE_NOT_ON_VERSION),
        Error::MarkedForDeletion => request(MARKED),
        Error::NameScheduledForDeletion => request(NAME_SCHEDULED),
        Error::NameExists { name } => exists(name_exists(&name)),
        Error::TokenInUse { token, arn } => exists(token_in_use(token.as_str(), &arn)),
        Error::BothValueKinds => parameter(BOTH_KINDS),
        Error::NoValue => request("You must provide either SecretString or SecretBinary."),
        Error::DefaultKeyAcrossAccounts => request(DEFAULT_KEY),
        Error::KmsDenied => Fault::access_denied(Service::SecretsManager, KMS_DENIED),
        Error::CannotEncrypt(problem) => {
            Fault::secrets_manager("EncryptionFailure", cannot("encrypt", &problem, cx.request_id))
        }
        Error::CannotDecrypt(problem) => {
            Fault::secrets_manager("DecryptionFailure", cannot("decrypt", &problem, cx.request_id))
        }
        Error::DecryptionFailure => Fault::secrets_manager("DecryptionFailure", UNOPENED),
        Error::OnReplica => parameter(ON_REPLICA),
        Error::NotAReplica => parameter(NOT_A_REPLICA),
        Error::HasReplicas { arn, regions } => parameter(has_replicas(&arn, &regions)),
        Error::RecoveryWindow => parameter(WINDOW),
        Error::RecoveryWindowWithForce => parameter(WINDOW_WITH_FORCE),
        Error::TooManyTags => parameter("A secret can't have more than 50 tags."),
        Error::TagReserved => parameter(TAG_RESERVED),
        Error::SystemTag { key } => {
            parameter(format!("You can't modify system tags. Tag key: '{key}'."))
        }
        Error::TagDuplicate => parameter("Duplicate tag keys"),
        Error::TooManyStages => limit("A secret can't have more than 20 staging labels."),
        Error::TooManyVersions => limit("A secret can't have more than 100 versions."),
        Error::StageNeedsRemoveFrom { stage, on } => {
            parameter(needs_remove_from(stage.as_str(), on.as_str()))
        }
        Error::StageNotOnRemoveFrom { stage, id } => {
            parameter(not_on_remove_from(stage.as_str(), id.as_str()))
        }
        Error::CurrentCannotBeRemoved => parameter(CURRENT_STAYS),
        Error::StageMoveEmpty => parameter(STAGE_MOVE_EMPTY),
        Error::InvalidNextToken => next_token(),
        Error::NoSuchPolicy => absent(NO_SUCH_POLICY),
        Error::PolicyNameReserved => parameter(POLICY_NAME_RESERVED),
        Error::MalformedPolicy(flaw) => {
            Fault::secrets_manager("MalformedPolicyDocumentException", policy_flaw(flaw))
        }
        Error::PublicPolicy => Fault::secrets_manager("PublicPolicyException", PUBLIC_POLICY),
        Error::PasswordTooShort => parameter(PASSWORD_TOO_SHORT),
        Error::PasswordTypeExcluded => parameter(PASSWORD_TYPE_EXCLUDED),
        Error::PasswordAllExcluded => parameter("All characters have been excluded from selection"),
        Error::InvalidReplicaRegion(refused) => parameter(invalid_region(&refused, cx.profile)),
        Error::ReplicasRefused(refused) => parameter(refused_replicas(&refused, cx.request_id)),
        Error::NoRotationFunction => request(NO_FUNCTION),
        Error::RotationTokenInUse { token, arn } => request(token_in_use(token.as_str(), &arn)),
        Error::FunctionUnusable => Fault::access_denied(Service::SecretsManager, FUNCTION_UNUSABLE),
        Error::RotationIncomplete => request(ROTATION_INCOMPLETE),
        Error::RotationRules(flaw) => parameter(rotation_rules(flaw)),
        Error::NotExternal => parameter(NOT_EXTERNAL),
        Error::RotationToken => parameter("The RotationToken value is invalid."),
        Error::CrossAccount(flaw) => cross_account(*flaw, cx.request_id),
        Error::Unsupported { what } => unsupported(what),
    }
}

/// What is wrong between secrets of two accounts. None of AWS's texts is known.
fn cross_account(flaw: LinkFlaw, request_id: RequestId) -> Fault {
    match flaw {
        LinkFlaw::OtherRegion => parameter(OTHER_REGION),
        LinkFlaw::SameAccount => parameter(SAME_ACCOUNT),
        LinkFlaw::MemberOfPrimary { member } => parameter(format!(
            "You can't specify {member} when you create a cross-account replica secret."
        )),
        LinkFlaw::NeedsCustomerKey => parameter(NEEDS_CUSTOMER_KEY),
        LinkFlaw::NotTheOwner => request(NOT_THE_OWNER),
        LinkFlaw::NotItsReplica { primary } => {
            request(format!("The secret wasn't created as a cross-account replica of {primary}."))
        }
        LinkFlaw::NotAssociated => {
            absent("Secrets Manager can't find the specified cross-account replica of the secret.")
        }
        LinkFlaw::TooMany => limit("A secret can't have more than 1 cross-account replica."),
        LinkFlaw::Key(failure) => request(refusal(&failure, request_id)),
        LinkFlaw::RoleUnusable { role } => {
            request(format!("Secrets Manager is not authorized to assume the role {role}."))
        }
        LinkFlaw::OnReplica => parameter(ON_CROSS_ACCOUNT_REPLICA),
        LinkFlaw::Associated { arn, replica } => parameter(format!(
            "You can't delete secret {arn} that still has cross-account replicas [{replica}]."
        )),
        LinkFlaw::Replica { arn } => parameter(format!(
            "You can't delete secret {arn} that is a cross-account replica. You must stop replication first."
        )),
    }
}

type Text = Cow<'static, str>;

fn absent(text: impl Into<Text>) -> Fault {
    Fault::secrets_manager("ResourceNotFoundException", text)
}

fn request(text: impl Into<Text>) -> Fault {
    Fault::secrets_manager("InvalidRequestException", text)
}

fn parameter(text: impl Into<Text>) -> Fault {
    Fault::secrets_manager("InvalidParameterException", text)
}

fn exists(text: impl Into<Text>) -> Fault {
    Fault::secrets_manager("ResourceExistsException", text)
}

fn limit(text: impl Into<Text>) -> Fault {
    Fault::secrets_manager("LimitExceededException", text)
}

/// A parameter that AWS has and Regent has not.
pub fn unsupported(what: &str) -> Fault {
    parameter(format!("The parameter {what} is not supported."))
}

/// A name or `SecretId` with a character that no name has.
pub fn invalid_name() -> Fault {
    Fault::validation(
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
    )
}

/// A request without the token that every SDK fills in.
pub fn token_missing() -> Fault {
    request(TOKEN_MISSING)
}

/// The same of RotateSecret, which has another code for it.
pub fn rotation_token_missing() -> Fault {
    parameter(TOKEN_MISSING)
}

const fn rotation_rules(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Both => RULES_BOTH,
        Flaw::Expression => "The ScheduleExpression value is invalid.",
        Flaw::TooOften => "You can rotate a secret no more often than every 4 hours.",
        Flaw::Duration => {
            "The Duration value is invalid. The rotation window must not extend into the next rotation window or the next UTC day."
        }
    }
}

/// A member that must be the complete ARN of a secret, and is not.
pub fn not_an_arn(member: &str) -> Fault {
    parameter(format!("{member} must be the complete ARN of a secret."))
}

/// A member that must be the ARN of a role, and is not.
pub fn not_a_role(member: &str) -> Fault {
    parameter(format!("{member} must be the ARN of a role."))
}

pub fn token_length() -> Fault {
    parameter("ClientRequestToken must be 32-64 characters long.")
}

/// A filter of ListSecrets without a key that it knows.
pub fn filter_key() -> Fault {
    parameter("Invalid filter key")
}

/// A filter of ListSecrets without values.
pub fn filter_values(key: &str) -> Fault {
    parameter(format!("Invalid filter values for key: {key}"))
}

/// What is wrong with a resource policy.
pub const fn policy_flaw(flaw: PolicyFlaw) -> &'static str {
    match flaw {
        PolicyFlaw::Unreadable | PolicyFlaw::Syntax => {
            "This resource policy contains a syntax error."
        }
        PolicyFlaw::Principal => "This resource policy contains an unsupported principal.",
        PolicyFlaw::ServicePrincipal => {
            "This resource policy contains an invalid service principal."
        }
        PolicyFlaw::Broad => "This resource policy grants broad access to your secret.",
        PolicyFlaw::Lockout => {
            "Your requested changes will not allow you to manage this secret in the future."
        }
    }
}

/// BatchGetSecretValue wants to be told which secrets in one way.
pub fn ids_or_filters() -> Fault {
    parameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
}

/// BatchGetSecretValue has pages of what filters find only.
pub fn results_without_filters() -> Fault {
    parameter(
        "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
    )
}

/// A page token that is not ours, or of another query.
pub fn next_token() -> Fault {
    Fault::secrets_manager("InvalidNextTokenException", "The NextToken value is invalid.")
}

/// AWS's sentence for a denial.
pub fn denial(denied: &Denied) -> String {
    let Denied { principal, action, resource, refusal } = denied;
    let why = match refusal {
        Refusal::NoIdentityAllow => {
            format!("because no identity-based policy allows the {action} action")
        }
        Refusal::NoResourceAllow => {
            format!("because no resource-based policy allows the {action} action")
        }
        Refusal::IdentityDeny => "with an explicit deny in an identity-based policy".to_owned(),
        Refusal::ResourceDeny => "with an explicit deny in a resource-based policy".to_owned(),
    };
    let resource = named(action, resource);
    format!(
        "User: {principal} is not authorized to perform: {action} on resource: {resource} {why}"
    )
}

/// AWS: a denied CreateSecret names the secret as the caller did, not the ARN it would have had.
fn named<'r>(action: &str, resource: &'r str) -> &'r str {
    if action != "secretsmanager:CreateSecret" {
        return resource;
    }
    let name = resource.split_once(":secret:").and_then(|(_, rest)| rest.rsplit_once('-'));
    name.map_or(resource, |(name, _)| name)
}

fn no_value(what: &str, which: &str) -> String {
    format!("Secrets Manager can't find the specified secret value for {what}: {which}")
}

fn name_exists(name: &SecretName) -> String {
    format!("The operation failed because the secret {name} already exists.")
}

fn token_in_use(token: &str, arn: &SecretArn) -> String {
    format!(
        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )
}

/// AWS: the Regions are in alphabetical order.
fn has_replicas(arn: &SecretArn, regions: &[Region]) -> String {
    let regions: Vec<_> = regions.iter().map(Region::as_str).collect();
    let regions = regions.join(", ");
    format!("You can't delete secret {arn} that still has replica regions [{regions}].")
}

fn needs_remove_from(stage: &str, on: &str) -> String {
    format!(
        "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {on}, so you must explicitly reference that version in RemoveFromVersionId."
    )
}

fn not_on_remove_from(stage: &str, id: &str) -> String {
    format!(
        "The parameter RemoveFromVersionId is invalid. Staging label {stage} is not currently attached to version {id}."
    )
}

/// An encryption or decryption failure, with KMS quoted as AWS's SDK for Java prints it.
pub fn cannot(verb: &str, problem: &KeyProblem, request_id: RequestId) -> String {
    let (code, text) = text_and_code(problem);
    format!(
        "Secrets Manager can't {verb} the secret value: {text} (Service: AWSKMS; Status Code: 400; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
    )
}

/// PROMISE R3: what AWS says later, and out of sight, is said now.
fn refused_replicas(refused: &[RefusedReplica], request_id: RequestId) -> String {
    let mut text = String::new();
    for RefusedReplica { region, kms_key_id, reason } in refused {
        let reason = match reason {
            ReplicaRefusal::Failure(failure) => refusal(failure, request_id),
            ReplicaRefusal::Unreachable => "The Region did not answer.".into(),
        };
        if !text.is_empty() {
            text.push_str(if text.ends_with('.') { " " } else { ". " });
        }
        text.push_str(&not_replicable(region.as_str(), kms_key_id, &reason));
    }
    text
}

fn not_replicable(region: &str, kms_key_id: &str, reason: &str) -> String {
    format!("Invalid replica region {region} with KMS key {kms_key_id}. {reason}")
}

/// AWS says no more than that; the strict profile says which Region and why.
fn invalid_region(refused: &RefusedRegion, profile: Profile) -> String {
    let reason = match (profile, refused.problem) {
        (Profile::Aws, _) => return "Invalid replica region.".to_owned(),
        (Profile::Strict, RegionProblem::Own) => "It is the secret's own Region.",
        (Profile::Strict, RegionProblem::Repeated) => "The Region is named twice.",
        (Profile::Strict, RegionProblem::Unknown) => "There is no such Region here.",
    };
    not_replicable(&refused.region, &refused.kms_key_id, reason)
}

fn refusal(failure: &ReplicaFailure, request_id: RequestId) -> String {
    failure_text(failure, request_id).unwrap_or_else(|| {
        "A secret with this name is currently replicated there with a different arn".to_owned()
    })
}

/// Why a Region does not hold a replica; `None` if the text names the secret, which only its
/// status can.
pub fn failure_text(failure: &ReplicaFailure, request_id: RequestId) -> Option<String> {
    Some(match failure {
        ReplicaFailure::ReplicaKey(KeyProblem::Denied { .. })
        | ReplicaFailure::PrimaryKey(KeyProblem::Denied { .. }) => KMS_DENIED.to_owned(),
        ReplicaFailure::ReplicaKey(problem) => cannot("encrypt", problem, request_id),
        ReplicaFailure::PrimaryKey(problem) => cannot("decrypt", problem, request_id),
        ReplicaFailure::NameTaken => {
            "Secret with this name already exists in this region".to_owned()
        }
        ReplicaFailure::RegionNotEnabled => "You have not enabled the Region".to_owned(),
        ReplicaFailure::RoleUnusable => {
            "Secrets Manager is not authorized to assume the replication role".to_owned()
        }
        ReplicaFailure::ReplicatedWithOtherArn => return None,
    })
}
