use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use regent_core::ids::{KeyArn, MaterialId, Scope, SecretArn};
use regent_core::keys::model::{
    Holding, Install, KeySpec, KeyUsage, Origin, PendingId, Rotation, RotationKind,
};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::keys::spec::{PairSpec, RsaSize};
use regent_core::ports::TransportKey;
use regent_core::records::Subject;
use regent_core::replication::change::{
    Answer, Asker, KeyState, MaterialState, Outcome, Question, SecretState, Stamp, ValueState,
    VersionState,
};
use regent_core::secrets::model::{ReplicaFailure, ValueKind};
use regent_core::secrets::policies::ResourcePolicy;
use regent_core::secrets::rotation::Rotation as SecretRotation;
use regent_core::secrets::rotation::schedule::{Given, Rules, Window};
use regent_core::time::Timestamp;

use super::*;

const AT: Stamp = Stamp { epoch: 3, revision: 70 };

fn scope() -> Scope {
    Scope { region: "us-east-1".parse().unwrap(), account: "123456789012".parse().unwrap() }
}

fn arn() -> SecretArn {
    SecretArn { scope: scope(), name: "db/pw".parse().unwrap(), suffix: "4BS2cc".parse().unwrap() }
}

fn key() -> KeyArn {
    KeyArn { scope: scope(), id: "mrk-1234abcd12ab34cd56ef1234567890ab".parse().unwrap() }
}

fn version_id() -> regent_core::ids::VersionId {
    "01234567-89ab-cdef-0123-456789abcdef".parse().unwrap()
}

fn failures() -> Vec<ReplicaFailure> {
    let alias = regent_core::ids::AliasArn { scope: scope(), name: "alias/x".parse().unwrap() };
    let problems = [
        KeyProblem::Invalid { given: "MyNameIsDylan$$$$".into() },
        KeyProblem::Absent { key: key() },
        KeyProblem::AliasAbsent { alias },
        KeyProblem::OtherRegion { region: "eu-west-1".into() },
        KeyProblem::Disabled { key: key() },
        KeyProblem::PendingImport { key: key() },
        KeyProblem::Unavailable { key: key() },
        KeyProblem::PendingDeletion { key: key() },
        KeyProblem::PendingReplicaDeletion { key: key() },
        KeyProblem::WrongUsage {
            key: key(),
            usage: "SIGN_VERIFY".into(),
            operation: "GenerateDataKey".into(),
        },
        KeyProblem::Proxy { problem: ProxyProblem::TimedOut },
        KeyProblem::Denied { action: "kms:Decrypt".into(), key: key().to_string().into() },
    ];
    let mut failures: Vec<_> = problems.into_iter().map(ReplicaFailure::ReplicaKey).collect();
    failures.push(ReplicaFailure::PrimaryKey(KeyProblem::Disabled { key: key() }));
    failures.push(ReplicaFailure::NameTaken);
    failures.push(ReplicaFailure::ReplicatedWithOtherArn);
    failures.push(ReplicaFailure::RegionNotEnabled);
    failures.push(ReplicaFailure::RoleUnusable);
    failures
}

fn secret_state() -> SecretState {
    let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    let policy = ResourcePolicy::parse(policy).unwrap();
    let value = ValueState {
        kind: ValueKind::Binary,
        sealed: Box::from([1, 2, 3]),
        data_key: Box::from([4, 5]),
    };
    let version = |value| VersionState {
        id: version_id(),
        created: Timestamp::from_millis(5),
        changed: 69,
        value,
    };
    SecretState {
        arn: arn(),
        at: AT,
        base: Some(Stamp { epoch: 3, revision: 60 }),
        kms_key_id: Some("alias/x".into()),
        overwrite: true,
        description: Some("d".into()),
        secret_type: Some("t".into()),
        tags: Some(BTreeMap::from([("k".into(), "v".into())])),
        policies: [("default".parse().unwrap(), policy)].into_iter().collect(),
        last_changed: Timestamp::from_millis(-7),
        stages: BTreeMap::from([("AWSCURRENT".parse().unwrap(), version_id())]),
        rotation: Some(SecretRotation {
            enabled: true,
            function: Some("arn:aws:lambda:us-east-1:123456789012:function:f".into()),
            rules: Rules::new(Given {
                after_days: None,
                expression: Some("rate(10 days)".into()),
                duration: Some("3h".into()),
            })
            .unwrap(),
            since: Timestamp::from_millis(8),
            metadata: vec![("k".into(), "v".into())],
            role: Some("arn:aws:iam::123456789012:role/r".into()),
            last: Some(Timestamp::from_millis(9)),
            next: Some(Window {
                start: Timestamp::from_millis(10),
                end: Timestamp::from_millis(11),
            }),
            run: None,
        }),
        versions: vec![version(Some(value)), version(None)],
    }
}

fn key_state() -> KeyState {
    KeyState {
        arn: key(),
        at: AT,
        primary: "eu-west-1".parse().unwrap(),
        replicas: BTreeSet::from(["us-east-1".parse().unwrap(), "us-west-2".parse().unwrap()]),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        materials: vec![MaterialState {
            id: MaterialId([9; 32]),
            created: Timestamp::from_millis(1),
            rotated: None,
            sealed: Some(Box::from([1])),
            public: None,
        }],
        pending: None,
        pending_everywhere: false,
        rotation: None,
        install: Some(Install {
            policy: "{}".into(),
            description: "".into(),
            tags: BTreeMap::new(),
        }),
    }
}

/// A key that has been rotated in both ways and will be again.
fn rotated_key_state() -> KeyState {
    let mut state = key_state();
    for (byte, kind) in [(10, RotationKind::Automatic), (11, RotationKind::OnDemand)] {
        let (id, rotated) = (MaterialId([byte; 32]), Some(kind));
        state.materials.push(MaterialState { id, rotated, ..state.materials[0].clone() });
    }
    state.rotation = Some(Rotation { period_days: 90, next: Timestamp::from_millis(2) });
    state
}

/// A pair whose material is imported in each Region.
fn imported_key_state() -> KeyState {
    let state = key_state();
    let materials = state.materials.iter().map(|material| MaterialState {
        sealed: None,
        public: Some(Box::from([5])),
        ..material.clone()
    });
    KeyState {
        spec: KeySpec::Pair(PairSpec::Rsa(RsaSize::Bits2048)),
        usage: KeyUsage::SignVerify,
        origin: Origin::External,
        materials: materials.collect(),
        ..state
    }
}

/// An imported key with material that waits.
fn waiting_key_state() -> KeyState {
    let state = key_state();
    let imported = MaterialState { sealed: None, ..state.materials[0].clone() };
    KeyState {
        origin: Origin::External,
        pending: Some(MaterialState { id: MaterialId([8; 32]), ..imported.clone() }),
        pending_everywhere: true,
        materials: vec![imported],
        ..state
    }
}

/// One message of each kind, and of each way to fail.
fn messages() -> Vec<Message> {
    let (account, name, suffix) = (scope().account, arn().name, arn().suffix);
    let subject = Subject::Secret { name: name.clone(), suffix };
    let ack =
        |subject: Subject, outcome| Message::Acknowledged { account, subject, at: AT, outcome };
    let question = Question::CanHold {
        arn: arn(),
        kms_key_id: None,
        overwrite: false,
        caller: Asker {
            arn: "arn:aws:iam::123456789012:user/test".into(),
            user_id: "AIDA1234567890ABCDEFG".into(),
            user_name: Some("test".into()),
            policies: vec!["a policy".into(), "another".into()],
        },
    };
    let Question::CanHold { caller, .. } = question.clone() else { unreachable!() };
    let install = Box::new(key_state().install.unwrap());
    let token: Box<str> = "token".into();
    let wish =
        Question::Replicate { key: key(), token: token.clone(), install, caller: caller.clone() };
    let withdrawal = Question::Withdraw { key: key(), token, caller: caller.clone() };
    let promotion = Question::CanBePrimary { key: key(), caller };
    let refused = Answer::Refused { code: "NotFoundException".into(), text: "No.".into() };
    let held = |material| {
        let holding = Holding { at: AT, material };
        Message::PendingHeld { account, id: key().id, holding }
    };
    let mut messages = vec![
        Message::Hello { key: TransportKey(Box::from([1, 2])), answer: true },
        Message::Secret(Box::new(secret_state())),
        Message::SecretRemoved { account, name: name.clone(), suffix, at: AT },
        Message::Detached { account, name: name.clone(), suffix, at: AT },
        Message::Key(Box::new(key_state())),
        Message::Key(Box::new(imported_key_state())),
        Message::Key(Box::new(rotated_key_state())),
        Message::Key(Box::new(waiting_key_state())),
        held(None),
        held(Some(PendingId { material: MaterialId([8; 32]), since: Timestamp::from_millis(5) })),
        Message::KeyGone { account, id: key().id, at: AT },
        Message::Accessed {
            account,
            name: name.clone(),
            suffix,
            day: Timestamp::EPOCH.plus_days(9),
        },
        ack(subject.clone(), Outcome::Applied),
        ack(Subject::Detached { name: name.clone(), suffix }, Outcome::Lacking),
        ack(Subject::Accessed { name, suffix }, Outcome::Applied),
        ack(Subject::Key { id: key().id }, Outcome::NameTaken { epoch: 4 }),
        ack(Subject::KeyGone { id: key().id }, Outcome::Fenced { at: AT }),
        ack(Subject::PendingHeld { id: key().id }, Outcome::Applied),
        Message::Ask { id: 8, question },
        Message::Ask { id: 9, question: wish },
        Message::Ask { id: 10, question: withdrawal },
        Message::Ask { id: 11, question: promotion },
        Message::Answer { id: 9, answer: refused },
        Message::Answer { id: 8, answer: Answer::Yes },
        Message::Answer { id: 8, answer: Answer::Unreachable },
    ];
    for failure in failures() {
        messages.push(ack(subject.clone(), Outcome::Failed(failure.clone())));
        messages.push(Message::Answer { id: 8, answer: Answer::No(failure) });
    }
    messages
}

fn frame(message: Message) -> Frame {
    Frame { from: "us-east-1".parse().unwrap(), to: "us-west-2".parse().unwrap(), message }
}

#[test]
fn every_message_comes_back() {
    for message in messages() {
        let frame = frame(message);
        assert_eq!(decode(&encode(&frame)).unwrap(), frame);
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// The bytes of format 1 are final.
#[test]
fn golden() {
    let hello = Message::Hello { key: TransportKey(Box::from([1, 2])), answer: true };
    let hex = hex(&encode(&frame(hello)));
    assert_eq!(
        hex,
        "08011209\
         75732d656173742d31\
         1a09\
         75732d776573742d32\
         5206\
         0a0201021001"
    );
}

/// The bytes of a question from before it told of its asker's policies: nobody is let in by them.
#[test]
fn a_question_without_policies() {
    let caller = Asker {
        arn: "arn:aws:iam::123456789012:user/test".into(),
        user_id: "".into(),
        user_name: None,
        policies: Vec::new(),
    };
    let question = Question::CanHold { arn: arn(), kms_key_id: None, overwrite: false, caller };
    let asked = frame(Message::Ask { id: 8, question });
    assert_eq!(
        hex(&encode(&asked)),
        "0801120975732d656173742d311a0975732d776573742d328a01530808524f0a280a0975\
         732d656173742d31120c3132333435363738393031321a0564622f707722063442533263\
         63222361726e3a6177733a69616d3a3a3132333435363738393031323a757365722f7465\
         7374"
    );
}

#[test]
fn other_versions_and_oversized_frames_are_refused() {
    let mut bytes = encode(&frame(messages().remove(0)));
    bytes[1] = 2;
    assert_eq!(decode(&bytes), Err(Malformed));
    assert_eq!(decode(&vec![0; FRAME_LEN_MAX + 1]), Err(Malformed));
}

proptest! {
    #[test]
    fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes);
    }

    /// A frame with some bytes changed is refused or is another well-formed frame; never a panic.
    #[test]
    fn mutated_frames_do_not_panic(
        which in 0usize..30, at in any::<prop::sample::Index>(), to in any::<u8>()
    ) {
        let all = messages();
        let mut bytes = encode(&frame(all[which % all.len()].clone()));
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(decoded) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&decoded)).unwrap(), decoded);
        }
    }
}
