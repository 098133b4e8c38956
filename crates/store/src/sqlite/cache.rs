//! A bounded cache of decoded records that is never older than the file.
//!
//! The committer is the only writer. Before it commits it closes the stripes of the keys it
//! writes, and after the commit it puts the new records in and opens them. A reader that missed
//! may put in what it read from the file only if its key's stripe was open and untouched all the
//! while. No lock is held while the file is read or written.

use core::hash::{BuildHasher, BuildHasherDefault};
use std::collections::BTreeSet;
use std::hash::DefaultHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache as Records;
use regent_core::ports::Stored;
use regent_core::records::{Key, Record};

/// How many stripes there are. More make collisions rarer and cost a few bytes each.
const STRIPES: usize = 1024;
/// The size that the cache is laid out for, in bytes per record.
const TYPICAL_RECORD: u64 = 1024;

pub struct Cache {
    records: Records<Key, Stored, Bytes>,
    stripes: Box<[Mutex<Stripe>]>,
}

#[derive(Default)]
struct Stripe {
    /// Raised whenever it is closed.
    version: u64,
    closed: bool,
}

/// A reader's claim to put in what it is about to read.
pub struct Ticket {
    stripe: usize,
    version: Option<u64>,
}

/// The stripes that one commit has closed.
pub struct Closed(BTreeSet<usize>);

/// Estimates what a record takes in memory.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Key, Stored> for Bytes {
    fn weight(&self, _key: &Key, stored: &Stored) -> u64 {
        let own = match &stored.record {
            Record::Secret(secret) => {
                let tags = secret.tags.iter().flatten();
                let tags: usize = tags.map(|(key, value)| key.len() + value.len() + 64).sum();
                500 + tags + secret.stages.len() * 160
            }
            Record::Version(version) => {
                400 + version.value.sealed.len() + version.value.data_key.len()
            }
            Record::KmsKey(key) => {
                1500 + 3 * key.policy.text.len() + key.materials.len() * 256
            }
            _ => 300,
        };
        own as u64
    }
}

impl Cache {
    pub fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL_RECORD).unwrap_or(usize::MAX);
        let stripes = (0..STRIPES).map(|_| Mutex::default()).collect();
        Self { records: Records::with_weighter(items.max(1), bytes.max(1), Bytes), stripes }
    }

    pub fn get(&self, key: &Key) -> Option<Stored> {
        self.records.get(key)
    }

    /// To be taken before the file is read.
    pub fn ticket(&self, key: &Key) -> Ticket {
        let stripe = stripe_of(key);
        let version = self.stripe(stripe).and_then(|s| (!s.closed).then_some(s.version));
        Ticket { stripe, version }
    }

    /// Puts in what was read from the file, unless a commit may have come between.
    pub fn offer(&self, ticket: &Ticket, key: &Key, stored: &Stored) {
        let Some(version) = ticket.version else { return };
        // Held over the insertion: a commit closes the stripe before or after it.
        let Some(stripe) = self.stripe(ticket.stripe) else { return };
        if !stripe.closed && stripe.version == version {
            self.records.insert(key.clone(), stored.clone());
        }
    }

    /// To be called before the commit of these keys.
    pub fn close<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Closed {
        let stripes: BTreeSet<usize> = keys.map(stripe_of).collect();
        self.close_stripes(stripes)
    }

    /// To be called before everything is removed.
    pub fn close_all(&self) -> Closed {
        self.close_stripes((0..STRIPES).collect())
    }

    fn close_stripes(&self, stripes: BTreeSet<usize>) -> Closed {
        for at in &stripes {
            if let Some(mut stripe) = self.stripe(*at) {
                stripe.version += 1;
                stripe.closed = true;
            }
        }
        Closed(stripes)
    }

    /// Shows a committed write to readers.
    pub fn show(&self, key: Key, stored: Option<Stored>) {
        match stored {
            Some(stored) => self.records.insert(key, stored),
            None => drop(self.records.remove(&key)),
        }
    }

    pub fn clear(&self) {
        self.records.clear();
    }

    /// To be called after the writes were shown, or after the commit failed.
    pub fn open(&self, closed: Closed) {
        for at in closed.0 {
            if let Some(mut stripe) = self.stripe(at) {
                stripe.closed = false;
            }
        }
    }

    fn stripe(&self, at: usize) -> Option<MutexGuard<'_, Stripe>> {
        let stripe = self.stripes.get(at)?;
        Some(stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn stripe_of(key: &Key) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(key);
    usize::try_from(hash % STRIPES as u64).unwrap_or(0)
}
