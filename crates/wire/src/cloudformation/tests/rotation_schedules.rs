//! AWS::SecretsManager::RotationSchedule, and the types that are refused with a reason.

use regent_core::cx::Profile;
use regent_core::ids::StageLabel;
use regent_core::records::{Key, Record};
use regent_core::secrets::model::Secret;
use regent_core::secrets::rotation::Purpose;
use regent_core::tx::Records;

use super::Story;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:rotate";

pub(super) fn story() -> Story {
    let mut story = Story::new(Profile::Aws);
    story.world.functions.insert(FUNCTION.into());
    story
}

fn template(schedule: &str) -> String {
    format!(
        "Resources:
  S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s, SecretString: v}}}}
  R: {{Type: 'AWS::SecretsManager::RotationSchedule', Properties: {{SecretId: !Ref S, {schedule}}}}}
Outputs: {{Ref: {{Value: !Ref R}}, Id: {{Value: !GetAtt R.Id}}}}
"
    )
}

pub(super) fn rotating(rules: &str) -> String {
    template(&format!("RotationLambdaARN: '{FUNCTION}', {rules}"))
}

fn described(story: &mut Story) -> serde_json::Value {
    serde_json::from_str(&story.secret("s")).unwrap()
}

fn secret(story: &Story) -> Secret {
    let found = story.world.store.secret(story.world.scope(), &"s".parse().unwrap());
    Secret::clone(&found.unwrap().unwrap())
}

fn under_way(story: &Story) -> Option<Purpose> {
    secret(story).rotation.unwrap().run.map(|run| run.purpose)
}

/// The function has done what it was asked.
pub(super) fn finish(story: &mut Story) {
    let mut secret = secret(story);
    secret.stages.remove(&StageLabel::pending());
    secret.rotation.as_mut().unwrap().run = None;
    let key = Key::Secret { scope: story.world.scope(), name: secret.name.clone() };
    story.world.edit(|_, tx| tx.put(key, Record::Secret(secret.into())));
    story.settle();
}

#[test]
fn a_schedule_is_set_changed_and_cancelled() {
    let mut story = story();
    story.create(
        "app",
        &rotating("RotateImmediatelyOnUpdate: false, RotationRules: {AutomaticallyAfterDays: 10, Duration: 2h}"),
    );
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    let found = described(&mut story);
    assert_eq!(found["RotationEnabled"], true);
    assert_eq!(found["RotationLambdaARN"], FUNCTION);
    assert_eq!(found["RotationRules"]["AutomaticallyAfterDays"], 10);
    assert_eq!(found["RotationRules"]["Duration"], "2h");
    // Not at once: the function is tried only.
    assert_eq!(under_way(&story), Some(Purpose::Test));
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    let arn = found["ARN"].as_str().unwrap();
    assert_eq!(stack.matches(&format!("<OutputValue>{arn}</OutputValue>")).count(), 2, "{stack}");

    let other =
        "RotateImmediatelyOnUpdate: false, RotationRules: {ScheduleExpression: 'rate(4 days)'}";
    story.update("app", &rotating(other));
    // What is under way is waited for.
    assert_eq!(story.status("app"), "UPDATE_IN_PROGRESS");
    finish(&mut story);
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    finish(&mut story);
    let found = described(&mut story);
    assert_eq!(found["RotationRules"]["ScheduleExpression"], "rate(4 days)");
    assert!(found["RotationRules"].get("AutomaticallyAfterDays").is_none(), "{found}");

    // A failure after it: the schedule is as it was.
    let bad = rotating("RotationRules: {AutomaticallyAfterDays: 3}").replace(
        "Outputs:",
        "  Bad: {Type: 'AWS::SecretsManager::Secret', DependsOn: R, Properties: {Name: s}}\nOutputs:",
    );
    story.update("app", &bad);
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_IN_PROGRESS");
    finish(&mut story);
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let found = described(&mut story);
    assert_eq!(found["RotationRules"]["ScheduleExpression"], "rate(4 days)");

    story.update("app", "Resources:\n  S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, SecretString: v}}\n");
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert_eq!(described(&mut story)["RotationEnabled"], false);
    story.delete("app");
    assert_eq!(story.secrets(), 0);
}

#[test]
fn a_schedule_rotates_at_once_unless_told_otherwise() {
    let mut story = story();
    story.create("app", &rotating("RotationRules: {AutomaticallyAfterDays: 10}"));
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    assert_eq!(under_way(&story), Some(Purpose::Rotation));
}

#[test]
fn what_cannot_be_made_says_why() {
    let mut story = Story::new(Profile::Aws);
    for (template, expected) in [
        (
            template("HostedRotationLambda: {RotationType: MySQLSingleUser}"),
            "HostedRotationLambda is not supported: it needs the transform",
        ),
        (
            rotating("HostedRotationLambda: {RotationType: MySQLSingleUser}"),
            "Can only specify either HostedRotationLambda or RotationLambdaARN.",
        ),
        (
            rotating("RotationRules: {AutomaticallyAfterDays: 1, ScheduleExpression: 'rate(4 days)'}"),
            "You cannot specify both rotation frequency and schedule expression together.",
        ),
        (
            "Resources: {A: {Type: 'AWS::SecretsManager::SecretTargetAttachment', Properties: {SecretId: s, TargetId: t, TargetType: 'AWS::RDS::DBInstance'}}}".to_owned(),
            "Resource type AWS::SecretsManager::SecretTargetAttachment is not supported: it copies the engine, host and port of a database",
        ),
    ] {
        let answer = story.create("app", &template);
        assert!(answer.contains("<Code>ValidationError</Code>") && answer.contains(expected), "{answer}");
    }
    assert_eq!(story.secrets(), 0);
    // A function that is not there is found when the secret is asked to use it.
    story.create("app", &rotating("RotationRules: {AutomaticallyAfterDays: 10}"));
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    let events = story.events("app");
    let failed = events.iter().find(|line| line.starts_with("R CREATE_FAILED")).unwrap();
    assert!(failed.contains("(Service: SecretsManager, Status Code: 400"), "{failed}");
}
