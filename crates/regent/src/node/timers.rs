//! Handling deadlines when they have come: deletion windows, forgotten tombstones, rotations.

use std::sync::Arc;
use std::time::Duration;

use regent_core::cx::Cx;
use regent_core::deadlines;
use regent_core::ports::StoreFault;
use regent_core::records::Key;
use regent_core::tx::Tx;

use super::rotations::Rotations;
use super::{Node, now};

/// The longest sleep: deadlines are far apart, the clock may be set, and keys in the clear
/// are not to be kept for long.
const SLEEP_MAX: Duration = Duration::from_mins(1);

impl Node {
    /// Handles deadlines until the process ends.
    pub async fn keep_time(self: Arc<Self>) {
        let mut rotations = Rotations::default();
        loop {
            // Also those that a request opened again which was under way when its key was deleted.
            self.crypto.forget_keys();
            let wait = self.handle_due(&mut rotations).await.unwrap_or_else(|StoreFault| {
                tracing::error!(region = %self.region, "a deadline could not be handled");
                SLEEP_MAX
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.effects.deadline_changed.notified() => {}
                () = rotations.ended() => {}
            }
        }
    }

    /// Handles what is due. How long to sleep then.
    async fn handle_due(
        self: &Arc<Self>,
        rotations: &mut Rotations,
    ) -> Result<Duration, StoreFault> {
        if self.links.is_down(self.region).is_some() {
            return Ok(Duration::from_secs(1));
        }
        while let Some(deadline) = rotations.next_deadline(&*self.store, self.region, now())? {
            let Key::Deadline { at, account, .. } = &deadline else { return Err(StoreFault) };
            if *at > now() {
                return Ok(at.since(now()).min(SLEEP_MAX));
            }
            let work = |cx: &Cx<'_>, tx: &mut Tx<'_>| deadlines::handle(cx, tx, &deadline);
            if let Some(invocation) = self.transact(*account, work).await? {
                rotations.start(self, invocation);
            }
        }
        Ok(SLEEP_MAX)
    }
}
