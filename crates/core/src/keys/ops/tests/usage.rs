//! The last use of a key: what counts as one, which is kept, and when it is forgotten.

use super::*;
use crate::deadlines;
use crate::ids::RequestId;
use crate::keys::ciphertext::{Blob, Sealed};
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::generate_data_key::{DataKeyLength, DataKeyRequest, GenerateDataKey};
use crate::keys::ops::generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
use crate::keys::ops::get_key_last_usage::GetKeyLastUsage;
use crate::keys::ops::re_encrypt::ReEncrypt;
use crate::keys::ops::schedule_key_deletion::{DeletionWindow, ScheduleKeyDeletion};
use crate::keys::usage::{self, KeyOperation, LastUse, Waiting};
use crate::secrets::ops::{CreateSecret, GetSecretValue};
use crate::secrets::target::SecretId;
use crate::secrets::versions::GivenValue;

fn used(world: &mut World) -> Vec<(KeyArn, KeyOperation)> {
    std::mem::take(&mut world.uses).into_each().collect()
}

fn last(world: &World, key: &Found) -> Option<LastUse> {
    world.query(GetKeyLastUsage { key: named(key.key.id) }).unwrap().last
}

#[test]
fn successful_cryptography_is_a_use() {
    let mut world = World::new();
    let (one, two) = (create(&mut world), create(&mut world));
    let (a, b) = (one.arn(), two.arn());
    let length = DataKeyLength::new(None, Some(1)).unwrap();
    let blob = encrypt(&world, &one, no_context());
    assert_eq!(used(&mut world), [(a, KeyOperation::Encrypt)]);
    let data_key =
        |dry_run| DataKeyRequest { key: named(one.key.id), context: no_context(), length, dry_run };
    let sealed = |context| {
        let blob = Blob::Given(blob.clone());
        Sealed { algorithm: SYMMETRIC, key: None, blob, context, tokens: Box::default() }
    };
    world.query(GenerateDataKey(data_key(false))).unwrap();
    world.query(GenerateDataKeyWithoutPlaintext(data_key(false))).unwrap();
    world.query(Decrypt { sealed: sealed(no_context()), dry_run: false }).unwrap();
    let (sealed_again, destination) = (sealed(no_context()), named(two.key.id));
    let moved = ReEncrypt {
        sealed: sealed_again,
        destination,
        context: no_context(),
        algorithm: SYMMETRIC,
        dry_run: false,
    };
    world.query(moved).unwrap();
    let expected = [
        (a, KeyOperation::GenerateDataKey),
        (a, KeyOperation::GenerateDataKeyWithoutPlaintext),
        (a, KeyOperation::Decrypt),
        (a, KeyOperation::ReEncrypt),
        (b, KeyOperation::ReEncrypt),
    ];
    assert_eq!(used(&mut world), expected);
    // What fails, what only would have succeeded, and what is no cryptography.
    let wrong = sealed(context("a", "x"));
    world.query(Decrypt { sealed: wrong, dry_run: false }).unwrap_err();
    let right = sealed(no_context());
    world.query(Decrypt { sealed: right, dry_run: true }).unwrap_err();
    world.query(GenerateDataKey(data_key(true))).unwrap_err();
    world.query(DescribeKey { key: named(one.key.id) }).unwrap();
    assert_eq!(used(&mut world), []);
}

/// AWS: Secrets Manager uses keys for its callers.
#[test]
fn a_secrets_value_is_a_use_of_its_key() {
    let mut world = World::new();
    let key = create(&mut world);
    let op = CreateSecret {
        name: "s".parse().unwrap(),
        token: "01234567890123456789012345678901".parse().unwrap(),
        description: None,
        kms_key_id: Some(key.arn().to_string().into()),
        value: GivenValue { string: Some(Plaintext::new(b"v".to_vec())), binary: None },
        tags: None,
        replicas: Vec::new(),
        overwrite: false,
        secret_type: None,
        cross_account_primary: None,
    };
    world.command(op).unwrap();
    assert_eq!(used(&mut world).last(), Some(&(key.arn(), KeyOperation::GenerateDataKey)));
    let secret = SecretId::parse("s").unwrap();
    world.query(GetSecretValue { secret, version: None, stage: None }).unwrap();
    assert_eq!(used(&mut world), [(key.arn(), KeyOperation::Decrypt)]);
}

#[test]
fn the_latest_use_is_kept_until_the_key_is_gone() {
    let mut world = World::new();
    let key = create(&mut world);
    assert_eq!(last(&world, &key), None);
    let at = |seconds: i64| LastUse {
        operation: KeyOperation::Encrypt,
        at: crate::time::Timestamp::from_millis(1_700_000_000_000 + seconds * 1000),
        request: RequestId::from_entropy([1; 16]),
        event: RequestId::from_entropy([2; 16]),
    };
    for (written, kept) in [(at(5), at(5)), (at(9), at(9)), (at(7), at(9))] {
        world.edit(|_, tx| usage::write(tx, key.arn(), written)).unwrap();
        assert_eq!(last(&world, &key), Some(kept));
    }
    // Of two in the same millisecond it is the one that is told of later.
    let again = LastUse { operation: KeyOperation::Decrypt, ..at(9) };
    world.edit(|_, tx| usage::write(tx, key.arn(), again)).unwrap();
    assert_eq!(last(&world, &key), Some(again));
    let window = DeletionWindow::new(Some(7)).unwrap();
    world.command(ScheduleKeyDeletion { key: named(key.key.id), window }).unwrap();
    let due = world.store.keys().find(|key| matches!(key, Key::Deadline { .. })).cloned().unwrap();
    world.edit(|cx, tx| deadlines::handle(cx, tx, &due)).unwrap();
    // A use that is written late does not come back either.
    world.edit(|_, tx| usage::write(tx, key.arn(), at(11))).unwrap();
    assert_eq!(world.store.keys().count(), 0);
}

#[test]
fn uses_wait_one_for_each_key_and_not_too_many() {
    let scope = World::new().scope();
    let arn = |n: usize| {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&u32::try_from(n).unwrap().to_be_bytes());
        KeyArn { scope, id: crate::ids::KeyId::from_entropy(bytes, false) }
    };
    let at = |millis| LastUse {
        operation: KeyOperation::Decrypt,
        at: crate::time::Timestamp::from_millis(millis),
        request: RequestId::from_entropy([1; 16]),
        event: RequestId::from_entropy([2; 16]),
    };
    let mut waiting = Waiting::default();
    for millis in [5, 9, 7] {
        waiting.note(arn(0), at(millis));
    }
    for n in 1..=Waiting::MAX {
        waiting.note(arn(n), at(1));
    }
    // A key that waits already is not refused for the number of others.
    waiting.note(arn(1), at(3));
    assert_eq!(waiting.take(2), [(arn(0), at(9)), (arn(1), at(3))]);
    assert_eq!(waiting.take(usize::MAX).len(), Waiting::MAX - 2);
    assert_eq!(waiting.take(1), []);
}

#[test]
fn numbers_stand_for_operations() {
    for operation in KeyOperation::ALL {
        assert_eq!(KeyOperation::of_code(operation.code()), Some(*operation));
    }
    assert_eq!(KeyOperation::of_code(0), None);
}
