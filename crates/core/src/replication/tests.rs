//! What the simulator has found: ownership that moves while messages are late, step by step.
//!
//! Three Regions in the `aws` profile, which asks nothing beforehand. Messages are carried by hand,
//! so that each can be held back.

use crate::ids::{AliasName, KeyId, PolicyName, Region, SecretName};
use crate::keys::ops::create_alias::CreateAlias;
use crate::keys::ops::create_key::{CreateKey, Source};
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::update_alias::UpdateAlias;
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::keys::spec::{KeySpec, KeyUsage};
use crate::keys::target::KeyRef;
use crate::limits;
use crate::plaintext::Plaintext;
use crate::ports::Crypto;
use crate::records::{Key, Record, Subject};
use crate::replication::change::{Message, Outcome};
use crate::replication::compose::{Composed, compose};
use crate::replication::outbox::subject_of;
use crate::secrets::accessed::touch;
use crate::secrets::error::Error;
use crate::secrets::model::{Replica, ReplicaFailure, ReplicaStatus, Secret};
use crate::secrets::ops::{
    CreateSecret, DeleteResourcePolicy, DeleteSecret, GetSecretValue, PutResourcePolicy,
    PutSecretValue, RemoveRegionsFromReplication, ReplicateSecretToRegions,
    StopReplicationToReplica,
};
use crate::secrets::replicas::AddReplica;
use crate::secrets::target::SecretId;
use crate::secrets::versions::GivenValue;
use crate::testing::{World, exchange, hear, message};
use crate::time::{DAY_MS, Timestamp};
use crate::tx::Records;

fn region(name: &str) -> World {
    World { profile: crate::cx::Profile::Aws, ..World::in_region(name) }
}

fn name() -> SecretName {
    "s".parse().unwrap()
}

fn id() -> SecretId {
    SecretId::parse("s").unwrap()
}

fn token(text: &str) -> crate::ids::VersionId {
    format!("{text:0>32}").parse().unwrap()
}

fn value() -> GivenValue {
    GivenValue { string: Some(Plaintext::new(b"v".to_vec())), binary: None }
}

fn wanted(of: &World, key: Option<&str>) -> AddReplica {
    AddReplica { region: of.region.as_str().into(), kms_key_id: key.map(Into::into) }
}

fn create(world: &mut World, replicas: Vec<AddReplica>) {
    let op = CreateSecret {
        name: name(),
        token: token("1"),
        description: None,
        kms_key_id: None,
        value: value(),
        tags: None,
        replicas,
        overwrite: true,
        secret_type: None,
        cross_account_primary: None,
    };
    world.command(op).unwrap();
}

fn put(world: &mut World, text: &str) {
    let op = PutSecretValue {
        secret: id(),
        token: token(text),
        value: value(),
        stages: vec![],
        rotation: None,
    };
    world.command(op).unwrap();
}

fn detach(world: &mut World) {
    world.command(StopReplicationToReplica { secret: id() }).unwrap();
}

fn secret(world: &World) -> Option<Secret> {
    world.store.secret(world.scope(), &name()).unwrap().map(|secret| Secret::clone(&secret))
}

fn replica(world: &World, of: Region) -> Option<Replica> {
    let found = world.store.replica(world.scope(), &name(), of).unwrap();
    found.map(|replica| Replica::clone(&replica))
}

fn outcome(answer: Option<Message>) -> Outcome {
    match answer {
        Some(Message::Acknowledged { outcome, .. }) => outcome,
        other => panic!("{other:?}"),
    }
}

/// PROMISE R2: a replica that was detached and then deleted is not brought back by its former
/// primary, which leaves it off its list.
#[test]
fn a_former_primary_does_not_bring_a_detached_secret_back() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    put(&mut a, "2");
    detach(&mut b);
    b.command(DeleteSecret { secret: id(), window_days: None, force: true }).unwrap();
    let late = message(&a, &b, &subject);
    let answer = hear(&mut b, a.region, late.clone());
    assert!(matches!(outcome(answer.clone()), Outcome::Fenced { .. }));
    hear(&mut a, b.region, answer.unwrap());
    assert!(secret(&a).unwrap().replicas().is_empty());
    let detached = Subject::Detached { name: name(), suffix: secret(&a).unwrap().suffix };
    exchange(&mut b, &mut a, &detached);
    // Also when nothing waits any more, the copy that was still under way is late.
    hear(&mut b, a.region, late);
    assert_eq!(secret(&b), None);
}

/// PROMISE R9: an epoch that rose because another replica left says nothing about this one.
#[test]
fn two_replicas_that_leave_both_keep_what_they_have() {
    let (mut a, mut b, mut c) = (region("us-east-1"), region("us-west-2"), region("eu-west-1"));
    let replicas = vec![wanted(&b, None), wanted(&c, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    exchange(&mut a, &mut c, &subject);
    detach(&mut b);
    put(&mut b, "b");
    detach(&mut c);
    let detached = Subject::Detached { name: name(), suffix: secret(&a).unwrap().suffix };
    exchange(&mut c, &mut a, &detached);
    assert_eq!(secret(&a).unwrap().replicas(), [b.region]);
    let own = secret(&b).unwrap();
    exchange(&mut a, &mut b, &subject);
    assert_eq!(secret(&b).unwrap(), own);
    exchange(&mut b, &mut a, &detached);
    assert!(secret(&a).unwrap().replicas().is_empty());
    assert_eq!(b.store.outbox(b.scope(), a.region, &detached), Ok(None));
}

/// PROMISE R2: two owners of one name and suffix may replicate to the same Region in turn.
#[test]
fn a_tombstone_of_another_owner_is_exceeded() {
    let (mut a, mut b, mut c) = (region("us-east-1"), region("us-west-2"), region("eu-west-1"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    detach(&mut b);
    let at = crate::replication::change::Stamp { epoch: 2, revision: 40 };
    let removed = Message::SecretRemoved {
        account: b.account(),
        name: name(),
        suffix: secret(&b).unwrap().suffix,
        at,
    };
    hear(&mut c, b.region, removed);
    let replicas = vec![wanted(&c, None)];
    let op = ReplicateSecretToRegions { secret: id(), replicas, overwrite: false };
    a.command(op).unwrap();
    exchange(&mut a, &mut c, &subject);
    exchange(&mut a, &mut c, &subject);
    assert_eq!(replica(&a, c.region).unwrap().status, ReplicaStatus::InSync);
    assert!(secret(&c).unwrap().at > at);
}

/// What is to be overwritten stays until it is known that the replica can be held.
#[test]
fn a_replica_that_cannot_be_held_overwrites_nothing() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    create(&mut b, vec![]);
    a.pass_ms(1);
    let replicas = vec![wanted(&b, Some("nonsense"))];
    create(&mut a, replicas);
    // Another request, and so another suffix, than that of the secret in the way.
    let mut own = secret(&b).unwrap();
    own.suffix = "OTHERS".parse().unwrap();
    let record = Record::Secret(own.clone().into());
    b.edit(|cx, tx| tx.put(Key::Secret { scope: cx.scope(), name: name() }, record));
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    exchange(&mut a, &mut b, &subject);
    let status = replica(&a, b.region).unwrap().status;
    let refused = |failure: &ReplicaFailure| matches!(failure, ReplicaFailure::ReplicaKey(_));
    assert!(matches!(&status, ReplicaStatus::Failed { failure, .. } if refused(failure)));
    assert_eq!(secret(&b), Some(own));
}

/// PROMISE R2: a removal that comes before the state that it removes keeps that state out, also
/// where an ordinary secret stands that the state would overwrite.
#[test]
fn a_removal_that_comes_first_counts() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    create(&mut b, vec![]);
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    let late = message(&a, &b, &subject);
    let regions = vec![b.region];
    a.command(RemoveRegionsFromReplication { secret: id(), regions }).unwrap();
    exchange(&mut a, &mut b, &subject);
    let own = secret(&b);
    hear(&mut b, a.region, late);
    assert_eq!(secret(&b), own);
}

/// A late complaint about an older state does not undo what was confirmed since.
#[test]
fn a_late_answer_changes_nothing() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    let (account, at) = (a.account(), secret(&a).unwrap().at);
    let outcome = Outcome::Lacking;
    let late = Message::Acknowledged { account, subject, at, outcome };
    hear(&mut a, b.region, late);
    assert_eq!(replica(&a, b.region).unwrap().acknowledged, Some(at));
}

/// PROMISE R3: when an alias moves away from a key that cannot be used any more, the values under
/// that key are put under the new one before the replica is called in sync.
#[test]
fn a_replica_in_sync_is_readable_also_after_its_alias_moved() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    b.profile = crate::cx::Profile::Strict;
    let name: AliasName = "alias/app".parse().unwrap();
    let (old, new) = (key(&mut b, false), key(&mut b, false));
    let target = KeyRef::from(&*old.to_string());
    b.command(CreateAlias { name: name.clone(), target: target.clone() }).unwrap();
    let replicas = vec![wanted(&b, Some("alias/app"))];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    b.command(UpdateAlias { name, target: KeyRef::from(&*new.to_string()) }).unwrap();
    b.command(DisableKey { key: target }).unwrap();
    put(&mut a, "2");
    exchange(&mut a, &mut b, &subject);
    exchange(&mut a, &mut b, &subject);
    assert_eq!(replica(&a, b.region).unwrap().status, ReplicaStatus::InSync);
    for version in ["1", "2"] {
        let version = Some(token(version));
        b.query(GetSecretValue { secret: id(), version, stage: None }).unwrap();
    }
}

/// PROMISE R9: a key whose new primary was deleted before it heard so goes back to the old one.
#[test]
fn a_primary_that_never_was_gives_the_key_back() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let key = primary_key(&mut a, &b);
    let subject = Subject::Key { id: key };
    exchange(&mut a, &mut b, &subject);
    let (named, to) = (KeyRef::from(&*key.to_string()), b.region);
    a.agreed(|| UpdatePrimaryRegion { key: named.clone(), primary: to.as_str().into() }).unwrap();
    b.edit(|cx, tx| {
        tx.remove(Key::KmsKey { scope: cx.scope(), id: key });
    });
    exchange(&mut a, &mut b, &subject);
    let found = a.store.kms_key(a.scope(), key).unwrap().unwrap();
    let multi = found.multi_region.as_ref().unwrap();
    assert_eq!((multi.primary, multi.at.epoch, multi.replicas.len()), (a.region, 3, 0));
    assert_eq!(multi.swap, None);
    assert_eq!(a.store.outbox(a.scope(), b.region, &subject), Ok(None));
}

/// A multi-Region key in `a` that is being replicated to `b`.
fn primary_key(a: &mut World, b: &World) -> KeyId {
    let key = key(a, true);
    let op = ReplicateKey {
        key: KeyRef::from(&*key.to_string()),
        region: b.region.as_str().into(),
        policy: None,
        bypass_lockout_check: false,
        description: "".into(),
        tags: crate::tags::Tags::new(),
    };
    a.command(op).unwrap();
    key
}

fn key(world: &mut World, multi_region: bool) -> KeyId {
    let op = CreateKey {
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        policy: None,
        bypass_lockout_check: false,
        description: "".into(),
        tags: crate::tags::Tags::new(),
        multi_region,
        source: Source::Made,
    };
    world.command(op).unwrap().key.id
}

/// The policy goes where the secret goes, decides there, and follows later changes.
#[test]
fn a_policy_is_replicated_and_decides_in_the_replica() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    let policy = |effect: &str| {
        format!(
            r#"{{"Statement":{{"Effect":"{effect}","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*"}}}}"#
        )
    };
    let put = |world: &mut World, text: &str| {
        let op = PutResourcePolicy {
            secret: id(),
            name: PolicyName::of_requests(),
            policy: text.into(),
            block_public: false,
        };
        world.command(op).unwrap();
    };
    let read = |world: &World| {
        world.query(GetSecretValue { secret: id(), version: None, stage: None }).map(drop)
    };
    put(&mut a, &policy("Allow"));
    exchange(&mut a, &mut b, &subject);
    assert_eq!(secret(&b).unwrap().policies, secret(&a).unwrap().policies);
    assert_eq!(read(&b), Ok(()));
    put(&mut a, &policy("Deny"));
    exchange(&mut a, &mut b, &subject);
    assert!(matches!(read(&b), Err(Error::Denied(_))));
    a.command(DeleteResourcePolicy { secret: id(), name: PolicyName::of_requests() }).unwrap();
    exchange(&mut a, &mut b, &subject);
    assert_eq!(read(&b), Ok(()));
    assert!(secret(&b).unwrap().policies.merged().is_none());
}

/// Reads the secret, and notes that it was read.
fn read(world: &mut World) {
    let op = GetSecretValue { secret: id(), version: None, stage: None };
    if let Some(noted) = world.query(op).unwrap().touch {
        world.edit(|cx, tx| touch(cx, tx, &noted)).unwrap();
    }
}

/// AWS: `ReplicationStatus` shows when each replica was last read. The primary hears it once a day,
/// however often the replica is read, and nothing else of it changes.
#[test]
fn the_primary_hears_on_which_day_a_replica_was_read() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    let suffix = secret(&a).unwrap().suffix;
    let accessed = Subject::Accessed { name: name(), suffix };
    let untold = |b: &World| b.store.outbox(b.scope(), a.region, &accessed).unwrap();
    assert_eq!(untold(&b), None);
    read(&mut b);
    let first = message(&b, &a, &accessed);
    b.pass_ms(DAY_MS);
    read(&mut b);
    let today = b.now.day();
    let untold = untold(&b).unwrap();
    assert_eq!(untold.since, Timestamp::from_millis(b.now.millis() - DAY_MS), "one entry");
    let before = (secret(&a).unwrap(), replica(&a, b.region).unwrap());
    exchange(&mut b, &mut a, &accessed);
    let expected = Replica { last_accessed: Some(today), ..before.1 };
    assert_eq!((secret(&a), replica(&a, b.region)), (Some(before.0), Some(expected)));
    let left = |b: &World| b.store.outbox(b.scope(), a.region, &accessed).unwrap();
    assert_eq!(left(&b), None);
    read(&mut b);
    assert_eq!(left(&b), None, "told already");
    // What comes late does not go back, and its answer does not end a later wait.
    b.pass_ms(DAY_MS);
    read(&mut b);
    let answer = hear(&mut a, b.region, first).unwrap();
    assert_eq!(replica(&a, b.region).unwrap().last_accessed, Some(today));
    hear(&mut b, a.region, answer);
    assert!(b.store.outbox(b.scope(), a.region, &accessed).unwrap().is_some());
}

/// A replica that became a secret of its own has nobody to tell, and a primary that has given a
/// replica up does not take it back for a read.
#[test]
fn a_read_of_a_former_replica_is_nobody_elses_business() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    exchange(&mut a, &mut b, &subject);
    read(&mut b);
    let accessed = Subject::Accessed { name: name(), suffix: secret(&a).unwrap().suffix };
    let late = message(&b, &a, &accessed);
    let entry = b.store.outbox(b.scope(), a.region, &accessed).unwrap().unwrap();
    detach(&mut b);
    let key = a.crypto.transport_key();
    let composed = compose(&b.cx(), &b.store, a.region, &key, &accessed, &entry).unwrap();
    assert_eq!(composed, Composed::Obsolete);
    let regions = vec![b.region];
    a.command(RemoveRegionsFromReplication { secret: id(), regions }).unwrap();
    assert_eq!(outcome(hear(&mut a, b.region, late)), Outcome::Applied);
    assert_eq!(replica(&a, b.region), None);
    b.pass_ms(DAY_MS);
    let (account, subject, at) = (b.account(), accessed.clone(), entry.at);
    let answer = Message::Acknowledged { account, subject, at, outcome: Outcome::Applied };
    hear(&mut b, a.region, answer);
    read(&mut b);
    assert_eq!(b.store.outbox(b.scope(), a.region, &accessed).unwrap(), None);
}

/// A replica keeps no more versions than its primary may.
#[test]
fn old_versions_leave_a_replica_too() {
    let (mut a, mut b) = (region("us-east-1"), region("us-west-2"));
    let replicas = vec![wanted(&b, None)];
    create(&mut a, replicas);
    let subject = subject_of(&secret(&a).unwrap());
    let most = u32::try_from(limits::VERSIONS_PER_SECRET_MAX).unwrap();
    for number in 2..=most + 20 {
        for world in [&mut a, &mut b] {
            world.pass_ms(DAY_MS / 90);
        }
        put(&mut a, &number.to_string());
        exchange(&mut a, &mut b, &subject);
    }
    for world in [&a, &b] {
        let stored = world.store.keys().filter(|key| matches!(key, Key::Version { .. })).count();
        assert_eq!(stored, limits::VERSIONS_PER_SECRET_MAX, "{}", world.region);
        assert_eq!(secret(world).unwrap().version_count, most);
    }
}
