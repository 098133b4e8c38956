//! KMS's words for every error of its operations: one exhaustive match.
//!
//! Texts are AWS's where they are recorded; where they are not, the error's code is the model's and
//! the sentence says what is wrong.

use regent_core::cx::Cx;
use regent_core::ids::KeyArn;
use regent_core::keys::error::{Error, GrantProblem, ImportProblem, RotationProblem, UseProblem};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::spec::PairSpec;

use super::key_store;
use super::problem::text_and_code;
use crate::fault::Fault;
use crate::secretsmanager::fault::denial;
use crate::service::Service;

const ALIAS_PREFIX: &str = "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
const ALIAS_KIND: &str =
    "The current and the new KMS key of an alias must be of the same type and key usage.";
const NO_DATA_KEY_LENGTH: &str = "Please specify either number of bytes or key spec.";
const INACCESSIBLE: &str = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.";
const INCORRECT_KEY: &str =
    "The key ID in the request does not identify a CMK that can perform this operation.";
const POLICY_TOO_LONG: &str = "The key policy is longer than 32768 bytes.";
const DRY_RUN: &str = "The request would have succeeded, but the DryRun option is set.";
const LOCKOUT: &str =
    "The new key policy will not allow you to update the key policy in the future.";

/// The fault of an error.
pub fn of(error: Error, _cx: &Cx<'_>) -> Fault {
    of_request(error)
}

/// The fault of an error that is known before there are any circumstances.
pub fn of_request(error: Error) -> Fault {
    match error {
        Error::Store(_) => Fault::internal(Service::Kms),
        Error::Denied(denied) => Fault::access_denied(Service::Kms, denial(&denied)),
        Error::Key(problem) => of_key(&problem),
        Error::InvalidCiphertext => Fault::kms_bare("InvalidCiphertextException"),
        Error::CiphertextKeyInaccessible => Fault::kms("AccessDeniedException", INACCESSIBLE),
        Error::IncorrectKey => Fault::kms("IncorrectKeyException", INCORRECT_KEY),
        Error::Use(problem) => of_use(&problem),
        Error::Import(problem) => of_import(&problem),
        Error::EncryptionContextTooLong => {
            Fault::validation("The encryption context is longer than 8192 characters.")
        }
        Error::DataKeyLengthAmbiguous => {
            Fault::validation("Please specify either number of bytes or key spec, but not both.")
        }
        Error::DataKeyLengthMissing => Fault::validation(NO_DATA_KEY_LENGTH),
        Error::DryRun => Fault::kms("DryRunOperationException", DRY_RUN),
        Error::NotPendingDeletion { key } => {
            state(format!("{key} is not pending deletion (or pending replica deletion)."))
        }
        Error::DeletionWindow => {
            Fault::validation("PendingWindowInDays must be between 7 and 30 days (inclusive).")
        }
        Error::NotMultiRegionPrimary { key } => {
            unsupported(format!("{key} is not a multi-region primary key."))
        }
        Error::NotMultiRegion { key } => unsupported(format!("{key} is not a multi-region key.")),
        Error::ReplicaExists { key } => {
            Fault::kms("AlreadyExistsException", format!("{key} already exists."))
        }
        Error::NoReplicaIn { key, region } => {
            unsupported(format!("{key} has no replica key in {region}."))
        }
        Error::ReplicaCreating { key } => state(format!("{key} is creating.")),
        Error::Updating { key } => state(format!("{key} is updating.")),
        Error::ReplicaUnheard { key } => replica_unheard(key),
        Error::UnknownRegion { region } => {
            unsupported(format!("Region {region} is not supported for multi-region keys."))
        }
        Error::AliasPrefix => Fault::validation(ALIAS_PREFIX),
        Error::AliasReserved => Fault::kms_bare("NotAuthorizedException"),
        Error::AliasExists { alias } => Fault::kms(
            "AlreadyExistsException",
            format!("An alias with the name {alias} already exists"),
        ),
        Error::AliasTargetIsAlias => Fault::validation("Aliases must refer to keys. Not aliases"),
        Error::AliasOfOtherKind => Fault::validation(ALIAS_KIND),
        Error::TooManyAliases { key } => {
            Fault::kms("LimitExceededException", format!("{key} has too many aliases."))
        }
        Error::PolicyMalformed => {
            malformed_policy("The new key policy is not a well-formed policy document.")
        }
        Error::PolicyPrincipal => {
            malformed_policy("Policy contains a statement with one or more invalid principals.")
        }
        Error::PolicyTooLong => Fault::kms("LimitExceededException", POLICY_TOO_LONG),
        Error::PolicyLockout => malformed_policy(LOCKOUT),
        Error::NoSuchPolicy => Fault::kms("NotFoundException", "No such policy exists"),
        Error::Grant(problem) => of_grant(&problem),
        Error::Rotation(problem) => of_rotation(problem),
        Error::KeyStore(problem) => key_store::of(&problem),
        Error::MaterialNotArrived { key } => material_not_arrived(key),
        Error::TagDuplicate => tag("Duplicate tag keys"),
        Error::TagReserved => tag("Tags beginning with aws: are reserved"),
        Error::TooManyTags => tag("Too many tags"),
        Error::InvalidMarker => invalid_marker(),
    }
}

fn replica_unheard(key: KeyArn) -> Fault {
    let text = "could not be asked whether it can be the primary key. Nothing was changed.";
    Fault::kms_retriable("KMSInternalException", format!("{key} {text}"))
}

fn of_use(problem: &UseProblem) -> Fault {
    match problem {
        UseProblem::WrongAlgorithm { algorithm, spec } => Fault::kms(
            "InvalidKeyUsageException",
            format!("Algorithm {algorithm} is incompatible with key spec {}.", spec.as_str()),
        ),
        UseProblem::PlaintextTooLong { algorithm, spec, max } => Fault::validation(format!(
            "Algorithm {} and key spec {} cannot encrypt data larger than {max} bytes.",
            algorithm.as_str(),
            spec.as_str()
        )),
        UseProblem::ContextNotSymmetric => {
            Fault::validation("EncryptionContext can only be used with symmetric encryption keys.")
        }
        UseProblem::DecryptKeyMissing => Fault::validation(
            "KeyId is required to decrypt with an asymmetric encryption algorithm.",
        ),
        UseProblem::DigestLength { algorithm } => Fault::validation(format!(
            "Digest is invalid length for algorithm {}.",
            algorithm.as_str()
        )),
        UseProblem::MessageType { message_type, algorithm } => Fault::validation(format!(
            "MessageType {} is not compatible with algorithm {}.",
            message_type.as_str(),
            algorithm.as_str()
        )),
        UseProblem::InvalidSignature => Fault::kms_bare("KMSInvalidSignatureException"),
        UseProblem::InvalidMac => Fault::kms_bare("KMSInvalidMacException"),
        // AWS: an empty text.
        UseProblem::InvalidPeerKey => Fault::validation(""),
        UseProblem::NoPublicKey { key, spec } => unsupported(format!(
            "{key} key spec is {} which is not valid for this operation.",
            spec.as_str()
        )),
    }
}

fn of_import(problem: &ImportProblem) -> Fault {
    match problem {
        ImportProblem::Origin { key, origin } => unsupported(format!(
            "{key} origin is {} which is not valid for this operation.",
            origin.as_str()
        )),
        ImportProblem::Wrapping { wrapping, size, spec } => unsupported(format!(
            "Wrapping algorithm {} and wrapping key spec {} are not compatible with key spec {}.",
            wrapping.as_str(),
            PairSpec::Rsa(*size).as_str(),
            spec.as_str()
        )),
        ImportProblem::TokenInvalid => Fault::kms_bare("InvalidImportTokenException"),
        ImportProblem::TokenExpired => Fault::kms_bare("ExpiredImportTokenException"),
        ImportProblem::Material => Fault::kms_bare("IncorrectKeyMaterialException"),
        ImportProblem::ValidTo => {
            Fault::validation("ValidTo must be in the future, and at most 365 days from now.")
        }
        ImportProblem::NotSymmetric => unsupported(
            "ImportType, KeyMaterialDescription and KeyMaterialId are for symmetric encryption keys only.",
        ),
        ImportProblem::IdOfNew => Fault::validation(
            "KeyMaterialId cannot be specified when the ImportType is NEW_KEY_MATERIAL.",
        ),
        ImportProblem::OtherPending { key, given, pending } => state(format!(
            "New key material (id: {given}) cannot be imported into KMS key {key}, because another key material (id: {pending}) is pending rotation."
        )),
        ImportProblem::NoMaterial { id } => {
            Fault::kms("NotFoundException", format!("Key material {id} is not found."))
        }
    }
}

fn of_grant(problem: &GrantProblem) -> Fault {
    match problem {
        GrantProblem::Token => grant_token(),
        GrantProblem::Id => Fault::kms("InvalidGrantIdException", "The grant ID is invalid."),
        GrantProblem::Absent { id } => {
            Fault::kms("NotFoundException", format!("Grant ID {id} not found"))
        }
        GrantProblem::Principal => {
            Fault::kms("InvalidArnException", "ARN does not refer to a valid principal")
        }
        GrantProblem::Operations { key } => Fault::validation(format!(
            "Operations contains an operation that {key} does not support."
        )),
        GrantProblem::Constraint { key } => Fault::validation(format!(
            "{key} does not support encryption context grant constraints."
        )),
        GrantProblem::ConstraintTooLong => Fault::validation(
            "A grant constraint can have at most 8 encryption context pairs of 384 characters in all.",
        ),
        GrantProblem::TooMany { key } => {
            Fault::kms("LimitExceededException", format!("{key} has too many grants."))
        }
    }
}

/// AWS: the code for a key that may be there when the request is repeated.
fn material_not_arrived(key: KeyArn) -> Fault {
    let text = format!(
        "{key} does not have the key material of this ciphertext yet. You can retry the request."
    );
    Fault::kms_retriable("KeyUnavailableException", text)
}

fn of_rotation(problem: RotationProblem) -> Fault {
    match problem {
        RotationProblem::NotSymmetric => Fault::kms_bare("UnsupportedOperationException"),
        RotationProblem::Origin { key, origin } => unsupported(format!(
            "{key} origin is {} which is not valid for this operation.",
            origin.as_str()
        )),
        RotationProblem::NothingPending { key } => {
            state(format!("No available key material pending rotation for the key: {key}."))
        }
        RotationProblem::TooMany { key } => Fault::kms(
            "LimitExceededException",
            format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {key}"
            ),
        ),
    }
}

/// The fault of a key that cannot be used.
pub fn of_key(problem: &KeyProblem) -> Fault {
    let (code, text) = text_and_code(problem);
    Fault::kms(code, text)
}

/// A marker that is not ours.
pub fn invalid_marker() -> Fault {
    Fault::kms("InvalidMarkerException", "The marker is invalid.")
}

/// A member, or a value of one, that names something which is not built.
pub fn unsupported(text: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::kms("UnsupportedOperationException", text)
}

/// Something of AWS's that Regions like these do not have.
pub fn not_in_region(what: &str, name: &str) -> Fault {
    unsupported(format!("{what} {name} is not supported in this Region."))
}

/// A grant token that is not ours, or whose grant is gone.
pub fn grant_token() -> Fault {
    Fault::kms("InvalidGrantTokenException", "The grant token is invalid.")
}

fn state(text: String) -> Fault {
    Fault::kms("KMSInvalidStateException", text)
}

fn malformed_policy(text: &'static str) -> Fault {
    Fault::kms("MalformedPolicyDocumentException", text)
}

fn tag(text: &'static str) -> Fault {
    Fault::kms("TagException", text)
}
