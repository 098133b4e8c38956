//! Change sets: what they say, what becomes of them, and what executing them does.

use regent_core::cx::Profile;

use super::exports::{exporter, importer};
use super::policies::{self, policy, without_a};
use super::{Story, element, text};

const ALONE: &str =
    "ResourcesToImport must be given for the ChangeSetType IMPORT, and for no other";
const ONE: &str = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s}}}";

impl Story {
    fn set(&mut self, name: &str, kind: &str, template: &str) -> String {
        self.set_with(name, kind, template, &[])
    }

    fn set_with(
        &mut self,
        name: &str,
        kind: &str,
        template: &str,
        more: &[(&str, &str)],
    ) -> String {
        let own = [
            ("StackName", "app"),
            ("ChangeSetName", name),
            ("ChangeSetType", kind),
            ("TemplateBody", template),
        ];
        self.call("CreateChangeSet", &[&own, more].concat())
    }

    fn of_set(&mut self, operation: &str, name: &str) -> String {
        self.call(operation, &[("StackName", "app"), ("ChangeSetName", name)])
    }

    fn execute(&mut self, name: &str) -> String {
        let answer = self.of_set("ExecuteChangeSet", name);
        self.settle();
        answer
    }

    /// A change set's status, its execution status and its reason.
    fn state(&mut self, name: &str) -> (String, String, Option<String>) {
        let answer = self.of_set("DescribeChangeSet", name);
        let of = |name| element(&answer, name).unwrap_or_else(|| answer.clone());
        (of("Status"), of("ExecutionStatus"), element(&answer, "StatusReason"))
    }

    /// The changes, one line each: action, resource, replacement, policy, scope and details.
    fn changes(&mut self, name: &str) -> Vec<String> {
        let answer = self.of_set("DescribeChangeSet", name);
        let each = answer.split("<ResourceChange>").skip(1).map(|change| {
            let of = |name: &str| element(change, name).unwrap_or_default();
            let scope = element(change, "Scope").unwrap_or_default();
            let scope = scope.replace("</member>", ",").replace("<member>", "");
            let details = change.split("<Target>").skip(1).map(|detail| {
                let of = |name: &str| element(detail, name).unwrap_or_default();
                format!(
                    " {}.{} {} {} {} {}",
                    of("Attribute"),
                    of("Name"),
                    of("RequiresRecreation"),
                    of("Evaluation"),
                    of("ChangeSource"),
                    of("CausingEntity")
                )
                .trim_end()
                .to_owned()
            });
            let details: Vec<_> = details.collect();
            let (action, logical) = (of("Action"), of("LogicalResourceId"));
            let (replacement, policy) = (of("Replacement"), of("PolicyAction"));
            format!("{action} {logical} {replacement}|{policy}|{scope}|{}", details.join(";"))
        });
        each.collect()
    }
}

#[test]
fn a_stack_is_created_by_a_change_set() {
    let mut story = Story::new(Profile::Aws);
    let created = story.set("first", "CREATE", ONE);
    let stack = element(&created, "StackId").unwrap();
    let set = element(&created, "Id").unwrap();
    assert!(set.contains(":changeSet/first/"), "{set}");
    assert_eq!(story.status("app"), "REVIEW_IN_PROGRESS");
    assert_eq!(story.secrets(), 0);
    assert_eq!(story.state("first"), ("CREATE_COMPLETE".into(), "AVAILABLE".into(), None));
    assert_eq!(story.changes("first"), ["Add S |||"]);
    let template = story.of_set("GetTemplate", "first");
    assert_eq!(element(&template, "TemplateBody").as_deref(), Some(ONE));
    let none = story.call("GetTemplate", &[("StackName", "app")]);
    assert!(
        none.contains("<StagesAvailable></StagesAvailable>") && !none.contains("TemplateBody"),
        "{none}"
    );
    assert_eq!(
        text(&story.call("GetTemplateSummary", &[("StackName", "app")])),
        "ValidationError: GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks."
    );

    assert!(story.of_set("ExecuteChangeSet", "first").contains("ExecuteChangeSetResponse"));
    assert_eq!(story.state("first").1, "EXECUTE_IN_PROGRESS");
    let deletion = story.of_set("DeleteChangeSet", "first");
    assert!(text(&deletion).starts_with("InvalidChangeSetStatus: ChangeSet ["), "{deletion}");
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    assert_eq!(story.state("first").1, "EXECUTE_COMPLETE");
    assert_eq!(story.secrets(), 1);
    let described = story.call("DescribeStacks", &[("StackName", "app")]);
    assert_eq!(element(&described, "ChangeSetId"), Some(set.clone()));
    assert_eq!(element(&described, "StackId"), Some(stack));
    assert_eq!(
        story.events("app"),
        [
            "app REVIEW_IN_PROGRESS User Initiated",
            "app CREATE_IN_PROGRESS User Initiated",
            "S CREATE_IN_PROGRESS",
            "S CREATE_IN_PROGRESS Resource creation Initiated",
            "S CREATE_COMPLETE",
            "app CREATE_COMPLETE",
        ]
    );
    let again = text(&story.execute("first"));
    assert_eq!(
        again,
        format!(
            "InvalidChangeSetStatus: ChangeSet [{set}] cannot be executed in its current execution status of [EXECUTE_COMPLETE]"
        )
    );
    // By its ARN alone, until the stack is gone.
    let by_arn = [("ChangeSetName", set.as_str())];
    assert!(story.call("DescribeChangeSet", &by_arn).contains("EXECUTE_COMPLETE"));
    story.delete("app");
    assert_eq!(
        text(&story.call("DescribeChangeSet", &by_arn)),
        format!("ChangeSetNotFound: ChangeSet [{set}] does not exist")
    );
}

#[test]
fn an_empty_change_set_fails_and_cannot_be_executed() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", ONE);
    let created = story.set("none", "UPDATE", ONE);
    let set = element(&created, "Id").unwrap();
    let reason = "The submitted information didn't contain changes. Submit different information to create a change set.";
    let state = story.state("none");
    assert_eq!(state, ("FAILED".into(), "UNAVAILABLE".into(), Some(reason.into())));
    assert!(story.changes("none").is_empty());
    assert_eq!(
        text(&story.execute("none")),
        format!(
            "InvalidChangeSetStatus: ChangeSet [{set}] cannot be executed in its current status of [FAILED]"
        )
    );
    // Dynamic references are compared as they are written.
    let dynamic = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: t, SecretString: '{{resolve:secretsmanager:s}}'}}}";
    story.set("dynamic", "UPDATE", dynamic);
    assert_eq!(story.state("dynamic").0, "CREATE_COMPLETE");
    story.call("UpdateStack", &[("StackName", "app"), ("TemplateBody", ONE)]);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
}

const BEFORE: &str = r"
Parameters: {Text: {Type: String, Default: a}, Hidden: {Type: String, NoEcho: true, Default: b}}
Resources:
  Key: {Type: 'AWS::KMS::Key', Properties: {Description: one}}
  Alias: {Type: 'AWS::KMS::Alias', Properties: {AliasName: alias/a, TargetKeyId: !Ref Key}}
  Named: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: one, SecretString: !Ref Hidden}}
  Policy:
    Type: AWS::SecretsManager::ResourcePolicy
    Properties: {SecretId: !Ref Named, ResourcePolicy: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'secretsmanager:*', Resource: '*', Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}}]}}
  Told: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: told, Description: !Ref Text}}
  Kept: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain}
  Gone: {Type: 'AWS::SecretsManager::Secret'}
  Same: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: same}}
";

const AFTER: &str = r"
Parameters: {Text: {Type: String, Default: a}, Hidden: {Type: String, NoEcho: true, Default: c}}
Resources:
  Key: {Type: 'AWS::KMS::Key', DeletionPolicy: Retain, Metadata: {a: b}, Properties: {Description: two}}
  Alias: {Type: 'AWS::KMS::Alias', UpdateReplacePolicy: Retain, Properties: {AliasName: alias/b, TargetKeyId: !Ref Key}}
  Named: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: two, SecretString: !Ref Hidden, Tags: [{Key: a, Value: b}]}}
  Policy:
    Type: AWS::SecretsManager::ResourcePolicy
    Properties: {SecretId: !Ref Named, ResourcePolicy: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 'secretsmanager:*', Resource: '*', Principal: {AWS: !Sub 'arn:aws:iam::${AWS::AccountId}:root'}}]}}
  Told: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: told, Description: !Ref Text}}
  Same: {Type: 'AWS::SecretsManager::Secret', DependsOn: Told, Properties: {Name: same}}
  New: {Type: 'AWS::SecretsManager::Secret', Properties: {KmsKeyId: !GetAtt Key.Arn}}
";

#[test]
fn changes_say_what_is_done_and_why() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", BEFORE);
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    let text =
        [("Parameters.member.1.ParameterKey", "Text"), ("Parameters.member.1.ParameterValue", "z")];
    story.set_with("all", "UPDATE", AFTER, &text);
    assert_eq!(
        story.changes("all"),
        [
            "Modify Key False||Properties,Metadata,DeletionPolicy,| Metadata. Never Static DirectModification; DeletionPolicy. Never Static DirectModification; Properties.Description Never Static DirectModification",
            "Modify Alias True|ReplaceAndRetain|Properties,UpdateReplacePolicy,| UpdateReplacePolicy. Never Static DirectModification; Properties.AliasName Always Static DirectModification",
            "Modify Named True|ReplaceAndDelete|Properties,Tags,| Properties.Name Always Static DirectModification; Properties.SecretString Never Static ParameterReference Hidden; Properties.SecretString Never Dynamic DirectModification; Tags. Never Static DirectModification",
            "Modify Policy Conditional|ReplaceAndDelete|Properties,| Properties.SecretId Conditionally Dynamic ResourceReference Named",
            "Modify Told False||Properties,| Properties.Description Never Static ParameterReference Text; Properties.Description Never Dynamic DirectModification",
            "Add New |||",
            "Remove Gone |Delete||",
            "Remove Kept |Retain||",
        ]
    );
    let plain = story.of_set("DescribeChangeSet", "all");
    assert!(!plain.contains("BeforeValue") && !plain.contains("BeforeContext"), "{plain}");
    let values = story.call(
        "DescribeChangeSet",
        &[("StackName", "app"), ("ChangeSetName", "all"), ("IncludePropertyValues", "true")],
    );
    for part in [
        "<Path>/Properties/Description</Path><BeforeValue>one</BeforeValue><AfterValue>two</AfterValue><AttributeChangeType>Modify</AttributeChangeType>",
        "<Path>/Properties/SecretString</Path><BeforeValue>****</BeforeValue><AfterValue>****</AfterValue>",
        "<Path>/Properties/Description</Path><BeforeValue>a</BeforeValue><AfterValue>z</AfterValue>",
        "<AfterValue>{{changeSet:KNOWN_AFTER_APPLY}}</AfterValue>",
        "<Path>/Properties/Tags</Path><AfterValue>[{&quot;Key&quot;:&quot;a&quot;,&quot;Value&quot;:&quot;b&quot;}]</AfterValue><AttributeChangeType>Add</AttributeChangeType>",
        "<BeforeContext>{&quot;Properties&quot;:{&quot;Name&quot;:&quot;one&quot;,&quot;SecretString&quot;:&quot;****&quot;}}</BeforeContext>",
    ] {
        assert!(values.contains(part), "{part} in {values}");
    }
    assert!(values.contains("<ParameterKey>Hidden</ParameterKey><ParameterValue>****<"));
    let before = story.secrets();
    story.execute("all");
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    // One was added and one deleted; the retained one is still there.
    assert_eq!(story.secrets(), before);
    assert_eq!(story.value("two"), "c");
}

#[test]
fn tags_of_the_stack_are_changes_of_what_can_be_tagged() {
    let mut story = Story::new(Profile::Aws);
    let both = "Resources: {K: {Type: 'AWS::KMS::Key'}, A: {Type: 'AWS::KMS::Alias', Properties: {AliasName: alias/a, TargetKeyId: !Ref K}}}";
    story.create("app", both);
    let tag = [("Tags.member.1.Key", "a"), ("Tags.member.1.Value", "b")];
    story.set_with("tagged", "UPDATE", both, &tag);
    assert_eq!(
        story.changes("tagged"),
        ["Modify K False||Tags,| Tags. Never Static DirectModification"]
    );
}

#[test]
fn what_was_made_for_another_state_of_the_stack_is_obsolete() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", ONE);
    let two = ONE.replace("Name: s", "Name: s, Description: d");
    let three = ONE.replace("Name: s", "Name: s, Description: e");
    let set = element(&story.set("late", "UPDATE", &two), "Id").unwrap();
    story.update("app", &three);
    assert_eq!(story.state("late").1, "OBSOLETE");
    assert_eq!(
        text(&story.execute("late")),
        format!(
            "InvalidChangeSetStatus: ChangeSet [{set}] cannot be executed in its current execution status of [OBSOLETE]"
        )
    );
    // Executing one deletes the others.
    story.set("now", "UPDATE", &two);
    let listed = story.call("ListChangeSets", &[("StackName", "app")]);
    assert_eq!(listed.matches("<ChangeSetId>").count(), 2);
    story.execute("now");
    let listed = story.call("ListChangeSets", &[("StackName", "app")]);
    assert_eq!(listed.matches("<ChangeSetId>").count(), 1);
    assert!(listed.contains("EXECUTE_COMPLETE"));
    assert_eq!(
        text(&story.of_set("DescribeChangeSet", "late")),
        "ChangeSetNotFound: ChangeSet [late] does not exist"
    );

    // A stack that is only reviewed can be created without its change set.
    let mut story = Story::new(Profile::Aws);
    let created = story.set("unused", "CREATE", ONE);
    let direct = story.create("app", ONE);
    assert_eq!(element(&direct, "StackId"), element(&created, "StackId"));
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    assert_eq!(story.state("unused").1, "OBSOLETE");
}

#[test]
fn a_failed_execution_says_so() {
    let mut story = Story::new(Profile::Aws);
    story.create("other", ONE);
    for (on_failure, status, secrets) in
        [("ROLLBACK", "ROLLBACK_COMPLETE", 1), ("DO_NOTHING", "CREATE_FAILED", 2)]
    {
        let two = "Resources: {T: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: t}}, S: {Type: 'AWS::SecretsManager::Secret', DependsOn: T, Properties: {Name: s}}}";
        story.set_with("set", "CREATE", two, &[("OnStackFailure", on_failure)]);
        story.execute("set");
        assert_eq!(story.status("app"), status);
        assert_eq!(story.state("set").1, "EXECUTE_FAILED");
        assert_eq!(story.secrets(), secrets);
        assert_eq!(
            text(&story.set("again", "CREATE", two)),
            "ValidationError: Stack [app] already exists and cannot be created again with the changeSet [again]."
        );
        story.delete("app");
    }
    story.create("app", &ONE.replace("Name: s", "Name: u"));
    story.set("set", "UPDATE", ONE);
    story.execute("set");
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.state("set").1, "EXECUTE_FAILED");
}

#[test]
fn change_sets_are_named_and_refused() {
    let mut story = Story::new(Profile::Aws);
    assert_eq!(text(&story.set("x", "UPDATE", ONE)), "ValidationError: Stack [app] does not exist");
    for operation in ["DescribeChangeSet", "DeleteChangeSet", "ExecuteChangeSet"] {
        assert_eq!(
            text(&story.of_set(operation, "x")),
            "ValidationError: Stack [app] does not exist"
        );
        assert_eq!(
            text(&story.call(operation, &[("ChangeSetName", "x")])),
            "ValidationError: StackName must be specified if ChangeSetName is not specified as an ARN."
        );
    }
    for (member, value, told) in [
        ("ChangeSetType", "IMPORT", ALONE),
        ("ImportExistingResources", "true", "ImportExistingResources is not supported"),
        ("DeploymentMode", "REVERT_DRIFT", "DeploymentMode is not supported"),
        (
            "ResourcesToImport.member.1.ResourceType",
            "x",
            "2 validation errors detected: Value null at 'resourcesToImport.1.member.logicalResourceId' failed to satisfy constraint: Member must not be null; Value at 'resourcesToImport.1.member.resourceIdentifier' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        ("TemplateURL", "https://x", "TemplateURL must be a supported URL."),
    ] {
        let params = [("StackName", "app"), ("ChangeSetName", "x"), (member, value)];
        let answer = story.call("CreateChangeSet", &params);
        assert_eq!(text(&answer), format!("ValidationError: {told}"));
    }
    // What is wrong with a template is told at once, and no stack is left.
    let answer = story.set("x", "CREATE", "Resources: {A: {Type: 'AWS::S3::Bucket'}}");
    assert!(text(&answer).ends_with("Unrecognized resource types: [AWS::S3::Bucket]"));
    assert!(story.status("app").contains("does not exist"));

    let token = [("ClientToken", "t")];
    let first = story.set_with("x", "CREATE", ONE, &token);
    let again = story.set_with("x", "CREATE", ONE, &token);
    assert_eq!(element(&again, "Id"), element(&first, "Id"));
    assert!(text(&story.set("x", "CREATE", ONE)).starts_with("AlreadyExistsException: "));
    assert_eq!(
        text(&story.update("app", ONE)).split(" is in ").nth(1),
        Some("REVIEW_IN_PROGRESS state and can not be updated.")
    );
    assert!(story.of_set("DeleteChangeSet", "x").contains("<ResponseMetadata>"));
    assert!(story.of_set("DeleteChangeSet", "x").contains("<ResponseMetadata>"));
    assert_eq!(story.status("app"), "REVIEW_IN_PROGRESS");
    story.delete("app");
    assert!(story.status("app").contains("does not exist"));
}

/// A secret that says what is imported, and an output that exports it again.
fn passing_on(export: &str) -> String {
    format!(
        "Resources:
  S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s, Description: !ImportValue shared}}}}
Outputs:
  O: {{Value: !ImportValue shared, Export: {{Name: {export}}}}}
"
    )
}

#[test]
fn what_a_change_set_imports_is_held_from_its_execution_on() {
    let mut story = Story::new(Profile::Aws);
    story.create("out", &exporter("shared", "one"));
    let importers = [("ExportName", "shared")];
    story.set("first", "CREATE", &passing_on("more"));
    assert_eq!(story.changes("first"), ["Add S |||"]);
    let params =
        [("StackName", "app"), ("ChangeSetName", "first"), ("IncludePropertyValues", "true")];
    let described = story.call("DescribeChangeSet", &params);
    let told = "&quot;Description&quot;:&quot;one&quot;";
    assert!(described.contains(told), "{described}");
    // A change set alone imports nothing: what is exported may change, and go.
    assert!(story.call("ListImports", &importers).contains("is not imported by any stack."));
    story.update("out", &exporter("shared", "two"));
    assert_eq!(story.status("out"), "UPDATE_COMPLETE");

    assert!(story.of_set("ExecuteChangeSet", "first").contains("ExecuteChangeSetResponse"));
    let imports = story.call("ListImports", &importers);
    assert!(imports.contains("<Imports><member>app</member></Imports>"), "{imports}");
    story.call("DeleteStack", &[("StackName", "out")]);
    assert_eq!(
        story.events("out").pop().unwrap(),
        "out UPDATE_COMPLETE Export shared cannot be deleted as it is in use by app"
    );
    story.settle();
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    assert!(story.secret("s").contains(r#""Description":"two""#));
    assert!(story.call("ListExports", &[]).contains("<Name>more</Name><Value>two</Value>"));

    // An update lets go once it is complete, and is told with what was imported.
    let plain = passing_on("more").replace("!ImportValue shared", "plain");
    story.set("plain", "UPDATE", &plain);
    assert_eq!(
        story.changes("plain"),
        ["Modify S False||Properties,| Properties.Description Never Static DirectModification"]
    );
    story.of_set("ExecuteChangeSet", "plain");
    assert!(story.call("ListImports", &importers).contains("<member>app</member>"));
    story.settle();
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert!(story.call("ListImports", &importers).contains("is not imported by any stack."));
    story.delete("out");
    assert!(story.status("out").contains("does not exist"));
}

#[test]
fn exports_change_by_change_sets_unless_they_are_in_use() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", &exporter("shared", "one"));
    story.set("same", "UPDATE", &exporter("shared", "one"));
    assert_eq!(story.state("same").0, "FAILED");
    // Another name of an export is a change, although it is one of no resource.
    story.set("renamed", "UPDATE", &exporter("other", "one"));
    assert_eq!(story.state("renamed"), ("CREATE_COMPLETE".into(), "AVAILABLE".into(), None));
    assert!(story.changes("renamed").is_empty());
    story.execute("renamed");
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let listed = story.call("ListExports", &[]);
    assert!(listed.contains("<Name>other</Name>") && !listed.contains("shared"), "{listed}");

    story.create("in", &importer("other"));
    story.set("again", "UPDATE", &exporter("other", "two"));
    story.execute("again");
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.state("again").1, "EXECUTE_FAILED");
    assert!(
        story.events("app").contains(
            &"app UPDATE_ROLLBACK_IN_PROGRESS Export other cannot be updated as it is in use by in"
                .to_owned()
        )
    );
    assert!(story.call("ListExports", &[]).contains("<Name>other</Name><Value>one</Value>"));
}

/// What nobody exports yet may be exported until the execution.
#[test]
fn what_nobody_exports_rolls_an_execution_back() {
    let none = "No export named shared found. Rollback requested by user.";
    let mut story = Story::new(Profile::Aws);
    story.set("first", "CREATE", &importer("shared"));
    assert_eq!(story.state("first").1, "AVAILABLE");
    story.execute("first");
    assert_eq!(story.state("first").1, "EXECUTE_FAILED");
    assert_eq!(
        story.events("app")[2..],
        [format!("app ROLLBACK_IN_PROGRESS {none}"), "app ROLLBACK_COMPLETE".to_owned()]
    );
    story.delete("app");

    let plain = importer("shared").replace("!ImportValue 'shared'", "plain");
    story.create("app", &plain);
    story.set("next", "UPDATE", &importer("shared"));
    story.execute("next");
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.state("next").1, "EXECUTE_FAILED");
    assert!(
        story.events("app").contains(&format!("app UPDATE_ROLLBACK_IN_PROGRESS {none}")),
        "{:?}",
        story.events("app")
    );
    assert_eq!(story.value("app-t"), "plain");

    story.set("last", "UPDATE", &importer("shared"));
    story.create("out", &exporter("shared", "one"));
    story.execute("last");
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert_eq!(story.value("app-t"), "one");
}

/// The policy that holds is the one that the stack has when its change set is executed.
#[test]
fn a_policy_denies_what_change_sets_do_as_what_updates_do() {
    for (denied, changed) in [
        ("Update:Modify", policies::template("a", "two")),
        ("Update:Replace", policies::template("c", "one")),
        ("Update:Delete", without_a()),
    ] {
        let mut story = Story::new(Profile::Aws);
        story.create("app", &policies::template("a", "one"));
        story.set("now", "UPDATE", &changed);
        let set_policy = |story: &mut Story, body: &str| {
            story.call("SetStackPolicy", &[("StackName", "app"), ("StackPolicyBody", body)])
        };
        set_policy(&mut story, &policy(denied));
        assert_eq!(story.state("now").1, "AVAILABLE", "{denied}");
        story.execute("now");
        assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE", "{denied}");
        assert_eq!(story.state("now").1, "EXECUTE_FAILED", "{denied}");
        let told = format!(
            "A UPDATE_FAILED Action denied by stack policy: Statement [#2] does not allow [{denied}] for resource [LogicalResourceId/A];"
        );
        assert!(story.events("app").contains(&told), "{:?}", story.events("app"));
        assert!(story.secret("a").contains("\"one\"") && story.secret("b").contains("\"one\""));

        // An update that the policy denied is another state of the stack all the same.
        story.set("late", "UPDATE", &changed);
        story.update("app", &changed);
        assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE", "{denied}");
        assert_eq!(story.state("late").1, "OBSOLETE", "{denied}");
        set_policy(&mut story, &policy("Update:Delete").replace("/A", "/Other"));
        assert!(text(&story.execute("late")).starts_with("InvalidChangeSetStatus: "), "{denied}");
        assert_eq!(story.state("late").1, "OBSOLETE", "{denied}");
        story.set("open", "UPDATE", &changed);
        story.execute("open");
        assert_eq!(story.status("app"), "UPDATE_COMPLETE", "{denied}");
        assert_eq!(story.state("open").1, "EXECUTE_COMPLETE", "{denied}");
    }
}

#[test]
fn a_stack_that_is_reviewed_keeps_its_policy() {
    for by_set in [true, false] {
        let mut story = Story::new(Profile::Aws);
        story.set("first", "CREATE", ONE);
        let body = policy("Update:Modify");
        story.call("SetStackPolicy", &[("StackName", "app"), ("StackPolicyBody", &body)]);
        if by_set {
            story.execute("first")
        } else {
            story.create("app", ONE)
        };
        assert_eq!(story.status("app"), "CREATE_COMPLETE");
        let shown = story.call("GetStackPolicy", &[("StackName", "app")]);
        assert_eq!(element(&shown, "StackPolicyBody"), Some(body));
    }
}
