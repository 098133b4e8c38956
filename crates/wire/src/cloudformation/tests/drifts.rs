//! Drift: what of a stack's resources is no longer as its template says.

use regent_core::cx::Profile;

use super::{Story, element, replica_keys, rotation_schedules, text};
use crate::service::Service;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}"#;

/// One resource of each type, with values that nobody may see.
fn template() -> String {
    format!(
        r"Parameters: {{Hidden: {{Type: String, NoEcho: true, Default: hunter2}}}}
Resources:
  Key: {{Type: 'AWS::KMS::Key', Properties: {{Description: k, EnableKeyRotation: true, Tags: [{{Key: a, Value: b}}]}}}}
  Alias: {{Type: 'AWS::KMS::Alias', Properties: {{AliasName: alias/app, TargetKeyId: !GetAtt Key.Arn}}}}
  Secret: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s, Description: one, SecretString: !Ref Hidden, KmsKeyId: !Ref Key, ReplicaRegions: [{{Region: us-west-2}}], Tags: [{{Key: a, Value: b}}, {{Key: c, Value: d}}, {{Key: e, Value: f}}]}}}}
  Quiet: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: q, Description: !Sub '${{Hidden}}', SecretString: v}}}}
  Policy: {{Type: 'AWS::SecretsManager::ResourcePolicy', Properties: {{SecretId: !Ref Secret, ResourcePolicy: {POLICY}}}}}
"
    )
}

fn story() -> Story {
    let mut story = Story::new(Profile::Aws);
    let template = template();
    let params = [
        ("StackName", "app"),
        ("TemplateBody", template.as_str()),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "x"),
    ];
    story.call("CreateStack", &params);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    story
}

fn detect(story: &mut Story) -> String {
    let answer = story.call("DetectStackDrift", &[("StackName", "app")]);
    let id = element(&answer, "StackDriftDetectionId").unwrap_or(answer);
    story.call("DescribeStackDriftDetectionStatus", &[("StackDriftDetectionId", &id)])
}

/// Each resource with its status.
fn drifts(story: &mut Story) -> Vec<String> {
    let answer = story.call("DescribeStackResourceDrifts", &[("StackName", "app")]);
    let each = answer.split("<LogicalResourceId>").skip(1);
    let line = |part: &str| {
        let name = part.split('<').next().unwrap().to_owned();
        format!("{name} {}", element(part, "StackResourceDriftStatus").unwrap())
    };
    each.map(line).collect()
}

/// The differences of one resource: place, kind, expected and actual.
fn differences(story: &mut Story, logical: &str) -> Vec<String> {
    let params = [("StackName", "app"), ("LogicalResourceId", logical)];
    let answer = story.call("DetectStackResourceDrift", &params);
    let each = answer.split("<PropertyPath>").skip(1);
    let line = |part: &str| {
        let of = |name: &str| element(part, name).unwrap();
        let path = part.split('<').next().unwrap();
        format!("{path} {} {} {}", of("DifferenceType"), of("ExpectedValue"), of("ActualValue"))
    };
    each.map(line).collect()
}

#[test]
fn what_nobody_touched_is_in_sync() {
    let mut story = story();
    let resource = [("StackName", "app"), ("LogicalResourceId", "Secret")];
    let before = story.call("DescribeStackResource", &resource);
    assert!(before.contains("<StackResourceDriftStatus>NOT_CHECKED<"), "{before}");
    assert!(drifts(&mut story).is_empty());
    // A value that was changed is no drift, and no drift has a value in it.
    let put = r#"{"SecretId":"s","SecretString":"tr0ub4dor","ClientRequestToken":"01234567890123456789012345678901"}"#;
    story.service(Service::SecretsManager, "PutSecretValue", put);
    let update = r#"{"SecretId":"q","Description":"hunter3","ClientRequestToken":"01234567890123456789012345678902"}"#;
    story.service(Service::SecretsManager, "UpdateSecret", update);
    let status = detect(&mut story);
    assert_eq!(element(&status, "DetectionStatus").unwrap(), "DETECTION_COMPLETE", "{status}");
    assert_eq!(element(&status, "DriftedStackResourceCount").unwrap(), "0");
    assert_eq!(
        drifts(&mut story),
        ["Alias IN_SYNC", "Key IN_SYNC", "Policy IN_SYNC", "Quiet IN_SYNC", "Secret IN_SYNC"]
    );
    let all = story.call("DescribeStackResourceDrifts", &[("StackName", "app")]);
    for secret in ["hunter2", "hunter3", "tr0ub4dor", "SecretString"] {
        assert!(!all.contains(secret), "{all}");
    }
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    assert!(
        stack.contains("<StackDriftStatus>IN_SYNC</StackDriftStatus><LastCheckTimestamp>"),
        "{stack}"
    );
    let listed = story.call("ListStackResources", &[("StackName", "app")]);
    assert_eq!(listed.matches("<StackResourceDriftStatus>IN_SYNC<").count(), 5);
}

#[test]
fn what_was_changed_is_told_with_its_place() {
    let mut story = story();
    let secret = |story: &mut Story, name, body| {
        story.service(Service::SecretsManager, name, body);
    };
    secret(
        &mut story,
        "UpdateSecret",
        r#"{"SecretId":"s","Description":"two","ClientRequestToken":"01234567890123456789012345678902"}"#,
    );
    secret(
        &mut story,
        "TagResource",
        r#"{"SecretId":"s","Tags":[{"Key":"a","Value":"z"},{"Key":"new","Value":"n"}]}"#,
    );
    secret(&mut story, "UntagResource", r#"{"SecretId":"s","TagKeys":["c"]}"#);
    secret(
        &mut story,
        "RemoveRegionsFromReplication",
        r#"{"SecretId":"s","RemoveReplicaRegions":["us-west-2"]}"#,
    );
    let open = POLICY.replace("GetSecretValue", "*").replace('"', "\\\"");
    let put = format!(r#"{{"SecretId":"s","ResourcePolicy":"{open}"}}"#);
    secret(&mut story, "PutResourcePolicy", &put);
    let resource = [("StackName", "app"), ("LogicalResourceId", "Key")];
    let answer = story.call("DescribeStackResource", &resource);
    let key = element(&answer, "PhysicalResourceId").unwrap();
    let body = format!(r#"{{"KeyId":"{key}"}}"#);
    story.service(Service::Kms, "DisableKeyRotation", &body);
    let other = story.service(Service::Kms, "CreateKey", "{}");
    let other: serde_json::Value = serde_json::from_str(&other).unwrap();
    let other = other["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
    let body = format!(r#"{{"AliasName":"alias/app","TargetKeyId":"{other}"}}"#);
    story.service(Service::Kms, "UpdateAlias", &body);

    assert_eq!(
        differences(&mut story, "Secret"),
        [
            "/Description NOT_EQUAL one two",
            r#"/ReplicaRegions/0 REMOVE {"Region":"us-west-2"} null"#,
            "/Tags/0/Value NOT_EQUAL b z",
            r#"/Tags/1 REMOVE {"Key":"c","Value":"d"} null"#,
            r#"/Tags/2 ADD null {"Key":"new","Value":"n"}"#,
        ]
    );
    let policy = differences(&mut story, "Policy");
    assert_eq!(policy.len(), 1);
    assert!(policy[0].starts_with("/ResourcePolicy NOT_EQUAL {"), "{policy:?}");
    assert_eq!(differences(&mut story, "Key"), ["/EnableKeyRotation NOT_EQUAL true false"]);
    let alias = differences(&mut story, "Alias");
    assert!(alias[0].starts_with("/TargetKeyId NOT_EQUAL arn:aws:kms:"), "{alias:?}");
    assert!(alias[0].ends_with(&other), "{alias:?}");
    let status = detect(&mut story);
    assert_eq!(element(&status, "StackDriftStatus").unwrap(), "DRIFTED");
    assert_eq!(element(&status, "DriftedStackResourceCount").unwrap(), "4");
    let params = [("StackName", "app"), ("StackResourceDriftStatusFilters.member.1", "IN_SYNC")];
    let answer = story.call("DescribeStackResourceDrifts", &params);
    assert_eq!(answer.matches("<LogicalResourceId>").count(), 1, "{answer}");
    let params = [("StackName", "app"), ("MaxResults", "2")];
    let answer = story.call("DescribeStackResourceDrifts", &params);
    assert_eq!(element(&answer, "NextToken").unwrap(), "Key");
    // What is updated has to be looked at again.
    let update = template().replace("Description: one", "Description: three");
    story.update("app", &update);
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert!(!drifts(&mut story).iter().any(|line| line.starts_with("Secret ")));
}

#[test]
fn schedules_are_compared_by_their_rules() {
    let mut story = rotation_schedules::story();
    let rules = "RotateImmediatelyOnUpdate: false, RotationRules: {AutomaticallyAfterDays: '10', Duration: 2h}";
    story.create("app", &rotation_schedules::rotating(rules));
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    rotation_schedules::finish(&mut story);
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["R IN_SYNC", "S IN_SYNC"]);
    let rotate = r#"{"SecretId":"s","RotateImmediately":false,"RotationRules":{"ScheduleExpression":"rate(4 days)","Duration":"3h"},"ClientRequestToken":"01234567890123456789012345678901"}"#;
    story.service(Service::SecretsManager, "RotateSecret", rotate);
    rotation_schedules::finish(&mut story);
    assert_eq!(
        differences(&mut story, "R"),
        [
            "/RotationRules/AutomaticallyAfterDays REMOVE 10 null",
            "/RotationRules/Duration NOT_EQUAL 2h 3h",
        ]
    );
    story.service(Service::SecretsManager, "CancelRotateSecret", r#"{"SecretId":"s"}"#);
    let status = detect(&mut story);
    assert_eq!(element(&status, "DriftedStackResourceCount").unwrap(), "1");
    assert_eq!(drifts(&mut story), ["R DELETED", "S IN_SYNC"]);
}

#[test]
fn replica_keys_are_compared_with_what_is_in_the_stacks_region() {
    let (mut story, arn) = replica_keys::story(true);
    let more = ", Description: one, Enabled: true, Tags: [{Key: a, Value: b}]";
    story.create("app", &replica_keys::template(&arn, more));
    replica_keys::deliver(&mut story, &arn);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["Copy IN_SYNC"]);
    let key = replica_keys::id(&arn);
    let mut kms = |name: &str, more: &str| {
        story.service(Service::Kms, name, &format!(r#"{{"KeyId":"{key}"{more}}}"#))
    };
    kms("UpdateKeyDescription", r#","Description":"two""#);
    kms("UntagResource", r#","TagKeys":["a"]"#);
    kms("DisableKey", "");
    assert_eq!(
        differences(&mut story, "Copy"),
        [
            "/Description NOT_EQUAL one two",
            "/Enabled NOT_EQUAL true false",
            r#"/Tags/0 REMOVE {"Key":"a","Value":"b"} null"#,
        ]
    );
    story.service(Service::Kms, "ScheduleKeyDeletion", &format!(r#"{{"KeyId":"{key}"}}"#));
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["Copy DELETED"]);
}

/// What is imported is what the template says.
#[test]
fn imported_values_are_compared() {
    let mut story = Story::new(Profile::Aws);
    story.create(
        "shared",
        "Resources: {K: {Type: 'AWS::KMS::Key'}}\nOutputs: {O: {Value: words, Export: {Name: e}}}\n",
    );
    story.create(
        "app",
        "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, Description: !ImportValue e}}}\n",
    );
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["S IN_SYNC"]);
    let update = r#"{"SecretId":"s","Description":"two","ClientRequestToken":"01234567890123456789012345678902"}"#;
    story.service(Service::SecretsManager, "UpdateSecret", update);
    assert_eq!(differences(&mut story, "S"), ["/Description NOT_EQUAL words two"]);
}

#[test]
fn what_was_deleted_is_told() {
    let mut story = story();
    story.service(Service::SecretsManager, "DeleteResourcePolicy", r#"{"SecretId":"s"}"#);
    story.service(Service::SecretsManager, "DeleteSecret", r#"{"SecretId":"q"}"#);
    story.service(Service::Kms, "DeleteAlias", r#"{"AliasName":"alias/app"}"#);
    let status = detect(&mut story);
    assert_eq!(element(&status, "DriftedStackResourceCount").unwrap(), "3");
    assert_eq!(
        drifts(&mut story),
        ["Alias DELETED", "Key IN_SYNC", "Policy DELETED", "Quiet DELETED", "Secret IN_SYNC"]
    );
    assert!(differences(&mut story, "Quiet").is_empty());
}

/// PROMISE R6: a look tells nothing that its caller may not read.
#[test]
fn who_may_not_read_learns_nothing() {
    let mut story = story();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudformation:*","secretsmanager:*"],"Resource":"*"}]}"#;
    story.be_user(policy);
    let status = detect(&mut story);
    assert_eq!(element(&status, "DetectionStatus").unwrap(), "DETECTION_FAILED");
    assert_eq!(element(&status, "StackDriftStatus").unwrap(), "UNKNOWN");
    let reason = element(&status, "DetectionStatusReason").unwrap();
    assert_eq!(reason, "Failed to detect drift on resources [Alias, Key]");
}

#[test]
fn what_is_not_there_is_refused() {
    let mut story = story();
    let id = ("StackDriftDetectionId", "00000000000000000000000000000000abcd");
    assert_eq!(
        text(&story.call("DescribeStackDriftDetectionStatus", &[id])),
        format!("ValidationError: Drift detection [{}] does not exist", id.1)
    );
    let first = story.call("DetectStackDrift", &[("StackName", "app")]);
    let first = element(&first, "StackDriftDetectionId").unwrap();
    detect(&mut story);
    // Only the last look is kept.
    let again =
        story.call("DescribeStackDriftDetectionStatus", &[("StackDriftDetectionId", &first)]);
    assert!(text(&again).ends_with("does not exist"), "{again}");
    let params = [("StackName", "app"), ("LogicalResourceId", "None")];
    assert_eq!(
        text(&story.call("DetectStackResourceDrift", &params)),
        "ValidationError: Resource None does not exist for stack app"
    );
    story.call("DeleteStack", &[("StackName", "app")]);
    let refused = text(&story.call("DetectStackDrift", &[("StackName", "app")]));
    assert!(refused.ends_with("while it is in DELETE_IN_PROGRESS state."), "{refused}");
}

#[test]
fn only_resources_of_the_stack_can_be_looked_at() {
    let mut story = story();
    let look = |story: &mut Story, second: &str| {
        let params = [
            ("StackName", "app"),
            ("LogicalResourceIds.member.1", "Secret"),
            ("LogicalResourceIds.member.2", second),
        ];
        story.call("DetectStackDrift", &params)
    };
    let refused = text(&look(&mut story, "None"));
    assert_eq!(refused, "ValidationError: Resource None does not exist for stack app");
    assert!(drifts(&mut story).is_empty(), "nothing was looked at");
    assert!(element(&look(&mut story, "Key"), "StackDriftDetectionId").is_some());
    assert_eq!(drifts(&mut story), ["Key IN_SYNC", "Secret IN_SYNC"]);
}

/// PROMISE R7: what the template says by a parameter that is not echoed, wherever in a property, and
/// what it says by a dynamic reference is neither compared nor told.
#[test]
fn what_refers_to_secrets_is_not_told() {
    let mut story = Story::new(Profile::Aws);
    let template = "Parameters: {Hidden: {Type: String, NoEcho: true, Default: hunter2}}
Resources:
  P: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: p, SecretString: v}}
  S: {Type: 'AWS::SecretsManager::Secret', DependsOn: P, Properties: {Name: s, Description: '{{resolve:secretsmanager:p}}', Tags: [{Key: a, Value: !Ref Hidden}]}}
";
    story.create("app", template);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["P IN_SYNC", "S IN_SYNC"]);
    let all = story.call("DescribeStackResourceDrifts", &[("StackName", "app")]);
    assert!(!all.contains("hunter2") && !all.contains("resolve"), "{all}");
}

/// A secret that is on its way out takes its policy with it, and one that is gone is gone.
#[test]
fn what_is_gone_for_good_is_told() {
    let mut story = story();
    let gone = r#"{"SecretId":"q","ForceDeleteWithoutRecovery":true}"#;
    story.service(Service::SecretsManager, "DeleteSecret", gone);
    let alone = r#"{"SecretId":"s","RemoveReplicaRegions":["us-west-2"]}"#;
    story.service(Service::SecretsManager, "RemoveRegionsFromReplication", alone);
    story.service(Service::SecretsManager, "DeleteSecret", r#"{"SecretId":"s"}"#);
    detect(&mut story);
    assert_eq!(
        drifts(&mut story),
        ["Alias IN_SYNC", "Key IN_SYNC", "Policy DELETED", "Quiet DELETED", "Secret DELETED"]
    );
}

/// PROMISE R6: a key is known as far as its caller may read it, or not at all.
#[test]
fn a_part_that_may_not_be_read_fails_the_look() {
    let mut story = Story::new(Profile::Aws);
    let key_policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}"#;
    let properties = format!("KeyPolicy: {key_policy}, Tags: [{{Key: a, Value: b}}]");
    story.create(
        "app",
        &format!("Resources: {{Key: {{Type: 'AWS::KMS::Key', Properties: {{{properties}}}}}}}"),
    );
    let reads = ["DescribeKey", "GetKeyPolicy", "ListResourceTags"];
    for missing in [None, Some("DescribeKey"), Some("GetKeyPolicy"), Some("ListResourceTags")] {
        let allowed = reads.iter().filter(|name| missing != Some(**name));
        let allowed: Vec<_> = allowed.map(|name| format!(r#""kms:{name}""#)).collect();
        let allowed = allowed.join(",");
        story.be_user(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["cloudformation:*",{allowed}],"Resource":"*"}}]}}"#
        ));
        let status = element(&detect(&mut story), "DetectionStatus").unwrap();
        let whole = if missing.is_none() { "DETECTION_COMPLETE" } else { "DETECTION_FAILED" };
        assert_eq!(status, whole, "{missing:?}");
    }
}

/// A tag that the stack gave is not the resource's own, until somebody gives it another value.
#[test]
fn a_tag_of_the_stack_that_was_changed_is_told() {
    let mut story = story();
    let tag = r#"{"SecretId":"s","Tags":[{"Key":"team","Value":"y"}]}"#;
    story.service(Service::SecretsManager, "TagResource", tag);
    assert_eq!(
        differences(&mut story, "Secret"),
        [r#"/Tags/3 ADD null {"Key":"team","Value":"y"}"#]
    );
}

/// AWS: also a stack whose rollback failed is looked at.
#[test]
fn a_stack_whose_rollback_failed_is_looked_at() {
    let mut story = Story::new(Profile::Aws);
    let template = |more: &str| {
        format!(
            "Resources:\n  A: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: a, Description: {more}}}}}\n"
        )
    };
    story.create("app", &template("one"));
    let bad = "  Bad: {Type: 'AWS::KMS::Alias', DependsOn: A, Properties: {AliasName: alias/x, TargetKeyId: alias/none}}\n";
    let body = template("two") + bad;
    let app = ("StackName", "app");
    story.call("UpdateStack", &[app, ("TemplateBody", &body), ("DisableRollback", "true")]);
    story.settle();
    let gone = r#"{"SecretId":"a","ForceDeleteWithoutRecovery":true}"#;
    story.service(Service::SecretsManager, "DeleteSecret", gone);
    let refused = text(&story.call("DetectStackDrift", &[app]));
    assert!(refused.ends_with("while it is in UPDATE_FAILED state."), "{refused}");
    story.call("RollbackStack", &[app]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_FAILED");
    detect(&mut story);
    assert_eq!(drifts(&mut story), ["A DELETED"]);
}
