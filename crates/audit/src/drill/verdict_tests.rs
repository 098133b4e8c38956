//! What a drill makes of each thing that it can see: a secret, its copies, their ages, and keys.
//!
//! Each verdict stands beside one that differs in a single point.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::observe::Replica;
use crate::probe::Digests;

const ROUTE: Route<'_> = Route { from: "us-east-1", to: "us-west-2" };
const NOW_MS: i64 = 1_000_000_000;

fn described(current: &str, home: Option<&str>, status: Option<Status>) -> Secret {
    let labels = BTreeSet::from(["AWSCURRENT".to_owned()]);
    let entry = |status| Replica {
        region: "us-west-2".to_owned(),
        key: None,
        status,
        message: Some("Replication failed: Invalid keyId 'mrk-1'".to_owned()),
        accessed_s: None,
    };
    Secret {
        name: "db".to_owned(),
        primary_region: home.map(str::to_owned),
        versions: BTreeMap::from([(current.to_owned(), labels)]),
        replicas: status.map(entry).into_iter().collect(),
        changed_s: Some(NOW_MS / 1000 - 90),
        ..Secret::default()
    }
}

fn there(secret: Secret) -> Seen {
    Seen::There(Box::new(secret))
}

/// A secret that both Regions have and read alike.
fn well(digests: &Digests) -> SecretSeen {
    SecretSeen {
        name: "db".to_owned(),
        primary: Some(there(described("v1", Some("us-east-1"), Some(Status::InSync)))),
        backup: Some(there(described("v1", Some("us-east-1"), None))),
        here: Some(Ok(digests.read_of("v1", "hunter2"))),
        there: Some(Ok(digests.read_of("v1", "hunter2"))),
        read_ms: NOW_MS,
        readable_after: Some(Duration::from_millis(7)),
        versions: Vec::new(),
    }
}

fn judged(seen: &SecretSeen) -> (Verdict, Vec<String>) {
    let found = secret(ROUTE, seen, Duration::ZERO);
    (found.verdict, found.reasons)
}

fn fails(seen: &SecretSeen, reason: &str) {
    assert_eq!(judged(seen), (Verdict::Fail, vec![reason.to_owned()]));
}

fn absent() -> Refusal {
    Refusal::Absent("ResourceNotFoundException: no".to_owned())
}

#[test]
fn a_secret_that_both_read_alike_passes() {
    let found = secret(ROUTE, &well(&Digests::default()), Duration::ZERO);
    assert_eq!((found.verdict, found.reasons), (Verdict::Pass, Vec::new()));
    assert_eq!(found.behind, Some(Duration::ZERO));
    assert_eq!(found.readable_after, Some(Duration::from_millis(7)));
}

#[test]
fn what_the_primary_says_against_it() {
    let digests = Digests::default();
    let with = |primary: Secret| SecretSeen { primary: Some(there(primary)), ..well(&digests) };
    let home = Some("us-east-1");
    fails(&with(described("v1", home, None)), "it is not replicated to us-west-2");
    let failed = with(described("v1", home, Some(Status::Failed)));
    fails(&failed, "replication failed: Invalid keyId 'mrk-1'");
    let other = Status::Other("Paused".to_owned());
    fails(&with(described("v1", home, Some(other))), "replication has the status Paused");
    let progress = with(described("v1", home, Some(Status::InProgress)));
    assert_eq!(judged(&progress).0, Verdict::Pass);
    let replica = described("v1", Some("eu-west-1"), None);
    fails(&with(replica), "its primary is in eu-west-1, not in us-east-1");
    let deleted = Secret { deleted: true, ..described("v1", home, Some(Status::InSync)) };
    fails(&with(deleted), "it is marked for deletion in us-east-1");
    let empty = Secret { versions: BTreeMap::new(), ..described("v1", home, Some(Status::InSync)) };
    let seen = SecretSeen {
        backup: Some(there(Secret { versions: BTreeMap::new(), ..described("v1", home, None) })),
        here: Some(Err(absent())),
        there: Some(Err(absent())),
        ..with(empty)
    };
    let (verdict, reasons) = judged(&seen);
    assert_eq!(verdict, Verdict::Fail);
    assert_eq!(
        reasons,
        [
            "it has no value yet, so that none was replicated",
            "it cannot be read in us-west-2: ResourceNotFoundException: no"
        ]
    );
    // That there is none is said once: it is not unread as well.
    let reasons = judged(&SecretSeen { there: None, ..seen }).1;
    assert_eq!(
        reasons,
        ["it has no value yet, so that none was replicated", "it was not read in us-west-2"]
    );
}

#[test]
fn what_the_backup_says_against_it() {
    let digests = Digests::default();
    let unread = SecretSeen { there: Some(Err(absent())), ..well(&digests) };
    fails(&unread, "it cannot be read in us-west-2: ResourceNotFoundException: no");
    let none = SecretSeen { backup: Some(Seen::Absent), ..unread };
    fails(&none, "there is none in us-west-2");
    let promoted = described("v1", Some("us-west-2"), None);
    let promoted = SecretSeen { backup: Some(there(promoted)), ..well(&digests) };
    fails(&promoted, "the one in us-west-2 is no replica of the one in us-east-1");
    let mut labels = described("v1", Some("us-east-1"), None);
    labels.versions.insert("v0".to_owned(), BTreeSet::from(["AWSPREVIOUS".to_owned()]));
    fails(
        &SecretSeen { backup: Some(there(labels)), ..well(&digests) },
        "in us-west-2: AWSPREVIOUS is v0 there and at none in the primary",
    );
    let other = SecretSeen { there: Some(Ok(digests.read_of("v1", "hunter3"))), ..well(&digests) };
    fails(&other, "the same version has another value than in the primary's Region");
    assert_eq!(secret(ROUTE, &other, Duration::ZERO).behind, None);
}

#[test]
fn what_could_not_be_compared_does_not_pass() {
    let digests = Digests::default();
    let denied = || Refusal::Denied("AccessDeniedException: no".to_owned());
    let unread = SecretSeen { here: Some(Err(denied())), ..well(&digests) };
    let text = "it cannot be read in us-east-1: AccessDeniedException: no";
    assert_eq!(judged(&unread), (Verdict::Unknown, vec![text.to_owned()]));
    let unseen =
        SecretSeen { primary: Some(Seen::Unknown("no".to_owned())), here: None, ..well(&digests) };
    assert_eq!(judged(&unseen), (Verdict::Unknown, vec!["us-east-1: no".to_owned()]));
    // In the backup, not to be allowed to read is not to be able to.
    let refused = SecretSeen { there: Some(Err(denied())), ..well(&digests) };
    assert_eq!(judged(&refused).0, Verdict::Fail);
    let never = SecretSeen { there: None, ..well(&digests) };
    assert_eq!(judged(&never), (Verdict::Unknown, vec!["it was not read in us-west-2".to_owned()]));
    let nowhere = SecretSeen {
        name: "x".to_owned(),
        primary: Some(Seen::Absent),
        backup: Some(Seen::Absent),
        there: Some(Err(absent())),
        ..SecretSeen::default()
    };
    let reasons = ["there is none in us-east-1", "there is none in us-west-2"];
    assert_eq!(judged(&nowhere), (Verdict::Fail, reasons.map(str::to_owned).to_vec()));
}

#[test]
fn how_much_older_the_backup_is() {
    let digests = Digests::default();
    let version =
        |id: &str, ago_s: i64| Version { id: id.to_owned(), created_ms: NOW_MS - ago_s * 1000 };
    let stale = |here: &str, there: &str, versions: &[(&str, i64)]| SecretSeen {
        here: Some(Ok(digests.read_of(here, "new"))),
        there: Some(Ok(digests.read_of(there, "old"))),
        versions: versions.iter().map(|(id, ago_s)| version(id, *ago_s)).collect(),
        ..well(&digests)
    };
    let behind = |seen: &SecretSeen| {
        let found = secret(ROUTE, seen, Duration::from_mins(1));
        (found.behind.map(|behind| behind.as_secs()), found.verdict)
    };
    // The first version that was missed counts, not the last.
    let two = stale("v3", "v1", &[("v3", 10), ("v1", 500), ("v2", 61), ("v0", 900)]);
    assert_eq!(behind(&two), (Some(61), Verdict::Fail));
    let one = stale("v2", "v1", &[("v2", 60), ("v1", 500)]);
    assert_eq!(behind(&one), (Some(60), Verdict::Pass));
    // Two that were made in the same millisecond.
    let same = stale("v2", "v1", &[("v2", 50), ("v1", 50)]);
    assert_eq!(behind(&same), (Some(50), Verdict::Pass));
    // What is older in all is not told apart label by label.
    let primary = described("v2", Some("us-east-1"), Some(Status::InSync));
    let older = SecretSeen { primary: Some(there(primary)), ..one.clone() };
    assert_eq!(behind(&older), (Some(60), Verdict::Pass));
    // A version that the primary does not have.
    let strange = stale("v2", "x", &[("v2", 70), ("v1", 500)]);
    assert_eq!(behind(&strange), (Some(70), Verdict::Fail));
    // A label that was moved back: the secret's last change counts, 90 seconds ago.
    let moved = stale("v1", "v2", &[("v2", 200), ("v1", 500)]);
    assert_eq!(behind(&moved), (Some(90), Verdict::Fail));
    // This machine's clock is behind the server's.
    let early = stale("v2", "v1", &[("v2", -5), ("v1", 500)]);
    assert_eq!(secret(ROUTE, &early, Duration::ZERO).verdict, Verdict::Fail);
    let unknown = SecretSeen { primary: None, ..stale("v2", "v1", &[]) };
    assert_eq!(behind(&unknown), (None, Verdict::Fail));
    fails(
        &two,
        "us-west-2 has the version v1, us-east-1 has v3; \
         nothing that was written since 61.0 s before is there",
    );
    assert!(!format!("{two:?}").contains("old"));
}

fn metadata(region: &str, id: &str) -> Metadata {
    Metadata {
        arn: format!("arn:aws:kms:{region}:1:key/{id}"),
        state: "Enabled".to_owned(),
        spec: "SYMMETRIC_DEFAULT".to_owned(),
        multi_region: true,
        customer: true,
        ..Metadata::default()
    }
}

fn key_well() -> KeySeen {
    KeySeen {
        name: "alias/app".to_owned(),
        here: Some(Ok(metadata("us-east-1", "mrk-1"))),
        there: Some(Ok(metadata("us-west-2", "mrk-1"))),
        forth: Some(Ok(true)),
        back: Some(Ok(true)),
        usable_after: Some(Duration::from_millis(3)),
    }
}

#[test]
fn keys() {
    use Verdict::{Fail, Pass, Unknown};
    let judged = |seen: KeySeen| {
        let found = key(ROUTE, &seen);
        (found.verdict, found.reasons.join("; "))
    };
    let absent = || Some(Err(Refusal::Absent("NotFoundException: no".to_owned())));
    let denied = || Some(Err(Refusal::Denied("AccessDeniedException: no".to_owned())));
    let with = |change: fn(&mut Metadata)| {
        let mut key = metadata("us-east-1", "mrk-1");
        change(&mut key);
        KeySeen { here: Some(Ok(key)), ..key_well() }
    };
    let single =
        KeySeen { there: None, forth: None, back: None, ..with(|key| key.multi_region = false) };
    let disabled = Metadata { state: "Disabled".to_owned(), ..metadata("us-west-2", "mrk-1") };
    let open = KeySeen { here: denied(), there: None, forth: None, back: None, ..key_well() };
    for (seen, verdict, reason) in [
        (key_well(), Pass, ""),
        (single, Fail, "it is a key of one Region, and us-west-2 can have none like it"),
        (
            with(|key| "PendingDeletion".clone_into(&mut key.state)),
            Fail,
            "its state in us-east-1 is PendingDeletion",
        ),
        (with(|key| "Updating".clone_into(&mut key.state)), Pass, ""),
        (with(|key| "Creating".clone_into(&mut key.state)), Pass, ""),
        (KeySeen { here: absent(), ..key_well() }, Fail, "there is none in us-east-1"),
        (KeySeen { there: absent(), ..key_well() }, Fail, "there is none in us-west-2"),
        (
            KeySeen { there: Some(Ok(metadata("us-west-2", "mrk-2"))), ..key_well() },
            Fail,
            "in us-west-2 this name has another key, arn:aws:kms:us-west-2:1:key/mrk-2",
        ),
        (
            KeySeen { there: Some(Ok(disabled)), ..key_well() },
            Fail,
            "its state in us-west-2 is Disabled",
        ),
        (KeySeen { there: denied(), ..key_well() }, Fail, "us-west-2: AccessDeniedException: no"),
        (
            KeySeen { forth: Some(Ok(false)), ..key_well() },
            Fail,
            "what was made under it in us-east-1 is not understood in us-west-2",
        ),
        (
            KeySeen { back: Some(Err(Refusal::Other("no".to_owned()))), ..key_well() },
            Fail,
            "what is made under it in us-west-2 and used in us-east-1: no",
        ),
        (KeySeen { back: None, ..key_well() }, Unknown, "it was not used in both Regions"),
        (KeySeen { forth: None, ..key_well() }, Unknown, "it was not used in both Regions"),
        (open, Unknown, "us-east-1: AccessDeniedException: no"),
    ] {
        assert_eq!(judged(seen), (verdict, reason.to_owned()));
    }
}

#[test]
fn keys_that_a_drill_takes_of_itself() {
    let pair = || Metadata {
        regions: vec!["us-east-1".to_owned(), "us-west-2".to_owned()],
        ..metadata("us-east-1", "mrk-1")
    };
    assert!(taken(&pair(), "us-west-2"));
    assert!(!taken(&pair(), "eu-west-1"));
    assert!(!taken(&Metadata { customer: false, ..pair() }, "us-west-2"));
    for (state, found) in [
        ("Disabled", true),
        ("PendingImport", true),
        ("PendingDeletion", false),
        ("PendingReplicaDeletion", false),
    ] {
        assert_eq!(taken(&Metadata { state: state.to_owned(), ..pair() }, "us-west-2"), found);
    }
}

#[test]
fn spans_of_time() {
    for (millis, text) in [
        (0, "0 s"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (119_990, "119.9 s"),
        (120_000, "2 min 0 s"),
        (7_200_000, "2 h 0 min"),
        (172_800_000, "2 days 0 h"),
    ] {
        assert_eq!(shown(Duration::from_millis(millis)), text);
    }
}
