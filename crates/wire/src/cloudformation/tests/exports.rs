//! Outputs that one stack exports and others import.

use regent_core::cx::Profile;

use super::{Story, element};

pub(super) fn exporter(name: &str, value: &str) -> String {
    format!(
        "Resources:
  S: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: !Sub '${{AWS::StackName}}-s', SecretString: v}}}}
Outputs:
  O: {{Value: {value}, Export: {{Name: !Sub '{name}'}}}}
"
    )
}

pub(super) fn importer(name: &str) -> String {
    format!(
        "Resources:
  T: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: !Sub '${{AWS::StackName}}-t', SecretString: !ImportValue '{name}'}}}}
"
    )
}

fn last(story: &mut Story, stack: &str) -> String {
    story.events(stack).pop().unwrap()
}

#[test]
fn an_export_is_imported_listed_and_kept() {
    let mut story = Story::new(Profile::Aws);
    let made = story.create("out", &exporter("${AWS::StackName}:value", "one"));
    assert_eq!(story.status("out"), "CREATE_COMPLETE");
    let arn = element(&made, "StackId").unwrap();
    let described = story.call("DescribeStacks", &[("StackName", "out")]);
    assert!(described.contains("<ExportName>out:value</ExportName>"), "{described}");
    let listed = story.call("ListExports", &[]);
    assert!(
        listed.contains(&format!(
            "<Exports><member><ExportingStackId>{arn}</ExportingStackId><Name>out:value</Name><Value>one</Value></member></Exports>"
        )),
        "{listed}"
    );
    let unused = story.call("ListImports", &[("ExportName", "out:value")]);
    assert!(
        unused.contains("Export &#39;out:value&#39; is not imported by any stack.")
            || unused.contains("Export 'out:value' is not imported by any stack."),
        "{unused}"
    );

    story.create("in", &importer("out:value"));
    assert_eq!(story.status("in"), "CREATE_COMPLETE");
    assert_eq!(story.value("in-t"), "one");
    story.create("in2", &importer("out:value"));
    let imports = story.call("ListImports", &[("ExportName", "out:value")]);
    assert!(
        imports.contains("<Imports><member>in</member><member>in2</member></Imports>"),
        "{imports}"
    );

    // In use: neither changed, nor renamed, nor deleted.
    story.update("out", &exporter("${AWS::StackName}:value", "two"));
    assert_eq!(story.status("out"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(story.events("out").contains(
        &"out UPDATE_ROLLBACK_IN_PROGRESS Export out:value cannot be updated as it is in use by in and in2".to_owned()
    ));
    story.update("out", &exporter("${AWS::StackName}:other", "one"));
    assert_eq!(story.status("out"), "UPDATE_ROLLBACK_COMPLETE");
    assert!(story.events("out").contains(
        &"out UPDATE_ROLLBACK_IN_PROGRESS Export out:value cannot be deleted as it is in use by in and in2".to_owned()
    ));
    story.delete("out");
    assert_eq!(story.status("out"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(
        last(&mut story, "out"),
        "out UPDATE_ROLLBACK_COMPLETE Export out:value cannot be deleted as it is in use by in and in2"
    );
    assert_eq!(story.value("out-s"), "v");
    assert!(story.call("ListExports", &[]).contains("<Value>one</Value>"));

    // No longer in use.
    story.delete("in");
    story.update("in2", &importer("out:value").replace("!ImportValue 'out:value'", "plain"));
    assert_eq!(story.status("in2"), "UPDATE_COMPLETE");
    story.update("out", &exporter("${AWS::StackName}:value", "two"));
    assert_eq!(story.status("out"), "UPDATE_COMPLETE");
    assert!(story.call("ListExports", &[]).contains("<Value>two</Value>"));
    story.delete("out");
    assert_eq!(story.status(&arn), "DELETE_COMPLETE");
    assert!(story.call("ListExports", &[]).contains("<Exports></Exports>"));
}

#[test]
fn what_nobody_exports_rolls_the_importer_back() {
    let mut story = Story::new(Profile::Aws);
    story.create("in", &importer("nothing"));
    assert_eq!(
        story.events("in"),
        [
            "in CREATE_IN_PROGRESS User Initiated",
            "in ROLLBACK_IN_PROGRESS No export named nothing found. Rollback requested by user.",
            "in ROLLBACK_COMPLETE",
        ]
    );
    // What was rolled back holds on to nothing.
    story.create("out", &exporter("nothing", "one"));
    story.delete("out");
    assert!(story.status("out").contains("does not exist"));
    story.delete("in");
    // The same in an update: the stack stays as it was, and imports nothing.
    let plain = importer("nothing").replace("!ImportValue 'nothing'", "plain");
    story.create("in", &plain);
    story.update("in", &importer("nothing"));
    assert_eq!(story.status("in"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(story.value("in-t"), "plain");
    story.create("out", &exporter("nothing", "one"));
    assert!(story.call("ListImports", &[("ExportName", "nothing")]).contains("ValidationError"));
}

#[test]
fn a_name_is_exported_once() {
    let mut story = Story::new(Profile::Aws);
    story.create("one", &exporter("shared", "1"));
    story.create("two", &exporter("shared", "2"));
    assert_eq!(story.status("two"), "ROLLBACK_COMPLETE");
    assert!(
        story.events("two").contains(
            &"two ROLLBACK_IN_PROGRESS Export with name shared is already exported by stack one."
                .to_owned()
        )
    );
    assert!(story.call("ListExports", &[]).contains("<Value>1</Value>"));
    story.delete("two");
    assert!(story.call("ListExports", &[]).contains("<Value>1</Value>"));
    // In outputs, too, and from a stack that imports and exports.
    let both = "Resources: {S: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b}}}
Outputs: {O: {Value: !Sub ['x${V}', {V: !ImportValue shared}], Export: {Name: more}}}";
    story.create("both", both);
    assert!(story.call("ListExports", &[]).contains("<Name>more</Name><Value>x1</Value>"));
    story.delete("one");
    assert_eq!(
        last(&mut story, "one"),
        "one CREATE_COMPLETE Export shared cannot be deleted as it is in use by both"
    );
}

#[test]
fn an_export_that_nobody_imports_is_renamed() {
    let mut story = Story::new(Profile::Aws);
    story.create("out", &exporter("first", "one"));
    story.update("out", &exporter("second", "one"));
    assert_eq!(story.status("out"), "UPDATE_COMPLETE");
    let listed = story.call("ListExports", &[]);
    assert!(listed.contains("<Name>second</Name>") && !listed.contains("first"), "{listed}");
    // The name is free again.
    story.create("other", &exporter("first", "two"));
    assert_eq!(story.status("other"), "CREATE_COMPLETE");
}

/// A deletion ends a stack's exports, also if it fails: the name is another's then, and stays so.
#[test]
fn the_end_of_an_export_leaves_the_next_one_alone() {
    let mut story = Story::new(Profile::Aws);
    story.create("out", &exporter("shared", "one"));
    let root = story.world.caller.clone();
    story.be_user(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudformation:*","secretsmanager:DescribeSecret"],"Resource":"*"}]}"#,
    );
    story.delete("out");
    assert_eq!(story.status("out"), "DELETE_FAILED");
    story.world.caller = root;
    story.create("next", &exporter("shared", "two"));
    assert_eq!(story.status("next"), "CREATE_COMPLETE");
    story.delete("out");
    assert!(story.status("out").contains("does not exist"));
    let listed = story.call("ListExports", &[]);
    assert!(listed.contains("<Value>two</Value>"), "{listed}");
}

/// What a stack imports of itself does not keep it from changing that.
#[test]
fn an_own_import_holds_nothing() {
    let mut story = Story::new(Profile::Aws);
    story.create("out", &exporter("shared", "one"));
    let both = |value: &str| {
        importer("shared") + exporter("shared", value).strip_prefix("Resources:\n").unwrap()
    };
    story.update("out", &both("one"));
    assert_eq!(story.status("out"), "UPDATE_COMPLETE");
    story.update("out", &both("two"));
    assert_eq!(story.status("out"), "UPDATE_COMPLETE", "{:?}", story.events("out"));
    assert!(story.call("ListExports", &[]).contains("<Value>two</Value>"));
}

/// Only the first page is refused for want of importers.
#[test]
fn a_page_behind_the_last_importer_is_empty() {
    let mut story = Story::new(Profile::Aws);
    story.create("out", &exporter("shared", "one"));
    let made = story.create("in", &importer("shared"));
    let arn = element(&made, "StackId").unwrap();
    let last = arn.rsplit('/').next().unwrap();
    let params = [("ExportName", "shared"), ("NextToken", last)];
    let page = story.call("ListImports", &params);
    assert!(page.contains("<Imports></Imports>"), "{page}");
}
