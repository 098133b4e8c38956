//! One file of bytes for each kind of record, for each format that was ever released.
//!
//! What is written today equals the newest files, and what the files of every format hold is read
//! today. `BLESS=1 cargo test -p regent-store --test golden` writes the files that are missing or
//! differ: a difference in a released format is a mistake, not a reason to bless.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

#[path = "golden/stacks.rs"]
mod stacks;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use regent_core::ids::{
    AliasArn, GrantId, KeyArn, KeyId, MaterialId, Region, RequestId, Scope, SecretArn, SecretName,
    SecretSuffix,
};
use regent_core::keys::envelope::EncryptionContext;
use regent_core::keys::grant::{Constraint, Grant, GrantOperation, Terms};
use regent_core::keys::model::{
    Alias, Holding, Import, Install, KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey,
    Material, MultiRegion, Origin, PendingId, ReplicaRequests, Rotation, RotationKind, Swap,
};
use regent_core::keys::problem::KeyProblem;
use regent_core::keys::proxy::ProxyProblem;
use regent_core::keys::spec::{Curve, PairSpec};
use regent_core::keys::stores::{Connection, ExternalKey, KeyStore, KeyStoreId, KeyStores, Proxy};
use regent_core::keys::usage::{KeyOperation, LastUse};
use regent_core::policy::document::Policy;
use regent_core::ports::TransportKey;
use regent_core::records::{Due, Facet, Intent, Key, Moment, Outbox, Record, Subject, Tombstone};
use regent_core::replication::change::Stamp;
use regent_core::secrets::model::{
    Deletion, Link, LinkStatus, Replica, ReplicaFailure, ReplicaStatus, Role, SealedValue, Secret,
    ValueKind, Version,
};
use regent_core::secrets::policies::{Policies, ResourcePolicy};
use regent_core::secrets::rotation::schedule::{Given, Rules, Window};
use regent_core::secrets::rotation::token::TokenDigest;
use regent_core::secrets::rotation::{Purpose, Rotation as SecretRotation, Run, Step};
use regent_core::time::Timestamp;
use regent_store::{codec, encode};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}"#;

fn region(text: &str) -> Region {
    text.parse().unwrap()
}

fn scope() -> Scope {
    Scope { region: region("us-east-1"), account: "111122223333".parse().unwrap() }
}

fn name() -> SecretName {
    "prod/db".parse().unwrap()
}

fn suffix() -> SecretSuffix {
    "a1B2c3".parse().unwrap()
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

fn stamp(epoch: u64, revision: u64) -> Stamp {
    Stamp { epoch, revision }
}

fn key_id(multi_region: bool) -> KeyId {
    KeyId::from_bytes(*b"0123456789abcdef", multi_region)
}

fn key_arn() -> KeyArn {
    KeyArn { scope: scope(), id: key_id(true) }
}

fn version_id(digit: char) -> String {
    String::from(digit).repeat(32)
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<Box<str>, Box<str>> {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

fn secret() -> Secret {
    let stages = [("AWSCURRENT", '2'), ("AWSPREVIOUS", '1'), ("é", '1')];
    Secret {
        name: name(),
        suffix: suffix(),
        description: Some("the database".into()),
        kms_key_id: Some("alias/app".into()),
        secret_type: Some("partner".into()),
        created_by: None,
        created: at(0),
        last_changed: at(1),
        last_accessed: Some(at(2).day()),
        deletion: Some(Deletion { requested: at(3), scheduled: at(4) }),
        tags: Some(tags(&[("env", "prod"), ("empty", "")])),
        policies: Policies::default(),
        stages: stages
            .into_iter()
            .map(|(label, digit)| (label.parse().unwrap(), version_id(digit).parse().unwrap()))
            .collect(),
        version_count: 3,
        rotation: None,
        at: stamp(2, 17),
        role: Role::Primary { replicas: vec![region("eu-west-1"), region("us-west-2")] },
        cross_account_replica: None,
    }
}

/// What ties a secret to one of another account.
fn link(status: LinkStatus) -> Box<Link> {
    let scope = Scope { account: "444455556666".parse().unwrap(), ..scope() };
    let other = SecretArn { scope, name: "theirs".parse().unwrap(), suffix: suffix() };
    Box::new(Link { other, role: None, status })
}

/// Secrets that are tied to one of another account, in each state and from both sides.
fn linked_secrets() -> Vec<(String, Secret)> {
    let failed = LinkStatus::Failed {
        failure: ReplicaFailure::ReplicaKey(KeyProblem::Disabled { key: key_arn() }),
        request_id: RequestId::from_entropy([9; 16]),
    };
    let states = [
        ("pending", LinkStatus::Pending),
        ("in-sync", LinkStatus::InSync),
        ("failed", failed.clone()),
        ("detached", LinkStatus::Detached),
    ];
    let of_role = |(what, status): (&str, LinkStatus)| {
        let role = Role::CrossAccountReplica(link(status));
        (format!("secret-cross-account-{what}"), Secret { role, ..bare_secret() })
    };
    let mut all: Vec<_> = states.into_iter().map(of_role).collect();
    let primary = Secret { cross_account_replica: Some(link(failed)), ..secret() };
    all.push(("secret-cross-account-primary".into(), primary));
    let unusable = LinkStatus::Failed {
        failure: ReplicaFailure::RoleUnusable,
        request_id: RequestId::from_entropy([9; 16]),
    };
    let role = Some("arn:aws:iam::111122223333:role/replication".parse().unwrap());
    let link = Link { role, ..*link(unusable) };
    let with_role = Secret { cross_account_replica: Some(Box::new(link)), ..secret() };
    all.push(("secret-cross-account-role".into(), with_role));
    all
}

fn secret_with_policies() -> Secret {
    let policy = |action: &str| {
        let text = format!(
            r#"{{"Statement":{{"Effect":"Deny","Principal":"*","Action":"{action}","Resource":"*"}}}}"#
        );
        ResourcePolicy::parse(&text).unwrap()
    };
    let policies = [("default", "kms:*"), ("cross-account-replication", "s3:*")]
        .map(|(name, action)| (name.parse().unwrap(), policy(action)));
    Secret { policies: policies.into_iter().collect(), ..secret() }
}

fn secret_without_value() -> Secret {
    Secret { created_by: Some(version_id('3').parse().unwrap()), ..bare_secret() }
}

fn rotating_secret() -> Secret {
    let given = Given {
        after_days: None,
        expression: Some("cron(0 16 1,15 * ? *)".into()),
        duration: Some("2h".into()),
    };
    let rotation = SecretRotation {
        enabled: true,
        function: Some("arn:aws:lambda:eu-west-1:111122223333:function:rotate".into()),
        rules: Rules::new(given).unwrap(),
        since: at(5),
        metadata: vec![("key".into(), "value".into())],
        role: Some("arn:aws:iam::111122223333:role/partner".into()),
        last: Some(at(6)),
        next: Some(Window { start: at(7), end: at(8) }),
        run: Some(Run {
            purpose: Purpose::Rotation,
            version: version_id('3').parse().unwrap(),
            step: Step::Test,
            attempt: 2,
            due: Some(at(9)),
            token: Some(TokenDigest([0x5a; 32])),
        }),
    };
    Secret { rotation: Some(rotation), ..bare_secret() }
}

fn rotated_secret() -> Secret {
    let rules = Rules::new(Given { after_days: Some(30), ..Given::default() }).unwrap();
    let rotation = SecretRotation { rules, ..SecretRotation::default() };
    Secret { rotation: Some(rotation), ..bare_secret() }
}

fn bare_secret() -> Secret {
    Secret {
        description: None,
        kms_key_id: None,
        secret_type: None,
        last_accessed: None,
        deletion: None,
        tags: None,
        stages: BTreeMap::new(),
        version_count: 0,
        at: stamp(1, 1),
        role: Role::Replica { primary: region("us-west-2") },
        ..secret()
    }
}

fn version(kind: ValueKind, is_default: bool) -> Version {
    Version {
        id: version_id('2').parse().unwrap(),
        created: at(0),
        last_accessed: is_default.then(|| at(1).day()),
        changed: 16,
        value: SealedValue {
            kind,
            sealed: b"sealed value"[..].into(),
            data_key: b"data key blob"[..].into(),
            kms_key: key_id(!is_default),
            kms_key_is_default: is_default,
        },
    }
}

fn replica(status: ReplicaStatus) -> Replica {
    let acknowledged = (status == ReplicaStatus::InSync).then_some(stamp(2, 17));
    Replica {
        region: region("us-west-2"),
        kms_key_id: acknowledged.map(|_| "mrk-1".into()),
        overwrite: acknowledged.is_some(),
        last_accessed: acknowledged.map(|_| at(1)),
        acknowledged,
        status,
    }
}

fn failed(failure: ReplicaFailure) -> Replica {
    let request_id = RequestId::from_entropy([0xa5; 16]);
    replica(ReplicaStatus::Failed { failure, request_id })
}

fn problems() -> Vec<(&'static str, KeyProblem)> {
    let key = key_arn();
    let alias = AliasArn { scope: scope(), name: "alias/app".parse().unwrap() };
    let wrong_usage =
        KeyProblem::WrongUsage { key, usage: "SIGN_VERIFY".into(), operation: "Encrypt".into() };
    vec![
        ("invalid", KeyProblem::Invalid { given: "mrk-fake".into() }),
        ("absent", KeyProblem::Absent { key }),
        ("alias-absent", KeyProblem::AliasAbsent { alias }),
        ("other-region", KeyProblem::OtherRegion { region: "eu-west-1".into() }),
        ("disabled", KeyProblem::Disabled { key }),
        ("pending-import", KeyProblem::PendingImport { key }),
        ("pending-deletion", KeyProblem::PendingDeletion { key }),
        ("pending-replica-deletion", KeyProblem::PendingReplicaDeletion { key }),
        ("wrong-usage", wrong_usage),
        ("denied", KeyProblem::Denied { action: "kms:Decrypt".into(), key: "arn".into() }),
        ("unavailable", KeyProblem::Unavailable { key }),
        ("proxy", KeyProblem::Proxy { problem: ProxyProblem::Throttled }),
    ]
}

fn kms_key(state: KeyState) -> KmsKey {
    let material = |byte, created| Material {
        id: MaterialId([byte; 32]),
        created: at(created),
        rotated: None,
        wrapped: Some(b"wrapped material"[..].into()),
        public: None,
        import: None,
    };
    KmsKey {
        id: key_id(false),
        manager: KeyManager::Customer,
        description: "for the app".into(),
        spec: KeySpec::SymmetricDefault,
        usage: KeyUsage::EncryptDecrypt,
        origin: Origin::AwsKms,
        external: None,
        created: at(0),
        state,
        materials: vec![material(1, 0), material(2, 5)],
        pending: None,
        policy: KeyPolicy {
            text: POLICY.into(),
            compiled: Arc::new(Policy::parse_resource(POLICY).unwrap()),
        },
        tags: tags(&[("env", "prod")]),
        rotation: None,
        multi_region: None,
    }
}

/// A pair that was made here.
fn pair_key() -> KmsKey {
    let key = kms_key(KeyState::Enabled);
    let material = key.materials[0].clone();
    KmsKey {
        spec: KeySpec::Pair(PairSpec::Ecc(Curve::P256)),
        usage: KeyUsage::SignVerify,
        materials: vec![Material { public: Some(b"public key"[..].into()), ..material }],
        ..key
    }
}

/// A key with imported material, of which the older generation is gone.
fn imported_key() -> KmsKey {
    let key = kms_key(KeyState::Enabled);
    let import = Import { expires: Some(at(7)), description: Some("from the safe".into()) };
    let (mut old, mut new) = (key.materials[0].clone(), key.materials[1].clone());
    old.wrapped = None;
    new.import = Some(import);
    KmsKey { origin: Origin::External, materials: vec![old, new], ..key }
}

/// A key that was given the material that it is rotated to next.
fn pending_key() -> KmsKey {
    let mut key = imported_key();
    let next = Material { id: MaterialId([3; 32]), ..key.materials[1].clone() };
    key.pending = Some(next);
    key
}

/// A key of an external key store.
fn external_key() -> KmsKey {
    let external = ExternalKey { store: key_store_id(), key: "hsm-key.1".into() };
    let key = kms_key(KeyState::Enabled);
    KmsKey { origin: Origin::ExternalKeyStore, external: Some(external), ..key }
}

fn key_store_id() -> KeyStoreId {
    "cks-1234567890abcdef0".parse().unwrap()
}

/// Key stores in each state of connection.
fn key_stores() -> KeyStores {
    let store = |digit: char, connection, keys| KeyStore {
        id: format!("cks-{digit}0000000000000000").parse().unwrap(),
        name: format!("store {digit}").into(),
        created: at(1),
        proxy: Arc::new(Proxy {
            scope: scope(),
            endpoint: "http://proxy.example".into(),
            path: format!("/{digit}/kms/xks/v1").into(),
            access_key: "ABCDEFGHIJKLMNOPQRST".into(),
            secret: [7; 40].into(),
        }),
        connection,
        keys,
    };
    let failed = Connection::Failed(ProxyProblem::Unreachable);
    let disconnected = store('1', Connection::Disconnected, 0);
    Arc::new(vec![disconnected, store('2', Connection::Connected, 3), store('3', failed, 0)])
}

/// A key that waits for its first import.
fn empty_key() -> KmsKey {
    let key = kms_key(KeyState::PendingImport);
    KmsKey { origin: Origin::External, materials: vec![], ..key }
}

/// A key that has been rotated in both ways and will be again.
fn rotated_key() -> KmsKey {
    let mut key = kms_key(KeyState::Enabled);
    let third = Material { id: MaterialId([3; 32]), created: at(6), ..key.materials[1].clone() };
    key.materials.push(third);
    key.materials[1].rotated = Some(RotationKind::Automatic);
    key.materials[2].rotated = Some(RotationKind::OnDemand);
    key.rotation = Some(Rotation { period_days: 90, next: at(8) });
    key
}

fn multi_region_key() -> KmsKey {
    let install = Install {
        policy: POLICY.into(),
        description: "in Ireland".into(),
        tags: tags(&[("where", "there")]),
    };
    KmsKey {
        id: key_id(true),
        manager: KeyManager::Aws,
        multi_region: Some(MultiRegion {
            at: stamp(3, 9),
            primary: region("us-east-1"),
            replicas: [region("eu-west-1"), region("us-west-2")].into(),
            installing: [(region("eu-west-1"), install)].into(),
            requests: BTreeMap::new(),
            pending_everywhere: false,
            holdings: BTreeMap::new(),
            told: 0,
            swap: None,
        }),
        ..kms_key(KeyState::Enabled)
    }
}

fn swapped_key() -> KmsKey {
    let swap = Some(Swap { with: region("us-west-2"), until: at(9) });
    let multi_region = multi_region_key().multi_region.map(|multi| MultiRegion { swap, ..multi });
    KmsKey { multi_region, ..multi_region_key() }
}

/// A primary that has answered stacks in other Regions.
fn requested_key() -> KmsKey {
    let mut key = multi_region_key();
    let multi = key.multi_region.as_mut().unwrap();
    multi.requests.insert(region("eu-west-1"), requests(Some("stack/Copy/1"), &[]));
    multi.requests.insert(region("us-west-2"), requests(None, &["stack/Copy/1"]));
    key
}

/// A primary that several stacks of a Region have asked.
fn often_requested_key() -> KmsKey {
    let mut key = multi_region_key();
    let refused = ["stack/Copy/1", "other/Copy/1"];
    let multi = key.multi_region.as_mut().unwrap();
    multi.requests.insert(region("eu-west-1"), requests(Some("stack/Copy/2"), &refused));
    multi.requests.insert(region("us-west-2"), requests(None, &refused));
    key
}

fn requests(granted: Option<&str>, refused: &[&str]) -> ReplicaRequests {
    let refused = refused.iter().map(|token| (*token).into()).collect();
    ReplicaRequests { granted: granted.map(Into::into), refused }
}

/// A replica with material that waits, which knows what others hold.
fn waiting_key() -> KmsKey {
    let mut key = multi_region_key();
    key.origin = Origin::External;
    key.pending = Some(Material { id: MaterialId([4; 32]), ..key.materials[0].clone() });
    let held = PendingId { material: MaterialId([4; 32]), since: at(5) };
    if let Some(multi) = &mut key.multi_region {
        multi.installing.clear();
        multi.pending_everywhere = true;
        multi.told = 7;
        multi.holdings = [
            (region("us-west-2"), Holding { at: stamp(9, 2), material: Some(held) }),
            (region("eu-west-1"), Holding { at: stamp(8, 0), material: None }),
        ]
        .into();
    }
    key
}

fn secrets() -> Vec<(String, Key, Record)> {
    let key = Key::Secret { scope: scope(), name: name() };
    let version_key = |version: &Version| Key::Version {
        scope: scope(),
        name: name(),
        suffix: suffix(),
        id: version.id.clone(),
    };
    let facet = |facet, text: &str| Key::SecretByFacet {
        scope: scope(),
        facet,
        text: text.into(),
        created: at(0),
        name: name(),
    };
    let string = version(ValueKind::String, true);
    let binary = version(ValueKind::Binary, false);
    let linked = linked_secrets().into_iter();
    let linked = linked.map(|(what, secret)| (what, key.clone(), Record::Secret(secret.into())));
    let mut all: Vec<_> = linked.collect();
    all.extend([
        ("secret".into(), key.clone(), Record::Secret(Arc::new(secret()))),
        ("secret-policies".into(), key.clone(), Record::Secret(Arc::new(secret_with_policies()))),
        ("secret-created-by".into(), key.clone(), Record::Secret(Arc::new(secret_without_value()))),
        ("secret-replica".into(), key.clone(), Record::Secret(Arc::new(bare_secret()))),
        ("secret-rotating".into(), key.clone(), Record::Secret(Arc::new(rotating_secret()))),
        ("secret-rotated".into(), key, Record::Secret(Arc::new(rotated_secret()))),
        ("version-string".into(), version_key(&string), Record::Version(Arc::new(string))),
        ("version-binary".into(), version_key(&binary), Record::Version(Arc::new(binary))),
        (
            "index-secret-by-created".into(),
            Key::SecretByCreated { scope: scope(), created: at(0), name: name() },
            Record::Index,
        ),
        (
            "index-secret-by-changed".into(),
            Key::SecretByMoment {
                scope: scope(),
                moment: Moment::Changed,
                at: at(0),
                name: name(),
            },
            Record::Index,
        ),
        (
            "index-secret-by-accessed".into(),
            Key::SecretByMoment {
                scope: scope(),
                moment: Moment::Accessed,
                at: at(1),
                name: name(),
            },
            Record::Index,
        ),
        ("index-secret-by-tag-key".into(), facet(Facet::TagKey, "team"), Record::Index),
        ("index-secret-by-tag-value".into(), facet(Facet::TagValue, "a\0b\u{1}"), Record::Index),
        (
            "index-secret-by-primary-region".into(),
            facet(Facet::PrimaryRegion, "us-west-2"),
            Record::Index,
        ),
    ]);
    all
}

fn replicas() -> Vec<(String, Key, Record)> {
    let key = Key::Replica { scope: scope(), name: name(), region: region("us-west-2") };
    let mut replicas = vec![
        ("in-progress".to_owned(), replica(ReplicaStatus::InProgress)),
        ("in-sync".to_owned(), replica(ReplicaStatus::InSync)),
        ("failed-name-taken".to_owned(), failed(ReplicaFailure::NameTaken)),
        ("failed-other-arn".to_owned(), failed(ReplicaFailure::ReplicatedWithOtherArn)),
        ("failed-region-not-enabled".to_owned(), failed(ReplicaFailure::RegionNotEnabled)),
        (
            "failed-primary-key".to_owned(),
            failed(ReplicaFailure::PrimaryKey(KeyProblem::Disabled { key: key_arn() })),
        ),
    ];
    for (what, problem) in problems() {
        replicas.push((format!("failed-{what}"), failed(ReplicaFailure::ReplicaKey(problem))));
    }
    let named = replicas.into_iter().map(|(what, replica)| {
        (format!("replica-{what}"), key.clone(), Record::Replica(Arc::new(replica)))
    });
    named.collect()
}

fn keys() -> Vec<(String, Key, Record)> {
    let key = |multi| Key::KmsKey { scope: scope(), id: key_id(multi) };
    let states = [
        ("enabled", KeyState::Enabled),
        ("disabled", KeyState::Disabled),
        ("pending-deletion", KeyState::PendingDeletion { at: at(7) }),
        ("pending-replica-deletion", KeyState::PendingReplicaDeletion { window_days: 30 }),
    ];
    let alias = Alias {
        name: "alias/app".parse().unwrap(),
        target: key_id(true),
        created: at(0),
        updated: at(1),
    };
    let mut all: Vec<_> = states
        .into_iter()
        .map(|(what, state)| {
            (format!("kms-key-{what}"), key(false), Record::KmsKey(Arc::new(kms_key(state))))
        })
        .collect();
    all.extend([
        (
            "key-use".into(),
            Key::KeyUse { scope: scope(), id: key_id(true) },
            Record::KeyUse(LastUse {
                operation: KeyOperation::ReEncrypt,
                at: at(7),
                request: RequestId::from_entropy([1; 16]),
                event: RequestId::from_entropy([2; 16]),
            }),
        ),
        ("kms-key-rotated".into(), key(false), Record::KmsKey(Arc::new(rotated_key()))),
        ("kms-key-external".into(), key(false), Record::KmsKey(Arc::new(external_key()))),
        ("key-stores".into(), Key::KeyStores { scope: scope() }, Record::KeyStores(key_stores())),
        (
            "index-external-key".into(),
            Key::ExternalKey { scope: scope(), store: key_store_id(), key: "hsm-key.1".into() },
            Record::Index,
        ),
        ("kms-key-pair".into(), key(false), Record::KmsKey(Arc::new(pair_key()))),
        ("kms-key-imported".into(), key(false), Record::KmsKey(Arc::new(imported_key()))),
        ("kms-key-pending-rotation".into(), key(false), Record::KmsKey(Arc::new(pending_key()))),
        ("kms-key-pending-import".into(), key(false), Record::KmsKey(Arc::new(empty_key()))),
        ("kms-key-multi-region".into(), key(true), Record::KmsKey(Arc::new(multi_region_key()))),
        ("kms-key-swapped".into(), key(true), Record::KmsKey(Arc::new(swapped_key()))),
        ("kms-key-requested".into(), key(true), Record::KmsKey(Arc::new(requested_key()))),
        (
            "kms-key-often-requested".into(),
            key(true),
            Record::KmsKey(Arc::new(often_requested_key())),
        ),
        ("kms-key-waiting".into(), key(true), Record::KmsKey(Arc::new(waiting_key()))),
        (
            "alias".into(),
            Key::Alias { scope: scope(), name: alias.name.clone() },
            Record::Alias(Arc::new(alias.clone())),
        ),
        (
            "index-alias-of-key".into(),
            Key::AliasOfKey { scope: scope(), id: alias.target, name: alias.name },
            Record::Index,
        ),
    ]);
    all
}

fn regional() -> Vec<(String, Key, Record)> {
    let Scope { region: own, account } = scope();
    let peer = region("us-west-2");
    let secret = Subject::Secret { name: name(), suffix: suffix() };
    let outbox = |subject| Key::Outbox { region: own, peer, account, subject };
    let tombstone = |subject| Key::Tombstone { scope: scope(), subject };
    let deadline = |due| Key::Deadline { region: own, at: at(9), account, due };
    let waiting = |intent| Record::Outbox(Outbox { at: stamp(2, 17), since: at(3), intent });
    let gone = |failed| Record::Tombstone(Tombstone { at: stamp(2, 18), failed });
    let id = key_id(true);
    let detached = Subject::Detached { name: name(), suffix: suffix() };
    let accessed = Subject::Accessed { name: name(), suffix: suffix() };
    let held = Subject::PendingHeld { id };
    let purge = Due::PurgeSecret { name: name(), suffix: suffix() };
    let rotate = Due::Rotate { name: name(), suffix: suffix() };
    let expire = Due::ExpireMaterial { id, material: MaterialId([5; 32]) };
    let forget = Due::ForgetTombstone { subject: Subject::KeyGone { id } };
    vec![
        ("tombstone-secret".into(), tombstone(secret.clone()), gone(false)),
        ("tombstone-failed".into(), tombstone(Subject::KeyGone { id }), gone(true)),
        ("outbox-secret".into(), outbox(secret), waiting(Intent::State)),
        ("outbox-remove".into(), outbox(Subject::Key { id }), waiting(Intent::Remove)),
        ("outbox-detached".into(), outbox(detached), waiting(Intent::State)),
        ("outbox-accessed".into(), outbox(accessed), waiting(Intent::State)),
        ("outbox-pending-held".into(), outbox(held), waiting(Intent::State)),
        ("deadline-purge-secret".into(), deadline(purge), Record::Index),
        ("deadline-delete-key".into(), deadline(Due::DeleteKey { id }), Record::Index),
        ("deadline-expire-material".into(), deadline(expire), Record::Index),
        ("deadline-rotate-key".into(), deadline(Due::RotateKey { id }), Record::Index),
        ("deadline-rotate".into(), deadline(rotate), Record::Index),
        ("deadline-forget-tombstone".into(), deadline(forget), Record::Index),
        (
            "peer".into(),
            Key::Peer { region: own, peer },
            Record::Peer(TransportKey(b"transport key"[..].into())),
        ),
        (
            "identity".into(),
            Key::Identity { region: own },
            Record::Identity(b"sealed identity"[..].into()),
        ),
        ("indexed".into(), Key::Indexed { region: own }, Record::Indexed(1)),
    ]
}

fn grants() -> Vec<(String, Key, Record)> {
    let (scope, key, id) = (scope(), key_id(true), GrantId([7; 32]));
    let Scope { region, account } = scope;
    let principal = |name: &str| format!("arn:aws:iam::{account}:{name}").parse().unwrap();
    let context = || EncryptionContext::new(tags(&[("a", "b"), ("c", "")]));
    let full = Grant {
        id,
        issuer: account,
        created: at(3),
        name: Some("job:1".parse().unwrap()),
        grantee: principal("role/job"),
        retiring: Some(principal("user/ops")),
        terms: Terms {
            operations: GrantOperation::NAMES
                .iter()
                .map(|name| GrantOperation::named(name).unwrap())
                .collect(),
            constraint: Some(Constraint::Equals(context())),
        },
    };
    let bare = Grant {
        name: None,
        retiring: None,
        terms: Terms { operations: [GrantOperation::Decrypt].into(), constraint: None },
        ..full.clone()
    };
    let mut subset = full.clone();
    subset.terms.constraint = Some(Constraint::Subset(context()));
    let record = |grant| Record::Grant(Arc::new(grant));
    let grantee = Key::GrantOfGrantee { scope, key, grantee: full.grantee.clone(), id };
    let named = Key::GrantOfName { scope, key, name: "job:1".parse().unwrap(), id };
    let retiring = principal("user/ops");
    let retiring = Key::GrantOfRetiring { region, retiring, account, key, id };
    let grant = || Key::Grant { scope, key, id };
    vec![
        ("grant".into(), grant(), record(full)),
        ("grant-bare".into(), grant(), record(bare)),
        ("grant-subset".into(), grant(), record(subset)),
        ("grant-count".into(), Key::GrantCount { scope, key }, Record::Count(2)),
        ("index-grant-of-grantee".into(), grantee, Record::Index),
        ("index-grant-of-name".into(), named, Record::Index),
        ("index-grant-of-retiring".into(), retiring, Record::Index),
    ]
}

fn all() -> Vec<(String, Key, Record)> {
    [secrets(), replicas(), keys(), grants(), regional(), stacks::all()].concat()
}

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/golden/v1", &format!("{name}.hex")].iter().collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs.map(|pair| u8::from_str_radix(&pair, 16).unwrap()).collect()
}

/// A golden file is the key's bytes, an empty line, the record's bytes.
#[test]
fn every_record_is_written_as_it_was_released() {
    let bless = std::env::var_os("BLESS").is_some();
    for (name, key, record) in all() {
        let now = [hex(&encode::key(&key)), hex(&codec::encode(&key, &record).unwrap())].join("\n");
        if bless {
            std::fs::write(path(&name), &now).unwrap();
        }
        let released = std::fs::read_to_string(path(&name)).unwrap_or_default();
        assert_eq!(now, released, "{name}.hex");
    }
}

#[test]
fn every_released_record_is_read() {
    for (name, key, record) in all() {
        let released = std::fs::read_to_string(path(&name)).unwrap();
        let (key_hex, record_hex) = released.split_once("\n\n").unwrap();
        assert_eq!(encode::parse(&unhex(key_hex)), Ok(key.clone()), "{name}");
        let read = codec::decode(&key, &unhex(record_hex)).unwrap();
        assert_eq!(format!("{read:?}"), format!("{record:?}"), "{name}");
    }
}

/// No golden file is left behind when its record is renamed.
#[test]
fn every_file_is_of_a_record() {
    let names: Vec<_> = all().into_iter().map(|(name, _, _)| path(&name)).collect();
    let files = std::fs::read_dir(path("x").parent().unwrap()).unwrap();
    let stale = files.map(|file| file.unwrap().path()).filter(|file| !names.contains(file));
    assert_eq!(stale.collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn damaged_records_are_corruption_and_say_why() {
    use codec::{Corruption, Flaw};
    for (name, key, record) in all() {
        let kind = encode::Kind::of(&key);
        let bytes = codec::encode(&key, &record).unwrap();
        // Field 1 comes first: one byte of tag, one of the number.
        let newer = [&[0x08, 0x02], &bytes[2..]].concat();
        let corruption = Corruption { kind, flaw: Flaw::Format(2) };
        assert_eq!(codec::decode(&key, &newer).unwrap_err(), corruption, "{name}");
        // A later format may use a field for another type.
        let other = [0x08, 0x07, 0x10, 0x01, 0x12, 0x00, 0x0b];
        let corruption = codec::decode(&key, &other).unwrap_err();
        assert!(matches!(corruption.flaw, Flaw::Format(7) | Flaw::Bytes), "{name}: {corruption}");
        assert_eq!(codec::decode(&key, b"").unwrap_err().flaw, Flaw::Format(0), "{name}");
        for cut in 1..bytes.len() {
            // A cut may fall between fields, so it may still be a record. It never panics.
            let _ = codec::decode(&key, &bytes[..cut]);
        }
    }
    // A policy that is not understood is not taken for none.
    let key = Key::Secret { scope: scope(), name: name() };
    let bytes = codec::encode(&key, &Record::Secret(Arc::new(secret_with_policies()))).unwrap();
    let at = bytes.windows(4).position(|four| four == b"Deny").unwrap();
    let other = [&bytes[..at], b"Drop", &bytes[at + 4..]].concat();
    assert_eq!(codec::decode(&key, &other).unwrap_err().flaw, Flaw::Field("policies"));
    let key = Key::KmsKey { scope: scope(), id: key_id(false) };
    let mut broken = kms_key(KeyState::Enabled);
    broken.policy.text = "{}".into();
    let bytes = codec::encode(&key, &Record::KmsKey(Arc::new(broken))).unwrap();
    assert_eq!(codec::decode(&key, &bytes).unwrap_err().flaw, Flaw::Field("policy"));
}

#[test]
fn a_record_is_not_written_under_another_key() {
    let other = Key::Secret { scope: scope(), name: "other".parse().unwrap() };
    let record = Record::Secret(Arc::new(secret()));
    assert!(codec::encode(&other, &record).is_err());
    assert!(codec::encode(&other, &Record::Index).is_err());
}
