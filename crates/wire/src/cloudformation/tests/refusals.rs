//! What handlers refuse in their own words, before or after a service does.

use regent_core::cx::Profile;

use super::Story;
use crate::service::Service;

fn failed(story: &mut Story, stack: &str, start: &str) -> String {
    let events = story.events(stack);
    events.into_iter().rfind(|line| line.starts_with(start)).unwrap_or_default()
}

/// AWS: rotation can be neither begun nor ended while a key is and stays disabled.
#[test]
fn rotation_of_a_disabled_key_is_not_changed() {
    let mut story = Story::new(Profile::Aws);
    let template = |properties: &str| {
        format!("Resources: {{Key: {{Type: 'AWS::KMS::Key', Properties: {{{properties}}}}}}}")
    };
    story.create("app", &template("Enabled: false"));
    story.update("app", &template("Enabled: false, EnableKeyRotation: true"));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let told = failed(&mut story, "app", "Key UPDATE_FAILED");
    assert!(
        told.contains("\"You cannot change the EnableKeyRotation property while the Enabled property is false.\""),
        "{told}"
    );
    // Enabling it at the same time is well.
    story.update("app", &template("Enabled: true, EnableKeyRotation: true"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
}

#[test]
fn a_policy_that_is_there_is_not_replaced_by_a_creation() {
    let mut story = Story::new(Profile::Aws);
    let secret = r#"{"Name":"s","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;
    story.service(Service::SecretsManager, "CreateSecret", secret);
    let statement = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}"#;
    let put = format!(r#"{{"SecretId":"s","ResourcePolicy":{}}}"#, serde_json::json!(statement));
    story.service(Service::SecretsManager, "PutResourcePolicy", &put);
    let other = statement.replace("GetSecretValue", "DescribeSecret");
    let template = format!(
        "Resources: {{P: {{Type: 'AWS::SecretsManager::ResourcePolicy', Properties: {{SecretId: s, ResourcePolicy: {other}}}}}}}"
    );
    story.create("app", &template);
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    let told = failed(&mut story, "app", "P CREATE_FAILED");
    assert!(told.contains("Resource of type 'AWS::SecretsManager::ResourcePolicy' with identifier 'arn:aws:secretsmanager:us-east-1:111122223333:secret:s-"), "{told}");
    assert!(told.contains("HandlerErrorCode: AlreadyExists"), "{told}");
    let kept = story.service(Service::SecretsManager, "GetResourcePolicy", r#"{"SecretId":"s"}"#);
    assert!(kept.contains("GetSecretValue"), "{kept}");
}

#[test]
fn an_alias_that_is_there_is_not_moved_by_a_creation() {
    let mut story = Story::new(Profile::Aws);
    let template = |name: &str| {
        format!(
            "Resources:
  Key: {{Type: 'AWS::KMS::Key'}}
  Alias: {{Type: 'AWS::KMS::Alias', Properties: {{AliasName: {name}, TargetKeyId: !Ref Key}}}}
"
        )
    };
    story.create("one", &template("alias/x"));
    story.create("two", &template("alias/x"));
    assert_eq!(story.status("two"), "ROLLBACK_COMPLETE");
    let told = failed(&mut story, "two", "Alias CREATE_FAILED");
    assert!(
        told.contains(
            "\"Resource of type 'AWS::KMS::Alias' with identifier 'alias/x' already exists.\""
        ),
        "{told}"
    );
    story.delete("one");
    story.create("three", &template("alias/x"));
    assert_eq!(story.status("three"), "CREATE_COMPLETE");
}

/// A replica whose key is to be another is driven again under it; the others are left alone.
#[test]
fn a_replicas_key_follows_the_template() {
    let mut story = Story::new(Profile::Aws);
    let template = |key: &str| {
        format!(
            "Resources: {{S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s, SecretString: v, ReplicaRegions: [{{Region: us-west-2, KmsKeyId: {key}}}, {{Region: eu-west-1}}]}}}}}}"
        )
    };
    story.create("app", &template("alias/one"));
    story.update("app", &template("alias/two"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let found: serde_json::Value = serde_json::from_str(&story.secret("s")).unwrap();
    let replicas = found["ReplicationStatus"].as_array().unwrap();
    let keys: Vec<_> =
        replicas.iter().map(|of| (of["Region"].as_str(), of["KmsKeyId"].as_str())).collect();
    assert_eq!(keys.len(), 2, "{found}");
    assert!(keys.contains(&(Some("us-west-2"), Some("alias/two"))), "{found}");
}

/// PROMISE R6: what a handler wrote before one of its calls was refused is not done, and the audit log
/// does not say that it was.
#[test]
fn what_was_written_in_vain_is_not_recorded() {
    let mut story = Story::new(Profile::Aws);
    let template = |properties: &str| {
        format!(
            "Resources: {{A: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: a, {properties}}}}}}}"
        )
    };
    story.create("app", &template("Description: one"));
    story.be_user(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudformation:*","secretsmanager:UpdateSecret"],"Resource":"*"}]}"#,
    );
    story.called.clear();
    story.update("app", &template("Description: two, Tags: [{Key: a, Value: b}]"));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let told = failed(&mut story, "app", "A UPDATE_FAILED");
    assert!(told.contains("secretsmanager:TagResource"), "{told}");
    assert_eq!(story.called, ["TagResource"]);
    // What is done, is recorded as a whole.
    story.called.clear();
    story.update("app", &template("Description: three"));
    assert_eq!(
        (story.status("app").as_str(), &*story.called),
        ("UPDATE_COMPLETE", &["UpdateSecret"][..])
    );
}
