//! Rotation of a symmetric key's material: by itself when it is due, and on demand.
//!
//! A rotation adds a generation, which encrypts from then on; what was encrypted before stays
//! readable, because no generation is ever removed. Of related keys only the primary rotates: the
//! setting and every generation reach the replicas with its state (promise R5).

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{KeyId, Region, Scope};
use crate::keys::access::Found;
use crate::keys::envelope::generate_material;
use crate::keys::error::{Error, RotationProblem};
use crate::keys::event::announce_rotation;
use crate::keys::model::{KmsKey, Material, Origin, Rotation, RotationKind};
use crate::keys::multi_region::publish;
use crate::keys::states::Rule;
use crate::limits;
use crate::ports::StoreFault;
use crate::records::{Due, Key, Record};
use crate::time::Timestamp;
use crate::tx::{Records, Tx};

/// Days between two automatic rotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPeriod(u32);

impl RotationPeriod {
    /// AWS: a year, unless the request says otherwise.
    pub const DEFAULT: Self = Self(limits::ROTATION_PERIOD_DAYS_DEFAULT);

    /// LIMIT: [`limits::ROTATION_PERIOD_DAYS_MIN`] to [`limits::ROTATION_PERIOD_DAYS_MAX`].
    pub fn new(days: i64) -> Option<Self> {
        let bounds = limits::ROTATION_PERIOD_DAYS_MIN..=limits::ROTATION_PERIOD_DAYS_MAX;
        bounds.contains(&days).then_some(days).and_then(|days| u32::try_from(days).ok()).map(Self)
    }

    pub const fn days(self) -> u32 {
        self.0
    }

    /// The setting of a key whose rotation begins at `now`.
    pub fn from(self, now: Timestamp) -> Rotation {
        Rotation { period_days: self.0, next: now.plus_days(self.0) }
    }
}

/// Whether the material of a key can be rotated, and by a request to this Region.
///
/// AWS: the kind of key is looked at before its state, and the state before the role.
pub fn check(found: &Found, automatic: bool) -> Result<(), Error> {
    let key = found.arn();
    if !found.key.spec.is_symmetric() {
        return Err(RotationProblem::NotSymmetric.into());
    }
    if found.key.external.is_some() {
        return Err(RotationProblem::Origin { key, origin: found.key.origin }.into());
    }
    if automatic && found.key.origin == Origin::External {
        return Err(RotationProblem::Origin { key, origin: found.key.origin }.into());
    }
    Rule::Use.check(found)?;
    if !rotates_in(&found.key, found.scope.region) {
        return Err(Error::NotMultiRegionPrimary { key });
    }
    Ok(())
}

/// Whether `region` is the one that rotates the key.
fn rotates_in(key: &KmsKey, region: Region) -> bool {
    key.multi_region.is_none() || key.is_multi_region_primary(region)
}

/// Gives the key another setting, here and in every related Region.
pub fn set(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    found: &Found,
    rotation: Option<Rotation>,
) -> Result<(), StoreFault> {
    if found.key.rotation == rotation {
        return Ok(());
    }
    if let Some(before) = found.key.rotation {
        tx.remove(deadline(found.scope, found.key.id, before.next));
    }
    let key = KmsKey { rotation, ..KmsKey::clone(&found.key) };
    save(cx, tx, found.scope, key)
}

/// Makes a new generation the current one.
pub fn rotate(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &KmsKey,
    kind: RotationKind,
) -> Result<(), StoreFault> {
    let mut key = key.clone();
    let material = generate_material(&key.arn(scope), cx.now, cx.crypto, cx.entropy);
    key.materials.push(Material { rotated: Some(kind), ..material });
    if let (RotationKind::Automatic, Some(rotation)) = (kind, &mut key.rotation) {
        rotation.next = cx.now.plus_days(rotation.period_days);
    }
    announce_rotation(cx, tx, scope, &key, kind);
    save(cx, tx, scope, key)
}

/// Makes the imported material that waits the current one.
pub fn advance(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &KmsKey,
    pending: Material,
) -> Result<(), StoreFault> {
    let mut key = KmsKey { pending: None, ..key.clone() };
    key.materials.push(Material {
        created: cx.now,
        rotated: Some(RotationKind::OnDemand),
        ..pending
    });
    if let Some(multi) = &mut key.multi_region {
        multi.pending_everywhere = false;
    }
    announce_rotation(cx, tx, scope, &key, RotationKind::OnDemand);
    save(cx, tx, scope, key)
}

fn save(cx: &Cx<'_>, tx: &mut Tx<'_>, scope: Scope, mut key: KmsKey) -> Result<(), StoreFault> {
    if let Some(multi) = &mut key.multi_region {
        multi.at = multi.at.next();
    }
    schedule(tx, scope, &key);
    publish(cx, tx, scope, &key)?;
    tx.put(Key::KmsKey { scope, id: key.id }, Record::KmsKey(Arc::new(key)));
    Ok(())
}

/// Sees to it that the key is rotated in time, if that is this Region's to do.
///
/// Whoever makes a Region the one that rotates a key calls this. A deadline that is left behind
/// where the key is rotated no more does nothing when it comes.
pub fn schedule(tx: &mut Tx<'_>, scope: Scope, key: &KmsKey) {
    if let Some(rotation) = &key.rotation
        && rotates_in(key, scope.region)
    {
        tx.put(deadline(scope, key.id, rotation.next), Record::Index);
    }
}

fn deadline(scope: Scope, id: KeyId, at: Timestamp) -> Key {
    let due = Due::RotateKey { id };
    Key::Deadline { region: scope.region, at, account: scope.account, due }
}

/// The time `at` has come at which a key may be due.
///
/// AWS: a key that cannot be used is not rotated, and keeps its setting; [`catch_up`] does it once
/// the key is enabled again.
pub fn come_due(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    id: KeyId,
    at: Timestamp,
) -> Result<(), StoreFault> {
    let Some(key) = tx.kms_key(scope, id)? else { return Ok(()) };
    let due = key.rotation.is_some_and(|rotation| rotation.next == at);
    if due && key.is_enabled() && rotates_in(&key, scope.region) {
        rotate(cx, tx, scope, &key, RotationKind::Automatic)?;
    }
    Ok(())
}

/// Rotates a key that has just been enabled and was due before.
pub fn catch_up(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &KmsKey,
) -> Result<(), StoreFault> {
    let overdue = key.rotation.is_some_and(|rotation| rotation.next <= cx.now);
    if overdue && rotates_in(key, scope.region) {
        rotate(cx, tx, scope, key, RotationKind::Automatic)?;
    }
    Ok(())
}
