//! What clients do: weighted actions on few names, so that they collide.
//!
//! A client knows the names, the keys it was told of, and what a Region shows when asked. Values
//! are a function of secret and token, so that any value found anywhere can be checked, and carry
//! a mark that must never be seen (promise R7).

use std::ops::ControlFlow;
use std::rc::Rc;

use regent_core::ids::{KeyArn, KeyId, Region, Scope, SecretName};
use regent_core::ports::Read;
use regent_core::records::{Prefix, Record, Scan};
use regent_core::stacks::model::{OnFailure, Status};
use regent_core::tx::Records;
use regent_store::MemoryStore;

use crate::blueprint::{Blueprint, KEY_MARK};
use crate::crypto::hash;
use crate::rng::Rng;

/// The mark in every plaintext.
pub const CANARY: &str = "CANARY";
const NAMES: [&str; 3] = ["db", "api/token", "tls"];
const STACKS: [&str; 3] = ["app", "net", "web"];
/// Blueprints: many, and so few that a stack is now and then updated to what it was before.
const BLUEPRINTS: usize = 400;
/// Materials that are imported: so few that Regions come to agree.
const MATERIALS: usize = 3;
const LABELS: [&str; 4] = ["AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "BLUE"];

/// Whether a secret's name is one that clients give, and no stack.
pub fn is_clients(name: &str) -> bool {
    NAMES.contains(&name)
}

/// The value that a secret's version has, whoever wrote it wherever.
pub fn value_of(name: &str, token: &str) -> Vec<u8> {
    format!("{CANARY}:{name}:{token}").into_bytes()
}

/// A resource policy that differs from others and denies nobody.
pub fn policy_of(number: usize) -> String {
    format!(
        r#"{{"Statement":{{"Sid":"{number}","Effect":"Allow","Principal":"*","Action":"secretsmanager:DescribeSecret","Resource":"*"}}}}"#
    )
}

/// The key material of that number.
pub fn material_of(number: u8) -> Vec<u8> {
    (0..4).flat_map(|part| hash(&[b"imported", &[number, part]]).to_le_bytes()).collect()
}

/// A replica as a client asks for it: Region and key.
pub type Wanted = (Region, Option<String>);

/// One client's request.
#[derive(Debug, Clone)]
pub enum Action {
    Create {
        name: String,
        token: String,
        value: bool,
        key: Option<String>,
        to: Vec<Wanted>,
        overwrite: bool,
    },
    Put {
        name: String,
        token: String,
        labels: Vec<String>,
    },
    Update {
        name: String,
        token: String,
        value: bool,
        text: Option<String>,
        key: Option<String>,
    },
    Stage {
        name: String,
        label: String,
        from: Option<String>,
        to: Option<String>,
    },
    Tag {
        name: String,
        key: String,
        value: String,
    },
    Untag {
        name: String,
        key: String,
    },
    /// Puts the resource policy of that number, or deletes it.
    Policy {
        name: String,
        number: Option<usize>,
    },
    Replicate {
        name: String,
        to: Vec<Wanted>,
        overwrite: bool,
    },
    Remove {
        name: String,
        regions: Vec<Region>,
    },
    Detach {
        name: String,
    },
    Delete {
        name: String,
        days: Option<i64>,
    },
    Restore {
        name: String,
    },
    Get {
        name: String,
        stage: Option<String>,
    },
    CreateKey {
        multi: bool,
    },
    /// A multi-Region key without material.
    CreateExternalKey,
    /// Imports the material of that number, as new or as what the key has or waits for.
    Import {
        key: KeyId,
        number: u8,
        new: bool,
    },
    /// Deletes the imported material of that number, or the current one.
    Drop {
        key: KeyId,
        number: Option<u8>,
    },
    ReplicateKey {
        key: KeyId,
        to: Region,
    },
    PromoteKey {
        key: KeyId,
        to: Region,
    },
    Enable {
        key: KeyId,
    },
    Disable {
        key: KeyId,
    },
    Rotate {
        key: KeyId,
    },
    /// Lets a key rotate by itself every so many days, or no more.
    RotateEvery {
        key: KeyId,
        days: Option<i64>,
    },
    DeleteKey {
        key: KeyId,
        days: i64,
    },
    KeepKey {
        key: KeyId,
    },
    Alias {
        key: KeyId,
    },
    Encrypt {
        key: KeyId,
        text: String,
    },
    Decrypt {
        blob: usize,
    },
    Stack {
        name: &'static str,
        what: OnStack,
    },
}

/// What is asked of a stack.
#[derive(Debug, Clone)]
pub enum OnStack {
    Create(Blueprint, OnFailure),
    Update(Blueprint, OnFailure),
    /// A change set of that number, of a stack that there is or not.
    Propose(usize, Blueprint),
    Execute(usize),
    Cancel,
    /// Goes on with a rollback that failed, past what it failed at or not.
    Continue {
        skip: bool,
    },
    /// Goes back from an operation that left its failure as it was.
    RollBack,
    Delete,
}

impl Action {
    /// Whether the same request may be sent again when nobody knows what became of the first.
    pub fn is_idempotent(&self) -> bool {
        matches!(self, Self::Create { value: true, .. } | Self::Put { .. } | Self::Update { .. })
    }
}

/// What all clients together remember.
#[derive(Debug, Default)]
pub struct Clients {
    /// How much of what they ask is asked of stacks.
    stacks_percent: u64,
    pub keys: Vec<KeyId>,
    pub blobs: usize,
    /// Requests whose outcome is unknown, and where they were sent.
    pub unknown: Vec<(Region, Action)>,
    tokens: Vec<String>,
}

/// What a client sees when it looks around before it acts.
#[derive(Debug)]
pub struct Sight<'a> {
    pub scope: Scope,
    pub regions: &'a [Region],
    pub store: &'a MemoryStore,
    /// The other Regions, where a stack's keys may have replicas.
    pub others: &'a [(Scope, Rc<MemoryStore>)],
}

impl Clients {
    pub fn new(stacks_percent: u64) -> Self {
        Self { stacks_percent, ..Self::default() }
    }

    /// The next action in one Region.
    pub fn next(&mut self, rng: &Rng, sight: &Sight<'_>) -> Action {
        if self.stacks_percent > 0 && rng.percent(self.stacks_percent) {
            return on_stack(rng, sight);
        }
        let name = (*rng.pick(&NAMES)).to_owned();
        match rng.below(100) {
            0..14 => self.create(rng, sight, name),
            14..30 => Action::Put { name, token: self.token(rng), labels: labels(rng) },
            30..36 => self.update(rng, name),
            36..42 => stage(rng, sight, name),
            42..45 => Action::Tag { name, key: tag(rng), value: format!("{}", rng.below(9)) },
            45 => Action::Policy { name, number: rng.percent(75).then(|| rng.below(9)) },
            46..48 => Action::Untag { name, key: tag(rng) },
            48..57 => {
                let to = self.replicas(rng, sight, 100);
                Action::Replicate { name, to, overwrite: rng.percent(50) }
            }
            57..62 => Action::Remove { name, regions: some(rng, sight.regions) },
            62..66 => Action::Detach { name },
            66..69 => Action::Delete { name, days: None },
            69..71 => Action::Delete { name, days: Some(7) },
            71..73 => Action::Restore { name },
            73..79 => {
                let stage = rng.percent(40).then(|| (*rng.pick(&LABELS)).to_owned());
                Action::Get { name, stage }
            }
            79 if rng.percent(40) => Action::CreateExternalKey,
            79 | 80 => Action::CreateKey { multi: rng.percent(80) },
            _ => self.on_key(rng, sight),
        }
    }

    fn on_key(&self, rng: &Rng, sight: &Sight<'_>) -> Action {
        if self.keys.is_empty() {
            return Action::CreateKey { multi: true };
        }
        let key = *rng.pick(&self.keys);
        let to = *rng.pick(sight.regions);
        match rng.below(60) {
            0..10 => Action::ReplicateKey { key, to },
            10..14 => Action::PromoteKey { key, to },
            14..18 => Action::Disable { key },
            18..23 => Action::Enable { key },
            23 | 24 => Action::DeleteKey { key, days: 7 },
            25 | 26 => Action::KeepKey { key },
            27 => Action::Alias { key },
            40..44 => Action::Rotate { key },
            44 => Action::RotateEvery { key, days: Some(90) },
            45 => Action::RotateEvery { key, days: None },
            46..57 => {
                let number = u8::try_from(rng.below(MATERIALS)).unwrap_or_default();
                Action::Import { key, number, new: rng.percent(30) }
            }
            57 => {
                let number = rng.percent(70).then(|| rng.below(MATERIALS));
                Action::Drop { key, number: number.and_then(|number| u8::try_from(number).ok()) }
            }
            28..33 => Action::Encrypt { key, text: format!("{CANARY}:{:016x}", rng.next()) },
            _ if self.blobs > 0 => Action::Decrypt { blob: rng.below(self.blobs) },
            _ => Action::Encrypt { key, text: format!("{CANARY}:{:016x}", rng.next()) },
        }
    }

    fn create(&mut self, rng: &Rng, sight: &Sight<'_>, name: String) -> Action {
        Action::Create {
            name,
            token: self.token(rng),
            value: rng.percent(75),
            key: self.own_key(rng),
            to: self.replicas(rng, sight, 60),
            overwrite: rng.percent(40),
        }
    }

    fn update(&mut self, rng: &Rng, name: String) -> Action {
        Action::Update {
            name,
            token: self.token(rng),
            value: rng.percent(40),
            text: rng.percent(50).then(|| format!("text {}", rng.below(1000))),
            key: if rng.percent(30) { self.own_key(rng).or(Some(String::new())) } else { None },
        }
    }

    /// Mostly a new token; sometimes one that was used before, for another secret or this one.
    fn token(&mut self, rng: &Rng) -> String {
        if !self.tokens.is_empty() && rng.percent(10) {
            return rng.pick(&self.tokens).clone();
        }
        let token = format!("{:016x}{:016x}", rng.next(), rng.next());
        self.tokens.push(token.clone());
        token
    }

    fn replicas(&self, rng: &Rng, sight: &Sight<'_>, chance: u64) -> Vec<Wanted> {
        if !rng.percent(chance) {
            return Vec::new();
        }
        let regions = some(rng, sight.regions);
        regions.into_iter().map(|region| (region, self.replica_key(rng, region))).collect()
    }

    fn own_key(&self, rng: &Rng) -> Option<String> {
        match rng.below(10) {
            0..6 => None,
            6 => Some("alias/app".to_owned()),
            _ => self.keys.last().map(|_| rng.pick(&self.keys).to_string()),
        }
    }

    fn replica_key(&self, rng: &Rng, region: Region) -> Option<String> {
        match rng.below(12) {
            0..5 => None,
            5 => Some("mrk-1234abcd12ab34cd56ef1234567890ab".to_owned()),
            6 => Some("MyNameIsDylan".to_owned()),
            7 => Some("alias/app".to_owned()),
            8 if !self.keys.is_empty() => {
                let key = rng.pick(&self.keys);
                Some(format!("arn:aws:kms:{region}:111122223333:key/{key}"))
            }
            _ => self.keys.last().map(|_| rng.pick(&self.keys).to_string()),
        }
    }
}

/// What is asked of a stack, mostly something that its state allows.
fn on_stack(rng: &Rng, sight: &Sight<'_>) -> Action {
    let name = *rng.pick(&STACKS);
    let id = sight.store.stack_of_name(sight.scope, &name.parse().unwrap()).unwrap();
    let found = id.map(|id| sight.store.stack(sight.scope, id).unwrap().unwrap());
    let status = found.map(|stack| stack.status);
    let what = match status {
        None if rng.percent(70) => OnStack::Create(blueprint(rng, sight), on_failure(rng)),
        None => OnStack::Propose(rng.below(2), blueprint(rng, sight)),
        Some(Status::ReviewInProgress) => OnStack::Execute(rng.below(2)),
        Some(Status::UpdateInProgress) if rng.percent(50) => OnStack::Cancel,
        Some(Status::UpdateRollbackFailed) => match rng.below(4) {
            0 => OnStack::Delete,
            choice => OnStack::Continue { skip: choice == 1 },
        },
        Some(Status::CreateFailed | Status::UpdateFailed) if rng.percent(60) => OnStack::RollBack,
        Some(status) if !status.is_updatable() && rng.percent(80) => OnStack::Delete,
        Some(_) => match rng.below(20) {
            0..9 => {
                let failure = [OnFailure::Rollback, OnFailure::DoNothing];
                let failure = failure[usize::from(rng.percent(20))];
                OnStack::Update(blueprint(rng, sight), failure)
            }
            9..12 => OnStack::Propose(rng.below(2), blueprint(rng, sight)),
            12..15 => OnStack::Execute(rng.below(2)),
            15 => OnStack::Create(blueprint(rng, sight), on_failure(rng)),
            _ => OnStack::Delete,
        },
    };
    Action::Stack { name, what }
}

fn on_failure(rng: &Rng) -> OnFailure {
    match rng.below(6) {
        0 => OnFailure::DoNothing,
        1 => OnFailure::Delete,
        _ => OnFailure::Rollback,
    }
}

fn blueprint(rng: &Rng, sight: &Sight<'_>) -> Blueprint {
    let number = rng.below(BLUEPRINTS) as u64;
    let primary = if rng.percent(40) { primary(rng, sight) } else { None };
    Blueprint { number, primary }
}

/// A key that a stack of another Region has made.
fn primary(rng: &Rng, sight: &Sight<'_>) -> Option<KeyArn> {
    let (scope, store) = rng.pick(sight.others);
    let mut keys = Vec::new();
    let scanned = store.scan(&Scan::all(Prefix::KmsKeys { scope: *scope }), &mut |_, record| {
        if let Record::KmsKey(key) = record
            && key.is_multi_region_primary(scope.region)
            && key.description.starts_with(KEY_MARK)
        {
            keys.push(key.arn(*scope));
        }
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    keys.last().map(|_| *rng.pick(&keys))
}

fn labels(rng: &Rng) -> Vec<String> {
    match rng.below(10) {
        0..6 => Vec::new(),
        6..8 => vec!["AWSPENDING".to_owned()],
        8 => vec!["BLUE".to_owned()],
        _ => vec!["AWSCURRENT".to_owned(), "BLUE".to_owned()],
    }
}

fn tag(rng: &Rng) -> String {
    (*rng.pick(&["team", "stage"])).to_owned()
}

/// One or two Regions, the own one among them now and then.
fn some(rng: &Rng, regions: &[Region]) -> Vec<Region> {
    let mut chosen: Vec<Region> = (0..=rng.below(2)).map(|_| *rng.pick(regions)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// A move of a label between versions that the Region shows.
fn stage(rng: &Rng, sight: &Sight<'_>, name: String) -> Action {
    let parsed: SecretName = name.parse().unwrap();
    let secret = sight.store.secret(sight.scope, &parsed).unwrap();
    let stages = secret.map(|secret| secret.stages.clone()).unwrap_or_default();
    let on: Vec<_> = stages.iter().collect();
    if on.is_empty() {
        return Action::Get { name, stage: None };
    }
    let (label, from) = *rng.pick(&on);
    let (_, to) = *rng.pick(&on);
    let to = rng.percent(75).then(|| to.to_string());
    if rng.percent(30) {
        return Action::Stage { name, label: "BLUE".to_owned(), from: None, to };
    }
    let from = rng.percent(90).then(|| from.to_string());
    Action::Stage { name, label: label.to_string(), from, to }
}
