//! Making a message of what is stored, at the moment it leaves.
//!
//! Whatever the peer needs is sealed to it here: data keys and key material leave under its
//! transport key, values under their data key (promise R7). Values that the peer has confirmed are
//! left out.

use crate::cx::Cx;
use crate::ids::{Region, Scope, SecretName, SecretSuffix};
use crate::keys::envelope::{open_material, transport_aad};
use crate::keys::model::{Holding, KmsKey, Material, Origin};
use crate::keys::pending;
use crate::keys::problem::KeyProblem;
use crate::ports::{Read, StoreFault, TransportKey, Unopened};
use crate::records::{Intent, Outbox, Subject};
use crate::replication::change::{
    KeyState, MaterialState, Message, SecretState, Stamp, ValueState, VersionState,
};
use crate::secrets::error::Error;
use crate::secrets::model::{ReplicaFailure, Role, Secret, Version, value_aad};
use crate::secrets::rotation::Rotation;
use crate::secrets::value::open_data_key;
use crate::secrets::versions::labelled;
use crate::tx::Records;

/// What came of it.
#[derive(Debug, PartialEq)]
pub enum Composed {
    Send(Message),
    /// There is nothing to say any more: the entry is to be removed.
    Obsolete,
    /// This Region cannot read its own value: the replica has failed at this state.
    Failed {
        at: Stamp,
        failure: ReplicaFailure,
    },
}

/// Composes the message that an outbox entry asks for.
pub fn compose(
    cx: &Cx<'_>,
    read: &dyn Read,
    peer: Region,
    peer_key: &TransportKey,
    subject: &Subject,
    entry: &Outbox,
) -> Result<Composed, StoreFault> {
    let scope = cx.scope();
    let account = scope.account;
    let at = entry.at;
    match subject {
        Subject::Secret { name, suffix } if entry.intent == Intent::Remove => {
            let (name, suffix) = (name.clone(), *suffix);
            Ok(Composed::Send(Message::SecretRemoved { account, name, suffix, at }))
        }
        Subject::Secret { name, suffix } => secret(cx, read, peer, peer_key, name, *suffix),
        Subject::Detached { name, suffix } => {
            let (name, suffix) = (name.clone(), *suffix);
            Ok(Composed::Send(Message::Detached { account, name, suffix, at }))
        }
        Subject::Key { id } => match read.kms_key(scope, *id)? {
            Some(key) => key_state(cx, peer, peer_key, scope, &key),
            None => Ok(Composed::Obsolete),
        },
        Subject::PendingHeld { id } => {
            // Another primary is told by itself.
            let key = read.kms_key(scope, *id)?.filter(|key| key.is_multi_region_primary(peer));
            Ok(key.map_or(Composed::Obsolete, |key| {
                let holding = Holding { at, material: pending::held(&key) };
                Composed::Send(Message::PendingHeld { account, id: *id, holding })
            }))
        }
        Subject::KeyGone { id } => Ok(Composed::Send(Message::KeyGone { account, id: *id, at })),
        Subject::Accessed { name, suffix } => accessed(cx, read, peer, name, *suffix),
    }
}

/// The day of the last read, if the secret still is a replica of one in `peer`.
fn accessed(
    cx: &Cx<'_>,
    read: &dyn Read,
    peer: Region,
    name: &SecretName,
    suffix: SecretSuffix,
) -> Result<Composed, StoreFault> {
    let scope = cx.scope();
    let secret = read.secret(scope, name)?;
    let secret = secret
        .filter(|secret| secret.suffix == suffix && secret.role == Role::Replica { primary: peer });
    let Some(day) = secret.and_then(|secret| secret.last_accessed) else {
        return Ok(Composed::Obsolete);
    };
    let (account, name) = (scope.account, name.clone());
    Ok(Composed::Send(Message::Accessed { account, name, suffix, day }))
}

fn secret(
    cx: &Cx<'_>,
    read: &dyn Read,
    peer: Region,
    peer_key: &TransportKey,
    name: &SecretName,
    suffix: SecretSuffix,
) -> Result<Composed, StoreFault> {
    let scope = cx.scope();
    let (Some(secret), Some(replica)) =
        (read.secret(scope, name)?, read.replica(scope, name, peer)?)
    else {
        return Ok(Composed::Obsolete);
    };
    if secret.suffix != suffix || !secret.replicas().contains(&peer) {
        return Ok(Composed::Obsolete);
    }
    let base = replica.acknowledged;
    let versions = match versions(cx, read, peer_key, &secret, base) {
        Ok(versions) => versions,
        Err(Error::Store(fault)) => return Err(fault),
        Err(error) => {
            let failure = ReplicaFailure::PrimaryKey(problem(&secret, scope, error));
            return Ok(Composed::Failed { at: secret.at, failure });
        }
    };
    Ok(Composed::Send(Message::Secret(Box::new(SecretState {
        arn: secret.arn(scope),
        at: secret.at,
        base,
        kms_key_id: replica.kms_key_id.clone(),
        overwrite: replica.overwrite,
        description: secret.description.clone(),
        secret_type: secret.secret_type.clone(),
        tags: secret.tags.clone(),
        policies: secret.policies.clone(),
        last_changed: secret.last_changed,
        stages: secret.stages.clone(),
        rotation: secret.rotation.as_ref().map(Rotation::published),
        versions,
    }))))
}

/// Every labelled version, with its value if the peer may not have it.
fn versions(
    cx: &Cx<'_>,
    read: &dyn Read,
    peer_key: &TransportKey,
    secret: &Secret,
    base: Option<Stamp>,
) -> Result<Vec<VersionState>, Error> {
    let mut states = Vec::new();
    for version in labelled(read, cx.scope(), secret)? {
        let known = base.is_some_and(|base| version.changed <= base.revision);
        let value = if known { None } else { Some(value(cx, read, peer_key, secret, &version)?) };
        let (created, changed) = (version.created, version.changed);
        states.push(VersionState { id: version.id.clone(), created, changed, value });
    }
    Ok(states)
}

fn value(
    cx: &Cx<'_>,
    read: &dyn Read,
    peer_key: &TransportKey,
    secret: &Secret,
    version: &Version,
) -> Result<ValueState, Error> {
    let arn = secret.arn(cx.scope());
    let data_key = open_data_key(cx, read, &arn, &version.id, &version.value)?;
    let aad = value_aad(&arn, &version.id, version.value.kind);
    let data_key = cx
        .crypto
        .seal_to(peer_key, &aad, &data_key, cx.entropy)
        .map_err(|Unopened| Error::Store(StoreFault))?;
    let (kind, sealed) = (version.value.kind, version.value.sealed.clone());
    Ok(ValueState { kind, sealed, data_key: data_key.into() })
}

/// The condition of the primary's own key, for the replica's status.
pub fn problem(secret: &Secret, scope: Scope, error: Error) -> KeyProblem {
    match error {
        Error::CannotDecrypt(problem) | Error::CannotEncrypt(problem) => problem,
        _ => KeyProblem::Denied {
            action: "kms:Decrypt".into(),
            key: secret.arn(scope).to_string().into(),
        },
    }
}

fn key_state(
    cx: &Cx<'_>,
    peer: Region,
    peer_key: &TransportKey,
    scope: Scope,
    key: &KmsKey,
) -> Result<Composed, StoreFault> {
    let Some(multi) = &key.multi_region else { return Ok(Composed::Obsolete) };
    let arn = key.arn(scope);
    let seal = |material: &Material| {
        let sealed = match key.origin {
            Origin::External => None,
            Origin::AwsKms | Origin::ExternalKeyStore => {
                let opened = open_material(&arn, key.spec, material, cx.crypto)?;
                let aad = transport_aad(scope.account, key.id, key.spec, material.id);
                Some(cx.crypto.seal_material_to(peer_key, &aad, &opened, cx.entropy)?.into())
            }
        };
        let (created, public) = (material.created, material.public.clone());
        let (id, rotated) = (material.id, material.rotated);
        Ok(MaterialState { id, created, rotated, sealed, public })
    };
    let materials: Result<Vec<_>, Unopened> = key.materials.iter().map(seal).collect();
    let pending = key.pending.as_ref().map(seal);
    Ok(Composed::Send(Message::Key(Box::new(KeyState {
        arn,
        at: multi.at,
        primary: multi.primary,
        replicas: multi.replicas.clone(),
        spec: key.spec,
        usage: key.usage,
        origin: key.origin,
        materials: materials.map_err(|Unopened| StoreFault)?,
        pending: pending.transpose().map_err(|Unopened| StoreFault)?,
        pending_everywhere: multi.pending_everywhere,
        rotation: key.rotation,
        install: multi.installing.get(&peer).cloned(),
    }))))
}
