//! Previews of Pulumi: what a property depends on, where providers work, and what is not told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests unwrap")]

use regent_guard::config::Options;
use regent_guard::scan::check_text;
use serde_json::{Value, json};

const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const SECRET: &str = "aws:secretsmanager/secret:Secret";
const KEY: &str = "aws:kms/key:Key";
const REPLICA_KEY: &str = "aws:kms/replicaKey:ReplicaKey";

fn urn(kind: &str, name: &str) -> String {
    format!("urn:pulumi:prod::shop::{kind}::{name}")
}

fn step(op: &str, kind: &str, name: &str, provider: &str, inputs: &Value, needs: &Value) -> Value {
    let provider = format!("{}::{UNKNOWN}", urn("pulumi:providers:aws", provider));
    json!({"op": op, "urn": urn(kind, name), "newState": {
        "type": kind, "provider": provider, "inputs": inputs, "propertyDependencies": needs}})
}

fn provider(name: &str, region: &str) -> Value {
    let kind = "pulumi:providers:aws";
    json!({"op": "create", "urn": urn(kind, name), "newState": {"type": kind,
        "inputs": {"region": region}}})
}

/// A secret with a replica in us-west-2 that is given something of `needs`, and keys of each kind.
fn preview(key: &str, needs: &[String]) -> Value {
    let replicas = json!([{"region": "us-west-2", "kmsKeyId": key}]);
    json!({"config": {"aws:region": "us-east-1"}, "steps": [
        provider("west", "us-west-2"),
        step("create", KEY, "multi", "default_6", &json!({"multiRegion": true}), &json!({})),
        step("create", KEY, "single", "default_6", &json!({"multiRegion": false}), &json!({})),
        step("create", REPLICA_KEY, "multi", "west", &json!({"primaryKeyArn": UNKNOWN}),
            &json!({"primaryKeyArn": [urn(KEY, "multi")]})),
        step("same", SECRET, "db", "default_6", &json!({"replicas": replicas}),
            &json!({"replicas": needs})),
    ]})
}

fn rules(preview: &Value, region: Option<&str>) -> Vec<&'static str> {
    let options = Options { region: region.map(str::to_owned), ..Options::default() };
    let (read, findings) = check_text("preview.json", &preview.to_string(), true, &options);
    assert!(read);
    findings.iter().map(|finding| finding.rule.id).collect()
}

#[test]
fn what_a_key_is_made_of() {
    let found = |needs: &[String]| rules(&preview(UNKNOWN, needs), None);
    assert_eq!(found(&[urn(REPLICA_KEY, "multi")]), Vec::<&str>::new());
    // Its id is good and its ARN is not; which one it is, or what is made of it, is not told.
    assert_eq!(found(&[urn(KEY, "multi")]), ["RG100"]);
    assert_eq!(found(&[urn(KEY, "single")]), ["RG012"]);
    assert_eq!(found(&[urn(KEY, "single"), urn(REPLICA_KEY, "multi")]), ["RG100"]);
    assert_eq!(found(&[]), ["RG100"]);
    assert_eq!(found(&[urn("aws:s3/bucket:Bucket", "b")]), ["RG100"]);
    assert_eq!(rules(&preview("[secret]", &[]), None), ["RG100"]);
    assert_eq!(rules(&preview("mrk-1", &[]), None), ["RG001"]);
}

#[test]
fn where_providers_work() {
    let arn = "arn:aws:kms:us-west-2:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    let in_west = |preview: &mut Value| {
        preview["steps"][4]["newState"]["provider"] =
            json!(format!("{}::{UNKNOWN}", urn("pulumi:providers:aws", "west")));
    };
    let mut there = preview(arn, &[]);
    assert_eq!(rules(&there, None), ["RG101"]);
    in_west(&mut there);
    assert_eq!(rules(&there, None), ["RG006", "RG101"]);
    // A provider that the preview leaves out works in no Region that is known.
    there["steps"].as_array_mut().unwrap().remove(0);
    assert_eq!(rules(&there, Some("us-west-2")), ["RG101"]);
    // The default one is where the environment says, if the configuration does not.
    let mut there = preview(arn, &[]);
    there["config"] = json!({});
    assert_eq!(rules(&there, Some("us-west-2")), ["RG006", "RG101", "RG020"]);
    // A resource may be in a Region of its own.
    there["steps"][4]["newState"]["inputs"]["region"] = json!("us-east-1");
    assert_eq!(rules(&there, Some("us-west-2")), ["RG101", "RG020"]);
}

#[test]
fn what_is_deleted_and_what_is_no_preview() {
    let mut gone = preview("mrk-1", &[]);
    let state = gone["steps"][4].as_object_mut().unwrap().remove("newState").unwrap();
    gone["steps"][4]["oldState"] = state;
    assert_eq!(rules(&gone, None), Vec::<&str>::new());
    let text = preview("mrk-1", &[]).to_string();
    let (_, findings) = check_text("p.json", &text[..text.len() - 1], false, &Options::default());
    assert_eq!(findings[0].rule.id, "RG102");
    let other = r#"{"steps": {}, "note": "urn:pulumi:x"}"#;
    let (read, findings) = check_text("p.json", other, true, &Options::default());
    assert_eq!((read, findings[0].rule.id), (false, "RG102"));
}

const NATIVE_SECRET: &str = "aws-native:secretsmanager:Secret";
const MRK: &str = "mrk-1234abcd12ab34cd56ef1234567890ab";

fn steps(all: &[Value], region: Option<&str>) -> Vec<String> {
    let preview = json!({"config": {"aws:region": "us-east-1"}, "steps": all});
    let options = Options { region: region.map(str::to_owned), ..Options::default() };
    let (_, findings) = check_text("preview.json", &preview.to_string(), true, &options);
    findings.iter().map(|one| format!("{}: {}", one.rule.id, one.message)).collect()
}

fn begins(found: &[String], wanted: &[&str]) {
    let fits =
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| a.starts_with(b));
    assert!(fits, "{found:?} {wanted:?}");
}

#[test]
fn only_what_is_made_now_has_no_value() {
    let replicas = json!([{"region": "us-west-2", "kmsKeyId": "alias/aws/secretsmanager"}]);
    for (op, made) in [
        ("create", true),
        ("create-replacement", true),
        ("replace", true),
        ("same", false),
        ("update", false),
        ("refresh", false),
        ("read", false),
        ("import", false),
        ("other", false),
    ] {
        let one = step(op, SECRET, "db", "default", &json!({"replicas": replicas}), &json!({}));
        begins(&steps(&[one], None), if made { &["RG010"] } else { &[] });
    }
}

#[test]
fn the_first_step_of_a_resource_says_all_of_it() {
    let key = |multi: bool| json!({"multiRegion": multi});
    let replicas = json!([{"region": "us-west-2", "kmsKeyId": UNKNOWN}]);
    let needs = json!({"replicas": [urn(KEY, "k")]});
    let all = |first, second| {
        [
            step("create-replacement", KEY, "k", "default", &key(first), &json!({})),
            step("replace", KEY, "k", "default", &key(second), &json!({})),
            step("same", SECRET, "db", "default", &json!({"replicas": replicas}), &needs),
        ]
    };
    begins(&steps(&all(false, true), None), &["RG012"]);
    begins(&steps(&all(true, false), None), &["RG100"]);
}

#[test]
fn what_is_not_known_is_told_with_its_reason() {
    let bucket = json!({"replicas": [urn("aws:s3/bucket:Bucket", "b")]});
    let secret = |replica: Value, needs: &Value| {
        step("same", SECRET, "db", "default", &json!({"replicas": [replica]}), needs)
    };
    let made = step("create", "aws:s3/bucket:Bucket", "b", "default", &json!({}), &json!({}));
    let of_bucket = secret(json!({"region": "us-west-2", "kmsKeyId": UNKNOWN}), &bucket);
    let why =
        "RG100: the key of the replica in us-west-2 is not known: it depends on aws:s3/bucket";
    begins(&steps(&[made, of_bucket], None), &[why]);
    // A replica without a Region is not passed over.
    let nowhere = secret(json!({"kmsKeyId": MRK}), &json!({}));
    begins(&steps(&[nowhere], None), &["RG100: the replicas are not known"]);
    // Nor is an action that is not known taken for one that is none.
    let policy = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"},
        "Action": UNKNOWN, "Resource": "*"}]});
    let key = step("create", KEY, "k", "default", &json!({"policy": policy}), &json!({}));
    let needs = json!({"kmsKeyId": [urn(KEY, "k")]});
    let under = step("same", SECRET, "db", "default", &json!({"kmsKeyId": UNKNOWN}), &needs);
    begins(&steps(&[key, under], None), &[]);
}

#[test]
fn what_is_there_already_is_known_by_its_arn() {
    let arn = format!("arn:aws:kms:us-west-2:123456789012:key/{MRK}");
    let mut key = step(
        "same",
        REPLICA_KEY,
        "multi",
        "west",
        &json!({"primaryKeyArn": arn.replace("west-2", "east-1")}),
        &json!({}),
    );
    let replicas = json!([{"region": "us-west-2", "kmsKeyId": arn}]);
    let secret = step("same", SECRET, "db", "default", &json!({"replicas": replicas}), &json!({}));
    let west = provider("west", "us-west-2");
    begins(&steps(&[west.clone(), key.clone(), secret.clone()], None), &["RG101"]);
    key["newState"]["outputs"] = json!({"arn": arn});
    begins(&steps(&[west, key, secret], None), &[]);
}

#[test]
fn the_native_provider_is_read_too() {
    let native = |op: &str, kind: &str, name: &str, inputs: Value| {
        let mut one = step(op, kind, name, "x", &inputs, &json!({}));
        let default = urn("pulumi:providers:aws-native", "default_1");
        one["newState"]["provider"] = json!(format!("{default}::{UNKNOWN}"));
        one
    };
    // Its Region is that of the other provider, if it has none of its own.
    let replicas = json!([{"region": "us-east-1"}]);
    let own = native("same", NATIVE_SECRET, "db", json!({"replicaRegions": replicas}));
    begins(&steps(&[own], None), &["RG006"]);
    // It calls the secret of a policy what it calls that of a rotation.
    let name = "arn:aws:secretsmanager:us-west-2:123456789012:secret:db-AbCdEf";
    let policy = json!({"secretId": name, "resourcePolicy": {"Statement": []}});
    let policy = native("create", "aws-native:secretsmanager:ResourcePolicy", "p", policy);
    begins(&steps(&[policy], None), &["RG023"]);
}

#[test]
fn a_region_that_is_hidden_is_not_one() {
    let replicas = json!([{"region": "us-west-2"}]);
    let secret = step("same", SECRET, "db", "default", &json!({"replicas": replicas}), &json!({}));
    let preview = json!({"config": {"aws:region": "[secret]"}, "steps": [secret]});
    assert_eq!(rules(&preview, Some("us-west-2")), ["RG006"]);
}

#[test]
fn keys_that_a_preview_deletes_are_told_of() {
    let arn = format!("arn:aws:kms:us-east-1:123456789012:key/{MRK}");
    let other = arn.replace("mrk-1234", "mrk-9876");
    let gone = |op: &str, more: Value| {
        let mut one = step(op, KEY, "old", "default", &json!({}), &json!({}));
        let mut state = one["newState"].take();
        state["outputs"] = json!({"arn": arn, "keyId": MRK, "id": MRK});
        for (name, value) in more.as_object().unwrap() {
            state[name] = value.clone();
        }
        one.as_object_mut().unwrap().remove("newState");
        one["oldState"] = state;
        one
    };
    let secret = |op: &str, key: &str, before: &str| {
        let mut one = step(op, SECRET, "db", "default", &json!({"kmsKeyId": key}), &json!({}));
        one["oldState"] = json!({"type": SECRET, "inputs": {"kmsKeyId": before}});
        one
    };
    let none = || json!({});
    let found = |steps_: [Value; 2]| {
        let ids = steps(&steps_, None).into_iter().map(|line| line[..5].to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(found([gone("delete", none()), secret("same", &arn, &arn)]), ["RG026"]);
    assert_eq!(found([gone("delete-replaced", none()), secret("same", MRK, MRK)]), ["RG026"]);
    assert_eq!(found([gone("delete", none()), secret("update", &other, &arn)]), ["RG027"]);
    // A secret that is made anew, a key that stays, one of a step that deletes nothing, another key.
    let anew = secret("create-replacement", &other, &arn);
    assert_eq!(found([gone("delete", none()), anew]), Vec::<String>::new());
    let kept = gone("delete", json!({"retainOnDelete": true}));
    assert_eq!(found([kept, secret("update", &other, &arn)]), Vec::<String>::new());
    assert_eq!(found([gone("discard", none()), secret("same", &arn, &arn)]), ["RG101"; 0]);
    assert_eq!(found([gone("delete", none()), secret("same", &other, &other)]), ["RG101"; 0]);
}
