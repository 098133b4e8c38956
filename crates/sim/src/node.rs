//! One Region as the shell runs it: requests, messages, senders, deadlines, over one disk.
//!
//! Mirrors `regent::node` event by event. What it remembers besides its store is volatile: a crash
//! forgets it and a start rebuilds it from the store. It touches its own disk and nothing else;
//! everything for others is put into [`Out`] (promise R4).

mod stacks;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use regent_core::cx::{Answers, Ask, Caller, Cx, Functions, Origin, Profile};
use regent_core::ids::{AccountId, Region, RequestId, Scope};
use regent_core::keys::proxy::Proxies;
use regent_core::keys::usage::Uses;
use regent_core::ports::{Crypto, Read, StoreFault, TransportKey, random};
use regent_core::records::{Key, Prefix, Record, Scan};
use regent_core::replication::change::{Answer, Message, Outcome, Question};
use regent_core::replication::compose::{Composed, compose};
use regent_core::replication::probe;
use regent_core::replication::sender::{Item, Sender};
use regent_core::roles::NoRoles;
use regent_core::time::Timestamp;
use regent_core::tx::{Batch, Tx};
use regent_store::Store;

use crate::disk::{Change, Disk, Synced};
use crate::job::{Asker, Asking, Job, Next, Product, Request};
use crate::perform::{Kept, Progress, Reply, perform};
use crate::rng::Rng;
use crate::world::Break;

/// LIMIT: frames composed in one go, as in the shell.
const BURST: usize = 16;

/// What one event made a Region do to the world outside.
#[derive(Debug, Default)]
pub struct Out {
    pub frames: Vec<(Region, Message)>,
    /// Questions that time out if they are not answered.
    pub asked: Vec<u64>,
    pub replies: Vec<(Box<Request>, Reply)>,
    /// What was answered to whose question.
    pub vouched: Vec<(Region, Question, Answer)>,
    /// Work that the store could not do, which never happens here unless something is broken.
    pub faults: Vec<String>,
    /// Commits that are now durable, and what they were for.
    pub commits: Vec<(Job, Vec<Change>)>,
    /// Commits that a client was told of before they were durable: never, unless that is broken.
    pub promised: Vec<Vec<Change>>,
}

/// What a Region forgets in a crash.
#[derive(Debug, Default)]
struct Volatile {
    senders: BTreeMap<Region, Sender>,
    peer_keys: BTreeMap<Region, TransportKey>,
    asking: Asking,
    next_ask: u64,
    account_ready: bool,
    /// A deadline is being handled.
    timing: bool,
    stacks: stacks::Active,
}

/// One Region.
pub struct Node {
    pub region: Region,
    pub regions: Arc<[Region]>,
    pub profile: Profile,
    pub account: AccountId,
    pub crypto: Rc<dyn Crypto>,
    pub disk: Disk,
    pub running: bool,
    /// How often it was started.
    pub boots: u64,
    rng: Rng,
    broken: Option<Break>,
    volatile: Volatile,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Node").field("region", &self.region).finish_non_exhaustive()
    }
}

/// What a node is made of.
pub struct Parts {
    pub region: Region,
    pub regions: Arc<[Region]>,
    pub profile: Profile,
    pub account: AccountId,
    pub crypto: Rc<dyn Crypto>,
    pub rng: Rng,
    pub broken: Option<Break>,
}

impl core::fmt::Debug for Parts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Node {
    pub fn new(parts: Parts) -> Self {
        let Parts { region, regions, profile, account, crypto, rng, broken } = parts;
        Self {
            region,
            regions,
            profile,
            account,
            crypto,
            disk: Disk::default(),
            running: false,
            boots: 0,
            rng,
            broken,
            volatile: Volatile::default(),
        }
    }

    pub fn scope(&self) -> Scope {
        Scope { region: self.region, account: self.account }
    }

    /// Starts with what the store holds.
    pub fn start(&mut self, now: Timestamp, out: &mut Out) {
        self.running = true;
        self.boots += 1;
        // Not from one: an answer to a question from before the crash may still be under way.
        self.volatile = Volatile { next_ask: self.rng.next(), ..Volatile::default() };
        for peer in self.peers() {
            let sender = self.volatile.senders.entry(peer).or_default();
            let prefix = Prefix::Outbox { region: self.region, peer };
            let scanned = self.disk.store.scan(&Scan::all(prefix), &mut |key, record| {
                if let (Key::Outbox { account, subject, .. }, Record::Outbox(entry)) = (key, record)
                {
                    sender.note(now, (account, subject), Some(entry));
                }
                ControlFlow::Continue(())
            });
            scanned.unwrap();
            let known = self.disk.store.get(&Key::Peer { region: self.region, peer }).unwrap();
            if let Some(Record::Peer(key)) = known.map(|stored| stored.record) {
                self.volatile.peer_keys.insert(peer, key);
            }
        }
        self.find_stacks();
        self.greet_all(out);
    }

    /// Stops without warning. What the disk turned out to have kept, and whose requests are lost.
    pub fn crash(&mut self) -> (Vec<Synced>, Vec<Request>) {
        let mut lost: Vec<Request> = self.volatile.asking.requests().cloned().collect();
        for job in self.disk.jobs() {
            match job {
                Job::Client(request) | Job::Ensure(Next::Client(request)) => {
                    lost.push(Request::clone(request));
                }
                _ => {}
            }
        }
        self.running = false;
        self.volatile = Volatile::default();
        let rng = self.rng.clone();
        let kept = self.disk.crash(|written| rng.below(written + 1));
        (kept, lost)
    }

    /// Begins a client's request.
    pub fn request(&mut self, now: Timestamp, request: Request, blobs: &[Kept], out: &mut Out) {
        self.with_account(now, Next::Client(Box::new(request)), blobs, out);
    }

    /// Takes a message that arrived.
    pub fn receive(
        &mut self,
        now: Timestamp,
        from: Region,
        message: Message,
        blobs: &[Kept],
        out: &mut Out,
    ) {
        match message {
            Message::Answer { id, answer } => self.answered(now, id, answer, blobs, out),
            Message::Ask { id, question } => {
                let question = Box::new(question);
                self.with_account(now, Next::Consider { from, id, question }, blobs, out);
            }
            Message::Hello { key, answer } => {
                if answer {
                    let key = self.crypto.transport_key();
                    out.frames.push((from, Message::Hello { key, answer: false }));
                }
                if self.volatile.peer_keys.get(&from) == Some(&key) {
                    self.heard(now, from);
                } else {
                    self.run(now, Job::Greeted { from, key }, blobs, out);
                }
            }
            message => {
                let message = Box::new(self.misheard(message));
                self.run(now, Job::Apply { from, message }, blobs, out);
            }
        }
    }

    /// A question was answered, or nobody will answer it any more.
    pub fn answered(
        &mut self,
        now: Timestamp,
        id: u64,
        answer: Answer,
        blobs: &[Kept],
        out: &mut Out,
    ) {
        if let Some(asker) = self.volatile.asking.answer(id, answer) {
            self.run(now, asker.into_job(), blobs, out);
        }
    }

    /// The disk syncs.
    pub fn sync(&mut self, now: Timestamp, blobs: &[Kept], out: &mut Out) {
        for synced in self.disk.sync() {
            match synced {
                Synced::Conflict(job) => self.run(now, job, blobs, out),
                Synced::Committed { job, product, changes } => {
                    self.note(now, &changes);
                    self.finish(now, job.clone(), product, blobs, out);
                    out.commits.push((job, changes));
                }
            }
        }
    }

    /// Sends what is due and handles a deadline. When to look again, at the latest.
    pub fn pump(&mut self, now: Timestamp, blobs: &[Kept], out: &mut Out) -> u64 {
        self.transmit_due(now, blobs, out);
        let deadline = self.next_deadline();
        if let Some(Key::Deadline { at, .. }) = &deadline
            && *at <= now
            && !self.volatile.timing
        {
            self.volatile.timing = true;
            self.run(now, Job::Deadline(deadline.unwrap()), blobs, out);
        }
        self.step_stacks(now, blobs, out);
        let due = self.volatile.senders.iter().filter_map(|(peer, sender)| {
            self.volatile.peer_keys.contains_key(peer).then(|| sender.poll_timeout()).flatten()
        });
        let wait = due.min().map_or(1000, |at| at.since(now).as_millis());
        u64::try_from(wait).unwrap_or(1000).clamp(20, 1000)
    }

    /// Greets those peers that nothing can be sealed to yet.
    pub fn greet_strangers(&self, out: &mut Out) {
        for peer in self.peers().filter(|peer| !self.volatile.peer_keys.contains_key(peer)) {
            self.greet(peer, out);
        }
    }

    pub fn greet_all(&self, out: &mut Out) {
        for peer in self.peers() {
            self.greet(peer, out);
        }
    }

    /// Calls `work` in the circumstances of the Region's own account.
    pub fn as_root<T>(&self, now: Timestamp, work: impl FnOnce(&Cx<'_>) -> T) -> T {
        let id = RequestId::from_entropy([0; 16]);
        self.with_cx(now, self.account, id, &Answers::new(), None, work)
    }

    fn greet(&self, peer: Region, out: &mut Out) {
        let key = self.crypto.transport_key();
        out.frames.push((peer, Message::Hello { key, answer: true }));
    }

    fn heard(&mut self, now: Timestamp, from: Region) {
        if let Some(sender) = self.volatile.senders.get_mut(&from) {
            sender.heard(now);
        }
    }

    fn peers(&self) -> impl Iterator<Item = Region> + use<> {
        let own = self.region;
        let regions = Arc::clone(&self.regions);
        (0..regions.len()).map(move |at| regions[at]).filter(move |peer| *peer != own)
    }

    fn with_account(&mut self, now: Timestamp, next: Next, blobs: &[Kept], out: &mut Out) {
        if self.volatile.account_ready {
            self.go_on(now, next, blobs, out);
        } else {
            self.run(now, Job::Ensure(next), blobs, out);
        }
    }

    fn go_on(&mut self, now: Timestamp, next: Next, blobs: &[Kept], out: &mut Out) {
        match next {
            Next::Client(request) => self.run(now, Job::Client(request), blobs, out),
            Next::Consider { from, id, question } if !question.only_reads() => {
                self.run(now, Job::Grant { from, id, question }, blobs, out);
            }
            Next::Consider { from, id, question } => {
                let store = Rc::clone(&self.disk.store);
                let principal = question.caller().caller().unwrap();
                let id_of_request = self.new_request_id();
                let answers = Answers::new();
                let answer = self.with_cx(
                    now,
                    self.account,
                    id_of_request,
                    &answers,
                    Some(&principal),
                    |cx| probe::answer(cx, &*store, &question),
                );
                match answer {
                    Ok(answer) => {
                        out.vouched.push((from, *question, answer.clone()));
                        out.frames.push((from, Message::Answer { id, answer }));
                    }
                    Err(StoreFault) => out.faults.push(format!("probe of {question:?}")),
                }
            }
        }
    }

    /// Does a job's work, and puts its writes on the way to the disk.
    fn run(&mut self, now: Timestamp, job: Job, blobs: &[Kept], out: &mut Out) {
        let job = match job {
            Job::Client(request) => return self.run_client(now, request, blobs, out),
            Job::StackStep(step) => return self.run_step(now, step, blobs, out),
            Job::Grant { from, id, question } => {
                return self.run_grant(now, (from, id, question), blobs, out);
            }
            job => job,
        };
        let id = self.new_request_id();
        let account = job.account(self.account);
        let store = Rc::clone(&self.disk.store);
        let result = self.with_cx(now, account, id, &Answers::new(), None, |cx| {
            let mut tx = Tx::new(&*store);
            self.prepare(&job, cx, &mut tx);
            job.work(cx, &mut tx).map(|message| (message, tx.into_batch()))
        });
        match result {
            Ok((message, batch)) => {
                self.submit(now, job, Product::Message(message), batch, blobs, out);
            }
            Err(StoreFault) => out.faults.push(format!("{job:?}")),
        }
    }

    fn run_client(&mut self, now: Timestamp, request: Box<Request>, blobs: &[Kept], out: &mut Out) {
        let store = Rc::clone(&self.disk.store);
        let progress =
            self.with_cx(request.now, self.account, request.id, &request.answers, None, |cx| {
                perform(cx, &*store, &request.action, blobs)
            });
        match progress {
            Progress::Commit(reply, batch) => {
                if self.broken == Some(Break::AnswerBeforeSync) {
                    out.replies.push((request.clone(), reply.clone()));
                    out.promised.push(changes_of(&batch));
                }
                self.submit(now, Job::Client(request), Product::Reply(reply), batch, blobs, out);
            }
            Progress::Answer(reply, touch) => {
                if let Some(touch) = touch {
                    self.run(now, Job::Touch(touch), blobs, out);
                }
                out.replies.push((request, reply));
            }
            Progress::Ask(asks) => self.ask(Asker::Client(request), asks, out),
            Progress::Fault => out.faults.push(format!("{:?}", request.action)),
        }
    }

    fn ask(&mut self, asker: Asker, asks: Vec<Ask>, out: &mut Out) {
        let mut questions = Vec::new();
        for ask in asks {
            self.volatile.next_ask = self.volatile.next_ask.wrapping_add(1);
            let id = self.volatile.next_ask;
            let question = ask.question.clone();
            out.frames.push((ask.region, Message::Ask { id, question }));
            out.asked.push(id);
            questions.push((id, ask.region, ask.question));
        }
        self.volatile.asking.wait(asker, questions);
    }

    fn submit(
        &mut self,
        now: Timestamp,
        job: Job,
        product: Product,
        mut batch: Batch,
        blobs: &[Kept],
        out: &mut Out,
    ) {
        self.spoil(&job, &mut batch);
        if batch.writes.is_empty() {
            self.finish(now, job, product, blobs, out);
        } else {
            self.disk.submit(job, product, batch);
        }
    }

    /// What a job does once its writes, if any, are durable.
    fn finish(
        &mut self,
        now: Timestamp,
        job: Job,
        product: Product,
        blobs: &[Kept],
        out: &mut Out,
    ) {
        match (job, product) {
            (Job::Client(request), Product::Reply(reply))
                if self.broken != Some(Break::AnswerBeforeSync) =>
            {
                out.replies.push((request, reply));
            }
            (Job::Ensure(next), _) => {
                self.volatile.account_ready = true;
                self.go_on(now, next, blobs, out);
            }
            (Job::Apply { from, message }, Product::Message(reply)) => {
                if let Message::Acknowledged { account, subject, outcome, .. } = *message
                    && outcome == Outcome::Lacking
                    && let Some(sender) = self.volatile.senders.get_mut(&from)
                {
                    sender.answered(now, &(account, subject));
                }
                out.frames.extend(reply.map(|reply| (from, reply)));
            }
            (Job::Greeted { from, key }, _) => {
                self.volatile.peer_keys.insert(from, key);
                self.heard(now, from);
            }
            (Job::Deadline(_), _) => self.volatile.timing = false,
            (Job::StackStep(step), _) => self.volatile.stacks.go_on(step.id),
            (Job::Grant { from, id, .. }, Product::Answer(answer)) => {
                out.frames.push((from, Message::Answer { id, answer }));
            }
            _ => {}
        }
    }

    /// Tells the senders what a commit changed in the outbox, and the stacks what concerns them.
    fn note(&mut self, now: Timestamp, changes: &[Change]) {
        for change in changes {
            self.volatile.stacks.note(change);
            if let Key::Outbox { peer, account, subject, .. } = &change.key {
                let entry = match &change.after {
                    Some(Record::Outbox(entry)) => Some(*entry),
                    _ => None,
                };
                let sender = self.volatile.senders.entry(*peer).or_default();
                sender.note(now, (*account, subject.clone()), entry);
            }
        }
    }

    fn transmit_due(&mut self, now: Timestamp, blobs: &[Kept], out: &mut Out) {
        let mut due = Vec::new();
        for (peer, sender) in &mut self.volatile.senders {
            let Some(key) = self.volatile.peer_keys.get(peer) else { continue };
            while due.len() < BURST
                && let Some((item, entry)) = sender.poll_transmit(now)
            {
                due.push((*peer, key.clone(), item, entry));
            }
        }
        for (peer, key, item, entry) in due {
            let store = Rc::clone(&self.disk.store);
            let id = self.new_request_id();
            let composed = self.with_cx(now, item.0, id, &Answers::new(), None, |cx| {
                compose(cx, &*store, peer, &key, &item.1, &entry)
            });
            match composed {
                Ok(Composed::Send(message)) => out.frames.push((peer, message)),
                Ok(Composed::Obsolete) => {
                    self.run(now, Job::Forget { peer, item, entry }, blobs, out);
                }
                Ok(Composed::Failed { at, failure }) => {
                    self.run(now, Job::Unsendable { peer, item, at, failure }, blobs, out);
                }
                Err(StoreFault) => out.faults.push(format!("composing {item:?}")),
            }
        }
    }

    fn next_deadline(&self) -> Option<Key> {
        let mut first = None;
        let scan = Scan::all(Prefix::Deadlines { region: self.region });
        let scanned = self.disk.store.scan(&scan, &mut |key, _| {
            first = Some(key);
            ControlFlow::Break(())
        });
        scanned.unwrap();
        first
    }

    fn new_request_id(&self) -> RequestId {
        RequestId::from_entropy(random(&self.rng))
    }

    fn with_cx<T>(
        &self,
        now: Timestamp,
        account: AccountId,
        request_id: RequestId,
        answers: &Answers,
        caller: Option<&Caller>,
        work: impl FnOnce(&Cx<'_>) -> T,
    ) -> T {
        let origin = Origin {
            source_ip: std::net::IpAddr::from([127, 0, 0, 1]),
            secure_transport: true,
            user_agent: "simulator".into(),
        };
        let root = Caller::account_root(account, self.region);
        work(&Cx {
            now,
            region: self.region,
            caller: caller.unwrap_or(&root),
            request_id,
            origin: &origin,
            profile: self.profile,
            regions: &self.regions,
            answers,
            functions: &Functions::new(),
            roles: &NoRoles,
            entropy: &self.rng,
            crypto: &*self.crypto,
            proxies: &Proxies::default(),
            uses: &Uses::default(),
            system_tags: None,
        })
    }

    /// The sequence number of the store, by which one Region's island is told from another's.
    pub fn seq(&self) -> u64 {
        self.disk.store.seq()
    }

    /// Whether nothing is waiting to be done or sent.
    pub fn is_idle(&self) -> bool {
        self.disk.is_idle()
            && self.volatile.stacks.is_empty()
            && self.volatile.senders.values().all(|sender| sender.backlog() == 0)
    }

    /// What the peers have not acknowledged, as the senders see it.
    pub fn backlog(&self, item: &Item) -> usize {
        self.volatile.senders.values().filter(|sender| sender.is_behind(item)).count()
    }
}

/// The faults that are built in on purpose, so that the checkers are seen to fail.
impl Node {
    /// A message as a broken Region takes it.
    fn misheard(&self, message: Message) -> Message {
        match message {
            Message::Acknowledged { account, subject, at, outcome: Outcome::Failed(_) }
                if self.broken == Some(Break::SilentFailure) =>
            {
                Message::Acknowledged { account, subject, at, outcome: Outcome::Applied }
            }
            message => message,
        }
    }

    /// What a broken Region does before it applies a message.
    fn prepare(&self, job: &Job, cx: &Cx<'_>, tx: &mut Tx<'_>) {
        if self.broken == Some(Break::ApplyLateFrames)
            && let Job::Apply { message, .. } = job
            && let Message::Secret(state) = &**message
        {
            tx.remove(Key::Secret { scope: cx.scope(), name: state.arn.name.clone() });
        }
    }

    /// What a broken Region writes.
    fn spoil(&self, job: &Job, batch: &mut Batch) {
        if let Job::StackStep(step) = job {
            self.spoil_step(step, batch);
        }
        match self.broken {
            Some(Break::DropTombstones) => {
                batch.writes.retain(|key, _| !matches!(key, Key::Tombstone { .. }));
            }
            Some(Break::ForgetOutbox) if self.rng.percent(10) => {
                batch.writes.retain(|key, _| !matches!(key, Key::Outbox { .. }));
            }
            Some(Break::ForgetOldMaterial) if matches!(job, Job::Apply { .. }) => {
                for record in batch.writes.values_mut().flatten() {
                    if let Record::KmsKey(key) = record {
                        let materials = &mut Arc::make_mut(key).materials;
                        materials.drain(..materials.len() - 1);
                    }
                }
            }
            Some(Break::KeepEpoch) if is_detach(job) => {
                for record in batch.writes.values_mut().flatten() {
                    if let Record::Secret(secret) = record {
                        Arc::make_mut(secret).at.epoch -= 1;
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_detach(job: &Job) -> bool {
    match job {
        Job::Client(request) => matches!(request.action, crate::workload::Action::Detach { .. }),
        _ => false,
    }
}

fn changes_of(batch: &Batch) -> Vec<Change> {
    let changes = batch.writes.iter();
    changes
        .map(|(key, after)| Change { key: key.clone(), before: None, after: after.clone() })
        .collect()
}
