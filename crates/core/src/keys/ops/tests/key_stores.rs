//! Custom key stores: what a store needs to be made, connected and used, and what proxies are asked.

use super::*;
use crate::deadlines;
use crate::engine::{Command, Query};
use crate::keys::ciphertext::{Blob, Sealed as SealedBlob};
use crate::keys::envelope::BlobHeader;
use crate::keys::error::RotationProblem;
use crate::keys::external::{self, Use};
use crate::keys::ops::connect_custom_key_store::ConnectCustomKeyStore;
use crate::keys::ops::create_custom_key_store::{CreateCustomKeyStore, NewStore};
use crate::keys::ops::create_key::GivenKey;
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::delete_custom_key_store::DeleteCustomKeyStore;
use crate::keys::ops::describe_custom_key_stores::DescribeCustomKeyStores;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key_rotation::DisableKeyRotation;
use crate::keys::ops::disconnect_custom_key_store::DisconnectCustomKeyStore;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::update_custom_key_store::UpdateCustomKeyStore;
use crate::keys::proxy::{
    Asked, ExternalKeyMetadata, Proxies, ProxyAnswer, ProxyCall, ProxyProblem, Purpose, Sealed,
    Told,
};
use crate::keys::spec::EncryptionAlgorithm;
use crate::keys::stores::{Connection, Credential, KeyStore, KeyStoreId, Proxy, StoreProblem};
use crate::plaintext::KeyBytes;
use crate::ports::SALT_LEN;

/// A proxy that answers as it should. Its cipher turns every bit.
#[expect(clippy::unnecessary_wraps, reason = "other proxies of these tests fail")]
fn willing(call: &ProxyCall) -> ProxyAnswer {
    let turn = |bytes: &[u8]| bytes.iter().map(|byte| !byte).collect();
    Ok(match &call.asked {
        Asked::Health => Told::Health { available: true },
        Asked::Metadata { .. } => Told::Metadata(ExternalKeyMetadata {
            is_aes_256: true,
            encrypts: true,
            decrypts: true,
            enabled: true,
        }),
        Asked::Encrypt { text, .. } => Told::Sealed(Sealed {
            metadata: [9].into(),
            iv: [8; 12].into(),
            tag: [7; 16],
            text: turn(text),
        }),
        Asked::Decrypt { sealed, .. } => Told::Opened(turn(&sealed.text)),
    })
}

/// Runs work as the shell does: again with the same randomness until nothing more is asked.
fn consult<T>(
    world: &mut World,
    proxy: impl Fn(&ProxyCall) -> ProxyAnswer,
    mut work: impl FnMut(&mut World) -> T,
) -> (T, Vec<Asked>) {
    let entropy = world.entropy.clone();
    world.proxies = Proxies::default();
    let mut asked = Vec::new();
    loop {
        world.entropy = entropy.clone();
        let done = work(world);
        let wanted = world.proxies.take_wanted();
        if wanted.is_empty() {
            return (done, asked);
        }
        for call in wanted {
            asked.push(call.asked.clone());
            let answer = proxy(&call);
            world.proxies.answered(call, answer);
        }
    }
}

fn command<Op: Command>(world: &mut World, op: impl Fn() -> Op) -> Result<Op::Output, Op::Error> {
    consult(world, willing, |world| world.command(op())).0
}

fn query<Op: Query>(world: &mut World, op: impl Fn() -> Op) -> Result<Op::Output, Op::Error> {
    consult(world, willing, |world| world.query(op())).0
}

fn new_store(name: &str, path: &str) -> CreateCustomKeyStore {
    let secret = KeyBytes::new(b"secret".to_vec());
    let credential = Credential { access_key: "ABC".into(), secret };
    let kind = NewStore::Public { endpoint: "http://proxy".into(), path: path.into(), credential };
    CreateCustomKeyStore { name: name.into(), kind }
}

fn connected(world: &mut World) -> Box<str> {
    let id = command(world, || new_store("s", "/kms/xks/v1")).unwrap();
    let id: Box<str> = id.as_str().into();
    command(world, || ConnectCustomKeyStore { id: id.clone() }).unwrap();
    id
}

fn new_key(store: &str, key: &str) -> CreateKey {
    let given = GivenKey { store: store.into(), key: key.into() };
    CreateKey { source: Source::Store(given), ..plain() }
}

fn store(world: &World) -> KeyStore {
    let op = DescribeCustomKeyStores { id: None, name: None, limit: 9, after: None };
    world.query(op).unwrap().items.remove(0)
}

fn encrypts(found: &Found) -> Encrypt {
    Encrypt {
        key: named(found.key.id),
        plaintext: Plaintext::new(b"hunter2".to_vec()),
        context: context("a", "b"),
        algorithm: EncryptionAlgorithm::Symmetric,
        dry_run: false,
    }
}

fn decrypts(blob: &[u8]) -> Decrypt {
    let sealed = SealedBlob {
        key: None,
        algorithm: EncryptionAlgorithm::Symmetric,
        blob: Blob::Given(blob.into()),
        context: context("a", "b"),
        tokens: Box::default(),
    };
    Decrypt { sealed, dry_run: false }
}

fn problem<T: core::fmt::Debug>(result: Result<T, Error>) -> StoreProblem {
    match result.unwrap_err() {
        Error::KeyStore(problem) => problem,
        other => panic!("{other:?}"),
    }
}

/// A run that is repeated seals the same so; one that has become another seals it otherwise, although
/// it draws the same.
#[test]
fn a_proxy_never_gets_two_texts_under_one_salt() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    let entropy = world.entropy.clone();
    let mut sent = |text: &[u8], of: (&str, &str)| {
        world.entropy = entropy.clone();
        let encrypt = || Encrypt {
            plaintext: Plaintext::new(text.to_vec()),
            context: context(of.0, of.1),
            ..encrypts(&found)
        };
        let (made, asked) = consult(&mut world, willing, |world| world.query(encrypt()));
        made.unwrap();
        let [Asked::Encrypt { text, .. }] = asked.as_slice() else { panic!("{asked:?}") };
        (text[..SALT_LEN].to_vec(), text.clone())
    };
    let first = sent(b"hunter2", ("a", "b"));
    assert_eq!(sent(b"hunter2", ("a", "b")), first);
    let others = [sent(b"hunter3", ("a", "b")), sent(b"hunter2", ("a", "c"))];
    assert_ne!(others[0].0, first.0);
    assert_ne!(others[1].0, first.0);
    assert_ne!(others[0].0, others[1].0);
}

#[test]
fn a_blob_takes_both_halves_of_the_key() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    let (made, asked) = consult(&mut world, willing, |world| world.query(encrypts(&found)));
    let blob = made.unwrap().blob;
    let [Asked::Encrypt { key, text, aad }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(&**key, "k");
    // PROMISE R7: what goes to the proxy is sealed already.
    assert!(!text.windows(7).any(|part| part == b"hunter2"));
    assert!(blob.starts_with(aad));
    let opened = query(&mut world, || decrypts(&blob)).unwrap();
    assert_eq!(opened.plaintext.expose(), b"hunter2");
    // What the proxy alone turns back does not open, and neither does what it does not turn.
    let lying = |call: &ProxyCall| match &call.asked {
        Asked::Decrypt { sealed, .. } => Ok(Told::Opened(sealed.text.clone())),
        _ => willing(call),
    };
    let (refused, _) = consult(&mut world, lying, |world| world.query(decrypts(&blob)));
    assert_eq!(refused.unwrap_err(), Error::InvalidCiphertext);
    let failing = |_: &ProxyCall| Err(ProxyProblem::TimedOut);
    let (refused, _) = consult(&mut world, failing, |world| world.query(decrypts(&blob)));
    let expected = KeyProblem::Proxy { problem: ProxyProblem::TimedOut };
    assert_eq!(refused.unwrap_err(), Error::Key(expected));
    let shorter = |_: &ProxyCall| Ok(Told::Opened([0].into()));
    let (refused, _) = consult(&mut world, shorter, |world| world.query(decrypts(&blob)));
    let expected = KeyProblem::Proxy { problem: ProxyProblem::Malformed };
    assert_eq!(refused.unwrap_err(), Error::Key(expected));
}

/// Without the answer there is nothing but a question, and nobody is told anything.
#[test]
fn an_unanswered_operation_does_nothing() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    world.proxies = Proxies::default();
    assert_eq!(world.query(encrypts(&found)).unwrap_err(), Error::Store(crate::ports::StoreFault));
    assert_eq!(world.proxies.take_wanted().len(), 1);
    assert_eq!(std::mem::take(&mut world.uses).into_each().count(), 0);
}

#[test]
fn a_store_that_is_not_connected_asks_nobody() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    let describe = || DescribeKey { key: named(found.key.id) };
    assert!(world.query(describe()).unwrap().available);
    command(&mut world, || DisconnectCustomKeyStore { id: id.clone() }).unwrap();
    assert!(!world.query(describe()).unwrap().available);
    let (refused, asked) = consult(&mut world, willing, |world| world.query(encrypts(&found)));
    let expected = KeyProblem::Unavailable { key: found.arn() };
    assert_eq!((refused.unwrap_err(), asked), (Error::Key(expected), vec![]));
    let refused = command(&mut world, || new_key(&id, "other"));
    assert_eq!(problem(refused), StoreProblem::NewKey(ProxyProblem::NotConnected));
}

#[test]
fn names_addresses_and_external_keys_are_taken_once() {
    let mut world = World::new();
    let id = connected(&mut world);
    let again = command(&mut world, || new_store("s", "/b/kms/xks/v1"));
    assert_eq!(problem(again), StoreProblem::NameInUse);
    let again = command(&mut world, || new_store("t", "/kms/xks/v1"));
    assert_eq!(problem(again), StoreProblem::AddressInUse);
    for n in 1..stores_max() {
        command(&mut world, || new_store(&format!("t{n}"), &format!("/{n}/kms/xks/v1"))).unwrap();
    }
    let more = command(&mut world, || new_store("more", "/more/kms/xks/v1"));
    assert_eq!(problem(more), StoreProblem::TooMany);
    command(&mut world, || new_key(&id, "k")).unwrap();
    assert_eq!(problem(command(&mut world, || new_key(&id, "k"))), StoreProblem::NewKeyInUse);
    command(&mut world, || new_key(&id, "l")).unwrap();
}

/// Lesson 1: no proxy is asked about what a path would turn into something else.
#[test]
fn dots_are_no_external_key() {
    let mut world = World::new();
    let id = connected(&mut world);
    for key in [".", ".."] {
        let (made, asked) = consult(&mut world, willing, |world| world.command(new_key(&id, key)));
        assert_eq!(problem(made), StoreProblem::NewKey(ProxyProblem::KeyNotFound));
        assert_eq!(asked, []);
    }
    command(&mut world, || new_key(&id, "...")).unwrap();
}

const fn stores_max() -> usize {
    crate::keys::stores::KEY_STORES_MAX
}

/// AWS: half of a store's key is elsewhere, and cannot be rotated from here.
#[test]
fn keys_of_stores_are_not_rotated() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    let (key, origin) = (found.arn(), found.key.origin);
    let refused = Error::Rotation(RotationProblem::Origin { key, origin });
    let name = || named(key);
    let enabled = world.command(EnableKeyRotation { key: name(), period: None });
    let disabled = world.command(DisableKeyRotation { key: name() });
    let rotated = world.command(RotateKeyOnDemand { key: name() }).map(drop);
    for result in [enabled, disabled, rotated] {
        assert_eq!(result, Err(refused.clone()));
    }
}

/// AWS: keys that wait for their deletion are still the store's.
#[test]
fn a_store_goes_after_its_last_key() {
    let mut world = World::new();
    let id = connected(&mut world);
    let delete = || DeleteCustomKeyStore { id: id.clone() };
    let found = ["k", "l"].map(|key| command(&mut world, || new_key(&id, key)).unwrap());
    assert_eq!(store(&world).keys, 2);
    command(&mut world, || DisconnectCustomKeyStore { id: id.clone() }).unwrap();
    for (key, left) in found.iter().zip([1, 0]) {
        let window = DeletionWindow::new(Some(7)).unwrap();
        world.command(ScheduleKeyDeletion { key: named(key.key.id), window }).unwrap();
        assert_eq!(problem(world.command(delete())), StoreProblem::HasKeys);
        let due = world.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned();
        world.edit(|cx, tx| deadlines::handle(cx, tx, &due.unwrap())).unwrap();
        assert_eq!(store(&world).keys, left);
    }
    world.command(delete()).unwrap();
    assert_eq!(world.store.keys().count(), 0);
    assert_eq!(problem(world.command(delete())), StoreProblem::NotFound);
}

#[test]
fn connecting_tells_how_it_went_by_the_state() {
    let mut world = World::new();
    let id = connected(&mut world);
    let connect = || ConnectCustomKeyStore { id: id.clone() };
    assert_eq!(
        problem(world.command(DeleteCustomKeyStore { id: id.clone() })),
        StoreProblem::Connected
    );
    let failing = |_: &ProxyCall| Ok(Told::Health { available: false });
    consult(&mut world, failing, |world| world.command(connect())).0.unwrap();
    assert_eq!(store(&world).connection, Connection::Failed(ProxyProblem::Unreachable));
    assert_eq!(problem(command(&mut world, connect)), StoreProblem::Failed);
    command(&mut world, || DisconnectCustomKeyStore { id: id.clone() }).unwrap();
    command(&mut world, connect).unwrap();
    assert_eq!(store(&world).connection, Connection::Connected);
}

#[test]
fn kinds_that_there_are_not() {
    let mut world = World::new();
    for (kind, expected) in [
        (NewStore::CloudHsm, StoreProblem::ClusterNotFound),
        (NewStore::InVpc, StoreProblem::VpcServiceNotFound),
    ] {
        let made = world.command(CreateCustomKeyStore { name: "s".into(), kind });
        assert_eq!(problem(made), expected);
    }
}

#[test]
fn a_store_becomes_only_what_it_may() {
    let mut world = World::new();
    let id = connected(&mut world);
    command(&mut world, || new_store("t", "/b/kms/xks/v1")).unwrap();
    let same = || UpdateCustomKeyStore {
        id: id.clone(),
        name: None,
        endpoint: None,
        path: None,
        credential: None,
        of_cluster: false,
        in_vpc: false,
        public: false,
    };
    let named = |name: &str| UpdateCustomKeyStore { name: Some(name.into()), ..same() };
    let at = |path: &str| UpdateCustomKeyStore { path: Some(path.into()), ..same() };
    let moved = || UpdateCustomKeyStore { endpoint: Some("http://other".into()), ..same() };
    let public = || UpdateCustomKeyStore { public: true, ..same() };
    let cluster = || UpdateCustomKeyStore { of_cluster: true, ..named("n") };
    let vpc = || UpdateCustomKeyStore { in_vpc: true, ..named("n") };
    let shown = |world: &World| {
        let op =
            DescribeCustomKeyStores { id: Some(id.clone()), name: None, limit: 9, after: None };
        world.query(op).unwrap().items.remove(0)
    };
    let before = shown(&world);
    assert_eq!(problem(command(&mut world, same)), StoreProblem::Members);
    assert_eq!(problem(command(&mut world, cluster)), StoreProblem::Members);
    assert_eq!(problem(command(&mut world, vpc)), StoreProblem::VpcServiceNotFound);
    assert_eq!(problem(command(&mut world, || named("t"))), StoreProblem::NameInUse);
    assert_eq!(problem(command(&mut world, || at("/b/kms/xks/v1"))), StoreProblem::AddressInUse);
    assert_eq!(problem(command(&mut world, moved)), StoreProblem::Connected);
    assert_eq!(problem(command(&mut world, public)), StoreProblem::Connected);
    let failing = |_: &ProxyCall| Ok(Told::Health { available: false });
    let refused = consult(&mut world, failing, |world| world.command(at("/c/kms/xks/v1"))).0;
    assert_eq!(problem(refused), StoreProblem::Proxy(ProxyProblem::Unreachable));
    assert_eq!(shown(&world), before);
    // A name that it has already is no other store's, and no proxy is asked for a name.
    let (done, asked) = consult(&mut world, willing, |world| world.command(named("s")));
    assert_eq!((done, asked), (Ok(()), vec![]));
    command(&mut world, || at("/c/kms/xks/v1")).unwrap();
    assert_eq!(&*shown(&world).proxy.path, "/c/kms/xks/v1");
    command(&mut world, || DisconnectCustomKeyStore { id: id.clone() }).unwrap();
    // What a store is already, its proxy is asked for again.
    let (done, asked) = consult(&mut world, willing, |world| world.command(public()));
    assert_eq!((done, asked), (Ok(()), vec![Asked::Health]));
    command(&mut world, moved).unwrap();
    assert_eq!(&*shown(&world).proxy.endpoint, "http://other");
    command(&mut world, public).unwrap();
}

#[test]
fn an_external_key_that_does_not_suit_is_refused() {
    let mut world = World::new();
    let id = connected(&mut world);
    let fit =
        ExternalKeyMetadata { is_aes_256: true, encrypts: true, decrypts: true, enabled: true };
    for unfit in [
        ExternalKeyMetadata { is_aes_256: false, ..fit },
        ExternalKeyMetadata { encrypts: false, ..fit },
        ExternalKeyMetadata { decrypts: false, ..fit },
        ExternalKeyMetadata { enabled: false, ..fit },
    ] {
        let proxy = |_: &ProxyCall| Ok(Told::Metadata(unfit));
        let (made, _) = consult(&mut world, proxy, |world| world.command(new_key(&id, "k")));
        assert_eq!(problem(made), StoreProblem::NewKeyUnfit, "{unfit:?}");
    }
}

#[test]
fn a_proxy_is_told_what_for_and_must_keep_the_length() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    // Both questions are bound to the blob's header.
    let (blob, asked) = consult(&mut world, willing, |world| world.query(encrypts(&found)));
    let blob = blob.unwrap().blob;
    let (_, header, _) = BlobHeader::parse(&blob).unwrap();
    assert!(matches!(&*asked, [Asked::Encrypt { aad, .. }] if **aad == *header), "{asked:?}");
    let (opened, asked) = consult(&mut world, willing, |world| world.query(decrypts(&blob)));
    assert!(opened.is_ok());
    assert!(matches!(&*asked, [Asked::Decrypt { aad, .. }] if **aad == *header), "{asked:?}");
    let longer = |call: &ProxyCall| {
        assert_eq!((call.purpose.operation, call.purpose.key), ("Encrypt", Some(found.arn())));
        assert_eq!(call.purpose.via_service, None);
        let Ok(Told::Sealed(sealed)) = willing(call) else { panic!("{call:?}") };
        let text = [&*sealed.text, &[0]].concat().into();
        Ok(Told::Sealed(Sealed { text, ..sealed }))
    };
    let (refused, _) = consult(&mut world, longer, |world| world.query(encrypts(&found)));
    let expected = KeyProblem::Proxy { problem: ProxyProblem::Malformed };
    assert_eq!(refused.unwrap_err(), Error::Key(expected));
}

/// A store begins with an answer of its proxy's, and with none other than about its health.
#[test]
fn a_store_without_a_healthy_proxy_is_not_made() {
    let mut world = World::new();
    let fit =
        ExternalKeyMetadata { is_aes_256: true, encrypts: true, decrypts: true, enabled: true };
    for (answer, expected) in [
        (Ok(Told::Health { available: false }), ProxyProblem::Unreachable),
        (Ok(Told::Metadata(fit)), ProxyProblem::Malformed),
        (Err(ProxyProblem::TimedOut), ProxyProblem::TimedOut),
    ] {
        let proxy = |call: &ProxyCall| {
            assert_eq!(call.purpose.operation, "CreateCustomKeyStore");
            assert_eq!((&call.purpose.key, &call.purpose.via_service), (&None, &None));
            answer.clone()
        };
        let create = || new_store("s", "/kms/xks/v1");
        let (made, asked) = consult(&mut world, proxy, |world| world.command(create()));
        assert_eq!(problem(made), StoreProblem::Proxy(expected));
        assert_eq!(asked, [Asked::Health]);
        assert_eq!(world.store.keys().count(), 0);
    }
}

#[test]
fn an_address_is_an_endpoint_and_a_path() {
    let mut world = World::new();
    command(&mut world, || new_store("s", "/kms/xks/v1")).unwrap();
    let elsewhere = || {
        let credential =
            Credential { access_key: "ABC".into(), secret: KeyBytes::new(b"secret".to_vec()) };
        let (endpoint, path) = ("http://elsewhere".into(), "/kms/xks/v1".into());
        let kind = NewStore::Public { endpoint, path, credential };
        CreateCustomKeyStore { name: "t".into(), kind }
    };
    command(&mut world, elsewhere).unwrap();
    // AWS: a store begins disconnected.
    assert_eq!(store(&world).connection, Connection::Disconnected);
}

/// What one proxy has answered, another has not.
#[test]
fn answers_are_of_one_proxy_and_one_purpose() {
    let mut world = World::new();
    command(&mut world, || new_store("s", "/kms/xks/v1")).unwrap();
    command(&mut world, || new_store("t", "/t/kms/xks/v1")).unwrap();
    let op = DescribeCustomKeyStores { id: None, name: None, limit: 9, after: None };
    let stores = world.query(op).unwrap().items;
    let call = |at: usize, operation| ProxyCall {
        proxy: stores[at].proxy.clone(),
        asked: Asked::Health,
        purpose: Purpose {
            operation,
            request: world.cx().request_id,
            principal: "p".into(),
            key: None,
            via_service: None,
        },
    };
    let mut proxies = Proxies::default();
    proxies.answered(call(0, "A"), Err(ProxyProblem::TimedOut));
    assert_eq!(proxies.ask(call(0, "A")), Ok(Err(ProxyProblem::TimedOut)));
    for other in [call(1, "A"), call(0, "B")] {
        assert!(proxies.ask(other.clone()).is_err());
        assert_eq!(proxies.take_wanted(), [other]);
    }
}

/// AWS: the lengths of what a proxy encrypts to.
#[test]
fn sealed_parts_have_lengths() {
    for (metadata, iv, good) in [
        (0, 12, true),
        (20, 16, true),
        (21, 12, false),
        (0, 11, false),
        (0, 13, false),
        (0, 17, false),
    ] {
        let (metadata, iv) = (vec![1; metadata].into(), vec![2; iv].into());
        let sealed = Sealed { metadata, iv, tag: [3; 16], text: [4; 5].into() };
        let mut bytes = Vec::new();
        sealed.write_to(&mut bytes);
        assert_eq!(Sealed::parse(&bytes), good.then_some(sealed));
    }
}

/// The proxy is asked under the credential that the store is to have, and keeps its address.
#[test]
fn a_store_gets_another_credential_if_its_proxy_takes_it() {
    let mut world = World::new();
    let id = connected(&mut world);
    let before = store(&world);
    let update = || UpdateCustomKeyStore {
        id: id.clone(),
        name: None,
        endpoint: None,
        path: None,
        credential: Some(Credential {
            access_key: "NEW".into(),
            secret: KeyBytes::new(b"another".to_vec()),
        }),
        of_cluster: false,
        in_vpc: false,
        public: false,
    };
    let failing = |call: &ProxyCall| {
        assert_eq!(&*call.proxy.access_key, "NEW");
        Err(ProxyProblem::Authentication)
    };
    let (refused, asked) = consult(&mut world, failing, |world| world.command(update()));
    assert_eq!(problem(refused), StoreProblem::Proxy(ProxyProblem::Authentication));
    assert_eq!((asked, store(&world)), (vec![Asked::Health], before.clone()));
    command(&mut world, update).unwrap();
    let after = store(&world).proxy;
    assert_eq!((&*after.access_key, &after.path), ("NEW", &before.proxy.path));
    assert_eq!(after.open_secret(world.cx().crypto).unwrap().expose(), b"another");
}

/// Nobody's secret access key opens as that of another account, Region or access key.
#[test]
fn a_credential_is_bound_to_its_store() {
    let mut world = World::new();
    connected(&mut world);
    let proxy = Proxy::clone(&store(&world).proxy);
    let crypto = world.cx().crypto;
    assert_eq!(proxy.open_secret(crypto).unwrap().expose(), b"secret");
    let mut other = [proxy.clone(), proxy.clone(), proxy];
    other[0].access_key = "OTHER".into();
    other[1].scope.account = "999999999999".parse().unwrap();
    other[2].scope.region = "eu-west-1".parse().unwrap();
    assert!(other.iter().all(|proxy| proxy.open_secret(crypto).is_err()));
}

#[test]
fn a_store_that_is_not_there_is_not_found() {
    let mut world = World::new();
    connected(&mut world);
    let id: Box<str> = "cks-00000000000000000".into();
    let connect = world.command(ConnectCustomKeyStore { id: id.clone() });
    assert_eq!(problem(connect), StoreProblem::NotFound);
    let disconnect = world.command(DisconnectCustomKeyStore { id: id.clone() });
    assert_eq!(problem(disconnect), StoreProblem::NotFound);
    let update = world.command(UpdateCustomKeyStore {
        id,
        name: Some("n".into()),
        endpoint: None,
        path: None,
        credential: None,
        of_cluster: false,
        in_vpc: false,
        public: false,
    });
    assert_eq!(problem(update), StoreProblem::NotFound);
}

/// AWS: requestMetadata, by which a proxy's owner decides and logs.
#[test]
fn a_proxy_is_told_who_asks_and_through_what() {
    let mut world = World::new();
    let id = connected(&mut world);
    let found = command(&mut world, || new_key(&id, "k")).unwrap();
    let (caller, request) = (world.cx().caller.arn.clone(), world.cx().request_id);
    let service = "secretsmanager.us-east-1.amazonaws.com";
    let told = |call: &ProxyCall| {
        let Purpose { operation, request: asked_in, principal, key, via_service } = &call.purpose;
        assert_eq!((*operation, *asked_in, principal), ("GenerateDataKey", request, &caller));
        assert_eq!((*key, via_service.as_deref()), (Some(found.arn()), Some(service)));
        willing(call)
    };
    let by = Use { operation: "GenerateDataKey", via_service: Some(service) };
    let (context, by) = (context("a", "b"), &by);
    let (blob, asked) = consult(&mut world, told, |world| {
        external::encrypt(&world.cx(), &world.store, &found, &context, b"text", *by)
    });
    assert_eq!(asked.len(), 1);
    let blob = blob.unwrap().unwrap();
    let (opened, asked) = consult(&mut world, told, |world| {
        external::decrypt(&world.cx(), &world.store, &found, &context, &blob, *by)
    });
    assert_eq!((opened.unwrap().expose(), asked.len()), (&b"text"[..], 1));
}

#[test]
fn ids_of_stores() {
    let good = "cks-0123456789abcdef0";
    assert_eq!(good.parse::<KeyStoreId>().unwrap().as_str(), good);
    for bad in [
        "cks-0123456789abcdef",
        "cks-0123456789abcdef01",
        "cks-0123456789abcdeF0",
        "cks-0123456789abcdeg0",
        "ckx-0123456789abcdef0",
        "0123456789abcdef0",
        "",
    ] {
        assert!(bad.parse::<KeyStoreId>().is_err(), "{bad}");
    }
}

#[test]
fn stores_are_listed_from_one_to_the_next() {
    let mut world = World::new();
    for (name, path) in [("a", "/a/kms/xks/v1"), ("b", "/b/kms/xks/v1"), ("c", "/c/kms/xks/v1")] {
        command(&mut world, || new_store(name, path)).unwrap();
    }
    let list = |id: Option<&str>, name: Option<&str>, after| {
        let (id, name) = (id.map(Into::into), name.map(Into::into));
        world.query(DescribeCustomKeyStores { id, name, limit: 2, after })
    };
    let first = list(None, None, None).unwrap();
    assert_eq!((first.items.len(), first.truncated), (2, true));
    let second = list(None, None, Some(first.items[1].id.clone())).unwrap();
    assert_eq!((second.items.len(), second.truncated), (1, false));
    assert!(second.items[0].id > first.items[1].id);
    let by_name = list(None, Some("b"), None).unwrap();
    assert_eq!((by_name.items.len(), &*by_name.items[0].name), (1, "b"));
    assert_eq!(problem(list(None, Some("d"), None)), StoreProblem::NotFound);
    assert_eq!(problem(list(Some("cks-0"), None, None)), StoreProblem::NotFound);
}
