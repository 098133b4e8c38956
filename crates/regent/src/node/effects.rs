//! What a commit sets in motion: replication, timers, and whoever waits for an acknowledgement.
//!
//! It is told on the thread that answers commits, in the order of the commits, and whether or not
//! anybody still waits for the answer. So the senders always have what the committed outbox has:
//! a change that two commits make to one entry cannot be taken over in the wrong order, and none
//! is missed (promise R2). Nothing here reads the store.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use regent_core::ids::Region;
use regent_core::records::{Key, Outbox, Record};
use regent_core::replication::sender::{Item, Sender};
use regent_core::tx::Batch;
use tokio::sync::Notify;

use super::{lock, now};

/// What is shared with the commits under way.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) senders: Mutex<BTreeMap<Region, Sender>>,
    pub(super) outbox_changed: Notify,
    pub(super) acknowledged: Notify,
    pub(super) deadline_changed: Notify,
    /// A stack has something to do.
    pub(super) stack_begun: Notify,
    /// A replica is in another state, for which a stack may wait.
    pub(super) replica_changed: Notify,
    /// Transactions committed since the start.
    pub(super) commits: AtomicU64,
}

/// What follows from one batch once it is committed.
#[derive(Debug)]
pub(super) struct Consequences {
    /// Changes of the outbox: an entry, or that there is none any more.
    outbox: Vec<(Region, Item, Option<Outbox>)>,
    deadline: bool,
    stack: bool,
    replica: bool,
}

impl Consequences {
    pub(super) fn of(batch: &Batch) -> Self {
        let mut outbox = Vec::new();
        let (mut deadline, mut stack, mut replica) = (false, false, false);
        for (key, record) in &batch.writes {
            match key {
                Key::Outbox { peer, account, subject, .. } => {
                    let entry = match record {
                        Some(Record::Outbox(entry)) => Some(*entry),
                        _ => None,
                    };
                    outbox.push((*peer, (*account, subject.clone()), entry));
                }
                Key::Deadline { .. } => deadline = true,
                Key::StackRun { .. } => stack |= record.is_some(),
                Key::Replica { .. } => replica = true,
                _ => {}
            }
        }
        Self { outbox, deadline, stack, replica }
    }
}

impl Effects {
    /// Called for each commit, in their order.
    pub(super) fn committed(&self, consequences: Consequences) {
        let Consequences { outbox, deadline, stack, replica } = consequences;
        self.commits.fetch_add(1, Ordering::Relaxed);
        if deadline {
            self.deadline_changed.notify_one();
        }
        if stack {
            self.stack_begun.notify_one();
        }
        if replica {
            self.replica_changed.notify_waiters();
        }
        if outbox.is_empty() {
            return;
        }
        let acknowledged = outbox.iter().any(|(_, _, entry)| entry.is_none());
        {
            let mut senders = lock(&self.senders);
            for (peer, item, entry) in outbox {
                senders.entry(peer).or_default().note(now(), item, entry);
            }
        }
        if acknowledged {
            self.acknowledged.notify_waiters();
        }
        self.outbox_changed.notify_one();
    }
}
