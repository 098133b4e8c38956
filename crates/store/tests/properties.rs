//! Properties of the byte formats: keys keep their order, what is written is read, and no bytes
//! make the decoders panic or give back something that would be written differently.
//!
//! Strategies are boxed, or they would not fit on a test thread's stack.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail as tests do"
)]

use std::ops::Bound;

use proptest::prelude::*;
use regent_core::ids::{
    AccountId, AliasName, GrantId, GrantName, KeyId, MaterialId, PrincipalArn, Region, Scope,
    SecretName, SecretSuffix,
};
use regent_core::keys::stores::KeyStoreId;
use regent_core::records::{Due, Facet, Key, Moment, Order, Prefix, Scan, Subject};
use regent_core::stacks::ids::{ChangeSetId, StackId};
use regent_core::time::Timestamp;
use regent_store::{codec, encode};

/// Texts that are each other's prefixes, and accounts that are neighbours.
fn region() -> BoxedStrategy<Region> {
    prop_oneof![Just("us-east-1"), Just("us-east-11"), Just("us-east-2"), Just("us-gov-east-1")]
        .prop_map(|text| text.parse().unwrap())
        .boxed()
}

fn account() -> BoxedStrategy<AccountId> {
    (123_456_789_011_u64..123_456_789_014).prop_map(|id| id.to_string().parse().unwrap()).boxed()
}

fn scope() -> BoxedStrategy<Scope> {
    (region(), account()).prop_map(|(region, account)| Scope { region, account }).boxed()
}

fn name() -> BoxedStrategy<SecretName> {
    prop_oneof!["[ab/]{1,3}", "[A-Za-z0-9/_+=.@!-]{1,40}"]
        .prop_map(|text| text.parse().unwrap())
        .boxed()
}

fn suffix() -> BoxedStrategy<SecretSuffix> {
    prop_oneof!["[aZ0]{6}", "[A-Za-z0-9]{6}"].prop_map(|text| text.parse().unwrap()).boxed()
}

fn time() -> BoxedStrategy<Timestamp> {
    prop_oneof![-2_i64..3, any::<i64>(), 1_700_000_000_000_i64..1_700_000_000_300]
        .prop_map(Timestamp::from_millis)
        .boxed()
}

fn key_id() -> BoxedStrategy<KeyId> {
    (prop_oneof![Just([0; 16]), Just([255; 16]), any::<[u8; 16]>()], any::<bool>())
        .prop_map(|(bytes, multi_region)| KeyId::from_bytes(bytes, multi_region))
        .boxed()
}

fn alias() -> BoxedStrategy<AliasName> {
    "alias/[a-c/:_-]{1,4}".prop_map(|text| text.parse().unwrap()).boxed()
}

fn subject() -> BoxedStrategy<Subject> {
    prop_oneof![
        (name(), suffix()).prop_map(|(name, suffix)| Subject::Secret { name, suffix }),
        (name(), suffix()).prop_map(|(name, suffix)| Subject::Detached { name, suffix }),
        key_id().prop_map(|id| Subject::Key { id }),
        key_id().prop_map(|id| Subject::KeyGone { id }),
        key_id().prop_map(|id| Subject::PendingHeld { id }),
        (name(), suffix()).prop_map(|(name, suffix)| Subject::Accessed { name, suffix }),
    ]
    .boxed()
}

fn due() -> BoxedStrategy<Due> {
    prop_oneof![
        (name(), suffix()).prop_map(|(name, suffix)| Due::PurgeSecret { name, suffix }),
        key_id().prop_map(|id| Due::DeleteKey { id }),
        key_id().prop_map(|id| Due::RotateKey { id }),
        (key_id(), any::<[u8; 32]>())
            .prop_map(|(id, material)| Due::ExpireMaterial { id, material: MaterialId(material) }),
        subject().prop_map(|subject| Due::ForgetTombstone { subject }),
        (name(), suffix()).prop_map(|(name, suffix)| Due::Rotate { name, suffix }),
    ]
    .boxed()
}

fn facet() -> BoxedStrategy<Facet> {
    prop_oneof![Just(Facet::TagKey), Just(Facet::TagValue), Just(Facet::PrimaryRegion)].boxed()
}

fn moment() -> BoxedStrategy<Moment> {
    prop_oneof![Just(Moment::Changed), Just(Moment::Accessed)].boxed()
}

/// A text with anything in it, most of all what keys escape.
fn text() -> BoxedStrategy<Box<str>> {
    "[ab\0\u{1}\u{2}\u{10ffff}]{0,4}".prop_map(String::into_boxed_str).boxed()
}

fn scoped_key() -> BoxedStrategy<Key> {
    prop_oneof![
        (scope(), name()).prop_map(|(scope, name)| Key::Secret { scope, name }),
        (scope(), time(), name()).prop_map(|(scope, created, name)| Key::SecretByCreated {
            scope,
            created,
            name
        }),
        // Version ids are texts of at least 32 characters, not only of ASCII.
        (scope(), name(), suffix(), "[a-bé\u{10ffff}]{32,34}").prop_map(
            |(scope, name, suffix, id)| {
                Key::Version { scope, name, suffix, id: id.parse().unwrap() }
            }
        ),
        (scope(), name(), region()).prop_map(|(scope, name, region)| Key::Replica {
            scope,
            name,
            region
        }),
        (scope(), subject()).prop_map(|(scope, subject)| Key::Tombstone { scope, subject }),
        (scope(), moment(), time(), name()).prop_map(|(scope, moment, at, name)| {
            Key::SecretByMoment { scope, moment, at, name }
        }),
        (scope(), facet(), text(), time(), name()).prop_map(
            |(scope, facet, text, created, name)| Key::SecretByFacet {
                scope,
                facet,
                text,
                created,
                name
            }
        ),
        (scope(), key_id()).prop_map(|(scope, id)| Key::KmsKey { scope, id }),
        (scope(), key_id()).prop_map(|(scope, id)| Key::KeyUse { scope, id }),
        scope().prop_map(|scope| Key::KeyStores { scope }),
        (scope(), any::<[u8; 9]>(), "[a-zA-Z0-9_.-]{1,9}").prop_map(|(scope, id, key)| {
            let store = KeyStoreId::from_entropy(id);
            Key::ExternalKey { scope, store, key: key.into() }
        }),
        (scope(), alias()).prop_map(|(scope, name)| Key::Alias { scope, name }),
        (scope(), key_id(), alias()).prop_map(|(scope, id, name)| Key::AliasOfKey {
            scope,
            id,
            name
        }),
        grant_key(),
        stack_key(),
    ]
    .boxed()
}

fn stack_id() -> BoxedStrategy<StackId> {
    any::<[u8; 16]>().prop_map(StackId::from_bytes).boxed()
}

fn stack_key() -> BoxedStrategy<Key> {
    let name = "[ab]{1,2}".prop_map(|name| name.parse().unwrap());
    let export = || "[ab]{1,2}".prop_map(|name| name.parse().unwrap());
    let logical = "[ab]{1,2}".prop_map(|name| name.parse().unwrap());
    let set = "[ab]{1,2}".prop_map(|name| name.parse().unwrap());
    prop_oneof![
        (scope(), stack_id()).prop_map(|(scope, id)| Key::Stack { scope, id }),
        (scope(), export()).prop_map(|(scope, name)| Key::StackExport { scope, name }),
        (scope(), export(), stack_id()).prop_map(|(scope, name, stack)| Key::StackImport {
            scope,
            name,
            stack
        }),
        (scope(), name).prop_map(|(scope, name)| Key::StackOfName { scope, name }),
        (scope(), stack_id(), logical).prop_map(|(scope, stack, logical)| Key::StackResource {
            scope,
            stack,
            logical
        }),
        (scope(), stack_id(), any::<u64>()).prop_map(|(scope, stack, number)| Key::StackEvent {
            scope,
            stack,
            number
        }),
        (scope(), stack_id()).prop_map(|(scope, id)| Key::StackRun { scope, id }),
        (scope(), any::<[u8; 16]>())
            .prop_map(|(scope, id)| Key::ChangeSet { scope, id: ChangeSetId::from_bytes(id) }),
        (scope(), stack_id(), set).prop_map(|(scope, stack, name)| Key::ChangeSetOfName {
            scope,
            stack,
            name
        }),
    ]
    .boxed()
}

fn principal() -> BoxedStrategy<PrincipalArn> {
    "[ab/]{1,2}"
        .prop_map(|name| format!("arn:aws:iam::111122223333:user/{name}").parse().unwrap())
        .boxed()
}

fn grant_name() -> BoxedStrategy<GrantName> {
    "[ab:]{1,2}".prop_map(|name| name.parse().unwrap()).boxed()
}

fn grant_id() -> BoxedStrategy<GrantId> {
    any::<[u8; 32]>().prop_map(GrantId).boxed()
}

fn grant_key() -> BoxedStrategy<Key> {
    prop_oneof![
        (scope(), key_id(), grant_id()).prop_map(|(scope, key, id)| Key::Grant { scope, key, id }),
        (scope(), key_id()).prop_map(|(scope, key)| Key::GrantCount { scope, key }),
        (scope(), key_id(), principal(), grant_id()).prop_map(|(scope, key, grantee, id)| {
            Key::GrantOfGrantee { scope, key, grantee, id }
        }),
        (scope(), key_id(), grant_name(), grant_id())
            .prop_map(|(scope, key, name, id)| Key::GrantOfName { scope, key, name, id }),
        (region(), principal(), account(), key_id(), grant_id()).prop_map(
            |(region, retiring, account, key, id)| {
                Key::GrantOfRetiring { region, retiring, account, key, id }
            }
        ),
    ]
    .boxed()
}

fn key() -> BoxedStrategy<Key> {
    let regional =
        prop_oneof![
            (region(), region(), account(), subject()).prop_map(
                |(region, peer, account, subject)| {
                    Key::Outbox { region, peer, account, subject }
                }
            ),
            (region(), time(), account(), due())
                .prop_map(|(region, at, account, due)| Key::Deadline { region, at, account, due }),
            (region(), region()).prop_map(|(region, peer)| Key::Peer { region, peer }),
            region().prop_map(|region| Key::Identity { region }),
            region().prop_map(|region| Key::Indexed { region }),
        ];
    prop_oneof![2 => scoped_key(), 1 => regional].boxed()
}

fn prefix() -> BoxedStrategy<Prefix> {
    prop_oneof![
        (scope(), "[ab/\0]{0,2}")
            .prop_map(|(scope, name)| Prefix::Secrets { scope, name: name.into() }),
        region().prop_map(|region| Prefix::SecretsOfRegion { region }),
        (scope(), facet(), text()).prop_map(|(scope, facet, start)| Prefix::Facets {
            scope,
            facet,
            start
        }),
        (scope(), facet(), text()).prop_map(|(scope, facet, text)| Prefix::FacetsOfText {
            scope,
            facet,
            text
        }),
        scope().prop_map(|scope| Prefix::SecretsByCreated { scope }),
        (scope(), moment()).prop_map(|(scope, moment)| Prefix::SecretsByMoment { scope, moment }),
        (scope(), name(), suffix()).prop_map(|(scope, name, suffix)| Prefix::Versions {
            scope,
            name,
            suffix
        }),
        scope().prop_map(|scope| Prefix::KmsKeys { scope }),
        scope().prop_map(|scope| Prefix::Aliases { scope }),
        (scope(), key_id()).prop_map(|(scope, id)| Prefix::AliasesOfKey { scope, id }),
        (scope(), key_id()).prop_map(|(scope, key)| Prefix::GrantsOfKey { scope, key }),
        (scope(), key_id(), principal())
            .prop_map(|(scope, key, grantee)| Prefix::GrantsOfGrantee { scope, key, grantee }),
        (scope(), key_id(), grant_name()).prop_map(|(scope, key, name)| Prefix::GrantsOfName {
            scope,
            key,
            name
        }),
        (region(), principal())
            .prop_map(|(region, retiring)| Prefix::GrantsOfRetiring { region, retiring }),
        (region(), region()).prop_map(|(region, peer)| Prefix::Outbox { region, peer }),
        region().prop_map(|region| Prefix::Deadlines { region }),
        Just(Prefix::Identities),
        scope().prop_map(|scope| Prefix::Stacks { scope }),
        (scope(), stack_id()).prop_map(|(scope, stack)| Prefix::StackResources { scope, stack }),
        (scope(), stack_id()).prop_map(|(scope, stack)| Prefix::StackEvents { scope, stack }),
        (scope(), stack_id()).prop_map(|(scope, stack)| Prefix::ChangeSets { scope, stack }),
        region().prop_map(|region| Prefix::StackRuns { region }),
        scope().prop_map(|scope| Prefix::StackExports { scope }),
        (scope(), "[ab]{1,2}".prop_map(|name| name.parse().unwrap()))
            .prop_map(|(scope, name)| Prefix::StackImports { scope, name }),
    ]
    .boxed()
}

/// What `records.rs` says a prefix holds, spelled out.
fn holds(prefix: &Prefix, key: &Key) -> bool {
    match (prefix, key) {
        (Prefix::Secrets { scope: at, name: begin }, Key::Secret { scope, name }) => {
            at == scope && name.as_str().starts_with(&**begin)
        }
        (Prefix::SecretsOfRegion { region }, Key::Secret { scope, .. })
        | (Prefix::StackRuns { region }, Key::StackRun { scope, .. }) => *region == scope.region,
        (
            Prefix::StackResources { scope: at, stack: of },
            Key::StackResource { scope, stack, .. },
        )
        | (Prefix::StackEvents { scope: at, stack: of }, Key::StackEvent { scope, stack, .. }) => {
            (at, of) == (scope, stack)
        }
        (
            Prefix::ChangeSets { scope: at, stack: of },
            Key::ChangeSetOfName { scope, stack, .. },
        ) => (at, of) == (scope, stack),
        (
            Prefix::Facets { scope: at, facet: of, start },
            Key::SecretByFacet { scope, facet, text, .. },
        ) => (at, of) == (scope, facet) && text.starts_with(&**start),
        (
            Prefix::FacetsOfText { scope: at, facet: of, text: wanted },
            Key::SecretByFacet { scope, facet, text, .. },
        ) => (at, of, wanted) == (scope, facet, text),
        (
            Prefix::SecretsByMoment { scope: at, moment: of },
            Key::SecretByMoment { scope, moment, .. },
        ) => (at, of) == (scope, moment),
        (Prefix::SecretsByCreated { scope: at }, Key::SecretByCreated { scope, .. })
        | (Prefix::KmsKeys { scope: at }, Key::KmsKey { scope, .. })
        | (Prefix::Aliases { scope: at }, Key::Alias { scope, .. })
        | (Prefix::Stacks { scope: at }, Key::Stack { scope, .. })
        | (Prefix::StackExports { scope: at }, Key::StackExport { scope, .. }) => at == scope,
        (Prefix::StackImports { scope: at, name: of }, Key::StackImport { scope, name, .. }) => {
            (at, of) == (scope, name)
        }
        (
            Prefix::Versions { scope: at, name: of, suffix: with },
            Key::Version { scope, name, suffix, .. },
        ) => (at, of, with) == (scope, name, suffix),
        (Prefix::AliasesOfKey { scope: at, id: of }, Key::AliasOfKey { scope, id, .. }) => {
            (at, of) == (scope, id)
        }
        (Prefix::GrantsOfKey { scope: at, key: of }, Key::Grant { scope, key, .. }) => {
            (at, of) == (scope, key)
        }
        (
            Prefix::GrantsOfGrantee { scope: at, key: of, grantee: to },
            Key::GrantOfGrantee { scope, key, grantee, .. },
        ) => (at, of, to) == (scope, key, grantee),
        (
            Prefix::GrantsOfName { scope: at, key: of, name: called },
            Key::GrantOfName { scope, key, name, .. },
        ) => (at, of, called) == (scope, key, name),
        (
            Prefix::GrantsOfRetiring { region: at, retiring: by },
            Key::GrantOfRetiring { region, retiring, .. },
        ) => (at, by) == (region, retiring),
        (Prefix::Outbox { region: at, peer: to }, Key::Outbox { region, peer, .. }) => {
            (at, to) == (region, peer)
        }
        (Prefix::Deadlines { region: at }, Key::Deadline { region, .. }) => at == region,
        (Prefix::Identities, Key::Identity { .. }) => true,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn keys_round_trip(key in key()) {
        prop_assert_eq!(encode::parse(&encode::key(&key)), Ok(key));
    }

    #[test]
    fn keys_keep_their_order((a, b) in (key(), key())) {
        if encode::Kind::of(&a) == encode::Kind::of(&b) {
            prop_assert_eq!(encode::key(&a).cmp(&encode::key(&b)), a.cmp(&b));
        } else {
            prop_assert_ne!(encode::key(&a), encode::key(&b));
        }
    }

    /// The same with more pairs that differ late: each kind, by itself.
    #[test]
    fn keys_of_one_kind_keep_their_order(
        (scope, a, b) in (scope(), (name(), time(), due(), subject()), (name(), time(), due(), subject()))
    ) {
        let keys = |(name, at, due, subject): (SecretName, Timestamp, Due, Subject)| {
            let Scope { region, account } = scope;
            [
                Key::Secret { scope, name: name.clone() },
                Key::SecretByCreated { scope, created: at, name: name.clone() },
                Key::SecretByMoment {
                    scope,
                    moment: Moment::Accessed,
                    at,
                    name: name.clone(),
                },
                Key::SecretByFacet {
                    scope,
                    facet: Facet::TagKey,
                    text: name.as_str().replace('a', "\u{1}").into(),
                    created: at,
                    name,
                },
                Key::Deadline { region, at, account, due },
                Key::Tombstone { scope, subject },
            ]
        };
        for (a, b) in keys(a).into_iter().zip(keys(b)) {
            prop_assert_eq!(encode::key(&a).cmp(&encode::key(&b)), a.cmp(&b));
        }
    }

    #[test]
    fn ranges_hold_what_their_prefix_says(
        (prefix, key, after, ascending) in (prefix(), key(), proptest::option::of(key()), any::<bool>())
    ) {
        let order = if ascending { Order::Ascending } else { Order::Descending };
        let range = encode::range(&Scan { prefix: prefix.clone(), after: after.clone(), order });
        let bytes = encode::key(&key);
        let found = range.start <= bytes && bytes < range.end;
        let beyond = after.as_ref().is_none_or(|after| {
            let after = encode::key(after);
            if ascending { after < bytes } else { bytes < after }
        });
        prop_assert_eq!(found, holds(&prefix, &key) && beyond);
        // A range that is turned around must not reach a map that would refuse it.
        if range.start < range.end {
            let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
            let map = std::collections::BTreeSet::from([bytes]);
            prop_assert_eq!(map.range::<Vec<u8>, _>(bounds).count(), usize::from(found));
        }
    }

    /// What is accepted as a key is the encoding of that key and no other bytes.
    #[test]
    fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(key) = encode::parse(&bytes) {
            prop_assert_eq!(encode::key(&key), bytes);
        }
    }

    #[test]
    fn altered_keys_are_a_key_or_none((key, at, byte) in (key(), any::<prop::sample::Index>(), any::<u8>())) {
        let mut bytes = encode::key(&key);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(key) = encode::parse(&bytes) {
            prop_assert_eq!(encode::key(&key), bytes.clone());
        }
        bytes.truncate(at);
        prop_assert!(encode::parse(&bytes).is_err(), "no key is the beginning of another");
    }

    #[test]
    fn any_bytes_are_a_record_or_corruption(
        (key, bytes) in (key(), proptest::collection::vec(any::<u8>(), 0..200))
    ) {
        if let Ok(record) = codec::decode(&key, &bytes) {
            let again = codec::encode(&key, &record).unwrap();
            let read = codec::decode(&key, &again).unwrap();
            prop_assert_eq!(format!("{record:?}"), format!("{read:?}"));
        }
    }

    /// Bytes that come near: a good format number, and then anything.
    #[test]
    fn any_fields_are_a_record_or_corruption(
        (key, bytes) in (key(), proptest::collection::vec(any::<u8>(), 0..200))
    ) {
        let bytes = [&[0x08, 0x01], bytes.as_slice()].concat();
        if let Ok(record) = codec::decode(&key, &bytes) {
            prop_assert!(codec::encode(&key, &record).is_ok());
        }
    }
}
