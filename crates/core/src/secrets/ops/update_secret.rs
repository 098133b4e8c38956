//! UpdateSecret: description, key, type and, if given, a new current value.
//!
//! What is absent stays. A change of the key re-wraps the data keys of the versions in use, not
//! their values, so that replicas need nothing new.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, Scope, SecretArn, StageLabel, VersionId};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::Record;
use crate::secrets::error::Error;
use crate::secrets::model::{SealedValue, Secret, Version};
use crate::secrets::rotation::interrupt;
use crate::secrets::target::{SecretId, Target, version_key};
use crate::secrets::value::{
    KeyUse, encryption_error, is_default_key, may_encrypt, named_key, open_data_key, prove_key,
    tell_key, wrap_data_key,
};
use crate::secrets::versions::{GivenValue, add, advance, ensure_default_key, is_repeated, save};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct UpdateSecret {
    pub secret: SecretId,
    pub token: VersionId,
    /// Empty clears.
    pub description: Option<Box<str>>,
    /// Empty is the AWS managed key.
    pub kms_key_id: Option<Box<str>>,
    /// Empty clears.
    pub secret_type: Option<Box<str>>,
    pub value: GivenValue,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Updated {
    pub arn: SecretArn,
    /// The version, if a value was given.
    pub version: Option<VersionId>,
}

/// The secret, and the key that it is to have.
#[derive(Debug)]
pub struct Named {
    secret: Target,
    key: Option<KeyArn>,
}

impl Operation for UpdateSecret {
    const ACTION: &'static str = "secretsmanager:UpdateSecret";
    type Target = Named;
    type Output = Updated;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Named, StoreFault> {
        let secret = Target::find(cx, read, &self.secret)?;
        let scope = secret.found.as_ref().map_or(cx.scope(), |found| found.scope);
        let key = named_key(read, scope, self.kms_key_id.as_deref())?;
        Ok(Named { secret, key })
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Named) -> Vec<Demand> {
        let mut demand = target.secret.demand(Self::ACTION);
        let given = [
            ("secretsmanager:description", &self.description),
            ("secretsmanager:type", &self.secret_type),
        ];
        for (key, value) in given {
            demand.facts.others.extend(value.as_ref().map(|value| (key, value.to_string())));
        }
        tell_key(&mut demand.facts, self.kms_key_id.as_deref(), target.key);
        vec![demand]
    }
}

impl Command for UpdateSecret {
    fn run(
        op: Authorized<Self>,
        target: Named,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Updated>, Error> {
        let mut op = op.into_inner();
        let found = target.secret.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        let value = core::mem::take(&mut op.value).one()?;
        let untouched = op.description.is_none()
            && op.kms_key_id.is_none()
            && op.secret_type.is_none()
            && value.is_none();
        if untouched {
            return Ok(Step::Done(Updated { arn, version: None }));
        }
        let before = &*found.secret;
        let mut secret = before.clone();
        advance(cx, &mut secret);
        op.merge(&mut secret);
        if op.kms_key_id.is_some() {
            prove(cx, tx, &arn, &secret)?;
        }
        if let Some(value) = &value
            && !is_repeated(cx, tx, scope, before, &op.token, value)?
        {
            add(cx, tx, scope, &mut secret, &op.token, value, &[])?;
            interrupt(cx, tx, scope, before, &mut secret, Some(&op.token))?;
        }
        let moved = is_default_key(before.kms_key_id.as_deref())
            != is_default_key(secret.kms_key_id.as_deref())
            || (before.kms_key_id != secret.kms_key_id
                && !is_default_key(secret.kms_key_id.as_deref()));
        if moved {
            rewrap(cx, tx, scope, &secret)?;
        }
        save(cx, tx, scope, secret)?;
        Ok(Step::Done(Updated { arn, version: value.map(|_| op.token) }))
    }
}

impl UpdateSecret {
    fn merge(&self, secret: &mut Secret) {
        let given = |text: &str| (!text.is_empty()).then(|| text.into());
        if let Some(text) = &self.description {
            secret.description = given(text);
        }
        if let Some(text) = &self.kms_key_id {
            secret.kms_key_id = given(text);
        }
        if let Some(text) = &self.secret_type {
            secret.secret_type = given(text);
        }
    }
}

/// Proves the key that the secret is to have from now on.
fn prove(cx: &Cx<'_>, tx: &mut Tx<'_>, arn: &SecretArn, secret: &Secret) -> Result<(), Error> {
    let kms_key_id = secret.kms_key_id.as_deref();
    ensure_default_key(cx, tx, arn.scope, kms_key_id)?;
    if is_default_key(kms_key_id) {
        return Ok(());
    }
    prove_key(cx, tx, arn, kms_key_id)?.map_err(encryption_error)
}

/// Puts the data keys of the versions in use under the secret's key.
///
/// AWS: those labelled AWSCURRENT, AWSPENDING and AWSPREVIOUS; others stay under their key.
fn rewrap(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, secret: &Secret) -> Result<(), Error> {
    let arn = secret.arn(scope);
    let labels = [StageLabel::current(), StageLabel::pending(), StageLabel::previous()];
    let in_use: BTreeSet<_> = labels.iter().filter_map(|label| secret.stages.get(label)).collect();
    for id in in_use {
        let Some(version) = tx.version(scope, &secret.name, secret.suffix, id)? else { continue };
        if version.changed == secret.at.revision {
            // Sealed just now, under the new key.
            continue;
        }
        // AWS: without kms:Encrypt on the new key, a version stays under its own.
        if !may_encrypt(cx, tx, &arn, id, secret.kms_key_id.as_deref())? {
            continue;
        }
        let data_key = open_data_key(cx, tx, &arn, id, &version.value)?;
        let key = KeyUse::keep(secret.kms_key_id.as_deref());
        let wrapped = wrap_data_key(cx, tx, &arn, id, key, &data_key)?.map_err(encryption_error)?;
        let value = SealedValue {
            data_key: wrapped.blob.into(),
            kms_key: wrapped.key,
            kms_key_is_default: wrapped.is_default,
            ..version.value.clone()
        };
        let version = Version { value, ..Version::clone(&version) };
        tx.put(version_key(scope, secret, id), Record::Version(Arc::new(version)));
    }
    Ok(())
}
