//! Imported material: what is accepted, what it must be the second time, when it goes, and how a
//! key is rotated to further material.

use core::fmt::Write as _;

use super::*;
use crate::deadlines;
use crate::ids::MaterialId;
use crate::keys::envelope;
use crate::keys::error::{ImportProblem, RotationProblem};
use crate::keys::event::{KeyHappening, Rotated};
use crate::keys::import::Wrapping;
use crate::keys::model::RotationKind;
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::delete_imported_key_material::DeleteImportedKeyMaterial;
use crate::keys::ops::enable_key::EnableKey;
use crate::keys::ops::generate_mac::{GenerateMac, MacRequest};
use crate::keys::ops::get_parameters_for_import::{GetParametersForImport, ImportParameters};
use crate::keys::ops::import_key_material::{ImportKeyMaterial, ImportType, Imported};
use crate::keys::ops::list_key_rotations::ListKeyRotations;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::spec::{Curve, HmacHash, OaepHash, Origin, PairSpec, RsaSize};
use crate::policy::authorized::shown;
use crate::ports::Unopened;
use crate::records::Due;
use crate::testing::pairs::wrap_padded;
use crate::time::{DAY_MS, Timestamp};

const OAEP: Wrapping = Wrapping::Oaep(OaepHash::Sha256);
const AES: Wrapping = Wrapping::AesKeyWrap(OaepHash::Sha1);
const RSA: RsaSize = RsaSize::Bits2048;
pub const ONE: [u8; 32] = [1; 32];
pub const TWO: [u8; 32] = [2; 32];

fn external(world: &mut World, spec: KeySpec, usage: KeyUsage) -> Found {
    world.command(CreateKey { spec, usage, source: Source::Imported, ..plain() }).unwrap()
}

fn symmetric(world: &mut World) -> Found {
    external(world, KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt)
}

fn parameters(world: &World, key: &Found, wrapping: Wrapping) -> ImportParameters {
    let op = GetParametersForImport { key: named(key.arn()), wrapping, size: RSA };
    world.query(op).unwrap()
}

/// The material as a client sends it.
fn wrap(world: &World, given: &ImportParameters, wrapping: Wrapping, material: &[u8]) -> Box<[u8]> {
    let cx = world.cx();
    let rsa =
        |hash, text: &[u8]| cx.crypto.pairs().oaep_encrypt(&given.public, hash, text).unwrap();
    match wrapping {
        Wrapping::Oaep(hash) => rsa(hash, material).into(),
        Wrapping::AesKeyWrap(hash) => {
            [rsa(hash, &[9; 32]), wrap_padded(&[9; 32], material)].concat().into()
        }
    }
}

/// A request that imports `material`, for good.
pub fn request(world: &World, key: &Found, material: &[u8]) -> ImportKeyMaterial {
    let given = parameters(world, key, AES);
    let wrapped = wrap(world, &given, AES, material);
    ImportKeyMaterial {
        key: named(key.arn()),
        token: given.token.into(),
        wrapped,
        expires: None,
        kind: None,
        description: None,
        material: None,
    }
}

pub fn import(world: &mut World, key: &Found, material: &[u8]) -> Result<Imported, Error> {
    let op = request(world, key, material);
    world.command(op)
}

pub fn import_new(world: &mut World, key: &Found, material: &[u8]) -> Result<Imported, Error> {
    let op = ImportKeyMaterial { kind: Some(ImportType::New), ..request(world, key, material) };
    world.command(op)
}

pub fn delete(world: &mut World, key: &Found, material: Option<MaterialId>) -> Result<(), Error> {
    world.command(DeleteImportedKeyMaterial { key: named(key.arn()), material }).map(drop)
}

fn problem(problem: ImportProblem) -> Error {
    Error::Import(problem)
}

pub fn incorrect() -> Error {
    problem(ImportProblem::Material)
}

pub fn decrypts(world: &World, blob: &[u8]) -> Result<(), Error> {
    let sealed = crate::keys::ciphertext::Sealed {
        key: None,
        algorithm: SYMMETRIC,
        blob: crate::keys::ciphertext::Blob::Given(blob.into()),
        context: no_context(),
        tokens: Box::default(),
    };
    world.query(Decrypt { sealed, dry_run: false }).map(drop)
}

pub fn state(world: &World, key: &Found) -> KeyState {
    stored(world, key).state
}

/// What the audit log was told of keys.
fn told(world: &mut World) -> Vec<KeyHappening> {
    core::mem::take(&mut world.store.key_events).into_iter().map(|event| event.what).collect()
}

/// Handles the deadline that comes next, at its time.
pub fn next_deadline(world: &mut World) {
    let next = world.store.keys().filter(|key| matches!(key, Key::Deadline { .. })).min().cloned();
    let deadline = next.unwrap();
    let Key::Deadline { at, .. } = &deadline else { unreachable!() };
    world.now = *at;
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
}

#[test]
fn a_key_waits_for_its_material_and_takes_no_other() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    assert!(stored(&world, &key).materials.is_empty());
    let made = import(&mut world, &key, &ONE).unwrap();
    assert_eq!(
        (made.key, made.material),
        (key.arn(), stored(&world, &key).materials.last().map(|m| m.id))
    );
    assert_eq!(state(&world, &key), KeyState::Enabled);
    let blob = encrypt(&world, &key, no_context());

    assert_eq!(import(&mut world, &key, &TWO).err(), Some(incorrect()));
    delete(&mut world, &key, None).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    let waiting = Error::Key(KeyProblem::PendingImport { key: key.arn() });
    assert_eq!(decrypts(&world, &blob), Err(waiting.clone()));
    assert_eq!(world.command(EnableKey { key: named(key.arn()) }), Err(waiting));
    assert_eq!(import(&mut world, &key, &TWO).err(), Some(incorrect()));
    assert_eq!(import(&mut world, &key, &ONE).unwrap().material, made.material);
    assert_eq!(decrypts(&world, &blob), Ok(()));
    assert_eq!(stored(&world, &key).materials.len(), 1);
}

#[test]
fn each_wrapping_brings_what_suits_it() {
    let mut world = World::new();
    for wrapping in Wrapping::ALL {
        let key = symmetric(&mut world);
        let given = parameters(&world, &key, wrapping);
        let wrapped = wrap(&world, &given, wrapping, &ONE);
        let op =
            ImportKeyMaterial { token: given.token.into(), wrapped, ..request(&world, &key, &ONE) };
        assert!(world.command(op).is_ok(), "{wrapping:?}");
    }
    let rsa = KeySpec::Pair(PairSpec::Rsa(RsaSize::Bits4096));
    let p521 = KeySpec::Pair(PairSpec::Ecc(Curve::P521));
    for (spec, wrapping, size, suits) in [
        (rsa, OAEP, RsaSize::Bits4096, false),
        (rsa, AES, RSA, true),
        (p521, OAEP, RSA, false),
        (p521, OAEP, RsaSize::Bits3072, true),
        (p521, AES, RSA, true),
    ] {
        let key = external(&mut world, spec, KeyUsage::SignVerify);
        let op = GetParametersForImport { key: named(key.arn()), wrapping, size };
        let refused = problem(ImportProblem::Wrapping { wrapping, size, spec });
        assert_eq!(world.query(op).err(), (!suits).then_some(refused), "{spec:?}");
    }
}

#[test]
fn material_must_be_of_the_keys_spec() {
    let mut world = World::new();
    for (hash, len, right) in [
        (HmacHash::Sha224, 27, false),
        (HmacHash::Sha224, 28, true),
        (HmacHash::Sha224, 128, true),
        (HmacHash::Sha256, 31, false),
        (HmacHash::Sha256, 65, true),
        (HmacHash::Sha256, 128, true),
        (HmacHash::Sha256, 129, false),
        (HmacHash::Sha512, 63, false),
        (HmacHash::Sha512, 128, true),
        (HmacHash::Sha512, 129, false),
    ] {
        let key = external(&mut world, KeySpec::Hmac(hash), KeyUsage::GenerateVerifyMac);
        let result = import(&mut world, &key, &vec![3; len]);
        assert_eq!(result.map(|made| made.material).err(), (!right).then(incorrect));
    }
    let key = symmetric(&mut world);
    for len in [16, 31, 33] {
        assert_eq!(import(&mut world, &key, &vec![3; len]).err(), Some(incorrect()));
    }
    let spec = PairSpec::Ecc(Curve::P256);
    let pair = world.cx().crypto.pairs().generate_pair(spec);
    let other = world.cx().crypto.pairs().generate_pair(PairSpec::Ecc(Curve::P384));
    let key = external(&mut world, KeySpec::Pair(spec), KeyUsage::SignVerify);
    assert_eq!(import(&mut world, &key, other.private.expose()).err(), Some(incorrect()));
    assert_eq!(import(&mut world, &key, pair.private.expose()).unwrap().material, None);
    assert_eq!(stored(&world, &key).materials[0].public.as_deref(), Some(&*pair.public));
    let again = world.cx().crypto.pairs().generate_pair(spec);
    assert_eq!(import(&mut world, &key, again.private.expose()).err(), Some(incorrect()));
}

/// Two keys with the same material do not open each other's ciphertexts.
#[test]
fn the_same_material_is_not_the_same_key() {
    let mut world = World::new();
    let (one, two) = (symmetric(&mut world), symmetric(&mut world));
    for key in [&one, &two] {
        import(&mut world, key, &ONE).unwrap();
    }
    let blob = encrypt(&world, &one, no_context());
    let open = |key: &Found| {
        let key = stored(&world, key);
        envelope::decrypt(&key, one.scope, &no_context(), &blob, &world.crypto).map(drop)
    };
    assert_eq!((open(&one), open(&two)), (Ok(()), Err(Unopened)));
}

#[test]
fn imported_hmac_keys_are_the_bytes_that_were_given() {
    let mut world = World::new();
    let spec = KeySpec::Hmac(HmacHash::Sha256);
    let key = external(&mut world, spec, KeyUsage::GenerateVerifyMac);
    import(&mut world, &key, &[3; 40]).unwrap();
    let (message, algorithm) = (Plaintext::new(vec![7]), HmacHash::Sha256);
    let request = MacRequest { key: named(key.arn()), message, algorithm, dry_run: false };
    let mac = world.query(GenerateMac(request)).unwrap().mac;
    // AWS: only symmetric keys name their material.
    let deleted = DeleteImportedKeyMaterial { key: named(key.arn()), material: None };
    assert_eq!(world.command(deleted).unwrap().material, None);
    let bytes = crate::plaintext::KeyBytes::new(vec![3; 40]);
    assert_eq!(mac, world.cx().crypto.pairs().mac(algorithm, &bytes, &[7]));
}

#[test]
fn tokens_are_of_one_key_and_one_day() {
    let mut world = World::new();
    let (one, two) = (symmetric(&mut world), symmetric(&mut world));
    let op = request(&world, &one, &ONE);
    let given = parameters(&world, &one, AES);
    assert_eq!(given.valid_to, world.now.plus_days(1));
    let of_other = ImportKeyMaterial { key: named(two.arn()), ..request(&world, &one, &ONE) };
    assert_eq!(world.command(of_other).err(), Some(problem(ImportProblem::TokenInvalid)));
    for (token, wrapped, error) in [
        (b"x".to_vec(), &*op.wrapped, Some(problem(ImportProblem::TokenInvalid))),
        (Vec::new(), &*op.wrapped, Some(problem(ImportProblem::TokenInvalid))),
        // A token and the wrapped material of another.
        (given.token.clone(), &*op.wrapped, Some(Error::InvalidCiphertext)),
        (op.token.to_vec(), &op.wrapped[1..], Some(Error::InvalidCiphertext)),
        (op.token.to_vec(), &op.wrapped[..200], Some(Error::InvalidCiphertext)),
    ] {
        let wrapped = wrapped.into();
        let bad = ImportKeyMaterial { token: token.into(), wrapped, ..request(&world, &one, &ONE) };
        assert_eq!(world.command(bad).err(), error);
    }
    world.pass_ms(DAY_MS);
    assert_eq!(world.command(op).err(), Some(problem(ImportProblem::TokenExpired)));
    assert_eq!(state(&world, &one), KeyState::PendingImport);
}

#[test]
fn material_expires_when_it_was_said_to() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    let at = world.now.plus_days(30);
    let expiring = |world: &World, expires: Timestamp| ImportKeyMaterial {
        expires: Some(expires),
        ..request(world, &key, &ONE)
    };
    let longest = expiring(&world, world.now.plus_days(365));
    world.command(longest).unwrap();
    for wrong in [world.now, world.now.plus_days(366)] {
        let op = expiring(&world, wrong);
        assert_eq!(world.command(op).err(), Some(problem(ImportProblem::ValidTo)));
    }
    let op = expiring(&world, at);
    world.command(op).unwrap();
    let blob = encrypt(&world, &key, no_context());
    // An import again sets another time, or none, and the one before counts no more.
    let later = at.plus_days(1);
    let op = expiring(&world, later);
    world.command(op).unwrap();
    let deadlines = world.store.keys().filter(|key| matches!(key, Key::Deadline { .. })).count();
    assert_eq!(deadlines, 1);
    // The time that was said before comes, and nothing happens.
    let material = stored(&world, &key).materials[0].id;
    let due = Due::ExpireMaterial { id: key.key.id, material };
    let early = Key::Deadline { region: world.region, at, account: world.account(), due };
    world.edit(|cx, tx| deadlines::handle(cx, tx, &early)).unwrap();
    assert_eq!(state(&world, &key), KeyState::Enabled);
    assert_eq!(world.store.key_events, []);
    next_deadline(&mut world);
    assert_eq!(world.now, later);
    assert_eq!(told(&mut world), [KeyHappening::MaterialExpired(Some(material))]);
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    assert!(stored(&world, &key).materials[0].wrapped.is_none());
    assert!(decrypts(&world, &blob).is_err());
    import(&mut world, &key, &ONE).unwrap();
    assert_eq!(decrypts(&world, &blob), Ok(()));
    let deadlines = world.store.keys().filter(|key| matches!(key, Key::Deadline { .. })).count();
    assert_eq!(deadlines, 0);
}

/// Only symmetric keys name the material that has expired.
#[test]
fn material_of_other_keys_expires_unnamed() {
    let mut world = World::new();
    let key = external(&mut world, KeySpec::Hmac(HmacHash::Sha256), KeyUsage::GenerateVerifyMac);
    let expires = Some(world.now.plus_days(1));
    let op = ImportKeyMaterial { expires, ..request(&world, &key, &ONE) };
    world.command(op).unwrap();
    next_deadline(&mut world);
    assert_eq!(told(&mut world), [KeyHappening::MaterialExpired(None)]);
    assert_eq!(state(&world, &key), KeyState::PendingImport);
}

/// A disabled key that loses its material waits for it; one that waits for its end goes on to.
#[test]
fn the_state_of_a_key_that_loses_its_material() {
    for (before, after) in [
        (KeyState::Enabled, KeyState::PendingImport),
        (KeyState::Disabled, KeyState::PendingImport),
    ] {
        let mut world = World::new();
        let key = symmetric(&mut world);
        import(&mut world, &key, &ONE).unwrap();
        set_state(&mut world, &key, before);
        delete(&mut world, &key, None).unwrap();
        assert_eq!(state(&world, &key), after);
        // Once more: there is nothing left to delete.
        delete(&mut world, &key, None).unwrap();
    }
    let mut world = World::new();
    let key = symmetric(&mut world);
    import(&mut world, &key, &ONE).unwrap();
    let window = DeletionWindow::new(Some(7)).unwrap();
    world.command(ScheduleKeyDeletion { key: named(key.arn()), window }).unwrap();
    let pending = state(&world, &key);
    let other = symmetric(&mut world);
    let op = ImportKeyMaterial { key: named(key.arn()), ..request(&world, &other, &ONE) };
    let refused = Error::Key(KeyProblem::PendingDeletion { key: key.arn() });
    assert_eq!(world.command(op).err(), Some(refused.clone()));
    let op = GetParametersForImport { key: named(key.arn()), wrapping: AES, size: RSA };
    assert_eq!(world.query(op).err(), Some(refused));
    delete(&mut world, &key, None).unwrap();
    assert_eq!(state(&world, &key), pending);
    world.command(CancelKeyDeletion { key: named(key.arn()) }).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    import(&mut world, &key, &ONE).unwrap();
    assert_eq!(state(&world, &key), KeyState::Enabled);
}

#[test]
fn keys_made_here_take_no_material() {
    let mut world = World::new();
    let key = create(&mut world);
    let origin = Some(problem(ImportProblem::Origin { key: key.arn(), origin: Origin::AwsKms }));
    let op = GetParametersForImport { key: named(key.arn()), wrapping: AES, size: RSA };
    assert_eq!(world.query(op).err(), origin);
    let external = symmetric(&mut world);
    let op = ImportKeyMaterial { key: named(key.arn()), ..request(&world, &external, &ONE) };
    assert_eq!(world.command(op).err(), origin);
    assert_eq!(delete(&mut world, &key, None).err(), origin);
}

#[test]
fn a_symmetric_key_is_rotated_to_further_material() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    let rotate = |world: &mut World| world.command(RotateKeyOnDemand { key: named(key.arn()) });
    let first = import(&mut world, &key, &ONE).unwrap().material;
    let nothing = Error::Rotation(RotationProblem::NothingPending { key: key.arn() });
    assert_eq!(rotate(&mut world), Err(nothing.clone()));
    let blob = encrypt(&world, &key, no_context());
    assert_eq!(import_new(&mut world, &key, &ONE).err(), Some(incorrect()));
    let second = import_new(&mut world, &key, &TWO).unwrap().material;
    // It waits: what is encrypted now is still under the first.
    assert_eq!(stored(&world, &key).current_material().ok(), first);
    let refused = problem(ImportProblem::OtherPending {
        key: key.arn(),
        given: world.cx().crypto.material_id(&crate::plaintext::KeyBytes::new(vec![3; 32])).into(),
        pending: second.unwrap().into(),
    });
    assert_eq!(import_new(&mut world, &key, &[3; 32]).err(), Some(refused));
    // Of what is imported again, what waits counts as little as what is current does.
    let again =
        ImportKeyMaterial { kind: Some(ImportType::Existing), ..request(&world, &key, &[3; 32]) };
    assert_eq!(world.command(again).err(), Some(incorrect()));
    world.pass_ms(DAY_MS);
    assert_eq!(rotate(&mut world), Ok(key.arn()));
    assert_eq!(stored(&world, &key).current_material().ok(), second);
    let (kind, origin) = (RotationKind::OnDemand, Origin::External);
    let rotated = Rotated { kind, origin, previous: first, current: second };
    assert_eq!(told(&mut world), [KeyHappening::Rotated(rotated)]);
    // AWS: RotationDate, which is not when the material was imported.
    assert_eq!(stored(&world, &key).materials[1].created, world.now);
    assert_eq!(rotate(&mut world), Err(nothing));
    let newer = encrypt(&world, &key, no_context());
    assert_eq!((decrypts(&world, &blob), decrypts(&world, &newer)), (Ok(()), Ok(())));
    let list =
        ListKeyRotations { key: named(key.arn()), all_material: true, limit: 9, after: None };
    let listed = world.query(list).unwrap();
    let ids: Vec<_> = listed.page.items.iter().map(|item| Some(item.id)).collect();
    assert_eq!((ids, listed.current), (vec![first, second], second));
    // Without any one of them the key cannot be used; with all of them it can.
    delete(&mut world, &key, first).unwrap();
    assert_eq!(state(&world, &key), KeyState::PendingImport);
    delete(&mut world, &key, None).unwrap();
    let held = |world: &World| -> Vec<_> {
        stored(world, &key).materials.iter().map(|held| held.wrapped.is_some()).collect()
    };
    assert_eq!(held(&world), [false, false]);
    import(&mut world, &key, &TWO).unwrap();
    assert_eq!((state(&world, &key), held(&world)), (KeyState::PendingImport, vec![false, true]));
    assert_eq!(import(&mut world, &key, &ONE).unwrap().material, first);
    assert_eq!(decrypts(&world, &blob), Ok(()));
    // Without a name it is the current one that goes.
    delete(&mut world, &key, None).unwrap();
    assert_eq!(held(&world), [true, false]);
}

#[test]
fn material_that_waits_can_be_withdrawn_and_expires() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    import(&mut world, &key, &ONE).unwrap();
    let second = import_new(&mut world, &key, &TWO).unwrap().material;
    delete(&mut world, &key, second).unwrap();
    assert_eq!((stored(&world, &key).pending, state(&world, &key)), (None, KeyState::Enabled));
    let absent = problem(ImportProblem::NoMaterial { id: second.unwrap() });
    assert_eq!(delete(&mut world, &key, second).err(), Some(absent));
    let expires = Some(world.now.plus_days(3));
    let op = request(&world, &key, &TWO);
    world.command(ImportKeyMaterial { kind: Some(ImportType::New), expires, ..op }).unwrap();
    next_deadline(&mut world);
    assert_eq!((stored(&world, &key).pending, state(&world, &key)), (None, KeyState::Enabled));
}

#[test]
fn what_symmetric_keys_alone_may_say() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    let id = |bytes: [u8; 32]| crate::plaintext::KeyBytes::new(bytes.to_vec());
    let (one, two) =
        (world.cx().crypto.material_id(&id(ONE)), world.cx().crypto.material_id(&id(TWO)));
    let describe = Some(Box::from("of 2026"));
    let op = ImportKeyMaterial { description: describe.clone(), ..request(&world, &key, &ONE) };
    world.command(op).unwrap();
    let described = |world: &World| {
        stored(world, &key).materials[0].import.as_ref().unwrap().description.clone()
    };
    for (material, right) in [(one, true), (two, false)] {
        let op = ImportKeyMaterial { material: Some(material), ..request(&world, &key, &ONE) };
        assert_eq!(world.command(op).err(), (!right).then(incorrect));
    }
    // Kept over an import without one, and over a deletion.
    delete(&mut world, &key, None).unwrap();
    import(&mut world, &key, &ONE).unwrap();
    assert_eq!(described(&world), describe);
    let new = Some(ImportType::New);
    let op = ImportKeyMaterial { kind: new, material: Some(two), ..request(&world, &key, &TWO) };
    assert_eq!(world.command(op).err(), Some(problem(ImportProblem::IdOfNew)));
    let hmac = external(&mut world, KeySpec::Hmac(HmacHash::Sha256), KeyUsage::GenerateVerifyMac);
    for op in [
        ImportKeyMaterial { kind: new, ..request(&world, &hmac, &ONE) },
        ImportKeyMaterial { description: describe, ..request(&world, &hmac, &ONE) },
        ImportKeyMaterial { material: Some(one), ..request(&world, &hmac, &ONE) },
    ] {
        assert_eq!(world.command(op).err(), Some(problem(ImportProblem::NotSymmetric)));
    }
}

#[test]
fn multi_region_keys_replicate_once_they_have_material() {
    let mut world = World::new();
    let op = CreateKey { source: Source::Imported, multi_region: true, ..plain() };
    let key = world.command(op).unwrap();
    let replicate = |world: &mut World| {
        let op = ReplicateKey {
            key: named(key.arn()),
            region: "us-west-2".into(),
            policy: None,
            bypass_lockout_check: false,
            description: Box::default(),
            tags: Tags::new(),
        };
        world.command(op).map(drop)
    };
    let waiting = Error::Key(KeyProblem::PendingImport { key: key.arn() });
    assert_eq!(replicate(&mut world), Err(waiting));
    import(&mut world, &key, &ONE).unwrap();
    assert_eq!(replicate(&mut world), Ok(()));
    // Without a replica there is nobody to wait for; with one there is.
    import_new(&mut world, &key, &TWO).unwrap();
    let op = RotateKeyOnDemand { key: named(key.arn()) };
    let nothing = Error::Rotation(RotationProblem::NothingPending { key: key.arn() });
    assert_eq!(world.command(op).err(), Some(nothing));
}

#[test]
fn conditions_see_the_wrapping_and_the_expiry() {
    let mut world = World::new();
    let key = symmetric(&mut world);
    let parameters = GetParametersForImport { key: named(key.arn()), wrapping: AES, size: RSA };
    let for_good = request(&world, &key, &ONE);
    let expires = Some(world.now.plus_days(1));
    let expiring = ImportKeyMaterial { expires, ..request(&world, &key, &ONE) };
    let delete = DeleteImportedKeyMaterial { key: named(key.arn()), material: None };
    let told = [
        pairs::demanded(&world, &parameters),
        pairs::demanded(&world, &for_good),
        pairs::demanded(&world, &expiring),
        pairs::demanded(&world, &delete),
    ];
    let mut text = String::new();
    for demand in told {
        assert_eq!(demand.resource, key.arn().text());
        write!(text, "\n{}", demand.action).unwrap();
        for name in NAMES {
            if let Some(value) = shown(&world.cx(), &world.store, &demand, name) {
                write!(text, " {}={value}", name.trim_start_matches("kms:")).unwrap();
            }
        }
    }
    assert_eq!(text, FACTS, "{text}");
}

const NAMES: [&str; 4] =
    ["kms:expirationmodel", "kms:validto", "kms:wrappingalgorithm", "kms:wrappingkeyspec"];

/// What each demand tells conditions beside what every key has.
pub const FACTS: &str = "
kms:GetParametersForImport wrappingalgorithm=RSA_AES_KEY_WRAP_SHA_1 wrappingkeyspec=RSA_2048
kms:ImportKeyMaterial expirationmodel=KEY_MATERIAL_DOES_NOT_EXPIRE
kms:ImportKeyMaterial expirationmodel=KEY_MATERIAL_EXPIRES validto=1700086400
kms:DeleteImportedKeyMaterial";
