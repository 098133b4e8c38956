//! When to send what to one peer: sans-IO, one [`Sender`] per peer Region.
//!
//! The sender knows which subjects the peer has not acknowledged, sends each at most once at a
//! time, repeats what is not answered with growing waits, and keeps a bounded number under way.
//! It holds no state that the outbox does not: after a restart it is filled from there (R2).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::AccountId;
use crate::limits;
use crate::records::{Outbox, Subject};
use crate::time::Timestamp;

/// What an entry is about; subjects of two accounts never meet.
pub type Item = (AccountId, Subject);

/// The state of one outgoing link.
#[derive(Debug, Default)]
pub struct Sender {
    items: BTreeMap<Item, Waiting>,
    /// Items by the time at which they may be sent.
    due: BTreeSet<(Timestamp, Item)>,
    /// How many items the peer has been behind with since when.
    behind: BTreeMap<Timestamp, usize>,
    in_flight: usize,
}

#[derive(Debug)]
struct Waiting {
    entry: Outbox,
    next_at: Timestamp,
    attempts: u32,
    in_flight: bool,
}

impl Sender {
    /// Takes over what the outbox says of a subject now: behind, or no longer.
    pub fn note(&mut self, now: Timestamp, item: Item, entry: Option<Outbox>) {
        let earlier = self.take(&item);
        let Some(entry) = entry else { return };
        let unchanged = earlier.filter(|earlier| earlier.entry.at == entry.at);
        let waiting = match unchanged {
            Some(earlier) => Waiting { entry, ..earlier },
            None => Waiting { entry, next_at: now, attempts: 0, in_flight: false },
        };
        self.put(item, waiting);
    }

    /// The peer said something: whatever waits for a repetition may be sent at once.
    pub fn heard(&mut self, now: Timestamp) {
        let waiting: Vec<Item> = self.due.iter().map(|(_, item)| item.clone()).collect();
        for item in waiting {
            if let Some(mut state) = self.take(&item) {
                if !state.in_flight || state.attempts > 1 {
                    state.next_at = state.next_at.min(now);
                    state.attempts = 0;
                    state.in_flight = false;
                }
                self.put(item, state);
            }
        }
    }

    /// The peer answered about a subject without taking it off the list: it may be sent anew.
    pub fn answered(&mut self, now: Timestamp, item: &Item) {
        if let Some(mut state) = self.take(item) {
            state.in_flight = false;
            state.next_at = now;
            self.put(item.clone(), state);
        }
    }

    /// The next subject to send, if one is due and the window is open. It counts as under way
    /// until it is answered, or until its time to be repeated has come.
    pub fn poll_transmit(&mut self, now: Timestamp) -> Option<(Item, Outbox)> {
        let (at, item) = self.due.first().cloned()?;
        let repeated = self.items.get(&item).is_some_and(|state| state.in_flight);
        if at > now || (self.in_flight >= limits::IN_FLIGHT_MAX && !repeated) {
            return None;
        }
        let mut state = self.take(&item)?;
        state.in_flight = true;
        state.attempts = state.attempts.saturating_add(1);
        state.next_at = now.plus(backoff(state.attempts));
        let entry = state.entry;
        self.put(item.clone(), state);
        Some((item, entry))
    }

    /// When [`Sender::poll_transmit`] may have something again, if ever.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether the peer has not acknowledged this subject.
    pub fn is_behind(&self, item: &Item) -> bool {
        self.items.contains_key(item)
    }

    /// Subjects that the peer has not acknowledged.
    pub fn backlog(&self) -> usize {
        self.items.len()
    }

    /// How long the peer has been behind.
    pub fn lag(&self, now: Timestamp) -> Duration {
        self.behind.keys().next().map_or(Duration::ZERO, |since| now.since(*since))
    }

    fn take(&mut self, item: &Item) -> Option<Waiting> {
        let state = self.items.remove(item)?;
        self.due.remove(&(state.next_at, item.clone()));
        self.in_flight -= usize::from(state.in_flight);
        let since = state.entry.since;
        if let Some(count) = self.behind.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                self.behind.remove(&since);
            }
        }
        Some(state)
    }

    fn put(&mut self, item: Item, state: Waiting) {
        self.in_flight += usize::from(state.in_flight);
        *self.behind.entry(state.entry.since).or_default() += 1;
        self.due.insert((state.next_at, item.clone()));
        self.items.insert(item, state);
    }
}

/// The wait before the next repetition, doubled with each attempt up to a bound.
fn backoff(attempts: u32) -> Duration {
    let doubled = limits::RETRY_MS_MIN.saturating_mul(1 << attempts.clamp(1, 16).saturating_sub(1));
    Duration::from_millis(doubled.min(limits::RETRY_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Intent;
    use crate::replication::change::Stamp;
    use proptest::prelude::*;

    fn item(n: u8) -> Item {
        let name = format!("s{n}").parse().unwrap();
        let suffix = "abcdef".parse().unwrap();
        ("123456789012".parse().unwrap(), Subject::Secret { name, suffix })
    }

    fn entry(revision: u64) -> Outbox {
        // Some entries have waited as long as others.
        let since = at(i64::try_from(revision / 2).unwrap());
        Outbox { at: Stamp { epoch: 1, revision }, since, intent: Intent::State }
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    #[test]
    fn sends_once_then_repeats_with_growing_waits() {
        let mut sender = Sender::default();
        sender.note(at(0), item(1), Some(entry(1)));
        assert_eq!(sender.poll_transmit(at(0)), Some((item(1), entry(1))));
        assert_eq!(sender.poll_transmit(at(99)), None);
        assert_eq!(sender.poll_transmit(at(100)), Some((item(1), entry(1))));
        assert_eq!(sender.poll_transmit(at(299)), None);
        assert_eq!(sender.poll_timeout(), Some(at(300)));
    }

    #[test]
    fn a_newer_state_is_sent_at_once_and_an_acknowledged_one_never() {
        let mut sender = Sender::default();
        sender.note(at(0), item(1), Some(entry(1)));
        sender.poll_transmit(at(0)).unwrap();
        sender.note(at(5), item(1), Some(entry(2)));
        assert_eq!(sender.poll_transmit(at(5)), Some((item(1), entry(2))));
        sender.note(at(6), item(1), None);
        assert_eq!(sender.poll_transmit(at(1_000_000)), None);
        assert_eq!((sender.backlog(), sender.poll_timeout()), (0, None));
    }

    #[test]
    fn the_window_is_bounded() {
        let mut sender = Sender::default();
        for n in 0..=u8::MAX {
            sender.note(at(0), item(n), Some(entry(1)));
        }
        let sent = std::iter::from_fn(|| sender.poll_transmit(at(0))).count();
        assert_eq!(sent, limits::IN_FLIGHT_MAX);
        assert_eq!(sender.backlog(), 256);
    }

    #[test]
    fn hearing_from_the_peer_ends_the_wait() {
        let mut sender = Sender::default();
        sender.note(at(0), item(1), Some(entry(1)));
        for now in [0, 100, 300, 700, 1500] {
            sender.poll_transmit(at(now)).unwrap();
        }
        assert_eq!(sender.poll_transmit(at(1600)), None);
        sender.heard(at(1600));
        assert!(sender.poll_transmit(at(1600)).is_some());
    }

    proptest! {
        /// Whatever happens, the counters agree with the items, and nothing is ever forgotten:
        /// given time, everything that is still noted is sent again.
        #[test]
        fn nothing_is_forgotten(steps in proptest::collection::vec((0u8..4, 0u8..6, 0i64..500), 0..200)) {
            let mut sender = Sender::default();
            let mut noted = BTreeMap::new();
            let mut now = 0;
            for (action, n, wait) in steps {
                now += wait;
                match action {
                    0 => {
                        let revision = noted.get(&n).copied().unwrap_or(0) + 1;
                        noted.insert(n, revision);
                        sender.note(at(now), item(n), Some(entry(revision)));
                    }
                    1 => {
                        noted.remove(&n);
                        sender.note(at(now), item(n), None);
                    }
                    2 => sender.answered(at(now), &item(n)),
                    _ => drop(sender.poll_transmit(at(now))),
                }
                prop_assert_eq!(sender.items.len(), noted.len());
                prop_assert_eq!(sender.due.len(), noted.len());
                let oldest = sender.items.values().map(|waiting| waiting.entry.since).min();
                let lag = oldest.map_or(Duration::ZERO, |since| at(now).since(since));
                prop_assert_eq!(sender.lag(at(now)), lag);
                prop_assert_eq!(sender.in_flight, sender.items.values().filter(|s| s.in_flight).count());
            }
            let later = at(now + 20_000);
            let sent = std::iter::from_fn(|| sender.poll_transmit(later)).count();
            prop_assert_eq!(sent, noted.len());
        }
    }
}
