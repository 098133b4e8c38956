//! What each operation must be allowed, action by action and resource by resource.

use super::*;
use crate::engine::Operation;
use crate::keys::ciphertext::{Blob, Sealed};
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
use crate::keys::ops::generate_random::GenerateRandom;
use crate::keys::ops::get_key_last_usage::GetKeyLastUsage;
use crate::keys::ops::get_key_policy::GetKeyPolicy;
use crate::keys::ops::get_key_rotation_status::GetKeyRotationStatus;
use crate::keys::ops::list_aliases::ListAliases;
use crate::keys::ops::list_key_policies::ListKeyPolicies;
use crate::keys::ops::list_key_rotations::ListKeyRotations;
use crate::keys::ops::list_keys::ListKeys;
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

/// Two keys, of which the first is a multi-Region primary with the alias `alias/a`.
struct Bench {
    world: World,
    one: Found,
    two: Found,
}

impl Bench {
    fn new() -> Self {
        let mut world = World::new();
        let one = create_multi_region(&mut world);
        let two = create(&mut world);
        create_alias(&mut world, "alias/a", &one);
        Self { world, one, two }
    }

    fn key(&self) -> KeyRef {
        named(self.one.key.id)
    }

    fn sealed(&self) -> Sealed {
        let blob = Blob::Given(encrypt(&self.world, &self.one, no_context()));
        Sealed {
            key: None,
            algorithm: SYMMETRIC,
            blob,
            context: no_context(),
            tokens: Box::default(),
        }
    }

    fn data_key(&self) -> DataKeyRequest {
        let length = DataKeyLength::new(None, Some(1)).unwrap();
        DataKeyRequest { key: self.key(), context: no_context(), length, dry_run: false }
    }

    /// Each demand as `action@resource`, with `!` where a key policy is the gate.
    fn of<Op: Operation>(&self, op: &Op) -> String {
        let cx = self.world.cx();
        let target = op.target(&cx, &self.world.store).unwrap();
        let shown = op.demands(&cx, &target).into_iter().map(|demand| {
            let resource = demand
                .resource
                .replace(&self.one.arn().to_string(), "one")
                .replace(&self.two.arn().to_string(), "two")
                .replace(&self.one.key.id.to_string(), "<one>")
                .replace("arn:aws:kms:us-east-1:111122223333:", "");
            let gate = if demand.policy.is_some() { "!" } else { "" };
            format!("{}@{resource}{gate}", demand.action)
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn operations_on_one_key_demand_their_own_action_on_it() {
    let b = Bench::new();
    let window = DeletionWindow::new(None).unwrap();
    let policy = key_policy::default_policy(b.world.region, b.world.account()).unwrap();
    let (name, bypass_lockout_check, primary) = (None, false, "us-west-2".into());
    let plaintext = Plaintext::new(vec![1]);
    let (context, dry_run, all_material) = (no_context(), false, false);
    let all = [
        b.of(&CancelKeyDeletion { key: b.key() }),
        b.of(&Decrypt { sealed: b.sealed(), dry_run }),
        b.of(&DescribeKey { key: named("alias/a") }),
        b.of(&DisableKey { key: b.key() }),
        b.of(&DisableKeyRotation { key: b.key() }),
        b.of(&EnableKey { key: b.key() }),
        b.of(&EnableKeyRotation { key: b.key(), period: None }),
        b.of(&Encrypt { key: b.key(), plaintext, algorithm: SYMMETRIC, context, dry_run }),
        b.of(&GenerateDataKey(b.data_key())),
        b.of(&GenerateDataKeyWithoutPlaintext(b.data_key())),
        b.of(&GetKeyLastUsage { key: b.key() }),
        b.of(&GetKeyPolicy { key: b.key(), name: None }),
        b.of(&GetKeyRotationStatus { key: b.key() }),
        b.of(&ListKeyPolicies { key: b.key() }),
        b.of(&ListKeyRotations { key: b.key(), all_material, limit: 1, after: None }),
        b.of(&ListResourceTags { key: b.key(), limit: 1, after: None }),
        b.of(&PutKeyPolicy { key: b.key(), name, policy, bypass_lockout_check }),
        b.of(&RotateKeyOnDemand { key: b.key() }),
        b.of(&ScheduleKeyDeletion { key: b.key(), window }),
        b.of(&TagResource { key: b.key(), tags: Tags::new() }),
        b.of(&UntagResource { key: b.key(), tag_keys: [].into() }),
        b.of(&UpdateKeyDescription { key: b.key(), description: Box::default() }),
        b.of(&UpdatePrimaryRegion { key: b.key(), primary }),
    ];
    let actions = "CancelKeyDeletion Decrypt DescribeKey DisableKey DisableKeyRotation \
                   EnableKey EnableKeyRotation Encrypt \
                   GenerateDataKey GenerateDataKeyWithoutPlaintext GetKeyLastUsage GetKeyPolicy \
                   GetKeyRotationStatus ListKeyPolicies ListKeyRotations ListResourceTags PutKeyPolicy \
                   RotateKeyOnDemand ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription \
                   UpdatePrimaryRegion";
    let expected: Vec<_> =
        actions.split_whitespace().map(|action| format!("kms:{action}@one!")).collect();
    assert_eq!(all.as_slice(), expected);
}

/// PROMISE R6: a key that is not there is asked for like one that is, by the name that was given or that
/// is in the ciphertext.
#[test]
fn what_is_not_there_is_demanded_by_its_name() {
    let (b, elsewhere) = (Bench::new(), World::new());
    let cx = elsewhere.cx();
    let resource = |sealed: Sealed| {
        let op = Decrypt { sealed, dry_run: false };
        let demands = op.demands(&cx, &op.target(&cx, &elsewhere.store).unwrap());
        assert!(demands.iter().all(|demand| demand.policy.is_none()), "there is no key");
        demands.into_iter().map(|demand| demand.resource).collect::<Vec<_>>()
    };
    let arn = b.one.arn().to_string();
    assert_eq!(resource(b.sealed()), [&*arn]);
    let named = |name: &str| resource(Sealed { key: Some(name.into()), ..b.sealed() });
    assert_eq!(named(&b.one.key.id.to_string()), [&*arn]);
    assert_eq!(named(&arn), [&*arn]);
    assert_eq!(named("alias/x"), ["arn:aws:kms:us-east-1:111122223333:alias/x"]);
    assert_eq!(named("x"), ["arn:aws:kms:us-east-1:111122223333:key/x"]);
}

#[test]
fn operations_on_no_key_demand_it_on_everything() {
    let b = Bench::new();
    let after = None;
    assert_eq!(b.of(&ListKeys { own: true, limit: 1, after }), "kms:ListKeys@*");
    let filtered = ListAliases { key: Some(b.key()), limit: 1, after: None };
    assert_eq!(b.of(&filtered), "kms:ListAliases@*");
    assert_eq!(b.of(&GenerateRandom { number_of_bytes: 1, store: None }), "kms:GenerateRandom@*");
    assert_eq!(b.of(&plain()), "kms:CreateKey@*");
}

/// AWS: actions that authorize on more than one resource.
#[test]
fn operations_on_several_resources_demand_each() {
    let b = Bench::new();
    let re_encrypt = ReEncrypt {
        algorithm: SYMMETRIC,
        sealed: b.sealed(),
        destination: named(b.two.arn()),
        context: no_context(),
        dry_run: false,
    };
    assert_eq!(b.of(&re_encrypt), "kms:ReEncryptFrom@one! kms:ReEncryptTo@two!");
    let alias = |text: &str| text.parse().unwrap();
    let create = CreateAlias { name: alias("alias/b"), target: b.key() };
    assert_eq!(b.of(&create), "kms:CreateAlias@alias/b kms:CreateAlias@one!");
    let update = UpdateAlias { name: alias("alias/a"), target: named(b.two.arn()) };
    assert_eq!(b.of(&update), "kms:UpdateAlias@alias/a kms:UpdateAlias@one! kms:UpdateAlias@two!");
    let delete = DeleteAlias { name: alias("alias/a") };
    assert_eq!(b.of(&delete), "kms:DeleteAlias@alias/a kms:DeleteAlias@one!");
    let absent = DeleteAlias { name: alias("alias/none") };
    assert_eq!(b.of(&absent), "kms:DeleteAlias@alias/none");
    let replicate = |tags| ReplicateKey {
        key: b.key(),
        region: "us-west-2".into(),
        policy: None,
        bypass_lockout_check: false,
        description: Box::default(),
        tags,
    };
    assert_eq!(b.of(&replicate(Tags::new())), "kms:ReplicateKey@one! kms:CreateKey@*");
    assert_eq!(
        b.of(&replicate([("a".into(), "b".into())].into())),
        "kms:ReplicateKey@one! kms:CreateKey@* kms:TagResource@arn:aws:kms:us-west-2:111122223333:key/<one>"
    );
}

/// What is not there is asked of the caller's own policies, under the name that it would have.
#[test]
fn absent_keys_are_demanded_without_a_gate() {
    let b = Bench::new();
    let of = |name: &str| b.of(&DescribeKey { key: named(name) });
    assert_eq!(of("nonsense"), "kms:DescribeKey@key/nonsense");
    assert_eq!(of("alias/none"), "kms:DescribeKey@alias/none");
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    assert_eq!(of(id), format!("kms:DescribeKey@key/{id}"));
    let blob = Blob::Given(b"nonsense"[..].into());
    let sealed = Sealed {
        key: None,
        algorithm: SYMMETRIC,
        blob,
        context: no_context(),
        tokens: Box::default(),
    };
    assert_eq!(b.of(&Decrypt { sealed, dry_run: false }), "");
}
