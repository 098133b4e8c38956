//! What tests of operations run against: a store in a map, and fakes for everything ambient.
//!
//! The store keeps the commit discipline of a real one: read sets are checked, ranges are walked
//! in key order. The cryptography is none: an XOR with a checksum, enough to notice a wrong key,
//! altered bytes or other associated data. Entropy counts, so every run is the same. This file is
//! also compiled into the tests of other crates, hence the crate's own name in its paths.
#![allow(dead_code, reason = "each crate's tests use a part")]

#[path = "testing/pairs.rs"]
pub mod pairs;

use core::cell::Cell;
use core::ops::ControlFlow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use regent_core::cx::{Answers, Caller, Cx, Functions, Origin, Profile};
use regent_core::engine::{self, Command, Query, Step};
use regent_core::ids::{AccountId, MaterialId, Region, RequestId, Scope};
use regent_core::keys::event::KeyEvent;
use regent_core::keys::proxy::Proxies;
use regent_core::keys::usage::Uses;
use regent_core::plaintext::{KeyBytes, Plaintext, SymmetricKey};
use regent_core::policy::document::Policy;
use regent_core::ports::{
    Crypto, Entropy, Pairs, Read, SALT_LEN, StoreFault, Stored, TransportKey, Unopened, random,
};
use regent_core::records::{Key, Order, Prefix, Record, Scan, Subject};
use regent_core::replication::change::{Answer, Message};
use regent_core::replication::compose::{Composed, compose};
use regent_core::replication::receiver::receive;
use regent_core::roles::{Role, RoleArn, Roles, Session, TemporaryKey};
use regent_core::secrets::event::ServiceEvent;
use regent_core::secrets::index;
use regent_core::time::Timestamp;
use regent_core::tx::{Batch, Records, Tx};

/// Up to this many records, every commit is followed by a look at all of them.
const CHECKED_MAX: usize = 400;

use pairs::FakePairs;

/// Roles whose credentials are their sessions' names.
#[derive(Debug, Default)]
pub struct FakeRoles(pub Vec<Arc<Role>>);

impl FakeRoles {
    pub fn add(&mut self, arn: &str, trust: &str, policies: &[&str]) {
        let policies = policies.iter().map(|text| Policy::parse_identity(text).unwrap());
        self.0.push(Arc::new(Role {
            arn: arn.parse().unwrap(),
            id: "AROAEXAMPLE".into(),
            trust: Arc::new(Policy::parse_trust(trust).unwrap()),
            policies: policies.collect(),
            session_s_max: 7200,
        }));
    }
}

impl Roles for FakeRoles {
    fn find(&self, arn: &RoleArn) -> Option<Arc<Role>> {
        self.0.iter().find(|role| role.arn == *arn).cloned()
    }

    fn issue(&self, session: &Session, _entropy: &dyn Entropy) -> TemporaryKey {
        let of = |what| format!("{what} of {}", session.name).into();
        TemporaryKey { id: "ASIAEXAMPLE".into(), secret: of("secret"), token: of("token") }
    }
}

/// One Region with one caller, the root of its account unless a test says otherwise.
#[derive(Debug)]
pub struct World {
    pub store: Store,
    pub entropy: Counter,
    pub crypto: FakeCrypto,
    pub now: Timestamp,
    pub region: Region,
    pub caller: Caller,
    pub origin: Origin,
    pub profile: Profile,
    pub regions: Vec<Region>,
    pub answers: Answers,
    pub uses: Uses,
    pub functions: Functions,
    pub proxies: Proxies,
    pub roles: FakeRoles,
    /// Commands that were committed. The next request's id depends on it.
    pub committed: u8,
}

impl World {
    /// 2023-11-14T22:13:20Z in `us-east-1`, account 111122223333, three Regions, strict.
    pub fn new() -> Self {
        Self::in_region("us-east-1")
    }

    pub fn in_region(region: &str) -> Self {
        let region = region.parse().unwrap();
        Self {
            store: Store::default(),
            entropy: Counter::default(),
            crypto: FakeCrypto::new(region),
            now: Timestamp::from_millis(1_700_000_000_000),
            region,
            caller: Caller::account_root("111122223333".parse().unwrap(), region),
            origin: Origin {
                source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                secure_transport: true,
                user_agent: "test".into(),
            },
            profile: Profile::Strict,
            regions: ["eu-west-1", "us-east-1", "us-west-2"].map(|r| r.parse().unwrap()).into(),
            answers: Answers::new(),
            uses: Uses::default(),
            functions: Functions::new(),
            proxies: Proxies::default(),
            roles: FakeRoles::default(),
            committed: 0,
        }
    }

    pub fn cx(&self) -> Cx<'_> {
        Cx {
            now: self.now,
            region: self.region,
            caller: &self.caller,
            request_id: RequestId::from_entropy([7 ^ self.committed; 16]),
            origin: &self.origin,
            profile: self.profile,
            regions: &self.regions,
            answers: &self.answers,
            functions: &self.functions,
            roles: &self.roles,
            entropy: &self.entropy,
            crypto: &self.crypto,
            uses: &self.uses,
            system_tags: None,
            proxies: &self.proxies,
        }
    }

    pub fn scope(&self) -> Scope {
        self.cx().scope()
    }

    pub fn account(&self) -> AccountId {
        self.caller.account
    }

    /// Moves the clock.
    pub fn pass_ms(&mut self, ms: i64) {
        self.now = Timestamp::from_millis(self.now.millis() + ms);
    }

    pub fn query<Op: Query>(&self, op: Op) -> Result<Op::Output, Op::Error> {
        engine::query(op, &self.cx(), &self.store)
    }

    /// Runs a command and commits it, unless it fails or asks.
    pub fn step<Op: Command>(&mut self, op: Op) -> Result<Step<Op::Output>, Op::Error> {
        let cx = self.cx();
        let mut tx = Tx::new(&self.store);
        let step = engine::command(op, &cx, &mut tx)?;
        let batch = tx.into_batch();
        if let Step::Done(_) = step {
            self.store.commit(batch);
            self.committed = self.committed.wrapping_add(1);
        }
        Ok(step)
    }

    /// Runs a command that asks nothing, and commits it.
    pub fn command<Op: Command>(&mut self, op: Op) -> Result<Op::Output, Op::Error> {
        match self.step(op)? {
            Step::Done(output) => Ok(output),
            Step::Ask(asks) => panic!("the command asks: {asks:?}"),
        }
    }

    /// Runs a command that asks other Regions, each of which says yes, and commits it.
    pub fn agreed<Op: Command>(&mut self, op: impl Fn() -> Op) -> Result<Op::Output, Op::Error> {
        if let Step::Ask(asks) = self.step(op())? {
            let yes = asks.into_iter().map(|ask| ((ask.region, ask.question), Answer::Yes));
            self.answers.extend(yes);
        }
        self.command(op())
    }

    /// Writes what `write` puts into a transaction.
    pub fn edit<T>(&mut self, write: impl FnOnce(&Cx<'_>, &mut Tx<'_>) -> T) -> T {
        let mut tx = Tx::new(&self.store);
        let result = write(&self.cx(), &mut tx);
        let batch = tx.into_batch();
        self.store.commit(batch);
        result
    }
}

/// What `from` has to tell `to` of a subject.
pub fn message(from: &World, to: &World, subject: &Subject) -> Message {
    let entry = from.store.outbox(from.scope(), to.region, subject).unwrap().unwrap();
    let key = to.crypto.transport_key();
    match compose(&from.cx(), &from.store, to.region, &key, subject, &entry).unwrap() {
        Composed::Send(message) => message,
        other => panic!("{other:?}"),
    }
}

pub fn hear(world: &mut World, from: Region, message: Message) -> Option<Message> {
    world.edit(|cx, tx| receive(cx, tx, from, message).unwrap())
}

/// Carries a message there, and its answer back.
pub fn exchange(from: &mut World, to: &mut World, subject: &Subject) {
    let sent = message(from, to, subject);
    if let Some(answer) = hear(to, from.region, sent) {
        hear(from, to.region, answer);
    }
}

/// A store in a map.
#[derive(Debug, Default)]
pub struct Store {
    records: BTreeMap<Key, Stored>,
    commits: u64,
    /// What was announced with the commits.
    pub events: Vec<ServiceEvent>,
    pub key_events: Vec<KeyEvent>,
}

impl Store {
    /// Checks the read set, which no test makes stale unknowingly, and applies the writes.
    pub fn commit(&mut self, batch: Batch) {
        for (key, seq) in &batch.reads {
            let now = self.records.get(key).map_or(0, |stored| stored.seq);
            assert_eq!(now, *seq, "conflict at {key:?}");
        }
        self.commits += 1;
        self.events.extend(batch.events);
        self.key_events.extend(batch.key_events);
        for (key, write) in batch.writes {
            match write {
                Some(record) => {
                    self.records.insert(key, Stored { record, seq: self.commits });
                }
                None => {
                    self.records.remove(&key);
                }
            }
        }
        self.check_indices();
    }

    /// Whatever was written: index records are those of the secrets that there are, no others.
    fn check_indices(&self) {
        if self.records.len() > CHECKED_MAX {
            return;
        }
        let found: BTreeSet<Key> = self.keys().filter(|key| is_index(key)).cloned().collect();
        let expected =
            self.records.iter().filter_map(|(key, stored)| match (key, &stored.record) {
                (Key::Secret { scope, .. }, Record::Secret(secret)) => {
                    Some(index::keys(*scope, secret))
                }
                _ => None,
            });
        assert_eq!(found, expected.flatten().collect());
    }

    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.records.keys()
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.records.contains_key(key)
    }
}

impl Read for Store {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        Ok(self.records.get(key).cloned())
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        let mut found: Vec<_> =
            self.records.iter().filter(|(key, _)| within(&scan.prefix, key)).collect();
        if scan.order == Order::Descending {
            found.reverse();
        }
        for (key, stored) in found {
            let seen = scan.after.as_ref().is_some_and(|after| match scan.order {
                Order::Ascending => key <= after,
                Order::Descending => key >= after,
            });
            if !seen && visit(key.clone(), stored.record.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// Whether a key is one of those that point at secrets.
pub fn is_index(key: &Key) -> bool {
    matches!(
        key,
        Key::SecretByCreated { .. } | Key::SecretByFacet { .. } | Key::SecretByMoment { .. }
    )
}

/// Whether a key lies in a range.
fn within(prefix: &Prefix, key: &Key) -> bool {
    match (prefix, key) {
        (Prefix::Secrets { scope, name: start }, Key::Secret { scope: at, name }) => {
            scope == at && name.as_str().starts_with(&**start)
        }
        (Prefix::SecretsOfRegion { region }, Key::Secret { scope, .. })
        | (Prefix::StackRuns { region }, Key::StackRun { scope, .. }) => *region == scope.region,
        (
            Prefix::Facets { scope, facet, start },
            Key::SecretByFacet { scope: at, facet: of, text, .. },
        ) => (scope, facet) == (at, of) && text.starts_with(&**start),
        (
            Prefix::FacetsOfText { scope, facet, text: wanted },
            Key::SecretByFacet { scope: at, facet: of, text, .. },
        ) => (scope, facet, wanted) == (at, of, text),
        (
            Prefix::SecretsByMoment { scope, moment },
            Key::SecretByMoment { scope: at, moment: of, .. },
        ) => (scope, moment) == (at, of),
        (Prefix::SecretsByCreated { scope }, Key::SecretByCreated { scope: at, .. })
        | (Prefix::KmsKeys { scope }, Key::KmsKey { scope: at, .. })
        | (Prefix::Aliases { scope }, Key::Alias { scope: at, .. })
        | (Prefix::Stacks { scope }, Key::Stack { scope: at, .. })
        | (Prefix::StackExports { scope }, Key::StackExport { scope: at, .. }) => scope == at,
        (
            Prefix::Versions { scope, name, suffix },
            Key::Version { scope: at, name: of, suffix: which, .. },
        ) => (scope, name, suffix) == (at, of, which),
        (Prefix::AliasesOfKey { scope, id }, Key::AliasOfKey { scope: at, id: of, .. }) => {
            (scope, id) == (at, of)
        }
        (Prefix::GrantsOfKey { scope, key }, Key::Grant { scope: at, key: of, .. }) => {
            (scope, key) == (at, of)
        }
        (
            Prefix::GrantsOfGrantee { scope, key, grantee },
            Key::GrantOfGrantee { scope: at, key: of, grantee: to, .. },
        ) => (scope, key, grantee) == (at, of, to),
        (
            Prefix::GrantsOfName { scope, key, name },
            Key::GrantOfName { scope: at, key: of, name: called, .. },
        ) => (scope, key, name) == (at, of, called),
        (
            Prefix::GrantsOfRetiring { region, retiring },
            Key::GrantOfRetiring { region: at, retiring: by, .. },
        ) => (region, retiring) == (at, by),
        (Prefix::Outbox { region, peer }, Key::Outbox { region: at, peer: to, .. }) => {
            (region, peer) == (at, to)
        }
        (Prefix::Deadlines { region }, Key::Deadline { region: at, .. }) => region == at,
        (Prefix::Identities, Key::Identity { .. }) => true,
        (
            Prefix::StackResources { scope, stack },
            Key::StackResource { scope: at, stack: of, .. },
        )
        | (Prefix::StackEvents { scope, stack }, Key::StackEvent { scope: at, stack: of, .. }) => {
            (scope, stack) == (at, of)
        }
        (
            Prefix::ChangeSets { scope, stack },
            Key::ChangeSetOfName { scope: at, stack: of, .. },
        ) => (scope, stack) == (at, of),
        (Prefix::StackImports { scope, name }, Key::StackImport { scope: at, name: of, .. }) => {
            (scope, name) == (at, of)
        }
        _ => false,
    }
}

/// Entropy that counts: never the same bytes twice, and the same bytes in every run.
#[derive(Debug, Clone, Default)]
pub struct Counter(Cell<u64>);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.get() + 1;
            self.0.set(count);
            let mixed = hash(&[&count.to_le_bytes()]).to_le_bytes();
            chunk.iter_mut().zip(mixed).for_each(|(byte, mixed)| *byte = mixed);
        }
    }
}

/// Cryptography that hides nothing and notices everything.
#[derive(Debug)]
pub struct FakeCrypto {
    region_key: SymmetricKey,
    pairs: FakePairs,
}

impl FakeCrypto {
    pub fn new(region: Region) -> Self {
        let region_key = expand(&[b"region", region.as_str().as_bytes()]);
        Self { region_key, pairs: FakePairs::new(region.as_str()) }
    }
}

/// FNV-1a over lengths and bytes, finished so that every bit counts.
fn hash(parts: &[&[u8]]) -> u64 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in (part.len() as u64).to_le_bytes().iter().chain(*part) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

fn expand(parts: &[&[u8]]) -> SymmetricKey {
    let mut bytes = [0; SymmetricKey::LEN];
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        let mut parts = parts.to_vec();
        let at = [u8::try_from(at).unwrap()];
        parts.push(&at);
        chunk.copy_from_slice(&hash(&parts).to_le_bytes());
    }
    SymmetricKey::new(bytes)
}

fn mask(key: &SymmetricKey, salt: &[u8], bytes: &mut [u8]) {
    for (at, chunk) in bytes.chunks_mut(8).enumerate() {
        let stream = hash(&[key.expose(), salt, &(at as u64).to_le_bytes()]).to_le_bytes();
        chunk.iter_mut().zip(stream).for_each(|(byte, stream)| *byte ^= stream);
    }
}

impl Crypto for FakeCrypto {
    fn seal(
        &self,
        key: &SymmetricKey,
        aad: &[u8],
        plaintext: &[u8],
        entropy: &dyn Entropy,
    ) -> Vec<u8> {
        let salt: [u8; SALT_LEN] = random(entropy);
        let mut body = plaintext.to_vec();
        mask(key, &salt, &mut body);
        let tag = hash(&[key.expose(), aad, &salt, plaintext]).to_le_bytes();
        [&salt[..], &body, &tag].concat()
    }

    fn open(&self, key: &SymmetricKey, aad: &[u8], sealed: &[u8]) -> Result<Plaintext, Unopened> {
        let (salt, rest) = sealed.split_at_checked(SALT_LEN).ok_or(Unopened)?;
        let at = rest.len().checked_sub(8).ok_or(Unopened)?;
        let (body, tag) = rest.split_at(at);
        let mut body = body.to_vec();
        mask(key, salt, &mut body);
        let expected = hash(&[key.expose(), aad, salt, &body]).to_le_bytes();
        if tag == expected { Ok(Plaintext::new(body)) } else { Err(Unopened) }
    }

    fn wrap(&self, aad: &[u8], material: &KeyBytes, entropy: &dyn Entropy) -> Vec<u8> {
        self.seal(&self.region_key, aad, material.expose(), entropy)
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Result<KeyBytes, Unopened> {
        self.open(&self.region_key, aad, wrapped).map(Plaintext::into_key)
    }

    fn unwrap_key(&self, aad: &[u8], wrapped: &[u8]) -> Result<SymmetricKey, Unopened> {
        let opened = self.open(&self.region_key, aad, wrapped)?;
        SymmetricKey::from_slice(opened.expose()).ok_or(Unopened)
    }

    fn transport_key(&self) -> TransportKey {
        TransportKey(expand(&[b"transport", self.region_key.expose()]).expose()[..].into())
    }

    fn seal_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        key: &SymmetricKey,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        let to = SymmetricKey::from_slice(&peer.0).ok_or(Unopened)?;
        Ok(self.seal(&to, aad, key.expose(), entropy))
    }

    fn open_sealed(&self, aad: &[u8], sealed: &[u8]) -> Result<SymmetricKey, Unopened> {
        let opened = self.open_sealed_material(aad, sealed)?;
        SymmetricKey::from_slice(opened.expose()).ok_or(Unopened)
    }

    fn seal_material_to(
        &self,
        peer: &TransportKey,
        aad: &[u8],
        material: &KeyBytes,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, Unopened> {
        let to = SymmetricKey::from_slice(&peer.0).ok_or(Unopened)?;
        Ok(self.seal(&to, aad, material.expose(), entropy))
    }

    fn open_sealed_material(&self, aad: &[u8], sealed: &[u8]) -> Result<KeyBytes, Unopened> {
        let own = SymmetricKey::from_slice(&self.transport_key().0).ok_or(Unopened)?;
        self.open(&own, aad, sealed).map(Plaintext::into_key)
    }

    fn material_id(&self, material: &KeyBytes) -> MaterialId {
        MaterialId(*expand(&[b"material", material.expose()]).expose())
    }

    fn pairs(&self) -> &dyn Pairs {
        &self.pairs
    }

    fn equal(&self, a: &[u8], b: &[u8]) -> bool {
        a == b
    }
}
