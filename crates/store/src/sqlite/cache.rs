//! Decoded records in memory, never older than the file.
//!
//! Before a commit the committer takes what it will change out of the cache and forbids filling
//! it; after the commit it puts the new records in. A reader that missed asks for a permit before
//! it reads the file, and its permit is void if a commit has begun since: so an old row never
//! overwrites a new one, and nobody reads a state older than one that was read before.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache as QuickCache;
use regent_core::ports::Stored;
use regent_core::records::{Key, Record};

/// Keys share their guards by hash. More guards, fewer fills refused for another key's commit.
const GUARDS: usize = 1024;

/// The size that the tables are laid out for, in bytes of a record.
const TYPICAL_BYTES: u64 = 2048;

pub(super) struct Cache {
    entries: QuickCache<Key, Stored, ByMemory>,
    guards: Box<[Mutex<Guard>]>,
}

/// Estimates what a record takes in memory, with its key and the allocations around it.
#[derive(Clone)]
struct ByMemory;

impl Weighter<Key, Stored> for ByMemory {
    fn weight(&self, _key: &Key, stored: &Stored) -> u64 {
        let bytes = match &stored.record {
            Record::Secret(secret) => {
                let tags = secret.tags.iter().flatten();
                let tags: usize = tags.map(|(key, value)| key.len() + value.len() + 64).sum();
                let description = secret.description.as_ref().map_or(0, |text| text.len());
                768 + description + tags + secret.stages.len() * 160
            }
            Record::Version(version) => {
                640 + version.value.sealed.len() + version.value.data_key.len()
            }
            // A compiled policy takes several times its text.
            Record::KmsKey(key) => 1536 + 4 * key.policy.text.len() + key.materials.len() * 256,
            Record::Identity(identity) => 512 + identity.len(),
            Record::Peer(key) => 512 + key.0.len(),
            _ => 512,
        };
        bytes as u64
    }
}

/// Guards the filling of all keys of one hash.
#[derive(Default)]
struct Guard {
    /// How often a commit has begun or ended.
    turns: u64,
    committing: bool,
}

/// Leave to fill in what is now read from the file.
pub(super) struct Permit {
    turns: u64,
}

/// A commit under way: keys that are neither cached nor may be.
pub(super) struct Committing {
    guards: Vec<usize>,
}

impl Cache {
    pub(super) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL_BYTES).unwrap_or(usize::MAX);
        Self {
            entries: QuickCache::with_weighter(items.max(1), bytes.max(1), ByMemory),
            guards: (0..GUARDS).map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Stored> {
        self.entries.get(key)
    }

    /// The commit that wrote the record, if it is cached. Does not count as a use.
    pub(super) fn seq(&self, key: &Key) -> Option<u64> {
        self.entries.peek(key).map(|stored| stored.seq)
    }

    /// To be asked for before the file is read. `None` while the record may be changing.
    pub(super) fn permit(&self, key: &Key) -> Option<Permit> {
        let guard = self.guard(guard_of(key))?;
        (!guard.committing).then_some(Permit { turns: guard.turns })
    }

    /// Caches what was read from the file since the permit, unless it may have changed.
    pub(super) fn fill(&self, permit: &Permit, key: &Key, stored: &Stored) {
        // The guard is held while the entry goes in: a commit cannot begin in between.
        if let Some(guard) = self.guard(guard_of(key))
            && guard.turns == permit.turns
        {
            self.entries.insert(key.clone(), stored.clone());
        }
    }

    /// To be called before a commit becomes visible, with all keys that it changes.
    pub(super) fn begin_commit<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Committing {
        let keys: Vec<&Key> = keys.collect();
        let mut guards: Vec<usize> = keys.iter().map(|key| guard_of(key)).collect();
        guards.sort_unstable();
        guards.dedup();
        self.turn(&guards, true);
        for key in keys {
            self.entries.remove(key);
        }
        Committing { guards }
    }

    /// As [`Cache::begin_commit`], for a commit that may change every key.
    pub(super) fn begin_wipe(&self) -> Committing {
        let guards: Vec<usize> = (0..GUARDS).collect();
        self.turn(&guards, true);
        self.entries.clear();
        Committing { guards }
    }

    /// To be called after the commit, with the records that it wrote, or none if it failed.
    pub(super) fn end_commit(
        &self,
        committing: Committing,
        written: impl Iterator<Item = (Key, Stored)>,
    ) {
        // Fills are still refused, so nothing older can follow these. Nobody asks for an index
        // record by its key: it would only take the place of a record that somebody asks for.
        for (key, stored) in written {
            if !matches!(stored.record, Record::Index) {
                self.entries.insert(key, stored);
            }
        }
        let Committing { guards } = committing;
        self.turn(&guards, false);
    }

    fn turn(&self, guards: &[usize], committing: bool) {
        for at in guards {
            if let Some(mut guard) = self.guard(*at) {
                guard.turns += 1;
                guard.committing = committing;
            }
        }
    }

    fn guard(&self, at: usize) -> Option<MutexGuard<'_, Guard>> {
        Some(self.guards.get(at)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn guard_of(key: &Key) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // The remainder fits, whatever the width of usize.
    usize::try_from(hasher.finish() % GUARDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::Identity { region: "eu-west-1".parse().unwrap() }
    }

    fn stored(seq: u64) -> Stored {
        Stored { record: Record::Indexed(1), seq }
    }

    #[test]
    fn a_fill_from_before_a_commit_is_refused() {
        let (cache, key) = (Cache::new(1 << 20), key());
        let early = cache.permit(&key).unwrap();
        let committing = cache.begin_commit([&key].into_iter());
        cache.fill(&early, &key, &stored(1));
        assert_eq!(cache.seq(&key), None);
        assert!(cache.permit(&key).is_none(), "nothing is filled during a commit");
        cache.end_commit(committing, [(key.clone(), stored(2))].into_iter());
        assert_eq!(cache.seq(&key), Some(2));
    }

    #[test]
    fn index_records_take_no_room() {
        let (cache, key) = (Cache::new(1 << 20), key());
        let committing = cache.begin_commit([&key].into_iter());
        let index = Stored { record: Record::Index, seq: 1 };
        cache.end_commit(committing, [(key.clone(), index)].into_iter());
        assert_eq!(cache.seq(&key), None);
    }

    #[test]
    fn a_fill_across_a_whole_commit_is_refused() {
        let (cache, key) = (Cache::new(1 << 20), key());
        let early = cache.permit(&key).unwrap();
        let committing = cache.begin_commit([&key].into_iter());
        cache.end_commit(committing, core::iter::empty());
        cache.fill(&early, &key, &stored(1));
        assert_eq!(cache.seq(&key), None, "the commit has removed it");
        cache.fill(&cache.permit(&key).unwrap(), &key, &stored(3));
        assert_eq!(cache.seq(&key), Some(3));
    }

    #[test]
    fn a_wipe_empties_and_guards_everything() {
        let (cache, key) = (Cache::new(1 << 20), key());
        cache.fill(&cache.permit(&key).unwrap(), &key, &stored(1));
        let wiping = cache.begin_wipe();
        assert_eq!(cache.seq(&key), None);
        assert!(cache.permit(&key).is_none());
        cache.end_commit(wiping, core::iter::empty());
        assert!(cache.permit(&key).is_some());
    }
}
