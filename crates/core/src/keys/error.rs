//! What may go wrong in a KMS operation, as conditions. The wire chooses the words.

use crate::ids::{AliasArn, GrantId, KeyArn, MaterialId, Region};
use crate::keys::import::Wrapping;
use crate::keys::model::{KeySpec, Origin};
use crate::keys::problem::KeyProblem;
use crate::keys::signing::MessageType;
use crate::keys::spec::{EncryptionAlgorithm, RsaSize, SigningAlgorithm};
use crate::keys::stores::StoreProblem;
use crate::policy::authorized::Denied;
use crate::ports::StoreFault;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
    Key(KeyProblem),
    /// The ciphertext does not open under this key and context, or is none of ours.
    InvalidCiphertext,
    /// The blob's key is absent here or not the caller's to use, and the request named none.
    CiphertextKeyInaccessible,
    /// The request names another key than the blob.
    IncorrectKey,
    /// The key is not used so.
    Use(UseProblem),
    Import(ImportProblem),
    EncryptionContextTooLong,
    /// GenerateDataKey wants exactly one of KeySpec and NumberOfBytes.
    DataKeyLengthAmbiguous,
    DataKeyLengthMissing,
    /// All checks have passed and DryRun was set.
    DryRun,
    NotPendingDeletion {
        key: KeyArn,
    },
    DeletionWindow,
    NotMultiRegionPrimary {
        key: KeyArn,
    },
    NotMultiRegion {
        key: KeyArn,
    },
    ReplicaExists {
        key: KeyArn,
    },
    /// UpdatePrimaryRegion: the Region holds no replica of the key.
    NoReplicaIn {
        key: KeyArn,
        region: Region,
    },
    /// UpdatePrimaryRegion: this replica was asked for and does not exist yet.
    ReplicaCreating {
        key: KeyArn,
    },
    /// The key is changing places with a related one.
    Updating {
        key: KeyArn,
    },
    /// UpdatePrimaryRegion: the replica's Region did not say whether the replica can be the primary.
    ReplicaUnheard {
        key: KeyArn,
    },
    /// The Region is not one of this installation, or in another partition.
    UnknownRegion {
        region: Box<str>,
    },
    AliasPrefix,
    AliasReserved,
    AliasExists {
        alias: AliasArn,
    },
    AliasTargetIsAlias,
    /// UpdateAlias: the old and the new key are of different kinds or usages.
    AliasOfOtherKind,
    TooManyAliases {
        key: KeyArn,
    },
    /// A policy text that is not a key policy.
    PolicyMalformed,
    /// A statement names no principal, or one that cannot be.
    PolicyPrincipal,
    PolicyTooLong,
    /// The safety check: the caller would shut itself out.
    PolicyLockout,
    NoSuchPolicy,
    Grant(GrantProblem),
    Rotation(RotationProblem),
    KeyStore(StoreProblem),
    /// The ciphertext names a generation of material that the primary may have made and this Region
    /// has not heard of yet.
    MaterialNotArrived {
        key: KeyArn,
    },
    TagDuplicate,
    TagReserved,
    TooManyTags,
    InvalidMarker,
}

/// What speaks against using a key as a request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UseProblem {
    /// The algorithm, in AWS's spelling, is none of the key's spec.
    WrongAlgorithm {
        algorithm: &'static str,
        spec: KeySpec,
    },
    /// The plaintext is too long for RSA.
    PlaintextTooLong {
        algorithm: EncryptionAlgorithm,
        spec: KeySpec,
        max: usize,
    },
    /// An encryption context, which only symmetric keys have.
    ContextNotSymmetric,
    /// Decrypting with a key pair takes the key's name.
    DecryptKeyMissing,
    /// A digest, or a message representative, of another length than the algorithm's.
    DigestLength {
        algorithm: SigningAlgorithm,
    },
    MessageType {
        message_type: MessageType,
        algorithm: SigningAlgorithm,
    },
    InvalidSignature,
    InvalidMac,
    /// DeriveSharedSecret: no public key of the curve.
    InvalidPeerKey,
    /// GetPublicKey on a key that has none.
    NoPublicKey {
        key: KeyArn,
        spec: KeySpec,
    },
}

/// What speaks against importing material, or against deleting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportProblem {
    /// The key's material is not imported.
    Origin {
        key: KeyArn,
        origin: Origin,
    },
    /// Material of this spec is too long to be wrapped so.
    Wrapping {
        wrapping: Wrapping,
        size: RsaSize,
        spec: KeySpec,
    },
    /// A token that is none of this key's.
    TokenInvalid,
    TokenExpired,
    /// Not the material that was expected, or none of a key of this spec.
    Material,
    /// Not in the future, or too far in it.
    ValidTo,
    /// A member that only symmetric keys have.
    NotSymmetric,
    /// The id of material that is to be new.
    IdOfNew,
    OtherPending {
        key: KeyArn,
        given: Box<MaterialId>,
        pending: Box<MaterialId>,
    },
    NoMaterial {
        id: MaterialId,
    },
}

/// What may be wrong with a grant, or with a request for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantProblem {
    /// A token that is none of a grant's here.
    Token,
    /// A text that cannot be the id of a grant.
    Id,
    Absent {
        id: GrantId,
    },
    /// A grantee or retiring principal that is not the ARN of a principal.
    Principal,
    /// Operations that keys of this kind do not have.
    Operations {
        key: KeyArn,
    },
    /// An encryption context constraint on a key that knows no encryption context.
    Constraint {
        key: KeyArn,
    },
    ConstraintTooLong,
    TooMany {
        key: KeyArn,
    },
}

/// Why the material of a key cannot be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationProblem {
    NotSymmetric,
    /// Automatic rotation of imported material, any rotation of what a key store holds.
    Origin {
        key: KeyArn,
        origin: Origin,
    },
    /// Rotation on demand of imported material, of which none waits.
    NothingPending {
        key: KeyArn,
    },
    /// The bound of rotations on demand is reached.
    TooMany {
        key: KeyArn,
    },
}

impl From<RotationProblem> for Error {
    fn from(problem: RotationProblem) -> Self {
        Self::Rotation(problem)
    }
}

impl From<UseProblem> for Error {
    fn from(problem: UseProblem) -> Self {
        Self::Use(problem)
    }
}

impl From<ImportProblem> for Error {
    fn from(problem: ImportProblem) -> Self {
        Self::Import(problem)
    }
}

impl From<GrantProblem> for Error {
    fn from(problem: GrantProblem) -> Self {
        Self::Grant(problem)
    }
}

impl From<StoreFault> for Error {
    fn from(fault: StoreFault) -> Self {
        Self::Store(fault)
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<KeyProblem> for Error {
    fn from(problem: KeyProblem) -> Self {
        Self::Key(problem)
    }
}
