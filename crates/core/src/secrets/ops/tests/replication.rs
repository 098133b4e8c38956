//! Replicas: what is asked before, what is recorded, and how they end.

use super::*;
use crate::cx::Profile;
use crate::ids::Region;
use crate::keys::problem::KeyProblem;
use crate::records::{Intent, Outbox, Subject};
use crate::replication::change::{Answer, Question};
use crate::secrets::error::{RefusedRegion, RefusedReplica, RegionProblem, ReplicaRefusal};
use crate::secrets::model::{Replica, ReplicaFailure, ReplicaStatus};
use crate::secrets::replicas::AddReplica;

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn to(regions: &[(&str, Option<&str>)]) -> Vec<AddReplica> {
    let add = |(region, key): &(&str, Option<&str>)| AddReplica {
        region: (*region).into(),
        kms_key_id: key.map(Into::into),
    };
    regions.iter().map(add).collect()
}

fn replicate(name: &str, regions: &[(&str, Option<&str>)]) -> ReplicateSecretToRegions {
    ReplicateSecretToRegions { secret: id(name), replicas: to(regions), overwrite: false }
}

fn refused(name: &str, key: &str, reason: ReplicaRefusal) -> RefusedReplica {
    RefusedReplica { region: region(name), kms_key_id: key.into(), reason }
}

fn outbox(world: &World, peer: &str, name: &str) -> Option<Outbox> {
    let secret = secret(world, name);
    let subject = Subject::Secret { name: secret.name, suffix: secret.suffix };
    world.store.outbox(world.scope(), region(peer), &subject).unwrap()
}

fn replica(world: &World, name: &str, of: &str) -> Option<Replica> {
    let found = world.store.replica(world.scope(), &name.parse().unwrap(), region(of)).unwrap();
    found.map(|replica| Replica::clone(&replica))
}

#[test]
fn strict_asks_before_anything_is_written() {
    let mut world = World::new();
    let request = || CreateSecret { replicas: to(&[("us-west-2", Some("k"))]), ..create("a") };
    let Ok(Step::Ask(asks)) = world.step(request()) else { panic!() };
    assert_eq!(world.store.keys().count(), 0);
    let [ask] = &asks[..] else { panic!() };
    let Question::CanHold { arn, kms_key_id, .. } = &ask.question else { panic!() };
    assert_eq!((ask.region, kms_key_id.as_deref()), (region("us-west-2"), Some("k")));

    let mut answer = |answer| {
        world.answers.insert((ask.region, ask.question.clone()), answer);
        world.step(request())
    };
    let unreachable = refused("us-west-2", "k", ReplicaRefusal::Unreachable);
    assert_eq!(answer(Answer::Unreachable).unwrap_err(), Error::ReplicasRefused(vec![unreachable]));
    let failure = ReplicaFailure::ReplicaKey(KeyProblem::Invalid { given: "k".into() });
    let wrong = refused("us-west-2", "k", ReplicaRefusal::Failure(failure.clone()));
    assert_eq!(answer(Answer::No(failure)).unwrap_err(), Error::ReplicasRefused(vec![wrong]));
    // The question is about the very ARN that the secret gets when the request runs again.
    let Ok(Step::Done(created)) = answer(Answer::Yes) else { panic!() };
    assert_eq!(created.arn, *arn);
    assert_eq!(created.replicas[0].status, ReplicaStatus::InProgress);
    let stored = secret(&world, "a");
    assert_eq!(stored.replicas(), [region("us-west-2")]);
    assert_eq!(outbox(&world, "us-west-2", "a").unwrap().at, stored.at);
}

/// PROMISE R3: nobody mends one key after another: each Region that refuses is named, when all
/// have answered, and none that does not.
#[test]
fn strict_names_each_region_that_refuses() {
    let mut world = World::new();
    world.regions.push(region("ap-south-1"));
    let regions = [("us-west-2", None), ("eu-west-1", Some("two")), ("ap-south-1", Some("three"))];
    let request = || CreateSecret { replicas: to(&regions), ..create("a") };
    let Ok(Step::Ask(mut asks)) = world.step(request()) else { panic!() };
    assert_eq!(asks.len(), 3);
    let failure = ReplicaFailure::ReplicaKey(KeyProblem::Invalid { given: "three".into() });
    let last = asks.pop().unwrap();
    world.answers.insert((last.region, last.question), Answer::No(failure.clone()));
    let Ok(Step::Ask(asks)) = world.step(request()) else { panic!("two have not answered") };
    let answers = [Answer::Unreachable, Answer::Yes];
    world.answers.extend(asks.into_iter().map(|ask| (ask.region, ask.question)).zip(answers));
    assert_eq!(
        world.step(request()).unwrap_err(),
        Error::ReplicasRefused(vec![
            refused("us-west-2", "alias/aws/secretsmanager", ReplicaRefusal::Unreachable),
            refused("ap-south-1", "three", ReplicaRefusal::Failure(failure)),
        ])
    );
    assert_eq!(world.store.keys().count(), 0);
}

/// PROMISE R3: what the primary cannot open, no replica could ever hold.
#[test]
fn strict_proves_the_primary_s_own_key() {
    let mut world = World::new();
    let key = customer_key(&mut world, 1, KeyState::Enabled);
    let kms_key_id = Some(key.to_string().into());
    world.command(CreateSecret { kms_key_id, ..create_with("a", "x") }).unwrap();
    world.command(create("empty")).unwrap();
    customer_key(&mut world, 1, KeyState::Disabled);
    let mut answered = |name| {
        let request = || replicate(name, &[("us-west-2", Some("k"))]);
        let Ok(Step::Ask(asks)) = world.step(request()) else { panic!() };
        world.answers.extend(asks.into_iter().map(|a| ((a.region, a.question), Answer::Yes)));
        world.step(request())
    };
    let failure = ReplicaFailure::PrimaryKey(KeyProblem::Disabled { key });
    let refused = refused("us-west-2", "k", ReplicaRefusal::Failure(failure));
    assert_eq!(answered("a").unwrap_err(), Error::ReplicasRefused(vec![refused]));
    assert!(matches!(answered("empty"), Ok(Step::Done(_))));
    // AWS: accepted, and fails later.
    world.profile = Profile::Aws;
    assert!(world.command(replicate("a", &[("us-west-2", Some("k"))])).is_ok());
}

#[test]
fn strict_refuses_regions_that_cannot_be() {
    let mut world = World::new();
    let west = ("us-west-2", Some("one"));
    let cases = [
        (vec![("us-east-1", Some("two"))], RegionProblem::Own),
        (vec![west, ("us-west-2", Some("two"))], RegionProblem::Repeated),
        (vec![west, ("eu-north-1", Some("two"))], RegionProblem::Unknown),
        (vec![("x-1", Some("two"))], RegionProblem::Unknown),
    ];
    for (regions, problem) in cases {
        let request = CreateSecret { replicas: to(&regions), ..create("a") };
        let region = regions.last().unwrap().0.into();
        let refused = RefusedRegion { region, kms_key_id: "two".into(), problem };
        assert_eq!(world.step(request).unwrap_err(), Error::InvalidReplicaRegion(refused));
    }
}

#[test]
fn aws_accepts_any_key_and_region_but_its_own() {
    let mut world = World::new();
    world.profile = Profile::Aws;
    let own = CreateSecret { replicas: to(&[("us-east-1", None)]), ..create("a") };
    assert!(matches!(world.step(own), Err(Error::InvalidReplicaRegion(_))));
    let regions = [("us-west-2", Some("MyNameIsDylan1610916109")), ("eu-north-1", None)];
    let request = CreateSecret { replicas: to(&regions), ..create_with("a", "x") };
    let created = world.command(request).unwrap();
    let shown: Vec<_> = created.replicas.iter().map(|r| (r.region.as_str(), &r.status)).collect();
    let progress = &ReplicaStatus::InProgress;
    assert_eq!(shown, [("eu-north-1", progress), ("us-west-2", progress)]);
    // A Region that is not part of the installation fails later, as on AWS.
    let failed = replica(&world, "a", "eu-north-1").unwrap().status;
    let not_enabled = ReplicaFailure::RegionNotEnabled;
    assert!(matches!(failed, ReplicaStatus::Failed { failure, .. } if failure == not_enabled));
    assert_eq!(outbox(&world, "eu-north-1", "a"), None);
    let described = world.query(DescribeSecret { secret: id("a") }).unwrap();
    let order: Vec<_> = described.replicas.iter().map(|r| r.region.as_str()).collect();
    assert_eq!(order, ["eu-north-1", "us-west-2"]);
    // A repeated request is answered as the first was.
    let again = CreateSecret { replicas: to(&regions), ..create_with("a", "x") };
    let again = world.command(again).unwrap();
    assert!(again.replicas.iter().all(|r| r.status == ReplicaStatus::InProgress));
    assert_eq!(again.replicas.len(), 2);
}

/// A secret with replicas in two Regions, both in sync.
fn replicated() -> World {
    let mut world = World::new();
    world.profile = Profile::Aws;
    world.command(create_with("a", "x")).unwrap();
    world.command(replicate("a", &[("us-west-2", None), ("eu-west-1", None)])).unwrap();
    for name in ["us-west-2", "eu-west-1"] {
        let replica =
            Replica { status: ReplicaStatus::InSync, ..replica(&world, "a", name).unwrap() };
        let (scope, secret) = (world.scope(), secret(&world, "a"));
        let subject = Subject::Secret { name: secret.name.clone(), suffix: secret.suffix };
        world.edit(|_, tx| {
            crate::replication::outbox::put_replica(tx, scope, &secret, replica);
            crate::replication::outbox::dequeue(tx, scope, region(name), subject);
        });
    }
    world
}

#[test]
fn every_change_is_published() {
    let changes: [fn(&mut World); 5] = [
        |world| drop(world.command(put("a", 2, "y", &[])).unwrap()),
        |world| {
            let description = Some("d".into());
            drop(world.command(UpdateSecret { description, ..update("a") }).unwrap());
        },
        |world| {
            let tags = vec![("a".into(), "b".into())];
            world.command(TagResource { secret: id("a"), tags }).unwrap();
        },
        |world| {
            edit(world, "a", |secret| secret.tags = Some([("a".into(), "b".into())].into()));
            world.command(UntagResource { secret: id("a"), keys: vec!["a".into()] }).unwrap();
        },
        |world| {
            let (label, to) = (label("A"), Some(token(1)));
            let change = crate::secrets::stages::Move { label, from: None, to };
            world.command(UpdateSecretVersionStage { secret: id("a"), change }).unwrap();
        },
    ];
    for change in changes {
        let mut world = replicated();
        let before = secret(&world, "a").at;
        change(&mut world);
        let at = secret(&world, "a").at;
        assert_eq!(at, before.next());
        for name in ["us-west-2", "eu-west-1"] {
            let sent = outbox(&world, name, "a").unwrap();
            assert_eq!((sent.at, sent.intent), (at, Intent::State));
            let status = replica(&world, "a", name).unwrap().status;
            assert_eq!(status, ReplicaStatus::InProgress);
        }
    }
}

#[test]
fn replicating_again_drives_one_region_only() {
    let mut world = replicated();
    let answer = world.command(replicate("a", &[("us-west-2", Some("other"))])).unwrap();
    let shown: Vec<_> = answer.replicas.iter().map(|r| r.status.clone()).collect();
    assert_eq!(shown, [ReplicaStatus::InSync, ReplicaStatus::InProgress]);
    assert_eq!(replica(&world, "a", "us-west-2").unwrap().kms_key_id.as_deref(), Some("other"));
    assert_eq!(outbox(&world, "us-west-2", "a").unwrap().at, secret(&world, "a").at);
    assert_eq!(outbox(&world, "eu-west-1", "a"), None);
}

#[test]
fn removed_regions_are_told_so() {
    let mut world = replicated();
    let regions = vec![region("us-west-2"), region("eu-north-1")];
    let remove = RemoveRegionsFromReplication { secret: id("a"), regions };
    let before = secret(&world, "a").at;
    let answer = world.command(remove).unwrap();
    let left: Vec<_> = answer.replicas.iter().map(|r| r.region.as_str()).collect();
    assert_eq!(left, ["eu-west-1"]);
    assert_eq!(secret(&world, "a").replicas(), [region("eu-west-1")]);
    assert_eq!(replica(&world, "a", "us-west-2"), None);
    let told = outbox(&world, "us-west-2", "a").unwrap();
    assert_eq!((told.at, told.intent), (before.next(), Intent::Remove));

    let regions = vec![region("eu-west-1")];
    let arn = secret(&world, "a").arn(world.scope());
    let kept = Error::HasReplicas { arn, regions: regions.clone() };
    assert_eq!(world.command(delete("a", None, true)), Err(kept.clone()));
    assert_eq!(world.command(delete("a", None, false)), Err(kept));
    world.command(RemoveRegionsFromReplication { secret: id("a"), regions }).unwrap();
    world.command(delete("a", None, true)).unwrap();
}

#[test]
fn a_promoted_replica_begins_an_epoch() {
    let mut world = World::new();
    world.command(create_with("a", "x")).unwrap();
    let stop = || StopReplicationToReplica { secret: id("a") };
    assert_eq!(world.command(stop()), Err(Error::NotAReplica));
    make_replica(&mut world, "a", "us-west-2");
    let before = secret(&world, "a");
    assert_eq!(world.command(stop()), Ok(before.arn(world.scope())));
    let after = secret(&world, "a");
    assert_eq!(after.at, before.at.next_epoch());
    assert_eq!(after.role, Role::Primary { replicas: Vec::new() });
    let subject = Subject::Detached { name: after.name, suffix: after.suffix };
    let told = world.store.outbox(world.scope(), region("us-west-2"), &subject).unwrap().unwrap();
    assert_eq!((told.at, told.intent), (after.at, Intent::State));
    // It is a secret of its own from now on.
    world.command(put("a", 2, "y", &[])).unwrap();
    world.command(delete("a", None, true)).unwrap();
}
