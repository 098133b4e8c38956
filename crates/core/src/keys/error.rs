//! What may go wrong in a KMS operation, as conditions. The wire chooses the words.

use crate::ids::{AliasArn, KeyArn, Region};
use crate::keys::problem::KeyProblem;
use crate::policy::authorized::Denied;
use crate::ports::StoreFault;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    Store(StoreFault),
    Denied(Denied),
    Key(KeyProblem),
    /// A management operation was given an alias.
    AliasNotAccepted { given: Box<str> },
    /// The ciphertext does not open under this key and context, or is none of ours.
    InvalidCiphertext,
    /// The blob's key is absent here or not the caller's to use, and the request named none.
    CiphertextKeyInaccessible,
    /// The request names another key than the blob.
    IncorrectKey,
    EncryptionContextTooLong,
    /// GenerateDataKey wants exactly one of KeySpec and NumberOfBytes.
    DataKeyLengthAmbiguous,
    DataKeyLengthMissing,
    NumberOfBytesMissing,
    /// All checks have passed and DryRun was set.
    DryRun,
    NotPendingDeletion { key: KeyArn },
    /// The AWS managed key was to be changed.
    AwsManaged { key: KeyArn },
    DeletionWindow,
    NotMultiRegionPrimary { key: KeyArn },
    NotMultiRegion { key: KeyArn },
    ReplicaExists { key: KeyArn },
    /// UpdatePrimaryRegion: the Region holds no replica of the key.
    NoReplicaIn { key: KeyArn, region: Region },
    /// The Region is not one of this installation, or in another partition.
    UnknownRegion { region: Box<str> },
    AliasPrefix,
    AliasReserved,
    AliasMalformed { given: Box<str> },
    AliasExists { alias: AliasArn },
    AliasTargetIsAlias,
    TooManyAliases { key: KeyArn },
    /// A policy text that is not a key policy.
    PolicyMalformed,
    /// PutKeyPolicy's safety check: the caller would shut itself out.
    PolicyLockout,
    NoSuchPolicy,
    TagDuplicate,
    TagReserved,
    TooManyTags,
    InvalidMarker,
    /// A parameter of AWS's that is not built: refused by name, never ignored.
    Unsupported { what: &'static str },
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
