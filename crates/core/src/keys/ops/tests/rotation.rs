//! Rotation: settings, deadlines, generations, and what related keys share of them.

use super::*;
use crate::deadlines;
use crate::keys::ciphertext::{Blob, Opened, Sealed};
use crate::keys::error::RotationProblem;
use crate::keys::managed;
use crate::keys::model::{Origin, Rotation, RotationKind};
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::disable_key_rotation::DisableKeyRotation;
use crate::keys::ops::enable_key::EnableKey;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::get_key_rotation_status::GetKeyRotationStatus;
use crate::keys::ops::list_key_rotations::{ListKeyRotations, Rotations};
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::keys::rotation::RotationPeriod;
use crate::keys::spec::{HmacHash, KeySpec};
use crate::limits;
use crate::ports::Entropy;
use crate::records::{Due, Subject};
use crate::testing::exchange;
use crate::time::{DAY_MS, Timestamp};
use proptest::prelude::*;

fn enable(world: &mut World, key: &Found, days: Option<i64>) -> Result<(), Error> {
    let period = days.map(|days| RotationPeriod::new(days).unwrap());
    world.command(EnableKeyRotation { key: named(key.key.id), period })
}

fn disable(world: &mut World, key: &Found) -> Result<(), Error> {
    world.command(DisableKeyRotation { key: named(key.key.id) })
}

fn on_demand(world: &mut World, key: &Found) -> Result<KeyArn, Error> {
    world.command(RotateKeyOnDemand { key: named(key.key.id) })
}

fn status(world: &World, key: &Found) -> Option<Rotation> {
    world.query(GetKeyRotationStatus { key: named(key.key.id) }).unwrap().rotation
}

fn list(world: &World, key: &Found, all_material: bool) -> Rotations {
    let key = named(key.key.id);
    world.query(ListKeyRotations { key, all_material, limit: 100, after: None }).unwrap()
}

fn decrypt(world: &World, blob: &[u8]) -> Result<Opened, Error> {
    let (context, tokens) = (no_context(), Box::default());
    let sealed =
        Sealed { algorithm: SYMMETRIC, key: None, blob: Blob::Given(blob.into()), context, tokens };
    world.query(Decrypt { sealed, dry_run: false })
}

fn deadlines(world: &World) -> Vec<Timestamp> {
    let due = world.store.keys().filter_map(|key| match key {
        Key::Deadline { at, due: Due::RotateKey { .. }, .. } => Some(*at),
        _ => None,
    });
    due.collect()
}

/// Lets the time come at which the next deadline is due.
fn wait(world: &mut World) {
    let first = world.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned();
    let Some(Key::Deadline { at, .. }) = first else { panic!("nothing is due") };
    world.now = world.now.max(at);
    world.edit(|cx, tx| deadlines::handle(cx, tx, &first.unwrap())).unwrap();
}

#[test]
fn a_setting_is_made_changed_repeated_and_unmade() {
    let mut world = World::new();
    let key = create(&mut world);
    assert_eq!(status(&world, &key), None);
    let now = world.now;
    enable(&mut world, &key, None).unwrap();
    let yearly = Rotation { period_days: 365, next: now.plus_days(365) };
    assert_eq!(status(&world, &key), Some(yearly));
    world.pass_ms(DAY_MS);
    for repeated in [None, Some(365)] {
        enable(&mut world, &key, repeated).unwrap();
        assert_eq!(status(&world, &key), Some(yearly));
    }
    enable(&mut world, &key, Some(90)).unwrap();
    let next = now.plus_days(91);
    assert_eq!(status(&world, &key), Some(Rotation { period_days: 90, next }));
    assert_eq!(deadlines(&world), [next]);
    enable(&mut world, &key, Some(120)).unwrap();
    assert_eq!(status(&world, &key).map(|rotation| rotation.period_days), Some(120));
    enable(&mut world, &key, Some(90)).unwrap();
    // A period that the request does not name stays.
    enable(&mut world, &key, None).unwrap();
    assert_eq!(status(&world, &key).map(|rotation| rotation.period_days), Some(90));
    for _ in 0..2 {
        disable(&mut world, &key).unwrap();
        assert_eq!((status(&world, &key), deadlines(&world)), (None, vec![]));
    }
}

#[test]
fn periods_have_bounds() {
    for (days, good) in [(89, false), (90, true), (2560, true), (2561, false), (-365, false)] {
        assert_eq!(RotationPeriod::new(days).is_some(), good, "{days}");
    }
}

/// PROMISE R5: every generation goes on decrypting.
#[test]
fn a_key_rotates_by_itself_again_and_again() {
    let mut world = World::new();
    let key = create(&mut world);
    let mut blobs = vec![encrypt(&world, &key, no_context())];
    enable(&mut world, &key, Some(100)).unwrap();
    let start = world.now;
    for round in 1..=3 {
        let before = stored(&world, &key).current_material();
        wait(&mut world);
        assert_eq!(world.now, start.plus_days(100 * round));
        assert_ne!(stored(&world, &key).current_material(), before);
        assert_eq!(status(&world, &key).unwrap().next, world.now.plus_days(100));
        assert_eq!(deadlines(&world), [world.now.plus_days(100)]);
        blobs.push(encrypt(&world, &key, no_context()));
    }
    let listed = list(&world, &key, false);
    assert_eq!(listed.page.items.len(), 3);
    for (round, material) in (1..).zip(&listed.page.items) {
        assert_eq!(material.rotated, Some(RotationKind::Automatic));
        assert_eq!(material.created, start.plus_days(100 * round));
    }
    let all = list(&world, &key, true);
    assert_eq!(all.page.items.len(), 4);
    assert_eq!(all.page.items[0].rotated, None);
    assert_eq!(all.current, Some(all.page.items[3].id));
    for (blob, material) in blobs.iter().zip(&all.page.items) {
        let opened = decrypt(&world, blob).unwrap();
        assert_eq!(opened.plaintext.expose(), b"hunter2");
        assert_eq!(opened.material, Some(material.id));
    }
}

#[test]
fn rotation_on_demand_leaves_the_schedule_and_has_a_bound() {
    let mut world = World::new();
    let key = create(&mut world);
    enable(&mut world, &key, None).unwrap();
    wait(&mut world);
    let scheduled = status(&world, &key);
    for _ in 0..limits::ON_DEMAND_ROTATIONS_MAX {
        world.pass_ms(1);
        assert_eq!(on_demand(&mut world, &key), Ok(key.arn()));
        assert_eq!(status(&world, &key), scheduled);
    }
    let refused = Error::Rotation(RotationProblem::TooMany { key: key.arn() });
    assert_eq!(on_demand(&mut world, &key), Err(refused.clone()));
    // What happens by itself does not count, and goes on.
    wait(&mut world);
    assert_eq!(stored(&world, &key).materials.len(), limits::ON_DEMAND_ROTATIONS_MAX + 3);
    assert_eq!(on_demand(&mut world, &key), Err(refused));
}

/// AWS: a key that cannot be used is not rotated, and is as soon as it can be used again.
#[test]
fn a_disabled_key_is_rotated_once_it_is_enabled() {
    let mut world = World::new();
    let key = create(&mut world);
    enable(&mut world, &key, Some(90)).unwrap();
    world.command(DisableKey { key: named(key.key.id) }).unwrap();
    assert!(matches!(disable(&mut world, &key), Err(Error::Key(KeyProblem::Disabled { .. }))));
    wait(&mut world);
    assert_eq!(stored(&world, &key).materials.len(), 1);
    assert_eq!(status(&world, &key).unwrap().next, world.now);
    world.pass_ms(5 * DAY_MS);
    for _ in 0..2 {
        world.command(EnableKey { key: named(key.key.id) }).unwrap();
        assert_eq!(stored(&world, &key).materials.len(), 2);
        assert_eq!(status(&world, &key).unwrap().next, world.now.plus_days(90));
        assert_eq!(deadlines(&world), [world.now.plus_days(90)]);
    }
    // It is late at the very time already.
    world.command(DisableKey { key: named(key.key.id) }).unwrap();
    wait(&mut world);
    world.command(EnableKey { key: named(key.key.id) }).unwrap();
    assert_eq!(stored(&world, &key).materials.len(), 3);
    // One that was enabled again in time keeps its date.
    let next = status(&world, &key).unwrap().next;
    world.command(DisableKey { key: named(key.key.id) }).unwrap();
    world.pass_ms(DAY_MS);
    world.command(EnableKey { key: named(key.key.id) }).unwrap();
    assert_eq!(stored(&world, &key).materials.len(), 3);
    assert_eq!(status(&world, &key).unwrap().next, next);
}

#[test]
fn a_key_that_waits_for_its_deletion_does_not_rotate() {
    let mut world = World::new();
    let key = create(&mut world);
    enable(&mut world, &key, Some(90)).unwrap();
    let window = DeletionWindow::new(Some(30)).unwrap();
    world.command(ScheduleKeyDeletion { key: named(key.key.id), window }).unwrap();
    assert_eq!(status(&world, &key), None);
    assert!(stored(&world, &key).rotation.is_some());
}

#[test]
fn keys_that_cannot_be_rotated() {
    let mut world = World::new();
    let hmac = create(&mut world);
    alter(&mut world, &hmac, |key| key.spec = KeySpec::Hmac(HmacHash::Sha256));
    let refused = || Error::Rotation(RotationProblem::NotSymmetric);
    assert_eq!(enable(&mut world, &hmac, None), Err(refused()));
    assert_eq!(disable(&mut world, &hmac), Err(refused()));
    assert_eq!(on_demand(&mut world, &hmac), Err(refused()));
    let key = named(hmac.key.id);
    let listing = ListKeyRotations { key, all_material: false, limit: 1, after: None };
    assert_eq!(world.query(listing), Err(refused()));
    let external = create(&mut world);
    alter(&mut world, &external, |key| key.origin = Origin::External);
    let refused = |problem| Err::<(), _>(Error::Rotation(problem));
    let key = external.arn();
    let origin = refused(RotationProblem::Origin { key, origin: Origin::External });
    assert_eq!(enable(&mut world, &external, None), origin);
    assert_eq!(disable(&mut world, &external), origin);
    let pending = refused(RotationProblem::NothingPending { key });
    assert_eq!(on_demand(&mut world, &external).map(drop), pending);
}

#[test]
fn lists_of_generations_page() {
    let mut world = World::new();
    let key = create(&mut world);
    for _ in 0..4 {
        on_demand(&mut world, &key).unwrap();
    }
    let all: Vec<_> = stored(&world, &key).materials.iter().map(|material| material.id).collect();
    for (all_material, expected) in [(true, &all[..]), (false, &all[1..])] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let key = named(key.key.id);
            let page = ListKeyRotations { key, all_material, limit: 2, after };
            let page = world.query(page).unwrap().page;
            assert!(page.items.len() <= 2);
            seen.extend(page.items.iter().map(|material| material.id));
            after = page.resume().map(|last| last.id);
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
    }
}

/// AWS: its own keys are rotated every year.
#[test]
fn the_managed_key_rotates_every_year() {
    let mut world = World::new();
    let scope = world.scope();
    world.edit(|cx, tx| managed::ensure(cx, tx, scope)).unwrap();
    let alias = "alias/aws/secretsmanager".parse().unwrap();
    let id = world.store.alias(scope, &alias).unwrap().unwrap().target;
    let key = world.store.kms_key(scope, id).unwrap().unwrap();
    let key = Found { key, scope, alias: None };
    let next = world.now.plus_days(365);
    assert_eq!(status(&world, &key), Some(Rotation { period_days: 365, next }));
    wait(&mut world);
    assert_eq!(stored(&world, &key).materials.len(), 2);
    assert_eq!(deadlines(&world), [world.now.plus_days(365)]);
}

/// Regions that hold related keys, and the links among them.
struct Regions {
    worlds: Vec<World>,
    key: Found,
}

impl Regions {
    fn new() -> Self {
        let names = ["us-east-1", "us-west-2", "eu-west-1"];
        let mut worlds: Vec<_> = names.into_iter().map(World::in_region).collect();
        for (at, world) in worlds.iter().enumerate() {
            // No two Regions draw the same material.
            (0..at * 1000).for_each(|_| world.entropy.fill(&mut [0; 8]));
        }
        let key = create_multi_region(&mut worlds[0]);
        let mut regions = Self { worlds, key };
        for name in &names[1..] {
            let op = ReplicateKey {
                key: named(regions.key.key.id),
                region: (*name).into(),
                policy: None,
                bypass_lockout_check: false,
                description: Box::default(),
                tags: Tags::new(),
            };
            regions.worlds[0].command(op).unwrap();
        }
        regions.settle();
        regions
    }

    /// The key as Region `at` has it.
    fn key(&self, at: usize) -> Found {
        let world = &self.worlds[at];
        let scope = world.scope();
        let key = world.store.kms_key(scope, self.key.key.id).unwrap().unwrap();
        Found { key, scope, alias: None }
    }

    fn primary(&self) -> usize {
        let is_primary = |at: &usize| {
            let found = self.key(*at);
            found.key.is_multi_region_primary(found.scope.region)
        };
        (0..self.worlds.len()).find(is_primary).unwrap()
    }

    /// Carries what waits from one Region to another. Whether anything did.
    fn carry(&mut self, from: usize, to: usize) -> bool {
        let subject = Subject::Key { id: self.key.key.id };
        if from == to {
            return false;
        }
        let [sender, receiver] = self.worlds.get_disjoint_mut([from, to]).unwrap();
        let waits = sender.store.outbox(sender.scope(), receiver.region, &subject).unwrap();
        if waits.is_some() {
            exchange(sender, receiver, &subject);
        }
        waits.is_some()
    }

    fn settle(&mut self) {
        let pairs = || (0..3).flat_map(|from| (0..3).map(move |to| (from, to)));
        while pairs().any(|(from, to)| self.carry(from, to)) {}
    }
}

/// AWS: set on the primary, the same everywhere.
#[test]
fn related_keys_share_the_setting_and_every_generation() {
    let mut regions = Regions::new();
    let key = regions.key.clone();
    let first = encrypt(&regions.worlds[2], &regions.key(2), no_context());
    enable(&mut regions.worlds[0], &key, Some(120)).unwrap();
    on_demand(&mut regions.worlds[0], &key).unwrap();
    let second = encrypt(&regions.worlds[0], &key, no_context());
    // The replica has not heard of it: its answer is to be asked for again, and not that the
    // ciphertext were wrong.
    let late = Error::MaterialNotArrived { key: regions.key(1).arn() };
    assert_eq!(decrypt(&regions.worlds[1], &second).unwrap_err(), late);
    regions.settle();
    let expected = status(&regions.worlds[0], &key);
    assert_eq!(expected.map(|rotation| rotation.period_days), Some(120));
    for (at, world) in regions.worlds.iter().enumerate() {
        assert_eq!(status(world, &regions.key(at)), expected);
        let listed = list(world, &regions.key(at), true);
        let shown = |rotations: &Rotations| -> Vec<_> {
            let items = &rotations.page.items;
            items.iter().map(|material| (material.id, material.created, material.rotated)).collect()
        };
        assert_eq!(shown(&listed), shown(&list(&regions.worlds[0], &key, true)));
        for blob in [&first, &second] {
            assert_eq!(decrypt(world, blob).unwrap().plaintext.expose(), b"hunter2");
        }
    }
    for at in [1, 2] {
        let (world, replica) = (at, regions.key(at));
        let refused = Error::NotMultiRegionPrimary { key: replica.arn() };
        let world = &mut regions.worlds[world];
        assert_eq!(enable(world, &replica, None), Err(refused.clone()));
        assert_eq!(disable(world, &replica), Err(refused.clone()));
        assert_eq!(on_demand(world, &replica), Err(refused));
        assert_eq!(deadlines(world), []);
    }
}

/// PROMISE R9: whoever is the primary when the time comes rotates, and nobody else.
#[test]
fn rotation_moves_with_the_primary() {
    let mut regions = Regions::new();
    let key = regions.key.clone();
    enable(&mut regions.worlds[0], &key, Some(90)).unwrap();
    let op = || UpdatePrimaryRegion { key: named(key.key.id), primary: "us-west-2".into() };
    regions.worlds[0].agreed(op).unwrap();
    regions.settle();
    assert_eq!(regions.primary(), 1);
    wait(&mut regions.worlds[0]);
    assert_eq!(regions.key(0).key.materials.len(), 1);
    wait(&mut regions.worlds[1]);
    regions.settle();
    for at in 0..3 {
        assert_eq!(regions.key(at).key.materials.len(), 2);
        let next = regions.worlds[1].now.plus_days(90);
        assert_eq!(status(&regions.worlds[at], &regions.key(at)).unwrap().next, next);
    }
}

/// A ciphertext that names a generation of which nobody knows is invalid where all are known.
#[test]
fn the_primary_knows_every_generation() {
    let regions = Regions::new();
    let mut blob = encrypt(&regions.worlds[0], &regions.key, no_context()).to_vec();
    let id = regions.key.key.materials[0].id.0;
    let at = blob.windows(32).position(|window| window == id).unwrap();
    blob[at] ^= 1;
    assert_eq!(decrypt(&regions.worlds[0], &blob).unwrap_err(), Error::InvalidCiphertext);
    let key = regions.key(1).arn();
    assert_eq!(decrypt(&regions.worlds[1], &blob).unwrap_err(), Error::MaterialNotArrived { key });
}

/// What may happen to related keys.
#[derive(Debug, Clone)]
enum Step {
    Encrypt(usize),
    Decrypt { blob: usize, at: usize },
    Rotate,
    Wait,
    Move(usize),
    Toggle(usize),
    Carry(usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..3_usize;
    prop_oneof![
        at.clone().prop_map(Step::Encrypt),
        (any::<usize>(), at.clone()).prop_map(|(blob, at)| Step::Decrypt { blob, at }),
        Just(Step::Rotate),
        Just(Step::Wait),
        at.clone().prop_map(Step::Move),
        at.clone().prop_map(Step::Toggle),
        (at.clone(), at).prop_map(|(from, to)| Step::Carry(from, to)),
    ]
}

impl Regions {
    /// Whether a ciphertext opens in Region `at`, which is the only thing that may be wrong.
    fn opens(&self, blob: &[u8], at: usize, settled: bool) {
        match decrypt(&self.worlds[at], blob) {
            Ok(opened) => assert_eq!(opened.plaintext.expose(), b"hunter2"),
            Err(Error::Key(KeyProblem::Disabled { .. })) => {
                assert!(!self.key(at).key.is_enabled());
            }
            Err(Error::MaterialNotArrived { .. }) => assert!(!settled, "settled, and behind"),
            Err(other) => panic!("{other:?}"),
        }
    }

    fn take(&mut self, step: &Step, blobs: &mut Vec<Box<[u8]>>) {
        let id = named(self.key.key.id);
        match *step {
            Step::Encrypt(at) if self.key(at).key.is_enabled() => {
                blobs.push(encrypt(&self.worlds[at], &self.key(at), no_context()));
            }
            Step::Decrypt { blob, at } if !blobs.is_empty() => {
                self.opens(&blobs[blob % blobs.len()], at, false);
            }
            Step::Rotate => {
                // Refused where the key is disabled; between two primaries nobody is one.
                for at in 0..3 {
                    let key = self.key(at);
                    let _ = on_demand(&mut self.worlds[at], &key);
                }
            }
            Step::Wait => {
                for world in &mut self.worlds {
                    if !deadlines(world).is_empty() {
                        wait(world);
                    }
                }
            }
            Step::Move(to) => {
                let to = self.worlds[to].region;
                let op = || UpdatePrimaryRegion { key: id.clone(), primary: to.as_str().into() };
                for world in &mut self.worlds {
                    // Only the present primary may, and only to a replica.
                    let _ = world.agreed(op);
                }
            }
            Step::Toggle(at) => {
                let key = self.key(at).key;
                let world = &mut self.worlds[at];
                let toggled = if key.is_enabled() {
                    world.command(DisableKey { key: id })
                } else {
                    world.command(EnableKey { key: id })
                };
                assert_eq!(toggled.is_err(), key.is_updating(world.now), "{toggled:?}");
            }
            Step::Carry(from, to) => {
                self.carry(from, to);
            }
            Step::Encrypt(_) | Step::Decrypt { .. } => {}
        }
    }
}

proptest! {
    /// PROMISE R5: whatever happens among Regions, a ciphertext is never wrong; and once everything
    /// has arrived, each opens wherever the key is enabled.
    #[test]
    fn every_ciphertext_opens_wherever_the_key_is(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut regions = Regions::new();
        let key = regions.key.clone();
        enable(&mut regions.worlds[0], &key, Some(90)).unwrap();
        let mut blobs = Vec::new();
        for step in &steps {
            regions.take(step, &mut blobs);
        }
        regions.settle();
        let ids = |at: usize| -> Vec<_> {
            regions.key(at).key.materials.iter().map(|material| material.id).collect()
        };
        for at in 0..3 {
            prop_assert_eq!(ids(at), ids(0));
            prop_assert_eq!(regions.key(at).key.rotation, regions.key(0).key.rotation);
            for blob in &blobs {
                regions.opens(blob, at, true);
            }
        }
    }
}
