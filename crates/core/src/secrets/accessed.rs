//! The day of the last read: what GetSecretValue leaves behind.
//!
//! AWS: `LastAccessedDate` is midnight UTC, of the secret and of the version, and each Region's
//! own, shown also in the primary's `ReplicationStatus`. A read therefore writes once a day at most,
//! outside the request, and no replica hears of it: the state's number stays. A replica tells its
//! primary the day.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::Touch;
use crate::ports::{Read, StoreFault};
use crate::records::{Intent, Key, Record, Subject};
use crate::replication::change::Stamp;
use crate::replication::outbox::enqueue;
use crate::secrets::index;
use crate::secrets::model::{Role, Secret, Version};
use crate::secrets::target::Found;
use crate::tx::Tx;

/// What reading `version` is to leave behind; nothing if it was read on the same day before.
pub fn touch_of(cx: &Cx<'_>, found: &Found, version: &Version) -> Option<Touch> {
    let today = Some(cx.now.day());
    let written = found.secret.last_accessed >= today && version.last_accessed >= today;
    (!written).then(|| Touch {
        secret: Key::Secret { scope: found.scope, name: found.secret.name.clone() },
        version: found.version_key(&version.id),
    })
}

/// Writes today as the day of the last read. Records that are gone, or are of another secret of
/// the same name by now, are left alone.
pub fn touch(cx: &Cx<'_>, tx: &mut Tx<'_>, touch: &Touch) -> Result<(), StoreFault> {
    let today = Some(cx.now.day());
    let Key::Version { suffix, .. } = &touch.version else { return Err(StoreFault) };
    let Some(stored) = tx.get(&touch.secret)? else { return Ok(()) };
    let Record::Secret(secret) = stored.record else { return Err(StoreFault) };
    if secret.suffix != *suffix {
        return Ok(());
    }
    if secret.last_accessed < today {
        if let (Role::Replica { primary }, Key::Secret { scope, .. }) =
            (&secret.role, &touch.secret)
        {
            let (name, suffix) = (secret.name.clone(), secret.suffix);
            let subject = Subject::Accessed { name, suffix };
            let at = Stamp::of_day(cx.now);
            enqueue(cx, tx, *scope, *primary, subject, at, Intent::State)?;
        }
        let secret = Secret { last_accessed: today, ..Secret::clone(&secret) };
        let Key::Secret { scope, .. } = touch.secret else { return Err(StoreFault) };
        index::put(tx, scope, secret)?;
    }
    let Some(stored) = tx.get(&touch.version)? else { return Ok(()) };
    let Record::Version(version) = stored.record else { return Err(StoreFault) };
    if version.last_accessed < today {
        let version = Version { last_accessed: today, ..Version::clone(&version) };
        tx.put(touch.version.clone(), Record::Version(Arc::new(version)));
    }
    Ok(())
}
