//! The key that a ciphertext is under, and what it takes to open it.
//!
//! A blob names its key; a request may name one as well, and then both must agree. A single-Region
//! blob is bound to its Region; a multi-Region blob opens under this Region's related key
//! (promise R5). Shared by Decrypt and ReEncrypt.

use std::collections::BTreeMap;

use crate::cx::Cx;
use crate::ids::{KeyArn, MaterialId, Scope};
use crate::keys::access::{Found, KeyName, check_usage, find};
use crate::keys::envelope::{BlobHeader, EncryptionContext};
use crate::keys::error::{Error, UseProblem};
use crate::keys::external::{self, NotOpened, Use};
use crate::keys::grant::GrantToken;
use crate::keys::model::{KeySpec, KeyUsage};
use crate::keys::spec::{EncryptionAlgorithm, PairSpec};
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::keys::usage::KeyOperation;
use crate::keys::using::{check_algorithm, private, public};
use crate::limits;
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Demand, Denied};
use crate::ports::{Read, StoreFault};

/// AWS: the algorithm's name, which policies compare with.
pub const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// An encryption context as a request gives it.
///
/// LIMIT: [`limits::ENCRYPTION_CONTEXT_LEN_MAX`].
pub fn context(pairs: BTreeMap<Box<str>, Box<str>>) -> Result<EncryptionContext, Error> {
    let context = EncryptionContext::new(pairs);
    if context.chars() > limits::ENCRYPTION_CONTEXT_LEN_MAX {
        return Err(Error::EncryptionContextTooLong);
    }
    Ok(context)
}

/// What there is to decrypt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that the request names, if it names one. A ciphertext of RSA does not.
    pub key: Option<KeyRef>,
    pub algorithm: EncryptionAlgorithm,
    pub blob: Blob,
    pub context: EncryptionContext,
    pub tokens: Box<[GrantToken]>,
}

/// A ciphertext, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// To be opened.
    Given(Box<[u8]>),
    /// A dry run without the ciphertext: AWS's `IGNORE_CIPHERTEXT`. It may still name the key.
    Ignored(Option<Box<[u8]>>),
}

/// The key of a ciphertext, looked up.
#[derive(Debug)]
pub struct Source {
    /// The key to decrypt with; `None` if neither request nor ciphertext names one.
    key: Option<Target>,
    /// What the ciphertext says of itself; `None` if it is not one of ours.
    header: Option<BlobHeader>,
    /// Whether the request names the key.
    named: bool,
}

/// What an opened ciphertext gives.
#[derive(Debug)]
pub struct Opened {
    pub plaintext: Plaintext,
    pub key: KeyArn,
    /// `None` for a key pair.
    pub material: Option<MaterialId>,
    pub algorithm: EncryptionAlgorithm,
}

impl Sealed {
    pub fn source(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Source, StoreFault> {
        let blob = match &self.blob {
            Blob::Given(blob) | Blob::Ignored(Some(blob)) => Some(blob),
            Blob::Ignored(None) => None,
        };
        let blob = blob.filter(|_| self.algorithm == EncryptionAlgorithm::Symmetric);
        let header =
            blob.and_then(|blob| BlobHeader::parse(blob).ok()).map(|(header, _, _)| header);
        let key = match (&self.key, &header) {
            (Some(key), _) => Some(key.any(cx, read)?),
            (None, Some(header)) => Some(own_key(cx, read, header)?),
            (None, None) => None,
        };
        let key = key.map(|key| key.with_tokens(read, &self.tokens)).transpose()?;
        Ok(Source { key, header, named: self.key.is_some() })
    }

    /// Opens the ciphertext for `operation`, or stops where a dry run does.
    pub fn open(
        &self,
        cx: &Cx<'_>,
        read: &dyn Read,
        source: Source,
        operation: KeyOperation,
    ) -> Result<Opened, Error> {
        let found = self.found(source.key)?;
        Rule::Use.check(&found)?;
        // AWS: not a wrong usage, but not the ciphertext's key.
        if found.key.usage != KeyUsage::EncryptDecrypt {
            return Err(Error::IncorrectKey);
        }
        check_use(&found, self.algorithm, &self.context)?;
        let Blob::Given(blob) = &self.blob else { return Err(Error::DryRun) };
        if let EncryptionAlgorithm::Oaep(hash) = self.algorithm {
            let key = private(cx, &found)?;
            let opened = cx.crypto.pairs().oaep_decrypt(&key, hash, blob);
            let plaintext = opened.map_err(|_| Error::InvalidCiphertext)?;
            let (key, algorithm) = (found.arn(), self.algorithm);
            return Ok(Opened { plaintext, key, material: None, algorithm });
        }
        let header = source.header.ok_or(Error::InvalidCiphertext)?;
        if !is_of(&header, &found) {
            return Err(Error::IncorrectKey);
        }
        if is_ahead(&header, &found) {
            return Err(Error::MaterialNotArrived { key: found.arn() });
        }
        let by = Use { operation: operation.as_str(), via_service: None };
        let plaintext = external::decrypt(cx, read, &found, &self.context, blob, by)?;
        let (key, algorithm) = (found.arn(), self.algorithm);
        Ok(Opened { plaintext, key, material: Some(header.material), algorithm })
    }

    /// The key that the ciphertext is said to be under. It may still be another one's.
    fn found(&self, target: Option<Target>) -> Result<Found, Error> {
        let Some(target) = target else {
            return Err(match self.algorithm {
                EncryptionAlgorithm::Symmetric => Error::InvalidCiphertext,
                EncryptionAlgorithm::Oaep(_) => Error::Use(UseProblem::DecryptKeyMissing),
            });
        };
        target.found().map_err(|error| match (&self.key, error) {
            (None, Error::Key(_)) => Error::CiphertextKeyInaccessible,
            (_, error) => error,
        })
    }
}

impl Source {
    /// The permission that decrypting takes. Without a key there is nothing to ask for, and nothing
    /// to tell: the answer depends on the request's bytes alone.
    pub fn demand(&self, action: &'static str, sealed: &Sealed) -> Option<Demand> {
        let facts = [("kms:encryptionalgorithm", sealed.algorithm.as_str())];
        self.key.as_ref().map(|key| key.demand_with(action, Some(&sealed.context), facts))
    }

    /// AWS: whoever did not name the key does not learn whether it is there.
    pub fn refusal(&self, denied: Denied) -> Error {
        if self.named { denied.into() } else { Error::CiphertextKeyInaccessible }
    }

    /// The ARN of the key, if there is one.
    pub fn arn(&self) -> Option<KeyArn> {
        self.key.as_ref().and_then(|key| key.as_found().ok()).map(Found::arn)
    }
}

/// Whether a key encrypts and decrypts so.
fn check_use(
    found: &Found,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
) -> Result<(), Error> {
    let spec = found.key.spec;
    check_algorithm(algorithm.is_of(spec), algorithm.as_str(), spec)?;
    if !spec.is_symmetric() && !context.is_empty() {
        return Err(Error::Use(UseProblem::ContextNotSymmetric));
    }
    Ok(())
}

/// What there is to encrypt under a key. Shared by Encrypt and ReEncrypt.
#[derive(Debug)]
pub struct Sealing<'a> {
    pub algorithm: EncryptionAlgorithm,
    pub context: &'a EncryptionContext,
    pub by: KeyOperation,
    /// AWS's name of what encrypts, where a usage is wrong.
    pub operation: &'static str,
}

impl Sealing<'_> {
    /// Everything but the plaintext's length.
    pub fn check(&self, found: &Found) -> Result<(), Error> {
        Rule::Use.check(found)?;
        check_usage(found, KeyUsage::EncryptDecrypt, self.operation)?;
        check_use(found, self.algorithm, self.context)
    }

    /// AWS: what fits into one RSA block.
    pub fn check_length(&self, found: &Found, len: usize) -> Result<(), Error> {
        match (self.algorithm, found.key.spec) {
            (EncryptionAlgorithm::Oaep(hash), spec @ KeySpec::Pair(PairSpec::Rsa(size))) => {
                let (algorithm, max) = (self.algorithm, hash.message_len_max(size));
                if len <= max {
                    Ok(())
                } else {
                    Err(Error::Use(UseProblem::PlaintextTooLong { algorithm, spec, max }))
                }
            }
            _ => Ok(()),
        }
    }

    /// Encrypts what was checked. What fails then is corruption of this Region's store.
    pub fn seal(
        &self,
        cx: &Cx<'_>,
        read: &dyn Read,
        found: &Found,
        text: &Plaintext,
    ) -> Result<Vec<u8>, Error> {
        let text = text.expose();
        match self.algorithm {
            EncryptionAlgorithm::Oaep(hash) => {
                let sealed = cx.crypto.pairs().oaep_encrypt(public(found)?, hash, text);
                Ok(sealed.map_err(|_| StoreFault)?)
            }
            EncryptionAlgorithm::Symmetric => {
                let by = Use { operation: self.by.as_str(), via_service: None };
                Ok(external::encrypt(cx, read, found, self.context, text, by)??)
            }
        }
    }
}

impl From<NotOpened> for Error {
    fn from(why: NotOpened) -> Self {
        match why {
            NotOpened::Unopened => Self::InvalidCiphertext,
            NotOpened::Key(problem) => problem.into(),
            NotOpened::Store(fault) => fault.into(),
        }
    }
}

/// The key that a header names, as this Region has it.
fn own_key(cx: &Cx<'_>, read: &dyn Read, header: &BlobHeader) -> Result<Target, StoreFault> {
    let scope = Scope { region: header.region.unwrap_or(cx.region), account: header.account };
    let arn = KeyArn { scope, id: header.key };
    // A blob of another Region resolves to nothing, whatever this Region holds.
    let found = find(read, Scope { region: cx.region, ..scope }, &KeyName::Arn(arn))?;
    Ok(Target::of_arn(arn, found))
}

/// Whether the ciphertext may be under a generation that is still on its way from the primary.
///
/// PROMISE R5: it will open here, so it is not called invalid. Nothing vouches for the header, so
/// the name of a generation that never was gets the same answer in a replica.
fn is_ahead(header: &BlobHeader, found: &Found) -> bool {
    let key = &found.key;
    let replica = key.multi_region.is_some() && !key.is_multi_region_primary(found.scope.region);
    replica && !key.materials.iter().any(|material| material.id == header.material)
}

/// Whether the ciphertext says that it is under this key.
fn is_of(header: &BlobHeader, found: &Found) -> bool {
    header.key == found.key.id
        && header.account == found.scope.account
        && header.region.is_none_or(|region| region == found.scope.region)
}
