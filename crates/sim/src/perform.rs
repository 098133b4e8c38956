//! From a client's action to the core's operation, and back to what the client learns.
//!
//! The stand-in for the wire: it makes operations and runs them through the core's only door. A
//! request that waits for other Regions, or whose commit finds a conflict, is run again.

use std::collections::BTreeSet;

use regent_core::cx::{Ask, Cx};
use regent_core::engine::{self, Command, Query, Step, Touch};
use regent_core::ids::{AliasName, KeyArn, KeyId, PolicyName, SecretName, VersionId};
use regent_core::keys::ciphertext::{Blob, Sealed};
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::import::Wrapping;
use regent_core::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use regent_core::keys::ops::create_alias::CreateAlias;
use regent_core::keys::ops::create_key::{CreateKey, Source};
use regent_core::keys::ops::decrypt::Decrypt;
use regent_core::keys::ops::delete_imported_key_material::DeleteImportedKeyMaterial;
use regent_core::keys::ops::disable_key::DisableKey;
use regent_core::keys::ops::disable_key_rotation::DisableKeyRotation;
use regent_core::keys::ops::enable_key::EnableKey;
use regent_core::keys::ops::enable_key_rotation::EnableKeyRotation;
use regent_core::keys::ops::encrypt::Encrypt;
use regent_core::keys::ops::get_parameters_for_import::GetParametersForImport;
use regent_core::keys::ops::import_key_material::{ImportKeyMaterial, ImportType};
use regent_core::keys::ops::replicate_key::ReplicateKey;
use regent_core::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use regent_core::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use regent_core::keys::ops::update_alias::UpdateAlias;
use regent_core::keys::ops::update_primary_region::UpdatePrimaryRegion;
use regent_core::keys::rotation::RotationPeriod;
use regent_core::keys::spec::{EncryptionAlgorithm, KeySpec, KeyUsage, OaepHash, RsaSize};
use regent_core::keys::target::KeyRef;
use regent_core::plaintext::{KeyBytes, Plaintext};
use regent_core::ports::{Read, StoreFault};
use regent_core::secrets::ops::{
    CreateSecret, DeleteResourcePolicy, DeleteSecret, GetSecretValue, PutResourcePolicy,
    PutSecretValue, RemoveRegionsFromReplication, ReplicateSecretToRegions, RestoreSecret,
    StopReplicationToReplica, TagResource, UntagResource, UpdateSecret, UpdateSecretVersionStage,
};
use regent_core::secrets::replicas::AddReplica;
use regent_core::secrets::stages::Move;
use regent_core::secrets::target::SecretId;
use regent_core::secrets::versions::GivenValue;
use regent_core::stacks::change_set::ChangeSetRef;
use regent_core::stacks::model::Options;
use regent_core::stacks::ops::continue_update_rollback::Skip;
use regent_core::stacks::ops::create_change_set::Kind;
use regent_core::stacks::ops::{
    CancelUpdateStack, ContinueUpdateRollback, CreateChangeSet, CreateStack, DeleteStack,
    ExecuteChangeSet, RollbackStack, UpdateStack,
};
use regent_core::stacks::ready::Given;
use regent_core::stacks::target::StackRef;
use regent_core::tags::Tags;
use regent_core::tx::{Batch, Records, Tx};

use crate::blueprint::Blueprint;
use crate::workload::{Action, OnStack, Wanted, material_of, policy_of, value_of};

/// What a client is told.
#[derive(Debug, Clone)]
pub enum Reply {
    Done,
    Value {
        version: String,
        value: Vec<u8>,
    },
    Key(KeyId),
    Blob {
        key: KeyArn,
        blob: Vec<u8>,
    },
    Text(Vec<u8>),
    /// The condition, as the core names it.
    Refused(String),
}

/// How far a request came.
#[derive(Debug)]
pub enum Progress {
    Commit(Reply, Batch),
    Answer(Reply, Option<Touch>),
    Ask(Vec<Ask>),
    Fault,
}

/// A ciphertext that a client keeps.
#[derive(Debug, Clone)]
pub struct Kept {
    pub key: KeyArn,
    pub blob: Vec<u8>,
    pub text: String,
}

/// Runs one request as far as it comes.
pub fn perform(cx: &Cx<'_>, read: &dyn Read, action: &Action, blobs: &[Kept]) -> Progress {
    let run = Run { cx, read };
    match action {
        Action::Encrypt { .. } | Action::Decrypt { .. } | Action::Get { .. } => {
            run.reads(action, blobs)
        }
        Action::CreateExternalKey | Action::Import { .. } | Action::Drop { .. } => {
            run.on_imported(action)
        }
        Action::CreateKey { .. }
        | Action::ReplicateKey { .. }
        | Action::PromoteKey { .. }
        | Action::Enable { .. }
        | Action::Disable { .. }
        | Action::Rotate { .. }
        | Action::RotateEvery { .. }
        | Action::DeleteKey { .. }
        | Action::KeepKey { .. }
        | Action::Alias { .. } => run.on_key(action),
        Action::Stack { name, what } => run.on_stack(name, what),
        _ => run.on_secret(action),
    }
}

struct Run<'a> {
    cx: &'a Cx<'a>,
    read: &'a dyn Read,
}

impl Run<'_> {
    fn command<Op: Command>(&self, op: Op, reply: impl FnOnce(Op::Output) -> Reply) -> Progress
    where
        Op::Error: core::fmt::Debug,
    {
        let mut tx = Tx::new(self.read);
        match engine::command(op, self.cx, &mut tx) {
            Ok(Step::Done(output)) => Progress::Commit(reply(output), tx.into_batch()),
            Ok(Step::Ask(asks)) => Progress::Ask(asks),
            Err(error) => refused(&error),
        }
    }

    fn query<Op: Query>(&self, op: Op, reply: impl FnOnce(Op::Output) -> Reply) -> Progress
    where
        Op::Error: core::fmt::Debug,
    {
        match engine::query(op, self.cx, self.read) {
            Ok(output) => {
                let touch = Op::touches(&output).pop();
                Progress::Answer(reply(output), touch)
            }
            Err(error) => refused(&error),
        }
    }

    fn on_secret(&self, action: &Action) -> Progress {
        match action.clone() {
            Action::Create { name, token, value, key, to, overwrite } => {
                let op = CreateSecret {
                    name: parse(&name),
                    token: version(&token),
                    description: None,
                    kms_key_id: key.map(Into::into),
                    value: given(value, &name, &token),
                    tags: None,
                    replicas: wanted(to),
                    overwrite,
                    secret_type: None,
                    cross_account_primary: None,
                };
                self.command(op, |_| Reply::Done)
            }
            Action::Put { name, token, labels } => {
                let op = PutSecretValue {
                    secret: id(&name),
                    token: version(&token),
                    value: given(true, &name, &token),
                    stages: labels.iter().map(|label| label.parse().unwrap()).collect(),
                    rotation: None,
                };
                self.command(op, |_| Reply::Done)
            }
            Action::Update { name, token, value, text, key } => {
                let op = UpdateSecret {
                    secret: id(&name),
                    token: version(&token),
                    description: text.map(Into::into),
                    kms_key_id: key.map(Into::into),
                    secret_type: None,
                    value: given(value, &name, &token),
                };
                self.command(op, |_| Reply::Done)
            }
            Action::Stage { name, label, from, to } => {
                let change = Move {
                    label: label.parse().unwrap(),
                    from: from.as_deref().map(version),
                    to: to.as_deref().map(version),
                };
                let op = UpdateSecretVersionStage { secret: id(&name), change };
                self.command(op, |_| Reply::Done)
            }
            Action::Tag { name, key, value } => {
                let op = TagResource { secret: id(&name), tags: vec![(key.into(), value.into())] };
                self.command(op, |()| Reply::Done)
            }
            Action::Untag { name, key } => {
                let op = UntagResource { secret: id(&name), keys: vec![key.into()] };
                self.command(op, |()| Reply::Done)
            }
            Action::Policy { name, number } => self.policy(&name, number),
            action => self.on_replicas(action),
        }
    }

    fn policy(&self, secret: &str, number: Option<usize>) -> Progress {
        let (secret, name) = (id(secret), PolicyName::of_requests());
        match number {
            Some(number) => {
                let policy = policy_of(number).into();
                let op = PutResourcePolicy { secret, name, policy, block_public: false };
                self.command(op, |_| Reply::Done)
            }
            None => self.command(DeleteResourcePolicy { secret, name }, |_| Reply::Done),
        }
    }

    fn on_replicas(&self, action: Action) -> Progress {
        match action {
            Action::Replicate { name, to, overwrite } => {
                let replicas = wanted(to);
                let op = ReplicateSecretToRegions { secret: id(&name), replicas, overwrite };
                self.command(op, |_| Reply::Done)
            }
            Action::Remove { name, regions } => {
                let op = RemoveRegionsFromReplication { secret: id(&name), regions };
                self.command(op, |_| Reply::Done)
            }
            Action::Detach { name } => {
                self.command(StopReplicationToReplica { secret: id(&name) }, |_| Reply::Done)
            }
            Action::Delete { name, days } => {
                let force = days.is_none();
                let op = DeleteSecret { secret: id(&name), window_days: days, force };
                self.command(op, |_| Reply::Done)
            }
            Action::Restore { name } => {
                self.command(RestoreSecret { secret: id(&name) }, |_| Reply::Done)
            }
            other => panic!("no operation on secrets: {other:?}"),
        }
    }

    fn on_imported(&self, action: &Action) -> Progress {
        match *action {
            Action::CreateExternalKey => {
                let op = new_key(Source::Imported, true);
                self.command(op, |found| Reply::Key(found.key.id))
            }
            Action::Import { key, number, new } => self.import(key, number, new),
            Action::Drop { key, number } => {
                let material = number
                    .map(|number| self.cx.crypto.material_id(&KeyBytes::new(material_of(number))));
                let op = DeleteImportedKeyMaterial { key: key_ref(key), material };
                self.command(op, |_| Reply::Done)
            }
            ref other => panic!("no import: {other:?}"),
        }
    }

    /// Asks for a wrapping key, wraps the material with it, and imports it.
    fn import(&self, key: KeyId, number: u8, new: bool) -> Progress {
        let wrapping = Wrapping::Oaep(OaepHash::Sha256);
        let op = GetParametersForImport { key: key_ref(key), wrapping, size: RsaSize::Bits2048 };
        let given = match engine::query(op, self.cx, self.read) {
            Ok(given) => given,
            Err(error) => return refused(&error),
        };
        let (pairs, material) = (self.cx.crypto.pairs(), material_of(number));
        let wrapped = pairs.oaep_encrypt(&given.public, OaepHash::Sha256, &material).unwrap();
        let op = ImportKeyMaterial {
            key: key_ref(key),
            token: given.token.into(),
            wrapped: wrapped.into(),
            expires: (number == 1).then(|| self.cx.now.plus_days(30)),
            kind: new.then_some(ImportType::New),
            description: None,
            material: None,
        };
        self.command(op, |_| Reply::Done)
    }

    fn on_key(&self, action: &Action) -> Progress {
        match *action {
            Action::CreateKey { multi } => {
                let op = new_key(Source::Made, multi);
                self.command(op, |found| Reply::Key(found.key.id))
            }
            Action::ReplicateKey { key, to } => {
                let op = ReplicateKey {
                    key: key_ref(key),
                    region: to.as_str().into(),
                    policy: None,
                    bypass_lockout_check: false,
                    description: "".into(),
                    tags: Tags::new(),
                };
                self.command(op, |_| Reply::Done)
            }
            Action::PromoteKey { key, to } => {
                let op = UpdatePrimaryRegion { key: key_ref(key), primary: to.as_str().into() };
                self.command(op, |()| Reply::Done)
            }
            Action::Enable { key } => {
                self.command(EnableKey { key: key_ref(key) }, |()| Reply::Done)
            }
            Action::Disable { key } => {
                self.command(DisableKey { key: key_ref(key) }, |()| Reply::Done)
            }
            Action::Rotate { key } => {
                self.command(RotateKeyOnDemand { key: key_ref(key) }, |_| Reply::Done)
            }
            Action::RotateEvery { key, days: None } => {
                self.command(DisableKeyRotation { key: key_ref(key) }, |()| Reply::Done)
            }
            Action::RotateEvery { key, days: Some(days) } => {
                let period = RotationPeriod::new(days);
                self.command(EnableKeyRotation { key: key_ref(key), period }, |()| Reply::Done)
            }
            Action::DeleteKey { key, days } => {
                let window = DeletionWindow::new(Some(days)).unwrap();
                let op = ScheduleKeyDeletion { key: key_ref(key), window };
                self.command(op, |_| Reply::Done)
            }
            Action::KeepKey { key } => {
                self.command(CancelKeyDeletion { key: key_ref(key) }, |_| Reply::Done)
            }
            Action::Alias { key } => self.alias(key),
            ref other => panic!("no operation on keys: {other:?}"),
        }
    }

    /// Points the one alias at a key, whether or not it exists.
    fn alias(&self, key: KeyId) -> Progress {
        let name: AliasName = "alias/app".parse().unwrap();
        let create = CreateAlias { name: name.clone(), target: key_ref(key) };
        match self.command(create, |()| Reply::Done) {
            Progress::Answer(Reply::Refused(why), _) if why.starts_with("AliasExists") => {
                self.command(UpdateAlias { name, target: key_ref(key) }, |()| Reply::Done)
            }
            progress => progress,
        }
    }

    fn on_stack(&self, name: &str, what: &OnStack) -> Progress {
        let stack = StackRef::from(name);
        let text =
            |blueprint: &Blueprint| Box::from(blueprint.template(self.cx.region, self.cx.regions));
        match what {
            OnStack::Create(blueprint, on_failure) => {
                let op = CreateStack {
                    name: name.parse().unwrap(),
                    template: text(blueprint),
                    parameters: Given::new(),
                    options: Options { on_failure: *on_failure, ..Options::default() },
                    tags: Tags::new(),
                    capabilities: Vec::new(),
                    policy: None,
                    role: None,
                    token: None,
                };
                self.command(op, |_| Reply::Done)
            }
            OnStack::Update(blueprint, on_failure) => {
                let op = UpdateStack {
                    stack,
                    template: Some(text(blueprint)),
                    parameters: Vec::new(),
                    tags: None,
                    capabilities: Vec::new(),
                    on_failure: *on_failure,
                    retain_except_on_create: None,
                    policy: None,
                    policy_during: None,
                    role: None,
                    token: None,
                };
                self.command(op, |_| Reply::Done)
            }
            OnStack::Propose(number, blueprint) => self.propose(name, *number, text(blueprint)),
            OnStack::Execute(number) => {
                let op = ExecuteChangeSet {
                    change_set: ChangeSetRef { stack: Some(stack), given: change_set(*number) },
                    disable_rollback: false,
                    retain_except_on_create: false,
                    token: None,
                };
                self.command(op, |()| Reply::Done)
            }
            OnStack::Cancel => {
                self.command(CancelUpdateStack { stack, token: None }, |()| Reply::Done)
            }
            OnStack::Continue { skip } => {
                let skip = if *skip { Skip::Failed } else { Skip::These(BTreeSet::new()) };
                let op = ContinueUpdateRollback { stack, skip, role: None, token: None };
                self.command(op, |()| Reply::Done)
            }
            OnStack::RollBack => {
                let op = RollbackStack {
                    stack,
                    retain_except_on_create: false,
                    role: None,
                    token: None,
                };
                self.command(op, |_| Reply::Done)
            }
            OnStack::Delete => {
                let op = DeleteStack { stack, retain: BTreeSet::new(), role: None, token: None };
                self.command(op, |()| Reply::Done)
            }
        }
    }

    fn propose(&self, stack: &str, number: usize, template: Box<str>) -> Progress {
        let found = self.read.stack_of_name(self.cx.scope(), &stack.parse().unwrap()).unwrap();
        let kind = match found {
            Some(_) => Kind::Update { stack: stack.into(), template: Some(template) },
            None => Kind::Create { stack: stack.parse().unwrap(), template },
        };
        let op = CreateChangeSet {
            kind,
            name: change_set(number).parse().unwrap(),
            parameters: Vec::new(),
            tags: None,
            capabilities: Vec::new(),
            description: None,
            on_failure: None,
            nested: false,
            role: None,
            token: None,
        };
        self.command(op, |_| Reply::Done)
    }

    fn reads(&self, action: &Action, blobs: &[Kept]) -> Progress {
        match action {
            Action::Get { name, stage } => {
                let stage = stage.as_ref().map(|stage| stage.parse().unwrap());
                let op = GetSecretValue { secret: id(name), version: None, stage };
                self.query(op, |found| Reply::Value {
                    version: found.version.to_string(),
                    value: found.plaintext.expose().to_vec(),
                })
            }
            Action::Encrypt { key, text } => {
                let op = Encrypt {
                    key: key_ref(*key),
                    plaintext: Plaintext::new(text.clone().into_bytes()),
                    context: context(text),
                    algorithm: EncryptionAlgorithm::Symmetric,
                    dry_run: false,
                };
                self.query(op, |found| Reply::Blob { key: found.key, blob: found.blob })
            }
            Action::Decrypt { blob } => {
                let kept = &blobs[*blob];
                let blob = Blob::Given(kept.blob.clone().into());
                let sealed = Sealed {
                    key: None,
                    algorithm: EncryptionAlgorithm::Symmetric,
                    blob,
                    context: context(&kept.text),
                    tokens: Box::default(),
                };
                self.query(Decrypt { sealed, dry_run: false }, |opened| {
                    Reply::Text(opened.plaintext.expose().to_vec())
                })
            }
            other => panic!("no read: {other:?}"),
        }
    }
}

/// The encryption context that goes with a text: its length, which tells nothing.
pub fn context(text: &str) -> EncryptionContext {
    EncryptionContext::new([("len".into(), text.len().to_string().into())].into())
}

fn refused(error: &impl core::fmt::Debug) -> Progress {
    let text = format!("{error:?}");
    if text == format!("Store({StoreFault:?})") {
        return Progress::Fault;
    }
    Progress::Answer(Reply::Refused(text), None)
}

fn parse(name: &str) -> SecretName {
    name.parse().unwrap()
}

fn version(token: &str) -> VersionId {
    token.parse().unwrap()
}

fn id(name: &str) -> SecretId {
    SecretId::parse(name).unwrap()
}

fn new_key(source: Source, multi_region: bool) -> CreateKey {
    CreateKey {
        policy: None,
        bypass_lockout_check: false,
        description: "".into(),
        tags: Tags::new(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        multi_region,
        source,
    }
}

fn change_set(number: usize) -> Box<str> {
    format!("set-{number}").into()
}

fn key_ref(key: KeyId) -> KeyRef {
    KeyRef::from(&*key.to_string())
}

fn wanted(to: Vec<Wanted>) -> Vec<AddReplica> {
    to.into_iter()
        .map(|(region, key)| AddReplica {
            region: region.as_str().into(),
            kms_key_id: key.map(Into::into),
        })
        .collect()
}

fn given(value: bool, name: &str, token: &str) -> GivenValue {
    let string = value.then(|| Plaintext::new(value_of(name, token)));
    GivenValue { string, binary: None }
}
