//! The operations, each against a small store: what they answer, refuse and leave behind.

mod aliases;
mod conditions;
mod cryptography;
mod deciding;
mod demands;
mod events;
mod grants;
mod import;
mod key_stores;
mod lifecycle;
mod listing;
mod multi_region;
mod pairs;
mod permission;
mod related_imports;
mod rotation;
mod states;
mod usage;

use crate::ids::{KeyArn, Region, Scope};
use crate::keys::access::Found;
use crate::keys::envelope::EncryptionContext;
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::model::{KeySpec, KeyState, KeyUsage, KmsKey};
use crate::keys::ops::create_alias::CreateAlias;
use crate::keys::ops::create_key::{CreateKey, Source};
use crate::keys::ops::encrypt::Encrypt;
use crate::keys::problem::KeyProblem;
use crate::keys::spec::EncryptionAlgorithm;
use crate::keys::target::KeyRef;
use crate::plaintext::Plaintext;
use crate::policy::document::Policy;
use crate::policy::evaluate::PrincipalKind;
use crate::records::{Key, Record};
use crate::tags::Tags;
use crate::testing::World;
use crate::tx::Records;

#[expect(clippy::needless_pass_by_value, reason = "callers hand over what they have just made")]
fn named(text: impl ToString) -> KeyRef {
    text.to_string().as_str().into()
}

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

const SYMMETRIC: EncryptionAlgorithm = EncryptionAlgorithm::Symmetric;

fn plain() -> CreateKey {
    CreateKey {
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags: Tags::new(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        multi_region: false,
        source: Source::Made,
    }
}

fn create(world: &mut World) -> Found {
    world.command(plain()).unwrap()
}

fn create_multi_region(world: &mut World) -> Found {
    world.command(CreateKey { multi_region: true, ..plain() }).unwrap()
}

fn create_alias(world: &mut World, name: &str, target: &Found) {
    let op = CreateAlias { name: name.parse().unwrap(), target: named(target.arn()) };
    world.command(op).unwrap();
}

/// The key as stored.
fn stored(world: &World, found: &Found) -> KmsKey {
    KmsKey::clone(&world.store.kms_key(found.scope, found.key.id).unwrap().unwrap())
}

/// Changes the stored key.
fn alter(world: &mut World, found: &Found, change: impl FnOnce(&mut KmsKey)) {
    let mut key = stored(world, found);
    change(&mut key);
    let at = Key::KmsKey { scope: found.scope, id: key.id };
    world.edit(|_, tx| tx.put(at, Record::KmsKey(key.into())));
}

fn set_state(world: &mut World, found: &Found, state: KeyState) {
    alter(world, found, |key| key.state = state);
}

fn no_context() -> EncryptionContext {
    EncryptionContext::default()
}

fn context(key: &str, value: &str) -> EncryptionContext {
    EncryptionContext::new([(key.into(), value.into())].into())
}

fn encrypt(world: &World, found: &Found, context: EncryptionContext) -> Box<[u8]> {
    let plaintext = Plaintext::new(b"hunter2".to_vec());
    let key = named(found.key.id);
    let op = Encrypt { key, plaintext, algorithm: SYMMETRIC, context, dry_run: false };
    world.query(op).unwrap().blob.into()
}

/// Makes the caller a user with one identity policy, or none.
fn become_user(world: &mut World, policy: Option<&str>) {
    world.caller.kind = PrincipalKind::User;
    world.caller.arn = "arn:aws:iam::111122223333:user/alice".into();
    world.caller.user_name = Some("alice".into());
    world.caller.policies =
        policy.map(|text| Policy::parse_identity(text).unwrap()).into_iter().collect();
}

/// Moves the caller to another account, as its root.
fn become_stranger(world: &mut World) {
    let account = "999988887777".parse().unwrap();
    world.caller = crate::cx::Caller::account_root(account, world.region);
}

fn absent(world: &World, found: &Found) -> Error {
    Error::Key(KeyProblem::Absent { key: KeyArn { scope: world.scope(), id: found.key.id } })
}
