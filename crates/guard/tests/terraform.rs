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

/// The same configuration in JSON, with its labels and blocks in each form that Terraform takes.
#[test]
fn json_says_what_hcl_says() {
    let configuration = |key: &str, replica: Value| {
        json!({
            "//": "written by a program",
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {"aws": [{"region": "us-east-1"}, {"alias": "west", "region": "${var.west}"}]},
            "variable": [{"west": {"type": "string"}}, {"key": {"default": "mrk-1"}}],
            "locals": {"key": "${var.key}"},
            "resource": {
                "aws_kms_key": [{"k": {"multi_region": true}}],
                "aws_kms_replica_key": {"r": [{"provider": "aws.west",
                    "primary_key_arn": "${aws_kms_key.k.arn}"}]},
                "aws_secretsmanager_secret": {"s": {"name": "s", "kms_key_id": "${aws_kms_key.k.arn}",
                    "replica": replica, "depends_on": ["aws_kms_key.k"]}},
                "aws_secretsmanager_secret_version": {"s": {"secret_string": key,
                    "secret_id": "${aws_secretsmanager_secret.s.id}"}},
            },
        })
    };
    let found = |replica: Value| {
        let text = format!("{:#}", configuration("hunter2", replica));
        let assigned = files(&[("terraform.tfvars.json", r#"{"west": "us-west-2"}"#)]);
        let all = files(&[("a.tf", "\n\n"), ("main.tf.json", &text)]);
        let (read, findings) = check_terraform(all, &assigned, &Options::default());
        assert!(read);
        // Lines after the one that the replicas begin on.
        let first = text.lines().position(|line| line.trim() == "\"replica\": [").unwrap_or(0);
        let place = |one: &Finding| one.at.map(|at| at.line as usize - first - 1);
        findings.iter().map(|one| (one.rule.id, place(one))).collect::<Vec<_>>()
    };
    let one = |key: &str| json!({"region": "us-west-2", "kms_key_id": key});
    assert_eq!(found(one("${aws_kms_replica_key.r.arn}")), []);
    let wrong: Vec<_> = found(json!([one("${aws_kms_key.k.arn}"), one("${local.key}")]));
    let rules: Vec<_> = wrong.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(rules, ["RG002", "RG007", "RG001"]);
    assert_eq!(wrong[0].1, Some(2));
    let dynamic = |replica: Value| {
        let mut all = configuration("x", Value::Null);
        all["resource"]["aws_secretsmanager_secret"]["s"]["dynamic"] = json!({"replica": replica});
        all["resource"]["aws_secretsmanager_secret"]["s"]
            .as_object_mut()
            .unwrap()
            .remove("replica");
        let (_, findings) =
            check_terraform(files(&[("m.tf.json", &all.to_string())]), &[], &Options::default());
        ids(&findings).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let block = json!({"for_each": "${var.replicas}", "content": {"region": "${replica.key}"}});
    assert_eq!(dynamic(json!([block])), ["RG100"]);
    assert_eq!(dynamic(block), ["RG100"]);
    // A text of many brackets is not known, and stops nothing.
    let deep = format!("${{{}1{}}}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(found(one(&deep)).iter().map(|one| one.0).collect::<Vec<_>>(), ["RG100"]);
}

#[test]
fn what_is_imported_may_have_a_value() {
    let secret = |import: &str| {
        let text = format!(
            "resource \"aws_secretsmanager_secret\" \"s\" {{\n  replica {{\n    region = \"us-west-2\"\n    \
            kms_key_id = \"alias/aws/secretsmanager\"\n  }}\n}}\n{import}"
        );
        let (_, findings) = check_terraform(files(&[("a.tf", &text)]), &[], &Options::default());
        ids(&findings).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(secret(""), ["RG010"]);
    let import = "import {\n  to = aws_secretsmanager_secret.s\n  id = \"x\"\n}\n";
    assert_eq!(secret(import), Vec::<&str>::new());
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
    let more = r#"{"resource": {"aws_kms_replica_key": {"r": {"primary_key_arn": "mrk-1"}}}}"#;
    std::fs::write(path("more.tf.json"), more).unwrap();
    std::fs::write(path("broken.tf.json"), r#"{"resource": "#).unwrap();
    for given in [path(""), path("more.tf.json")] {
        let checked = check(&[given], &Options::default()).unwrap();
        assert_eq!(ids(&checked.findings), ["RG102", "RG001", "RG001"]);
    }
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

/// A plan with aliases, each of a provider and a name.
fn with_aliases(kms_key_id: &Value, aliases: &[(&str, &str, &str)]) -> Value {
    let mut plan = plan(kms_key_id);
    for (address, provider, name) in aliases {
        let address = format!("aws_kms_alias.{address}");
        let mut resource = json!({"address": address, "mode": "managed", "type": "aws_kms_alias",
            "name": address.split_once('.').unwrap().1});
        let configured = &mut plan["configuration"]["root_module"]["resources"];
        resource["provider_config_key"] = json!(provider);
        configured.as_array_mut().unwrap().push(resource.clone());
        resource["values"] = json!({"name": name});
        let planned = &mut plan["planned_values"]["root_module"]["resources"];
        planned.as_array_mut().unwrap().push(resource);
    }
    plan
}

fn found(plan: &Value) -> Vec<String> {
    let (read, findings) = check_text("plan.json", &plan.to_string(), true, &Options::default());
    assert!(read);
    findings.iter().map(|finding| finding.rule.id.to_owned()).collect()
}

#[test]
fn each_region_may_have_an_alias_of_the_same_name() {
    let of = |attribute: &str| json!({"references": [format!("aws_kms_alias.east.{attribute}"), "aws_kms_alias.east"]});
    let east = [("east", "aws", "alias/app")];
    let both = [("east", "aws", "alias/app"), ("west", "aws.west", "alias/app")];
    let other = [("east", "aws", "alias/app"), ("west", "aws.west", "alias/other")];
    assert_eq!(found(&with_aliases(&of("name"), &east)), ["RG004"]);
    assert_eq!(found(&with_aliases(&of("name"), &other)), ["RG004"]);
    assert_eq!(found(&with_aliases(&of("name"), &both)), Vec::<&str>::new());
    // Of an ARN it is not shown whether the Region in it is replaced.
    assert_eq!(found(&with_aliases(&of("arn"), &both)), ["RG100"]);
    // By a name that is known.
    let named = |aliases: &[(&str, &str, &str)]| {
        let mut plan = with_aliases(&Value::Null, aliases);
        let secret = &mut plan["planned_values"]["root_module"]["resources"][4]["values"];
        secret["replica"][0]["kms_key_id"] = json!("alias/app");
        found(&plan)
    };
    assert_eq!(named(&east), ["RG004"]);
    assert_eq!(named(&both), Vec::<&str>::new());
}

/// As of a dynamic block, whose expressions are in no plan.
#[test]
fn a_key_that_is_not_known_yet_is_not_absent() {
    let mut plan = plan(&Value::Null);
    plan["configuration"]["root_module"]["resources"][4]["expressions"]["replica"] = json!(null);
    let change = |unknown: Value| {
        json!([{"address": "aws_secretsmanager_secret.s",
            "change": {"actions": ["update"], "after_unknown": {"replica": unknown}}}])
    };
    plan["resource_changes"] = change(json!([{"kms_key_id": true}]));
    assert_eq!(found(&plan), ["RG100"]);
    plan["resource_changes"] = change(json!([{}]));
    assert_eq!(found(&plan), ["RG011"]);
}

#[test]
fn what_is_made_of_anything_else_is_not_known() {
    let tags = json!({"references": ["aws_kms_key.east.tags", "aws_kms_key.east"]});
    assert_eq!(found(&plan(&tags)), ["RG100"]);
    // A Region that is made of a variable: a key and a secret in the same one, wherever that is.
    let mut made =
        plan(&json!({"references": ["aws_kms_replica_key.r.arn", "aws_kms_replica_key.r"]}));
    made["configuration"]["provider_config"]["aws.west"]["expressions"]["region"] =
        json!({"references": ["var.coast"]});
    made["variables"] = json!({"coast": {"value": "west"}});
    assert_eq!(found(&made), ["RG101"]);
    made["variables"]["coast"]["value"] = json!("us-west-2");
    assert_eq!(found(&made), Vec::<&str>::new());
    // What is there says itself where.
    made["variables"]["coast"]["value"] = json!("us-east-2");
    assert_eq!(found(&made), ["RG100"]);
    made["planned_values"]["root_module"]["resources"][1]["values"]["arn"] =
        json!("arn:aws:kms:us-west-2:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab");
    assert_eq!(found(&made), Vec::<&str>::new());
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
