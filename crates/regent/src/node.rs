//! One Region: its store, its cryptography, its replication and its timers.
//!
//! The shell around the core. It runs operations on the store and commits what they ask for, sends
//! what the outbox says, applies what peers say, and handles deadlines. It decides nothing: each
//! decision is the core's, and each of its results is committed before anybody hears of it (R1).

mod effects;
mod inbound;
mod outbound;
mod proxies;
mod rotations;
mod stacks;
mod timers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use regent_core::cx::{self, Answers, Ask, Caller, Cx, Origin, Profile};
use regent_core::engine::Touch;
use regent_core::ids::{AccountId, Region, RequestId, Scope};
use regent_core::keys::event::KeyEvent;
use regent_core::keys::managed;
use regent_core::keys::usage::{self, LastUse, Uses};
use regent_core::ports::{StoreFault, TransportKey, random};
use regent_core::records::{Key, Subject};
use regent_core::replication::change::{Answer, Message};
use regent_core::replication::sender::Item;
use regent_core::secrets::accessed;
use regent_core::secrets::event::ServiceEvent;
use regent_core::time::Timestamp;
use regent_core::tx::{Batch, Tx};
use regent_crypto::{RegionCrypto, SystemEntropy};
use regent_store::{CommitError, Store};
use regent_wire::fault::{Answer as Response, Fault};
use regent_wire::operations::{Operation, Outcome};
use regent_wire::peer::{self, Frame};
use regent_wire::query_xml::Format;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::audit_log::AuditLog;
use crate::credentials::AccessKeys;
use crate::functions::Functions;
use crate::links::Links;
use crate::proxies::AllowedProxies;
use effects::{Consequences, Effects};
use proxies::{CONSULTING_MAX, Consultation};

/// How long a request waits for another Region's word before it is refused.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a request that replicates a key waits for the replica to be there.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(1);
/// LIMIT: operations that take long, such as making an RSA key, at the same time in one Region.
const SLOW_MAX: usize = 2;
/// LIMIT: reads that wait to be noted. What does not fit is noted by a later read of that day.
const TOUCHES_MAX: usize = 4096;
/// LIMIT: reads that are noted with one commit, which nobody's write should wait for long.
const TOUCHED_TOGETHER_MAX: usize = 256;
/// LIMIT: keys whose uses are noted with one commit.
const KEY_USES_TOGETHER_MAX: usize = 256;
/// How long a use of a key waits to be written.
const KEY_USES_EVERY: Duration = Duration::from_secs(1);

/// One request, authenticated.
#[derive(Debug, Clone)]
pub struct Call {
    pub operation: &'static Operation,
    pub body: Bytes,
    pub format: Format,
    pub caller: Arc<Caller>,
    pub origin: Origin,
    pub request_id: RequestId,
    /// The id of its audit record.
    pub event_id: RequestId,
    pub now: Timestamp,
}

impl Call {
    /// When it came, its id, and that of its audit record.
    const fn named(&self) -> (Timestamp, RequestId, RequestId) {
        (self.now, self.request_id, self.event_id)
    }
}

/// What came of running a transaction once.
enum Attempt<T> {
    Done(T),
    /// A record that it read has changed since.
    Conflict,
    /// It lacked answers of external key store proxies.
    Void,
}

/// What the client gets.
pub type Reply = Result<Response, Fault>;

/// One Region.
pub struct Node {
    region: Region,
    regions: Arc<[Region]>,
    profile: Profile,
    store: Arc<dyn Store>,
    crypto: Arc<RegionCrypto>,
    links: Arc<Links>,
    effects: Arc<Effects>,
    functions: Arc<Functions>,
    allowed_proxies: Arc<AllowedProxies>,
    /// Those that rotate secrets of this Region.
    own_functions: cx::Functions,
    audit: Arc<AuditLog>,
    peer_keys: RwLock<BTreeMap<Region, TransportKey>>,
    /// Held for reading while a message is made or applied, so that none is while all is emptied.
    replicating: Arc<tokio::sync::RwLock<()>>,
    /// Questions that requests of this Region wait for.
    asked: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>,
    next_ask: AtomicU64,
    /// Turns of messages that wait for external key store proxies.
    consulting: Semaphore,
    /// Accounts whose managed key is known to exist.
    accounts: Mutex<BTreeSet<AccountId>>,
    /// Turns of operations that take long.
    slow: Semaphore,
    touches: mpsc::Sender<Touch>,
    key_uses: Mutex<usage::Waiting>,
    principals: Arc<AccessKeys>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("region", &self.region).finish_non_exhaustive()
    }
}

/// What a node is made of.
pub struct Parts {
    pub region: Region,
    pub regions: Arc<[Region]>,
    pub profile: Profile,
    pub store: Arc<dyn Store>,
    pub crypto: RegionCrypto,
    pub links: Arc<Links>,
    pub functions: Arc<Functions>,
    pub proxies: Arc<AllowedProxies>,
    pub principals: Arc<AccessKeys>,
    /// Where the service's own events go, and the calls of stacks.
    pub audit: Arc<AuditLog>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Node {
    /// A node over an open store, and the reads that it will want noted.
    pub fn new(parts: Parts) -> Result<(Arc<Self>, mpsc::Receiver<Touch>), StoreFault> {
        let Parts {
            region,
            regions,
            profile,
            store,
            crypto,
            links,
            functions,
            proxies,
            principals,
            audit,
        } = parts;
        let (touches, touched) = mpsc::channel(TOUCHES_MAX);
        let node = Self {
            region,
            regions,
            profile,
            store,
            crypto: Arc::new(crypto),
            links,
            effects: Arc::default(),
            own_functions: functions.of(region),
            functions,
            allowed_proxies: proxies,
            audit,
            peer_keys: RwLock::default(),
            replicating: Arc::default(),
            asked: Mutex::default(),
            next_ask: AtomicU64::new(1),
            consulting: Semaphore::new(CONSULTING_MAX),
            accounts: Mutex::default(),
            slow: Semaphore::new(SLOW_MAX),
            touches,
            key_uses: Mutex::default(),
            principals,
        };
        node.load_outbox()?;
        Ok((Arc::new(node), touched))
    }

    pub fn region(&self) -> Region {
        self.region
    }

    /// Transactions committed since the start.
    pub fn commits(&self) -> u64 {
        self.effects.commits.load(Ordering::Relaxed)
    }

    /// Runs one operation to its end.
    pub async fn execute(&self, call: Call) -> Reply {
        let service = call.operation.service;
        self.run(&call).await.unwrap_or_else(|StoreFault| Err(Fault::internal(service)))
    }

    async fn run(&self, call: &Call) -> Result<Reply, StoreFault> {
        self.ensure_account(call.caller.account).await?;
        let mut answers = Answers::new();
        let mut consultation = Consultation::new(call.request_id);
        loop {
            let slow = call.operation.is_slow(&call.body);
            let turn = if slow { self.slow.acquire().await.ok() } else { None };
            let seq = self.store.seq();
            let uses = Uses::default();
            let outcome = consultation.run(|entropy, proxies| {
                let cx = Cx {
                    now: call.now,
                    region: self.region,
                    caller: &call.caller,
                    request_id: call.request_id,
                    origin: &call.origin,
                    profile: self.profile,
                    regions: &self.regions,
                    answers: &answers,
                    functions: &self.own_functions,
                    roles: self.principals.roles(),
                    entropy,
                    crypto: &*self.crypto,
                    proxies,
                    uses: &uses,
                    system_tags: None,
                };
                let run = || call.operation.run(&cx, &*self.store, &call.body, call.format);
                if slow { apart(run) } else { run() }
            });
            drop(turn);
            if consultation.is_void() {
                consultation.ask(self).await?;
                continue;
            }
            match outcome {
                Outcome::Answer { answer, reads, touches } => {
                    if self.store.seq() != seq && !self.store.unchanged(&reads)? {
                        continue;
                    }
                    for touch in touches {
                        // A full queue loses a day's note of a read, never the read.
                        let _ = self.touches.try_send(touch);
                    }
                    self.note_uses(call.named(), uses);
                    return Ok(Ok(answer));
                }
                Outcome::Commit { answer, batch } => {
                    let keys = keys_under_way(&batch);
                    match self.commit(batch).await {
                        Ok(()) => {
                            self.note_uses(call.named(), uses);
                            self.settle(keys).await;
                            return Ok(Ok(answer));
                        }
                        Err(CommitError::Conflict) => {}
                        Err(CommitError::Fault) => return Err(StoreFault),
                    }
                }
                Outcome::Ask(asks) => answers.extend(self.ask(asks).await),
                Outcome::Fault(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Makes sure that the account has its managed key here before anything else happens in it.
    async fn ensure_account(&self, account: AccountId) -> Result<(), StoreFault> {
        if lock(&self.accounts).contains(&account) {
            return Ok(());
        }
        let scope = Scope { region: self.region, account };
        self.transact(account, |cx, tx| managed::ensure(cx, tx, scope)).await?;
        lock(&self.accounts).insert(account);
        Ok(())
    }

    /// Runs a transaction of the node's own, on behalf of an account, until it is committed.
    async fn transact<T>(
        &self,
        account: AccountId,
        mut work: impl FnMut(&Cx<'_>, &mut Tx<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let mut consultation = Consultation::own();
        loop {
            match self.attempt(account, &mut consultation, &mut work).await? {
                Attempt::Done(result) => return Ok(result),
                Attempt::Conflict => {}
                Attempt::Void => consultation.ask(self).await?,
            }
        }
    }

    /// Runs such a transaction once. It asks no proxy.
    async fn attempt<T>(
        &self,
        account: AccountId,
        consultation: &mut Consultation,
        work: impl FnOnce(&Cx<'_>, &mut Tx<'_>) -> Result<T, StoreFault>,
    ) -> Result<Attempt<T>, StoreFault> {
        let caller = Caller::account_root(account, self.region);
        let worked = self.as_caller(&caller, consultation, |cx| {
            let mut tx = Tx::new(&*self.store);
            let result = work(cx, &mut tx)?;
            Ok((result, tx.into_batch()))
        });
        let Some(worked) = worked else { return Ok(Attempt::Void) };
        let (result, batch) = worked?;
        if batch.writes.is_empty() {
            return Ok(Attempt::Done(result));
        }
        match self.commit(batch).await {
            Ok(()) => Ok(Attempt::Done(result)),
            Err(CommitError::Conflict) => Ok(Attempt::Conflict),
            Err(CommitError::Fault) => Err(StoreFault),
        }
    }

    /// Calls `work` in the circumstances of the node itself, acting for somebody. `None` if it lacked
    /// answers of proxies.
    fn as_caller<T>(
        &self,
        caller: &Caller,
        consultation: &mut Consultation,
        work: impl FnOnce(&Cx<'_>) -> T,
    ) -> Option<T> {
        let origin = Origin {
            source_ip: std::net::IpAddr::from([127, 0, 0, 1]),
            secure_transport: true,
            user_agent: "secretsmanager.amazonaws.com".into(),
        };
        let answers = Answers::new();
        let done = consultation.run(|entropy, proxies| {
            work(&Cx {
                now: now(),
                region: self.region,
                caller,
                request_id: consultation.request(),
                origin: &origin,
                profile: self.profile,
                regions: &self.regions,
                answers: &answers,
                functions: &self.own_functions,
                roles: self.principals.roles(),
                entropy,
                crypto: &*self.crypto,
                proxies,
                uses: &Uses::default(),
                system_tags: None,
            })
        });
        (!consultation.is_void()).then_some(done)
    }

    /// Commits a batch, and sets in motion what follows from it.
    async fn commit(&self, mut batch: Batch) -> Result<(), CommitError> {
        let events = std::mem::take(&mut batch.events);
        let key_events = std::mem::take(&mut batch.key_events);
        let audit = Arc::clone(&self.audit);
        let (sender, receiver) = oneshot::channel();
        let consequences = Consequences::of(&batch);
        let effects = Arc::clone(&self.effects);
        let crypto = changes_keys(&batch).then(|| Arc::clone(&self.crypto));
        self.store.commit_with(
            batch,
            Box::new(move |result| {
                // Here and not by the task that waits: its client may have gone away, and tasks
                // are not woken in the order of their commits.
                if result.is_ok() {
                    if let Some(crypto) = crypto {
                        crypto.forget_keys();
                    }
                    effects.committed(consequences);
                    record(&audit, &events, &key_events);
                }
                let _ = sender.send(result);
            }),
        );
        receiver.await.unwrap_or(Err(CommitError::Fault)).map(drop)
    }

    /// Asks other Regions and waits for their answers; silence is an answer too. A Region that is
    /// known to be down is not waited for.
    pub(crate) async fn ask(&self, asks: Vec<Ask>) -> Answers {
        let mut answers = Answers::new();
        let mut waiting = Vec::with_capacity(asks.len());
        for Ask { region, question } in asks {
            if self.links.is_down(region).is_some() {
                answers.insert((region, question), Answer::Unreachable);
                continue;
            }
            let id = self.next_ask.fetch_add(1, Ordering::Relaxed);
            let (sender, receiver) = oneshot::channel();
            lock(&self.asked).insert(id, sender);
            self.send(region, Message::Ask { id, question: question.clone() });
            waiting.push((id, (region, question), receiver));
        }
        let deadline = tokio::time::Instant::now() + ASK_TIMEOUT;
        for (id, key, receiver) in waiting {
            let answer = tokio::time::timeout_at(deadline, receiver).await;
            lock(&self.asked).remove(&id);
            answers.insert(key, answer.ok().and_then(Result::ok).unwrap_or(Answer::Unreachable));
        }
        answers
    }

    /// Waits, within reason, until peers hold the keys that were just replicated to them, so that
    /// the next request may use them there.
    async fn settle(&self, keys: Vec<(Region, Item)>) {
        if keys.is_empty() {
            return;
        }
        let settled = async {
            loop {
                let acknowledged = self.effects.acknowledged.notified();
                let behind = {
                    let senders = lock(&self.effects.senders);
                    let is_behind = |(peer, item): &(Region, Item)| {
                        self.links.is_down(*peer).is_none()
                            && senders.get(peer).is_some_and(|sender| sender.is_behind(item))
                    };
                    keys.iter().any(is_behind)
                };
                if !behind {
                    return;
                }
                // Another task may have been woken in between; look again now and then.
                let _ = tokio::time::timeout(Duration::from_millis(20), acknowledged).await;
            }
        };
        let _ = tokio::time::timeout(SETTLE_TIMEOUT, settled).await;
    }

    /// Notes reads, apart from the reads themselves. Those that have come meanwhile go together.
    pub async fn note_reads(self: Arc<Self>, mut touched: mpsc::Receiver<Touch>) {
        let mut touches = Vec::with_capacity(TOUCHED_TOGETHER_MAX);
        while touched.recv_many(&mut touches, TOUCHED_TOGETHER_MAX).await > 0 {
            let noted = self.note(&touches).await;
            if noted.is_err() {
                tracing::warn!(region = %self.region, "reads could not be noted");
            }
            touches.clear();
        }
    }

    /// Notes some reads with one commit; one by one if a write comes in between, so that a busy
    /// secret does not keep the others waiting.
    async fn note(&self, touches: &[Touch]) -> Result<(), StoreFault> {
        let account_of = |touch: &Touch| match &touch.secret {
            Key::Secret { scope, .. } => Some(scope.account),
            _ => None,
        };
        // Who reads is of no matter here; somebody must.
        let Some(account) = touches.iter().find_map(account_of) else { return Ok(()) };
        let all = |cx: &Cx<'_>, tx: &mut Tx<'_>| {
            touches.iter().try_for_each(|touch| accessed::touch(cx, tx, touch))
        };
        // Reads that were made already need no proxy.
        let noted = self.attempt(account, &mut Consultation::own(), all).await?;
        if matches!(noted, Attempt::Done(())) {
            return Ok(());
        }
        for touch in touches {
            self.transact(account, |cx, tx| accessed::touch(cx, tx, touch)).await?;
        }
        Ok(())
    }

    fn note_uses(&self, (at, request, event): (Timestamp, RequestId, RequestId), uses: Uses) {
        if uses.is_empty() {
            return;
        }
        let mut waiting = lock(&self.key_uses);
        for (key, operation) in uses.into_each() {
            waiting.note(key, LastUse { operation, at, request, event });
        }
    }

    /// Writes uses of keys now and then, apart from the uses themselves.
    pub async fn write_key_uses(self: Arc<Self>) {
        loop {
            let uses = lock(&self.key_uses).take(KEY_USES_TOGETHER_MAX);
            if let Some((first, _)) = uses.first() {
                let written = self.transact(first.scope.account, |_, tx| {
                    uses.iter().try_for_each(|(key, used)| usage::write(tx, *key, *used))
                });
                if written.await.is_err() {
                    tracing::warn!(region = %self.region, "uses of keys could not be noted");
                }
            }
            if uses.len() < KEY_USES_TOGETHER_MAX {
                tokio::time::sleep(KEY_USES_EVERY).await;
            }
        }
    }

    /// Waits until no message is being made or applied, and keeps it so.
    pub async fn pause(&self) -> tokio::sync::OwnedRwLockWriteGuard<()> {
        Arc::clone(&self.replicating).write_owned().await
    }

    /// Empties the store, for test suites.
    pub async fn reset(&self) -> Result<(), StoreFault> {
        let (sender, receiver) = oneshot::channel();
        self.store.wipe_with(Box::new(move |result| {
            let _ = sender.send(result);
        }));
        receiver.await.map_err(|_| StoreFault)?.map_err(|_| StoreFault)?;
        lock(&self.accounts).clear();
        lock(&self.key_uses).clear();
        self.crypto.forget_keys();
        self.load_outbox()
    }

    #[cfg(test)]
    pub(crate) fn remembers_keys(&self) -> bool {
        self.crypto.remembers_keys()
    }

    fn send(&self, to: Region, message: Message) {
        let frame = Frame { from: self.region, to, message };
        self.links.send(self.region, to, peer::encode(&frame));
    }
}

/// Does what takes long without keeping a worker from other requests, where there are several.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Multi-Region keys that a batch leaves peers behind with.
fn keys_under_way(batch: &Batch) -> Vec<(Region, Item)> {
    let entries = batch.writes.iter().filter(|(_, record)| record.is_some());
    entries
        .filter_map(|(key, _)| match key {
            Key::Outbox { peer, account, subject: subject @ Subject::Key { .. }, .. } => {
                Some((*peer, (*account, subject.clone())))
            }
            _ => None,
        })
        .collect()
}

/// Whether a batch changes a KMS key, or what else has a key wrapped in it, which may then be gone.
fn changes_keys(batch: &Batch) -> bool {
    batch.writes.keys().any(|key| matches!(key, Key::KmsKey { .. } | Key::Stack { .. }))
}

/// The clock of this process.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Has the services' own events in the audit log.
fn record(audit: &AuditLog, events: &[ServiceEvent], key_events: &[KeyEvent]) {
    let id = || RequestId::from_entropy(random(&SystemEntropy));
    let written = events.iter().map(|event| audit.append_event(event, id()));
    let keys = key_events.iter().map(|event| audit.append_key_event(event, id()));
    for cause in written.chain(keys).filter_map(Result::err) {
        tracing::error!(%cause, "an event could not be recorded");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use regent_core::ids::KeyId;
    use regent_core::stacks::ids::StackId;

    use super::*;

    /// PROMISE R7: whatever has a key wrapped in it lets go of opened keys when it is written or
    /// removed, and what has none leaves them.
    #[test]
    fn what_has_wrapped_keys_changes_keys() {
        let scope = Scope {
            region: "us-east-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        let changes = |key: Key| {
            let mut batch = Batch::default();
            batch.writes.insert(key, None);
            changes_keys(&batch)
        };
        assert!(changes(Key::KmsKey { scope, id: KeyId::from_bytes([1; 16], false) }));
        assert!(changes(Key::Stack { scope, id: StackId::from_bytes([1; 16]) }));
        assert!(!changes(Key::Secret { scope, name: "s".parse().unwrap() }));
    }
}
