//! Applying what peers say, many messages at once, and answering after the commit.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use regent_core::ids::{AccountId, Region};
use regent_core::ports::StoreFault;
use regent_core::replication::change::{Answer, Message, Outcome, Question};
use regent_core::replication::{probe, receiver};
use regent_wire::peer;
use tokio::sync::Semaphore;

use super::{Node, lock, now};
use crate::links::Inbox;

/// LIMIT: messages that are applied at once. They share the store's commits.
const APPLYING_MAX: usize = 64;

impl Node {
    /// Applies what arrives until the links are gone.
    pub async fn receive(self: Arc<Self>, mut inbox: Inbox) {
        let slots = Arc::new(Semaphore::new(APPLYING_MAX));
        while let Some(parcel) = inbox.recv().await {
            let Ok(frame) = peer::decode(&parcel.frame) else {
                tracing::warn!(region = %self.region, "a malformed frame was dropped");
                continue;
            };
            if frame.to != self.region || !self.regions.contains(&frame.from) {
                continue;
            }
            if let Message::Answer { id, answer } = frame.message {
                if let Some(waiting) = lock(&self.asked).remove(&id) {
                    let _ = waiting.send(answer);
                }
                continue;
            }
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let node = Arc::clone(&self);
            tokio::spawn(async move {
                let _replicating = node.replicating.read().await;
                if !node.links.is_current(&parcel) {
                    return;
                }
                if node.handle(frame.from, frame.message).await.is_err() {
                    tracing::error!(region = %node.region, "a message could not be applied");
                }
                drop(slot);
            });
        }
    }

    async fn handle(&self, from: Region, message: Message) -> Result<(), StoreFault> {
        match message {
            Message::Hello { key, answer } => self.greeted(from, key, answer).await,
            Message::Ask { id, question } => {
                let answer = self.consider(from, &question).await.unwrap_or(Answer::Unreachable);
                self.send(from, Message::Answer { id, answer });
                Ok(())
            }
            message => self.apply(from, message).await,
        }
    }

    async fn apply(&self, from: Region, message: Message) -> Result<(), StoreFault> {
        let Some(account) = receiver::account_of(&message) else { return Ok(()) };
        let lacking = match &message {
            Message::Acknowledged { subject, outcome, .. } => {
                if let Outcome::Failed(_) = outcome
                    && let Some(counts) = self.links.counts(self.region, from)
                {
                    counts.failures.fetch_add(1, Ordering::Relaxed);
                }
                // Only then is the same state to be sent again, with everything in it.
                (*outcome == Outcome::Lacking).then(|| (account, subject.clone()))
            }
            _ => None,
        };
        let reply = self
            .transact(account, |cx, tx| receiver::receive(cx, tx, from, message.clone()))
            .await?;
        if let Some(item) = lacking {
            if let Some(sender) = lock(&self.effects.senders).get_mut(&from) {
                sender.answered(now(), &item);
            }
            self.effects.outbox_changed.notify_one();
        }
        if let Some(reply) = reply {
            self.send(from, reply);
        }
        Ok(())
    }

    async fn greeted(
        &self,
        from: Region,
        key: regent_core::ports::TransportKey,
        answer: bool,
    ) -> Result<(), StoreFault> {
        let known = {
            let keys = self.peer_keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.get(&from) == Some(&key)
        };
        if !known {
            let record = regent_core::records::Key::Peer { region: self.region, peer: from };
            self.transact(AccountId::NOBODY, |_, tx| {
                tx.put(record.clone(), regent_core::records::Record::Peer(key.clone()));
                Ok(())
            })
            .await?;
            let mut keys = self.peer_keys.write().unwrap_or_else(PoisonError::into_inner);
            keys.insert(from, key);
        }
        if answer {
            let key = regent_core::ports::Crypto::transport_key(&self.crypto);
            self.send(from, Message::Hello { key, answer: false });
        }
        if let Some(sender) = lock(&self.effects.senders).get_mut(&from) {
            sender.heard(now());
        }
        self.effects.outbox_changed.notify_one();
        Ok(())
    }

    /// Answers whether this Region could hold what a peer wants to replicate here, or grants a stack
    /// there a replica of a key of this Region.
    async fn consider(&self, from: Region, question: &Question) -> Result<Answer, StoreFault> {
        let Some(principal) = question.caller().caller() else { return Ok(Answer::Unreachable) };
        self.ensure_account(question.account()).await?;
        if let Question::CanHold { .. } = question {
            return self.consult(&principal, |cx| probe::answer(cx, &*self.store, question)).await;
        }
        self.grant_replica(&principal, from, question).await
    }
}
