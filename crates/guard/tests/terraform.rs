//! Terraform: folders of `.tf` files as far as they are literal, and plans with what they refer to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests unwrap")]

use regent_guard::Finding;
use regent_guard::config::Options;
use regent_guard::scan::{check, check_terraform, check_text};
use serde_json::{Value, json};

fn ids(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|finding| finding.rule.id).collect()
}

fn files(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

const BY_VARIABLE: &str = "variable \"key\" {}\nresource \"aws_secretsmanager_secret\" \"s\" {\n  \
    replica {\n    region     = \"us-west-2\"\n    kms_key_id = \"${var.key}\"\n  }\n}\n\
    resource \"aws_secretsmanager_secret_version\" \"s\" {\n  \
    secret_id = aws_secretsmanager_secret.s.id\n}\n";

#[test]
fn variables_come_from_defaults_files_and_options() {
    let found = |assigned: &str, given: Option<&str>| {
        let assigned = files(&[("terraform.tfvars", assigned)]);
        let mut options = Options::default();
        options.parameters.extend(given.map(|key| ("key".to_owned(), key.to_owned())));
        let (read, findings) =
            check_terraform(files(&[("main.tf", BY_VARIABLE)]), &assigned, &options);
        assert!(read);
        ids(&findings).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("", None), ["RG100"]);
    assert_eq!(found("key = \"mrk-1\"", None), ["RG001"]);
    assert_eq!(found("key = \"mrk-1\"", Some("alias/aws/secretsmanager")), Vec::<&str>::new());
}

#[test]
fn a_broken_file_hides_none_of_the_others() {
    let all = files(&[("a.tf", "resource {"), ("b.tf", BY_VARIABLE)]);
    let options = Options {
        parameters: [("key".to_owned(), "mrk-1".to_owned())].into(),
        ..Options::default()
    };
    let (_, findings) = check_terraform(all, &[], &options);
    let places: Vec<_> = findings
        .iter()
        .map(|finding| (finding.rule.id, finding.path.as_str(), finding.at.map(|at| at.line)))
        .collect();
    assert_eq!(places, [("RG001", "b.tf", Some(5)), ("RG102", "a.tf", Some(1))]);
}

#[test]
fn brackets_are_bounded() {
    for (depth, wanted) in [(60, vec![]), (10_000, vec!["RG102"])] {
        let text = format!("a = {}1{}\n", "(".repeat(depth), ")".repeat(depth));
        let (_, findings) = check_terraform(files(&[("a.tf", &text)]), &[], &Options::default());
        assert_eq!(ids(&findings), wanted, "{depth}");
    }
}

#[test]
fn what_refers_to_itself_is_not_known() {
    let text = "locals { key = local.key }\nresource \"aws_secretsmanager_secret\" \"s\" {\n  \
        kms_key_id = local.key\n}\n";
    let (_, findings) = check_terraform(files(&[("a.tf", text)]), &[], &Options::default());
    assert_eq!(ids(&findings), ["RG100"]);
}

#[test]
fn a_file_stands_for_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("main.tf"), BY_VARIABLE).unwrap();
    std::fs::write(path("terraform.tfvars"), "key = \"mrk-1\"").unwrap();
    std::fs::write(path("other.tf"), "").unwrap();
    for given in [path(""), path("other.tf")] {
        let checked = check(&[given], &Options::default()).unwrap();
        assert_eq!(ids(&checked.findings), ["RG001"]);
        assert_eq!(checked.findings[0].path, path("main.tf"));
    }
    std::fs::write(path("more.tf.json"), r#"{"resource": {"aws_kms_key": {}}}"#).unwrap();
    let checked = check(&[path("")], &Options::default()).unwrap();
    assert_eq!(ids(&checked.findings), ["RG001", "RG102"]);
}

/// A plan of one secret with a replica in us-west-2, and a key and its replica key there.
fn plan(kms_key_id: &Value) -> Value {
    let resource = |kind: &str, name: &str, values: Value| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "values": values, "sensitive_values": {}})
    };
    let configured = |kind: &str, name: &str, provider: &str, expressions: Value| {
        json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "provider_config_key": provider, "expressions": expressions})
    };
    let mut replica = json!([{"region": {"constant_value": "us-west-2"}}]);
    if !kms_key_id.is_null() {
        replica[0]["kms_key_id"] = kms_key_id.clone();
    }
    let primary = json!({"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]});
    let region = |name: &str| json!({"expressions": {"region": {"constant_value": name}}});
    json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [
            resource("aws_kms_key", "k", json!({"multi_region": true})),
            resource("aws_kms_replica_key", "r", json!({})),
            resource("aws_kms_key", "other", json!({})),
            resource("aws_kms_key", "east", json!({"multi_region": false})),
            resource("aws_secretsmanager_secret", "s",
                json!({"name": "s", "replica": [{"region": "us-west-2"}]})),
        ]}},
        "resource_changes": [],
        "configuration": {
            "provider_config": {"aws": region("us-east-1"), "aws.west": region("us-west-2")},
            "root_module": {
                "resources": [
                    configured("aws_kms_key", "k", "aws", json!({})),
                    configured("aws_kms_replica_key", "r", "aws.west",
                        json!({"primary_key_arn": primary})),
                    configured("aws_kms_key", "other", "aws.west", json!({})),
                    configured("aws_kms_key", "east", "aws", json!({})),
                    configured("aws_secretsmanager_secret", "s", "aws",
                        json!({"kms_key_id": primary, "replica": replica})),
                ],
                "module_calls": {"keys": {
                    "expressions": {"arn": {"references": ["aws_kms_key.k.arn", "aws_kms_key.k"]}},
                    "module": {"resources": [], "outputs": {"same": {"expression":
                        {"references": ["var.arn"]}}}},
                }},
            },
        },
    })
}

#[test]
fn plans_say_what_is_referred_to() {
    let found = |expression: Value| {
        let text = plan(&expression).to_string();
        let (read, findings) = check_text("plan.json", &text, true, &Options::default());
        assert!(read);
        ids(&findings).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let to = |names: &[&str]| json!({"references": names});
    let replica_key = to(&["aws_kms_replica_key.r.arn", "aws_kms_replica_key.r"]);
    assert_eq!(found(replica_key), Vec::<&str>::new());
    // The id is the same in each Region, and a replica key is there.
    assert_eq!(found(to(&["aws_kms_key.k.key_id", "aws_kms_key.k"])), Vec::<&str>::new());
    // Or the ARN with another Region in it: a plan does not show which.
    assert_eq!(found(to(&["aws_kms_key.k.arn", "aws_kms_key.k"])), ["RG100"]);
    // A single-Region key is in one Region, whatever is made of its ARN.
    assert_eq!(found(to(&["aws_kms_key.east.arn", "aws_kms_key.east"])), ["RG012"]);
    assert_eq!(found(to(&["aws_kms_key.other.arn", "aws_kms_key.other"])), ["RG011"]);
    // Through the output and the argument of a module.
    assert_eq!(found(to(&["module.keys.same", "module.keys"])), ["RG100"]);
    let two = to(&["aws_kms_key.k.arn", "aws_kms_key.k", "aws_kms_key.other.arn"]);
    assert_eq!(found(two), ["RG100"]);
    assert_eq!(found(to(&["local.key"])), ["RG100"]);
    assert_eq!(found(Value::Null), ["RG011"]);
}

#[test]
fn what_is_made_without_a_value_and_what_is_there_already() {
    let found = |actions: Value| {
        let mut plan = plan(&json!({"references": ["aws_kms_replica_key.r.arn"]}));
        plan["resource_changes"] =
            json!([{"address": "aws_secretsmanager_secret.s", "change": {"actions": actions}}]);
        let text = plan.to_string();
        let (_, findings) = check_text("plan.json", &text, true, &Options::default());
        ids(&findings).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found(json!(["create"])), ["RG010"]);
    assert_eq!(found(json!(["update"])), Vec::<&str>::new());
}

#[test]
fn a_plan_that_cannot_be_read_is_told() {
    let text = plan(&Value::Null).to_string();
    let (_, findings) = check_text("p.json", &text[..text.len() - 1], false, &Options::default());
    assert_eq!(ids(&findings), ["RG102"]);
}
