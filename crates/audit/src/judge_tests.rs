//! Every rule from what was seen, and silence on what is well.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::keys::Policy;

const NOW_S: i64 = 1_000_000;
const JUDGE: Judge<'_> = Judge { account: "123456789012", now_s: NOW_S, patience_s: 900 };

fn secret(versions: &[(&str, &str)]) -> Secret {
    let versions = versions
        .iter()
        .map(|(version, label)| ((*version).to_owned(), BTreeSet::from([(*label).to_owned()])));
    Secret {
        arn: "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf".to_owned(),
        name: "db".to_owned(),
        versions: versions.collect(),
        created_s: Some(0),
        changed_s: Some(NOW_S - 900),
        ..Secret::default()
    }
}

fn copy(of: &Secret) -> Seen {
    let primary_region = Some("us-east-1".to_owned());
    Seen::There(Box::new(Secret { primary_region, replicas: Vec::new(), ..of.clone() }))
}

fn entry(status: Status, message: Option<&str>) -> Replica {
    let (region, message) = ("us-west-2".to_owned(), message.map(str::to_owned));
    Replica { region, key: Some("k".to_owned()), status, message, accessed_s: None }
}

fn key(state: &str, multi_region: bool) -> Key {
    let everything = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}}"#;
    Key::There(Metadata {
        arn: "KEY".to_owned(),
        state: state.to_owned(),
        spec: "SYMMETRIC_DEFAULT".to_owned(),
        multi_region,
        customer: true,
        policy: Policy::Read(serde_json::from_str(everything).unwrap()),
        ..Metadata::default()
    })
}

fn absent() -> Key {
    Key::Absent("NotFoundException: Invalid keyId 'k'".to_owned())
}

fn brief(found: &[Found]) -> Vec<String> {
    let brief = |one: &Found| format!("{} {} {}", one.rule, one.path, one.message);
    found.iter().map(brief).collect()
}

fn replica(primary: &Secret, entry: &Replica, seen: &Seen, key: Option<&Key>) -> Vec<String> {
    brief(&JUDGE.replica("us-east-1", primary, entry, seen, key))
}

#[test]
fn what_is_well_is_silent() {
    let primary = secret(&[("v1", "AWSPREVIOUS"), ("v2", "AWSCURRENT")]);
    let good = key("Enabled", true);
    let in_sync = entry(Status::InSync, Some("Replication succeeded"));
    for key in [None, Some(&good)] {
        assert_eq!(replica(&primary, &in_sync, &copy(&primary), key), Vec::<String>::new());
        assert_eq!(JUDGE.secret("us-east-1", &primary, key), []);
    }
    let replicated = Secret { replicas: vec![in_sync], ..primary };
    assert_eq!(JUDGE.secret("us-east-1", &replicated, Some(&good)), []);
    // It may take its time.
    let young = Secret { changed_s: Some(NOW_S - 899), ..replicated };
    let progress = entry(Status::InProgress, None);
    assert_eq!(replica(&young, &progress, &Seen::Absent, Some(&absent())), Vec::<String>::new());
}

#[test]
fn replicas_by_their_status() {
    let primary = secret(&[("v1", "AWSCURRENT")]);
    let failed = entry(Status::Failed, Some("Replication failed: Access to KMS is not allowed"));
    let text = "RG203 123456789012/us-west-2 Access to KMS is not allowed";
    assert_eq!(replica(&primary, &failed, &Seen::Absent, Some(&absent())), [text]);
    let repaired = replica(&primary, &failed, &Seen::Absent, Some(&key("Enabled", true)));
    assert_eq!(repaired, [format!("{text}; the key can be used now")]);
    let progress = entry(Status::InProgress, None);
    let text = "RG206 123456789012/us-west-2 longer than 15 min since the last change";
    assert_eq!(replica(&primary, &progress, &Seen::Absent, None), [text]);
    let why = replica(&primary, &progress, &Seen::Absent, Some(&absent()));
    assert_eq!(why, [format!("{text}; NotFoundException: Invalid keyId 'k'")]);
    let other = entry(Status::Other("Paused".to_owned()), None);
    let text = "RG298 123456789012/us-west-2 its status is Paused";
    assert_eq!(replica(&primary, &other, &Seen::Absent, None), [text]);
}

#[test]
fn what_is_called_in_sync_and_is_not() {
    let primary = secret(&[("v1", "AWSPREVIOUS"), ("v2", "AWSCURRENT")]);
    let in_sync = entry(Status::InSync, Some("Replication succeeded"));
    let said = |seen: &Seen| replica(&primary, &in_sync, seen, None);
    assert_eq!(said(&Seen::Absent), ["RG208 123456789012/us-west-2 there is no db"]);
    assert_eq!(
        said(&Seen::Unknown("no leave".to_owned())),
        ["RG298 123456789012/us-west-2 no leave"]
    );
    assert_eq!(
        said(&copy(&secret(&[("v1", "AWSCURRENT")]))),
        ["RG207 123456789012/us-west-2 AWSCURRENT is v1 there and v2 in the primary; AWSPREVIOUS \
          is at none there and v1 in the primary"]
    );
    let promoted = |region: Option<&str>| {
        let primary_region = region.map(str::to_owned);
        Seen::There(Box::new(Secret { primary_region, ..primary.clone() }))
    };
    assert_eq!(
        said(&promoted(Some("us-west-2"))),
        ["RG217 123456789012/us-west-2 it is no replica of the one in us-east-1 any more"]
    );
    assert_eq!(said(&promoted(None)).len(), 1);
    assert_eq!(
        said(&promoted(Some("eu-west-1"))),
        ["RG217 123456789012/us-west-2 its primary is in eu-west-1, not in us-east-1"]
    );
}

#[test]
fn keys_of_replicas_and_of_secrets() {
    let in_sync = entry(Status::InSync, Some("Replication succeeded"));
    let rules = |primary: &Secret, key: &Key| -> Vec<String> {
        let found = JUDGE.replica("us-east-1", primary, &in_sync, &copy(primary), Some(key));
        found.into_iter().map(|one| one.rule).collect()
    };
    let (empty, valued) = (secret(&[]), secret(&[("v1", "AWSCURRENT")]));
    let text = "RG209 123456789012/us-west-2 NotFoundException: Invalid keyId 'k'";
    assert_eq!(
        replica(&empty, &in_sync, &copy(&empty), Some(&absent())),
        [format!("{text}; the secret has no value yet, and the first one will fail")]
    );
    assert_eq!(
        replica(&valued, &in_sync, &copy(&valued), Some(&absent())),
        [format!("{text}; the value there cannot be read")]
    );
    assert_eq!(rules(&valued, &key("Disabled", true)), ["RG210"]);
    assert_eq!(rules(&valued, &key("PendingDeletion", true)), ["RG211"]);
    assert_eq!(rules(&valued, &Key::Unknown("no leave".to_owned())), ["RG298"]);
    let Key::There(mut shut) = key("Enabled", true) else { panic!("no key") };
    shut.policy = Policy::Read(serde_json::json!({ "Statement": [] }));
    assert_eq!(rules(&valued, &Key::There(shut.clone())), ["RG212"]);
    shut.policy = Policy::Unknown("no leave".to_owned());
    assert_eq!(rules(&valued, &Key::There(shut)), ["RG298"]);

    let of_its_own =
        |primary: &Secret, key: &Key| brief(&JUDGE.secret("us-east-1", primary, Some(key)));
    let there = "123456789012/us-east-1";
    assert_eq!(
        of_its_own(&valued, &key("Disabled", false)),
        [format!("RG210 {there} KEY is disabled")]
    );
    assert!(of_its_own(&valued, &absent())[0].starts_with("RG218"));
    assert_eq!(of_its_own(&valued, &key("Enabled", false)), Vec::<String>::new());
    let replicated = Secret { replicas: vec![in_sync.clone()], ..valued };
    assert_eq!(
        of_its_own(&replicated, &key("Enabled", false)),
        [format!("RG214 {there} KEY is in us-east-1 only")]
    );
}

#[test]
fn replicas_that_nobody_lists() {
    let replica = Secret { primary_region: Some("us-east-1".to_owned()), ..secret(&[]) };
    let said = |primary: &Seen| {
        JUDGE
            .stranded("us-west-2", &replica, primary)
            .map(|one| format!("{} {}", one.rule, one.message))
    };
    let there = |secret: Secret| Seen::There(Box::new(secret));
    let gone = said(&Seen::Absent);
    assert_eq!(gone.as_deref(), Some("RG213 there is no primary in us-east-1 any more"));
    let marked = said(&there(Secret { deleted: true, ..secret(&[]) }));
    assert_eq!(marked.as_deref(), Some("RG213 its primary in us-east-1 is marked for deletion"));
    let silent = said(&there(secret(&[])));
    assert_eq!(silent.as_deref(), Some("RG213 its primary in us-east-1 does not list us-west-2"));
    let replicas = vec![entry(Status::InSync, None)];
    assert_eq!(said(&there(Secret { replicas, ..secret(&[]) })), None);
    assert!(said(&Seen::Unknown("no".to_owned())).is_some_and(|text| text.starts_with("RG298")));
    assert_eq!(JUDGE.stranded("us-west-2", &secret(&[]), &Seen::Absent), None);
}

#[test]
fn groups_that_are_mostly_replicated() {
    let regions = BTreeSet::from(["us-west-2".to_owned()]);
    let group = |replicated, others, names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let group = Group { replicated, others, names, regions: regions.clone() };
        JUDGE.group("us-east-1", "prod/", &group).map(|one| one.message)
    };
    assert_eq!(
        group(5, 3, &["prod/a", "prod/b"]).as_deref(),
        Some("3 of 8 are not replicated: prod/a, prod/b and 1 more; the others are in us-west-2")
    );
    for (replicated, others) in [(5, 0), (1, 0), (1, 1), (2, 2), (0, 9)] {
        assert_eq!(group(replicated, others, &[]), None, "{replicated} {others}");
    }
}

#[test]
fn a_finding_is_kept_and_comes_back() {
    let kept = JUDGE.found("RG208", "us-west-2", "db", "there is no db".to_owned());
    let json = serde_json::to_string(&kept).unwrap();
    let found: Found = serde_json::from_str(&json).unwrap();
    let finding = found.finding().unwrap();
    assert_eq!((finding.rule.id, finding.resource.as_deref()), ("RG208", Some("db")));
    assert!(JUDGE.found("RG999", "us-west-2", "", String::new()).finding().is_none());
    let used: BTreeMap<_, _> =
        regent_guard::rules::LIVE.iter().map(|rule| (rule.id, rule)).collect();
    assert_eq!(used.len(), regent_guard::rules::LIVE.len());
}

#[test]
fn spans_are_whole() {
    for (seconds, text) in [(1, "1 s"), (60, "1 min"), (90, "90 s"), (7200, "2 h"), (0, "0 s")] {
        assert_eq!(span(seconds), text);
    }
}
