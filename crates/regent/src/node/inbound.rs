//! Applying what peers say, many messages at once, and answering after the commit.
//!
//! A message that proxies must be asked for waits apart, in no other's place and under no lock.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use regent_core::cx::Cx;
use regent_core::ids::{AccountId, Region};
use regent_core::ports::StoreFault;
use regent_core::replication::change::{Answer, Message, Outcome, Question};
use regent_core::replication::{probe, receiver};
use regent_core::tx::Tx;
use regent_wire::peer;
use tokio::sync::Semaphore;

use super::proxies::Consultation;
use super::{Attempt, Node, lock, now};
use crate::links::{Inbox, Parcel};

/// LIMIT: messages that are applied at once. They share the store's commits.
const APPLYING_MAX: usize = 64;

/// What came with a message, and what was asked for its sake.
struct Arrived {
    parcel: Parcel,
    from: Region,
    consultation: Consultation,
}

/// How far a message was handled.
enum Handled {
    Done,
    /// Proxies must be asked before it can be.
    Void,
}

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
            let mut arrived =
                Arrived { parcel, from: frame.from, consultation: Consultation::own() };
            tokio::spawn(async move {
                let handled = node.handle(&mut arrived, &frame.message).await;
                drop(slot);
                let handled = match handled {
                    Ok(Handled::Void) => node.consult(&mut arrived, &frame.message).await,
                    handled => handled.map(drop),
                };
                if handled.is_err() {
                    tracing::error!(region = %node.region, "a message could not be applied");
                }
            });
        }
    }

    /// Handles a message that proxies must be asked for, in no slot: others do not wait for them.
    async fn consult(&self, arrived: &mut Arrived, message: &Message) -> Result<(), StoreFault> {
        // Whoever sent it sends it again.
        let Ok(_turn) = self.consulting.try_acquire() else { return Ok(()) };
        loop {
            arrived.consultation.ask(self).await?;
            if let Handled::Done = self.handle(arrived, message).await? {
                return Ok(());
            }
        }
    }

    /// Handles a message as far as it goes without asking proxies.
    async fn handle(
        &self,
        arrived: &mut Arrived,
        message: &Message,
    ) -> Result<Handled, StoreFault> {
        let _replicating = self.replicating.read().await;
        if !self.links.is_current(&arrived.parcel) {
            return Ok(Handled::Done);
        }
        match message {
            Message::Hello { key, answer } => {
                self.greeted(arrived.from, key.clone(), *answer).await
            }
            Message::Ask { id, question } => {
                let answer =
                    match self.consider(arrived.from, question, &mut arrived.consultation).await {
                        Ok(Some(answer)) => answer,
                        Ok(None) => return Ok(Handled::Void),
                        Err(StoreFault) => Answer::Unreachable,
                    };
                self.send(arrived.from, Message::Answer { id: *id, answer });
                Ok(Handled::Done)
            }
            message => self.apply(arrived, message).await,
        }
    }

    async fn apply(&self, arrived: &mut Arrived, message: &Message) -> Result<Handled, StoreFault> {
        let from = arrived.from;
        let Some(account) = receiver::account_of(message) else { return Ok(Handled::Done) };
        let lacking = match message {
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
        let reply = loop {
            let work =
                |cx: &Cx<'_>, tx: &mut Tx<'_>| receiver::receive(cx, tx, from, message.clone());
            match self.attempt(account, &mut arrived.consultation, work).await? {
                Attempt::Done(reply) => break reply,
                Attempt::Conflict => {}
                Attempt::Void => return Ok(Handled::Void),
            }
        };
        if let Some(item) = lacking {
            if let Some(sender) = lock(&self.effects.senders).get_mut(&from) {
                sender.answered(now(), &item);
            }
            self.effects.outbox_changed.notify_one();
        }
        if let Some(reply) = reply {
            self.send(from, reply);
        }
        Ok(Handled::Done)
    }

    async fn greeted(
        &self,
        from: Region,
        key: regent_core::ports::TransportKey,
        answer: bool,
    ) -> Result<Handled, StoreFault> {
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
            let key = regent_core::ports::Crypto::transport_key(&*self.crypto);
            self.send(from, Message::Hello { key, answer: false });
        }
        if let Some(sender) = lock(&self.effects.senders).get_mut(&from) {
            sender.heard(now());
        }
        self.effects.outbox_changed.notify_one();
        Ok(Handled::Done)
    }

    /// Answers whether this Region could do what a peer wants of it, or grants a stack there a replica
    /// of a key of this Region. `None` if proxies must be asked first.
    async fn consider(
        &self,
        from: Region,
        question: &Question,
        consultation: &mut Consultation,
    ) -> Result<Option<Answer>, StoreFault> {
        let Some(principal) = question.caller().caller() else {
            return Ok(Some(Answer::Unreachable));
        };
        self.ensure_account(question.account()).await?;
        if question.only_reads() {
            return self
                .as_caller(&principal, consultation, |cx| probe::answer(cx, &*self.store, question))
                .transpose();
        }
        self.grant_replica(&principal, from, question).await.map(Some)
    }
}
