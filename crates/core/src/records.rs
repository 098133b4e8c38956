//! The records of one Region's store and the keys they stand under.
//!
//! A store is an ordered map from [`Key`] to [`Record`]. Region and account are typed and part of
//! every key, so no lookup can cross either. How keys and records become bytes is the store
//! crate's business; how they are ordered is stated here, at each key.

use std::sync::Arc;

use crate::ids::{
    AccountId, AliasName, GrantId, GrantName, KeyId, MaterialId, PrincipalArn, Region, Scope,
    SecretName, SecretSuffix, VersionId,
};
use crate::keys::grant::Grant;
use crate::keys::model::{Alias, KmsKey};
use crate::keys::stores::{KeyStoreId, KeyStores};
use crate::keys::usage::LastUse;
use crate::ports::TransportKey;
use crate::replication::change::Stamp;
use crate::secrets::model::{Replica, Secret, Version};
use crate::stacks::change_set::ChangeSet;
use crate::stacks::ids::{ChangeSetId, ChangeSetName, ExportName, LogicalId, StackId, StackName};
use crate::stacks::model::{Event, Resource, Run, Stack};
use crate::time::Timestamp;

/// Where a record stands. The derived order is the order of scans, within one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A secret by name: [`Record::Secret`].
    Secret { scope: Scope, name: SecretName },
    /// An index of secrets by creation: [`Record::Index`]. Written and removed with the secret.
    SecretByCreated { scope: Scope, created: Timestamp, name: SecretName },
    /// An index of secrets by what filters look for: [`Record::Index`]. Ordered by facet, text, then
    /// creation. Written and removed with the secret.
    SecretByFacet {
        scope: Scope,
        facet: Facet,
        text: Box<str>,
        created: Timestamp,
        name: SecretName,
    },
    /// An index of secrets by the time of something that happens again: [`Record::Index`]. Written
    /// and removed with the secret.
    SecretByMoment { scope: Scope, moment: Moment, at: Timestamp, name: SecretName },
    /// One version of one secret: [`Record::Version`]. Guarded by its secret: every writer of a
    /// version also writes, or at least reads, the secret.
    Version { scope: Scope, name: SecretName, suffix: SecretSuffix, id: VersionId },
    /// The primary's view of one replica: [`Record::Replica`].
    Replica { scope: Scope, name: SecretName, region: Region },
    /// Something that was replicated here and was removed: [`Record::Tombstone`].
    Tombstone { scope: Scope, subject: Subject },
    /// A KMS key by id: [`Record::KmsKey`].
    KmsKey { scope: Scope, id: KeyId },
    /// An alias by name: [`Record::Alias`].
    Alias { scope: Scope, name: AliasName },
    /// An index of aliases by the key they point at: [`Record::Index`].
    AliasOfKey { scope: Scope, id: KeyId, name: AliasName },
    /// The custom key stores of an account: [`Record::KeyStores`]. Absent for none.
    KeyStores { scope: Scope },
    /// An index of the KMS keys of a key store by external key: [`Record::Index`]. Written and removed
    /// with the key.
    ExternalKey { scope: Scope, store: KeyStoreId, key: Box<str> },
    /// The last use of a key in this Region: [`Record::KeyUse`]. Absent for none.
    KeyUse { scope: Scope, id: KeyId },
    /// A grant on a key: [`Record::Grant`].
    Grant { scope: Scope, key: KeyId, id: GrantId },
    /// How many grants a key has: [`Record::Count`]. Absent for none. Whoever writes a grant or one
    /// of its indexes also writes this, so that it guards what is found by walking over them.
    GrantCount { scope: Scope, key: KeyId },
    /// An index of a key's grants by whom they are given to: [`Record::Index`].
    GrantOfGrantee { scope: Scope, key: KeyId, grantee: PrincipalArn, id: GrantId },
    /// An index of a key's grants by name: [`Record::Index`].
    GrantOfName { scope: Scope, key: KeyId, name: GrantName, id: GrantId },
    /// An index of a Region's grants by who may retire them, over all accounts:
    /// [`Record::Index`].
    GrantOfRetiring {
        region: Region,
        retiring: PrincipalArn,
        account: AccountId,
        key: KeyId,
        id: GrantId,
    },
    /// Something that `peer` has not acknowledged yet: [`Record::Outbox`]. Ordered by own Region,
    /// peer, account, subject.
    Outbox { region: Region, peer: Region, account: AccountId, subject: Subject },
    /// Something to do at a point in time: [`Record::Index`]. Ordered by own Region, then time.
    Deadline { region: Region, at: Timestamp, account: AccountId, due: Due },
    /// What this Region knows of another: [`Record::Peer`].
    Peer { region: Region, peer: Region },
    /// The Region's own identity, written once: [`Record::Identity`].
    Identity { region: Region },
    /// Which index records the store has: [`Record::Indexed`].
    Indexed { region: Region },
    /// A stack by id, which is by creation: [`Record::Stack`]. Deleted ones stay.
    Stack { scope: Scope, id: StackId },
    /// The stack that has a name and is not deleted: [`Record::StackRef`].
    StackOfName { scope: Scope, name: StackName },
    /// One resource of a stack: [`Record::StackResource`]. Guarded by the stack and its run.
    StackResource { scope: Scope, stack: StackId, logical: LogicalId },
    /// One line of a stack's history, by number: [`Record::StackEvent`].
    StackEvent { scope: Scope, stack: StackId, number: u64 },
    /// A stack's operation under way: [`Record::StackRun`]. Whoever writes a resource or an event
    /// of the stack also writes this, or ends it.
    StackRun { scope: Scope, id: StackId },
    /// A change set by id: [`Record::ChangeSet`].
    ChangeSet { scope: Scope, id: ChangeSetId },
    /// The change set of a stack that has a name: [`Record::ChangeSetRef`]. Written and removed
    /// with the change set.
    ChangeSetOfName { scope: Scope, stack: StackId, name: ChangeSetName },
    /// The stack that exports an output under a name: [`Record::StackRef`].
    StackExport { scope: Scope, name: ExportName },
    /// A stack that imports what is exported under a name: [`Record::Index`].
    StackImport { scope: Scope, name: ExportName, stack: StackId },
}

/// What an index of secrets is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    TagKey,
    TagValue,
    /// Of secrets that are in several Regions.
    PrimaryRegion,
}

/// What secrets are sorted by, besides name and creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    Changed,
    /// The day of the last read. What was never read comes first, as of 1970.
    Accessed,
}

/// What a tombstone, an outbox entry or an acknowledgement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A replicated secret, from its primary to a replica.
    Secret { name: SecretName, suffix: SecretSuffix },
    /// A replica that became a secret of its own, from it to its former primary.
    Detached { name: SecretName, suffix: SecretSuffix },
    /// A multi-Region key, from its primary to a replica.
    Key { id: KeyId },
    /// A replica key that is gone for good, from it to its primary.
    KeyGone { id: KeyId },
    /// The day on which a replica was last read, from it to its primary. Its state's number is
    /// [`Stamp::of_day`].
    Accessed { name: SecretName, suffix: SecretSuffix },
    /// Whether a replica key holds the material that waits, from it to its primary. Its state's
    /// number is [`crate::keys::pending::stamp`].
    PendingHeld { id: KeyId },
}

/// What a deadline does. In the order that keys of the store have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Due {
    /// The recovery window of a deleted secret ends.
    PurgeSecret { name: SecretName, suffix: SecretSuffix },
    /// The waiting period of a key's deletion ends.
    DeleteKey { id: KeyId },
    /// A tombstone has served its time.
    ForgetTombstone { subject: Subject },
    /// A rotation window opens, or a step of a rotation is to be begun.
    Rotate { name: SecretName, suffix: SecretSuffix },
    /// The material of a key is to be rotated.
    RotateKey { id: KeyId },
    /// Imported material of a key expires.
    ExpireMaterial { id: KeyId, material: MaterialId },
}

/// A stored value. Cloning shares it.
#[derive(Debug, Clone)]
pub enum Record {
    Secret(Arc<Secret>),
    Version(Arc<Version>),
    Replica(Arc<Replica>),
    Tombstone(Tombstone),
    KmsKey(Arc<KmsKey>),
    Alias(Arc<Alias>),
    KeyStores(KeyStores),
    KeyUse(LastUse),
    Grant(Arc<Grant>),
    Count(u32),
    Outbox(Outbox),
    Peer(TransportKey),
    /// The Region's sealed identity, opaque to the core.
    Identity(Arc<[u8]>),
    /// The record is its key.
    Index,
    /// The newest generation of index records that is complete.
    Indexed(u32),
    Stack(Arc<Stack>),
    StackRef(StackId),
    StackResource(Arc<Resource>),
    StackEvent(Arc<Event>),
    StackRun(Arc<Run>),
    ChangeSet(Arc<ChangeSet>),
    ChangeSetRef(ChangeSetId),
}

/// PROMISE R2: what was removed at `at` is not brought back by anything older.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    pub at: Stamp,
    /// Whether `at` itself could not be applied. It may then be tried again.
    pub failed: bool,
}

/// What a peer still has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// The state that the peer has to reach at least.
    pub at: Stamp,
    /// When the peer was first behind; the lag of the link counts from here.
    pub since: Timestamp,
    pub intent: Intent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Send the subject's current state.
    State,
    /// Tell the peer to remove it.
    Remove,
}

/// A range of keys of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// Secrets whose name begins with the text, by name.
    Secrets {
        scope: Scope,
        name: Box<str>,
    },
    /// The secrets of every account, by account and name.
    SecretsOfRegion {
        region: Region,
    },
    /// Secrets by creation.
    SecretsByCreated {
        scope: Scope,
    },
    /// Secrets by a moment.
    SecretsByMoment {
        scope: Scope,
        moment: Moment,
    },
    /// Entries of one facet whose text begins with `start`, by text.
    Facets {
        scope: Scope,
        facet: Facet,
        start: Box<str>,
    },
    /// Entries of one facet with this very text, by creation.
    FacetsOfText {
        scope: Scope,
        facet: Facet,
        text: Box<str>,
    },
    /// The versions of one secret, by id.
    Versions {
        scope: Scope,
        name: SecretName,
        suffix: SecretSuffix,
    },
    KmsKeys {
        scope: Scope,
    },
    Aliases {
        scope: Scope,
    },
    AliasesOfKey {
        scope: Scope,
        id: KeyId,
    },
    GrantsOfKey {
        scope: Scope,
        key: KeyId,
    },
    GrantsOfGrantee {
        scope: Scope,
        key: KeyId,
        grantee: PrincipalArn,
    },
    GrantsOfName {
        scope: Scope,
        key: KeyId,
        name: GrantName,
    },
    GrantsOfRetiring {
        region: Region,
        retiring: PrincipalArn,
    },
    Outbox {
        region: Region,
        peer: Region,
    },
    Deadlines {
        region: Region,
    },
    /// The identity of the Region whose store this is, and of no other.
    Identities,
    /// Stacks by creation.
    Stacks {
        scope: Scope,
    },
    StackResources {
        scope: Scope,
        stack: StackId,
    },
    /// The events of one stack, oldest first.
    StackEvents {
        scope: Scope,
        stack: StackId,
    },
    /// The change sets of one stack, by name.
    ChangeSets {
        scope: Scope,
        stack: StackId,
    },
    /// Every account's operations under way.
    StackRuns {
        region: Region,
    },
    /// Exports by name.
    StackExports {
        scope: Scope,
    },
    /// The stacks that import under one name.
    StackImports {
        scope: Scope,
        name: ExportName,
    },
}

/// One walk over a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    pub prefix: Prefix,
    /// Where the walk goes on: this key itself is left out. It need not exist.
    pub after: Option<Key>,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

impl Scan {
    /// The whole range, in key order.
    pub fn all(prefix: Prefix) -> Self {
        Self { prefix, after: None, order: Order::Ascending }
    }
}
