//! Sealing and opening secret values: a data key per version, under the secret's KMS key.
//!
//! AWS: the data key's encryption context is the secret's ARN in this Region and the version id,
//! and the key is used through Secrets Manager with the caller's permissions. The value itself is
//! sealed without the Region, so that it crosses to replicas as it is.

use crate::cx::Cx;
use crate::ids::{AliasName, KeyArn, KeyId, Region, Scope, SecretArn, VersionId};
use crate::keys::access::{
    Found, KeyName, check_permission, check_state, check_symmetric, find, resolve,
};
use crate::keys::envelope::{BlobHeader, EncryptionContext};
use crate::keys::external::{self, NotOpened, Use};
use crate::keys::model::KeyManager;
use crate::keys::problem::KeyProblem;
use crate::keys::usage::KeyOperation;
use crate::plaintext::{Plaintext, SymmetricKey};
use crate::policy::authorized::Facts;
use crate::ports::{Read, StoreFault, random};
use crate::secrets::error::Error;
use crate::secrets::model::{SealedValue, ValueKind, value_aad};

/// AWS: the version id in the context of the calls that only validate access.
const VALIDATION_VERSION: &str = "RequestToValidateKeyAccess";

/// The alias that stands for a secret's missing `KmsKeyId`.
pub const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

/// A secret's key, and what the caller has to be allowed to do with it.
#[derive(Debug, Clone, Copy)]
pub struct KeyUse<'a> {
    /// As the secret names it.
    pub kms_key_id: Option<&'a str>,
    actions: &'static [&'static str],
}

impl<'a> KeyUse<'a> {
    /// To keep values there and to read them.
    pub const fn keep(kms_key_id: Option<&'a str>) -> Self {
        Self { kms_key_id, actions: &["kms:GenerateDataKey", "kms:Decrypt"] }
    }

    /// To read values.
    pub const fn read(kms_key_id: Option<&'a str>) -> Self {
        Self { kms_key_id, actions: &["kms:Decrypt"] }
    }

    /// To keep another secret's values there.
    ///
    /// AWS: whoever replicates to another account needs no leave to read there.
    pub const fn give(kms_key_id: Option<&'a str>) -> Self {
        Self { kms_key_id, actions: &["kms:Encrypt"] }
    }
}

/// The host name that key policies know Secrets Manager by.
pub fn via_service(region: Region) -> String {
    format!("secretsmanager.{region}.amazonaws.com")
}

/// What conditions see of the key that a request names.
///
/// A key that does not exist has no ARN to see: the request will fail for that. Nor has the managed
/// key before its first use.
pub fn tell_key(facts: &mut Facts, kms_key_id: Option<&str>, arn: Option<KeyArn>) {
    facts.others.extend(kms_key_id.map(|id| ("secretsmanager:kmskeyid", id.to_owned())));
    facts.others.extend(arn.map(|arn| ("secretsmanager:kmskeyarn", arn.text())));
}

/// The ARN of the key that a request names, if it names one that exists.
pub fn named_key(
    read: &dyn Read,
    scope: Scope,
    kms_key_id: Option<&str>,
) -> Result<Option<KeyArn>, StoreFault> {
    let Some(given) = kms_key_id.filter(|id| !id.is_empty()) else { return Ok(None) };
    Ok(resolve(read, scope, given)?.ok().map(|found| found.arn()))
}

/// A data key under a KMS key of this Region.
#[derive(Debug)]
pub struct WrappedDataKey {
    pub blob: Vec<u8>,
    pub key: KeyId,
    pub is_default: bool,
}

/// Finds the key that a secret's `KmsKeyId` names, and checks that it does what this caller has to
/// do with it.
fn usable_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &str,
    key: KeyUse<'_>,
) -> Result<Result<Found, KeyProblem>, StoreFault> {
    let found = match resolve(read, arn.scope, key.kms_key_id.unwrap_or(DEFAULT_KEY))? {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let context = EncryptionContext::of_secret(&arn.text(), version);
    let via = Some(via_service(arn.scope.region));
    for action in key.actions.iter().copied() {
        if let Err(denied) =
            check_permission(cx, read, &found, action, Some(&context), via.clone())?
        {
            return Ok(Err(denied.into()));
        }
    }
    let usable = check_state(&found).and_then(|()| check_symmetric(&found, "GenerateDataKey"));
    Ok(usable.map(|()| found))
}

/// Proves that a key can hold values of the secret: a probe is encrypted under the secret's own
/// kind of context and decrypted again.
pub fn prove_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    kms_key_id: Option<&str>,
) -> Result<Result<(), KeyProblem>, StoreFault> {
    let found = match provable_key(cx, read, arn, KeyUse::keep(kms_key_id))? {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Ok(())),
        Err(problem) => return Ok(Err(problem)),
    };
    let context = EncryptionContext::of_secret(&arn.text(), VALIDATION_VERSION);
    let probe: [u8; 32] = random(cx.entropy);
    let via = via_service(arn.scope.region);
    let blob = match external::encrypt(cx, read, &found, &context, &probe, encrypting(&via))? {
        Ok(blob) => blob,
        Err(problem) => return Ok(Err(problem)),
    };
    match external::decrypt(cx, read, &found, &context, &blob, decrypting(&via)) {
        Ok(opened) if opened.expose() == probe => Ok(Ok(())),
        Err(NotOpened::Key(problem)) => Ok(Err(problem)),
        // Material that does not open is corruption of this Region's store, not the caller's mistake.
        Ok(_) | Err(NotOpened::Unopened | NotOpened::Store(_)) => Err(StoreFault),
    }
}

/// Whether the caller may use the secret's key so, and whether it could be used.
pub fn may_use_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    key: KeyUse<'_>,
) -> Result<Result<(), KeyProblem>, StoreFault> {
    Ok(provable_key(cx, read, arn, key)?.map(drop))
}

/// The key itself. AWS: the managed key comes into being with its first use.
fn provable_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    key: KeyUse<'_>,
) -> Result<Result<Option<Found>, KeyProblem>, StoreFault> {
    Ok(match usable_key(cx, read, arn, VALIDATION_VERSION, key)? {
        Ok(found) => Ok(Some(found)),
        Err(KeyProblem::AliasAbsent { .. }) if is_default_key(key.kms_key_id) => Ok(None),
        Err(problem) => Err(problem),
    })
}

/// Whether the caller may put a version that is there under the KMS key that a secret names. If it
/// is no key, [`wrap_data_key`] says so.
pub fn may_encrypt(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &VersionId,
    kms_key_id: Option<&str>,
) -> Result<bool, StoreFault> {
    let Ok(found) = resolve(read, arn.scope, kms_key_id.unwrap_or(DEFAULT_KEY))? else {
        return Ok(true);
    };
    let context = EncryptionContext::of_secret(&arn.text(), version.as_str());
    let via = Some(via_service(arn.scope.region));
    Ok(check_permission(cx, read, &found, "kms:Encrypt", Some(&context), via)?.is_ok())
}

/// Puts a data key under the KMS key that a secret names.
pub fn wrap_data_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &VersionId,
    key: KeyUse<'_>,
    data_key: &SymmetricKey,
) -> Result<Result<WrappedDataKey, KeyProblem>, StoreFault> {
    let found = match usable_key(cx, read, arn, version.as_str(), key)? {
        Ok(found) => found,
        Err(problem) => return Ok(Err(problem)),
    };
    let context = EncryptionContext::of_secret(&arn.text(), version.as_str());
    let via = via_service(arn.scope.region);
    let by = encrypting(&via);
    let blob = match external::encrypt(cx, read, &found, &context, data_key.expose(), by)? {
        Ok(blob) => blob,
        Err(problem) => return Ok(Err(problem)),
    };
    cx.uses.note(found.arn(), KeyOperation::GenerateDataKey);
    let is_default = found.key.manager == KeyManager::Aws;
    Ok(Ok(WrappedDataKey { blob, key: found.key.id, is_default }))
}

fn encrypting(via: &str) -> Use<'_> {
    Use { operation: KeyOperation::GenerateDataKey.as_str(), via_service: Some(via) }
}

fn decrypting(via: &str) -> Use<'_> {
    Use { operation: KeyOperation::Decrypt.as_str(), via_service: Some(via) }
}

/// The KMS key that a value's data key is under, which may be another account's.
pub fn key_arn(region: Region, value: &SealedValue) -> Option<KeyArn> {
    let (header, ..) = BlobHeader::parse(&value.data_key).ok()?;
    Some(KeyArn { scope: Scope { region, account: header.account }, id: value.kms_key })
}

/// Opens a version's data key.
pub fn open_data_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &VersionId,
    value: &SealedValue,
) -> Result<SymmetricKey, Error> {
    let name = KeyName::Arn(key_arn(arn.scope.region, value).ok_or(Error::DecryptionFailure)?);
    let found = find(read, arn.scope, &name)?.map_err(Error::CannotDecrypt)?;
    let context = EncryptionContext::of_secret(&arn.text(), version.as_str());
    let via = Some(via_service(arn.scope.region));
    check_permission(cx, read, &found, "kms:Decrypt", Some(&context), via)?
        .map_err(|_| Error::KmsDenied)?;
    check_state(&found).map_err(Error::CannotDecrypt)?;
    let via = via_service(arn.scope.region);
    let by = decrypting(&via);
    let opened = external::decrypt(cx, read, &found, &context, &value.data_key, by).map_err(
        |why| match why {
            NotOpened::Unopened => Error::DecryptionFailure,
            NotOpened::Key(problem) => Error::CannotDecrypt(problem),
            NotOpened::Store(fault) => fault.into(),
        },
    )?;
    cx.uses.note(found.arn(), KeyOperation::Decrypt);
    SymmetricKey::from_slice(opened.expose()).ok_or(Error::DecryptionFailure)
}

/// Seals a new value under a new data key.
pub fn seal(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &VersionId,
    key: KeyUse<'_>,
    kind: ValueKind,
    value: &Plaintext,
) -> Result<Result<SealedValue, KeyProblem>, StoreFault> {
    let data_key = SymmetricKey::new(random(cx.entropy));
    let wrapped = match wrap_data_key(cx, read, arn, version, key, &data_key)? {
        Ok(wrapped) => wrapped,
        Err(problem) => return Ok(Err(problem)),
    };
    let aad = value_aad(arn, version, kind);
    let sealed = cx.crypto.seal(&data_key, &aad, value.expose(), cx.entropy);
    Ok(Ok(SealedValue {
        kind,
        sealed: sealed.into(),
        data_key: wrapped.blob.into(),
        kms_key: wrapped.key,
        kms_key_is_default: wrapped.is_default,
    }))
}

/// Opens a stored value.
pub fn open(
    cx: &Cx<'_>,
    read: &dyn Read,
    arn: &SecretArn,
    version: &VersionId,
    value: &SealedValue,
) -> Result<Plaintext, Error> {
    let data_key = open_data_key(cx, read, arn, version, value)?;
    let aad = value_aad(arn, version, value.kind);
    cx.crypto.open(&data_key, &aad, &value.sealed).map_err(|_| Error::DecryptionFailure)
}

/// AWS: a refusal by policy has its own error; everything else is an encryption failure.
pub fn encryption_error(problem: KeyProblem) -> Error {
    match problem {
        KeyProblem::Denied { .. } => Error::KmsDenied,
        problem => Error::CannotEncrypt(problem),
    }
}

/// Whether a `KmsKeyId` means the AWS managed key.
pub fn is_default_key(kms_key_id: Option<&str>) -> bool {
    kms_key_id.is_none_or(|id| id == AliasName::aws_secretsmanager().as_str())
}
