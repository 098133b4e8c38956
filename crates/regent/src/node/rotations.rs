//! Rotations under way: invoking functions and telling the core what they answered.
//!
//! The core says what to invoke and what an answer means. What is under way here is volatile: after
//! a crash the deadline that led to an invocation is still in the store, and the step is begun
//! again (promise R1).

use std::collections::HashMap;
use std::sync::Arc;

use regent_core::ids::{AccountId, SecretName, SecretSuffix};
use regent_core::ports::StoreFault;
use regent_core::records::{Due, Key};
use regent_core::secrets::rotation::machine::{Answer, Invocation, answered};
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
}

impl Rotations {
    /// Whether a deadline must wait: it is that of a rotation under way, or there are too many.
    pub(super) fn hold_back(&self, deadline: &Key) -> bool {
        let Key::Deadline { account, due: Due::Rotate { name, suffix }, .. } = deadline else {
            return false;
        };
        self.secrets.len() >= ROTATIONS_MAX
            || self.secrets.values().any(|(a, n, s)| (a, n, s) == (account, name, suffix))
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
