//! Multi-Region keys: replicas, the change of primary, deletion across Regions.

use std::collections::BTreeMap;

use super::*;
use crate::deadlines;
use crate::engine::Step;
use crate::ids::Scope;
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::envelope::{open_material, store_material};
use crate::keys::import::Wrapping;
use crate::keys::model::{KeyPolicy, MultiRegion, ReplicaRequests, Swap};
use crate::keys::multi_region::replica_gone;
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::get_parameters_for_import::GetParametersForImport;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::keys::rotation::RotationPeriod;
use crate::keys::spec::{OaepHash, RsaSize};
use crate::limits;
use crate::policy::document::Policy;
use crate::records::{Due, Intent, Outbox, Subject, Tombstone};
use crate::replication::change::{Answer, Message, Stamp};
use crate::replication::probe;
use crate::secrets::model::ReplicaFailure;
use crate::testing::{exchange, hear, message};
use crate::time::Timestamp;

fn replicate(found: &Found, to: &str) -> ReplicateKey {
    ReplicateKey {
        key: named(found.key.id),
        region: to.into(),
        policy: None,
        bypass_lockout_check: false,
        description: "there".into(),
        tags: Tags::from([("a".into(), "b".into())]),
    }
}

fn shared(world: &World, found: &Found) -> MultiRegion {
    stored(world, found).multi_region.unwrap()
}

fn outbox(world: &World, found: &Found, peer: &str) -> Option<Outbox> {
    let subject = Subject::Key { id: found.key.id };
    world.store.outbox(world.scope(), region(peer), &subject).unwrap()
}

/// Marks every replica as installed.
fn settle(world: &mut World, found: &Found) {
    alter(world, found, |key| key.multi_region.as_mut().unwrap().installing.clear());
}

/// The related key in another Region, as replication would install it.
fn install(from: &World, found: &Found, to: &mut World) -> Found {
    let mut key = stored(from, found);
    let scope = Scope { region: to.region, account: found.scope.account };
    let arn = KeyArn { scope, id: key.id };
    for material in &mut key.materials {
        let opened = open_material(&found.arn(), key.spec, material, &from.crypto).unwrap();
        let (crypto, entropy) = (&to.crypto, &to.entropy);
        *material = store_material(&arn, key.spec, &opened, material.created, crypto, entropy);
    }
    let key = std::sync::Arc::new(key);
    let record = Record::KmsKey(std::sync::Arc::clone(&key));
    to.edit(|_, tx| tx.put(Key::KmsKey { scope, id: key.id }, record));
    Found { key, scope, alias: None }
}

#[test]
fn a_new_primary_stands_alone() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    let multi = shared(&world, &made);
    assert!(made.key.id.is_multi_region());
    assert_eq!((multi.at, multi.primary), (Stamp::FIRST, world.region));
    assert!(multi.replicas.is_empty() && multi.installing.is_empty());
}

#[test]
fn a_replica_is_announced_to_every_related_region() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    let first = world.command(replicate(&made, "us-west-2")).unwrap();
    assert_eq!(first.scope.region, region("us-west-2"));
    assert_eq!((&*first.key.description, first.key.tags.len()), ("there", 1));
    let at = Stamp { epoch: 1, revision: 2 };
    let entry = Outbox { at, since: world.now, intent: Intent::State };
    assert_eq!(outbox(&world, &made, "us-west-2"), Some(entry));
    assert_eq!(outbox(&world, &made, "eu-west-1"), None);
    world.pass_ms(5);
    world.command(replicate(&made, "eu-west-1")).unwrap();
    let multi = shared(&world, &made);
    assert_eq!(multi.replicas, [region("eu-west-1"), region("us-west-2")].into());
    assert_eq!(&*multi.installing[&region("eu-west-1")].description, "there");
    assert!(multi.installing[&region("us-west-2")].policy.contains("key-default-1"));
    // The earlier replica has been behind since it was asked for.
    let at = Stamp { epoch: 1, revision: 3 };
    assert_eq!(outbox(&world, &made, "us-west-2"), Some(Outbox { at, ..entry }));
    assert_eq!(outbox(&world, &made, "eu-west-1").map(|entry| entry.at), Some(at));
    assert_eq!(outbox(&world, &made, "us-east-1"), None);
}

#[test]
fn replicas_that_are_refused() {
    let mut world = World::new();
    let single = create(&mut world);
    let refused = world.command(replicate(&single, "us-west-2")).unwrap_err();
    assert_eq!(refused, Error::NotMultiRegion { key: single.arn() });
    let made = create_multi_region(&mut world);
    world.command(replicate(&made, "us-west-2")).unwrap();
    let there = |name: &str| KeyArn {
        scope: Scope { region: region(name), account: made.scope.account },
        id: made.key.id,
    };
    let unknown = |name: &str| Error::UnknownRegion { region: name.into() };
    let cases = [
        ("us-west-2", Error::ReplicaExists { key: there("us-west-2") }),
        ("us-east-1", Error::ReplicaExists { key: there("us-east-1") }),
        ("ap-south-1", unknown("ap-south-1")),
        ("cn-north-1", unknown("cn-north-1")),
    ];
    world.regions.push(region("cn-north-1"));
    for (name, error) in cases {
        assert_eq!(world.command(replicate(&made, name)).unwrap_err(), error);
    }
    alter(&mut world, &made, |key| {
        key.multi_region.as_mut().unwrap().primary = region("us-west-2");
    });
    let refused = world.command(replicate(&made, "eu-west-1")).unwrap_err();
    assert_eq!(refused, Error::NotMultiRegionPrimary { key: made.arn() });
}

/// PROMISE R5: what one related key encrypts, the other decrypts, named or not.
#[test]
fn related_keys_open_each_others_ciphertexts() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    let twin = install(&east, &made, &mut west);
    let open = |world: &World, key: Option<String>, blob: &[u8]| {
        let key = key.map(named);
        let sealed = Sealed {
            key,
            algorithm: SYMMETRIC,
            blob: Blob::Given(blob.into()),
            context: no_context(),
            tokens: Box::default(),
        };
        world.query(Decrypt { sealed, dry_run: false })
    };
    for (from, to, found, other) in [(&east, &west, &made, &twin), (&west, &east, &twin, &made)] {
        let blob = encrypt(from, found, no_context());
        for key in [None, Some(other.key.id.to_string()), Some(other.arn().to_string())] {
            let opened = open(to, key, &blob).unwrap();
            assert_eq!((opened.plaintext.expose(), opened.key), (&b"hunter2"[..], other.arn()));
        }
        // The sender's ARN names no key of this Region.
        let refused = open(to, Some(found.arn().to_string()), &blob).unwrap_err();
        assert!(matches!(refused, Error::Key(KeyProblem::OtherRegion { .. })));
    }
}

#[test]
fn the_primary_moves_to_a_replica() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    world.command(replicate(&made, "us-west-2")).unwrap();
    let to =
        |primary: &str| UpdatePrimaryRegion { key: named(made.key.id), primary: primary.into() };
    let creating = KeyArn {
        scope: Scope { region: region("us-west-2"), account: made.scope.account },
        id: made.key.id,
    };
    let absent = Answer::No(ReplicaFailure::ReplicaKey(KeyProblem::Absent { key: creating }));
    for answer in [absent, Answer::Unreachable] {
        world.answers.clear();
        let Ok(Step::Ask(asks)) = world.step(to("us-west-2")) else { panic!() };
        world
            .answers
            .extend(asks.into_iter().map(|ask| ((ask.region, ask.question), answer.clone())));
        let refused = world.command(to("us-west-2")).unwrap_err();
        assert_eq!(refused, Error::ReplicaCreating { key: creating });
    }
    world.command(replicate(&made, "eu-west-1")).unwrap();
    let other =
        KeyArn { scope: Scope { region: region("eu-west-1"), ..creating.scope }, ..creating };
    let refused = world.command(to("us-west-2")).unwrap_err();
    assert_eq!(refused, Error::ReplicaCreating { key: other });
    settle(&mut world, &made);
    alter(&mut world, &made, |key| {
        key.multi_region.as_mut().unwrap().replicas.remove(&region("eu-west-1"));
    });
    world.answers.clear();
    for none in ["eu-west-1", "us-east-1"] {
        let error = Error::NoReplicaIn { key: made.arn(), region: region(none) };
        assert_eq!(world.command(to(none)).unwrap_err(), error);
    }
    world.agreed(|| to("us-west-2")).unwrap();
    let multi = shared(&world, &made);
    assert_eq!((multi.primary, multi.replicas), (region("us-west-2"), [world.region].into()));
    // PROMISE R9: a new epoch.
    assert_eq!(multi.at, Stamp { epoch: 2, revision: 4 });
    assert_eq!(outbox(&world, &made, "us-west-2").map(|entry| entry.at), Some(multi.at));
    let again = world.command(to("us-east-1")).unwrap_err();
    assert_eq!(again, Error::NotMultiRegionPrimary { key: made.arn() });
    let single = create(&mut world);
    let op = UpdatePrimaryRegion { key: named(single.key.id), primary: "us-west-2".into() };
    assert_eq!(world.command(op).unwrap_err(), Error::NotMultiRegion { key: single.arn() });
}

/// A primary in the east and its replica in the west.
fn pair() -> (World, World, Found) {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    east.command(replicate(&made, "us-west-2")).unwrap();
    exchange(&mut east, &mut west, &Subject::Key { id: made.key.id });
    (east, west, made)
}

fn to_the(world: &World, of: &Found) -> UpdatePrimaryRegion {
    UpdatePrimaryRegion { key: named(of.key.id), primary: world.region.as_str().into() }
}

/// Makes the key in `to` the primary, after `to` was asked and has answered.
fn promote(from: &mut World, to: &mut World, of: &Found) -> Result<(), Error> {
    from.answers.clear();
    let Step::Ask(asks) = from.step(to_the(to, of))? else { panic!("it asks nobody") };
    let [ask] = &asks[..] else { panic!("{asks:?}") };
    assert_eq!(ask.region, to.region);
    let own = core::mem::replace(&mut to.caller, ask.question.caller().caller().unwrap());
    let answer = probe::answer(&to.cx(), &to.store, &ask.question).unwrap();
    to.caller = own;
    from.answers = [((ask.region, ask.question.clone()), answer)].into();
    from.command(to_the(to, of))
}

fn here(world: &World, of: &Found) -> Found {
    let scope = world.scope();
    let key = world.store.kms_key(scope, of.key.id).unwrap().unwrap();
    Found { key, scope, alias: None }
}

fn is_updating(world: &World, of: &Found) -> bool {
    world.query(DescribeKey { key: named(of.key.id) }).unwrap().updating
}

/// AWS: both keys are `Updating` while they change places: they encrypt, and cannot be disabled.
#[test]
fn both_keys_are_updating_until_each_knows_of_the_other() {
    let (mut east, mut west, made) = pair();
    let subject = Subject::Key { id: made.key.id };
    assert!(!is_updating(&east, &made) && !is_updating(&west, &made));
    promote(&mut east, &mut west, &made).unwrap();
    assert!(is_updating(&east, &made) && !is_updating(&west, &made));
    let told = message(&east, &west, &subject);
    let known = hear(&mut west, east.region, told).unwrap();
    for world in [&mut east, &mut west] {
        assert!(is_updating(world, &made));
        let found = here(world, &made);
        let refused = Error::Updating { key: found.arn() };
        let disabled = world.command(DisableKey { key: named(made.key.id) });
        assert_eq!(disabled.unwrap_err(), refused);
        encrypt(world, &found, no_context());
    }
    // The former primary hears that the new one knows, and the new one that the former does.
    east.store.key_events.clear();
    hear(&mut east, west.region, known);
    assert_eq!(east.store.key_events, [], "what a primary shares is told by the primary");
    assert!(!is_updating(&east, &made) && is_updating(&west, &made));
    exchange(&mut west, &mut east, &subject);
    assert!(!is_updating(&west, &made));
    for world in [&mut east, &mut west] {
        assert_eq!(stored(world, &here(world, &made)).multi_region.unwrap().swap, None);
        world.command(DisableKey { key: named(made.key.id) }).unwrap();
    }
}

/// A Region that is lost meanwhile keeps the other's key from being disabled for a while only.
#[test]
fn updating_ends_by_itself() {
    let (mut east, mut west, made) = pair();
    promote(&mut east, &mut west, &made).unwrap();
    let told = message(&east, &west, &Subject::Key { id: made.key.id });
    hear(&mut west, east.region, told).unwrap();
    let last = i64::try_from(limits::SWAP_MAX.as_millis()).unwrap() - 1;
    for world in [&mut east, &mut west] {
        world.pass_ms(last);
        assert!(is_updating(world, &made));
        world.pass_ms(1);
        assert!(!is_updating(world, &made));
        world.command(DisableKey { key: named(made.key.id) }).unwrap();
    }
}

/// An answer to what was said before the change does not end it, and there and back ends as well.
#[test]
fn only_the_other_key_ends_updating() {
    let (mut east, mut west, made) = pair();
    let mut north = World::in_region("eu-west-1");
    let subject = Subject::Key { id: made.key.id };
    east.command(replicate(&made, "eu-west-1")).unwrap();
    exchange(&mut east, &mut north, &subject);
    let told = message(&east, &west, &subject);
    let late = hear(&mut west, east.region, told).unwrap();
    promote(&mut east, &mut west, &made).unwrap();
    exchange(&mut east, &mut north, &subject);
    hear(&mut east, west.region, late);
    assert!(is_updating(&east, &made) && !is_updating(&north, &made));
    exchange(&mut east, &mut west, &subject);
    exchange(&mut west, &mut north, &subject);
    assert!(!is_updating(&east, &made) && is_updating(&west, &made));
    // Back, before the one in the west has heard that it is known.
    promote(&mut west, &mut east, &made).unwrap();
    exchange(&mut west, &mut east, &subject);
    assert!(!is_updating(&west, &made) && is_updating(&east, &made));
    exchange(&mut east, &mut west, &subject);
    assert!(!is_updating(&east, &made));
    assert_eq!(here(&east, &made).key.multi_region.as_ref().unwrap().primary, east.region);
}

/// What a replica that is gone confirmed says nothing about the one that takes its place.
#[test]
fn a_new_replica_is_not_there_because_an_earlier_one_was() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    east.command(replicate(&made, "us-west-2")).unwrap();
    let told = message(&east, &west, &Subject::Key { id: made.key.id });
    let late = hear(&mut west, east.region, told).unwrap();
    let (scope, id, gone) = (east.scope(), made.key.id, west.region);
    east.edit(|cx, tx| replica_gone(cx, tx, scope, id, gone)).unwrap();
    east.command(replicate(&made, "us-west-2")).unwrap();
    hear(&mut east, west.region, late);
    assert!(shared(&east, &made).installing.contains_key(&west.region));
}

/// Also what the other has done since says that it knows of the change.
#[test]
fn a_rotation_by_the_new_primary_ends_updating() {
    let (mut east, mut west, made) = pair();
    let subject = Subject::Key { id: made.key.id };
    let rotate = || RotateKeyOnDemand { key: named(made.key.id) };
    promote(&mut east, &mut west, &made).unwrap();
    let told = message(&east, &west, &subject);
    let known = hear(&mut west, east.region, told).unwrap();
    west.command(rotate()).unwrap();
    exchange(&mut west, &mut east, &subject);
    assert!(!is_updating(&east, &made) && !is_updating(&west, &made));
    hear(&mut east, west.region, known);
    // What the new primary was told comes back after it has rotated again.
    promote(&mut west, &mut east, &made).unwrap();
    let told = message(&west, &east, &subject);
    hear(&mut east, west.region, told).unwrap();
    let first = message(&east, &west, &subject);
    let known = hear(&mut west, east.region, first).unwrap();
    east.command(rotate()).unwrap();
    assert!(is_updating(&east, &made));
    hear(&mut east, west.region, known);
    assert!(!is_updating(&east, &made));
}

/// Only a key that could be used before is `Updating`, and the end of a third ends nothing.
#[test]
fn updating_is_about_two_keys_that_can_be_used() {
    let (mut east, mut west, made) = pair();
    let subject = Subject::Key { id: made.key.id };
    east.command(replicate(&made, "eu-west-1")).unwrap();
    settle(&mut east, &made);
    exchange(&mut east, &mut west, &subject);
    promote(&mut east, &mut west, &made).unwrap();
    let told = message(&east, &west, &subject);
    hear(&mut west, east.region, told);
    let (scope, id) = (west.scope(), made.key.id);
    west.edit(|cx, tx| replica_gone(cx, tx, scope, id, region("eu-west-1"))).unwrap();
    assert!(is_updating(&west, &made));
    let found = here(&west, &made);
    alter(&mut west, &found, |key| key.state = KeyState::PendingImport);
    assert!(!is_updating(&west, &made));
}

/// AWS: no import can be begun meanwhile.
#[test]
fn an_updating_key_gives_no_parameters_for_import() {
    let mut world = World::new();
    let op = CreateKey { multi_region: true, source: Source::Imported, ..plain() };
    let made = world.command(op).unwrap();
    let parameters = || GetParametersForImport {
        key: named(made.key.id),
        wrapping: Wrapping::Oaep(OaepHash::Sha256),
        size: RsaSize::Bits2048,
    };
    world.query(parameters()).unwrap();
    let now = world.now;
    alter(&mut world, &made, |key| {
        key.state = KeyState::Enabled;
        key.multi_region.as_mut().unwrap().swap = Some(Swap::begin(region("us-west-2"), now));
    });
    let refused = world.query(parameters()).unwrap_err();
    assert_eq!(refused, Error::Updating { key: made.arn() });
}

/// A key that hears at once that another has become the primary after it is not `Updating` any more.
#[test]
fn a_primary_that_was_passed_over_is_not_updating() {
    let (mut east, mut west, made) = pair();
    let mut north = World::in_region("eu-west-1");
    let subject = Subject::Key { id: made.key.id };
    east.command(replicate(&made, "eu-west-1")).unwrap();
    exchange(&mut east, &mut north, &subject);
    exchange(&mut east, &mut west, &subject);
    promote(&mut east, &mut west, &made).unwrap();
    let told = message(&east, &west, &subject);
    hear(&mut west, east.region, told);
    promote(&mut west, &mut north, &made).unwrap();
    let told = message(&west, &east, &subject);
    hear(&mut east, west.region, told);
    assert!(!is_updating(&east, &made) && is_updating(&west, &made));
    assert_eq!(here(&east, &made).key.multi_region.as_ref().unwrap().primary, north.region);
}

/// AWS: both keys must be enabled, and the caller needs the permission on both.
#[test]
fn the_replica_must_agree() {
    let (mut east, mut west, made) = pair();
    let twin = here(&west, &made);
    let mut refused = |change: &dyn Fn(&mut KmsKey), problem: KeyProblem| {
        alter(&mut west, &twin, change);
        assert_eq!(promote(&mut east, &mut west, &made).unwrap_err(), Error::Key(problem));
        alter(&mut west, &twin, |key| *key = KmsKey::clone(&twin.key));
    };
    let key = twin.arn();
    refused(&|key| key.state = KeyState::Disabled, KeyProblem::Disabled { key });
    refused(&|key| key.state = KeyState::PendingImport, KeyProblem::PendingImport { key });
    let at = Timestamp::from_millis(1_800_000_000_000);
    refused(
        &|key| key.state = KeyState::PendingDeletion { at },
        KeyProblem::PendingDeletion { key },
    );
    // The condition is about the Region that is to be the primary's.
    let policy = |region: &str| {
        let text = format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{{"StringEquals":{{"kms:PrimaryRegion":"{region}"}}}}}}]}}"#
        );
        let compiled = Policy::parse_resource(&text).unwrap().into();
        KeyPolicy { text: text.into(), compiled }
    };
    let denied = KeyProblem::Denied {
        action: "kms:UpdatePrimaryRegion".into(),
        key: key.to_string().into(),
    };
    let elsewhere = policy("us-east-1");
    refused(&|key| key.policy = elsewhere.clone(), denied);
    let here = policy("us-west-2");
    alter(&mut west, &twin, |key| key.policy = here);
    promote(&mut east, &mut west, &made).unwrap();
}

/// A replica that is there can be the primary, also if it was not heard yet that it is.
#[test]
fn a_replica_that_is_there_is_not_creating() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    east.command(replicate(&made, "us-west-2")).unwrap();
    let told = message(&east, &west, &Subject::Key { id: made.key.id });
    let late = hear(&mut west, east.region, told).unwrap();
    promote(&mut east, &mut west, &made).unwrap();
    assert!(shared(&east, &made).installing.is_empty());
    hear(&mut east, west.region, late);
    exchange(&mut east, &mut west, &Subject::Key { id: made.key.id });
    assert_eq!(shared(&east, &made).primary, west.region);
    assert_eq!(here(&west, &made).key.multi_region.as_ref().unwrap().primary, west.region);
}

/// Nothing changes until the replica's Region has answered.
#[test]
fn a_region_that_says_nothing_is_not_made_the_primary() {
    let (mut east, west, made) = pair();
    let key = here(&west, &made).arn();
    let before = shared(&east, &made);
    let Ok(Step::Ask(asks)) = east.step(to_the(&west, &made)) else { panic!() };
    east.answers =
        asks.into_iter().map(|ask| ((ask.region, ask.question), Answer::Unreachable)).collect();
    let refused = east.command(to_the(&west, &made)).unwrap_err();
    assert_eq!(refused, Error::ReplicaUnheard { key });
    assert_eq!(shared(&east, &made), before);
}

/// AWS: a primary waits for its replicas, then for its own window.
#[test]
fn a_primary_waits_for_its_last_replica() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    world.command(replicate(&made, "us-west-2")).unwrap();
    world.command(replicate(&made, "eu-west-1")).unwrap();
    let schedule = || ScheduleKeyDeletion {
        key: named(made.key.id),
        window: DeletionWindow::new(Some(9)).unwrap(),
    };
    let scheduled = world.command(schedule()).unwrap();
    let waiting = KeyState::PendingReplicaDeletion { window_days: 9 };
    assert_eq!(scheduled.state, waiting);
    world.command(CancelKeyDeletion { key: named(made.key.id) }).unwrap();
    assert_eq!(stored(&world, &made).state, KeyState::Disabled);
    world.command(schedule()).unwrap();

    let (scope, id) = (world.scope(), made.key.id);
    let gone = |world: &mut World, from: &str| {
        world.edit(|cx, tx| replica_gone(cx, tx, scope, id, region(from))).unwrap();
    };
    alter(&mut world, &made, |key| {
        let requests = &mut key.multi_region.as_mut().unwrap().requests;
        requests.insert(region("us-west-2"), ReplicaRequests::default());
    });
    let before = shared(&world, &made);
    gone(&mut world, "us-west-2");
    assert_eq!(stored(&world, &made).state, waiting);
    assert_eq!(outbox(&world, &made, "us-west-2"), None);
    let after = shared(&world, &made);
    assert_eq!(outbox(&world, &made, "eu-west-1").map(|e| e.at), Some(after.at));
    // Nothing is left of it, and the others are told so once.
    let rest = MultiRegion {
        at: before.at.next(),
        replicas: [region("eu-west-1")].into(),
        installing: after.installing.clone(),
        requests: BTreeMap::new(),
        holdings: after.holdings.clone(),
        ..before
    };
    assert_eq!(after, rest);
    assert!(after.installing.keys().eq([&region("eu-west-1")]));
    gone(&mut world, "us-west-2");
    assert_eq!(shared(&world, &made), after);
    world.pass_ms(1000);
    gone(&mut world, "eu-west-1");
    let at = world.now.plus_days(9);
    assert_eq!(stored(&world, &made).state, KeyState::PendingDeletion { at });
    let deadline = Key::Deadline {
        region: scope.region,
        at,
        account: scope.account,
        due: Due::DeleteKey { id },
    };
    assert!(world.store.contains(&deadline));
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
    assert!(world.store.kms_key(scope, id).unwrap().is_none());
}

/// A replica key tells its primary that it is gone, and stays gone (promise R2).
#[test]
fn a_replica_goes_by_itself() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    east.command(replicate(&made, "us-west-2")).unwrap();
    let twin = install(&east, &made, &mut west);
    let window = DeletionWindow::new(Some(7)).unwrap();
    let scheduled = west.command(ScheduleKeyDeletion { key: named(twin.arn()), window }).unwrap();
    let KeyState::PendingDeletion { at } = scheduled.state else { panic!("{scheduled:?}") };
    let (scope, id) = (twin.scope, twin.key.id);
    let deadline = Key::Deadline {
        region: scope.region,
        at,
        account: scope.account,
        due: Due::DeleteKey { id },
    };
    west.pass_ms(at.since(west.now).as_millis().try_into().unwrap());
    west.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
    assert!(west.store.kms_key(scope, id).unwrap().is_none());
    let at = Stamp { epoch: 1, revision: 2 };
    let told = west.store.outbox(scope, east.region, &Subject::KeyGone { id }).unwrap();
    assert_eq!(told.map(|entry| entry.at), Some(at));
    let subject = Subject::Key { id };
    let tombstone = west.store.tombstone(scope, &subject).unwrap();
    assert_eq!(tombstone, Some(Tombstone { at, failed: false }));
    // The message that made it is repeated, and answered with its end. From elsewhere it is none.
    let repeated = message(&east, &west, &subject);
    let foreign = message(&east, &west, &subject);
    let answer = hear(&mut west, region("eu-west-1"), foreign);
    assert!(!matches!(answer, Some(Message::KeyGone { .. })), "{answer:?}");
    let answer = hear(&mut west, east.region, repeated);
    assert!(matches!(answer, Some(Message::KeyGone { at: told, .. }) if told == at), "{answer:?}");
    assert!(west.store.kms_key(scope, id).unwrap().is_none());

    let forget =
        west.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned().unwrap();
    west.edit(|cx, tx| deadlines::handle(cx, tx, &forget)).unwrap();
    assert_eq!(west.store.tombstone(scope, &subject).unwrap(), None);
    assert!(!west.store.contains(&forget));
}

/// What is shared comes with the replica; what is its own is what ReplicateKey said.
#[test]
fn a_replica_begins_with_all_that_is_shared() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    let (key, period) = (named(made.key.id), RotationPeriod::new(100));
    east.command(EnableKeyRotation { key: key.clone(), period }).unwrap();
    east.command(RotateKeyOnDemand { key }).unwrap();
    east.command(replicate(&made, "us-west-2")).unwrap();
    west.pass_ms(7);
    exchange(&mut east, &mut west, &Subject::Key { id: made.key.id });
    let twin = Found { scope: west.scope(), ..made.clone() };
    let (primary, replica) = (stored(&east, &made), stored(&west, &twin));
    let generations = |key: &KmsKey| -> Vec<_> {
        key.materials.iter().map(|of| (of.id, of.created, of.rotated)).collect()
    };
    assert_eq!((generations(&replica), generations(&replica).len()), (generations(&primary), 2));
    assert_eq!((replica.rotation, replica.rotation.is_some()), (primary.rotation, true));
    assert_eq!((replica.state, replica.created), (KeyState::Enabled, west.now));
    assert_eq!((&*replica.description, replica.tags.len()), ("there", 1));
}

/// The end of a replica may be told of late, when another has come in its place: that one is asked.
#[test]
fn an_earlier_replicas_end_is_not_the_later_ones() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    let (account, id) = (made.scope.account, made.key.id);
    world.command(replicate(&made, "us-west-2")).unwrap();
    let earlier = shared(&world, &made).at;
    let gone = |at| Message::KeyGone { account, id, at };
    hear(&mut world, region("us-west-2"), gone(earlier));
    assert_eq!(shared(&world, &made).replicas, [].into());
    world.command(replicate(&made, "us-west-2")).unwrap();
    let multi = shared(&world, &made);
    hear(&mut world, region("us-west-2"), gone(earlier));
    assert_eq!(shared(&world, &made), multi);
    assert_eq!(outbox(&world, &made, "us-west-2").map(|entry| entry.at), Some(multi.at));
}

/// A new primary says so to each related key, also to the one that made it: who ended meanwhile
/// answers.
#[test]
fn a_new_primary_announces_itself() {
    let mut east = World::new();
    let mut west = World::in_region("us-west-2");
    let made = create_multi_region(&mut east);
    let subject = Subject::Key { id: made.key.id };
    east.command(replicate(&made, "us-west-2")).unwrap();
    east.command(replicate(&made, "eu-west-1")).unwrap();
    exchange(&mut east, &mut west, &subject);
    settle(&mut east, &made);
    for peer in ["us-east-1", "eu-west-1"] {
        assert_eq!(outbox(&west, &made, peer), None, "{peer}");
    }
    promote(&mut east, &mut west, &made).unwrap();
    exchange(&mut east, &mut west, &subject);
    let at = shared(&east, &made).at;
    for peer in ["us-east-1", "eu-west-1"] {
        assert_eq!(outbox(&west, &made, peer).map(|entry| entry.at), Some(at), "{peer}");
    }
}

/// A replica that was promoted while it waited for its deletion does not leave its replicas behind.
#[test]
fn a_promoted_replica_waits_for_the_others() {
    let mut world = World::new();
    let made = create_multi_region(&mut world);
    let window = DeletionWindow::new(None).unwrap();
    let scheduled = world.command(ScheduleKeyDeletion { key: named(made.arn()), window }).unwrap();
    let KeyState::PendingDeletion { at } = scheduled.state else { panic!("{scheduled:?}") };
    alter(&mut world, &made, |key| {
        key.multi_region.as_mut().unwrap().replicas.insert(region("us-west-2"));
    });
    let due = Due::DeleteKey { id: made.key.id };
    let deadline = Key::Deadline { region: world.region, at, account: world.account(), due };
    world.edit(|cx, tx| deadlines::handle(cx, tx, &deadline)).unwrap();
    let state = stored(&world, &made).state;
    assert_eq!(state, KeyState::PendingReplicaDeletion { window_days: 30 });
}
