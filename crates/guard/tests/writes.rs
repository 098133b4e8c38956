//! What only a primary takes, and keys without material: each at its bounds.
#![allow(clippy::unwrap_used, reason = "tests unwrap")]

use regent_guard::config::Options;
use regent_guard::scan::{check_terraform, check_text};

/// The rules above `info` that a stack in a Region has.
fn stack(region: Option<&str>, name: &str, replica: &str, arn: &str) -> Vec<&'static str> {
    let template = format!(
        "Resources:\n  S:\n    Type: AWS::SecretsManager::Secret\n    Properties:\n      \
         Name: {name}\n      GenerateSecretString: {{}}\n      ReplicaRegions: [{{ Region: {replica} }}]\n  \
         R:\n    Type: AWS::SecretsManager::RotationSchedule\n    Properties:\n      SecretId: {arn}\n      \
         RotationLambdaARN: arn:aws:lambda:us-west-2:123456789012:function:rotate\n"
    );
    let options = Options { region: region.map(str::to_owned), ..Options::default() };
    let (_, findings) = check_text("t.yaml", &template, true, &options);
    let alarms = findings.iter().filter(|one| one.rule.severity > regent_guard::Severity::Info);
    alarms.map(|one| one.rule.id).collect()
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_rotation_is_of_the_secret_that_its_arn_names() {
    let arn = |name: &str| format!("arn:aws:secretsmanager:us-west-2:123456789012:secret:{name}");
    // With the six characters that AWS adds, and without them.
    for name in ["app-AbCdEf", "app"] {
        assert_eq!(stack(None, "app", "us-west-2", &arn(name)), ["RG018"], "{name}");
    }
    // A secret of another name, and one in a Region that has no replica.
    for name in ["app-other-AbCdEf", "application-AbCdEf", "ap-AbCdEf"] {
        assert_eq!(stack(None, "app", "us-west-2", &arn(name)), NOTHING, "{name}");
    }
    assert_eq!(stack(None, "app", "eu-west-1", &arn("app-AbCdEf")), NOTHING);
    // In the Region of the stack, or in another.
    assert_eq!(stack(Some("us-west-2"), "app", "eu-west-1", &arn("app-AbCdEf")), NOTHING);
    assert_eq!(stack(Some("us-east-1"), "other", "eu-west-1", &arn("app-AbCdEf")), ["RG018"]);
}

fn terraform(text: &str) -> Vec<&'static str> {
    let providers = "provider \"aws\" {\n  region = \"us-east-1\"\n}\n\
        provider \"aws\" {\n  alias = \"west\"\n  region = \"us-west-2\"\n}\n";
    let files = vec![("main.tf".to_owned(), format!("{providers}{text}"))];
    let (_, findings) = check_terraform(files, &[], &Options::default());
    let alarms = findings.iter().filter(|one| one.rule.severity > regent_guard::Severity::Info);
    alarms.map(|one| one.rule.id).collect()
}

#[test]
fn a_value_is_written_where_the_primary_is() {
    let text = |provider: &str| {
        format!(
            "resource \"aws_secretsmanager_secret\" \"s\" {{\n  name = \"s\"\n  replica {{\n    \
             region = \"us-west-2\"\n  }}\n}}\nresource \"aws_secretsmanager_secret_version\" \"v\" {{\n  \
             {provider}\n  secret_id = aws_secretsmanager_secret.s.id\n  secret_string = var.x\n}}\n"
        )
    };
    assert_eq!(terraform(&text("")), NOTHING);
    assert_eq!(terraform(&text("provider = aws.west")), ["RG023"]);
}

#[test]
fn a_key_without_material_holds_no_value() {
    let text = |material: &str, id: &str| {
        format!(
            "variable \"id\" {{}}\nresource \"aws_kms_external_key\" \"k\" {{\n  {material}\n}}\n\
             resource \"aws_secretsmanager_secret\" \"s\" {{\n  kms_key_id = aws_kms_external_key.k.arn\n}}\n\
             resource \"aws_secretsmanager_secret_version\" \"v\" {{\n  secret_id = {id}\n  \
             secret_string = var.x\n}}\n"
        )
    };
    let own = "aws_secretsmanager_secret.s.id";
    assert_eq!(terraform(&text("", own)), ["RG025"]);
    assert_eq!(terraform(&text("key_material_base64 = var.material", own)), NOTHING);
    // Whether the value is of this secret is not known.
    assert_eq!(terraform(&text("", "var.id")), NOTHING);
}

/// A key that is there already may have been given its material by hand.
#[test]
fn what_an_older_key_holds_is_not_known() {
    let arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let found = |actions: &str| {
        let one = |kind: &str, values: serde_json::Value| {
            serde_json::json!({"address": format!("{kind}.x"), "mode": "managed", "type": kind,
                "name": "x", "values": values, "sensitive_values": {}})
        };
        let version = "aws_secretsmanager_secret_version";
        let of =
            serde_json::json!({"secret_id": {"references": ["aws_secretsmanager_secret.x.id"]}});
        let region = serde_json::json!({"region": {"constant_value": "us-east-1"}});
        let plan = serde_json::json!({
            "format_version": "1.2",
            "planned_values": {"root_module": {"resources": [
                one("aws_kms_external_key", serde_json::json!({"arn": arn})),
                one("aws_secretsmanager_secret", serde_json::json!({"kms_key_id": arn})),
                one(version, serde_json::json!({})),
            ]}},
            "resource_changes": [{"address": "aws_kms_external_key.x", "change": {"actions": [actions]}}],
            "configuration": {
                "provider_config": {"aws": {"expressions": region}},
                "root_module": {"resources": [{"address": format!("{version}.x"), "expressions": of}]},
            },
        });
        let (_, findings) = check_text("plan.json", &plan.to_string(), true, &Options::default());
        findings.iter().map(|one| one.rule.id).collect::<Vec<_>>()
    };
    assert_eq!(found("create"), ["RG025"]);
    assert_eq!(found("no-op"), NOTHING);
}
