//! What AWS records of keys besides requests: KMS's own events, of rotations, of what comes to its end,
//! and of what related keys tell one another.
//!
//! They are collected in the transaction that makes them true, and the shell writes them to the audit
//! log once it is committed. How one is spelled is the wire's business. None has key material in it
//! (promise R7), only its name.

use crate::cx::Cx;
use crate::ids::{KeyArn, MaterialId, Scope};
use crate::keys::model::{KmsKey, Origin, RotationKind};
use crate::time::Timestamp;
use crate::tx::Tx;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEvent {
    pub at: Timestamp,
    /// The key in the Region that records the event.
    pub key: KeyArn,
    pub what: KeyHappening,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyHappening {
    /// Other material encrypts from now on.
    Rotated(Rotated),
    /// The waiting period is over, and the key is gone.
    Deleted,
    /// Imported material was deleted at its time. Only symmetric keys name theirs.
    MaterialExpired(Option<MaterialId>),
    /// ReplicateKey in another Region has made this replica.
    Replicated,
    /// A replica has the primary's shared properties.
    Synchronized,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    pub kind: RotationKind,
    pub origin: Origin,
    pub previous: Option<MaterialId>,
    pub current: Option<MaterialId>,
}

/// Adds an event to the transaction, for the audit log.
pub fn announce(cx: &Cx<'_>, tx: &mut Tx<'_>, key: KeyArn, what: KeyHappening) {
    tx.announce_key(KeyEvent { at: cx.now, key, what });
}

/// Says that `key` has its newest material since now, in place of the one before.
pub fn announce_rotation(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    key: &KmsKey,
    kind: RotationKind,
) {
    let mut newest = key.materials.iter().rev().map(|material| material.id);
    let (current, previous) = (newest.next(), newest.next());
    let rotated = Rotated { kind, origin: key.origin, previous, current };
    announce(cx, tx, key.arn(scope), KeyHappening::Rotated(rotated));
}
