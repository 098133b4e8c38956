//! Stack policies: set, shown, and asked in updates.

use regent_core::cx::Profile;

use super::{Story, element};

const ALLOW: &str = r#"{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}"#;

pub(super) fn policy(denied: &str) -> String {
    format!(
        r#"{{"Statement":[{ALLOW},{{"Effect":"Deny","Action":"{denied}","Principal":"*","Resource":"LogicalResourceId/A"}}]}}"#
    )
}

pub(super) fn template(name: &str, description: &str) -> String {
    format!(
        "Resources:
  A: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: {name}, Description: {description}, SecretString: v}}}}
  B: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: b, Description: {description}}}}}
"
    )
}

pub(super) fn without_a() -> String {
    "Resources:\n  B: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b, Description: one}}\n"
        .to_owned()
}

fn story() -> Story {
    let mut story = Story::new(Profile::Aws);
    story.create("app", &template("a", "one"));
    story
}

fn set(story: &mut Story, body: &str) -> String {
    story.call("SetStackPolicy", &[("StackName", "app"), ("StackPolicyBody", body)])
}

fn failed(story: &mut Story) -> String {
    let events = story.events("app");
    events.into_iter().rfind(|line| line.starts_with("A UPDATE_FAILED")).unwrap_or_default()
}

#[test]
fn a_policy_denies_what_it_says_and_nothing_else() {
    for (denied, update) in [
        ("Update:Modify", template("a", "two")),
        ("Update:Replace", template("c", "one")),
        ("Update:Delete", without_a()),
    ] {
        let mut story = story();
        assert!(set(&mut story, &policy(denied)).contains("<ResponseMetadata>"));
        story.update("app", &update);
        assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE", "{denied}");
        assert_eq!(
            failed(&mut story),
            format!(
                "A UPDATE_FAILED Action denied by stack policy: Statement [#2] does not allow [{denied}] for resource [LogicalResourceId/A];"
            )
        );
        assert!(story.secret("a").contains("\"one\"") && story.secret("b").contains("\"one\""));
        // Another policy, for this update alone.
        let params = [
            ("StackName", "app"),
            ("TemplateBody", &*update),
            ("StackPolicyDuringUpdateBody", &*format!(r#"{{"Statement":{ALLOW}}}"#)),
        ];
        story.call("UpdateStack", &params);
        story.settle();
        assert_eq!(story.status("app"), "UPDATE_COMPLETE", "{denied}");
        let shown = story.call("GetStackPolicy", &[("StackName", "app")]);
        assert_eq!(element(&shown, "StackPolicyBody").unwrap(), policy(denied));
        // The deletion of the stack is no update.
        story.delete("app");
        assert_eq!(story.secrets(), 0);
    }
}

/// Also where rollbacks are disabled: nothing else is done, and nothing passed over.
#[test]
fn a_denied_deletion_ends_an_update_that_is_not_rolled_back() {
    let mut story = Story::new(Profile::Aws);
    let c = "  C: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: c, Description: one}}\n";
    story.create("app", &format!("{}{c}", template("a", "one")));
    set(&mut story, &policy("Update:Delete"));
    let update = format!("{}{c}", without_a()).replace("Description: one", "Description: two");
    let params = [("StackName", "app"), ("TemplateBody", &*update), ("DisableRollback", "true")];
    story.call("UpdateStack", &params);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    assert!(failed(&mut story).contains("[Update:Delete]"));
    assert!(story.secret("a").contains("\"one\""));
    for untouched in ["b", "c"] {
        assert!(story.secret(untouched).contains("\"one\""), "{untouched}");
    }
    story.call("RollbackStack", &[("StackName", "app")]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.secrets(), 3);
}

#[test]
fn what_no_statement_allows_is_not_allowed() {
    let mut story = story();
    let none = story.call("GetStackPolicy", &[("StackName", "app")]);
    assert!(!none.contains("StackPolicyBody"), "{none}");
    set(&mut story, r#"{"Statement":[]}"#);
    story.update("app", &template("a", "two"));
    assert!(
        failed(&mut story).contains("Action not allowed by stack policy"),
        "{}",
        failed(&mut story)
    );
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
}

/// An update goes by the policy from before; the one that it brings holds when it is complete.
#[test]
fn an_updates_own_policy_comes_after_it() {
    let mut story = story();
    set(&mut story, &policy("Update:Modify"));
    let with = |story: &mut Story, template: &str, body: &str| {
        let params = [("StackName", "app"), ("TemplateBody", template), ("StackPolicyBody", body)];
        story.call("UpdateStack", &params);
        story.settle();
        story.status("app")
    };
    let open = format!(r#"{{"Statement":{ALLOW}}}"#);
    assert_eq!(with(&mut story, &template("a", "two"), &open), "UPDATE_ROLLBACK_COMPLETE");
    let shown = story.call("GetStackPolicy", &[("StackName", "app")]);
    assert_eq!(element(&shown, "StackPolicyBody").unwrap(), policy("Update:Modify"));
    let only_b = template("a", "one").replacen("b, Description: one", "b, Description: two", 1);
    assert_eq!(with(&mut story, &only_b, &open), "UPDATE_COMPLETE");
    let shown = story.call("GetStackPolicy", &[("StackName", "app")]);
    assert_eq!(element(&shown, "StackPolicyBody").unwrap(), open);
    story.update("app", &template("a", "two"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
}

#[test]
fn what_is_no_policy_is_refused() {
    let mut story = story();
    for (params, expected) in [
        (vec![("StackPolicyBody", "{}")], "Error validating stack policy: Invalid stack policy"),
        (
            vec![("StackPolicyBody", "{}"), ("StackPolicyURL", "https://x")],
            "You cannot specify both StackPolicyURL and StackPolicyBody",
        ),
        (vec![("StackPolicyURL", "https://x")], "StackPolicyURL is not supported"),
        (vec![], "Either StackPolicyBody or StackPolicyURL must be specified."),
    ] {
        let answer = story.call("SetStackPolicy", &[vec![("StackName", "app")], params].concat());
        assert_eq!(element(&answer, "Message").unwrap(), expected);
    }
    // A stack may be made with one.
    let body = policy("Update:Modify");
    let params = [
        ("StackName", "own"),
        ("TemplateBody", "Resources: {S: {Type: 'AWS::KMS::Key'}}"),
        ("StackPolicyBody", &*body),
    ];
    story.call("CreateStack", &params);
    let shown = story.call("GetStackPolicy", &[("StackName", "own")]);
    assert_eq!(element(&shown, "StackPolicyBody").unwrap(), body);
}

/// AWS: a policy is asked in updates, and not on the way back from one.
#[test]
fn a_rollback_is_not_asked() {
    let mut story = story();
    set(&mut story, &policy("Update:Modify"));
    let bad = "  Bad: {Type: 'AWS::KMS::Alias', DependsOn: A, Properties: {AliasName: alias/x, TargetKeyId: alias/none}}\n";
    let params = [
        ("StackName", "app"),
        ("TemplateBody", &*(template("a", "two") + bad)),
        ("StackPolicyDuringUpdateBody", &*format!(r#"{{"Statement":{ALLOW}}}"#)),
        ("DisableRollback", "true"),
    ];
    story.call("UpdateStack", &params);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    assert!(story.secret("a").contains("\"two\""));
    story.call("RollbackStack", &[("StackName", "app")]);
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(story.secret("a").contains("\"one\""));
}
