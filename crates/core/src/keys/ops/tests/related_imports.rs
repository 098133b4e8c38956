//! Rotation of related keys to imported material: who must hold it, who is told, and what becomes of
//! it when it is withdrawn, lost, or reported late. Messages are carried by hand.

use super::import::{ONE, TWO, decrypts, delete, import, import_new, incorrect, request, state};
use super::*;
use crate::keys::error::RotationProblem;
use crate::keys::ops::import_key_material::ImportKeyMaterial;
use crate::keys::ops::list_key_rotations::ListKeyRotations;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::keys::{multi_region, pending};
use crate::records::Subject;
use crate::replication::compose::{Composed, compose};
use crate::testing::{exchange, hear, message};

const EAST: &str = "us-east-1";
const WEST: &str = "us-west-2";
const NORTH: &str = "eu-west-1";
const THREE: [u8; 32] = [3; 32];

/// Three Regions that hold one key.
struct Related {
    east: World,
    west: World,
    north: World,
    key: Found,
}

/// The key as a Region has it.
fn at(world: &World, key: &Found) -> Found {
    let key = stored(world, &Found { scope: world.scope(), ..key.clone() });
    Found { key: key.into(), scope: world.scope(), alias: None }
}

fn replicate(key: &Found, to: &str) -> ReplicateKey {
    ReplicateKey {
        key: named(key.arn()),
        region: to.into(),
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags: Tags::new(),
    }
}

impl Related {
    /// All of them enabled, with the first material.
    fn new() -> Self {
        let mut east = World::in_region(EAST);
        let op = CreateKey { source: Source::Imported, multi_region: true, ..plain() };
        let key = east.command(op).unwrap();
        import(&mut east, &key, &ONE).unwrap();
        for to in [WEST, NORTH] {
            east.command(replicate(&key, to)).unwrap();
        }
        let (west, north) = (World::in_region(WEST), World::in_region(NORTH));
        let mut all = Self { east, west, north, key };
        all.publish();
        for world in [&mut all.west, &mut all.north] {
            let copy = at(world, &all.key);
            assert_eq!(copy.key.state, KeyState::PendingImport);
            import(world, &copy, &ONE).unwrap();
        }
        all
    }

    fn state_of(&self) -> Subject {
        Subject::Key { id: self.key.key.id }
    }

    fn report_of(&self) -> Subject {
        Subject::PendingHeld { id: self.key.key.id }
    }

    /// Carries the state of the primary in the east to the others.
    fn publish(&mut self) {
        let subject = self.state_of();
        exchange(&mut self.east, &mut self.west, &subject);
        exchange(&mut self.east, &mut self.north, &subject);
    }

    /// Imports the second material in the west, and tells the east.
    fn import_in_west(&mut self) {
        import_there(&mut self.west, &self.key, &TWO);
        let subject = self.report_of();
        exchange(&mut self.west, &mut self.east, &subject);
    }

    fn import_in_north(&mut self) {
        import_there(&mut self.north, &self.key, &TWO);
        let subject = self.report_of();
        exchange(&mut self.north, &mut self.east, &subject);
    }

    /// The second material waits in every Region.
    fn ready() -> Self {
        let mut all = Self::new();
        import_new(&mut all.east, &all.key, &TWO).unwrap();
        all.publish();
        all.import_in_west();
        all.import_in_north();
        all.publish();
        all
    }
}

fn import_there(world: &mut World, key: &Found, material: &[u8]) {
    let copy = at(world, key);
    import(world, &copy, material).unwrap();
}

fn rotate(world: &mut World, key: &Found) -> Result<(), Error> {
    world.command(RotateKeyOnDemand { key: named(at(world, key).arn()) }).map(drop)
}

/// What ListKeyRotations says of material that waits: whether its bytes are here, and whether the
/// key can be rotated to it.
fn waits(world: &World, key: &Found) -> Option<(bool, bool)> {
    let key = named(at(world, key).arn());
    let list = ListKeyRotations { key, all_material: true, limit: 9, after: None };
    let listed = world.query(list).unwrap();
    let pending = listed.page.items.iter().find(|item| Some(item.id) == listed.pending)?;
    Some((pending.wrapped.is_some(), listed.ready))
}

fn not_ready(world: &World, key: &Found) -> Result<(), Error> {
    Err(RotationProblem::NothingPending { key: at(world, key).arn() }.into())
}

/// AWS: the primary is given new material first, then each replica, and then it is rotated.
#[test]
fn the_key_rotates_once_every_region_holds_the_material() {
    let mut all = Related::new();
    let key = all.key.clone();
    let old = encrypt(&all.west, &at(&all.west, &key), no_context());
    let replica = at(&all.west, &key);
    let refused = Error::NotMultiRegionPrimary { key: replica.arn() };
    assert_eq!(import_new(&mut all.west, &replica, &TWO).err(), Some(refused.clone()));
    assert_eq!(import(&mut all.west, &replica, &TWO).err(), Some(incorrect()));
    let second = import_new(&mut all.east, &key, &TWO).unwrap().material;
    assert_eq!(waits(&all.east, &key), Some((true, false)));
    all.publish();
    assert_eq!(waits(&all.west, &key), Some((false, false)));
    all.import_in_west();
    assert_eq!(
        (waits(&all.east, &key), waits(&all.west, &key)),
        (Some((true, false)), Some((true, false)))
    );
    let waiting = not_ready(&all.east, &key);
    assert_eq!(rotate(&mut all.east, &key), waiting);
    all.import_in_north();
    assert_eq!(waits(&all.east, &key), Some((true, true)));
    all.publish();
    for world in [&all.west, &all.north] {
        assert_eq!(waits(world, &key), Some((true, true)));
    }
    assert_eq!(rotate(&mut all.west, &key), Err(refused));
    rotate(&mut all.east, &key).unwrap();
    let new = encrypt(&all.east, &at(&all.east, &key), no_context());
    all.publish();
    for world in [&mut all.east, &mut all.west, &mut all.north] {
        let copy = at(world, &key);
        assert_eq!((copy.key.state, waits(world, &key)), (KeyState::Enabled, None));
        assert_eq!(copy.key.current_material().ok(), second);
        assert_eq!((decrypts(world, &old), decrypts(world, &new)), (Ok(()), Ok(())));
        // Every Region knows when it was.
        assert_eq!(copy.key.materials.last().unwrap().created, all.key.key.created);
    }
    // And once more: nothing of the first rotation is left.
    import_new(&mut all.east, &key, &THREE).unwrap();
    assert_eq!(waits(&all.east, &key), Some((true, false)));
}

/// AWS: the states of related keys are their own.
#[test]
fn a_region_that_lost_the_material_waits_for_it_after_the_rotation() {
    let mut all = Related::ready();
    let (key, copy) = (all.key.clone(), at(&all.west, &all.key));
    let second = copy.key.pending.as_ref().map(|pending| pending.id);
    delete(&mut all.west, &copy, second).unwrap();
    assert_eq!(waits(&all.west, &key), Some((false, true)));
    // The primary does not know yet.
    rotate(&mut all.east, &key).unwrap();
    let new = encrypt(&all.east, &at(&all.east, &key), no_context());
    all.publish();
    assert_eq!(state(&all.west, &copy), KeyState::PendingImport);
    assert_eq!(state(&all.north, &at(&all.north, &key)), KeyState::Enabled);
    import_there(&mut all.west, &key, &TWO);
    assert_eq!(state(&all.west, &copy), KeyState::Enabled);
    assert_eq!(decrypts(&all.west, &new), Ok(()));
}

#[test]
fn a_replica_says_that_it_lost_the_material() {
    let mut all = Related::ready();
    let (key, report) = (all.key.clone(), all.report_of());
    let copy = at(&all.west, &key);
    delete(&mut all.west, &copy, copy.key.pending.as_ref().map(|of| of.id)).unwrap();
    exchange(&mut all.west, &mut all.east, &report);
    assert_eq!(waits(&all.east, &key), Some((true, false)));
    all.publish();
    assert_eq!(waits(&all.north, &key), Some((true, false)));
    let waiting = not_ready(&all.east, &key);
    assert_eq!(rotate(&mut all.east, &key), waiting);
    // And so it does when the material expires there.
    let copy = at(&all.north, &key);
    let expires = Some(all.north.now.plus_days(1));
    let op = ImportKeyMaterial { expires, ..request(&all.north, &copy, &TWO) };
    all.north.command(op).unwrap();
    super::import::next_deadline(&mut all.north);
    exchange(&mut all.north, &mut all.east, &report);
    all.import_in_west();
    assert_eq!(waits(&all.east, &key), Some((true, false)));
    all.import_in_north();
    assert_eq!(waits(&all.east, &key), Some((true, true)));
}

/// AWS: what the primary's own key loses before the rotation is deleted in the replicas too.
#[test]
fn what_the_primary_withdraws_is_withdrawn_everywhere() {
    let mut all = Related::new();
    let key = all.key.clone();
    let second = import_new(&mut all.east, &key, &TWO).unwrap().material;
    all.publish();
    let copy = at(&all.west, &key);
    let expires = Some(all.west.now.plus_days(9));
    let op = ImportKeyMaterial { expires, ..request(&all.west, &copy, &TWO) };
    all.west.command(op).unwrap();
    let deadlines = |world: &World| {
        world.store.keys().filter(|key| matches!(key, Key::Deadline { .. })).count()
    };
    assert_eq!(deadlines(&all.west), 1);
    let report = all.report_of();
    let late = message(&all.west, &all.east, &report);
    delete(&mut all.east, &key, second).unwrap();
    assert_eq!((waits(&all.east, &key), state(&all.east, &key)), (None, KeyState::Enabled));
    // The same bytes, imported anew before anybody has heard, are to be imported anew everywhere.
    all.east.pass_ms(1);
    import_new(&mut all.east, &key, &TWO).unwrap();
    hear(&mut all.east, all.west.region, late);
    all.publish();
    assert_eq!((waits(&all.west, &key), deadlines(&all.west)), (Some((false, false)), 0));
    all.import_in_north();
    assert_eq!(waits(&all.east, &key), Some((true, false)));
    delete(&mut all.east, &key, second).unwrap();
    all.publish();
    for world in [&all.west, &all.north] {
        assert_eq!((waits(world, &key), at(world, &key).key.state), (None, KeyState::Enabled));
    }
}

/// PROMISE R2: reports that are repeated or late change nothing.
#[test]
fn late_reports_change_nothing() {
    let mut all = Related::new();
    let (key, report) = (all.key.clone(), all.report_of());
    import_new(&mut all.east, &key, &TWO).unwrap();
    all.publish();
    all.import_in_north();
    import_there(&mut all.west, &key, &TWO);
    let held = message(&all.west, &all.east, &report);
    let copy = at(&all.west, &key);
    delete(&mut all.west, &copy, copy.key.pending.as_ref().map(|of| of.id)).unwrap();
    let lost = message(&all.west, &all.east, &report);
    for late in [lost.clone(), held.clone(), lost.clone(), held.clone()] {
        hear(&mut all.east, all.west.region, late);
        assert_eq!(waits(&all.east, &key), Some((true, false)));
    }
    // A replica that came anew has not what its predecessor said.
    let (west, id) = (all.west.region, key.key.id);
    all.east.edit(|cx, tx| multi_region::replica_gone(cx, tx, cx.scope(), id, west)).unwrap();
    assert_eq!(waits(&all.east, &key), Some((true, true)));
    all.east.command(replicate(&key, WEST)).unwrap();
    hear(&mut all.east, west, held);
    assert_eq!(waits(&all.east, &key), Some((true, false)));
}

/// A replica that came anew has nothing of what its predecessor had, whatever else is heard.
#[test]
fn a_replica_that_came_anew_is_waited_for() {
    let mut all = Related::ready();
    let (key, report) = (all.key.clone(), all.report_of());
    let (west, id) = (all.west.region, key.key.id);
    all.east.edit(|cx, tx| multi_region::replica_gone(cx, tx, cx.scope(), id, west)).unwrap();
    all.east.command(replicate(&key, WEST)).unwrap();
    assert_eq!(waits(&all.east, &key), Some((true, false)));
    // Another Region's report has it counted again.
    let copy = at(&all.north, &key);
    delete(&mut all.north, &copy, copy.key.pending.as_ref().map(|of| of.id)).unwrap();
    exchange(&mut all.north, &mut all.east, &report);
    all.import_in_north();
    assert_eq!(waits(&all.east, &key), Some((true, false)));
}

/// PROMISE R9: the new primary knows after a while what its predecessor knew.
#[test]
fn a_new_primary_hears_from_everybody() {
    let mut all = Related::ready();
    let (key, report, states) = (all.key.clone(), all.report_of(), all.state_of());
    let east = all.east.region;
    let copy = at(&all.north, &key);
    delete(&mut all.north, &copy, copy.key.pending.as_ref().map(|of| of.id)).unwrap();
    let op = || UpdatePrimaryRegion { key: named(key.arn()), primary: WEST.into() };
    all.east.agreed(op).unwrap();
    all.publish();
    // What was to be told to the former primary is told to the new one.
    let scope = all.north.scope();
    let entry = all.north.store.outbox(scope, east, &report).unwrap().unwrap();
    let transport = crate::ports::Crypto::transport_key(&all.east.crypto);
    let old = compose(&all.north.cx(), &all.north.store, east, &transport, &report, &entry);
    assert_eq!(old.unwrap(), Composed::Obsolete);
    assert_eq!(waits(&all.west, &key), Some((true, false)));
    exchange(&mut all.east, &mut all.west, &report);
    exchange(&mut all.north, &mut all.west, &report);
    exchange(&mut all.west, &mut all.north, &states);
    assert_eq!(waits(&all.west, &key), Some((true, false)));
    import_there(&mut all.north, &key, &TWO);
    exchange(&mut all.north, &mut all.west, &report);
    assert_eq!(waits(&all.west, &key), Some((true, true)));
    rotate(&mut all.west, &key).unwrap();
    exchange(&mut all.west, &mut all.east, &states);
    exchange(&mut all.west, &mut all.north, &states);
    let second = at(&all.west, &key).key.current_material().ok();
    for world in [&all.east, &all.north] {
        let copy = at(world, &key);
        assert_eq!(copy.key.current_material().ok(), second);
        assert_eq!((copy.key.state, pending::is_ready(&copy.key)), (KeyState::Enabled, false));
    }
}
