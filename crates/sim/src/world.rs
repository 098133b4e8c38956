//! One run: Regions, clocks, network, clients and faults, moved by one queue of events.
//!
//! Events are ordered by time and then by number, and one seed decides all of them (promise R10).
//! An event happens in one Region; the stores of the others must not notice (promise R4). After
//! the faults everything heals, and the run ends when nobody waits for anybody.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use regent_core::cx::{Answers, Profile};
use regent_core::ids::{Region, RequestId};
use regent_core::ports::{Crypto, random};
use regent_core::records::{Key, Record};
use regent_core::replication::change::Answer;
use regent_core::secrets::model::{ReplicaStatus, Role};
use regent_core::time::{DAY_MS, Timestamp};
use regent_core::tx::{Batch, Records};
use regent_crypto::RegionCrypto;
use regent_store::Store as _;
use regent_wire::peer::{self, Frame};

use crate::check::{Checker, Verdict, Violation, hold, last};
use crate::crypto::{FakeCrypto, Seen};
use crate::disk::Synced;
use crate::job::{Request, told};
use crate::net::{Net, Weather};
use crate::node::{Node, Out, Parts};
use crate::perform::{Kept, Reply};
use crate::rng::Rng;
use crate::trace::Trace;
use crate::workload::{Action, Clients, Sight};

const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "us-east-2", "us-west-2"];
const ACCOUNT: &str = "111122223333";
/// 2023-11-14T22:13:20Z.
const START_MS: i64 = 1_700_000_000_000;
/// How long a request waits for another Region's word, as in the shell.
const ASK_TIMEOUT_MS: u64 = 3_000;
/// LIMIT: how long everything may take to settle once it has healed, in simulated milliseconds.
const SETTLE_MS_MAX: u64 = 300_000;
/// How often replicas that have failed are asked for again.
const DRIVES: u32 = 3;
/// LIMIT: ciphertexts that clients keep.
const KEPT_MAX: usize = 24;

/// A rule that is broken on purpose, to see that the checkers notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Clients are answered before the disk has synced: R1.
    AnswerBeforeSync,
    /// Late frames are applied as if nothing newer was there: R2.
    ApplyLateFrames,
    /// Removed replicas are not remembered: R2.
    DropTombstones,
    /// Now and then a peer's being behind is not recorded: R2.
    ForgetOutbox,
    /// A failure is taken for a success: R3.
    SilentFailure,
    /// A Region writes into another's store: R4.
    ReachAcross,
    /// A replica key keeps nothing but the newest material: R5.
    ForgetOldMaterial,
    /// A detached replica stays in its former owner's epoch: R9.
    KeepEpoch,
    /// Sealing hides nothing: R7.
    SealNothing,
    /// The stacks' operations that were under way are not looked for after a start: R11.
    ForgetStacks,
    /// Now and then a stack does not note what its step has made: R11.
    NoteNothing,
    /// What an update or its rollback gives up is noted as deleted, and is not: R11.
    DeleteNothing,
    /// The same, of what a deletion or the rollback of a creation gives up: R11.
    LeaveAll,
    /// What an update changes of a secret is noted, and not done: R11.
    ChangeNothing,
    /// The same, of what a rollback changes back: R11.
    ChangeNothingBack,
    /// Of the steps that a stack commits together only the last is written: R11.
    LoseSteps,
    /// Steps that are committed together do not see what those before them write: R11.
    ReadBehind,
}

/// How a run is set up.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub seed: u64,
    /// Events before everything heals.
    pub steps: u64,
    pub real_crypto: bool,
    pub verbose: bool,
    /// How much of what clients ask is asked of stacks.
    pub stacks_percent: u64,
    pub broken: Option<Break>,
}

impl Options {
    pub fn of_seed(seed: u64) -> Self {
        let (real_crypto, verbose, broken) = (false, false, None);
        Self { seed, steps: 3000, real_crypto, verbose, stacks_percent: 4, broken }
    }
}

/// A run that kept all promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The hash of the trace, equal for equal seeds.
    pub trace: u64,
    pub events: u64,
}

/// A run that did not.
#[derive(Debug, Clone)]
pub struct Failed {
    pub seed: u64,
    pub event: u64,
    pub violation: Violation,
    pub last_lines: Vec<String>,
}

/// Runs one seed to its end.
pub fn run(options: Options) -> Result<Passed, Box<Failed>> {
    let mut world = World::new(options);
    match world.run() {
        Ok(()) => Ok(Passed { trace: world.trace.hash(), events: world.events }),
        Err(violation) => Err(Box::new(Failed {
            seed: options.seed,
            event: world.events,
            violation,
            last_lines: world.trace.last_lines(),
        })),
    }
}

#[derive(Debug)]
enum Event {
    Client,
    Fault,
    Deliver { from: usize, to: usize, bytes: Vec<u8>, sent_day: u32 },
    Sync { at: usize, boot: u64 },
    Wake { at: usize, number: u64 },
    AskTimeout { at: usize, boot: u64, id: u64 },
    Restart { at: usize },
    Mend(Mend),
}

#[derive(Debug)]
enum Mend {
    Up(usize),
    Link(usize, usize),
    Disk(usize),
}

/// What surrounds one Region.
#[derive(Debug)]
struct Site {
    node: Node,
    skew_ms: i64,
    /// The longest wait for a sync, in milliseconds.
    sync_ms_max: u64,
    syncing: bool,
    /// The last wake-up that was arranged; earlier ones are void.
    wake: u64,
}

struct World {
    options: Options,
    rng: Rng,
    trace: Trace,
    checker: Checker,
    net: Net,
    sites: Vec<Site>,
    regions: Arc<[Region]>,
    clients: Clients,
    blobs: Vec<Kept>,
    queue: BTreeMap<(u64, u64), Event>,
    now_ms: u64,
    /// Days that passed without anything happening.
    days: u32,
    events: u64,
    next_number: u64,
    /// Whether Regions learn at once that a link has changed.
    links_announce: bool,
    faulty: bool,
}

impl World {
    fn new(options: Options) -> Self {
        let rng = Rng::new(options.seed);
        let count = 2 + rng.below(3);
        let regions: Arc<[Region]> = REGIONS[..count].iter().map(|r| r.parse().unwrap()).collect();
        let profile = if rng.percent(50) { Profile::Strict } else { Profile::Aws };
        let seen = Seen::default();
        let site = |region: &Region| {
            let hides = options.broken != Some(Break::SealNothing);
            let crypto: Rc<dyn Crypto> = if options.real_crypto {
                Rc::new(RegionCrypto::generate(&rng))
            } else {
                Rc::new(FakeCrypto::new(*region, &seen, hides))
            };
            let node = Node::new(Parts {
                region: *region,
                regions: Arc::clone(&regions),
                profile,
                account: ACCOUNT.parse().unwrap(),
                crypto,
                rng: rng.clone(),
                broken: options.broken,
            });
            let skew_ms = i64::try_from(rng.between(0, 20_000)).unwrap() - 10_000;
            let sync_ms_max = rng.between(1, 10);
            Site { node, skew_ms, sync_ms_max, syncing: false, wake: 0 }
        };
        let sites = regions.iter().map(site).collect();
        let links_announce = rng.percent(50);
        let net = Net::new(Weather::any(&rng));
        Self {
            options,
            trace: Trace::new(options.verbose),
            checker: Checker::new(seen),
            net,
            sites,
            regions,
            clients: Clients::new(options.stacks_percent),
            blobs: Vec::new(),
            queue: BTreeMap::new(),
            now_ms: 0,
            days: 0,
            events: 0,
            next_number: 0,
            links_announce,
            faulty: true,
            rng,
        }
    }

    fn run(&mut self) -> Verdict {
        for at in 0..self.sites.len() {
            self.push(0, Event::Restart { at });
        }
        self.push(100, Event::Client);
        self.push(200, Event::Fault);
        while self.events < self.options.steps {
            self.step()?;
        }
        self.heal();
        self.settle()?;
        // What fails for a name that another replica gives up must be asked for again.
        for _ in 0..DRIVES {
            self.drive_failed();
            self.settle()?;
        }
        let all = self.sites.iter().map(|site| (site.node.region, &site.node)).collect();
        last::converged(&all, self.clock(0), &self.blobs)?;
        self.sites.iter().try_for_each(|site| self.checker.last(&site.node))
    }

    /// Runs the next event.
    fn step(&mut self) -> Verdict {
        let Some(((at, _), event)) = self.queue.pop_first() else { return Ok(()) };
        self.now_ms = at;
        if self.is_void(&event) {
            return Ok(());
        }
        self.events += 1;
        match event {
            Event::Client => self.client(),
            Event::Fault => self.fault(),
            Event::Deliver { from, to, bytes, sent_day } => {
                self.deliver(from, to, &bytes, sent_day)
            }
            Event::Sync { at, .. } => {
                self.sites[at].syncing = false;
                self.within(at, Node::sync)
            }
            Event::Wake { at, .. } => self.within(at, |node, _, _, out| node.greet_strangers(out)),
            Event::AskTimeout { at, id, .. } => self.within(at, |node, now, blobs, out| {
                node.answered(now, id, Answer::Unreachable, blobs, out);
            }),
            Event::Restart { at } => {
                self.note(at, format_args!("starts"));
                self.within(at, |node, now, _, out| node.start(now, out))
            }
            Event::Mend(mend) => self.mend(&mend),
        }
    }

    /// Whether an event was overtaken: by a crash, or by an earlier wake-up.
    fn is_void(&self, event: &Event) -> bool {
        match *event {
            Event::Sync { at, boot } | Event::AskTimeout { at, boot, .. } => {
                let node = &self.sites[at].node;
                node.boots != boot || !node.running
            }
            Event::Wake { at, number } => {
                self.sites[at].wake != number || !self.sites[at].node.running
            }
            _ => false,
        }
    }

    /// Lets one Region do something, and everybody else watch.
    fn within(
        &mut self,
        at: usize,
        work: impl FnOnce(&mut Node, Timestamp, &[Kept], &mut Out),
    ) -> Verdict {
        let now = self.clock(at);
        let others: Vec<u64> = self.sites.iter().map(|site| site.node.seq()).collect();
        let mut out = Out::default();
        let site = &mut self.sites[at];
        work(&mut site.node, now, &self.blobs, &mut out);
        self.reach_across(at);
        let site = &mut self.sites[at];
        let mut wait = 1000;
        if site.node.running && !self.net.is_down(site.node.region) {
            wait = site.node.pump(now, &self.blobs, &mut out);
        }
        for (other, before) in others.into_iter().enumerate() {
            let still = other == at || self.sites[other].node.seq() == before;
            hold!("R4", still, "an event in one Region changed another's store");
        }
        self.checker.event(&self.sites[at].node, now, &out, &self.blobs)?;
        self.arrange(at, wait);
        self.after(at, out)
    }

    /// What a Region does that is no island, if that rule is broken.
    fn reach_across(&self, at: usize) {
        if self.options.broken == Some(Break::ReachAcross) {
            let other = &self.sites[(at + 1) % self.sites.len()].node;
            let key = Key::Peer { region: other.region, peer: self.regions[at] };
            let record = Record::Peer(other.crypto.transport_key());
            let writes = BTreeMap::from([(key, Some(record))]);
            other.disk.store.commit(Batch { writes, ..Batch::default() }).unwrap();
        }
    }

    /// Arranges the next sync and the next wake-up of a Region.
    fn arrange(&mut self, at: usize, wait: u64) {
        let site = &mut self.sites[at];
        if !site.node.running {
            return;
        }
        let boot = site.node.boots;
        site.wake += 1;
        let number = site.wake;
        let sync = !site.syncing && !site.node.disk.is_idle();
        site.syncing |= sync;
        let bound = site.sync_ms_max;
        self.push(wait, Event::Wake { at, number });
        if sync {
            let wait = self.rng.between(1, bound);
            self.push(wait, Event::Sync { at, boot });
        }
    }

    /// Carries what a Region did to the world outside.
    fn after(&mut self, at: usize, out: Out) -> Verdict {
        let (from, boot) = (self.sites[at].node.region, self.sites[at].node.boots);
        for id in out.asked {
            self.push(ASK_TIMEOUT_MS, Event::AskTimeout { at, boot, id });
        }
        for (request, reply) in out.replies {
            self.note(at, format_args!("answers {:?}: {}", request.action, shown(&reply)));
            self.learn(&request.action, reply);
        }
        for (to, message) in out.frames {
            let Some(peer) = self.regions.iter().position(|region| *region == to) else {
                continue;
            };
            let waits = self.net.send(&self.rng, from, to);
            self.note(at, format_args!("sends {to} {} {waits:?}", told(&message)));
            let bytes = peer::encode(&Frame { from, to, message });
            self.checker.bytes("a frame", &bytes)?;
            for wait in waits {
                let bytes = bytes.clone();
                let sent_day = self.days;
                self.push(wait, Event::Deliver { from: at, to: peer, bytes, sent_day });
            }
        }
        Ok(())
    }

    fn learn(&mut self, action: &Action, reply: Reply) {
        match (action, reply) {
            (_, Reply::Key(id)) => self.clients.keys.push(id),
            (Action::Encrypt { text, .. }, Reply::Blob { key, blob })
                if self.blobs.len() < KEPT_MAX =>
            {
                self.blobs.push(Kept { key, blob, text: text.clone() });
                self.clients.blobs = self.blobs.len();
            }
            _ => {}
        }
    }

    fn deliver(&mut self, from: usize, to: usize, bytes: &[u8], sent_day: u32) -> Verdict {
        let (sender, receiver) = (self.regions[from], self.regions[to]);
        // No connection outlives a tombstone.
        let lost = self.days > sent_day + 20 || !self.net.passes(sender, receiver);
        if lost || !self.sites[to].node.running {
            return Ok(());
        }
        let frame = peer::decode(bytes).expect("a frame that was encoded decodes");
        self.note(to, format_args!("hears {sender} {}", told(&frame.message)));
        self.within(to, |node, now, blobs, out| {
            node.receive(now, sender, frame.message, blobs, out);
        })
    }

    fn client(&mut self) -> Verdict {
        if self.faulty {
            let wait = self.rng.between(1, 60);
            self.push(wait, Event::Client);
        }
        // Most clients are in one Region, so that what they do meets what they did before.
        let near = self.rng.percent(55);
        let mut at = if near { 0 } else { self.rng.below(self.sites.len()) };
        let retry = !self.clients.unknown.is_empty() && self.rng.percent(40);
        let action = if retry {
            let (region, action) = self.clients.unknown.remove(0);
            at = self.regions.iter().position(|known| *known == region).unwrap();
            action
        } else {
            let node = &self.sites[at].node;
            let (scope, store) = (node.scope(), &*node.disk.store);
            let others = self.sites.iter().map(|site| &site.node);
            let others: Vec<_> = others
                .filter(|other| other.region != scope.region)
                .map(|other| (other.scope(), Rc::clone(&other.disk.store)))
                .collect();
            let sight = Sight { scope, regions: &self.regions, store, others: &others };
            self.clients.next(&self.rng, &sight)
        };
        self.request(at, action)
    }

    fn request(&mut self, at: usize, action: Action) -> Verdict {
        let node = &self.sites[at].node;
        if !node.running || self.net.is_down(node.region) {
            return Ok(());
        }
        self.note(at, format_args!("is asked to {action:?}"));
        self.next_number += 1;
        let request = Request {
            number: self.next_number,
            action,
            id: RequestId::from_entropy(random(&self.rng)),
            now: self.clock(at),
            answers: Answers::new(),
        };
        self.within(at, |node, now, blobs, out| node.request(now, request, blobs, out))
    }

    fn fault(&mut self) -> Verdict {
        if !self.faulty {
            return Ok(());
        }
        let next = self.rng.between(50, 1500);
        self.push(next, Event::Fault);
        let (at, other) = (self.rng.below(self.sites.len()), self.rng.below(self.sites.len()));
        let lasts = self.rng.between(10, 5000);
        let (a, b) = (self.regions[at], self.regions[other]);
        match self.rng.below(20) {
            0..7 => return self.crash(at),
            7 | 8 => {
                self.note(at, format_args!("is cut off from {b} for {lasts} ms"));
                self.net.set_cut(a, b, true);
                self.net.set_cut(b, a, true);
                self.push(lasts, Event::Mend(Mend::Link(at, other)));
            }
            9..12 => {
                self.note(at, format_args!("is not heard by {b} for {lasts} ms"));
                self.net.set_cut(a, b, true);
                self.push(lasts, Event::Mend(Mend::Link(at, other)));
            }
            12 | 13 => {
                self.note(at, format_args!("is down for {lasts} ms"));
                self.net.set_down(a, true);
                self.push(lasts, Event::Mend(Mend::Up(at)));
            }
            14 | 15 => {
                self.note(at, format_args!("has a slow disk for {lasts} ms"));
                self.sites[at].sync_ms_max = self.rng.between(50, 2000);
                self.push(lasts, Event::Mend(Mend::Disk(at)));
            }
            16 => {
                let skew = i64::try_from(self.rng.between(0, 20_000)).unwrap() - 10_000;
                self.note(at, format_args!("sets its clock off by {skew} ms"));
                self.sites[at].skew_ms = skew;
            }
            17 => {
                let days = u32::try_from(self.rng.between(1, 9)).unwrap();
                self.trace.line(format_args!("{days} days pass"));
                self.days += days;
            }
            _ => self.net.weather = Weather::any(&self.rng),
        }
        Ok(())
    }

    fn crash(&mut self, at: usize) -> Verdict {
        if !self.sites[at].node.running {
            return Ok(());
        }
        let now = self.clock(at);
        let site = &mut self.sites[at];
        site.syncing = false;
        let (kept, lost) = site.node.crash();
        let region = site.node.region;
        for synced in &kept {
            if let Synced::Committed { job, changes, .. } = synced {
                // What else of the group was kept is not settled yet: only the whole is.
                self.checker.commit(&self.sites[at].node, now, job, changes, false)?;
            }
        }
        self.checker.crashed(&self.sites[at].node)?;
        let (kept, lasts) = (kept.len(), self.rng.between(5, 3000));
        self.note(at, format_args!("crashes for {lasts} ms, kept {kept}"));
        let again = lost.into_iter().map(|request| request.action);
        let again = again.filter(Action::is_idempotent).map(|action| (region, action));
        self.clients.unknown.extend(again);
        self.push(lasts, Event::Restart { at });
        Ok(())
    }

    fn mend(&mut self, mend: &Mend) -> Verdict {
        match *mend {
            Mend::Disk(at) => {
                self.sites[at].sync_ms_max = 5;
                return Ok(());
            }
            Mend::Up(at) => self.net.set_down(self.regions[at], false),
            Mend::Link(a, b) => {
                self.net.set_cut(self.regions[a], self.regions[b], false);
                self.net.set_cut(self.regions[b], self.regions[a], false);
            }
        }
        self.trace.line(format_args!("{} {mend:?} is well again", self.now_ms));
        if self.links_announce { self.announce() } else { Ok(()) }
    }

    /// Every Region that runs greets every other.
    fn announce(&mut self) -> Verdict {
        for at in 0..self.sites.len() {
            if self.sites[at].node.running {
                self.within(at, |node, _, _, out| node.greet_all(out))?;
            }
        }
        Ok(())
    }

    /// Ends all faults. Regions that have crashed start by themselves.
    fn heal(&mut self) {
        self.trace.line(format_args!("{} everything heals", self.now_ms));
        self.faulty = false;
        self.net.heal();
        for site in &mut self.sites {
            site.sync_ms_max = 5;
        }
    }

    /// Runs until nobody waits for anybody.
    fn settle(&mut self) -> Verdict {
        let end = self.now_ms + SETTLE_MS_MAX;
        // Long enough for every question to be answered, and every Region to be back.
        let least = self.now_ms + 2 * ASK_TIMEOUT_MS;
        while self.now_ms < end {
            self.step()?;
            let idle = self.sites.iter().all(|site| site.node.running && site.node.is_idle());
            let under_way = self.queue.values().any(|event| matches!(event, Event::Deliver { .. }));
            if idle && !under_way && self.now_ms > least {
                self.trace.line(format_args!("{} all is quiet", self.now_ms));
                return Ok(());
            }
        }
        let all = self.sites.iter().map(|site| (site.node.region, &site.node)).collect();
        last::converged(&all, self.clock(0), &self.blobs)?;
        hold!("R2", false, "nothing came to rest");
        Ok(())
    }

    /// Asks again for every replica that has failed: its reason may be gone.
    fn drive_failed(&mut self) {
        let mut again = Vec::new();
        for (at, site) in self.sites.iter().enumerate() {
            let node = &site.node;
            for secret in last::secrets(node) {
                let Role::Primary { replicas } = &secret.role else { continue };
                for region in replicas {
                    let view = node.disk.store.replica(node.scope(), &secret.name, *region);
                    let Ok(Some(view)) = view else { continue };
                    if let ReplicaStatus::Failed { .. } = view.status {
                        let key = view.kms_key_id.as_deref().map(str::to_owned);
                        let name = secret.name.to_string();
                        let (to, overwrite) = (vec![(*region, key)], view.overwrite);
                        again.push((at, Action::Replicate { name, to, overwrite }));
                    }
                }
            }
        }
        for (at, action) in again {
            // A request that is refused leaves the failure as it was.
            let _ = self.request(at, action);
        }
    }

    fn push(&mut self, wait: u64, event: Event) {
        self.next_number += 1;
        self.queue.insert((self.now_ms + wait, self.next_number), event);
    }

    /// What a Region's clock shows.
    fn clock(&self, at: usize) -> Timestamp {
        let passed = i64::try_from(self.now_ms).unwrap() + i64::from(self.days) * DAY_MS;
        Timestamp::from_millis(START_MS + passed + self.sites[at].skew_ms)
    }

    fn note(&mut self, at: usize, text: core::fmt::Arguments<'_>) {
        let (number, now, region) = (self.events, self.now_ms, self.sites[at].node.region);
        self.trace.line(format_args!("{number} {now} {region} {text}"));
    }
}

/// An answer without its ciphertexts and values.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::Value { version, value } => format!("version {version}, {} bytes", value.len()),
        Reply::Key(id) => format!("key {id}"),
        Reply::Blob { blob, .. } => format!("{} bytes", blob.len()),
        Reply::Text(text) => format!("{} bytes", text.len()),
        Reply::Refused(why) => why.clone(),
    }
}
