//! What becomes of stacks: created, updated, replaced, rolled back, deleted.

use regent_core::cx::Profile;
use regent_core::keys::problem::KeyProblem;
use regent_core::records::{Key, Record};
use regent_core::replication::change::Answer;
use regent_core::secrets::model::{Replica, ReplicaFailure, ReplicaStatus};
use regent_core::tx::Records;

use super::{Story, element};
use crate::service::Service;

const SEED: &str = "Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: MultiRegionTest
      Description: Test MultiRegionSecretWithMrk
      SecretString: TestString
";
const SEED_WITH_REPLICA: &str = "Resources:
  Secret:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: MultiRegionTest
      Description: Test MultiRegionSecretWithMrk
      SecretString: TestString
      ReplicaRegions:
        - Region: us-west-2
          KmsKeyId: mrk-1234abcd12ab34cd56ef12345678990ab
";
/// A key, an alias of it, a secret under it, and a policy on the secret.
const ALL: &str = r#"{"Resources":{
    "Policy":{"Type":"AWS::SecretsManager::ResourcePolicy","Properties":{"SecretId":{"Ref":"Secret"},
        "ResourcePolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"secretsmanager:GetSecretValue","Resource":"*"}]}}},
    "Secret":{"Type":"AWS::SecretsManager::Secret","Properties":{"Name":"s","KmsKeyId":{"Fn::GetAtt":["Key","Arn"]},
        "GenerateSecretString":{"SecretStringTemplate":"{\"user\":\"app\"}","GenerateStringKey":"password","PasswordLength":20,"ExcludePunctuation":true}}},
    "Alias":{"Type":"AWS::KMS::Alias","Properties":{"AliasName":"alias/app","TargetKeyId":{"Ref":"Key"}}},
    "Key":{"Type":"AWS::KMS::Key","Properties":{"EnableKeyRotation":true,"RotationPeriodInDays":90,"PendingWindowInDays":7}}},
  "Outputs":{"Arn":{"Value":{"Ref":"Secret"},"Description":"where it is"}}}"#;

fn replica(story: &mut Story, status: ReplicaStatus) {
    let scope = story.world.scope();
    let (name, region) = ("MultiRegionTest".parse().unwrap(), "us-west-2".parse().unwrap());
    let found = story.world.store.replica(scope, &name, region).unwrap().unwrap();
    let key = Key::Replica { scope, name, region };
    let replica = Replica { status, ..Replica::clone(&found) };
    story.world.edit(|_, tx| tx.put(key, Record::Replica(replica.into())));
}

fn refusal() -> Answer {
    let given = "mrk-1234abcd12ab34cd56ef12345678990ab".into();
    Answer::No(ReplicaFailure::ReplicaKey(KeyProblem::Invalid { given }))
}

/// The post, in AWS's own way: complete, whatever becomes of the replica.
#[test]
fn the_seed_is_green_in_the_profile_aws() {
    let mut story = Story::new(Profile::Aws);
    story.create("seed", SEED);
    assert_eq!(
        story.events("seed"),
        [
            "seed CREATE_IN_PROGRESS User Initiated",
            "Secret CREATE_IN_PROGRESS",
            "Secret CREATE_IN_PROGRESS Resource creation Initiated",
            "Secret CREATE_COMPLETE",
            "seed CREATE_COMPLETE",
        ]
    );
    story.update("seed", SEED_WITH_REPLICA);
    assert_eq!(
        story.events_after("seed", 5),
        [
            "seed UPDATE_IN_PROGRESS User Initiated",
            "Secret UPDATE_IN_PROGRESS",
            "Secret UPDATE_COMPLETE",
            "seed UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "seed UPDATE_COMPLETE",
        ]
    );
    let secret = story.secret("MultiRegionTest");
    assert!(secret.contains(r#""Status":"InProgress""#), "{secret}");
}

/// AWS: secrets are tagged with where they come from, first of all; keys are not.
#[test]
fn secrets_say_which_stack_made_them() {
    let template = |own: &str| {
        format!(
            "Resources:\n  Named: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: a, Tags: [{own}]}}}}\n  Key: {{Type: 'AWS::KMS::Key', Properties: {{Tags: [{own}]}}}}\n"
        )
    };
    let mut story = Story::new(Profile::Aws);
    story.create("app", &template("{Key: Own, Value: x}"));
    let stacks = story.call("DescribeStacks", &[("StackName", "app")]);
    let id = element(&stacks, "StackId").unwrap();
    let of_stack = format!(
        r#""Tags":[{{"Key":"aws:cloudformation:stack-name","Value":"app"}},{{"Key":"aws:cloudformation:logical-id","Value":"Named"}},{{"Key":"aws:cloudformation:stack-id","Value":"{id}"}}"#
    );
    let whole = format!(r#"{of_stack},{{"Key":"Own","Value":"x"}}]"#);
    assert!(story.secret("a").contains(&whole), "{}", story.secret("a"));
    let keys = story.service(Service::Kms, "ListKeys", "{}");
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let key = format!(r#"{{"KeyId": {}}}"#, keys["Keys"][0]["KeyId"]);
    let tags = story.service(Service::Kms, "ListResourceTags", &key);
    assert!(tags.contains(r#"[{"TagKey":"Own","TagValue":"x"}]"#), "{tags}");

    // Nobody else writes them or takes them away.
    for (operation, member) in [
        ("TagResource", r#""Tags":[{"Key":"aws:cloudformation:stack-name","Value":"b"}]"#),
        ("UntagResource", r#""TagKeys":["aws:cloudformation:stack-name"]"#),
    ] {
        let body = format!(r#"{{"SecretId":"a",{member}}}"#);
        let refused = story.service(Service::SecretsManager, operation, &body);
        let text = "You can't modify system tags. Tag key: 'aws:cloudformation:stack-name'.";
        assert!(refused.contains(text), "{refused}");
    }
    story.update("app", &template("{Key: Own, Value: y}, {Key: Other, Value: z}"));
    story.update("app", &template(""));
    assert!(story.secret("a").contains(&format!("{of_stack}]")), "{}", story.secret("a"));
    // They do not count among the fifty that a secret may have.
    let many: Vec<_> = (0..50).map(|at| format!("{{Key: k{at}, Value: x}}")).collect();
    story.update("app", &template(&many.join(", ")));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
}

/// PROMISE R3: what could never be read is refused, and the stack is as it was.
#[test]
fn the_seed_is_rolled_back_in_the_profile_strict() {
    let mut story = Story::new(Profile::Strict);
    story.create("seed", SEED);
    story.answer = refusal();
    story.update("seed", SEED_WITH_REPLICA);
    let events = story.events_after("seed", 5);
    assert_eq!(events[1], "Secret UPDATE_IN_PROGRESS");
    let reason = &events[2];
    assert!(reason.starts_with("Secret UPDATE_FAILED Resource handler returned message: "));
    for part in ["us-west-2", "mrk-1234abcd12ab34cd56ef12345678990ab", "Invalid keyId"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(
        events[3..],
        [
            "seed UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Secret].",
            "Secret UPDATE_IN_PROGRESS",
            "Secret UPDATE_COMPLETE",
            "seed UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "seed UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert!(!story.secret("MultiRegionTest").contains("ReplicationStatus"));
    let template = story.call("GetTemplate", &[("StackName", "seed")]);
    assert_eq!(element(&template, "TemplateBody").unwrap(), SEED);
}

/// PROMISE R3: the strict stack waits for its replica.
#[test]
fn a_strict_stack_waits_for_what_it_asked_for() {
    let mut story = Story::new(Profile::Strict);
    story.create("seed", SEED_WITH_REPLICA);
    assert_eq!(story.status("seed"), "CREATE_IN_PROGRESS");
    let waiting = story.events("seed");
    assert_eq!(waiting.last().unwrap(), "Secret CREATE_IN_PROGRESS Resource creation Initiated");
    replica(&mut story, ReplicaStatus::InSync);
    story.settle();
    assert_eq!(story.status("seed"), "CREATE_COMPLETE");
}

/// What other Regions are asked about has the same name when the step runs again.
#[test]
fn a_secret_without_a_name_may_have_replicas() {
    let mut story = Story::new(Profile::Strict);
    story.create("seed", &SEED_WITH_REPLICA.replace("      Name: MultiRegionTest\n", ""));
    assert_eq!((story.status("seed").as_str(), story.secrets()), ("CREATE_IN_PROGRESS", 1));
}

/// PROMISE R3: a replica that fails after all takes the stack with it, and is gone.
#[test]
fn a_replica_that_fails_rolls_the_stack_back() {
    let mut story = Story::new(Profile::Strict);
    story.create("seed", SEED);
    story.update("seed", SEED_WITH_REPLICA);
    assert_eq!(story.status("seed"), "UPDATE_IN_PROGRESS");
    let failure = ReplicaFailure::NameTaken;
    let request_id = story.world.cx().request_id;
    replica(&mut story, ReplicaStatus::Failed { failure, request_id });
    story.settle();
    let events = story.events_after("seed", 6);
    assert!(events[1].contains("The replica in us-west-2 under mrk-1234"), "{}", events[1]);
    assert!(events[1].contains("HandlerErrorCode: NotStabilized"), "{}", events[1]);
    assert_eq!(
        events[2..],
        [
            "seed UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [Secret].",
            "Secret UPDATE_IN_PROGRESS",
            "Secret UPDATE_COMPLETE",
            "seed UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
            "seed UPDATE_ROLLBACK_COMPLETE",
        ]
    );
    assert!(!story.secret("MultiRegionTest").contains("ReplicationStatus"));
}

/// What never comes is not waited for without end.
#[test]
fn waiting_has_an_end() {
    let mut story = Story::new(Profile::Strict);
    let params = [("StackName", "seed"), ("TemplateBody", SEED_WITH_REPLICA)];
    story.call("CreateStack", &[&params[..], &[("TimeoutInMinutes", "5")]].concat());
    story.settle();
    story.world.pass_ms(5 * 60_000);
    story.settle();
    assert_eq!(story.status("seed"), "ROLLBACK_COMPLETE");
    assert_eq!(story.secrets(), 0);
}

#[test]
fn everything_is_made_in_order_and_unmade_in_reverse() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", ALL);
    let made: Vec<_> =
        story.events("app").into_iter().filter(|line| line.ends_with("CREATE_COMPLETE")).collect();
    assert_eq!(
        made,
        [
            "Key CREATE_COMPLETE",
            "Alias CREATE_COMPLETE",
            "Secret CREATE_COMPLETE",
            "Policy CREATE_COMPLETE",
            "app CREATE_COMPLETE"
        ]
    );
    let value = story.value("s");
    assert!(value.starts_with(r#"{"user":"app","password":""#), "{value}");
    assert_eq!(value.len(), r#"{"user":"app","password":""}"#.len() + 20);
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    let arn = element(&stack, "OutputValue").unwrap();
    assert!(story.secret(&arn).contains(&arn));
    let listed = story.service(Service::Kms, "ListAliases", "{}");
    assert!(listed.contains("alias/app"));
    story.delete("app");
    let stack = story.call("ListStacks", &[]);
    assert_eq!(element(&stack, "StackStatus").unwrap(), "DELETE_COMPLETE");
    assert_eq!(story.secrets(), 0);
    assert!(!story.service(Service::Kms, "ListAliases", "{}").contains("alias/app"));
    let arn = element(&stack, "StackId").unwrap();
    let gone: Vec<_> =
        story.events(&arn).into_iter().filter(|line| line.ends_with("DELETE_COMPLETE")).collect();
    let order: Vec<_> = gone.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let at = |name: &str| order.iter().position(|other| *other == name).unwrap();
    assert!(at("Policy") < at("Secret") && at("Secret") < at("Key") && at("Alias") < at("Key"));
    assert_eq!(story.status("app"), story.status("app"));
    assert!(story.status("app").contains("Stack with id app does not exist"));
}

/// PROMISE R1: whatever step a crash comes after, the next one goes on from the store, and each
/// resource is made once.
#[test]
fn every_step_leaves_a_whole_state() {
    let mut story = Story::new(Profile::Aws);
    story.call("CreateStack", &[("StackName", "app"), ("TemplateBody", ALL)]);
    let mut steps = 0;
    loop {
        // What the stack says it has is what there is.
        let resources = story.call("DescribeStackResources", &[("StackName", "app")]);
        let says = resources.matches(">AWS::SecretsManager::Secret<").count();
        assert_eq!(says, story.secrets());
        let keys = story.service(Service::Kms, "ListKeys", "{}").matches("KeyArn").count();
        assert_eq!(resources.matches(">AWS::KMS::Key<").count() + 1, keys);
        if !story.step() {
            break;
        }
        steps += 1;
    }
    assert_eq!(steps, 5);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
}

#[test]
fn a_creation_that_fails_leaves_nothing() {
    let mut story = Story::new(Profile::Aws);
    let taken = r#"{"Name":"taken","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;
    story.service(Service::SecretsManager, "CreateSecret", taken);
    let template = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a, SecretString: x}}
  B: {Type: 'AWS::SecretsManager::Secret', DependsOn: A, Properties: {Name: taken}}
";
    story.create("app", template);
    let events = story.events("app");
    assert!(events[5].starts_with("B CREATE_FAILED Resource handler returned message: \"The operation failed because the secret taken already exists."), "{}", events[5]);
    assert!(events[5].contains("HandlerErrorCode: AlreadyExists"), "{}", events[5]);
    assert_eq!(
        events[6..],
        [
            "app ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [B]. Rollback requested by user.",
            "A DELETE_IN_PROGRESS",
            "A DELETE_COMPLETE",
            "app ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(story.secrets(), 1);
    let refused = story.update("app", SEED);
    assert!(refused.contains("is in ROLLBACK_COMPLETE state and can not be updated."), "{refused}");
    story.delete("app");
    assert_eq!(story.value("taken"), "v");
}

#[test]
fn what_a_failed_creation_does_can_be_chosen() {
    let template = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a, SecretString: x}}
  B: {Type: 'AWS::SecretsManager::Secret', DependsOn: A, Properties: {Name: a}}
";
    for (member, value, status, left) in [
        ("OnFailure", "DO_NOTHING", "CREATE_FAILED", 1),
        ("DisableRollback", "true", "CREATE_FAILED", 1),
        ("OnFailure", "ROLLBACK", "ROLLBACK_COMPLETE", 0),
        ("OnFailure", "DELETE", "DELETE_COMPLETE", 0),
    ] {
        let mut story = Story::new(Profile::Aws);
        let params = [("StackName", "app"), ("TemplateBody", template), (member, value)];
        let made = story.call("CreateStack", &params);
        story.settle();
        let arn = element(&made, "StackId").unwrap();
        assert_eq!((story.status(&arn).as_str(), story.secrets()), (status, left), "{value}");
        story.delete("app");
        assert_eq!(story.secrets(), 0);
    }
}

#[test]
fn a_new_name_is_a_new_secret_and_what_refers_to_it_follows() {
    let mut story = Story::new(Profile::Aws);
    let template = |name: &str, extra: &str| {
        format!(
            "Resources:
  Secret: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: {name}, SecretString: v}}}}
  Other: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: o, SecretString: !Ref Secret}}}}
{extra}"
        )
    };
    story.create("app", &template("one", ""));
    let before = story.events("app").len();
    story.update("app", &template("two", ""));
    assert_eq!(
        story.events_after("app", before),
        [
            "app UPDATE_IN_PROGRESS User Initiated",
            "Secret UPDATE_IN_PROGRESS Requested update requires the creation of a new physical resource; hence creating one.",
            "Secret UPDATE_IN_PROGRESS Resource creation Initiated",
            "Secret UPDATE_COMPLETE",
            "Other UPDATE_IN_PROGRESS",
            "Other UPDATE_COMPLETE",
            "app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "Secret DELETE_IN_PROGRESS",
            "Secret DELETE_COMPLETE",
            "app UPDATE_COMPLETE",
        ]
    );
    assert!(story.secret("one").contains("ResourceNotFoundException"));
    assert!(story.value("o").contains(":secret:two-"));
    // A failure after a replacement: the old secret is still there and in use again.
    let bad =
        "  Bad: {Type: 'AWS::SecretsManager::Secret', DependsOn: Other, Properties: {Name: o}}";
    story.update("app", &template("three", bad));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(story.secret("three").contains("ResourceNotFoundException"));
    assert!(story.value("o").contains(":secret:two-"));
    assert_eq!(story.value("two"), "v");
    let resources = story.call("DescribeStackResources", &[("StackName", "app")]);
    assert!(!resources.contains("<LogicalResourceId>Bad<"), "{resources}");
    assert_eq!(story.secrets(), 2);
}

#[test]
fn retained_resources_are_left_alone() {
    let mut story = Story::new(Profile::Aws);
    let template = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: a, SecretString: x}}
  B: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b, SecretString: x}}
";
    let made = story.create("app", template);
    story.delete("app");
    assert_eq!((story.value("a").as_str(), story.secrets()), ("x", 1));
    let events = story.events(&element(&made, "StackId").unwrap());
    assert!(events.contains(&"A DELETE_SKIPPED".to_owned()), "{events:?}");
}

/// AWS: only a word in DeletionPolicy is an update too; only DependsOn is none.
#[test]
fn what_counts_as_an_update() {
    let mut story = Story::new(Profile::Aws);
    let template = |extra: &str| format!("{SEED}{extra}");
    let a = "  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a}";
    story.create("app", &template(&format!("{a}}}")));
    let none = "No updates are to be performed.";
    assert!(story.update("app", &template(&format!("{a}}}"))).contains(none));
    assert!(story.update("app", &template(&format!("{a}, DependsOn: Secret}}"))).contains(none));
    let previous = [("StackName", "app"), ("UsePreviousTemplate", "true")];
    assert!(story.call("UpdateStack", &previous).contains(none));
    let retained = format!("{a}, DeletionPolicy: Retain}}");
    assert!(story.update("app", &template(&retained)).contains("<StackId>"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let tagged = [&previous[..], &[("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")]];
    assert!(story.call("UpdateStack", &tagged.concat()).contains("<StackId>"));
    story.settle();
    let secret = story.secret("a");
    assert!(secret.contains(r#",{"Key":"k","Value":"v"}]"#), "{secret}");
}

#[test]
fn values_are_generated_once_and_again_when_their_rules_change() {
    let mut story = Story::new(Profile::Aws);
    let template = |length, description| {
        format!(
            "Resources:
  S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s, Description: {description}, GenerateSecretString: {{PasswordLength: {length}}}}}}}"
        )
    };
    story.create("app", &template(10, "one"));
    let first = story.value("s");
    assert_eq!(first.len(), 10);
    story.update("app", &template(10, "two"));
    assert_eq!(story.value("s"), first);
    story.update("app", &template(12, "two"));
    assert_eq!(story.value("s").len(), 12);
}

#[test]
fn dynamic_references_are_read_as_the_caller() {
    let mut story = Story::new(Profile::Aws);
    let other = r#"{"Name":"db","SecretString":"{\"user\":\"hunter2\"}","ClientRequestToken":"01234567890123456789012345678901"}"#;
    story.service(Service::SecretsManager, "CreateSecret", other);
    let template = "Resources:
  S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, SecretString: 'u={{resolve:secretsmanager:db:SecretString:user}}'}}
";
    story.create("app", template);
    assert_eq!(story.value("s"), "u=hunter2");
    let shown = story.call("GetTemplate", &[("StackName", "app")]);
    assert!(shown.contains("{{resolve:") && !shown.contains("hunter2"));
    let template = template.replace(":user", ":absent").replace("Name: s", "Name: t");
    story.create("bad", &template);
    let events = story.events("bad");
    assert_eq!(
        events[2],
        "S CREATE_FAILED Could not find a value associated with JSONKey in SecretString"
    );
}

/// PROMISE R6: a stack may do what its caller may.
#[test]
fn resources_are_made_with_the_callers_authority() {
    let mut story = Story::new(Profile::Aws);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudformation:*","Resource":"*"}]}"#;
    story.be_user(policy);
    story.create("seed", SEED);
    assert_eq!(story.status("seed"), "ROLLBACK_COMPLETE");
    let events = story.events("seed");
    assert!(events[2].contains("is not authorized to perform: secretsmanager:CreateSecret"));
    assert!(events[2].contains("HandlerErrorCode: AccessDenied"), "{}", events[2]);
}

#[test]
fn a_deletion_that_fails_can_be_tried_again() {
    use regent_core::policy::document::Policy;
    use regent_core::policy::evaluate::PrincipalKind;
    let mut story = Story::new(Profile::Aws);
    let template = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a, SecretString: x}}
  B: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b, SecretString: !Ref A}}
";
    story.create("app", template);
    let root = story.world.caller.clone();
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"arn:aws:secretsmanager:*:*:secret:b-*"}]}"#;
    story.world.caller.kind = PrincipalKind::User;
    story.world.caller.policies = [Policy::parse_identity(policy).unwrap()].into();
    let early = [("StackName", "app"), ("RetainResources.member.1", "B")];
    assert!(story.call("DeleteStack", &early).contains("DELETE_FAILED state"));
    story.delete("app");
    assert_eq!(story.status("app"), "DELETE_FAILED");
    // What B needs is still there.
    assert_eq!(story.secrets(), 2);
    let events = story.events("app");
    let last = events.last().unwrap();
    assert_eq!(last, "app DELETE_FAILED The following resource(s) failed to delete: [B].");
    story.call("DeleteStack", &early);
    story.settle();
    story.world.caller = root;
    assert_eq!((story.secrets(), story.value("b").starts_with("arn:")), (1, true));
}

/// AWS: an update is complete also if something old could not be deleted. A resource of that name
/// is another one afterwards, and what was left goes with the next cleanup.
#[test]
fn what_could_not_be_deleted_is_in_nobodys_way() {
    use regent_core::policy::document::Policy;
    use regent_core::policy::evaluate::PrincipalKind;
    let both = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a}}
  B: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b}}
";
    let alone = "Resources:\n  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a}}\n";
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}"#;
    for (name, status) in [("c", "UPDATE_COMPLETE"), ("b", "UPDATE_ROLLBACK_COMPLETE")] {
        let mut story = Story::new(Profile::Aws);
        story.create("app", both);
        let root = (story.world.caller.kind, story.world.caller.policies.clone());
        story.world.caller.kind = PrincipalKind::User;
        story.world.caller.policies = [Policy::parse_identity(policy).unwrap()].into();
        story.update("app", alone);
        assert_eq!(story.status("app"), "UPDATE_COMPLETE");
        assert_eq!(story.secrets(), 2);
        (story.world.caller.kind, story.world.caller.policies) = root;
        story.update("app", &both.replace("Name: b", &format!("Name: {name}")));
        assert_eq!(story.status("app"), status, "{:?}", story.events("app"));
        let gone = story.secret("b");
        assert!(gone.contains("can't find"), "{gone}");
        story.delete("app");
        assert_eq!(story.secrets(), 0);
    }
}

/// All of what could not be deleted goes with the next cleanup, also where no template has it.
#[test]
fn whatever_could_not_be_deleted_goes_later() {
    use regent_core::policy::document::Policy;
    use regent_core::policy::evaluate::PrincipalKind;
    let secret = |name: &str| {
        format!("  {name}: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: {name}}}}}\n")
    };
    let alone = format!("Resources:\n{}", secret("A"));
    let all = format!("{alone}{}", ["B", "C", "D", "E"].map(secret).concat());
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"secretsmanager:DeleteSecret","Resource":"*"}]}"#;
    let mut story = Story::new(Profile::Aws);
    story.create("app", &all);
    let root = (story.world.caller.kind, story.world.caller.policies.clone());
    story.world.caller.kind = PrincipalKind::User;
    story.world.caller.policies = [Policy::parse_identity(policy).unwrap()].into();
    story.update("app", &alone);
    assert_eq!((story.status("app").as_str(), story.secrets()), ("UPDATE_COMPLETE", 5));
    (story.world.caller.kind, story.world.caller.policies) = root;
    story.update("app", &alone.replace("Name: A", "Name: A, Description: new"));
    assert_eq!((story.status("app").as_str(), story.secrets()), ("UPDATE_COMPLETE", 1));
    let listed = story.call("ListStackResources", &[("StackName", "app")]);
    assert_eq!(listed.matches("<LogicalResourceId>").count(), 1, "{listed}");
}

/// AWS: a creation under way can be given up.
#[test]
fn a_creation_can_be_deleted() {
    let mut story = Story::new(Profile::Strict);
    let made = story.create("seed", SEED_WITH_REPLICA);
    assert_eq!(story.status("seed"), "CREATE_IN_PROGRESS");
    let refused = story.update("seed", SEED);
    assert!(refused.contains("is in CREATE_IN_PROGRESS state and can not be updated."));
    story.delete("seed");
    assert_eq!(story.status(&element(&made, "StackId").unwrap()), "DELETE_COMPLETE");
    assert_eq!(story.secrets(), 0);
}

#[test]
fn keys_follow_their_properties() {
    let mut story = Story::new(Profile::Aws);
    let template = |properties: &str| {
        format!("Resources:\n  Key: {{Type: 'AWS::KMS::Key', Properties: {{{properties}}}}}")
    };
    story.create("app", &template("Description: one, Enabled: false"));
    let found = story.call("DescribeStackResources", &[("StackName", "app")]);
    let id = element(&found, "PhysicalResourceId").unwrap();
    let body = format!(r#"{{"KeyId":"{id}"}}"#);
    let key = story.service(Service::Kms, "DescribeKey", &body);
    assert!(key.contains(r#""KeyState":"Disabled""#) && key.contains("\"one\""), "{key}");
    story.update(
        "app",
        &template("Enabled: true, EnableKeyRotation: true, Tags: [{Key: a, Value: b}]"),
    );
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let key = story.service(Service::Kms, "DescribeKey", &body);
    assert!(key.contains(r#""KeyState":"Enabled""#) && !key.contains("\"one\""), "{key}");
    let rotation = story.service(Service::Kms, "GetKeyRotationStatus", &body);
    assert!(rotation.contains(r#""KeyRotationEnabled":true"#), "{rotation}");
    assert!(story.service(Service::Kms, "ListResourceTags", &body).contains(r#""TagKey":"a""#));
    // What cannot be changed is refused, and nothing is replaced.
    story.update("app", &template("MultiRegion: true"));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let events = story.events("app");
    assert!(events.iter().any(|line| line.contains("You cannot change the values of the KeySpec")));
    story.delete("app");
    let key = story.service(Service::Kms, "DescribeKey", &body);
    assert!(key.contains(r#""KeyState":"PendingDeletion""#), "{key}");
}

/// PROMISE R7: what a template holds is not in the store in the clear.
#[test]
fn templates_and_parameters_are_sealed() {
    let mut story = Story::new(Profile::Aws);
    let template = "Parameters: {P: {Type: String, NoEcho: true}, Q: {Type: String, Default: plain}}
Resources:
  S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, SecretString: !Ref P, Description: canary-in-template}}
Outputs: {O: {Value: !Ref P}}
";
    let params = [
        ("StackName", "app"),
        ("TemplateBody", template),
        ("Parameters.member.1.ParameterKey", "P"),
        ("Parameters.member.1.ParameterValue", "canary-in-parameter"),
    ];
    story.call("CreateStack", &params);
    story.settle();
    assert_eq!(story.value("s"), "canary-in-parameter");
    let stack = story.call("DescribeStacks", &[("StackName", "app")]);
    assert!(stack.contains("<ParameterValue>****</ParameterValue>"), "{stack}");
    assert!(stack.contains("<ParameterValue>plain</ParameterValue>"), "{stack}");
    let stored = story.world.store.keys().filter(|key| {
        matches!(
            key,
            Key::Stack { .. }
                | Key::StackEvent { .. }
                | Key::StackResource { .. }
                | Key::StackRun { .. }
        )
    });
    for key in stored {
        use regent_core::ports::Read as _;
        let record = story.world.store.get(key).unwrap().unwrap().record;
        let shown = format!("{record:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
