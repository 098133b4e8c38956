//! Sending what peers have not acknowledged.
//!
//! One task per Region asks its senders what is due, composes it from the store and puts it on the
//! link. Whenever links change, Regions greet one another, so that waiting ends with the outage. A
//! state that proxies must be asked for waits in a task of its own: nothing else is sent later for it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use regent_core::cx::{Caller, Cx};
use regent_core::ids::Region;
use regent_core::ports::{Crypto, StoreFault, TransportKey};
use regent_core::records::{Key, Outbox, Prefix, Record, Scan, Subject};
use regent_core::replication::acknowledge::acknowledge;
use regent_core::replication::change::{Message, Outcome};
use regent_core::replication::compose::{Composed, compose};
use regent_core::replication::outbox::dequeue;
use regent_core::replication::sender::Item;
use regent_core::tx::{Records, Tx};
use tokio::task::JoinSet;

use super::proxies::Consultation;
use super::{Node, lock, now};

/// How often a peer whose key is not known is greeted again.
const GREETING_INTERVAL: Duration = Duration::from_secs(1);
/// LIMIT: frames composed in one go, before other tasks get the thread.
const BURST: usize = 16;

/// A subject that a peer is to be told of.
#[derive(Debug)]
struct Due {
    peer: Region,
    key: TransportKey,
    item: Item,
    entry: Outbox,
}

/// Subjects whose states cannot be composed before external key store proxies have answered.
#[derive(Debug, Default)]
struct Consulting {
    tasks: JoinSet<(Region, Item)>,
    active: BTreeSet<(Region, Item)>,
}

impl Consulting {
    /// Lets go of those that have been answered.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            match ended {
                Ok(told) => drop(self.active.remove(&told)),
                // Which one panicked is not told. All may be asked for again.
                Err(_) => self.active.clear(),
            }
        }
    }
}

impl Node {
    /// Fills the senders from the outbox, as after a restart.
    ///
    /// The keys come first, under their own lock: whoever sends takes it before that of the senders.
    pub(super) fn load_outbox(&self) -> Result<(), StoreFault> {
        let peers = || self.regions.iter().copied().filter(|peer| *peer != self.region);
        for peer in peers() {
            let known = self.store.get(&Key::Peer { region: self.region, peer })?;
            if let Some(Record::Peer(key)) = known.map(|stored| stored.record) {
                self.peer_keys.write().unwrap_or_else(PoisonError::into_inner).insert(peer, key);
            }
        }
        // Held throughout: what is committed after the scan is noted after it.
        let mut senders = lock(&self.effects.senders);
        senders.clear();
        for peer in peers() {
            let sender = senders.entry(peer).or_default();
            let prefix = Prefix::Outbox { region: self.region, peer };
            self.store.scan(&Scan::all(prefix), &mut |key, record| {
                if let (Key::Outbox { account, subject, .. }, Record::Outbox(entry)) = (key, record)
                {
                    sender.note(now(), (account, subject), Some(entry));
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }

    /// Sends until the process ends.
    pub async fn replicate(self: Arc<Self>) {
        let mut changes = self.links.changes();
        let mut consulting = Consulting::default();
        self.greet_all();
        loop {
            consulting.reap();
            let sent = self.transmit_due(&mut consulting).await;
            self.measure();
            if sent {
                tokio::task::yield_now().await;
                continue;
            }
            let wait = self.next_wait();
            tokio::select! {
                () = self.effects.outbox_changed.notified() => {}
                () = tokio::time::sleep(wait) => self.greet_strangers(),
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.greet_all();
                }
            }
        }
    }

    /// Sends a bounded number of what is due. Whether there was anything.
    async fn transmit_due(self: &Arc<Self>, consulting: &mut Consulting) -> bool {
        if self.links.is_down(self.region).is_some() {
            return false;
        }
        let mut due = Vec::new();
        {
            let peer_keys = self.peer_keys.read().unwrap_or_else(PoisonError::into_inner);
            let mut senders = lock(&self.effects.senders);
            for (peer, sender) in senders.iter_mut() {
                let Some(key) = peer_keys.get(peer) else { continue };
                while due.len() < BURST
                    && let Some((item, entry)) = sender.poll_transmit(now())
                {
                    due.push(Due { peer: *peer, key: key.clone(), item, entry });
                }
            }
        }
        let any = !due.is_empty();
        for due in due {
            let told = (due.peer, due.item.clone());
            // It is sent when the proxies have answered.
            if consulting.active.contains(&told) {
                continue;
            }
            let mut consultation = Consultation::own();
            match self.transmit(&due, &mut consultation).await {
                Ok(true) => {}
                Ok(false) => {
                    consulting.active.insert(told);
                    consulting.tasks.spawn(Arc::clone(self).transmit_later(due, consultation));
                }
                Err(StoreFault) => self.not_composed(due.peer),
            }
        }
        any
    }

    /// Sends one state, once proxies have answered what it needs. Gives what it was.
    async fn transmit_later(
        self: Arc<Self>,
        due: Due,
        mut consultation: Consultation,
    ) -> (Region, Item) {
        // Without a turn it is due again soon, as if it had been lost.
        if let Ok(_turn) = self.consulting.try_acquire() {
            let sent = async {
                loop {
                    consultation.ask(&self).await?;
                    if self.transmit(&due, &mut consultation).await? {
                        return Ok(());
                    }
                }
            };
            if let Err(StoreFault) = sent.await {
                self.not_composed(due.peer);
            }
        }
        (due.peer, due.item)
    }

    fn not_composed(&self, peer: Region) {
        tracing::error!(region = %self.region, %peer, "a state could not be composed");
    }

    /// Sends one state, if it takes no proxy's answer that is not there. Whether it did not.
    async fn transmit(
        &self,
        due: &Due,
        consultation: &mut Consultation,
    ) -> Result<bool, StoreFault> {
        let Due { peer, key, item: (account, subject), entry } = due;
        let (peer, account) = (*peer, *account);
        let _replicating = self.replicating.read().await;
        let caller = Caller::account_root(account, self.region);
        let composed = self.as_caller(&caller, consultation, |cx| {
            compose(cx, &*self.store, peer, key, subject, entry)
        });
        let Some(composed) = composed else { return Ok(false) };
        match composed? {
            Composed::Send(message) => self.send(peer, message),
            Composed::Obsolete => {
                self.transact(account, |cx, tx| forget(cx, tx, peer, subject, entry)).await?;
            }
            Composed::Failed { at, failure } => {
                let outcome = Outcome::Failed(failure);
                self.transact(account, |cx, tx| {
                    acknowledge(cx, tx, peer, subject, at, outcome.clone())
                })
                .await?;
            }
        }
        Ok(true)
    }

    fn greet_all(&self) {
        for peer in self.regions.iter().copied().filter(|peer| *peer != self.region) {
            self.greet(peer);
        }
    }

    /// Greets the peers that sealed messages cannot be sent to yet.
    fn greet_strangers(&self) {
        for peer in self.regions.iter().copied().filter(|peer| *peer != self.region) {
            let known = self.peer_keys.read().unwrap_or_else(PoisonError::into_inner);
            if !known.contains_key(&peer) {
                drop(known);
                self.greet(peer);
            }
        }
    }

    fn greet(&self, peer: Region) {
        self.send(peer, Message::Hello { key: self.crypto.transport_key(), answer: true });
    }

    fn next_wait(&self) -> Duration {
        let next = lock(&self.effects.senders)
            .values()
            .filter_map(regent_core::replication::sender::Sender::poll_timeout)
            .min();
        let down = self.links.is_down(self.region).is_some();
        let wait = next.filter(|_| !down).map_or(GREETING_INTERVAL, |at| at.since(now()));
        wait.clamp(Duration::from_millis(1), GREETING_INTERVAL)
    }

    /// Publishes backlog and lag of each link.
    fn measure(&self) {
        for (peer, sender) in lock(&self.effects.senders).iter() {
            if let Some(counts) = self.links.counts(self.region, *peer) {
                counts.backlog.store(sender.backlog() as u64, Ordering::Relaxed);
                let lag = u64::try_from(sender.lag(now()).as_millis()).unwrap_or(u64::MAX);
                counts.lag_ms.store(lag, Ordering::Relaxed);
            }
        }
    }
}

/// Takes an entry off the outbox unless it has changed meanwhile.
fn forget(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    peer: Region,
    subject: &Subject,
    entry: &Outbox,
) -> Result<(), StoreFault> {
    if tx.outbox(cx.scope(), peer, subject)?.as_ref() == Some(entry) {
        dequeue(tx, cx.scope(), peer, subject.clone());
    }
    Ok(())
}
