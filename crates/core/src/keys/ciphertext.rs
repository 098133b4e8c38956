//! The key that a ciphertext is under, and what it takes to open it.
//!
//! A blob names its key; a request may name one as well, and then both must agree. A single-Region
//! blob is bound to its Region; a multi-Region blob opens under this Region's related key
//! (promise R5). Shared by Decrypt and ReEncrypt.

use std::collections::BTreeMap;

use crate::cx::Cx;
use crate::ids::{KeyArn, MaterialId, Scope};
use crate::keys::access::{Found, KeyName, find};
use crate::keys::envelope::{self, BlobHeader, EncryptionContext};
use crate::keys::error::Error;
use crate::keys::grant::GrantToken;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::limits;
use crate::plaintext::Plaintext;
use crate::policy::authorized::Demand;
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
    /// The key that the request names, if it names one.
    pub key: Option<KeyRef>,
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
}

/// What an opened ciphertext gives.
#[derive(Debug)]
pub struct Opened {
    pub plaintext: Plaintext,
    pub key: KeyArn,
    pub material: MaterialId,
}

impl Sealed {
    pub fn source(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Source, StoreFault> {
        let blob = match &self.blob {
            Blob::Given(blob) | Blob::Ignored(Some(blob)) => Some(blob),
            Blob::Ignored(None) => None,
        };
        let header =
            blob.and_then(|blob| BlobHeader::parse(blob).ok()).map(|(header, _, _)| header);
        let key = match (&self.key, &header) {
            (Some(key), _) => Some(key.any(cx, read)?),
            (None, Some(header)) => Some(own_key(cx, read, header)?),
            (None, None) => None,
        };
        let key = key.map(|key| key.with_tokens(read, &self.tokens)).transpose()?;
        Ok(Source { key, header })
    }

    /// Opens the ciphertext, or stops where a dry run does.
    pub fn open(&self, cx: &Cx<'_>, source: Source) -> Result<Opened, Error> {
        let found = self.found(source.key)?;
        Rule::Use.check(&found)?;
        // AWS: not a wrong usage, but not the ciphertext's key.
        if !found.key.spec.is_symmetric() {
            return Err(Error::IncorrectKey);
        }
        let Blob::Given(blob) = &self.blob else { return Err(Error::DryRun) };
        let header = source.header.ok_or(Error::InvalidCiphertext)?;
        if !is_of(&header, &found) {
            return Err(Error::IncorrectKey);
        }
        if is_ahead(&header, &found) {
            return Err(Error::MaterialNotArrived { key: found.arn() });
        }
        let plaintext = envelope::decrypt(&found.key, found.scope, &self.context, blob, cx.crypto)
            .map_err(|_| Error::InvalidCiphertext)?;
        Ok(Opened { plaintext, key: found.arn(), material: header.material })
    }

    /// The key that the ciphertext is said to be under. It may still be another one's.
    fn found(&self, target: Option<Target>) -> Result<Found, Error> {
        let Some(target) = target else { return Err(Error::InvalidCiphertext) };
        target.found().map_err(|error| match (&self.key, error) {
            (None, Error::Key(_)) => Error::CiphertextKeyInaccessible,
            (_, error) => error,
        })
    }
}

impl Source {
    /// The permission that decrypting takes. Without a key there is nothing to ask for, and nothing
    /// to tell: the answer depends on the request's bytes alone.
    pub fn demand(&self, action: &'static str, context: &EncryptionContext) -> Option<Demand> {
        let facts = [("kms:encryptionalgorithm", ALGORITHM.to_owned())];
        self.key.as_ref().map(|key| key.demand_with(action, Some(context), facts))
    }

    /// The ARN of the key, if there is one.
    pub fn arn(&self) -> Option<KeyArn> {
        self.key.as_ref().and_then(|key| key.as_found().ok()).map(Found::arn)
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
