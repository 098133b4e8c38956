//! Rotations from request to end, with functions that do as each test says.

use proptest::prelude::*;

use super::machine::{Answer, Invocation, answered};
use super::schedule::{Given, Window};
use super::token::RotationToken;
use super::*;
use crate::deadlines;
use crate::ids::SecretName;
use crate::limits;
use crate::plaintext::Plaintext;
use crate::secrets::error::Error;
use crate::secrets::event::Happening;
use crate::secrets::ops::*;
use crate::secrets::stages::Move;
use crate::secrets::target::SecretId;
use crate::secrets::versions::GivenValue;
use crate::testing::World;
use crate::time::{DAY_MS, HOUR_MS};
use crate::tx::{Batch, Records};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";

fn id() -> SecretId {
    SecretId::parse("s").unwrap()
}

fn token(number: u32) -> VersionId {
    format!("token-{number:0>30}").parse().unwrap()
}

fn put(number: u32, labels: &[StageLabel], rotation: Option<RotationToken>) -> PutSecretValue {
    let string = Some(Plaintext::new(format!("value {number}").into()));
    PutSecretValue {
        secret: id(),
        token: token(number),
        value: GivenValue { string, binary: None },
        stages: labels.to_vec(),
        rotation: rotation.map(Some),
    }
}

fn rotate(number: u32) -> RotateSecret {
    RotateSecret {
        secret: id(),
        token: token(number),
        function: Some(FUNCTION.into()),
        rules: None,
        metadata: None,
        role: None,
        immediately: true,
    }
}

fn every(expression: &str) -> Given {
    Given { expression: Some(expression.into()), ..Given::default() }
}

/// A Region with a function and a secret whose first version is current.
struct Rotated {
    world: World,
    events: Vec<Happening>,
}

impl Rotated {
    fn new() -> Self {
        let mut world = World::new();
        world.functions.insert(FUNCTION.into());
        let create = CreateSecret {
            name: "s".parse().unwrap(),
            token: token(1),
            description: None,
            kms_key_id: None,
            value: GivenValue { string: Some(Plaintext::new(b"value 1".into())), binary: None },
            tags: None,
            replicas: Vec::new(),
            overwrite: false,
            secret_type: None,
            cross_account_primary: None,
        };
        world.command(create).unwrap();
        Self { world, events: Vec::new() }
    }

    fn secret(&self) -> Secret {
        let name: SecretName = "s".parse().unwrap();
        Secret::clone(&self.world.store.secret(self.world.scope(), &name).unwrap().unwrap())
    }

    fn rotation(&self) -> Rotation {
        self.secret().rotation.unwrap()
    }

    /// Runs a command and keeps its events.
    fn command<Op: crate::engine::Command>(&mut self, op: Op) -> Result<Op::Output, Op::Error> {
        let mut tx = Tx::new(&self.world.store);
        let step = crate::engine::command(op, &self.world.cx(), &mut tx)?;
        let batch = tx.into_batch();
        self.commit(batch);
        match step {
            crate::engine::Step::Done(output) => Ok(output),
            crate::engine::Step::Ask(asks) => panic!("the command asks: {asks:?}"),
        }
    }

    fn commit(&mut self, mut batch: Batch) {
        self.events.extend(core::mem::take(&mut batch.events).into_iter().map(|event| event.what));
        self.world.store.commit(batch);
        self.world.committed = self.world.committed.wrapping_add(1);
    }

    /// The deadlines of rotations, in order of time.
    fn deadlines(&self) -> Vec<(Timestamp, Key)> {
        let keys = self.world.store.keys().filter_map(|key| match key {
            Key::Deadline { at, due: Due::Rotate { .. }, .. } => Some((*at, key.clone())),
            _ => None,
        });
        keys.collect()
    }

    /// Handles the rotation deadline that is due, if there is one.
    fn begin(&mut self) -> Option<Invocation> {
        let (at, deadline) = self.deadlines().into_iter().next()?;
        if at > self.world.now {
            return None;
        }
        let mut tx = Tx::new(&self.world.store);
        let invocation = deadlines::handle(&self.world.cx(), &mut tx, &deadline).unwrap();
        let batch = tx.into_batch();
        self.commit(batch);
        invocation
    }

    fn answer(&mut self, invocation: &Invocation, answer: Answer) -> Option<Invocation> {
        let mut tx = Tx::new(&self.world.store);
        let next = answered(&self.world.cx(), &mut tx, invocation, answer).unwrap();
        let batch = tx.into_batch();
        self.commit(batch);
        next
    }

    /// What a good function does in a step, as a client.
    fn act(&mut self, invocation: &Invocation) {
        let version = invocation.version.clone();
        match invocation.step {
            Step::Create => {
                let value =
                    GivenValue { string: Some(Plaintext::new(b"new".into())), binary: None };
                let given = RotationToken::parse(&invocation.token.expose()).unwrap();
                let put = PutSecretValue {
                    secret: id(),
                    token: version,
                    value,
                    stages: vec![StageLabel::pending()],
                    rotation: Some(Some(given)),
                };
                self.command(put).unwrap();
            }
            Step::Set | Step::Test => {}
            Step::Finish => {
                let current = self.secret().stages[&StageLabel::current()].clone();
                if current != version {
                    let (label, from) = (StageLabel::current(), Some(current));
                    let change = Move { label, from, to: Some(version) };
                    self.command(UpdateSecretVersionStage { secret: id(), change }).unwrap();
                }
            }
        }
    }

    /// Goes on until nothing more is to be invoked. The steps that were invoked.
    fn run(&mut self, mut next: Option<Invocation>) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(invocation) = next {
            steps.push(invocation.step);
            self.act(&invocation);
            next = self.answer(&invocation, Answer::Done);
        }
        steps
    }

    fn labels(&self) -> String {
        let labels = self.secret().stages;
        let shown = labels.iter().map(|(label, id)| format!("{label}={}", &id.as_str()[..8]));
        shown.collect::<Vec<_>>().join(" ")
    }

    fn value(&self, stage: StageLabel) -> Result<Vec<u8>, Error> {
        let get = GetSecretValue { secret: id(), version: None, stage: Some(stage) };
        Ok(self.world.query(get)?.plaintext.expose().to_vec())
    }

    fn current(&self) -> Vec<u8> {
        self.value(StageLabel::current()).unwrap()
    }
}

const ALL: [Step; 4] = [Step::Create, Step::Set, Step::Test, Step::Finish];

#[test]
fn a_rotation_from_request_to_end() {
    let mut of = Rotated::new();
    let rules = Some(Given { after_days: Some(30), ..Given::default() });
    let done = of.command(RotateSecret { rules, ..rotate(2) }).unwrap();
    assert_eq!(done.version, token(2));
    // AWS: the version is labelled before it has a value.
    assert_eq!(of.secret().stages[&StageLabel::pending()], token(2));
    let absent = Error::NoVersionAtStage { stage: StageLabel::pending() };
    assert_eq!(of.value(StageLabel::pending()), Err(absent));
    let first = of.begin().unwrap();
    assert_eq!((&*first.function, &first.version), (FUNCTION, &token(2)));
    assert_eq!(first.secret.to_string(), done.arn.to_string());
    of.world.pass_ms(5000);
    assert_eq!(of.run(Some(first)), ALL);
    let stages = of.secret().stages;
    assert_eq!(stages[&StageLabel::current()], token(2));
    assert_eq!(stages[&StageLabel::previous()], token(1));
    assert_eq!(of.current(), b"new");
    let rotation = of.rotation();
    assert_eq!((rotation.last, rotation.run), (Some(of.world.now), None));
    // 2023-11-14 and 30 days, until the end of that day.
    let start = of.world.now.day().plus_days(30);
    let end = Timestamp::from_millis(start.millis() + DAY_MS - 1000);
    assert_eq!(rotation.next, Some(Window { start, end }));
    assert_eq!(of.deadlines().iter().map(|(at, _)| *at).collect::<Vec<_>>(), [start]);
    let purpose = Purpose::Rotation;
    assert_eq!(of.events, [Happening::Started(purpose), Happening::Succeeded(purpose)]);
    // Another one moves on from there, over AWSPENDING on the current version.
    of.command(rotate(3)).unwrap();
    let first = of.begin();
    assert_eq!(of.run(first), ALL);
    assert_eq!(of.secret().stages[&StageLabel::previous()], token(2));
}

#[test]
fn requests_that_are_refused() {
    let mut of = Rotated::new();
    let before = of.secret();
    let none = RotateSecret { function: None, ..rotate(2) };
    assert_eq!(of.command(none), Err(Error::NoRotationFunction));
    let empty = RotateSecret { function: Some("".into()), ..rotate(2) };
    assert_eq!(of.command(empty), Err(Error::NoRotationFunction));
    let other = RotateSecret { function: Some("arn:other".into()), ..rotate(2) };
    assert_eq!(of.command(other), Err(Error::FunctionUnusable));
    let flaw = RotateSecret { rules: Some(every("rate(1 hour)")), ..rotate(2) };
    assert_eq!(of.command(flaw), Err(Error::RotationRules(schedule::Flaw::TooOften)));
    let external = RotateSecret { metadata: Some(Vec::new()), ..rotate(2) };
    assert_eq!(of.command(external), Err(Error::NotExternal));
    let cancel = || CancelRotateSecret { secret: id() };
    assert_eq!(of.command(cancel()), Err(Error::NoRotationFunction));
    // Nothing was persisted by any of them.
    assert_eq!(of.secret(), before);
    assert!(of.deadlines().is_empty() && of.events.is_empty());
    of.command(rotate(2)).unwrap();
    assert_eq!(of.command(rotate(3)), Err(Error::RotationIncomplete));
    // The same request again is the same rotation.
    of.command(rotate(2)).unwrap();
    assert_eq!(of.deadlines().len(), 1);
}

#[test]
fn external_secrets_keep_what_their_partner_needs() {
    let mut of = Rotated::new();
    let update = UpdateSecret {
        secret: id(),
        token: token(9),
        description: None,
        kms_key_id: None,
        secret_type: Some("Partner".into()),
        value: GivenValue::default(),
    };
    of.command(update).unwrap();
    let metadata = Some(vec![("k".into(), "v".into())]);
    let role = Some("arn:aws:iam::111122223333:role/r".into());
    of.command(RotateSecret { metadata, role: role.clone(), ..rotate(2) }).unwrap();
    let rotation = of.rotation();
    assert_eq!((rotation.metadata.len(), rotation.role), (1, role));
}

/// AWS: whatever step fails, AWSCURRENT stays, AWSPENDING stays, and all steps are tried again.
#[test]
fn a_failure_at_each_step() {
    for failing in ALL {
        let mut of = Rotated::new();
        of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
        let next = of.rotation().next;
        let mut invocation = of.begin().unwrap();
        while invocation.step != failing {
            of.act(&invocation);
            invocation = of.answer(&invocation, Answer::Done).unwrap();
        }
        assert!(of.answer(&invocation, Answer::Failed).is_none());
        assert_eq!(of.current(), b"value 1", "{failing:?}");
        let rotation = of.rotation();
        assert_eq!((rotation.last, rotation.next), (None, next));
        assert_eq!(of.secret().stages[&StageLabel::pending()], token(2));
        let failed = Happening::Failed {
            purpose: Purpose::Rotation,
            function: FUNCTION.into(),
            step: failing,
        };
        assert_eq!(of.events.last(), Some(&failed));
        assert_eq!(of.command(rotate(3)), Err(Error::RotationIncomplete));
        // Not at once, and then from the first step.
        assert!(of.begin().is_none());
        of.world.pass_ms(i64::try_from(limits::ROTATION_RETRY_MS).unwrap());
        let again = of.begin();
        assert_eq!(of.run(again), ALL, "{failing:?}");
        assert_eq!(of.current(), b"new");
    }
}

#[test]
fn attempts_end_and_come_back_with_the_next_window() {
    let mut of = Rotated::new();
    of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
    let mut waits = Vec::new();
    for attempt in 1..=limits::ROTATION_ATTEMPTS_MAX {
        let invocation = of.begin().unwrap();
        assert_eq!((invocation.step, of.rotation().run.unwrap().attempt), (Step::Create, attempt));
        of.answer(&invocation, Answer::Failed);
        let (at, _) = of.deadlines()[0];
        waits.push(at.since(of.world.now).as_secs());
        of.world.now = at;
    }
    // The last wait is until midnight, where a window of a rate in days begins.
    assert_eq!(waits[..4], [1, 4, 16, 64]);
    assert_eq!(of.world.now, of.world.now.day());
    let again = of.begin().unwrap();
    assert_eq!(again.version, token(2));
    assert_eq!(of.run(Some(again)), ALL);
    // Without a schedule nobody tries again, until the same request does.
    of.command(CancelRotateSecret { secret: id() }).unwrap();
    let rules = Some(Given::default());
    of.command(RotateSecret { rules, ..rotate(3) }).unwrap();
    for _ in 0..limits::ROTATION_ATTEMPTS_MAX {
        let invocation = of.begin().unwrap();
        of.answer(&invocation, Answer::Failed);
        of.world.pass_ms(DAY_MS);
    }
    assert!(of.deadlines().is_empty());
    assert_eq!(of.command(rotate(4)), Err(Error::RotationIncomplete));
    of.command(rotate(3)).unwrap();
    let again = of.begin();
    assert_eq!(of.run(again), ALL);
}

#[test]
fn a_function_that_only_says_so_has_not_rotated() {
    let mut of = Rotated::new();
    of.command(rotate(2)).unwrap();
    let mut next = of.begin();
    while let Some(invocation) = next {
        next = of.answer(&invocation, Answer::Done);
    }
    let purpose = Purpose::Rotation;
    let failed = Happening::Failed { purpose, function: FUNCTION.into(), step: Step::Finish };
    assert_eq!(of.events, [Happening::Started(purpose), failed]);
    assert_eq!(of.current(), b"value 1");
}

/// PROMISE R1: whichever invocation is lost in a crash, the rotation goes on from its step, and
/// the lost one has nothing more to say.
#[test]
fn a_crash_in_each_step() {
    for crashing in ALL {
        let mut of = Rotated::new();
        of.command(rotate(2)).unwrap();
        let mut invocation = of.begin().unwrap();
        while invocation.step != crashing {
            of.act(&invocation);
            invocation = of.answer(&invocation, Answer::Done).unwrap();
        }
        let resumed = of.begin().unwrap();
        assert_eq!(resumed.step, crashing);
        assert_ne!(resumed.token.expose(), invocation.token.expose());
        let before = of.secret();
        assert!(of.answer(&invocation, Answer::Done).is_none());
        assert!(of.answer(&invocation, Answer::Failed).is_none());
        assert_eq!(of.secret(), before);
        let rest = of.run(Some(resumed));
        assert_eq!(rest.last(), Some(&Step::Finish), "{crashing:?}");
        assert_eq!(of.current(), b"new");
        assert_eq!(of.rotation().run, None);
    }
}

#[test]
fn tokens_of_other_invocations_are_refused() {
    let mut of = Rotated::new();
    let foreign = || RotationToken::parse(&"0".repeat(64));
    let pending = [StageLabel::pending()];
    assert_eq!(of.command(put(5, &pending, foreign())), Err(Error::RotationToken));
    of.command(rotate(2)).unwrap();
    let invocation = of.begin().unwrap();
    assert_eq!(of.command(put(2, &pending, foreign())), Err(Error::RotationToken));
    let malformed = PutSecretValue { rotation: Some(None), ..put(2, &pending, None) };
    assert_eq!(of.command(malformed), Err(Error::RotationToken));
    let given = RotationToken::parse(&invocation.token.expose());
    of.command(put(2, &pending, given)).unwrap();
    // A function in the same account need not give one.
    of.command(put(2, &pending, None)).unwrap();
}

/// AWS: another version abandons the rotation, and AWSPENDING is taken off its version.
#[test]
fn another_version_abandons_a_rotation() {
    let writes: [fn() -> PutSecretValue; 3] = [
        || put(7, &[], None),
        || put(7, &["CUSTOM".parse().unwrap()], None),
        || put(7, &[StageLabel::pending()], None),
    ];
    for (number, write) in writes.into_iter().enumerate() {
        let mut of = Rotated::new();
        of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
        let invocation = of.begin().unwrap();
        of.act(&invocation);
        of.world.pass_ms(DAY_MS);
        of.command(write()).unwrap();
        assert_eq!(of.events.last(), Some(&Happening::Abandoned));
        let pending = of.secret().stages.get(&StageLabel::pending()).cloned();
        assert_eq!(pending, (number == 2).then(|| token(7)));
        assert_eq!(of.rotation().run, None);
        assert!(of.answer(&invocation, Answer::Done).is_none());
        // A manual change of the current value counts as a rotation; another label does not.
        let next = of.rotation().next.unwrap().start;
        let days = if number == 0 { 11 } else { 10 };
        assert_eq!(next, Timestamp::from_millis(1_700_000_000_000).day().plus_days(days));
        assert_eq!(of.rotation().last, None);
        if number < 2 {
            of.command(rotate(8)).unwrap();
        }
    }
}

#[test]
fn removing_the_label_abandons_a_rotation() {
    let mut of = Rotated::new();
    of.command(rotate(2)).unwrap();
    of.begin().unwrap();
    let (label, from) = (StageLabel::pending(), Some(token(2)));
    let change = Move { label, from, to: None };
    of.command(UpdateSecretVersionStage { secret: id(), change }).unwrap();
    assert_eq!(of.events.last(), Some(&Happening::Abandoned));
    assert!(of.deadlines().is_empty());
    of.command(rotate(3)).unwrap();
}

#[test]
fn cancelling_keeps_labels_and_configuration() {
    let mut of = Rotated::new();
    of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
    let invocation = of.begin().unwrap();
    of.act(&invocation);
    let done = of.command(CancelRotateSecret { secret: id() }).unwrap();
    assert_eq!(done.version, Some(token(2)));
    let rotation = of.rotation();
    assert!(!rotation.enabled && rotation.next.is_none() && rotation.run.is_none());
    assert_eq!(rotation.function.as_deref(), Some(FUNCTION));
    assert!(rotation.rules.given().expression.is_some());
    assert_eq!(of.secret().stages[&StageLabel::pending()], token(2));
    assert!(of.deadlines().is_empty());
    assert!(of.answer(&invocation, Answer::Done).is_none());
    // What is left blocks other rotations, and the same one can be taken up again.
    assert_eq!(of.command(rotate(3)), Err(Error::RotationIncomplete));
    of.command(RotateSecret { function: None, ..rotate(2) }).unwrap();
    let first = of.begin();
    assert_eq!(of.run(first), ALL);
    assert!(of.rotation().enabled);
    let done = of.command(CancelRotateSecret { secret: id() }).unwrap();
    assert_eq!(done.version, None);
}

/// AWS: RotateImmediately=false tests the configuration with a copy that is then removed.
#[test]
fn a_test_of_the_configuration() {
    for answer in [Answer::Done, Answer::Failed] {
        let mut of = Rotated::new();
        let request =
            RotateSecret { immediately: false, rules: Some(every("rate(10 days)")), ..rotate(2) };
        of.command(request).unwrap();
        assert!(of.value(StageLabel::pending()).is_err());
        let invocation = of.begin().unwrap();
        assert_eq!(of.value(StageLabel::pending()).unwrap(), b"value 1");
        assert_eq!((invocation.step, &invocation.version), (Step::Test, &token(2)));
        assert!(of.answer(&invocation, answer).is_none());
        let secret = of.secret();
        assert_eq!((of.labels().as_str(), secret.version_count), ("AWSCURRENT=token-00", 1));
        let rotation = of.rotation();
        assert!(rotation.enabled && rotation.run.is_none() && rotation.last.is_none());
        assert_eq!(of.deadlines().len(), 1);
        let purpose = Purpose::Test;
        let ended = match answer {
            Answer::Done => Happening::Succeeded(purpose),
            Answer::Failed => {
                Happening::Failed { purpose, function: FUNCTION.into(), step: Step::Test }
            }
        };
        assert_eq!(of.events, [Happening::Started(purpose), ended]);
    }
    // A write in between ends the test, and takes the copy with it.
    let mut of = Rotated::new();
    of.command(RotateSecret { immediately: false, ..rotate(2) }).unwrap();
    let invocation = of.begin().unwrap();
    of.command(put(7, &[], None)).unwrap();
    assert_eq!(of.secret().version_count, 2);
    assert!(of.answer(&invocation, Answer::Done).is_none());
    assert!(!of.secret().stages.contains_key(&StageLabel::pending()));
}

/// A schedule by injected time: no clock is waited for.
#[test]
fn a_schedule_rotates_again_and_again() {
    let mut of = Rotated::new();
    let rules = Some(every("cron(0 8/8 * * ? *)"));
    of.command(RotateSecret { immediately: false, rules, ..rotate(2) }).unwrap();
    let test = of.begin().unwrap();
    of.answer(&test, Answer::Done);
    let mut starts = Vec::new();
    let mut versions = Vec::new();
    for _ in 0..4 {
        let (at, _) = of.deadlines()[0];
        of.world.now = Timestamp::from_millis(at.millis() - 1);
        assert!(of.begin().is_none());
        of.world.now = at;
        starts.push((at.millis() - at.day().millis()) / HOUR_MS);
        let first = of.begin().unwrap();
        versions.push(first.version.clone());
        of.world.pass_ms(1500);
        assert_eq!(of.run(Some(first)), ALL);
        assert_eq!(of.rotation().last, Some(of.world.now));
    }
    // Set at 22:13.
    assert_eq!(starts, [8, 16, 8, 16]);
    versions.dedup();
    assert_eq!(versions.len(), 4);
    let current = of.secret().stages[&StageLabel::current()].clone();
    assert_eq!(Some(&current), versions.last());
}

#[test]
fn a_missed_window_is_not_made_up_for_outside_of_one() {
    let mut of = Rotated::new();
    let rules = Some(every("cron(0 8/8 * * ? *)"));
    of.command(RotateSecret { rules, ..rotate(2) }).unwrap();
    let first = of.begin();
    of.run(first);
    let window = of.rotation().next.unwrap();
    // In the window's last second it is not too late.
    of.world.now = Timestamp::from_millis(window.end.millis() + 1);
    assert!(of.begin().is_none());
    let (at, _) = of.deadlines()[0];
    assert_eq!(at.since(window.start).as_secs(), 8 * 3600);
    of.world.now = Timestamp::from_millis(at.millis() + HOUR_MS - 1000);
    assert_eq!(of.begin().unwrap().step, Step::Create);
}

#[test]
fn a_manual_value_counts_for_the_next_date() {
    let mut of = Rotated::new();
    of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
    let first = of.begin();
    of.run(first);
    let last = of.rotation().last;
    of.world.pass_ms(3 * DAY_MS);
    of.command(put(7, &[], None)).unwrap();
    let rotation = of.rotation();
    assert_eq!(rotation.last, last);
    assert_eq!(rotation.next.unwrap().start, of.world.now.day().plus_days(10));
    assert_eq!(of.deadlines().len(), 1);
}

#[test]
fn deletion_and_restoration() {
    let mut of = Rotated::new();
    of.command(rotate(2)).unwrap();
    let first = of.begin().unwrap();
    of.act(&first);
    of.command(DeleteSecret { secret: id(), window_days: None, force: false }).unwrap();
    // The answer comes to a secret that is marked for deletion: nothing goes on.
    assert!(of.answer(&first, Answer::Done).is_none());
    assert!(of.begin().is_none());
    assert!(of.deadlines().is_empty());
    let error = of.command(rotate(3));
    assert_eq!(error, Err(Error::MarkedForDeletion));
    of.command(RestoreSecret { secret: id() }).unwrap();
    let second = of.begin().unwrap();
    assert_eq!(second.step, Step::Set);
    of.run(Some(second));
    assert_eq!(of.current(), b"new");
    of.command(rotate(4)).unwrap();
    of.command(DeleteSecret { secret: id(), window_days: None, force: true }).unwrap();
    assert!(of.deadlines().is_empty());
}

#[test]
fn a_function_that_is_no_longer_configured_fails() {
    let mut of = Rotated::new();
    of.command(rotate(2)).unwrap();
    of.world.functions.clear();
    assert!(of.begin().is_none());
    assert!(matches!(of.events.last(), Some(Happening::Failed { step: Step::Create, .. })));
    assert_eq!(of.deadlines().len(), 1);
}

/// Replicas are told of the configuration, never of what is under way; as owners they rotate
/// nothing until they are asked to.
#[test]
fn what_becomes_of_it_elsewhere() {
    let mut of = Rotated::new();
    of.command(RotateSecret { rules: Some(every("rate(10 days)")), ..rotate(2) }).unwrap();
    of.begin().unwrap();
    let rotation = of.rotation();
    let published = rotation.published();
    assert_eq!((published.run, published.next), (None, rotation.next));
    let detached = rotation.detached();
    assert!(!detached.enabled && detached.next.is_none() && detached.run.is_none());
    assert!(detached.function.is_some());
    let mut replica = of.secret();
    replica.role = crate::secrets::model::Role::Replica { primary: "us-west-2".parse().unwrap() };
    assert_eq!(deadline_of(of.world.scope(), &replica), None);
}

#[derive(Debug, Clone)]
enum Move1 {
    Begin,
    Act,
    Answer(bool),
    Crash,
    Put(u32, bool),
    Rotate(u32, bool),
    Cancel,
    Unlabel,
    Pass(i64),
}

fn any_move() -> impl Strategy<Value = Move1> {
    prop_oneof![
        4 => Just(Move1::Begin),
        4 => Just(Move1::Act),
        4 => prop::bool::weighted(0.7).prop_map(Move1::Answer),
        1 => Just(Move1::Crash),
        1 => (20..24_u32, any::<bool>()).prop_map(|(number, pending)| Move1::Put(number, pending)),
        2 => (30..34_u32, prop::bool::weighted(0.8)).prop_map(|(n, now)| Move1::Rotate(n, now)),
        1 => Just(Move1::Cancel),
        1 => Just(Move1::Unlabel),
        2 => prop_oneof![Just(1000), Just(300_000), Just(5 * HOUR_MS), Just(3 * DAY_MS)]
            .prop_map(Move1::Pass),
    ]
}

impl Rotated {
    fn make(&mut self, step: &Move1, under_way: &mut Option<Invocation>) {
        match step {
            Move1::Begin if under_way.is_none() => *under_way = self.begin(),
            Move1::Act => {
                if let Some(invocation) = under_way {
                    self.act_as_a_client(invocation);
                }
            }
            Move1::Answer(done) => {
                if let Some(invocation) = under_way.take() {
                    let answer = if *done { Answer::Done } else { Answer::Failed };
                    *under_way = self.answer(&invocation, answer);
                }
            }
            Move1::Crash => *under_way = None,
            Move1::Put(number, pending) => {
                let labels = if *pending { vec![StageLabel::pending()] } else { Vec::new() };
                let _ = self.command(put(*number, &labels, None));
            }
            Move1::Rotate(number, immediately) => {
                let rules = Some(every("rate(2 days)"));
                let request = RotateSecret { rules, immediately: *immediately, ..rotate(*number) };
                let _ = self.command(request);
            }
            Move1::Cancel => drop(self.command(CancelRotateSecret { secret: id() })),
            Move1::Unlabel => {
                let on = self.secret().stages.get(&StageLabel::pending()).cloned();
                let change = Move { label: StageLabel::pending(), from: on, to: None };
                let _ = self.command(UpdateSecretVersionStage { secret: id(), change });
            }
            Move1::Pass(ms) => self.world.pass_ms(*ms),
            Move1::Begin => {}
        }
    }

    /// As [`Self::act`], by a function that may have been given up on.
    fn act_as_a_client(&mut self, invocation: &Invocation) {
        let run = self.rotation().run;
        let present = run.is_some_and(|run| {
            run.token == Some(invocation.token.digest(&self.world.crypto))
                && run.purpose == Purpose::Rotation
        });
        let labelled =
            self.secret().stages.get(&StageLabel::pending()) == Some(&invocation.version);
        let written = self.value(StageLabel::pending()).is_ok() && labelled;
        match invocation.step {
            Step::Create if present && !written => self.act(invocation),
            Step::Finish if present && written => self.act(invocation),
            _ => {}
        }
    }

    fn check(&self) {
        let secret = self.secret();
        // PROMISE R1: there is always a current value, and it can be read.
        assert!(!self.current().is_empty());
        let deadlines = self.deadlines();
        let rotation = secret.rotation.as_ref();
        let due = rotation.and_then(Rotation::due);
        let stand: Vec<_> = deadlines.iter().map(|(at, _)| *at).collect();
        assert_eq!(stand, due.into_iter().collect::<Vec<_>>(), "one deadline, where it is due");
        if let Some(run) = rotation.and_then(|rotation| rotation.run.as_ref()) {
            let pending = secret.stages.get(&StageLabel::pending());
            let current = secret.stages.get(&StageLabel::current());
            let on = [pending, current].contains(&Some(&run.version));
            assert!(on, "what is under way is labelled: {:?}", secret.stages);
        }
        let stored = self.world.store.keys().filter(|key| matches!(key, Key::Version { .. }));
        assert_eq!(u32::try_from(stored.count()).unwrap(), secret.version_count);
    }
}

proptest! {
    /// Whatever clients, functions and crashes do: AWSCURRENT can be read, AWSPENDING is on one
    /// version, each rotation has one deadline; and once they leave it alone, it ends.
    #[test]
    fn rotations_lose_nothing_and_end(moves in prop::collection::vec(any_move(), 1..60)) {
        let mut of = Rotated::new();
        let mut under_way = None;
        for step in &moves {
            of.make(step, &mut under_way);
            of.check();
        }
        for _ in 0..20 {
            let Some(rotation) = of.secret().rotation else { break };
            if rotation.run.is_none() {
                break;
            }
            let Some((at, _)) = of.deadlines().into_iter().next() else { break };
            of.world.now = of.world.now.max(at);
            let mut next = of.begin();
            while let Some(invocation) = next {
                of.act_as_a_client(&invocation);
                next = of.answer(&invocation, Answer::Done);
                of.check();
            }
        }
        let run = of.secret().rotation.and_then(|rotation| rotation.run);
        prop_assert!(run.is_none(), "{run:?} is still under way");
    }
}
