//! What may go wrong in a Secrets Manager operation, as conditions. The wire chooses the words.

use crate::ids::{Region, SecretArn, SecretName, StageLabel, VersionId};
use crate::keys::problem::KeyProblem;
use crate::policy::authorized::Denied;
use crate::ports::StoreFault;
use crate::secrets::cross_account::LinkFlaw;
use crate::secrets::model::ReplicaFailure;
use crate::secrets::policy_check::PolicyFlaw;
use crate::secrets::rotation::schedule::Flaw;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
    /// No such secret, for this caller, in this Region.
    NotFound,
    NoVersionAtStage {
        stage: StageLabel,
    },
    NoVersion {
        id: Box<str>,
    },
    StageNotOnVersion,
    MarkedForDeletion,
    NameScheduledForDeletion,
    NameExists {
        name: SecretName,
    },
    TokenInUse {
        token: VersionId,
        arn: SecretArn,
    },
    BothValueKinds,
    NoValue,
    /// Another account uses a secret that is under the AWS managed key.
    DefaultKeyAcrossAccounts,
    /// KMS refuses the caller the use of the secret's key.
    KmsDenied,
    /// The secret's key cannot encrypt.
    CannotEncrypt(KeyProblem),
    /// The secret's key cannot decrypt.
    CannotDecrypt(KeyProblem),
    /// The stored value does not open: it was altered, or its key's material is gone.
    DecryptionFailure,
    OnReplica,
    /// StopReplicationToReplica on a secret that is no replica.
    NotAReplica,
    HasReplicas {
        arn: SecretArn,
        regions: Vec<Region>,
    },
    RecoveryWindow,
    RecoveryWindowWithForce,
    TooManyTags,
    TagReserved,
    /// A tag that is AWS's own cannot be written or taken away.
    SystemTag {
        key: Box<str>,
    },
    TagDuplicate,
    TooManyStages,
    TooManyVersions,
    /// UpdateSecretVersionStage: the label is elsewhere and RemoveFromVersionId does not say so.
    StageNeedsRemoveFrom {
        stage: StageLabel,
        on: VersionId,
    },
    /// UpdateSecretVersionStage: RemoveFromVersionId names a version without the label.
    StageNotOnRemoveFrom {
        stage: StageLabel,
        id: VersionId,
    },
    CurrentCannotBeRemoved,
    /// Neither MoveToVersionId nor RemoveFromVersionId.
    StageMoveEmpty,
    InvalidNextToken,
    /// No resource policy of that name.
    NoSuchPolicy,
    /// Only the resource policy called `default` is changed by requests.
    PolicyNameReserved,
    MalformedPolicy(PolicyFlaw),
    /// BlockPublicPolicy, and the policy lets in a wide range of principals.
    PublicPolicy,
    /// GetRandomPassword: fewer characters than types that are required.
    PasswordTooShort,
    /// GetRandomPassword: no character of a required type is left.
    PasswordTypeExcluded,
    /// GetRandomPassword: no character at all is left.
    PasswordAllExcluded,
    /// A replica Region that cannot be one.
    InvalidReplicaRegion(RefusedRegion),
    /// PROMISE R3: these Regions, at least one, could not hold their replicas.
    ReplicasRefused(Vec<RefusedReplica>),
    /// RotateSecret and CancelRotateSecret: no function is given or stored.
    NoRotationFunction,
    /// RotateSecret's token stands for another version, or for a rotation configured otherwise.
    RotationTokenInUse {
        token: VersionId,
        arn: SecretArn,
    },
    /// There is no such function, or it may not be invoked.
    FunctionUnusable,
    /// AWSPENDING is on another version than AWSCURRENT.
    RotationIncomplete,
    RotationRules(Flaw),
    /// Metadata or a role for a secret that no partner holds.
    NotExternal,
    /// A RotationToken that is not of the present invocation.
    RotationToken,
    /// A request about secrets of two accounts.
    CrossAccount(Box<LinkFlaw>),
    /// A parameter of AWS's that is not built: refused by name, never ignored.
    Unsupported {
        what: &'static str,
    },
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<LinkFlaw> for Error {
    fn from(flaw: LinkFlaw) -> Self {
        Self::CrossAccount(Box::new(flaw))
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

/// A Region that can be no replica Region, as given, and the key that it was to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRegion {
    pub region: Box<str>,
    pub kms_key_id: Box<str>,
    pub problem: RegionProblem,
}

/// A replica that would not be readable where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReplica {
    pub region: Region,
    pub kms_key_id: Box<str>,
    pub reason: ReplicaRefusal,
}

/// Why a Region is not known to be able to hold a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaRefusal {
    /// The Region says so.
    Failure(ReplicaFailure),
    /// The Region did not answer, so nothing is proven.
    Unreachable,
}

/// Why a Region can be no replica Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionProblem {
    /// The primary is there.
    Own,
    /// One request names it twice.
    Repeated,
    /// It is not part of the installation.
    Unknown,
}
