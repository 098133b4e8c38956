//! Requests and answers, as the wire has them.

use regent_core::cx::Profile;

use super::{Story, element, text};

const ONE: &str = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: s}}}";

/// Everything that is wrong with a template is found before anything is made.
#[test]
fn templates_are_refused_before_anything_is_made() {
    let mut story = Story::new(Profile::Aws);
    for (template, expected) in [
        ("{", "Template format error: JSON not well-formed. (line 1, column 2)"),
        ("Resources: {}", "Template format error: At least one Resources member must be defined."),
        (
            "Resources: {A: {Type: 'AWS::S3::Bucket'}}",
            "Template format error: Unrecognized resource types: [AWS::S3::Bucket]",
        ),
        (
            "Resources: {A: {Type: 'AWS::SecretsManager::Secret', Properties: {Nam: a}}}",
            "Properties validation failed for resource A with message:\n#: extraneous key [Nam] is not permitted",
        ),
        (
            "Resources: {A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: !Ref B}}}",
            "Template format error: Unresolved resource dependencies [B] in the Resources block of the template",
        ),
        (
            "Parameters: {P: {Type: String}}\nResources: {A: {Type: 'AWS::SecretsManager::Secret'}}",
            "Parameters: [P] must have values",
        ),
    ] {
        assert_eq!(text(&story.create("app", template)), format!("ValidationError: {expected}"));
    }
    let expanded = "Transform: 'AWS::LanguageExtensions'\nResources: {A: {Type: 'AWS::SecretsManager::Secret'}}";
    assert_eq!(
        text(&story.create("app", expanded)),
        "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_AUTO_EXPAND]"
    );
    assert!(story.status("app").contains("Stack with id app does not exist"));
    assert_eq!(story.secrets(), 0);
}

#[test]
fn members_that_are_not_built_are_refused_by_name() {
    let mut story = Story::new(Profile::Aws);
    for (member, value, expected) in [
        ("TemplateURL", "https://x", "TemplateURL must be a supported URL."),
        ("NotificationARNs.member.1", "arn", "NotificationARNs is not supported"),
        ("ResourceTypes.member.1", "AWS::*", "ResourceTypes is not supported"),
        ("StackPolicyBody", "{}", "Error validating stack policy: Invalid stack policy"),
        ("StackPolicyURL", "https://x", "StackPolicyURL is not supported"),
        ("DeploymentConfig.Mode", "EXPRESS", "DeploymentConfig Mode EXPRESS is not supported"),
        (
            "DeploymentConfig.Mode",
            "FAST",
            "1 validation error detected: Value 'FAST' at 'deploymentConfig.mode' failed to satisfy constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]",
        ),
        (
            "DeploymentConfig.DisableRollback",
            "true",
            "DeploymentConfig DisableRollback is not supported",
        ),
        (
            "RollbackConfiguration.MonitoringTimeInMinutes",
            "1",
            "RollbackConfiguration is not supported",
        ),
    ] {
        let params = [("StackName", "app"), ("TemplateBody", ONE), (member, value)];
        let answer = story.call("CreateStack", &params);
        assert_eq!(text(&answer), format!("ValidationError: {expected}"));
    }
}

#[test]
fn names_of_stacks() {
    let mut story = Story::new(Profile::Aws);
    let created = story.create("app", ONE);
    assert_eq!(
        text(&story.create("app", ONE)),
        "AlreadyExistsException: Stack [app] already exists"
    );
    for (name, params, expected) in [
        ("DescribeStacks", vec![], "Stack with id no does not exist"),
        ("GetTemplate", vec![], "Stack with id no does not exist"),
        ("ListStackResources", vec![], "Stack with id no does not exist"),
        ("DescribeStackEvents", vec![], "Stack [no] does not exist"),
        ("DescribeStackResource", vec![("LogicalResourceId", "S")], "Stack 'no' does not exist"),
    ] {
        let params = [vec![("StackName", "no")], params].concat();
        assert_eq!(text(&story.call(name, &params)), format!("ValidationError: {expected}"));
    }
    let params = [("StackName", "app"), ("LogicalResourceId", "T")];
    assert_eq!(
        text(&story.call("DescribeStackResource", &params)),
        "ValidationError: Resource T does not exist for stack app"
    );
    // A stack that is not there counts as deleted; one that is deleted has its ARN only.
    assert!(story.delete("no").contains("<ResponseMetadata>"));
    story.delete("app");
    let arn = element(&created, "StackId").unwrap();
    assert_eq!(story.status(&arn), "DELETE_COMPLETE");
    assert!(story.status("app").contains("does not exist"));
    assert!(story.create("app", ONE).contains("<StackId>"));
}

#[test]
fn a_repeated_request_is_answered_as_the_first() {
    let mut story = Story::new(Profile::Aws);
    let params = [("StackName", "app"), ("TemplateBody", ONE), ("ClientRequestToken", "t-1")];
    let first = story.call("CreateStack", &params);
    story.settle();
    let again = story.call("CreateStack", &params);
    assert_eq!(element(&first, "StackId"), element(&again, "StackId"));
    let events = story.call("DescribeStackEvents", &[("StackName", "app")]);
    assert!(events.contains("<ClientRequestToken>t-1</ClientRequestToken>"));
    let other = [("StackName", "app"), ("TemplateBody", ONE), ("ClientRequestToken", "t-2")];
    assert!(story.call("CreateStack", &other).contains("AlreadyExistsException"));
}

#[test]
fn protected_stacks_are_not_deleted() {
    let mut story = Story::new(Profile::Aws);
    let params =
        [("StackName", "app"), ("TemplateBody", ONE), ("EnableTerminationProtection", "true")];
    story.call("CreateStack", &params);
    story.settle();
    assert_eq!(
        text(&story.delete("app")),
        "ValidationError: Stack [app] cannot be deleted while TerminationProtection is enabled"
    );
    let params = [("StackName", "app"), ("EnableTerminationProtection", "false")];
    assert!(story.call("UpdateTerminationProtection", &params).contains("<StackId>"));
    story.delete("app");
    assert_eq!(story.secrets(), 0);
}

#[test]
fn a_stack_byte_for_byte() {
    let mut story = Story::new(Profile::Aws);
    story.create("app", ONE);
    let answer = story.call("DescribeStacks", &[("StackName", "app")]);
    let arn = element(&answer, "StackId").unwrap();
    assert_eq!(
        answer.replace(&arn, "ARN"),
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
         <DescribeStacksResult><Stacks><member><StackId>ARN</StackId><StackName>app</StackName>\
         <CreationTime>2023-11-14T22:13:20.000Z</CreationTime>\
         <RollbackConfiguration></RollbackConfiguration><StackStatus>CREATE_COMPLETE</StackStatus>\
         <DisableRollback>false</DisableRollback><NotificationARNs></NotificationARNs><Tags></Tags>\
         <EnableTerminationProtection>false</EnableTerminationProtection>\
         <DriftInformation><StackDriftStatus>NOT_CHECKED</StackDriftStatus></DriftInformation>\
         </member></Stacks></DescribeStacksResult><ResponseMetadata>\
         <RequestId>04040404-0404-4404-8404-040404040404</RequestId></ResponseMetadata>\
         </DescribeStacksResponse>"
    );
    let deleted = story.delete("app");
    assert!(deleted.contains("<DeleteStackResponse") && !deleted.contains("Result"), "{deleted}");
}

#[test]
fn what_a_template_asks_for() {
    let mut story = Story::new(Profile::Aws);
    let template = "Description: d
Parameters: {P: {Type: String, Default: x, Description: p}, Q: {Type: Number, NoEcho: true}}
Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Description: !Ref P}}}
";
    let answer = story.call("ValidateTemplate", &[("TemplateBody", template)]);
    assert!(
        answer.contains(
            "<Parameters><member><ParameterKey>P</ParameterKey><DefaultValue>x</DefaultValue>\
         <NoEcho>false</NoEcho><Description>p</Description></member><member>\
         <ParameterKey>Q</ParameterKey><NoEcho>true</NoEcho></member></Parameters>\
         <Description>d</Description>"
        ),
        "{answer}"
    );
    let answer = story.call("GetTemplateSummary", &[("TemplateBody", template)]);
    assert!(
        answer.contains(
            "<ResourceTypes><member>AWS::SecretsManager::Secret</member></ResourceTypes>"
        )
    );
    assert_eq!(
        text(&story.call("ValidateTemplate", &[])),
        "ValidationError: Either Template URL or Template Body must be specified."
    );
}

/// Pages of a hundred, and the way from one to the next.
#[test]
fn long_histories_come_in_pages() {
    use std::fmt::Write as _;
    let mut story = Story::new(Profile::Aws);
    let mut template = "Resources:\n".to_owned();
    for n in 0..40 {
        writeln!(
            template,
            "  S{n}: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s{n}}}}}"
        )
        .unwrap();
    }
    story.create("app", &template);
    let first = story.call("DescribeStackEvents", &[("StackName", "app")]);
    assert_eq!(first.matches("<EventId>").count(), 100);
    let next = element(&first, "NextToken").unwrap();
    let second = story.call("DescribeStackEvents", &[("StackName", "app"), ("NextToken", &next)]);
    assert_eq!(second.matches("<EventId>").count(), 22);
    assert_eq!(element(&second, "NextToken"), None);
    let resources = story.call("ListStackResources", &[("StackName", "app")]);
    assert_eq!(resources.matches("<LogicalResourceId>").count(), 40);
}

/// AWS answers a URL; here it is the page itself.
#[test]
fn what_a_template_costs() {
    let mut story = Story::new(Profile::Aws);
    let template = "Parameters: {More: {Type: String, Default: 'no'}}
Conditions: {More: !Equals [!Ref More, 'yes']}
Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {ReplicaRegions: [{Region: us-west-2}, {Region: eu-west-1}], KmsKeyId: !Ref Key}}
  B: {Type: 'AWS::SecretsManager::Secret', Condition: More}
  Key: {Type: 'AWS::KMS::Key'}
  Alias: {Type: 'AWS::KMS::Alias', Properties: {AliasName: alias/a, TargetKeyId: !Ref Key}}
";
    let more = [
        ("Parameters.member.1.ParameterKey", "More"),
        ("Parameters.member.1.ParameterValue", "yes"),
    ];
    for (given, total) in [(&more[..0], "USD%202.20"), (&more[..], "USD%202.60")] {
        let params = [&[("TemplateBody", template)], given].concat();
        let url = element(&story.call("EstimateTemplateCost", &params), "Url").unwrap();
        let text = url.strip_prefix("data:text/plain;charset=utf-8,").unwrap();
        assert!(text.starts_with("By%20the%20month%2C%20at%20US%20list%20prices%3A%20"), "{text}");
        assert!(text.contains(total), "{text}");
    }
    assert_eq!(
        text(&story.call("EstimateTemplateCost", &[])),
        "ValidationError: Either Template URL or Template Body must be specified."
    );
}

/// Members that contradict one another, or are none of the model's.
#[test]
fn members_that_cannot_be_together() {
    let mut story = Story::new(Profile::Aws);
    let both = "Either DisableRollback or OnFailure can be specified, not both.";
    let enumeration = |member: &str, value: &str, set: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy enum value set: [{set}]"
        )
    };
    for (operation, params, expected) in [
        ("CreateStack", vec![("OnFailure", "DELETE"), ("DisableRollback", "false")], both.to_owned()),
        (
            "CreateStack",
            vec![("OnFailure", "KEEP")],
            enumeration("onFailure", "KEEP", "DO_NOTHING, ROLLBACK, DELETE"),
        ),
        (
            "CreateStack",
            vec![("TimeoutInMinutes", "0")],
            "1 validation error detected: Value '0' at 'timeoutInMinutes' failed to satisfy constraint: Member must have value greater than or equal to 1".to_owned(),
        ),
        (
            "CreateStack",
            vec![("Parameters.member.1.ParameterKey", "P"), ("Parameters.member.1.UsePreviousValue", "true")],
            "Invalid input for parameter key P. Cannot specify usePreviousValue as true for a new stack".to_owned(),
        ),
        (
            "CreateStack",
            vec![("Parameters.member.1.ParameterKey", "P"), ("Parameters.member.2.ParameterKey", "P")],
            "Duplicate parameter: [P]".to_owned(),
        ),
        (
            "CreateStack",
            vec![("Tags.member.1.Key", "aws:k"), ("Tags.member.1.Value", "v")],
            "aws: prefixed tag key names are not allowed for external use. [aws:k]".to_owned(),
        ),
        (
            "UpdateStack",
            vec![("UsePreviousTemplate", "true")],
            "Only one of UsePreviousTemplate, Template URL or Template Body may be specified.".to_owned(),
        ),
        (
            "DeleteStack",
            vec![("DeletionMode", "FORCE_DELETE_STACK")],
            "DeletionMode FORCE_DELETE_STACK is not supported".to_owned(),
        ),
        (
            "DeleteStack",
            vec![("DeletionMode", "NOW")],
            enumeration("deletionMode", "NOW", "STANDARD, FORCE_DELETE_STACK"),
        ),
        ("ListStacks", vec![("NextToken", "x")], "NextToken is invalid".to_owned()),
    ] {
        let params = [vec![("StackName", "app"), ("TemplateBody", ONE)], params].concat();
        let answer = story.call(operation, &params);
        assert_eq!(text(&answer), format!("ValidationError: {expected}"), "{operation}");
    }
    let filtered = story.call("ListStacks", &[("StackStatusFilter.member.1", "DELETE_SKIPPED")]);
    assert!(text(&filtered).contains("stackStatusFilter"), "{filtered}");
}

/// AWS: what is deleted is neither protected nor unprotected, and is listed with the others.
#[test]
fn deleted_stacks_are_listed_and_filtered() {
    let mut story = Story::new(Profile::Aws);
    let made = story.create("gone", ONE);
    story.delete("gone");
    story.create("app", ONE);
    let arn = element(&made, "StackId").unwrap();
    let stack = story.call("DescribeStacks", &[("StackName", &arn)]);
    assert!(
        stack.contains("<DeletionTime>") && !stack.contains("EnableTerminationProtection"),
        "{stack}"
    );
    let all = story.call("DescribeStacks", &[]);
    assert!(all.contains("<StackName>app<") && !all.contains("<StackName>gone<"), "{all}");
    for (filter, app, gone) in [
        (None, true, true),
        (Some("CREATE_COMPLETE"), true, false),
        (Some("DELETE_COMPLETE"), false, true),
        (Some("IMPORT_COMPLETE"), false, false),
    ] {
        let filter: Vec<_> =
            filter.into_iter().map(|name| ("StackStatusFilter.member.1", name)).collect();
        let listed = story.call("ListStacks", &filter);
        let has = |name: &str| listed.contains(&format!("<StackName>{name}</StackName>"));
        assert_eq!((has("app"), has("gone")), (app, gone), "{filter:?}");
    }
}
