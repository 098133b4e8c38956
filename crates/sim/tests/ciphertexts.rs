//! A property of multi-Region keys (promise R5): whatever happens to a key, each ciphertext that any
//! of its Regions ever made opens in every Region that has had the time to hear of its material.
//!
//! Regions of the simulator with the real cryptography, under steps that proptest draws and
//! shrinks: ciphertexts are made, rotations ask and come by themselves, the primary moves, keys are
//! disabled and enabled, Regions crash, start, and are cut off. After every step every Region is
//! asked for every ciphertext, and a small model says what it must answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use regent_core::cx::{Answers, Profile};
use regent_core::engine;
use regent_core::ids::{KeyId, MaterialId, Region, RequestId};
use regent_core::keys::ciphertext::{Blob, Opened, Sealed};
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::error::Error;
use regent_core::keys::ops::decrypt::Decrypt;
use regent_core::keys::ops::encrypt::Encrypt;
use regent_core::keys::ops::re_encrypt::ReEncrypt;
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::spec::EncryptionAlgorithm;
use regent_core::keys::target::KeyRef;
use regent_core::plaintext::Plaintext;
use regent_core::ports::random;
use regent_core::replication::change::Answer;
use regent_core::time::Timestamp;
use regent_crypto::RegionCrypto;
use regent_sim::job::Request;
use regent_sim::node::{Node, Out, Parts};
use regent_sim::perform::Reply;
use regent_sim::rng::Rng;
use regent_sim::workload::Action;
use regent_wire::peer::{self, Frame};

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "us-west-2"];
const CASES: u32 = 40;
/// LIMIT: rounds in which everything must come to rest once all Regions run and hear each other.
const ROUNDS_MAX: usize = 300;
/// How many rounds a Region waits for another's answer.
const PATIENCE_ROUNDS: usize = 5;
/// More than the 90 days after which keys rotate by themselves, and more than a tombstone's life.
const AGE_DAYS: u32 = 91;

type At = usize;

#[derive(Debug, Clone)]
enum Step {
    Encrypt(At),
    /// Opens a ciphertext in one Region and seals it again there.
    ReEncrypt(At, prop::sample::Index),
    Rotate(At),
    RotateEvery(At, bool),
    Promote(At, At),
    Disable(At),
    Enable(At),
    /// Power loss, with whatever has not been synced.
    Crash(At),
    Start(At),
    Cut(At),
    Join(At),
    /// So many rounds of syncs and messages.
    Flow(usize),
    /// Three months.
    Age,
    /// Everybody runs, hears, and has heard.
    Settle,
}

fn step() -> BoxedStrategy<Step> {
    let at = || 0..REGIONS.len();
    prop_oneof![
        6 => at().prop_map(Step::Encrypt),
        2 => (at(), any::<prop::sample::Index>()).prop_map(|(at, blob)| Step::ReEncrypt(at, blob)),
        4 => at().prop_map(Step::Rotate),
        1 => (at(), any::<bool>()).prop_map(|(at, on)| Step::RotateEvery(at, on)),
        3 => (at(), at()).prop_map(|(at, to)| Step::Promote(at, to)),
        1 => at().prop_map(Step::Disable),
        2 => at().prop_map(Step::Enable),
        2 => at().prop_map(Step::Crash),
        2 => at().prop_map(Step::Start),
        1 => at().prop_map(Step::Cut),
        2 => at().prop_map(Step::Join),
        6 => (1..5_usize).prop_map(Step::Flow),
        1 => Just(Step::Age),
        1 => Just(Step::Settle),
    ]
    .boxed()
}

/// How often what the property is about came to pass, so that a passing run means something.
#[derive(Debug, Default)]
struct Seen {
    rotated: Cell<u32>,
    rotated_by_itself: Cell<u32>,
    promoted: Cell<u32>,
    refused_disabled: Cell<u32>,
    refused_ahead: Cell<u32>,
    restarted: Cell<u32>,
    opened_elsewhere: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

/// A ciphertext, where it was made, and what is known of it.
#[derive(Debug)]
struct Made {
    at: At,
    blob: Box<[u8]>,
    text: String,
    material: MaterialId,
}

struct Cluster<'s> {
    seen: &'s Seen,
    nodes: Vec<Node>,
    now: Timestamp,
    links: BTreeMap<(At, At), VecDeque<Vec<u8>>>,
    cut: BTreeSet<At>,
    rng: Rng,
    key: KeyId,
    made: Vec<Made>,
    disabled: BTreeSet<At>,
    /// Answers to requests that have not been taken.
    replies: Vec<Reply>,
    /// The materials that a Region has certainly heard of. It never forgets one.
    heard: Vec<BTreeSet<MaterialId>>,
}

impl<'s> Cluster<'s> {
    /// Three Regions that hold one key, which rotates every 90 days.
    fn new(seed: u64, seen: &'s Seen) -> Self {
        let rng = Rng::new(seed);
        let regions: Arc<[Region]> = REGIONS.iter().map(|r| r.parse().unwrap()).collect();
        let node = |region: &Region| {
            Node::new(Parts {
                region: *region,
                regions: Arc::clone(&regions),
                profile: Profile::Strict,
                account: "111122223333".parse().unwrap(),
                crypto: Rc::new(RegionCrypto::generate(&rng)),
                rng: rng.clone(),
                broken: None,
            })
        };
        let mut cluster = Self {
            seen,
            nodes: regions.iter().map(node).collect(),
            now: Timestamp::from_millis(1_700_000_000_000),
            links: BTreeMap::new(),
            cut: BTreeSet::new(),
            key: KeyId::from_entropy([0; 16], true),
            rng,
            made: Vec::new(),
            disabled: BTreeSet::new(),
            replies: Vec::new(),
            heard: vec![BTreeSet::new(); REGIONS.len()],
        };
        cluster.settle();
        let Some(Reply::Key(key)) = cluster.ask(0, Action::CreateKey { multi: true }) else {
            panic!("no key");
        };
        cluster.key = key;
        for to in &regions[1..] {
            cluster.done(0, Action::ReplicateKey { key, to: *to });
        }
        cluster.done(0, Action::RotateEvery { key, days: Some(90) });
        cluster.settle();
        cluster
    }

    fn take(&mut self, step: &Step) {
        let key = self.key;
        match *step {
            Step::Encrypt(at) => self.encrypt(at),
            Step::ReEncrypt(at, blob) => self.re_encrypt(at, blob),
            Step::Rotate(at) => {
                if self.done(at, Action::Rotate { key }) {
                    count(&self.seen.rotated);
                    self.encrypt(at);
                }
            }
            Step::RotateEvery(at, on) => {
                self.done(at, Action::RotateEvery { key, days: on.then_some(90) });
            }
            Step::Promote(at, to) => {
                let to = self.nodes[to].region;
                if self.done(at, Action::PromoteKey { key, to }) {
                    count(&self.seen.promoted);
                }
            }
            Step::Disable(at) => {
                if self.done(at, Action::Disable { key }) {
                    self.disabled.insert(at);
                }
            }
            Step::Enable(at) => {
                if self.done(at, Action::Enable { key }) {
                    self.disabled.remove(&at);
                }
            }
            Step::Crash(at) => {
                self.nodes[at].crash();
            }
            Step::Start(at) => self.start(at),
            Step::Cut(at) => drop(self.cut.insert(at)),
            Step::Join(at) => self.join(at),
            Step::Flow(rounds) => (0..rounds).for_each(|_| self.round()),
            Step::Age => self.age(),
            Step::Settle => self.settle(),
        }
        self.check();
    }

    /// Asks a Region, if it runs, and waits until it has synced and answered.
    fn ask(&mut self, at: At, action: Action) -> Option<Reply> {
        if !self.nodes[at].running {
            return None;
        }
        let id = RequestId::from_entropy(random(&self.rng));
        let (now, number) = (self.now, self.rng.next());
        let request = Request { number, action, id, now, answers: Answers::new() };
        let mut out = Out::default();
        self.nodes[at].request(now, request, &[], &mut out);
        for _ in 0..4 {
            if out.replies.is_empty() {
                self.nodes[at].sync(now, &[], &mut out);
            }
        }
        let asked = std::mem::take(&mut out.asked);
        self.post(at, out);
        // A request that asks another Region waits for that, and not for long.
        for _ in 0..PATIENCE_ROUNDS {
            if self.replies.is_empty() {
                self.round();
            }
        }
        for id in asked {
            let mut out = Out::default();
            self.nodes[at].answered(self.now, id, Answer::Unreachable, &[], &mut out);
            self.post(at, out);
        }
        Some(self.replies.pop().expect("an answer"))
    }

    fn done(&mut self, at: At, action: Action) -> bool {
        matches!(self.ask(at, action), Some(Reply::Done))
    }

    /// Puts a Region's messages on their ways.
    fn post(&mut self, from: At, out: Out) {
        assert_eq!(out.faults, Vec::<String>::new());
        self.replies.extend(out.replies.into_iter().map(|(_, reply)| reply));
        for (to, message) in out.frames {
            let there = self.nodes.iter().position(|node| node.region == to).unwrap();
            let frame = Frame { from: self.nodes[from].region, to, message };
            self.links.entry((from, there)).or_default().push_back(peer::encode(&frame));
        }
    }

    /// Every Region syncs, sends what is due, and hears what has been sent to it.
    fn round(&mut self) {
        self.now = self.now.plus(Duration::from_millis(200));
        for at in (0..self.nodes.len()).filter(|at| self.nodes[*at].running).collect::<Vec<_>>() {
            let mut out = Out::default();
            self.nodes[at].sync(self.now, &[], &mut out);
            self.nodes[at].pump(self.now, &[], &mut out);
            self.nodes[at].greet_strangers(&mut out);
            self.post(at, out);
        }
        for ((from, to), frames) in std::mem::take(&mut self.links) {
            let lost = self.cut.contains(&from) || self.cut.contains(&to);
            if lost || !self.nodes[to].running {
                continue;
            }
            for bytes in frames {
                let Frame { from, message, .. } = peer::decode(&bytes).unwrap();
                let mut out = Out::default();
                self.nodes[to].receive(self.now, from, message, &[], &mut out);
                self.post(to, out);
            }
        }
    }

    fn start(&mut self, at: At) {
        if !self.nodes[at].running {
            let mut out = Out::default();
            self.nodes[at].start(self.now, &mut out);
            self.post(at, out);
            count(&self.seen.restarted);
        }
    }

    fn join(&mut self, at: At) {
        if self.cut.remove(&at) && self.nodes[at].running {
            let mut out = Out::default();
            self.nodes[at].greet_all(&mut out);
            self.post(at, out);
        }
    }

    fn settle(&mut self) {
        for at in 0..self.nodes.len() {
            self.start(at);
            self.join(at);
        }
        // Twice quiet: what a message makes a Region do is seen in the next round only.
        let mut quiet = 0;
        for _ in 0..ROUNDS_MAX {
            self.round();
            let idle = self.links.is_empty() && self.nodes.iter().all(Node::is_idle);
            quiet = if idle { quiet + 1 } else { 0 };
            if quiet == 2 {
                let all: BTreeSet<_> = self.heard.iter().flatten().copied().collect();
                self.heard = vec![all; REGIONS.len()];
                return;
            }
        }
        panic!("nothing came to rest");
    }

    /// Lets time pass. Keys may rotate by themselves then, wherever the primary is.
    fn age(&mut self) {
        self.now = self.now.plus_days(AGE_DAYS);
        for _ in 0..2 {
            self.round();
        }
        let before: BTreeSet<_> = self.heard.iter().flatten().copied().collect();
        for at in 0..self.nodes.len() {
            self.encrypt(at);
        }
        let after: BTreeSet<_> = self.heard.iter().flatten().copied().collect();
        if after.len() > before.len() {
            count(&self.seen.rotated_by_itself);
        }
    }

    fn encrypt(&mut self, at: At) {
        let text = format!("{:016x}", self.rng.next());
        let op = Encrypt {
            key: self.name(),
            plaintext: Plaintext::new(text.clone().into_bytes()),
            context: context(&text),
            algorithm: EncryptionAlgorithm::Symmetric,
            dry_run: false,
        };
        match self.query(at, op) {
            Some(Ok(made)) => self.keep(at, made.blob.into(), text),
            Some(Err(Error::Key(KeyProblem::Disabled { .. }))) => {
                assert!(self.disabled.contains(&at));
            }
            Some(Err(error)) => panic!("{} does not encrypt: {error:?}", REGIONS[at]),
            None => {}
        }
    }

    fn re_encrypt(&mut self, at: At, blob: prop::sample::Index) {
        if self.made.is_empty() {
            return;
        }
        let made = &self.made[blob.index(self.made.len())];
        let text = made.text.clone();
        let (sealed, context) = (sealed(made, &made.text), context(&text));
        let (destination, algorithm) = (self.name(), EncryptionAlgorithm::Symmetric);
        let op = ReEncrypt { sealed, destination, context, algorithm, dry_run: false };
        if let Some(Ok(again)) = self.query(at, op) {
            assert_ne!(again.blob, made.blob.to_vec());
            self.keep(at, again.blob.into(), text);
        }
    }

    /// Keeps a ciphertext that a Region has just made. It opens where it was made.
    fn keep(&mut self, at: At, blob: Box<[u8]>, text: String) {
        let material = MaterialId([0; 32]);
        let made = Made { at, blob, text, material };
        let opened = self.open(at, &made, &made.text).unwrap().unwrap();
        assert_eq!(opened.plaintext.expose(), made.text.as_bytes());
        let material = opened.material.unwrap();
        self.heard[at].insert(material);
        self.made.push(Made { material, ..made });
    }

    fn open(&self, at: At, made: &Made, text: &str) -> Option<Result<Opened, Error>> {
        self.query(at, Decrypt { sealed: sealed(made, text), dry_run: false })
    }

    fn query<Op: engine::Query>(&self, at: At, op: Op) -> Option<Result<Op::Output, Op::Error>> {
        let node = &self.nodes[at];
        let store = &*node.disk.store;
        node.running.then(|| node.as_root(self.now, |cx| engine::query(op, cx, store)))
    }

    fn name(&self) -> KeyRef {
        self.key.to_string().as_str().into()
    }

    /// Every Region that runs answers for every ciphertext as it must.
    fn check(&mut self) {
        for (at, name) in REGIONS.into_iter().enumerate() {
            for made in &self.made {
                let Some(answer) = self.open(at, made, &made.text) else { continue };
                let heard = self.heard[at].contains(&made.material);
                let place = || format!("{name} of a ciphertext of {}", REGIONS[made.at]);
                match answer {
                    Ok(opened) => {
                        assert!(!self.disabled.contains(&at), "{} although disabled", place());
                        assert_eq!(opened.plaintext.expose(), made.text.as_bytes(), "{}", place());
                        assert_eq!(opened.material, Some(made.material), "{}", place());
                        self.heard[at].insert(made.material);
                        if at != made.at {
                            count(&self.seen.opened_elsewhere);
                        }
                        let wrong = self.open(at, made, "another").unwrap();
                        assert_eq!(wrong.unwrap_err(), Error::InvalidCiphertext, "{}", place());
                    }
                    Err(Error::Key(KeyProblem::Disabled { .. })) => {
                        assert!(self.disabled.contains(&at), "{} was never disabled", place());
                        count(&self.seen.refused_disabled);
                    }
                    Err(Error::MaterialNotArrived { .. }) => {
                        assert!(!heard, "{} has the material", place());
                        count(&self.seen.refused_ahead);
                    }
                    Err(error) => panic!("{}: {error:?}", place()),
                }
            }
        }
    }
}

fn context(text: &str) -> EncryptionContext {
    EncryptionContext::new([("text".into(), text.into())].into())
}

fn sealed(made: &Made, text: &str) -> Sealed {
    let blob = Blob::Given(made.blob.clone());
    let algorithm = EncryptionAlgorithm::Symmetric;
    Sealed { key: None, algorithm, blob, context: context(text), tokens: Box::default() }
}

/// PROMISE R5.
#[test]
fn ciphertexts_open_wherever_they_must() {
    let seen = Seen::default();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let strategy = (any::<u64>(), prop::collection::vec(step(), 10..60));
    let result = TestRunner::new(config).run(&strategy, |(seed, steps)| {
        let mut cluster = Cluster::new(seed, &seen);
        for step in &steps {
            cluster.take(step);
        }
        // In the end everybody can use the key again, and opens all that was ever made.
        cluster.settle();
        for at in 0..REGIONS.len() {
            cluster.take(&Step::Enable(at));
            cluster.take(&Step::Encrypt(at));
        }
        // A key that was due while it was disabled rotates when it is enabled.
        cluster.settle();
        for at in 0..REGIONS.len() {
            for made in &cluster.made {
                prop_assert!(matches!(cluster.open(at, made, &made.text), Some(Ok(_))));
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    for happened in [
        &seen.rotated,
        &seen.rotated_by_itself,
        &seen.promoted,
        &seen.refused_disabled,
        &seen.refused_ahead,
        &seen.restarted,
        &seen.opened_elsewhere,
    ] {
        assert!(happened.get() > 0, "{seen:?}");
    }
}
