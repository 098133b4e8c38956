//! Sending what peers have not acknowledged.
//!
//! One task per Region asks its senders what is due, composes it from the store and puts it on the
//! link. Whenever links change, Regions greet one another, so that waiting ends with the outage.

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

use super::{Node, lock, now};

/// How often a peer whose key is not known is greeted again.
const GREETING_INTERVAL: Duration = Duration::from_secs(1);
/// LIMIT: frames composed in one go, before other tasks get the thread.
const BURST: usize = 16;

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
        self.greet_all();
        loop {
            let sent = self.transmit_due().await;
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
    async fn transmit_due(&self) -> bool {
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
                    due.push((*peer, key.clone(), item, entry));
                }
            }
        }
        let any = !due.is_empty();
        for (peer, key, item, entry) in due {
            if self.transmit(peer, &key, item, entry).await.is_err() {
                tracing::error!(region = %self.region, %peer, "a state could not be composed");
            }
        }
        any
    }

    async fn transmit(
        &self,
        peer: Region,
        key: &TransportKey,
        (account, subject): Item,
        entry: Outbox,
    ) -> Result<(), StoreFault> {
        let _replicating = self.replicating.read().await;
        let caller = Caller::account_root(account, self.region);
        let composed = self
            .consult(&caller, |cx| compose(cx, &*self.store, peer, key, &subject, &entry))
            .await?;
        match composed {
            Composed::Send(message) => {
                self.send(peer, message);
                Ok(())
            }
            Composed::Obsolete => {
                self.transact(account, |cx, tx| forget(cx, tx, peer, &subject, &entry)).await
            }
            Composed::Failed { at, failure } => {
                let outcome = Outcome::Failed(failure);
                self.transact(account, |cx, tx| {
                    acknowledge(cx, tx, peer, &subject, at, outcome.clone())
                })
                .await
            }
        }
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
