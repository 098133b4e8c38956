//! Roles of stacks: who may pass them, what they may do, and what becomes of a stack without.

use regent_core::cx::Profile;

use super::{Story, element, text};
use crate::service::Service;

const ROLE: &str = "arn:aws:iam::111122223333:role/deployer";
const OTHER: &str = "arn:aws:iam::111122223333:role/other";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/deployer/AWSCloudFormation";
const LOST: &str = "Role arn:aws:iam::111122223333:role/deployer is invalid or cannot be assumed";
const ONE: &str = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, Description: one}}}";
const TWO: &str = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, Description: two}}}";

fn trust(service: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"Service":"{service}"}},"Condition":{{{condition}}}}}}}"#
    )
}

fn allow(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"*"}}]}}"#
    )
}

/// A story with a role that may do this, and a user who may do no more than use and pass it.
fn story(actions: &str) -> Story {
    let mut story = Story::new(Profile::Aws);
    story.add(ROLE, actions);
    story.be_user(&allow(r#""cloudformation:*","iam:PassRole""#));
    story
}

impl Story {
    fn add(&mut self, role: &str, actions: &str) {
        let trust = trust("cloudformation.amazonaws.com", "");
        self.world.roles.add(role, &trust, &[&allow(actions)]);
    }

    fn with_role(&mut self, operation: &str, params: &[(&str, &str)]) -> String {
        self.with("RoleARN", ROLE, operation, params)
    }

    fn with(&mut self, name: &str, value: &str, of: &str, params: &[(&str, &str)]) -> String {
        let own = [("StackName", "app"), (name, value)];
        let answer = self.call(of, &[&own, params].concat());
        self.settle();
        answer
    }

    fn role(&mut self) -> Option<String> {
        element(&self.call("DescribeStacks", &[("StackName", "app")]), "RoleARN")
    }

    fn as_root(&mut self, name: &str, body: &str) -> String {
        let root = Story::new(Profile::Aws).world.caller;
        let before = std::mem::replace(&mut self.world.caller, root);
        let answer = self.service(Service::SecretsManager, name, body);
        self.world.caller = before;
        answer
    }
}

/// AWS: the role does everything, also for those who may not pass it, and the stack keeps it.
#[test]
fn a_role_does_the_work() {
    let mut story = story(r#""secretsmanager:*""#);
    story.with_role("CreateStack", &[("TemplateBody", ONE)]);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    assert_eq!(story.role().as_deref(), Some(ROLE));
    story.be_user(&allow(r#""cloudformation:*""#));
    story.update("app", TWO);
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert_eq!(story.role().as_deref(), Some(ROLE));
    let secret = story.as_root("DescribeSecret", r#"{"SecretId":"s"}"#);
    assert!(secret.contains(r#""Description":"two""#), "{secret}");
    let arn = element(&story.call("DescribeStacks", &[]), "StackId").unwrap();
    story.delete("app");
    assert_eq!(story.status(&arn), "DELETE_COMPLETE");
    assert!(
        ["CreateSecret", "UpdateSecret", "DeleteSecret"].map(|of| story.called.contains(&of))
            == [true; 3]
    );
    assert_eq!(story.callers.iter().map(|arn| &**arn).collect::<Vec<_>>(), [SESSION]);
}

/// PROMISE R6: a role that may not does not, whatever its user may.
#[test]
fn a_role_may_no_more_than_its_policies_say() {
    let mut story = Story::new(Profile::Aws);
    story.add(ROLE, r#""secretsmanager:Describe*""#);
    story.with_role("CreateStack", &[("TemplateBody", ONE)]);
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    let events = story.events("app");
    assert!(
        events[2].contains(&format!(
            "User: {SESSION} is not authorized to perform: secretsmanager:CreateSecret"
        )),
        "{events:?}"
    );
    // It is the stack's from when it was given, also if it fails.
    story.add(OTHER, r#""secretsmanager:*""#);
    story.delete("app");
    story.with("RoleARN", OTHER, "CreateStack", &[("TemplateBody", ONE)]);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    story.with_role("UpdateStack", &[("TemplateBody", TWO)]);
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.role().as_deref(), Some(ROLE));
}

/// What a dynamic reference names is read by the role.
#[test]
fn dynamic_references_are_read_as_the_role() {
    let template = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s, SecretString: '{{resolve:secretsmanager:db}}'}}}";
    for (actions, status) in [
        (r#""secretsmanager:*""#, "CREATE_COMPLETE"),
        (r#""secretsmanager:CreateSecret""#, "ROLLBACK_COMPLETE"),
    ] {
        let mut story = story(actions);
        let body = r#"{"Name":"db","SecretString":"v","ClientRequestToken":"01234567890123456789012345678901"}"#;
        story.as_root("CreateSecret", body);
        story.with_role("CreateStack", &[("TemplateBody", template)]);
        assert_eq!(story.status("app"), status);
    }
}

/// PROMISE R6: whoever may not pass a role is told the same whether or not there is such a role.
#[test]
fn who_may_pass_a_role() {
    let pass = |resource: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"cloudformation:*","Resource":"*"}},
               {{"Effect":"Allow","Action":"iam:PassRole","Resource":"{resource}","Condition":{{{condition}}}}}]}}"#
        )
    };
    let to = |service: &str| format!(r#""StringEquals":{{"iam:PassedToService":"{service}"}}"#);
    let stack = r#""ArnLike":{"iam:AssociatedResourceArn":"arn:aws:cloudformation:us-east-1:111122223333:stack/app/*"}"#;
    for (policy, allowed) in [
        (pass("*", ""), true),
        (pass(ROLE, &to("cloudformation.amazonaws.com")), true),
        (pass(ROLE, &to("secretsmanager.amazonaws.com")), false),
        (pass(OTHER, ""), false),
        (pass(ROLE, stack), true),
        (pass(ROLE, &stack.replace("app", "web")), false),
        (allow(r#""cloudformation:*""#), false),
        (allow(r#""iam:PassRole""#), false),
    ] {
        for there in [true, false] {
            let mut story = story(r#""secretsmanager:*""#);
            if !there {
                story.world.roles.0.clear();
            }
            story.be_user(&policy);
            let answer = text(&story.with_role("CreateStack", &[("TemplateBody", ONE)]));
            match (allowed, there) {
                (true, true) => assert_eq!(story.status("app"), "CREATE_COMPLETE", "{policy}"),
                (true, false) => assert_eq!(answer, format!("ValidationError: {LOST}")),
                (false, _) => assert!(answer.starts_with("AccessDenied: User: arn:aws:iam::111122223333:user/a is not authorized to perform: "), "{answer}"),
            }
        }
    }
    // AWS: not across accounts, whatever policies say.
    let mut story = story(r#""secretsmanager:*""#);
    let theirs = ROLE.replace("111122223333", "444455556666");
    story.add(&theirs, r#""secretsmanager:*""#);
    let answer = story.with("RoleARN", &theirs, "CreateStack", &[("TemplateBody", ONE)]);
    assert_eq!(text(&answer), "AccessDenied: Cross-account pass role is not allowed.");
}

/// Conditions on the role of a request, and on a request without one.
#[test]
fn policies_see_the_role() {
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["cloudformation:*","iam:PassRole"],"Resource":"*"}},
           {{"Effect":"Deny","Action":"cloudformation:*Stack","Resource":"*","Condition":{{"StringNotEquals":{{"cloudformation:RoleArn":"{ROLE}"}}}}}}]}}"#
    );
    let mut story = story(r#""secretsmanager:*""#);
    story.add(OTHER, r#""secretsmanager:*""#);
    story.be_user(&policy);
    assert!(text(&story.create("app", ONE)).starts_with("AccessDenied: "));
    let answer = story.with("RoleARN", OTHER, "CreateStack", &[("TemplateBody", ONE)]);
    assert!(text(&answer).starts_with("AccessDenied: "), "{answer}");
    story.with_role("CreateStack", &[("TemplateBody", ONE)]);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    for operation in ["UpdateStack", "DeleteStack", "RollbackStack"] {
        let params = [("StackName", "app"), ("TemplateBody", TWO)];
        let answer = text(&story.call(operation, &params));
        assert!(answer.starts_with("AccessDenied: "), "{operation}: {answer}");
    }
    story.with_role("DeleteStack", &[]);
    assert!(story.status("app").contains("does not exist"));
}

/// AWS: the role must be there and trust CloudFormation, which a condition may narrow.
#[test]
fn roles_that_cannot_be_assumed_are_refused() {
    let own = "cloudformation.amazonaws.com";
    let source = |account: &str, stack: &str| {
        format!(
            r#""StringEquals":{{"aws:SourceAccount":"{account}"}},"ArnLike":{{"aws:SourceArn":"arn:aws:cloudformation:*:*:stack/{stack}/*"}}"#
        )
    };
    for (trust, assumed) in [
        (trust(own, ""), true),
        (trust("secretsmanager.amazonaws.com", ""), false),
        (
            trust(own, "").replace(
                r#"{"Service":"cloudformation.amazonaws.com"}"#,
                r#"{"AWS":"111122223333"}"#,
            ),
            false,
        ),
        (trust(own, &source("111122223333", "app")), true),
        (trust(own, &source("444455556666", "app")), false),
        (trust(own, &source("111122223333", "web")), false),
    ] {
        let mut story = story(r#""secretsmanager:*""#);
        story.world.roles.0.clear();
        story.world.roles.add(ROLE, &trust, &[&allow(r#""secretsmanager:*""#)]);
        let answer = story.with_role("CreateStack", &[("TemplateBody", ONE)]);
        assert_eq!(answer.contains("<StackId>"), assumed, "{trust}: {answer}");
        assert!(assumed || text(&answer) == format!("ValidationError: {LOST}"), "{answer}");
    }
    let mut story = story(r#""secretsmanager:*""#);
    for given in ["AWSCloudFormationExecutionRole", "arn:aws:iam::111122223333:user/deployer"] {
        let answer = story.with("RoleARN", given, "CreateStack", &[("TemplateBody", ONE)]);
        assert_eq!(text(&answer), format!("ValidationError: {given} is not a valid RoleARN"));
    }
    let answer = text(&story.with("RoleARN", "deployer", "CreateStack", &[("TemplateBody", ONE)]));
    assert!(answer.ends_with("at 'roleARN' failed to satisfy constraint: Member must have length greater than or equal to 20"), "{answer}");
}

/// A stack whose role is lost refuses to begin anything, until it is given another.
#[test]
fn a_stack_whose_role_is_gone() {
    let mut story = story(r#""secretsmanager:*""#);
    story.with_role("CreateStack", &[("TemplateBody", ONE)]);
    story.world.roles.0.clear();
    let body = ("TemplateBody", TWO);
    let set = ("ChangeSetName", "next");
    for (operation, params) in
        [("UpdateStack", &[body][..]), ("DeleteStack", &[]), ("CreateChangeSet", &[body, set])]
    {
        let answer = story.call(operation, &[&[("StackName", "app")], params].concat());
        assert_eq!(text(&answer), format!("ValidationError: {LOST}"), "{operation}");
    }
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    story.add(OTHER, r#""secretsmanager:*""#);
    story.with("RoleARN", OTHER, "DeleteStack", &[]);
    assert!(story.status("app").contains("does not exist"));
}

/// A role that is lost on the way fails what is left to do, and another takes over.
#[test]
fn a_role_that_is_lost_on_the_way() {
    let pair = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a, Description: DESCRIPTION}}
  B: {Type: 'AWS::SecretsManager::Secret', DependsOn: A, Properties: {Name: b, Description: DESCRIPTION}}
";
    let mut story = story(r#""secretsmanager:*""#);
    let own = [("StackName", "app"), ("RoleARN", ROLE), ("TemplateBody", pair)];
    story.call("CreateStack", &own);
    story.step();
    let lost = std::mem::take(&mut story.world.roles.0);
    story.settle();
    assert_eq!(
        story.events("app")[4..],
        [
            "B CREATE_IN_PROGRESS".to_owned(),
            format!("B CREATE_FAILED {LOST}"),
            "app ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [B]. Rollback requested by user.".to_owned(),
            "A DELETE_IN_PROGRESS".to_owned(),
            format!("A DELETE_FAILED {LOST}"),
            "app ROLLBACK_FAILED The following resource(s) failed to delete: [A].".to_owned(),
        ]
    );
    story.world.roles.0 = lost;
    story.delete("app");
    assert!(story.status("app").contains("does not exist"), "{:?}", story.events("app"));
    story.call("CreateStack", &own);
    story.settle();
    let after = pair.replace("DESCRIPTION", "two");
    story.call("UpdateStack", &[("StackName", "app"), ("TemplateBody", &after)]);
    story.step();
    story.world.roles.0.clear();
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_FAILED");
    let events = story.events("app");
    assert!(events.contains(&format!("B UPDATE_FAILED {LOST}")), "{events:?}");
    assert!(events.contains(&format!("A UPDATE_FAILED {LOST}")), "{events:?}");
    story.add(OTHER, r#""secretsmanager:*""#);
    story.with("RoleARN", OTHER, "ContinueUpdateRollback", &[]);
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    let secret = story.as_root("DescribeSecret", r#"{"SecretId":"a"}"#);
    assert!(secret.contains(r#""Description":"DESCRIPTION""#), "{secret}");
}

/// AWS: a change set keeps the role for its execution, when nobody passes it again.
#[test]
fn a_change_set_keeps_its_role() {
    let set = ("ChangeSetName", "first");
    let create = [set, ("ChangeSetType", "CREATE"), ("TemplateBody", ONE)];
    let mut story = story(r#""secretsmanager:*""#);
    story.be_user(&allow(r#""cloudformation:*""#));
    let answer = text(&story.with_role("CreateChangeSet", &create));
    assert!(answer.contains("is not authorized to perform: iam:PassRole on resource"), "{answer}");
    let answer = story.with(
        "RoleARN",
        &ROLE.replace("111122223333", "444455556666"),
        "CreateChangeSet",
        &create,
    );
    assert_eq!(text(&answer), "AccessDenied: Cross-account pass role is not allowed.");
    story.be_user(&allow(r#""cloudformation:*","iam:PassRole""#));
    let absent = text(&story.with("RoleARN", OTHER, "CreateChangeSet", &create));
    assert_eq!(absent, format!("ValidationError: {}", LOST.replace("deployer", "other")));
    story.with_role("CreateChangeSet", &create);
    assert_eq!(story.role(), None);
    story.be_user(&allow(r#""cloudformation:*""#));
    let lost = std::mem::take(&mut story.world.roles.0);
    let answer = story.call("ExecuteChangeSet", &[("StackName", "app"), set]);
    assert_eq!(text(&answer), format!("ValidationError: {LOST}"));
    story.world.roles.0 = lost;
    story.call("ExecuteChangeSet", &[("StackName", "app"), set]);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE", "{:?}", story.events("app"));
    assert_eq!(story.role().as_deref(), Some(ROLE));
    // The next one says nothing of a role.
    let next = ("ChangeSetName", "next");
    story.call("CreateChangeSet", &[("StackName", "app"), next, ("TemplateBody", TWO)]);
    story.call("ExecuteChangeSet", &[("StackName", "app"), next]);
    story.settle();
    assert_eq!(
        (story.status("app").as_str(), story.role().as_deref()),
        ("UPDATE_COMPLETE", Some(ROLE))
    );
    assert_eq!(story.callers.iter().map(|arn| &**arn).collect::<Vec<_>>(), [SESSION]);
}

/// A failed creation is rolled back by the role that RollbackStack names.
#[test]
fn a_rollback_is_given_a_role() {
    let mut story = story(r#""secretsmanager:CreateSecret""#);
    let pair = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a}}
  B: {Type: 'AWS::SecretsManager::Secret', DependsOn: A, Properties: {Name: b, KmsKeyId: alias/none}}
";
    story.with_role("CreateStack", &[("TemplateBody", pair), ("DisableRollback", "true")]);
    assert_eq!(story.status("app"), "CREATE_FAILED");
    let absent = story.with("RoleARN", OTHER, "RollbackStack", &[]);
    assert_eq!(text(&absent), format!("ValidationError: {}", LOST.replace("deployer", "other")));
    story.add(OTHER, r#""secretsmanager:*""#);
    story.with("RoleARN", OTHER, "RollbackStack", &[]);
    assert_eq!(story.status("app"), "ROLLBACK_COMPLETE");
    assert_eq!(story.role().as_deref(), Some(OTHER));
}
