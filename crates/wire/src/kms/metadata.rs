//! KeyMetadata: what a key looks like in answers.

use regent_core::ids::{KeyArn, Region, Scope};
use regent_core::keys::access::Found;
use regent_core::keys::model::{
    KeyManager, KeySpec, KeyState, KeyUsage, KmsKey, Material, MultiRegion,
};
use regent_core::keys::ops::describe_key::Described;
use regent_core::keys::ops::import_key_material::model_name;
use regent_core::keys::ops::{derive_shared_secret, encapsulate};
use regent_core::keys::spec::{EncryptionAlgorithm, HmacHash, SigningAlgorithm};

use crate::json::Object;

/// Writes the metadata of a key as its Region holds it.
pub fn write(body: &mut Object<'_>, found: &Found) {
    write_as(body, found, found.key.is_enabled(), state_name(found.key.state));
}

/// The same, in the states that the key's own does not tell.
pub fn write_described(body: &mut Object<'_>, described: &Described) {
    let state = described.found.key.state;
    let unavailable =
        !described.available && matches!(state, KeyState::Enabled | KeyState::Disabled);
    // AWS: a key is enabled in the state Enabled alone.
    if unavailable {
        write_as(body, &described.found, false, "Unavailable");
    } else if described.updating {
        write_as(body, &described.found, false, "Updating");
    } else {
        write(body, &described.found);
    }
}

fn write_as(body: &mut Object<'_>, found: &Found, enabled: bool, state: &str) {
    let key = &*found.key;
    shared(body, found, enabled, state);
    if let Some(external) = &key.external {
        body.string("CustomKeyStoreId", external.store.as_str());
        body.object("XksKeyConfiguration", |body| body.string("Id", &*external.key));
    }
    if let KeyState::PendingDeletion { at } = key.state {
        body.time("DeletionDate", at);
    }
    if let KeyState::PendingReplicaDeletion { window_days } = key.state {
        body.number("PendingDeletionWindowInDays", i64::from(window_days));
    }
    if let Some(material) = first_to_expire(key) {
        write_expiration(body, material);
    }
    // AWS: only symmetric keys have it, and not those of key stores.
    if key.spec.is_symmetric() && key.external.is_none() {
        let material = key.materials.last().map(|material| material.id.to_string());
        body.string("CurrentKeyMaterialId", material.as_deref());
    }
}

/// AWS: the key's expiry is the earliest of all that was imported, while the current is here.
fn first_to_expire(key: &KmsKey) -> Option<&Material> {
    let current = key.materials.last().filter(|material| material.wrapped.is_some())?;
    let expires = |material: &&Material| material.import.as_ref().and_then(|of| of.expires);
    let held = key.materials.iter().filter(|material| material.wrapped.is_some());
    held.filter(|material| expires(material).is_some()).min_by_key(expires).or(Some(current))
}

/// Writes when imported material expires, while it is here.
pub fn write_expiration(body: &mut Object<'_>, material: &Material) {
    if let (Some(import), Some(_)) = (&material.import, &material.wrapped) {
        body.string("ExpirationModel", model_name(import.expires));
        body.time("ValidTo", import.expires);
    }
}

/// Writes the metadata of a replica that is on its way.
///
/// AWS: it is `Creating`, not enabled, and has no material yet.
pub fn write_creating(body: &mut Object<'_>, found: &Found) {
    shared(body, found, false, "Creating");
}

fn shared(body: &mut Object<'_>, found: &Found, enabled: bool, state: &str) {
    let (key, scope) = (&*found.key, found.scope);
    body.string("AWSAccountId", scope.account.as_str());
    body.string("KeyId", key.id.to_string().as_str());
    body.string("Arn", found.arn().to_string().as_str());
    body.time("CreationDate", key.created);
    body.boolean("Enabled", enabled);
    body.string("Description", &*key.description);
    body.string("KeyUsage", key.usage.as_str());
    body.string("KeyState", state);
    body.string("Origin", key.origin.as_str());
    body.string("KeyManager", manager_name(key.manager));
    body.string("CustomerMasterKeySpec", key.spec.as_str());
    body.string("KeySpec", key.spec.as_str());
    write_algorithms(body, key);
    body.boolean("MultiRegion", key.multi_region.is_some());
    if let Some(multi) = &key.multi_region {
        body.object("MultiRegionConfiguration", |body| configuration(body, key, scope, multi));
    }
}

/// Writes what the key can do, under the name that goes with its usage.
pub fn write_algorithms(body: &mut Object<'_>, key: &KmsKey) {
    let spec = key.spec;
    match key.usage {
        KeyUsage::EncryptDecrypt => {
            let of = EncryptionAlgorithm::ALL.into_iter().filter(|of| of.is_of(spec));
            body.strings("EncryptionAlgorithms", of.map(EncryptionAlgorithm::as_str));
        }
        KeyUsage::SignVerify => {
            let of = SigningAlgorithm::ALL.into_iter().filter(|of| of.is_of(spec));
            body.strings("SigningAlgorithms", of.map(SigningAlgorithm::as_str));
        }
        KeyUsage::GenerateVerifyMac => {
            let of = HmacHash::ALL.into_iter().filter(|hash| spec == KeySpec::Hmac(*hash));
            body.strings("MacAlgorithms", of.map(HmacHash::algorithm));
        }
        KeyUsage::KeyAgreement => {
            body.strings("KeyAgreementAlgorithms", [derive_shared_secret::ALGORITHM]);
        }
        KeyUsage::EncapsulateDecapsulate => {
            body.strings("EncapsulationAlgorithms", [encapsulate::ALGORITHM]);
        }
    }
}

fn configuration(body: &mut Object<'_>, key: &KmsKey, scope: Scope, multi: &MultiRegion) {
    let primary = multi.primary == scope.region;
    body.string("MultiRegionKeyType", if primary { "PRIMARY" } else { "REPLICA" });
    let related = |body: &mut Object<'_>, region: Region| {
        let scope = Scope { region, account: scope.account };
        body.string("Arn", KeyArn { scope, id: key.id }.to_string().as_str());
        body.string("Region", region.as_str());
    };
    body.object("PrimaryKey", |body| related(body, multi.primary));
    body.array("ReplicaKeys", |list| {
        for region in &multi.replicas {
            list.object(|body| related(body, *region));
        }
    });
}

pub const fn state_name(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingImport => "PendingImport",
        KeyState::PendingDeletion { .. } => "PendingDeletion",
        KeyState::PendingReplicaDeletion { .. } => "PendingReplicaDeletion",
    }
}

const fn manager_name(manager: KeyManager) -> &'static str {
    match manager {
        KeyManager::Customer => "CUSTOMER",
        KeyManager::Aws => "AWS",
    }
}
