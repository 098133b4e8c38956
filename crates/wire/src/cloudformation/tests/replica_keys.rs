//! AWS::KMS::ReplicaKey: the stack here, the primary in another Region.

use crate::testing::exchange;
use regent_core::cx::Profile;
use regent_core::records::Subject;
use regent_core::replication::change::Answer;

use super::{Story, element};
use crate::service::Service;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}]}"#;

/// A stack's Region with another one that has a multi-Region key, and the ARN of that.
pub(super) fn story(multi_region: bool) -> (Story, String) {
    let mut story = Story::new(Profile::Strict);
    let mut peer = Story::new(Profile::Strict);
    peer.world = crate::testing::World::in_region("eu-west-1");
    let scope = peer.world.scope();
    peer.world.edit(|cx, tx| regent_core::keys::managed::ensure(cx, tx, scope)).unwrap();
    let body = format!(r#"{{"MultiRegion":{multi_region}}}"#);
    let made = peer.service(Service::Kms, "CreateKey", &body);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let arn = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    story.peer = Some(Box::new(peer));
    (story, arn)
}

pub(super) fn template(arn: &str, more: &str) -> String {
    format!(
        "Resources:
  Copy: {{Type: 'AWS::KMS::ReplicaKey', Properties: {{PrimaryKeyArn: '{arn}', KeyPolicy: {POLICY}{more}}}}}
Outputs: {{Arn: {{Value: !GetAtt Copy.Arn}}, Id: {{Value: !Ref Copy}}, KeyId: {{Value: !GetAtt Copy.KeyId}}}}
"
    )
}

pub(super) fn id(arn: &str) -> &str {
    arn.rsplit_once('/').unwrap().1
}

/// The primary's state reaches the stack's Region.
pub(super) fn deliver(story: &mut Story, arn: &str) {
    let peer = story.peer.as_mut().unwrap();
    exchange(&mut peer.world, &mut story.world, &Subject::Key { id: id(arn).parse().unwrap() });
}

fn key(story: &mut Story, arn: &str) -> String {
    story.service(Service::Kms, "DescribeKey", &format!(r#"{{"KeyId":"{}"}}"#, id(arn)))
}

fn replicas(story: &mut Story, arn: &str) -> usize {
    key(story.peer.as_mut().unwrap(), arn).matches(r#""Region":"us-east-1""#).count()
}

#[test]
fn a_replica_is_waited_for_changed_and_deleted() {
    let (mut story, arn) = story(true);
    story.create(
        "app",
        &template(&arn, ", Description: one, Enabled: false, Tags: [{Key: a, Value: b}]"),
    );
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
    assert_eq!(replicas(&mut story, &arn), 1);
    deliver(&mut story, &arn);
    story.settle();
    assert_eq!(
        story.events("app"),
        [
            "app CREATE_IN_PROGRESS User Initiated",
            "Copy CREATE_IN_PROGRESS",
            "Copy CREATE_IN_PROGRESS Resource creation Initiated",
            "Copy CREATE_COMPLETE",
            "app CREATE_COMPLETE",
        ]
    );
    let found = key(&mut story, &arn);
    assert!(found.contains(r#""KeyState":"Disabled""#) && found.contains("\"one\""), "{found}");
    let body = format!(r#"{{"KeyId":"{}"}}"#, id(&arn));
    let tags = story.service(Service::Kms, "ListResourceTags", &body);
    assert!(tags.contains(r#""TagKey":"a""#), "{tags}");
    let policy = story.service(Service::Kms, "GetKeyPolicy", &body);
    assert!(policy.contains("111122223333:root") && !policy.contains("key-default-1"), "{policy}");
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    let own = arn.replace("eu-west-1", "us-east-1");
    assert!(stack.contains(&format!("<OutputValue>{own}</OutputValue>")), "{stack}");
    assert_eq!(stack.matches(&format!("<OutputValue>{}</OutputValue>", id(&arn))).count(), 2);

    story.update("app", &template(&arn, ", Description: two, PendingWindowInDays: 9"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let found = key(&mut story, &arn);
    assert!(found.contains(r#""KeyState":"Enabled""#) && found.contains("\"two\""), "{found}");
    let tags = story.service(Service::Kms, "ListResourceTags", &body);
    assert!(!tags.contains("TagKey"), "{tags}");

    let now = story.world.now;
    story.delete("app");
    let found = key(&mut story, &arn);
    assert!(found.contains(r#""KeyState":"PendingDeletion""#), "{found}");
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let at = found["KeyMetadata"]["DeletionDate"].to_string();
    let seconds: i64 = at.split('.').next().unwrap().parse().unwrap();
    let window = seconds - now.millis() / 1000;
    assert!((9 * 86_400..9 * 86_400 + 2).contains(&window), "{window}");
}

#[test]
fn what_the_primary_says_is_in_the_event() {
    for (arn_of, expected) in [
        ("", "is not a multi-region key. (Service: Kms, Status Code: 400"),
        (
            "absent",
            "Key 'arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000' does not exist",
        ),
        ("region", "af-south-1 is not a Region of this installation."),
        ("text", "Invalid arn alias/x (Service: Kms"),
    ] {
        let (mut story, own) = story(false);
        let absent = "arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000";
        let arn = match arn_of {
            "absent" => absent.to_owned(),
            "region" => absent.replace("eu-west-1", "af-south-1"),
            "text" => "alias/x".to_owned(),
            _ => own,
        };
        story.create("app", &template(&arn, ""));
        assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
        let events = story.events("app");
        let failed = events.iter().find(|line| line.starts_with("Copy CREATE_FAILED")).unwrap();
        assert!(failed.contains(expected), "{failed}");
        assert!(!events.iter().any(|line| line.starts_with("Copy DELETE")), "{events:?}");
    }
}

/// A replica that others have made is not taken, and not deleted with what could not be made.
#[test]
fn the_replicas_of_others_are_left_alone() {
    let (mut story, arn) = story(true);
    let body = format!(r#"{{"KeyId":"{}","ReplicaRegion":"us-east-1"}}"#, id(&arn));
    story.peer.as_mut().unwrap().service(Service::Kms, "ReplicateKey", &body);
    deliver(&mut story, &arn);
    story.create("app", &template(&arn, ""));
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    let events = story.events("app");
    assert!(events[3].contains("HandlerErrorCode: AlreadyExists"), "{events:?}");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"Enabled""#));
}

/// PROMISE R1: whatever is lost and repeated, the primary makes one replica, and the stack knows it.
#[test]
fn a_lost_answer_makes_no_second_replica() {
    let (mut story, arn) = story(true);
    story.is_deaf = true;
    story.create("app", &template(&arn, ""));
    assert_eq!(replicas(&mut story, &arn), 1);
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
    story.is_deaf = false;
    story.settle();
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
    deliver(&mut story, &arn);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
}

/// A replica that is left failed because it came too late is waited for by the next update, also if
/// that wants it otherwise; what the primary refuses in the end fails that as well.
#[test]
fn a_replica_that_came_too_late_is_updated() {
    const DISABLED: (&str, &str) = ("DisableRollback", "true");
    for is_granted in [true, false] {
        let (mut story, arn) = story(true);
        story.is_deaf = true;
        let body = template(&arn, ", Description: one, Enabled: false");
        let app = ("StackName", "app");
        story.call("CreateStack", &[app, ("TemplateBody", &body), DISABLED]);
        story.settle();
        story.world.pass_ms(3_600_001);
        story.settle();
        assert_eq!(story.status("app"), "CREATE_FAILED");
        story.is_deaf = false;
        let body = template(&arn, ", Description: two");
        let peer = if is_granted { None } else { story.peer.take() };
        let (code, text) = ("NotFoundException".into(), "There is no such key.".into());
        story.answer = Answer::Refused { code, text };
        story.call("UpdateStack", &[app, ("TemplateBody", &body), DISABLED]);
        story.settle();
        if let Some(peer) = peer {
            assert_eq!(story.status("app"), "UPDATE_FAILED");
            let events = story.events("app").join("\n");
            assert!(
                events.contains("Copy UPDATE_FAILED") && events.contains("no such key"),
                "{events}"
            );
            story.peer = Some(peer);
            continue;
        }
        assert_eq!(story.status("app"), "UPDATE_IN_PROGRESS");
        deliver(&mut story, &arn);
        story.settle();
        assert_eq!(story.status("app"), "UPDATE_COMPLETE", "{:?}", story.events("app"));
        let found = key(&mut story, &arn);
        assert!(found.contains(r#""KeyState":"Enabled""#) && found.contains("\"two\""), "{found}");
        assert_eq!(replicas(&mut story, &arn), 1);
    }
}

/// Two stacks of one Region want the same: what the one is told does not undo what the other was.
#[test]
fn a_refused_wish_leaves_the_granted_one_alone() {
    let (mut story, arn) = story(true);
    story.is_deaf = true;
    story.create("app", &template(&arn, ""));
    deliver(&mut story, &arn);
    story.is_deaf = false;
    let late = story.runs();
    let body = template(&arn, "");
    story.call("CreateStack", &[("StackName", "net"), ("TemplateBody", &body)]);
    let other = *story.runs().iter().find(|id| !late.contains(id)).unwrap();
    while story.step_of(other) {}
    assert_eq!(story.status("net"), "ROLLBACK_COMPLETE");
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    story.delete("net");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"Enabled""#));
    story.delete("app");
    assert!(key(&mut story, &arn).contains("PendingDeletion"));
}

/// A stack that is given up before it hears that there is a replica already leaves that one alone.
#[test]
fn a_wish_that_was_never_granted_deletes_nothing() {
    let (mut story, arn) = story(true);
    story.create("app", &template(&arn, ""));
    deliver(&mut story, &arn);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    let body = template(&arn, "");
    story.call("CreateStack", &[("StackName", "net"), ("TemplateBody", &body)]);
    assert!(story.step());
    assert_eq!(story.status("net"), "CREATE_IN_PROGRESS");
    story.delete("net");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"Enabled""#));
    story.delete("app");
    assert!(key(&mut story, &arn).contains("PendingDeletion"));
}

/// Not even when it is deleted so late that no template has it any more.
#[test]
fn a_leftover_wish_that_was_never_granted_deletes_nothing() {
    let (mut story, arn) = story(true);
    story.create("app", &template(&arn, ""));
    deliver(&mut story, &arn);
    story.settle();
    let secret = |text: &str| {
        format!(
            "Resources:\n  S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Description: {text}}}}}\n"
        )
    };
    story.create("net", &secret("one"));
    let more = template(&arn, "").replace("Resources:\n", &secret("two"));
    story.is_deaf = true;
    story.update("net", &more);
    story.call("CancelUpdateStack", &[("StackName", "net")]);
    story.settle();
    assert_eq!(story.status("net"), "UPDATE_ROLLBACK_COMPLETE");
    let events = story.events("net").join("\n");
    assert!(events.contains("Copy DELETE_FAILED"), "{events}");
    story.is_deaf = false;
    let (code, text) = ("NotFoundException".into(), "There is no such key.".into());
    story.answer = Answer::Refused { code, text };
    story.update("net", &secret("three"));
    assert_eq!(story.status("net"), "UPDATE_COMPLETE");
    story.delete("net");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"Enabled""#));
}

/// A stack that is deleted before its replica has come waits for it, so that none is left behind.
#[test]
fn a_replica_on_its_way_is_deleted_when_it_has_come() {
    let (mut story, arn) = story(true);
    let made = story.create("app", &template(&arn, ""));
    let stack = element(&made, "StackId").unwrap();
    story.delete("app");
    assert_eq!(story.status(&stack), "DELETE_IN_PROGRESS");
    deliver(&mut story, &arn);
    story.settle();
    assert_eq!(story.status(&stack), "DELETE_COMPLETE");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"PendingDeletion""#));
}

/// A question that comes after the stack has given up is answered by nothing being made.
#[test]
fn a_wish_that_was_withdrawn_stays_so() {
    let (mut story, arn) = story(true);
    story.call("CreateStack", &[("StackName", "app"), ("TemplateBody", &template(&arn, ""))]);
    // The resource is begun, and the primary not asked yet.
    story.step();
    let late = {
        use regent_core::ids::KeyArn;
        use regent_core::keys::model::Install;
        use regent_core::replication::change::{Asker, Question};
        let scope = story.peer.as_ref().unwrap().world.scope();
        let key = KeyArn { scope, id: id(&arn).parse().unwrap() };
        let token = format!("{}/Copy/1", story.runs()[0]).into();
        let tags = regent_core::tags::Tags::new();
        let install = Box::new(Install { policy: POLICY.into(), description: "".into(), tags });
        let caller = Asker::of(&story.world.caller);
        regent_core::cx::Ask {
            region: scope.region,
            question: Question::Replicate { key, token, install, caller },
        }
    };
    story.delete("app");
    assert!(story.runs().is_empty());
    let answer = story.answer_to(&late);
    assert!(
        matches!(answer, regent_core::replication::change::Answer::Refused { .. }),
        "{answer:?}"
    );
    assert_eq!(replicas(&mut story, &arn), 0);
}

/// PROMISE R6: the primary's Region asks for the principal's permission.
#[test]
fn the_primarys_region_authorizes() {
    let (mut story, arn) = story(true);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudformation:*","kms:CreateKey"],"Resource":"*"}]}"#;
    story.be_user(policy);
    story.create("app", &template(&arn, ""));
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    let events = story.events("app");
    assert!(events[3].contains("is not authorized to perform: kms:ReplicateKey"), "{events:?}");
}

/// Another primary is another replica: the new one first, then the old one goes.
#[test]
fn another_primary_replaces_the_replica() {
    let (mut story, arn) = story(true);
    story.create("app", &template(&arn, ""));
    deliver(&mut story, &arn);
    story.settle();
    let peer = story.peer.as_mut().unwrap();
    let made = peer.service(Service::Kms, "CreateKey", r#"{"MultiRegion":true}"#);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let other = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    story.update("app", &template(&other, ""));
    assert_eq!(story.status("app"), "UPDATE_IN_PROGRESS");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"Enabled""#));
    deliver(&mut story, &other);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert!(key(&mut story, &arn).contains(r#""KeyState":"PendingDeletion""#));
    assert!(key(&mut story, &other).contains(r#""KeyState":"Enabled""#));
    // Back to one that cannot be: nothing of the stack changes.
    story.update("app", &template(&arn.replace("mrk-", "mrk-f").replace("mrk-ff", "mrk-f"), ""));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(key(&mut story, &other).contains(r#""KeyState":"Enabled""#));
}
