//! Handling deadlines when they have come: deletion windows, forgotten tombstones.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use regent_core::deadlines;
use regent_core::ports::StoreFault;
use regent_core::records::{Key, Prefix, Scan};

use super::{Node, now};

/// The longest sleep: deadlines are far apart, and the clock may be set.
const SLEEP_MAX: Duration = Duration::from_mins(1);

impl Node {
    /// Handles deadlines until the process ends.
    pub async fn keep_time(self: Arc<Self>) {
        loop {
            let wait = self.handle_due().await.unwrap_or_else(|StoreFault| {
                tracing::error!(region = %self.region, "a deadline could not be handled");
                SLEEP_MAX
            });
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.effects.deadline_changed.notified() => {}
            }
        }
    }

    /// Handles what is due. How long to sleep then.
    async fn handle_due(&self) -> Result<Duration, StoreFault> {
        if self.links.is_down(self.region).is_some() {
            return Ok(Duration::from_secs(1));
        }
        while let Some(deadline) = self.next_deadline()? {
            let Key::Deadline { at, account, .. } = &deadline else { return Err(StoreFault) };
            if *at > now() {
                return Ok(at.since(now()).min(SLEEP_MAX));
            }
            self.transact(*account, |cx, tx| deadlines::handle(cx, tx, &deadline)).await?;
        }
        Ok(SLEEP_MAX)
    }

    fn next_deadline(&self) -> Result<Option<Key>, StoreFault> {
        let mut first = None;
        let scan = Scan::all(Prefix::Deadlines { region: self.region });
        self.store.scan(&scan, &mut |key, _| {
            first = Some(key);
            ControlFlow::Break(())
        })?;
        Ok(first)
    }
}
