//! The properties of each type: what fits, and AWS's words for what does not.

mod support;

use regent_cfn::dynamic::{DynamicReference, Resolve};
use regent_cfn::resolve::{Nothing, resolve_dynamic};
use regent_cfn::schema::TYPES;
use regent_cfn::{Problem, Text};
use support::{problem, read, read_with};

fn resource(type_name: &str, properties: &str) -> String {
    format!("Resources: {{It: {{Type: '{type_name}', Properties: {{{properties}}}}}}}")
}

/// The messages only.
fn messages(type_name: &str, properties: &str) -> String {
    let text = problem(&resource(type_name, properties));
    let begin = "Properties validation failed for resource It with message:\n";
    text.strip_prefix(begin).unwrap_or(&text).to_owned()
}

const SECRET: &str = "AWS::SecretsManager::Secret";
const KEY: &str = "AWS::KMS::Key";
const MISFITS: &[(&str, &str, &str)] = &[
    (SECRET, "Name: a, SecretString: b, Tags: [{Key: k, Value: 1}]", ""),
    (SECRET, "", ""),
    (SECRET, "Nmae: a", "#: extraneous key [Nmae] is not permitted"),
    (
        SECRET,
        "ReplicaRegions: [{KmsKeyId: x}]",
        "#/ReplicaRegions/0: required key [Region] not found",
    ),
    (
        SECRET,
        "ReplicaRegions: us-east-2",
        "#/ReplicaRegions: expected type: JSONArray, found: String",
    ),
    (
        SECRET,
        "ReplicaRegions: [us-east-2]",
        "#/ReplicaRegions/0: expected type: JSONObject, found: String",
    ),
    (SECRET, "Name: [a]", "#/Name: expected type: String, found: JSONArray"),
    (SECRET, "Name: ''", "#/Name: expected minLength: 1, actual: 0"),
    (
        SECRET,
        "Name: {a: b}, Tags: [{Key: k}]",
        "#/Name: expected type: String, found: JSONObject\n#/Tags/0: required key [Value] not found",
    ),
    (SECRET, "GenerateSecretString: {PasswordLength: '32', IncludeSpace: 'false'}", ""),
    (
        SECRET,
        "GenerateSecretString: {PasswordLength: long}",
        "#/GenerateSecretString/PasswordLength: expected type: Integer, found: String",
    ),
    (
        SECRET,
        "GenerateSecretString: {PasswordLength: 5000}",
        "#/GenerateSecretString/PasswordLength: 5000 is not less or equal to 4096",
    ),
    (
        SECRET,
        "GenerateSecretString: {IncludeSpace: maybe}",
        "#/GenerateSecretString/IncludeSpace: expected type: Boolean, found: String",
    ),
    (
        SECRET,
        "GenerateSecretString: {GenerateStringKey: k}",
        "#: SecretStringTemplate and GenerateStringKey must both be set or removed",
    ),
    (
        SECRET,
        "GenerateSecretString: {}, SecretString: x",
        "#: You can't specify both SecretString and GenerateSecretString",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "SecretId: x",
        "#: required key [ResourcePolicy] not found",
    ),
    (
        "AWS::SecretsManager::ResourcePolicy",
        "SecretId: x, ResourcePolicy: [a]",
        "#/ResourcePolicy: expected type: JSONObject, found: JSONArray",
    ),
    ("AWS::SecretsManager::ResourcePolicy", "SecretId: x, ResourcePolicy: '{}'", ""),
    (
        "AWS::SecretsManager::RotationSchedule",
        "SecretId: x, HostedRotationLambda: {RotationType: MySQLSingleUser}",
        "#: HostedRotationLambda is not supported: it needs the transform AWS::SecretsManager-2020-07-23. Give RotationLambdaARN instead.",
    ),
    (
        "AWS::SecretsManager::RotationSchedule",
        "SecretId: x, RotationLambdaARN: y, HostedRotationLambda: {RotationType: z}",
        "#: Transform AWS::SecretsManager-2020-07-23 failed with: Can only specify either HostedRotationLambda or RotationLambdaARN.\n#: HostedRotationLambda is not supported: it needs the transform AWS::SecretsManager-2020-07-23. Give RotationLambdaARN instead.",
    ),
    (
        "AWS::SecretsManager::RotationSchedule",
        "SecretId: x, RotationRules: {AutomaticallyAfterDays: 1, ScheduleExpression: rate(1 day)}",
        "#: You cannot specify both rotation frequency and schedule expression together.",
    ),
    (
        "AWS::SecretsManager::SecretTargetAttachment",
        "SecretId: x, TargetId: y, TargetType: AWS::S3::Bucket",
        "#/TargetType: AWS::S3::Bucket is not a valid enum value",
    ),
    (
        "AWS::SecretsManager::SecretTargetAttachment",
        "SecretId: x, TargetId: y, TargetType: AWS::RDS::DBCluster",
        "",
    ),
    (KEY, "PendingWindowInDays: 6", "#/PendingWindowInDays: 6 is not greater or equal to 7"),
    (KEY, "KeySpec: RSA_1024", "#/KeySpec: RSA_1024 is not a valid enum value"),
    (
        KEY,
        "KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY, EnableKeyRotation: true",
        "#: You cannot set the EnableKeyRotation property to true on asymmetric or external keys.",
    ),
    (
        KEY,
        "Origin: EXTERNAL, EnableKeyRotation: 'true'",
        "#: You cannot set the EnableKeyRotation property to true on asymmetric or external keys.",
    ),
    ("AWS::KMS::ReplicaKey", "PrimaryKeyArn: x", "#: required key [KeyPolicy] not found"),
    ("AWS::KMS::Alias", "AliasName: alias/a/b-1, TargetKeyId: x", ""),
    (
        "AWS::KMS::Alias",
        "AliasName: a, TargetKeyId: x",
        "#/AliasName: string [a] does not match pattern ^(alias/)[a-zA-Z0-9:/_-]+$",
    ),
    (
        "AWS::KMS::Alias",
        "AliasName: alias/aws/x, TargetKeyId: x",
        "#/AliasName: string [alias/aws/x] does not match pattern ^(alias/)[a-zA-Z0-9:/_-]+$",
    ),
];

#[test]
fn properties_fit_or_are_named() {
    for (type_name, properties, expected) in MISFITS {
        assert_eq!(messages(type_name, properties), *expected, "{type_name} {properties}");
    }
}

/// What is not known fits, whatever it will be.
#[test]
fn unknown_values_are_not_judged() {
    let text = "Parameters: {P: {Type: String}}
Resources:
  It: {Type: AWS::SecretsManager::Secret, Properties: {Name: !Ref P, ReplicaRegions: !If [C, [], x]}}
Conditions: {C: !Equals [!Ref P, x]}";
    assert_eq!(problem(text), "");
}

#[test]
fn a_sensitive_value_is_in_no_message() {
    let text = "Parameters: {P: {Type: String, NoEcho: true}}
Resources: {It: {Type: AWS::KMS::Alias, Properties: {AliasName: !Sub 'x${P}', TargetKeyId: x}}}";
    let read = read_with(text, &[("P", "hunter2")]).unwrap();
    let misfits = read.resolution().unwrap().check_properties(&Nothing).unwrap();
    let shown = format!("{} {misfits:?} {read:?}", misfits[0].problem());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("string [****]"), "{shown}");
}

#[derive(Debug)]
struct Vault;

impl Resolve for Vault {
    fn resolve(&self, reference: &DynamicReference) -> Result<Text, Problem> {
        let key = reference.json_key.clone().unwrap_or_default();
        match reference.secret_id.as_str() {
            "db" => Ok(Text::new(format!("value-of-{key}"))),
            _ => Err(Problem::DynamicFailed { reason: "no such secret".to_owned() }),
        }
    }
}

#[test]
fn dynamic_references_are_resolved_when_asked() {
    let text = resource(
        "AWS::SecretsManager::Secret",
        "Name: x, SecretString: 'a-{{resolve:secretsmanager:db:SecretString:user}}-b'",
    );
    let read = read(&text).unwrap();
    let resolution = read.resolution().unwrap();
    let literal = resolution.properties(&read.template.resources[0], &Nothing).unwrap();
    assert!(literal.get("SecretString").unwrap().scalar().unwrap().expose().contains("{{resolve"));
    let resolved = resolve_dynamic(&literal, &Vault).unwrap();
    let value = resolved.get("SecretString").unwrap().scalar().unwrap();
    assert_eq!(value.expose(), "a-value-of-user-b");
    assert!(value.is_sensitive() && !format!("{resolved:?}").contains("value-of-user"));

    let missing = text.replace("secretsmanager:db", "secretsmanager:nope");
    let missing = support::read(&missing).unwrap();
    let resolution = missing.resolution().unwrap();
    let literal = resolution.properties(&missing.template.resources[0], &Nothing).unwrap();
    assert_eq!(resolve_dynamic(&literal, &Vault).unwrap_err().to_string(), "no such secret");
}

/// A golden view of the table, so that a change of it is seen.
#[test]
fn the_table() {
    use std::fmt::Write as _;
    let mut out = String::new();
    for declared in &TYPES {
        writeln!(out, "{}: Ref is {}", declared.name, declared.reference).unwrap();
        writeln!(out, "  attributes: {}", declared.attributes.join(" ")).unwrap();
        for property in declared.properties {
            let required = if property.required { " required" } else { "" };
            let hidden = if property.write_only { " write-only" } else { "" };
            let default = property.default.map(|x| format!(" default {x:?}")).unwrap_or_default();
            let update = property.update;
            writeln!(out, "  {}: {update:?}{required}{hidden}{default}", property.name).unwrap();
        }
    }
    insta::assert_snapshot!("table", out);
}
