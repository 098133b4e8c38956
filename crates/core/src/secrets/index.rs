//! The index records of secrets, which let a filtered list read what it returns (see
//! [`super::search`]).
//!
//! They follow from the secret's record alone and are written in the transaction that writes it, so
//! that neither can be without the other. A store that an older version of Regent wrote has none:
//! [`build`] makes them, in steps that can be repeated, and [`GENERATION`] is recorded at the end.
//! They are never read to decide anything: whoever follows one looks at the secret itself.

use core::ops::ControlFlow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ids::{Region, Scope};
use crate::ports::{Read, StoreFault};
use crate::records::{Facet, Key, Moment, Order, Prefix, Record, Scan};
use crate::secrets::model::Secret;
use crate::tx::{Batch, Records, Tx};

/// What is recorded once every index record of this version is there.
pub const GENERATION: u32 = 2;

/// Secrets in one step of [`build`].
const STEP: usize = 256;

/// Everything that points at the secret.
pub fn keys(scope: Scope, secret: &Secret) -> BTreeSet<Key> {
    let (created, name) = (secret.created, &secret.name);
    let facet = |facet, text: &str| Key::SecretByFacet {
        scope,
        facet,
        text: text.into(),
        created,
        name: name.clone(),
    };
    let mut keys = BTreeSet::from([Key::SecretByCreated { scope, created, name: name.clone() }]);
    keys.extend(moments(scope, secret));
    for (key, value) in secret.tags.iter().flatten() {
        keys.insert(facet(Facet::TagKey, key));
        keys.insert(facet(Facet::TagValue, value));
    }
    let primary = secret.primary_region(scope.region);
    keys.extend(primary.map(|region| facet(Facet::PrimaryRegion, region.as_str())));
    keys
}

fn moments(scope: Scope, secret: &Secret) -> [Key; 2] {
    let key = |moment, at| Key::SecretByMoment { scope, moment, at, name: secret.name.clone() };
    [
        key(Moment::Changed, secret.last_changed),
        key(Moment::Accessed, secret.last_accessed.unwrap_or_default()),
    ]
}

/// Writes the secret's record, and what of its index records has changed.
pub fn put(tx: &mut Tx<'_>, scope: Scope, secret: Secret) -> Result<(), StoreFault> {
    let before = tx.secret(scope, &secret.name)?;
    let (before, now) = match before {
        Some(before) if are_alike(scope, &before, &secret) => {
            (moments(scope, &before).into(), moments(scope, &secret).into())
        }
        before => {
            let before = before.map(|before| keys(scope, &before)).unwrap_or_default();
            (before, keys(scope, &secret))
        }
    };
    for key in before.difference(&now) {
        tx.remove(key.clone());
    }
    for key in now.difference(&before) {
        tx.put(key.clone(), Record::Index);
    }
    let key = Key::Secret { scope, name: secret.name.clone() };
    tx.put(key, Record::Secret(Arc::new(secret)));
    Ok(())
}

/// Whether two states of a secret have the same index records but for its moments: most changes
/// leave the others alone.
fn are_alike(scope: Scope, before: &Secret, now: &Secret) -> bool {
    before.created == now.created
        && before.tags == now.tags
        && before.primary_region(scope.region) == now.primary_region(scope.region)
}

/// Removes the secret's record with its index records.
pub fn remove(tx: &mut Tx<'_>, scope: Scope, secret: &Secret) {
    for key in keys(scope, secret) {
        tx.remove(key);
    }
    tx.remove(Key::Secret { scope, name: secret.name.clone() });
}

/// Makes the index records of a store that has not got them all, for as long as nobody else writes
/// to it. `commit` makes each step durable.
pub fn build<E: From<StoreFault>>(
    read: &dyn Read,
    region: Region,
    mut commit: impl FnMut(Batch) -> Result<(), E>,
) -> Result<(), E> {
    let marker = Key::Indexed { region };
    match read.get(&marker)?.map(|stored| stored.record) {
        Some(Record::Indexed(generation)) if generation >= GENERATION => return Ok(()),
        Some(Record::Indexed(_)) | None => {}
        Some(_) => return Err(StoreFault.into()),
    }
    let mut after = None;
    loop {
        let prefix = Prefix::SecretsOfRegion { region };
        let scan = Scan { prefix, after: after.clone(), order: Order::Ascending };
        let (mut batch, mut count) = (Batch::default(), 0);
        read.scan(&scan, &mut |key, record| {
            if let (Key::Secret { scope, .. }, Record::Secret(secret)) = (&key, record) {
                let made = keys(*scope, &secret);
                batch.writes.extend(made.into_iter().map(|key| (key, Some(Record::Index))));
            }
            after = Some(key);
            count += 1;
            if count < STEP { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        let last = count < STEP;
        if last {
            batch.writes.insert(marker.clone(), Some(Record::Indexed(GENERATION)));
        }
        commit(batch)?;
        if last {
            return Ok(());
        }
    }
}
