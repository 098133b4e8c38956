//! Ways back: updates that are cancelled, rollbacks that fail and go on, and failures that are left
//! until somebody rolls them back.

use regent_core::cx::Profile;

use super::{Story, element, text};
use crate::service::Service;

const TAKEN: &str = r#"{"Name":"taken","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;

/// A story in which the name `taken` is taken.
pub(super) fn story() -> Story {
    let mut story = Story::new(Profile::Aws);
    story.service(Service::SecretsManager, "CreateSecret", TAKEN);
    story
}

pub(super) fn secret(logical: &str, name: &str, more: &str) -> String {
    format!(
        "  {logical}: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: {name}, Description: {more}}}}}\n"
    )
}

/// A resource that can never be made, after another.
pub(super) fn bad(after: &str) -> String {
    format!(
        "  Bad: {{Type: 'AWS::SecretsManager::Secret', DependsOn: {after}, Properties: {{Name: taken}}}}\n"
    )
}

pub(super) fn template(resources: &[String]) -> String {
    format!("Resources:\n{}", resources.concat())
}

pub(super) fn described(story: &mut Story, name: &str) -> String {
    let answer = story.secret(name);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    answer["Description"].as_str().unwrap_or_default().to_owned()
}

/// The status of one resource.
pub(super) fn resource(story: &mut Story, logical: &str) -> String {
    let params = [("StackName", "app"), ("LogicalResourceId", logical)];
    let answer = story.call("DescribeStackResource", &params);
    element(&answer, "ResourceStatus").unwrap_or(answer)
}

/// The names and statuses of events, without the reasons.
pub(super) fn outline(events: &[String]) -> Vec<String> {
    let outline = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    events.iter().map(outline).collect()
}

/// AWS: what refused its update is led back with the others, and is complete.
#[test]
fn a_refused_update_ends_complete() {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one")]));
    let before = story.events("app").len();
    story.update("app", &template(&[secret("A", "a", "two, KmsKeyId: alias/none")]));
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_IN_PROGRESS",
            "A UPDATE_IN_PROGRESS",
            "A UPDATE_FAILED",
            "app UPDATE_ROLLBACK_IN_PROGRESS",
            "A UPDATE_IN_PROGRESS",
            "A UPDATE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "app UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(resource(&mut story, "A"), "UPDATE_COMPLETE");
    assert_eq!(described(&mut story, "a"), "one");
}

#[test]
fn an_update_is_cancelled() {
    let mut story = Story::new(Profile::Strict);
    story.create("app", &template(&[secret("A", "a", "one")]));
    let cancel = [("StackName", "app"), ("ClientRequestToken", "t")];
    let refusal = "ValidationError: CancelUpdateStack cannot be called from current stack status";
    assert_eq!(text(&story.call("CancelUpdateStack", &cancel)), refusal);
    let before = story.events("app").len();
    let replicated = "two, ReplicaRegions: [{Region: us-west-2}]";
    let new = "three, ReplicaRegions: [{Region: us-west-2}]";
    story.update("app", &template(&[secret("A", "a", replicated), secret("B", "b", new)]));
    // It waits for both replicas.
    assert_eq!(story.status("app"), "UPDATE_IN_PROGRESS");
    let answer = story.call("CancelUpdateStack", &cancel);
    assert!(answer.contains("<CancelUpdateStackResponse") && !answer.contains("Result"));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_IN_PROGRESS");
    // The same request again is the same.
    assert!(story.call("CancelUpdateStack", &cancel).contains("<CancelUpdateStackResponse"));
    story.settle();
    assert_eq!(
        story.events_after("app", before),
        [
            "app UPDATE_IN_PROGRESS User Initiated",
            "A UPDATE_IN_PROGRESS",
            "B CREATE_IN_PROGRESS",
            "B CREATE_IN_PROGRESS Resource creation Initiated",
            "A UPDATE_FAILED Resource update cancelled",
            "B CREATE_FAILED Resource creation cancelled",
            "app UPDATE_ROLLBACK_IN_PROGRESS User Initiated",
            "A UPDATE_IN_PROGRESS",
            "A UPDATE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "B DELETE_IN_PROGRESS",
            "B DELETE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!((described(&mut story, "a").as_str(), story.secrets()), ("one", 1));
    assert_eq!(text(&story.call("CancelUpdateStack", &[("StackName", "app")])), refusal);
}

/// AWS: only an update can be cancelled.
#[test]
fn a_creation_is_not_cancelled() {
    let mut story = Story::new(Profile::Strict);
    story.create("app", &template(&[secret("A", "a", "x, ReplicaRegions: [{Region: us-west-2}]")]));
    let refused = text(&story.call("CancelUpdateStack", &[("StackName", "app")]));
    assert!(refused.contains("CancelUpdateStack cannot be called"), "{refused}");
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
}

/// What an update had begun to make is deleted.
#[test]
fn a_cancelled_creation_is_taken_back() {
    let mut story = Story::new(Profile::Strict);
    story.create("app", &template(&[secret("A", "a", "one")]));
    let before = story.events("app").len();
    let new = "two, ReplicaRegions: [{Region: us-west-2}]";
    story.update("app", &template(&[secret("A", "a", "one"), secret("B", "b", new)]));
    assert_eq!(story.secrets(), 2);
    story.call("CancelUpdateStack", &[("StackName", "app")]);
    story.settle();
    let events = story.events_after("app", before);
    assert_eq!(events[3], "B CREATE_FAILED Resource creation cancelled");
    assert_eq!(story.secrets(), 1);
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
}

/// A stack whose rollback failed at `A`, which somebody deleted meanwhile.
fn stuck() -> Story {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one"), secret("C", "c", "one")]));
    let update = template(&[secret("A", "a", "two"), secret("C", "c", "two"), bad("[A, C]")]);
    story.call("UpdateStack", &[("StackName", "app"), ("TemplateBody", &update)]);
    while described(&mut story, "a") != "two" {
        assert!(story.step());
    }
    let delete = r#"{"SecretId":"a","ForceDeleteWithoutRecovery":true}"#;
    story.service(Service::SecretsManager, "DeleteSecret", delete);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_FAILED");
    story
}

#[test]
fn a_failed_rollback_goes_on_past_what_is_skipped() {
    let mut story = stuck();
    let refused = story.update("app", &template(&[secret("A", "a", "three")]));
    assert!(refused.contains("is in UPDATE_ROLLBACK_FAILED state and can not be updated."));
    let skip = |name| [("StackName", "app"), ("ResourcesToSkip.member.1", name)];
    for wrong in ["C", "Bad", "None", "Nested.A"] {
        assert_eq!(
            text(&story.call("ContinueUpdateRollback", &skip(wrong))),
            format!(
                "ValidationError: ResourcesToSkip [{wrong}] is not a resource whose rollback failed."
            )
        );
    }
    // Nothing is mended: it fails again.
    story.call("ContinueUpdateRollback", &[("StackName", "app")]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_FAILED");
    let before = story.events("app").len();
    let answer = story.call("ContinueUpdateRollback", &skip("A"));
    assert!(answer.contains("<ContinueUpdateRollbackResult>"), "{answer}");
    story.settle();
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_ROLLBACK_IN_PROGRESS",
            "A UPDATE_COMPLETE",
            "C UPDATE_IN_PROGRESS",
            "C UPDATE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "app UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(resource(&mut story, "A"), "UPDATE_COMPLETE");
    assert_eq!(described(&mut story, "c"), "one");
    let refused = story.call("ContinueUpdateRollback", &[("StackName", "app")]);
    assert!(
        text(&refused)
            .ends_with("is in UPDATE_ROLLBACK_COMPLETE state and can not be rolled back.")
    );
}

#[test]
fn a_rollback_is_forced_or_goes_on_when_its_cause_is_mended() {
    let mut story = stuck();
    let both = [("StackName", "app"), ("ForceRollback", "true"), ("ResourcesToSkip.member.1", "A")];
    assert!(
        text(&story.call("ContinueUpdateRollback", &both)).starts_with("ValidationError: Only")
    );
    story.call("ContinueUpdateRollback", &[("StackName", "app"), ("ForceRollback", "true")]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");

    let mut story = stuck();
    let params = [("StackName", "app"), ("LogicalResourceId", "A")];
    let answer = story.call("DescribeStackResource", &params);
    assert!(
        answer.contains("Secrets Manager can&apos;t find") || answer.contains("can't find"),
        "{answer}"
    );
    assert_eq!(element(&answer, "ResourceStatus").unwrap(), "UPDATE_FAILED");
}

/// AWS: without rollback, what does not need what failed is made all the same.
#[test]
fn a_failed_update_is_left_until_it_is_rolled_back() {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one")]));
    let before = story.events("app").len();
    let kept = "  Z: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: z}}\n";
    let after =
        "  Last: {Type: 'AWS::SecretsManager::Secret', DependsOn: Bad, Properties: {Name: last}}\n";
    let update = template(&[secret("A", "a", "two"), bad("A"), kept.into(), after.into()]);
    let params = [("StackName", "app"), ("TemplateBody", &update), ("DisableRollback", "true")];
    story.call("UpdateStack", &params);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    let events = outline(&story.events_after("app", before));
    for there in ["A UPDATE_COMPLETE", "Bad CREATE_FAILED", "Z CREATE_COMPLETE"] {
        assert!(events.contains(&there.to_owned()), "{events:?}");
    }
    assert!(!events.iter().any(|line| line.starts_with("Last ")), "{events:?}");
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    assert!(stack.contains("<DisableRollback>true</DisableRollback>"), "{stack}");
    let reason = element(&stack, "StackStatusReason").unwrap();
    assert_eq!(reason, "The following resource(s) failed to create: [Bad]. ");
    assert_eq!((described(&mut story, "a").as_str(), story.secrets()), ("two", 3));

    let before = story.events("app").len();
    let params = [("StackName", "app"), ("RetainExceptOnCreate", "true")];
    assert!(story.call("RollbackStack", &params).contains("<StackId>"));
    story.settle();
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_ROLLBACK_IN_PROGRESS",
            "A UPDATE_IN_PROGRESS",
            "A UPDATE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "Z DELETE_IN_PROGRESS",
            "Z DELETE_COMPLETE",
            "app UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!((described(&mut story, "a").as_str(), story.secrets()), ("one", 2));
    let refused = story.call("RollbackStack", &params);
    assert!(
        text(&refused)
            .ends_with("is in UPDATE_ROLLBACK_COMPLETE state and can not be rolled back.")
    );
}

/// What RetainExceptOnCreate does not ask for is not done.
#[test]
fn a_rollback_retains_what_says_so() {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one")]));
    let kept = "  Z: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: z}}\n";
    let update = template(&[secret("A", "a", "two"), kept.into(), bad("Z")]);
    let params = [("StackName", "app"), ("TemplateBody", &update), ("DisableRollback", "true")];
    story.call("UpdateStack", &params);
    story.settle();
    story.call("RollbackStack", &[("StackName", "app")]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.secrets(), 3);
}

#[test]
fn a_failed_creation_is_rolled_back_later() {
    let mut story = story();
    let body = template(&[secret("A", "a", "one"), bad("A"), secret("C", "c", "one")]);
    let params = [("StackName", "app"), ("TemplateBody", &body), ("DisableRollback", "true")];
    story.call("CreateStack", &params);
    story.settle();
    assert_eq!((story.status("app").as_str(), story.secrets()), ("CREATE_FAILED", 3));
    let before = story.events("app").len();
    story.call("RollbackStack", &[("StackName", "app")]);
    story.settle();
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app ROLLBACK_IN_PROGRESS",
            "C DELETE_IN_PROGRESS",
            "C DELETE_COMPLETE",
            "A DELETE_IN_PROGRESS",
            "A DELETE_COMPLETE",
            "app ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(story.secrets(), 1);
}

#[test]
fn a_change_set_is_executed_without_rollback() {
    for (member, value, when) in
        [("OnStackFailure", "DO_NOTHING", "set"), ("DisableRollback", "true", "execution")]
    {
        let mut story = story();
        story.create("app", &template(&[secret("A", "a", "one")]));
        let update = template(&[secret("A", "a", "two"), bad("A")]);
        let mut set =
            vec![("StackName", "app"), ("ChangeSetName", "c"), ("TemplateBody", update.as_str())];
        let mut execution = vec![("StackName", "app"), ("ChangeSetName", "c")];
        if when == "set" {
            set.push((member, value));
        } else {
            execution.push((member, value));
        }
        story.call("CreateChangeSet", &set);
        story.call("ExecuteChangeSet", &execution);
        story.settle();
        assert_eq!(story.status("app"), "UPDATE_FAILED", "{member}");
        assert_eq!(described(&mut story, "a"), "two");
        story.delete("app");
        assert_eq!(story.secrets(), 1);
    }
}
