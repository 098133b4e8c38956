//! What is not known of AWS from a recording, and was inferred: kept by hand, with its ground.
//!
//! An entry that turns out right is removed here; one that turns out wrong is a bug to be mended.

use regent_wire::service::Service;
use regent_wire::service::Service::SecretsManager;

/// One behaviour of one operation.
#[derive(Debug)]
pub struct Inferred {
    pub service: Service,
    pub operation: &'static str,
    /// What Regent does, in a sentence without a full stop.
    pub what: &'static str,
    /// What it was inferred from.
    pub ground: &'static str,
}

const fn of(
    service: Service,
    operation: &'static str,
    what: &'static str,
    ground: &'static str,
) -> Inferred {
    Inferred { service, operation, what, ground }
}

pub const INFERRED: &[Inferred] = &[
    of(
        SecretsManager,
        "BatchGetSecretValue",
        "an id that no secret can have refuses the whole request",
        "as every other operation checks the form of a `SecretId` before anything else",
    ),
    of(
        SecretsManager,
        "BatchGetSecretValue",
        "`SecretId` in `Errors` is the id as given, or the ARN of a secret that a filter found",
        "the model calls it \"the ARN or name of the secret\"",
    ),
    of(
        SecretsManager,
        "BatchGetSecretValue",
        "what filters find comes by creation, without secrets that are to be deleted",
        "ListSecrets' defaults, whose filters these are",
    ),
    of(
        SecretsManager,
        "BatchGetSecretValue",
        "`NextToken` with `SecretIdList` answers `InvalidNextTokenException`",
        "a list has no pages: the model allows no more ids than one page has",
    ),
    of(
        SecretsManager,
        "GetRandomPassword",
        "a length that is too short is told before characters that are excluded",
        "the order in which the texts are documented",
    ),
    of(
        SecretsManager,
        "GetRandomPassword",
        "`ExcludeCharacters` takes the space away from `IncludeSpace`",
        "the model's text: characters \"that you don't want in the password\"",
    ),
    of(
        SecretsManager,
        "ListSecrets",
        "secrets that were never read come first by `last-accessed-date`",
        "a member that is absent, and no text of AWS's",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "a rotation that fails is tried five times, 1, 4, 16 and 64 seconds apart, and then in the next window",
        "the documentation says that the entire rotation is retried multiple times",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "members are checked before the function, and the function before a rotation that is not complete",
        "recordings show the texts, not their order",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "the same token again, while AWSPENDING is on its version, begins the next attempt at once",
        "the documentation of `ClientRequestToken`: it makes repetitions safe",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "a token that stands for another version, or for this rotation configured otherwise, answers `InvalidRequestException` with the text that other operations have for a token in use",
        "the model has no `ResourceExistsException` here",
    ),
    of(
        SecretsManager,
        "RotateSecret",
        "the copy of the current value that a test of the configuration is made with needs no KMS permission of the caller; if the key does not allow it, the test has failed",
        "the documentation of KMS says that `RotateSecret` uses no key",
    ),
    of(
        SecretsManager,
        "CancelRotateSecret",
        "for a secret that was never configured the text is RotateSecret's for a missing function",
        "the model allows `InvalidRequestException`, and this is its text for it",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "a tag without `Value` has the empty value",
        "the model requires neither member of a tag and lets a value be empty; a key is at least one character long",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "a key that cannot be used answers `EncryptionFailure`, with KMS's text as AWS's SDK for Java prints it",
        "recordings show this text in the status of a replica",
    ),
    of(
        SecretsManager,
        "CreateSecret",
        "the texts for more than 50 tags, a key that comes twice, and a key that begins with `aws:`",
        "the quotas and the rule are documented, the texts are not",
    ),
    of(
        SecretsManager,
        "DeleteSecret",
        "a secret that is to be deleted already answers as other changes of it do",
        "the text for such secrets is recorded for TagResource and UntagResource",
    ),
    of(
        SecretsManager,
        "DescribeSecret",
        "`DeletedDate` is when the recovery window ends",
        "the documentation of this operation; ListSecrets' says otherwise",
    ),
    of(
        SecretsManager,
        "DescribeSecret",
        "a replica shows `PrimaryRegion` and no `ReplicationStatus`, and a `CreatedDate` of its own",
        "the documentation calls the list that of the primary, and the replica a secret",
    ),
    of(
        SecretsManager,
        "GetSecretValue",
        "the ARN of another Region answers `ResourceNotFoundException`",
        "a Region knows its own secrets only",
    ),
    of(
        SecretsManager,
        "GetSecretValue",
        "`VersionStages` is left out for a version without labels",
        "as recordings of ListSecretVersionIds show",
    ),
    of(
        SecretsManager,
        "GetSecretValue",
        "the text of `DecryptionFailure`",
        "the documentation of the error in the model",
    ),
    of(
        SecretsManager,
        "ListSecrets",
        "`DeletedDate` is when the deletion was asked for",
        "the documentation of this operation; DescribeSecret's says otherwise",
    ),
    of(
        SecretsManager,
        "ListSecrets",
        "the text for a `NextToken` that is not of the query",
        "the model has the error and no text",
    ),
    of(
        SecretsManager,
        "PutSecretValue",
        "the texts for more than 20 labels, and for more than 100 versions",
        "the quotas are documented, the texts are not",
    ),
    of(
        SecretsManager,
        "PutSecretValue",
        "the shape is told first, then the name, the token, the permission, the existence, the deletion, the replica, the members, and KMS last; so in each operation",
        "recordings of pairs of mistakes",
    ),
    of(
        SecretsManager,
        "RemoveRegionsFromReplication",
        "a Region without a replica is no error",
        "what is asked for is so already",
    ),
    of(
        SecretsManager,
        "ReplicateSecretToRegions",
        "the reason in a replica's `StatusMessage` is KMS's text for the same key in a direct request",
        "recordings show it for one key",
    ),
    of(
        SecretsManager,
        "RestoreSecret",
        "a secret that is not deleted is no error",
        "what is asked for is so already",
    ),
    of(
        SecretsManager,
        "StopReplicationToReplica",
        "a secret that is no replica answers `InvalidParameterException`",
        "the code for a request on a replica that belongs to its primary",
    ),
    of(
        SecretsManager,
        "UntagResource",
        "taking away a tag that CloudFormation gave answers the text for writing one",
        "a public thread quotes it for `TagResource`",
    ),
    of(
        SecretsManager,
        "TagResource",
        "a tag without `Value` has the empty value",
        "as in CreateSecret",
    ),
    of(
        SecretsManager,
        "UpdateSecretVersionStage",
        "the texts for a request without either version, and for a version that has not got the label",
        "the documentation names the rules; the text beside them is recorded",
    ),
    of(
        SecretsManager,
        "ValidateResourcePolicy",
        "`ErrorMessage` is the text of the error that PutResourcePolicy answers",
        "the documentation says that the same is checked",
    ),
];
