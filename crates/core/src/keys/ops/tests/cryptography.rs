//! Encrypt, Decrypt, ReEncrypt, data keys and random bytes.

use super::*;
use crate::keys::ciphertext::{self, Blob, Opened, Sealed};
use crate::keys::ops::decrypt::Decrypt;
use crate::keys::ops::generate_data_key::{
    DataKeyLength, DataKeyRequest, DataKeySpec, GenerateDataKey,
};
use crate::keys::ops::generate_data_key_without_plaintext::GenerateDataKeyWithoutPlaintext;
use crate::keys::ops::generate_random::GenerateRandom;
use crate::keys::ops::re_encrypt::ReEncrypt;

fn sealed(key: Option<&str>, blob: &[u8], context: EncryptionContext) -> Sealed {
    Sealed {
        key: key.map(Into::into),
        algorithm: SYMMETRIC,
        blob: Blob::Given(blob.into()),
        context,
        tokens: Box::default(),
    }
}

fn decrypt(
    world: &World,
    key: Option<&str>,
    blob: &[u8],
    context: EncryptionContext,
) -> Result<Opened, Error> {
    world.query(Decrypt { sealed: sealed(key, blob, context), dry_run: false })
}

#[test]
fn what_is_encrypted_is_decrypted_under_the_same_context_only() {
    let mut world = World::new();
    let made = create(&mut world);
    let blob = encrypt(&world, &made, context("a", "b"));
    for key in [None, Some(made.key.id.to_string()), Some(made.arn().to_string())] {
        let opened = decrypt(&world, key.as_deref(), &blob, context("a", "b")).unwrap();
        assert_eq!(opened.plaintext.expose(), b"hunter2");
        assert_eq!((opened.key, opened.material), (made.arn(), Some(made.key.materials[0].id)));
        for wrong in [no_context(), context("a", "B"), context("A", "b")] {
            let refused = decrypt(&world, key.as_deref(), &blob, wrong);
            assert_eq!(refused.unwrap_err(), Error::InvalidCiphertext);
        }
    }
}

/// AWS: what was altered or is no ciphertext has one answer, whichever byte it is.
#[test]
fn every_altered_byte_is_noticed() {
    let mut world = World::new();
    let made = create(&mut world);
    let blob = encrypt(&world, &made, no_context());
    let key = made.arn().to_string();
    for at in 0..blob.len() {
        let mut altered = blob.clone();
        altered[at] ^= 1;
        let named = decrypt(&world, Some(&key), &altered, no_context()).unwrap_err();
        let expected = [Error::InvalidCiphertext, Error::IncorrectKey];
        assert!(expected.contains(&named), "{at}: {named:?}");
        let inferred = decrypt(&world, None, &altered, no_context()).unwrap_err();
        let expected = [Error::InvalidCiphertext, Error::CiphertextKeyInaccessible];
        assert!(expected.contains(&inferred), "{at}: {inferred:?}");
    }
    for len in 0..blob.len() {
        let refused = decrypt(&world, Some(&key), &blob[..len], no_context());
        assert_eq!(refused.unwrap_err(), Error::InvalidCiphertext, "{len}");
        let refused = decrypt(&world, None, &blob[..len], no_context()).unwrap_err();
        assert_eq!(refused, Error::InvalidCiphertext, "{len}");
    }
}

#[test]
fn another_key_than_the_blobs_is_incorrect() {
    let mut world = World::new();
    let (made, other) = (create(&mut world), create(&mut world));
    let blob = encrypt(&world, &made, no_context());
    let refused = decrypt(&world, Some(&other.arn().to_string()), &blob, no_context());
    assert_eq!(refused.unwrap_err(), Error::IncorrectKey);
    // Account and id are at these places in the header.
    for at in [5, 17] {
        let mut altered = blob.to_vec();
        altered[at] ^= 1;
        let refused = decrypt(&world, Some(&made.arn().to_string()), &altered, no_context());
        assert_eq!(refused.unwrap_err(), Error::IncorrectKey, "{at}");
    }
    let refused = decrypt(&world, Some("alias/none"), &blob, no_context());
    assert!(matches!(refused, Err(Error::Key(KeyProblem::AliasAbsent { .. }))));
}

/// AWS: without a KeyId, a key that is not here and one in another Region have one answer.
#[test]
fn blobs_of_keys_that_are_not_here() {
    let mut world = World::new();
    let made = create(&mut world);
    let blob = encrypt(&world, &made, no_context());
    let elsewhere = World::in_region("us-west-2");
    let refused = decrypt(&elsewhere, None, &blob, no_context());
    assert_eq!(refused.unwrap_err(), Error::CiphertextKeyInaccessible);
    // The same id in another Region does not help a single-Region blob.
    let mut twin = World::in_region("us-west-2");
    let scope = twin.scope();
    let record = Record::KmsKey(stored(&world, &made).into());
    let id = made.key.id;
    twin.edit(|_, tx| tx.put(Key::KmsKey { scope, id }, record));
    let refused = decrypt(&twin, None, &blob, no_context());
    assert_eq!(refused.unwrap_err(), Error::CiphertextKeyInaccessible);
    let refused = decrypt(&twin, Some(&id.to_string()), &blob, no_context());
    assert_eq!(refused.unwrap_err(), Error::IncorrectKey);
    let at = Key::KmsKey { scope: world.scope(), id };
    world.edit(|_, tx| tx.remove(at));
    let refused = decrypt(&world, None, &blob, no_context());
    assert_eq!(refused.unwrap_err(), Error::CiphertextKeyInaccessible);
    let refused = decrypt(&world, Some(&id.to_string()), &blob, no_context());
    assert_eq!(refused.unwrap_err(), absent(&world, &made));
}

#[test]
fn re_encryption_changes_key_and_context() {
    let mut world = World::new();
    let (from, to) = (create(&mut world), create(&mut world));
    let blob = encrypt(&world, &from, context("a", "b"));
    let op = |key: Option<&str>, dry_run| ReEncrypt {
        algorithm: SYMMETRIC,
        sealed: sealed(key, &blob, context("a", "b")),
        destination: named(to.key.id),
        context: context("c", "d"),
        dry_run,
    };
    let moved = world.query(op(None, false)).unwrap();
    assert_eq!((moved.source, moved.destination), (from.arn(), to.arn()));
    assert_eq!(moved.source_material, Some(from.key.materials[0].id));
    assert_eq!(moved.destination_material, Some(to.key.materials[0].id));
    let opened = decrypt(&world, None, &moved.blob, context("c", "d")).unwrap();
    assert_eq!((opened.plaintext.expose(), opened.key), (&b"hunter2"[..], to.arn()));
    let wrong = world.query(op(Some(&to.arn().to_string()), false));
    assert_eq!(wrong.unwrap_err(), Error::IncorrectKey);
    assert_eq!(world.query(op(None, true)).unwrap_err(), Error::DryRun);
}

/// AWS: a source that the request does not name stays unknown to who may not decrypt; the destination
/// is named.
#[test]
fn re_encryption_takes_permission_on_both_keys() {
    let mut world = World::new();
    let (from, to) = (create(&mut world), create(&mut world));
    let blob = encrypt(&world, &from, no_context());
    let id = from.key.id.to_string();
    let denied = |action| Err(Some(action));
    for (allowed, named_source, expected) in [
        ("kms:ReEncrypt*", false, Ok(())),
        ("kms:ReEncryptFrom", false, denied("kms:ReEncryptTo")),
        ("kms:ReEncryptTo", false, Err(None)),
        ("kms:ReEncryptTo", true, denied("kms:ReEncryptFrom")),
    ] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{allowed}","Resource":"*"}}}}"#
        );
        become_user(&mut world, Some(&policy));
        let result = world.query(ReEncrypt {
            algorithm: SYMMETRIC,
            sealed: sealed(named_source.then_some(&*id), &blob, no_context()),
            destination: named(to.key.id),
            context: no_context(),
            dry_run: false,
        });
        let result = result.map(drop).map_err(|error| match error {
            Error::CiphertextKeyInaccessible => None,
            Error::Denied(denied) => Some(denied.action),
            other => panic!("{other:?}"),
        });
        assert_eq!(result, expected, "{allowed} {named_source}");
    }
}

#[test]
fn data_keys_open_under_their_kms_key() {
    let mut world = World::new();
    let made = create(&mut world);
    let cases = [
        (Some(DataKeySpec::Aes128), None, 16),
        (Some(DataKeySpec::Aes256), None, 32),
        (None, Some(1024), 1024),
    ];
    for (spec, bytes, len) in cases {
        let request = || DataKeyRequest {
            key: named(made.key.id),
            context: context("a", "b"),
            length: DataKeyLength::new(spec, bytes).unwrap(),
            dry_run: false,
        };
        let new = world.query(GenerateDataKey(request())).unwrap();
        assert_eq!((new.plaintext.len(), new.key), (len, made.arn()));
        let opened = decrypt(&world, None, &new.blob, context("a", "b")).unwrap();
        assert_eq!(opened.plaintext.expose(), new.plaintext.expose());
        let hidden = world.query(GenerateDataKeyWithoutPlaintext(request())).unwrap();
        let opened = decrypt(&world, None, &hidden.blob, context("a", "b")).unwrap();
        assert_eq!(opened.plaintext.len(), len);
        assert_ne!(opened.plaintext.expose(), new.plaintext.expose());
        let dry = GenerateDataKey(DataKeyRequest { dry_run: true, ..request() });
        assert_eq!(world.query(dry).unwrap_err(), Error::DryRun);
    }
    let both = DataKeyLength::new(Some(DataKeySpec::Aes128), Some(16));
    assert_eq!(both, Err(Error::DataKeyLengthAmbiguous));
    assert_eq!(DataKeyLength::new(None, None), Err(Error::DataKeyLengthMissing));
}

#[test]
fn random_bytes_are_as_many_as_asked_for() {
    let world = World::new();
    let draw = || world.query(GenerateRandom { number_of_bytes: 33, store: None }).unwrap();
    let (one, two) = (draw(), draw());
    assert_eq!(one.len(), 33);
    assert_ne!(one.expose(), two.expose());
}

/// AWS: a dry run stops after all checks have passed, and not before.
#[test]
fn dry_runs_check_everything_first() {
    let mut world = World::new();
    let made = create(&mut world);
    let blob = encrypt(&world, &made, no_context());
    let dry = |blob: Blob, key: Option<&str>| {
        let sealed = Sealed {
            key: key.map(Into::into),
            algorithm: SYMMETRIC,
            blob,
            context: no_context(),
            tokens: Box::default(),
        };
        Decrypt { sealed, dry_run: true }
    };
    let id = made.key.id.to_string();
    let given = |bytes: &[u8]| Blob::Given(bytes.into());
    let cases = [
        (dry(given(&blob), None), Error::DryRun),
        (dry(given(b"nonsense"), Some(&id)), Error::InvalidCiphertext),
        (dry(Blob::Ignored(Some(b"nonsense"[..].into())), Some(&id)), Error::DryRun),
        (dry(Blob::Ignored(Some(blob.clone())), None), Error::DryRun),
        (dry(Blob::Ignored(None), Some(&id)), Error::DryRun),
        (dry(Blob::Ignored(None), None), Error::InvalidCiphertext),
    ];
    for (op, error) in cases {
        let shown = format!("{op:?}");
        assert_eq!(world.query(op).unwrap_err(), error, "{shown}");
    }
    set_state(&mut world, &made, KeyState::Disabled);
    let plaintext = Plaintext::new(vec![1]);
    let op = Encrypt {
        algorithm: SYMMETRIC,
        key: named(&id),
        plaintext,
        context: no_context(),
        dry_run: true,
    };
    let disabled = Error::Key(KeyProblem::Disabled { key: made.arn() });
    assert_eq!(world.query(op).unwrap_err(), disabled);
    become_user(&mut world, None);
    let denied = world.query(dry(Blob::Ignored(None), Some(&id))).unwrap_err();
    assert!(matches!(denied, Error::Denied(_)));
}

#[test]
fn long_contexts_are_refused() {
    let pairs = |len: usize| [("k".into(), "é".repeat(len).into())].into();
    assert!(ciphertext::context(pairs(8191)).is_ok());
    assert_eq!(ciphertext::context(pairs(8192)), Err(Error::EncryptionContextTooLong));
}
