//! Change sets that import what exists already: what they take, what they refuse, and that one
//! which cannot be carried out leaves everything as it was.

use regent_core::cx::Profile;
use serde_json::Value as Json;

use super::{Story, element, text};
use crate::service::Service;

/// Logical id, type, and the property that identifies, with its value.
type Given<'a> = (&'a str, &'a str, &'a str, &'a str);

/// A secret, a key and an alias that no stack has made.
struct Made {
    secret: String,
    key: String,
}

const TEMPLATE: &str = r"
Resources:
  Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Delete, Properties: {Name: old}}
  Key: {Type: 'AWS::KMS::Key', DeletionPolicy: Retain, Properties: {}}
  Alias: {Type: 'AWS::KMS::Alias', DeletionPolicy: Retain, Properties: {AliasName: alias/old, TargetKeyId: !Ref Key}}
";

impl Story {
    fn made(&mut self) -> Made {
        let body = r#"{"Name": "old", "SecretString": "value", "ClientRequestToken": "00000000-0000-4000-8000-000000000001", "Tags": [{"Key": "own", "Value": "kept"}]}"#;
        let made = self.service(Service::SecretsManager, "CreateSecret", body);
        let secret = json(&made)["ARN"].as_str().unwrap().to_owned();
        let made = self.service(Service::Kms, "CreateKey", "{}");
        let key = json(&made)["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned();
        let body = format!(r#"{{"AliasName": "alias/old", "TargetKeyId": "{key}"}}"#);
        self.service(Service::Kms, "CreateAlias", &body);
        Made { secret, key }
    }

    fn import(&mut self, template: &str, resources: &[Given<'_>]) -> String {
        self.import_into("app", template, resources)
    }

    fn import_into(&mut self, stack: &str, template: &str, resources: &[Given<'_>]) -> String {
        let mut params: Vec<(String, String)> = [
            ("StackName", stack),
            ("ChangeSetName", "import"),
            ("ChangeSetType", "IMPORT"),
            ("TemplateBody", template),
            ("Tags.member.1.Key", "stack"),
            ("Tags.member.1.Value", "app"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for (at, (logical, type_name, property, value)) in (1..).zip(resources) {
            let at = format!("ResourcesToImport.member.{at}");
            for (name, value) in [
                ("LogicalResourceId", logical),
                ("ResourceType", type_name),
                ("ResourceIdentifier.entry.1.key", property),
                ("ResourceIdentifier.entry.1.value", value),
            ] {
                params.push((format!("{at}.{name}"), (*value).to_owned()));
            }
        }
        let params: Vec<_> = params.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.call("CreateChangeSet", &params)
    }

    /// The stack that imports join, with the tag that they give.
    fn create_tagged(&mut self) {
        let tag = [("Tags.member.1.Key", "stack"), ("Tags.member.1.Value", "app")];
        let own = [("StackName", "app"), ("TemplateBody", BEFORE)];
        self.call("CreateStack", &[own, tag].concat());
        self.settle();
    }

    fn execute_import(&mut self) -> String {
        let answer =
            self.call("ExecuteChangeSet", &[("StackName", "app"), ("ChangeSetName", "import")]);
        self.settle();
        answer
    }

    fn tags_of_secret(&mut self) -> Vec<(String, String)> {
        let found =
            self.service(Service::SecretsManager, "DescribeSecret", r#"{"SecretId": "old"}"#);
        let found = json(&found);
        let tags = found["Tags"].as_array().cloned().unwrap_or_default();
        let of = |tag: &Json, name: &str| tag[name].as_str().unwrap().to_owned();
        tags.iter().map(|tag| (of(tag, "Key"), of(tag, "Value"))).collect()
    }
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

fn all(made: &Made) -> [Given<'_>; 3] {
    [
        ("Secret", "AWS::SecretsManager::Secret", "Id", &made.secret),
        ("Key", "AWS::KMS::Key", "KeyId", &made.key),
        ("Alias", "AWS::KMS::Alias", "AliasName", "alias/old"),
    ]
}

#[test]
fn what_exists_becomes_a_new_stack() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    story.import(TEMPLATE, &all(&made));
    assert_eq!(story.status("app"), "REVIEW_IN_PROGRESS");
    let set = story.call("DescribeChangeSet", &[("StackName", "app"), ("ChangeSetName", "import")]);
    assert_eq!(set.matches("<Action>Import</Action>").count(), 3, "{set}");
    assert_eq!(element(&set, "PhysicalResourceId"), Some(made.secret.clone()));
    story.execute_import();
    assert_eq!(story.status("app"), "IMPORT_COMPLETE");
    let events = story.events("app");
    assert_eq!(
        events.get(..6).unwrap(),
        [
            "app REVIEW_IN_PROGRESS User Initiated",
            "app IMPORT_IN_PROGRESS User Initiated",
            "Secret IMPORT_IN_PROGRESS Resource import started.",
            "Secret IMPORT_COMPLETE Resource import completed.",
            "Secret UPDATE_IN_PROGRESS Apply stack-level tags to imported resource if applicable.",
            "Secret UPDATE_COMPLETE",
        ]
    );
    assert_eq!(events.last().unwrap(), "app IMPORT_COMPLETE");
    assert_eq!(events.len(), 2 + 3 * 4 + 1);
    let set = story.call("DescribeChangeSet", &[("StackName", "app"), ("ChangeSetName", "import")]);
    assert_eq!(element(&set, "ExecutionStatus").as_deref(), Some("EXECUTE_COMPLETE"));
    // Nothing but the tags of the stack was written.
    assert_eq!(story.value("old"), "value");
    let own = ("own".to_owned(), "kept".to_owned());
    assert!(story.tags_of_secret().contains(&own));
    assert!(story.tags_of_secret().contains(&("stack".into(), "app".into())));
    let first = story.tags_of_secret().remove(0);
    assert_eq!(first, ("aws:cloudformation:stack-name".into(), "app".into()));

    // From now on it is a stack like any other.
    story.update("app", &TEMPLATE.replace("Name: old", "Name: old, Description: new"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    let found = story.service(Service::SecretsManager, "DescribeSecret", r#"{"SecretId": "old"}"#);
    assert_eq!(json(&found)["Description"], "new");
    story.delete("app");
    assert_eq!(story.secrets(), 0);
    let key = format!(r#"{{"KeyId": "{}"}}"#, made.key);
    let found = story.service(Service::Kms, "DescribeKey", &key);
    assert_eq!(json(&found)["KeyMetadata"]["KeyState"], "Enabled");
}

const OWN: &str = r"
Resources:
  Own: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: own}}
  Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: old}}
Outputs: {Arn: {Value: !Ref Own}}
";
const BEFORE: &str = r"
Resources:
  Own: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: own}}
Outputs: {Arn: {Value: !Ref Own}}
";

fn secret(made: &Made) -> [Given<'_>; 1] {
    [("Secret", "AWS::SecretsManager::Secret", "Id", &made.secret)]
}

#[test]
fn what_exists_joins_a_stack() {
    let mut story = Story::new(Profile::Strict);
    let made = story.made();
    story.create_tagged();
    let before = story.events("app").len();
    story.import(OWN, &secret(&made));
    assert_eq!(story.status("app"), "CREATE_COMPLETE");
    story.execute_import();
    assert_eq!(story.status("app"), "IMPORT_COMPLETE");
    assert_eq!(story.events("app").len(), before + 1 + 4 + 1);
    let listed = story.call("DescribeStackResources", &[("StackName", "app")]);
    assert!(
        listed.contains(&made.secret) && listed.contains("<LogicalResourceId>Own<"),
        "{listed}"
    );
    // What leaves the stack stays, as its policy says.
    story.update("app", BEFORE);
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert_eq!(story.value("old"), "value");
}

#[test]
fn an_import_does_nothing_else() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    story.create_tagged();
    let one = secret(&made);
    let [(logical, type_name, property, arn)] = one;
    let bare = OWN.replace("DeletionPolicy: Retain, ", "");
    let changed = OWN.replace("Name: own", "Name: own, Description: d");
    let more = OWN.replace("Outputs: {", "Outputs: {Other: {Value: x}, ");
    let new = OWN.replace("  Secret:", "  New: {Type: 'AWS::KMS::Key'}\n  Secret:");
    let cases: [(&str, &[Given<'_>], &str); 9] = [
        (
            &bare,
            &one,
            "The following resources to import [Secret] must have DeletionPolicy attribute specified in the template.",
        ),
        (&new, &one, "Resources [New] is missing from ResourceToImport list"),
        (
            &changed,
            &one,
            "You have modified resources [Own] in your template that are not being imported. Update, create or delete operations cannot be executed during import operations.",
        ),
        (&more, &one, "As part of the import operation, you cannot modify or add [Outputs]"),
        (
            OWN,
            &[(logical, "AWS::KMS::Key", "KeyId", arn)],
            "The resource type of [Secret] in ResourcesToImport differs from [AWS::SecretsManager::Secret] in the template",
        ),
        (
            OWN,
            &[(logical, type_name, "Name", "old")],
            "The ResourceIdentifier of [Secret] must have [Id] and nothing else",
        ),
        (
            OWN,
            &[one[0], ("Own", type_name, property, "x")],
            "Resources [Own] to import are in the stack already",
        ),
        (
            OWN,
            &[one[0], ("None", type_name, property, "x")],
            "Resources [None] to import are not in the template",
        ),
        (
            OWN,
            &[one[0], ("Again", type_name, property, arn)],
            "Duplicate resource to import: [Again]",
        ),
    ];
    for (template, resources, expected) in cases {
        let answer = story.import(template, resources);
        assert_eq!(text(&answer), format!("ValidationError: {expected}"));
    }
    let none = story.import(OWN, &[]);
    assert!(text(&none).contains("ResourcesToImport must be given"), "{none}");
    let listed = story.call("ListChangeSets", &[("StackName", "app")]);
    assert!(!listed.contains("ChangeSetId"), "{listed}");
}

#[test]
fn a_new_stack_is_imported_without_outputs() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    let output = format!("{TEMPLATE}Outputs: {{A: {{Value: !Ref Secret}}}}\n");
    let answer = story.import_into("other", &output, &all(&made));
    assert!(text(&answer).contains("cannot modify or add [Outputs]"), "{answer}");
    let missing = story.call("DescribeStacks", &[("StackName", "other")]);
    assert!(text(&missing).contains("does not exist"), "a refused change set made a stack");
}

#[test]
fn what_cannot_be_imported_leaves_all_as_it_was() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    let tags = story.tags_of_secret();
    let replica = "Resources: {Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: old}}, Key: {Type: 'AWS::KMS::ReplicaKey', DependsOn: Secret, DeletionPolicy: Retain, Properties: {PrimaryKeyArn: 'arn:aws:kms:us-west-2:000000000000:key/mrk-1', KeyPolicy: {}}}}";
    let alias = "Resources: {Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: old}}, Alias: {Type: 'AWS::KMS::Alias', DependsOn: Secret, DeletionPolicy: Retain, Properties: {AliasName: alias/x, TargetKeyId: x}}}";
    let key = "Resources: {Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: old}}, Key: {Type: 'AWS::KMS::Key', DependsOn: Secret, DeletionPolicy: Retain, Properties: {}}}";
    let policy = "Resources: {Policy: {Type: 'AWS::SecretsManager::ResourcePolicy', DeletionPolicy: Retain, Properties: {SecretId: old, ResourcePolicy: {}}}}";
    let rotation = "Resources: {Rotation: {Type: 'AWS::SecretsManager::RotationSchedule', DeletionPolicy: Retain, Properties: {SecretId: old}}}";
    let [one] = secret(&made);
    let none = "00000000-0000-4000-8000-000000000000";
    let cases = [
        (replica, vec![one, ("Key", "AWS::KMS::ReplicaKey", "KeyId", made.key.as_str())], "Key"),
        (
            alias,
            vec![one, ("Alias", "AWS::KMS::Alias", "AliasName", "alias/aws/secretsmanager")],
            "Alias",
        ),
        (key, vec![one, ("Key", "AWS::KMS::Key", "KeyId", none)], "Key"),
        (
            policy,
            vec![("Policy", "AWS::SecretsManager::ResourcePolicy", "Id", made.secret.as_str())],
            "Policy",
        ),
        (
            rotation,
            vec![("Rotation", "AWS::SecretsManager::RotationSchedule", "Id", made.secret.as_str())],
            "Rotation",
        ),
    ];
    for (template, resources, logical) in cases {
        let answer = story.import(template, &resources);
        assert!(answer.contains("CreateChangeSetResponse"), "{answer}");
        story.execute_import();
        assert_eq!(story.status("app"), "IMPORT_ROLLBACK_COMPLETE", "{logical}");
        let events = story.events("app");
        let failed = events.get(events.len() - 4..).unwrap();
        assert_eq!(failed[0], format!("{logical} IMPORT_IN_PROGRESS Resource import started."));
        assert!(failed[1].starts_with(&format!("{logical} IMPORT_FAILED ")), "{failed:?}");
        assert!(failed[1].contains("was not found."), "{failed:?}");
        assert_eq!(
            failed[2],
            format!("app IMPORT_ROLLBACK_IN_PROGRESS The following resource(s) failed to import: [{logical}]. ")
                .trim_end()
        );
        assert_eq!(failed[3], "app IMPORT_ROLLBACK_COMPLETE");
        let listed = story.call("DescribeStackResources", &[("StackName", "app")]);
        assert!(!listed.contains("LogicalResourceId"), "{listed}");
        assert_eq!(story.tags_of_secret(), tags);
        assert!(!story.called.contains(&"TagResource"), "{:?}", story.called);
        let set =
            story.call("DescribeChangeSet", &[("StackName", "app"), ("ChangeSetName", "import")]);
        assert_eq!(element(&set, "ExecutionStatus").as_deref(), Some("EXECUTE_FAILED"));
        story.delete("app");
        assert_eq!(story.secrets(), 1, "what was not imported is not deleted");
    }
}

#[test]
fn what_is_leaving_or_named_otherwise_is_not_there() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    let secret = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: old}}}";
    let key = "Resources: {S: {Type: 'AWS::KMS::Key', DeletionPolicy: Retain, Properties: {}}}";
    let of_key = format!(r#"{{"KeyId": "{}"}}"#, made.key);
    let refused = |story: &mut Story, template: &str, given: Given<'_>| {
        story.import(template, &[given]);
        story.execute_import();
        let events = story.events("app");
        assert!(events.iter().any(|event| event.contains("was not found.")), "{events:?}");
        story.delete("app");
    };
    refused(&mut story, secret, ("S", "AWS::SecretsManager::Secret", "Id", "old"));
    refused(&mut story, key, ("S", "AWS::KMS::Key", "KeyId", "alias/old"));
    story.service(Service::SecretsManager, "DeleteSecret", r#"{"SecretId": "old"}"#);
    refused(&mut story, secret, ("S", "AWS::SecretsManager::Secret", "Id", &made.secret));
    story.service(Service::Kms, "ScheduleKeyDeletion", &of_key);
    refused(&mut story, key, ("S", "AWS::KMS::Key", "KeyId", &made.key));
}

#[test]
fn a_stack_that_imports_in_vain_is_the_stack_it_was() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    story.create_tagged();
    let gone = made.secret.replace(":old-", ":none-");
    story.import(OWN, &[("Secret", "AWS::SecretsManager::Secret", "Id", &gone)]);
    story.call("ExecuteChangeSet", &[("StackName", "app"), ("ChangeSetName", "import")]);
    let deletion = text(&story.call("DeleteStack", &[("StackName", "app")]));
    assert!(
        deletion.contains("is in IMPORT_IN_PROGRESS state and can not be deleted"),
        "{deletion}"
    );
    let update = [("StackName", "app"), ("TemplateBody", OWN)];
    let update = text(&story.call("UpdateStack", &update));
    assert!(update.contains("is in IMPORT_IN_PROGRESS state and can not be updated"), "{update}");
    story.settle();
    assert_eq!(story.status("app"), "IMPORT_ROLLBACK_COMPLETE");
    let template = story.call("GetTemplate", &[("StackName", "app")]);
    assert_eq!(element(&template, "TemplateBody").as_deref(), Some(BEFORE));
    story.update("app", &BEFORE.replace("Name: own", "Name: own, Description: d"));
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
}

#[test]
fn what_a_stack_has_no_other_imports() {
    let mut story = Story::new(Profile::Aws);
    let made = story.made();
    let listed = story.create("owner", BEFORE);
    let owner = element(&listed, "StackId").unwrap();
    let own = json(&story.secret("own"))["ARN"].as_str().unwrap().to_owned();
    let template = "Resources: {Secret: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: own}}}";
    let resources = [("Secret", "AWS::SecretsManager::Secret", "Id", own.as_str())];
    story.import(template, &resources);
    story.execute_import();
    let events = story.events("app");
    let failed = events.iter().find(|event| event.contains("IMPORT_FAILED")).unwrap();
    assert_eq!(*failed, format!("Secret IMPORT_FAILED {own} already exists in stack {owner}"));
    // It is free once its stack has let it go.
    story.update(
        "owner",
        &BEFORE.replace(
            "Type: 'AWS::SecretsManager::Secret', ",
            "Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, ",
        ),
    );
    story.delete("owner");
    story.delete("app");
    story.import(template, &resources);
    story.execute_import();
    assert_eq!(story.status("app"), "IMPORT_COMPLETE");
    drop(made);
}

#[test]
fn a_summary_names_what_identifies() {
    let mut story = Story::new(Profile::Aws);
    let two = format!("{TEMPLATE}  More: {{Type: 'AWS::KMS::Key'}}\n");
    let summary = story.call("GetTemplateSummary", &[("TemplateBody", &two)]);
    for part in [
        "<ResourceType>AWS::KMS::Key</ResourceType><LogicalResourceIds><member>Key</member><member>More</member></LogicalResourceIds><ResourceIdentifiers><member>KeyId</member></ResourceIdentifiers>",
        "<ResourceType>AWS::SecretsManager::Secret</ResourceType><LogicalResourceIds><member>Secret</member></LogicalResourceIds><ResourceIdentifiers><member>Id</member></ResourceIdentifiers>",
    ] {
        assert!(summary.contains(part), "{part} in {summary}");
    }
    assert_eq!(summary.matches("<ResourceIdentifiers>").count(), 3);
}
