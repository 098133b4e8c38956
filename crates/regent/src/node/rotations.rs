//! Rotations under way: invoking functions and telling the core what they answered.
//!
//! The core says what to invoke and what an answer means. What is under way here is volatile: after
//! a crash the deadline that led to an invocation is still in the store, and the step is begun
//! again (promise R1).

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use regent_core::ids::{AccountId, Region, SecretName, SecretSuffix};
use regent_core::ports::{Read, StoreFault};
use regent_core::records::{Due, Key, Prefix, Scan};
use regent_core::secrets::rotation::machine::{Answer, Invocation, answered};
use regent_core::time::Timestamp;
use regent_wire::secretsmanager::rotation::event;
use tokio::task::{Id, JoinSet};

use super::Node;

/// LIMIT: rotations of one Region at one time; further ones wait in the store.
const ROTATIONS_MAX: usize = 16;

/// The rotations that a Region is in the middle of.
#[derive(Debug, Default)]
pub(super) struct Rotations {
    tasks: JoinSet<()>,
    secrets: HashMap<Id, (AccountId, SecretName, SecretSuffix)>,
    /// The last deadline that was passed over because no more rotations could begin. Until one
    /// ends, what stands before it waits and is not looked at again.
    passed: Option<Key>,
}

impl Rotations {
    /// The first deadline that has not come, or has and does not have to wait.
    pub(super) fn next_deadline(
        &mut self,
        read: &dyn Read,
        region: Region,
        now: Timestamp,
    ) -> Result<Option<Key>, StoreFault> {
        let full = self.secrets.len() >= ROTATIONS_MAX;
        let after = self.passed.clone().filter(|_| full);
        let scan = Scan { after, ..Scan::all(Prefix::Deadlines { region }) };
        let mut first = None;
        read.scan(&scan, &mut |key, _| {
            let waits = matches!(&key, Key::Deadline { at, .. } if *at <= now)
                && is_rotation(&key)
                && (full || self.is_under_way(&key));
            if !waits {
                first = Some(key);
                return ControlFlow::Break(());
            }
            if full {
                self.passed = Some(key);
            }
            ControlFlow::Continue(())
        })?;
        Ok(first)
    }

    /// Whether a deadline is that of a rotation under way.
    fn is_under_way(&self, deadline: &Key) -> bool {
        let Key::Deadline { account, due: Due::Rotate { name, suffix }, .. } = deadline else {
            return false;
        };
        self.secrets.values().any(|(a, n, s)| (a, n, s) == (account, name, suffix))
    }

    /// Goes on with a rotation, from this invocation to its end.
    pub(super) fn start(&mut self, node: &Arc<Node>, invocation: Invocation) {
        let of = &invocation.secret;
        let secret = (of.scope.account, of.name.clone(), of.suffix);
        let task = self.tasks.spawn(Arc::clone(node).rotate(invocation));
        self.secrets.insert(task.id(), secret);
    }

    /// Waits until a rotation has come to its end; for ever if there is none.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(failed)) => failed.id(),
            None => return std::future::pending().await,
        };
        self.secrets.remove(&id);
    }
}

const fn is_rotation(deadline: &Key) -> bool {
    matches!(deadline, Key::Deadline { due: Due::Rotate { .. }, .. })
}

impl Node {
    async fn rotate(self: Arc<Self>, first: Invocation) {
        let mut next = Some(first);
        while let Some(invocation) = next {
            next = self.step(&invocation).await.unwrap_or_else(|StoreFault| {
                tracing::error!(region = %self.region, "a rotation could not go on");
                None
            });
        }
    }

    async fn step(&self, invocation: &Invocation) -> Result<Option<Invocation>, StoreFault> {
        let function = &*invocation.function;
        let answer = match self.functions.invoke(function, event(invocation)).await {
            Ok(()) => Answer::Done,
            Err(cause) => {
                let (secret, step) = (&invocation.secret, invocation.step.as_str());
                tracing::warn!(%secret, step, function, %cause, "a rotation function failed");
                Answer::Failed
            }
        };
        let account = invocation.secret.scope.account;
        self.transact(account, |cx, tx| answered(cx, tx, invocation, answer)).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use regent_core::ports::Stored;
    use regent_core::records::Record;

    use super::*;

    /// Deadlines, and how many of them were looked at.
    struct Deadlines {
        keys: BTreeSet<Key>,
        seen: Cell<usize>,
    }

    impl Read for Deadlines {
        fn get(&self, _key: &Key) -> Result<Option<Stored>, StoreFault> {
            Err(StoreFault)
        }

        fn scan(
            &self,
            scan: &Scan,
            visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
        ) -> Result<(), StoreFault> {
            for key in self.keys.iter().filter(|key| scan.after.as_ref().is_none_or(|k| *key > k)) {
                self.seen.set(self.seen.get() + 1);
                if visit(key.clone(), Record::Index).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }

    fn deadline(at: i64, due: Due) -> Key {
        let (region, account) = ("us-east-1".parse().unwrap(), "123456789012".parse().unwrap());
        Key::Deadline { region, at: Timestamp::from_millis(at), account, due }
    }

    fn rotate(number: i64) -> Key {
        let name = format!("s{number}").parse().unwrap();
        deadline(number, Due::Rotate { name, suffix: "aaaaaa".parse().unwrap() })
    }

    /// Ten thousand rotations come due at once: those that wait are passed over once, not each time.
    #[tokio::test]
    async fn many_due_rotations_hold_nothing_else_back() {
        const DUE: i64 = 10_000;
        let purge = |at| {
            let name = "gone".parse().unwrap();
            deadline(at, Due::PurgeSecret { name, suffix: "aaaaaa".parse().unwrap() })
        };
        let keys = (1..=DUE).map(rotate).chain([purge(DUE + 1), purge(DUE + 2), rotate(2 * DUE)]);
        let mut world = Deadlines { keys: keys.collect(), seen: Cell::default() };
        let mut rotations = Rotations::default();
        let now = Timestamp::from_millis(DUE + 2);
        let next = |rotations: &mut Rotations, world: &Deadlines| {
            world.seen.set(0);
            let found = rotations.next_deadline(world, "us-east-1".parse().unwrap(), now).unwrap();
            (found.unwrap(), world.seen.get())
        };
        let mut tasks = Vec::new();
        for number in 1..=16 {
            let (found, seen) = next(&mut rotations, &world);
            assert_eq!(found, rotate(number));
            assert!(seen <= 16, "{seen}");
            let Key::Deadline { account, due: Due::Rotate { name, suffix }, .. } = found else {
                panic!()
            };
            let task = rotations.tasks.spawn(std::future::pending());
            rotations.secrets.insert(task.id(), (account, name, suffix));
            tasks.push(task);
        }
        // No more at one time: what is not a rotation comes next, and is found again at once.
        assert_eq!(next(&mut rotations, &world).0, purge(DUE + 1));
        assert_eq!(next(&mut rotations, &world), (purge(DUE + 1), 1));
        world.keys.remove(&purge(DUE + 1));
        assert_eq!(next(&mut rotations, &world), (purge(DUE + 2), 1));
        world.keys.remove(&purge(DUE + 2));
        // Nothing else is due: the next one in time says how long to wait.
        assert_eq!(next(&mut rotations, &world), (rotate(2 * DUE), 1));
        // One has ended and its deadline has gone: the first that waited is next.
        tasks.remove(2).abort();
        rotations.ended().await;
        world.keys.remove(&rotate(3));
        assert_eq!(next(&mut rotations, &world), (rotate(17), 16));
    }
}
