//! AWS's table of key states, as a golden matrix over every operation on one key.

use core::fmt::Write as _;

use super::*;
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::model::Swap;
use crate::keys::ops::cancel_key_deletion::CancelKeyDeletion;
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::delete_alias::DeleteAlias;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::disable_key::DisableKey;
use crate::keys::ops::disable_key_rotation::DisableKeyRotation;
use crate::keys::ops::enable_key::EnableKey;
use crate::keys::ops::enable_key_rotation::EnableKeyRotation;
use crate::keys::ops::generate_data_key::{DataKeyLength, DataKeyRequest, GenerateDataKey};
use crate::keys::ops::generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
use crate::keys::ops::get_key_last_usage::GetKeyLastUsage;
use crate::keys::ops::get_key_policy::GetKeyPolicy;
use crate::keys::ops::get_key_rotation_status::GetKeyRotationStatus;
use crate::keys::ops::list_key_policies::ListKeyPolicies;
use crate::keys::ops::list_key_rotations::ListKeyRotations;
use crate::keys::ops::list_resource_tags::ListResourceTags;
use crate::keys::ops::put_key_policy::PutKeyPolicy;
use crate::keys::ops::re_encrypt::ReEncrypt;
use crate::keys::ops::replicate_key::ReplicateKey;
use crate::keys::ops::rotate_key_on_demand::RotateKeyOnDemand;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::ops::tag_resource::TagResource;
use crate::keys::ops::untag_resource::UntagResource;
use crate::keys::ops::update_alias::UpdateAlias;
use crate::keys::ops::update_key_description::UpdateKeyDescription;
use crate::keys::ops::update_primary_region::UpdatePrimaryRegion;
use crate::time::Timestamp;

/// The subject of a row: a multi-Region primary with a replica and an alias, another key, and a
/// ciphertext from better days.
struct Bench {
    world: World,
    key: Found,
    other: Found,
    blob: Box<[u8]>,
}

type Row = (&'static str, fn(&mut Bench) -> Result<(), Error>);

impl Bench {
    fn new(state: KeyState, updating: bool) -> Self {
        let mut world = World::new();
        let key = create_multi_region(&mut world);
        let other = create(&mut world);
        create_alias(&mut world, "alias/here", &key);
        create_alias(&mut world, "alias/there", &other);
        let blob = encrypt(&world, &key, no_context());
        let now = world.now;
        alter(&mut world, &key, |key| {
            let multi = key.multi_region.as_mut().unwrap();
            multi.replicas.insert(region("us-west-2"));
            multi.swap = updating.then(|| Swap::begin(region("us-west-2"), now));
            key.state = state;
        });
        Self { world, key, other, blob }
    }

    fn name(&self) -> KeyRef {
        named(self.key.key.id)
    }

    fn sealed(&self) -> Sealed {
        Sealed {
            key: None,
            algorithm: SYMMETRIC,
            blob: Blob::Given(self.blob.clone()),
            context: no_context(),
            tokens: Box::default(),
        }
    }

    fn data_key(&self) -> DataKeyRequest {
        let length = DataKeyLength::new(None, Some(32)).unwrap();
        DataKeyRequest { key: self.name(), context: no_context(), length, dry_run: false }
    }
}

const ROWS: &[Row] = &[
    ("CancelKeyDeletion", |b| b.world.command(CancelKeyDeletion { key: b.name() }).map(drop)),
    ("CreateAlias", |b| {
        let name = "alias/new".parse().unwrap();
        b.world.command(CreateAlias { name, target: b.name() })
    }),
    ("Decrypt", |b| b.world.query(Decrypt { sealed: b.sealed(), dry_run: false }).map(drop)),
    ("DeleteAlias", |b| b.world.command(DeleteAlias { name: "alias/here".parse().unwrap() })),
    ("DescribeKey", |b| b.world.query(DescribeKey { key: b.name() }).map(drop)),
    ("DisableKey", |b| b.world.command(DisableKey { key: b.name() })),
    ("DisableKeyRotation", |b| b.world.command(DisableKeyRotation { key: b.name() })),
    ("EnableKey", |b| b.world.command(EnableKey { key: b.name() })),
    ("EnableKeyRotation", |b| b.world.command(EnableKeyRotation { key: b.name(), period: None })),
    ("Encrypt", |b| {
        let plaintext = Plaintext::new(vec![1]);
        let op = Encrypt {
            key: b.name(),
            plaintext,
            algorithm: SYMMETRIC,
            context: no_context(),
            dry_run: false,
        };
        b.world.query(op).map(drop)
    }),
    ("GenerateDataKey", |b| b.world.query(GenerateDataKey(b.data_key())).map(drop)),
    ("GenerateDataKeyWithoutPlaintext", |b| {
        b.world.query(GenerateDataKeyWithoutPlaintext(b.data_key())).map(drop)
    }),
    ("GetKeyLastUsage", |b| b.world.query(GetKeyLastUsage { key: b.name() }).map(drop)),
    ("GetKeyPolicy", |b| b.world.query(GetKeyPolicy { key: b.name(), name: None }).map(drop)),
    ("GetKeyRotationStatus", |b| b.world.query(GetKeyRotationStatus { key: b.name() }).map(drop)),
    ("ListKeyPolicies", |b| b.world.query(ListKeyPolicies { key: b.name() }).map(drop)),
    ("ListKeyRotations", |b| {
        let (key, all_material, limit, after) = (b.name(), true, 1, None);
        b.world.query(ListKeyRotations { key, all_material, limit, after }).map(drop)
    }),
    ("ListResourceTags", |b| {
        b.world.query(ListResourceTags { key: b.name(), limit: 1, after: None }).map(drop)
    }),
    ("PutKeyPolicy", |b| {
        let policy = key_policy::default_policy(b.world.region, b.world.account()).unwrap();
        let key = b.name();
        b.world.command(PutKeyPolicy { key, name: None, policy, bypass_lockout_check: false })
    }),
    ("ReEncrypt from", |b| {
        let (sealed, destination) = (b.sealed(), named(b.other.arn()));
        let op = ReEncrypt {
            sealed,
            destination,
            algorithm: SYMMETRIC,
            context: no_context(),
            dry_run: false,
        };
        b.world.query(op).map(drop)
    }),
    ("ReEncrypt to", |b| {
        let blob = Blob::Given(encrypt(&b.world, &b.other, no_context()));
        let sealed = Sealed {
            key: None,
            algorithm: SYMMETRIC,
            blob,
            context: no_context(),
            tokens: Box::default(),
        };
        let destination = b.name();
        let op = ReEncrypt {
            sealed,
            destination,
            algorithm: SYMMETRIC,
            context: no_context(),
            dry_run: false,
        };
        b.world.query(op).map(drop)
    }),
    ("ReplicateKey", |b| {
        let op = ReplicateKey {
            key: b.name(),
            region: "eu-west-1".into(),
            policy: None,
            bypass_lockout_check: false,
            description: Box::default(),
            tags: Tags::new(),
        };
        b.world.command(op).map(drop)
    }),
    ("RotateKeyOnDemand", |b| b.world.command(RotateKeyOnDemand { key: b.name() }).map(drop)),
    ("ScheduleKeyDeletion", |b| {
        let window = DeletionWindow::new(None).unwrap();
        b.world.command(ScheduleKeyDeletion { key: b.name(), window }).map(drop)
    }),
    ("TagResource", |b| b.world.command(TagResource { key: b.name(), tags: Tags::new() })),
    ("UntagResource", |b| {
        b.world.command(UntagResource { key: b.name(), tag_keys: ["a".into()].into() })
    }),
    ("UpdateAlias from", |b| {
        let (name, target) = ("alias/here".parse().unwrap(), named(b.other.arn()));
        b.world.command(UpdateAlias { name, target })
    }),
    ("UpdateAlias to", |b| {
        let (name, target) = ("alias/there".parse().unwrap(), b.name());
        b.world.command(UpdateAlias { name, target })
    }),
    ("UpdateKeyDescription", |b| {
        b.world.command(UpdateKeyDescription { key: b.name(), description: "x".into() })
    }),
    ("UpdatePrimaryRegion", |b| {
        let key = b.name();
        b.world.agreed(|| UpdatePrimaryRegion { key: key.clone(), primary: "us-west-2".into() })
    }),
];

/// AWS: the error codes of the table of key states.
fn code(result: Result<(), Error>) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(Error::Key(KeyProblem::Disabled { .. })) => "E1",
        Err(Error::Key(KeyProblem::PendingImport { .. })) => "E5",
        Err(Error::Key(KeyProblem::PendingDeletion { .. })) => "E3",
        Err(Error::Key(KeyProblem::PendingReplicaDeletion { .. })) => "E3r",
        Err(Error::NotPendingDeletion { .. }) => "E4",
        Err(Error::Updating { .. }) => "E15",
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn every_operation_in_every_state() {
    let states = [
        (KeyState::Enabled, false),
        (KeyState::Disabled, false),
        (KeyState::PendingDeletion { at: Timestamp::from_millis(1_800_000_000_000) }, false),
        (KeyState::PendingReplicaDeletion { window_days: 7 }, false),
        (KeyState::PendingImport, false),
        (KeyState::Enabled, true),
    ];
    let mut matrix = String::new();
    for (name, run) in ROWS {
        write!(matrix, "\n{name}").unwrap();
        for (state, updating) in states {
            write!(matrix, " {}", code(run(&mut Bench::new(state, updating)))).unwrap();
        }
    }
    assert_eq!(matrix, GOLDEN, "{matrix}");
}

/// Enabled, Disabled, PendingDeletion, PendingReplicaDeletion, PendingImport, Updating.
const GOLDEN: &str = "
CancelKeyDeletion E4 E4 ok ok E4 E4
CreateAlias ok ok E3 E3r ok ok
Decrypt ok E1 E3 E3r E5 ok
DeleteAlias ok ok ok ok ok ok
DescribeKey ok ok ok ok ok ok
DisableKey ok ok E3 E3r E5 E15
DisableKeyRotation ok E1 E3 E3r E5 ok
EnableKey ok ok E3 E3r E5 E15
EnableKeyRotation ok E1 E3 E3r E5 ok
Encrypt ok E1 E3 E3r E5 ok
GenerateDataKey ok E1 E3 E3r E5 ok
GenerateDataKeyWithoutPlaintext ok E1 E3 E3r E5 ok
GetKeyLastUsage ok ok ok ok ok ok
GetKeyPolicy ok ok ok ok ok ok
GetKeyRotationStatus ok ok ok ok ok ok
ListKeyPolicies ok ok ok ok ok ok
ListKeyRotations ok ok ok ok ok ok
ListResourceTags ok ok ok ok ok ok
PutKeyPolicy ok ok ok ok ok ok
ReEncrypt from ok E1 E3 E3r E5 ok
ReEncrypt to ok E1 E3 E3r E5 ok
ReplicateKey ok E1 E3 E3r E5 E15
RotateKeyOnDemand ok E1 E3 E3r E5 ok
ScheduleKeyDeletion ok ok E3 E3r ok E15
TagResource ok ok E3 E3r ok ok
UntagResource ok ok E3 E3r ok ok
UpdateAlias from ok ok ok ok ok ok
UpdateAlias to ok ok E3 E3r ok ok
UpdateKeyDescription ok ok E3 E3r ok ok
UpdatePrimaryRegion ok E1 E3 E3r E5 ok";
