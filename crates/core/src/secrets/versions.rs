//! A secret's records: new states, new values, retention, removal.
//!
//! Every change to a secret goes through [`advance`] and [`save`], so that no state is written
//! without its number and no replica is left unaware of it (promise R2). Which labels a value gets
//! is for [`super::stages`], which key it is sealed under for [`super::value`].

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{Scope, StageLabel, VersionId};
use crate::keys::managed;
use crate::limits;
use crate::plaintext::Plaintext;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::replication::outbox::publish;
use crate::secrets::cross_account;
use crate::secrets::error::Error;
use crate::secrets::event::{Happening, Removal, announce};
use crate::secrets::index;
use crate::secrets::model::{Secret, ValueKind, Version};
use crate::secrets::rotation::deadline_of;
use crate::secrets::stages;
use crate::secrets::target::{purge_key, version_key};
use crate::secrets::value::{KeyUse, encryption_error, is_default_key, open, seal};
use crate::time::{DAY_MS, Timestamp};
use crate::tx::{Records, Tx, collect};

/// A secret value as given: a request has a member for either kind.
#[derive(Debug, Default)]
pub struct GivenValue {
    pub string: Option<Plaintext>,
    pub binary: Option<Plaintext>,
}

/// One secret value.
#[derive(Debug)]
pub struct Value {
    pub kind: ValueKind,
    pub plaintext: Plaintext,
}

impl GivenValue {
    /// The value, if one is given.
    pub fn one(self) -> Result<Option<Value>, Error> {
        match (self.string, self.binary) {
            (Some(_), Some(_)) => Err(Error::BothValueKinds),
            (Some(plaintext), None) => Ok(Some(Value { kind: ValueKind::String, plaintext })),
            (None, Some(plaintext)) => Ok(Some(Value { kind: ValueKind::Binary, plaintext })),
            (None, None) => Ok(None),
        }
    }
}

/// Begins a new state of the secret.
pub fn advance(cx: &Cx<'_>, secret: &mut Secret) {
    secret.at = secret.at.next();
    secret.last_changed = cx.now;
}

/// Writes the secret's new state, has it sent to the replicas, and gives it to the replica in
/// another account.
pub fn save(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    mut secret: Secret,
) -> Result<(), StoreFault> {
    publish(cx, tx, scope, &secret)?;
    cross_account::replicate(cx, tx, scope, &mut secret)?;
    put_secret(tx, scope, secret)
}

/// Writes the secret's record, without telling anybody.
pub fn put_secret(tx: &mut Tx<'_>, scope: Scope, secret: Secret) -> Result<(), StoreFault> {
    index::put(tx, scope, secret)
}

/// Whether `token` already stands for this very value.
///
/// AWS: a token that stands for another value is refused; the comparison needs the use of the key.
pub fn is_repeated(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    scope: Scope,
    secret: &Secret,
    token: &VersionId,
    value: &Value,
) -> Result<bool, Error> {
    let Some(version) = tx.version(scope, &secret.name, secret.suffix, token)? else {
        return Ok(false);
    };
    let arn = secret.arn(scope);
    let stored = open(cx, tx, &arn, token, &version.value)?;
    let same = version.value.kind == value.kind
        && cx.crypto.equal(stored.expose(), value.plaintext.expose());
    if same { Ok(true) } else { Err(Error::TokenInUse { token: token.clone(), arn }) }
}

/// Stores a new version of `secret`, whose new state has begun, and gives it its labels.
pub fn add(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    id: &VersionId,
    value: &Value,
    labels: &[StageLabel],
) -> Result<(), Error> {
    stages::put(&mut secret.stages, id, labels)?;
    make_room(cx, tx, scope, secret)?;
    ensure_default_key(cx, tx, scope, secret.kms_key_id.as_deref())?;
    let arn = secret.arn(scope);
    let key = KeyUse::keep(secret.kms_key_id.as_deref());
    let value =
        seal(cx, tx, &arn, id, key, value.kind, &value.plaintext)?.map_err(encryption_error)?;
    let changed = secret.at.revision;
    let version = Version { id: id.clone(), created: cx.now, last_accessed: None, changed, value };
    tx.put(version_key(scope, secret, id), Record::Version(Arc::new(version)));
    secret.version_count = secret.version_count.saturating_add(1);
    Ok(())
}

/// Creates the AWS managed key before its first use.
pub fn ensure_default_key(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    kms_key_id: Option<&str>,
) -> Result<(), StoreFault> {
    let by_arn = |id: &str| id.starts_with("arn:") && id.ends_with(":alias/aws/secretsmanager");
    if is_default_key(kms_key_id) || kms_key_id.is_some_and(by_arn) {
        managed::ensure(cx, tx, scope)?;
    }
    Ok(())
}

/// Every version that has a label, in the order of their ids.
///
/// AWS: a rotation labels its version AWSPENDING before there is a value.
pub fn labelled(
    read: &dyn Read,
    scope: Scope,
    secret: &Secret,
) -> Result<Vec<Arc<Version>>, StoreFault> {
    let ids: BTreeSet<_> = secret.stages.values().collect();
    let mut versions = Vec::with_capacity(ids.len());
    for id in ids {
        match read.version(scope, &secret.name, secret.suffix, id)? {
            Some(version) => versions.push(version),
            None if secret.stages.get(&StageLabel::pending()) == Some(id) => {}
            None => return Err(StoreFault),
        }
    }
    Ok(versions)
}

/// Makes sure that one more version fits.
///
/// AWS: versions younger than a day are never removed, so that frequent writes exhaust the quota.
fn make_room(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, secret: &mut Secret) -> Result<(), Error> {
    let most = limits::VERSIONS_PER_SECRET_MAX - 1;
    forget_old_versions(cx, tx, scope, secret, most)?;
    if stored(secret) > most { Err(Error::TooManyVersions) } else { Ok(()) }
}

fn stored(secret: &Secret) -> usize {
    usize::try_from(secret.version_count).unwrap_or(usize::MAX)
}

/// Removes the oldest deprecated versions, but none that is younger than a day, until `most` are
/// left or none can go.
pub fn forget_old_versions(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    most: usize,
) -> Result<(), StoreFault> {
    let excess = stored(secret).saturating_sub(most);
    if excess == 0 {
        return Ok(());
    }
    let keep_ms = DAY_MS / 24 * i64::from(limits::VERSION_KEEP_HOURS);
    let young = Timestamp::from_millis(cx.now.millis().saturating_sub(keep_ms));
    let deprecated = |version: &Version| {
        version.created < young && secret.stages_of(&version.id).next().is_none()
    };
    let mut old = collect(tx, versions_of(scope, secret), |key, record| match record {
        Record::Version(version) if deprecated(&version) => Some((version.created, key)),
        _ => None,
    })?;
    old.sort_unstable();
    for (_, key) in old.into_iter().take(excess) {
        if let Key::Version { id, .. } = &key {
            let version = id.clone();
            let outdated = Happening::Removal { removal: Removal::Outdated, version };
            announce(cx, tx, scope, secret, outdated);
        }
        tx.remove(key);
        secret.version_count = secret.version_count.saturating_sub(1);
    }
    Ok(())
}

fn versions_of(scope: Scope, secret: &Secret) -> Prefix {
    Prefix::Versions { scope, name: secret.name.clone(), suffix: secret.suffix }
}

/// Says of each version what the deletion of its secret does to it.
pub fn announce_removal(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &Secret,
    removal: Removal,
) -> Result<(), StoreFault> {
    let versions = collect(tx, versions_of(scope, secret), |key, _| match key {
        Key::Version { id, .. } => Some(id),
        _ => None,
    })?;
    for version in versions {
        announce(cx, tx, scope, secret, Happening::Removal { removal, version });
    }
    Ok(())
}

/// Removes a secret for good, in this Region: versions, index, deadline and all.
pub fn purge(tx: &mut Tx<'_>, scope: Scope, secret: &Secret) -> Result<(), StoreFault> {
    let versions = collect(tx, versions_of(scope, secret), |key, _| Some(key))?;
    for key in versions {
        tx.remove(key);
    }
    if let Some(key) = purge_key(scope, secret) {
        tx.remove(key);
    }
    if let Some(key) = deadline_of(scope, secret) {
        tx.remove(key);
    }
    for region in secret.replicas() {
        tx.remove(Key::Replica { scope, name: secret.name.clone(), region: *region });
    }
    index::remove(tx, scope, secret);
    Ok(())
}
