//! Looking at stored values and key material as no operation would: whatever a key's state.
//!
//! A disabled key still protects what it protected, so what is stored must open as long as the key
//! is there at all.

use regent_core::ids::{SecretArn, SecretName, SecretSuffix, VersionId};
use regent_core::keys::envelope::{self, BlobHeader, EncryptionContext, open_material};
use regent_core::keys::model::{KmsKey, Origin};
use regent_core::plaintext::SymmetricKey;
use regent_core::records::{Key, Record};
use regent_core::secrets::model::{SealedValue, value_aad};
use regent_core::tx::Records;

use crate::check::{Verdict, hold};
use crate::disk::Change;
use crate::node::Node;
use crate::perform::{Kept, context};
use crate::workload::{CANARY, is_clients, value_of};

/// A version that was written holds the value that goes with its token.
pub fn version(node: &Node, change: &Change) -> Verdict {
    let (Key::Version { name, suffix, id, .. }, Some(Record::Version(version))) =
        (&change.key, &change.after)
    else {
        return Ok(());
    };
    let region = node.region;
    match open(node, name, *suffix, id, &version.value) {
        Opened::KeyGone => Ok(()),
        Opened::Not => {
            hold!("R2", false, "{region} holds {name}-{suffix} {id} and cannot open it");
            Ok(())
        }
        Opened::Value(value) => {
            let right = if is_clients(name.as_str()) {
                value == value_of(name.as_str(), id.as_str())
            } else {
                // A stack's: which of its values it has to be is judged where stacks are.
                value.starts_with(CANARY.as_bytes())
            };
            hold!("R2", right, "{region} holds a wrong value of {name}-{suffix} {id}");
            Ok(())
        }
    }
}

/// What is found under a stored value.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened {
    Value(Vec<u8>),
    KeyGone,
    Not,
}

/// Opens a stored value in whatever state its key is.
pub fn open(
    node: &Node,
    name: &SecretName,
    suffix: SecretSuffix,
    id: &VersionId,
    value: &SealedValue,
) -> Opened {
    let scope = node.scope();
    let Some(key) = node.disk.store.kms_key(scope, value.kms_key).unwrap() else {
        return Opened::KeyGone;
    };
    let arn = SecretArn { scope, name: name.clone(), suffix };
    let context = EncryptionContext::of_secret(&arn.to_string(), id.as_str());
    let crypto = &*node.crypto;
    if lacks(&key, &value.data_key) {
        return Opened::KeyGone;
    }
    let opened = envelope::decrypt(&key, scope, &context, &value.data_key, crypto)
        .ok()
        .and_then(|data_key| SymmetricKey::from_slice(data_key.expose()))
        .and_then(|key| crypto.open(&key, &value_aad(&arn, id, value.kind), &value.sealed).ok());
    opened.map_or(Opened::Not, |value| Opened::Value(value.expose().to_vec()))
}

/// Whether every generation of a key opens and bears its own name. Only imported material may be
/// absent.
pub fn materials_open(node: &Node, key: &KmsKey) -> bool {
    let arn = key.arn(node.scope());
    let imported = key.origin == Origin::External;
    let held = key.materials.iter().chain(&key.pending);
    held.filter(|material| !imported || material.wrapped.is_some()).all(|material| {
        open_material(&arn, key.spec, material, &*node.crypto)
            .is_ok_and(|opened| node.crypto.material_id(&opened) == material.id)
    })
}

/// Whether the material of a ciphertext is not in this Region. Only imported material may be absent.
fn lacks(key: &KmsKey, blob: &[u8]) -> bool {
    let Ok((header, _, _)) = BlobHeader::parse(blob) else { return false };
    let mut held = key.materials.iter().filter(|material| material.wrapped.is_some());
    key.origin == Origin::External && !held.any(|material| material.id == header.material)
}

/// Whether a key, in whatever state, opens a ciphertext, if it has the material.
pub fn decrypts(node: &Node, key: &KmsKey, kept: &Kept) -> bool {
    if lacks(key, &kept.blob) {
        return true;
    }
    let context = context(&kept.text);
    envelope::decrypt(key, node.scope(), &context, &kept.blob, &*node.crypto)
        .is_ok_and(|text| text.expose() == kept.text.as_bytes())
}
