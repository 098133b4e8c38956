//! One optimistic transaction: what it read, and what it wants to write.
//!
//! A command works on a [`Tx`] and touches nothing. The shell hands the resulting [`Batch`] to the
//! committer, which checks the read set, writes everything or nothing, and syncs before anybody is
//! answered (promise R1). On a conflict the command runs again on a fresh transaction.

use core::ops::ControlFlow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{AliasName, GrantId, KeyId, Region, Scope, SecretName, SecretSuffix, VersionId};
use crate::keys::event::KeyEvent;
use crate::keys::grant::Grant;
use crate::keys::model::{Alias, KmsKey};
use crate::keys::stores::KeyStores;
use crate::keys::usage::LastUse;
use crate::ports::{Read, StoreFault, Stored};
use crate::records::{Key, Outbox, Prefix, Record, Scan, Subject, Tombstone};
use crate::secrets::event::ServiceEvent;
use crate::secrets::model::{Replica, Secret, Version};
use crate::stacks::change_set::ChangeSet;
use crate::stacks::ids::{ChangeSetId, ChangeSetName, ExportName, LogicalId, StackId, StackName};
use crate::stacks::model::{Resource, Run, Stack};

/// A transaction under construction.
pub struct Tx<'a> {
    read: &'a dyn Read,
    /// The commit that each record read was last written by; 0 if it was absent.
    seen: core::cell::RefCell<BTreeMap<Key, u64>>,
    writes: BTreeMap<Key, Option<Record>>,
    events: Vec<ServiceEvent>,
    key_events: Vec<KeyEvent>,
}

impl core::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tx").field("writes", &self.writes.len()).finish_non_exhaustive()
    }
}

/// What a finished transaction asks of the store.
#[derive(Debug, Default)]
pub struct Batch {
    /// Records that must not have changed: the commit that wrote them, 0 for absent.
    pub reads: BTreeMap<Key, u64>,
    /// Records to write, or to remove where `None`.
    pub writes: BTreeMap<Key, Option<Record>>,
    /// What the audit log is to say once the batch is committed.
    pub events: Vec<ServiceEvent>,
    /// What it is to say of keys.
    pub key_events: Vec<KeyEvent>,
}

impl<'a> Tx<'a> {
    pub fn new(read: &'a dyn Read) -> Self {
        Self {
            read,
            seen: core::cell::RefCell::default(),
            writes: BTreeMap::new(),
            events: Vec::new(),
            key_events: Vec::new(),
        }
    }

    pub fn put(&mut self, key: Key, record: Record) {
        self.writes.insert(key, Some(record));
    }

    pub fn remove(&mut self, key: Key) {
        self.writes.insert(key, None);
    }

    /// Has an event recorded with the commit.
    pub fn announce(&mut self, event: ServiceEvent) {
        self.events.push(event);
    }

    /// The same of a key.
    pub fn announce_key(&mut self, event: KeyEvent) {
        self.key_events.push(event);
    }

    /// Takes over what a transaction on this one has written. What that one read, this one has.
    pub fn take_over(&mut self, inner: Batch) {
        self.writes.extend(inner.writes);
        self.events.extend(inner.events);
        self.key_events.extend(inner.key_events);
    }

    pub fn into_batch(self) -> Batch {
        Batch {
            reads: self.seen.into_inner(),
            writes: self.writes,
            events: self.events,
            key_events: self.key_events,
        }
    }
}

/// A transaction sees its own writes.
impl Read for Tx<'_> {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        if let Some(write) = self.writes.get(key) {
            return Ok(write.clone().map(|record| Stored { record, seq: 0 }));
        }
        let stored = self.read.get(key)?;
        let seq = stored.as_ref().map_or(0, |stored| stored.seq);
        self.seen.borrow_mut().entry(key.clone()).or_insert(seq);
        Ok(stored)
    }

    /// Own writes are not visited: no command scans what it has just written.
    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.read.scan(scan, visit)
    }

    fn keys(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.read.keys(scan, visit)
    }
}

/// Typed reads. A record of another type than its key's is corruption.
macro_rules! typed_reads {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:ty),*) -> $record:ident($out:ty) = $key:expr;)*) => {
        /// Reads by kind of record.
        pub trait Records: Read {
            $($(#[$doc])*
            fn $name(&self, $($arg: $ty),*) -> Result<Option<$out>, StoreFault> {
                match self.get(&$key)? {
                    None => Ok(None),
                    Some(Stored { record: Record::$record(found), .. }) => Ok(Some(found)),
                    Some(_) => Err(StoreFault),
                }
            })*
        }
    };
}

typed_reads! {
    secret(scope: Scope, name: &SecretName) -> Secret(Arc<Secret>)
        = Key::Secret { scope, name: name.clone() };
    version(scope: Scope, name: &SecretName, suffix: SecretSuffix, id: &VersionId)
        -> Version(Arc<Version>)
        = Key::Version { scope, name: name.clone(), suffix, id: id.clone() };
    replica(scope: Scope, name: &SecretName, region: Region) -> Replica(Arc<Replica>)
        = Key::Replica { scope, name: name.clone(), region };
    tombstone(scope: Scope, subject: &Subject) -> Tombstone(Tombstone)
        = Key::Tombstone { scope, subject: subject.clone() };
    kms_key(scope: Scope, id: KeyId) -> KmsKey(Arc<KmsKey>) = Key::KmsKey { scope, id };
    alias(scope: Scope, name: &AliasName) -> Alias(Arc<Alias>)
        = Key::Alias { scope, name: name.clone() };
    key_stores(scope: Scope) -> KeyStores(KeyStores) = Key::KeyStores { scope };
    key_use(scope: Scope, id: KeyId) -> KeyUse(LastUse) = Key::KeyUse { scope, id };
    grant(scope: Scope, key: KeyId, id: GrantId) -> Grant(Arc<Grant>)
        = Key::Grant { scope, key, id };
    grant_count(scope: Scope, key: KeyId) -> Count(u32) = Key::GrantCount { scope, key };
    stack(scope: Scope, id: StackId) -> Stack(Arc<Stack>) = Key::Stack { scope, id };
    stack_of_name(scope: Scope, name: &StackName) -> StackRef(StackId)
        = Key::StackOfName { scope, name: name.clone() };
    stack_resource(scope: Scope, stack: StackId, logical: &LogicalId)
        -> StackResource(Arc<Resource>)
        = Key::StackResource { scope, stack, logical: logical.clone() };
    stack_export(scope: Scope, name: &ExportName) -> StackRef(StackId)
        = Key::StackExport { scope, name: name.clone() };
    stack_run(scope: Scope, id: StackId) -> StackRun(Arc<Run>) = Key::StackRun { scope, id };
    change_set(scope: Scope, id: ChangeSetId) -> ChangeSet(Arc<ChangeSet>)
        = Key::ChangeSet { scope, id };
    change_set_of_name(scope: Scope, stack: StackId, name: &ChangeSetName)
        -> ChangeSetRef(ChangeSetId)
        = Key::ChangeSetOfName { scope, stack, name: name.clone() };
    outbox(scope: Scope, peer: Region, subject: &Subject) -> Outbox(Outbox)
        = Key::Outbox {
            region: scope.region, peer, account: scope.account, subject: subject.clone(),
        };
}

impl<R: Read + ?Sized> Records for R {}

/// Every record of a range, for ranges that are small by their limits.
pub fn collect<T>(
    read: &dyn Read,
    prefix: Prefix,
    mut pick: impl FnMut(Key, Record) -> Option<T>,
) -> Result<Vec<T>, StoreFault> {
    let mut found = Vec::new();
    read.scan(&Scan::all(prefix), &mut |key, record| {
        found.extend(pick(key, record));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
