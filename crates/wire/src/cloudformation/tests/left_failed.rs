//! Stacks that were left failed and are updated again, until they are complete or rolled back.

use regent_core::cx::Profile;
use regent_core::limits::SUPERSEDED_MAX;
use regent_core::tx::Records;

use super::exports::exporter;
use super::rollbacks::{bad, described, outline, resource, secret, story, template};
use super::{Story, element, text};

const DISABLED: (&str, &str) = ("DisableRollback", "true");
const APP: (&str, &str) = ("StackName", "app");

impl Story {
    fn without_rollback(&mut self, operation: &str, resources: &[String]) -> String {
        let body = template(resources);
        let answer = self.call(operation, &[APP, ("TemplateBody", &body), DISABLED]);
        self.settle();
        answer
    }

    fn roll_back(&mut self) {
        let answer = self.call("RollbackStack", &[APP]);
        assert!(answer.contains("<StackId>"), "{answer}");
        self.settle();
    }

    /// How many sides are kept of updates that were left failed.
    fn superseded(&self) -> usize {
        let scope = self.world.scope();
        let id = self.world.store.stack_of_name(scope, &"app".parse().unwrap()).unwrap().unwrap();
        self.world.store.stack(scope, id).unwrap().unwrap().superseded.len()
    }
}

/// A stack whose creation was left failed at `Bad`.
fn never_complete() -> Story {
    let mut story = story();
    let all = [secret("A", "a", "one"), bad("A"), secret("C", "c", "one")];
    story.without_rollback("CreateStack", &all);
    assert_eq!((story.status("app").as_str(), story.secrets()), ("CREATE_FAILED", 3));
    story
}

/// A complete stack whose update was left failed at `Bad`.
fn complete_before() -> Story {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one"), secret("B", "b", "one")]));
    let all = [secret("A", "a", "two"), bad("A"), secret("B", "b", "one")];
    story.without_rollback("UpdateStack", &all);
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    story
}

/// AWS: the update must be willing to be left failed, too.
#[test]
fn an_update_says_that_it_may_fail() {
    for (mut story, status) in
        [(never_complete(), "CREATE_FAILED"), (complete_before(), "UPDATE_FAILED")]
    {
        let good = template(&[secret("A", "a", "two")]);
        let refused = format!(
            "ValidationError: This stack is currently in a non-terminal [{status}] state. To update the stack from this state, please use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the rollback-stack API"
        );
        assert_eq!(text(&story.update("app", &good)), refused);
        let set = ("ChangeSetName", "next");
        story.call("CreateChangeSet", &[APP, set, ("TemplateBody", &good)]);
        assert_eq!(text(&story.call("ExecuteChangeSet", &[APP, set])), refused);
        assert_eq!(story.status("app"), status);
        let answer = story.call("ExecuteChangeSet", &[APP, set, DISABLED]);
        assert!(answer.contains("<ExecuteChangeSetResponse"), "{answer}");
        story.settle();
        assert_eq!(story.status("app"), "UPDATE_COMPLETE");
        // What the template has no more is gone, and `taken` is another's.
        assert_eq!((described(&mut story, "a").as_str(), story.secrets()), ("two", 2));
    }
}

#[test]
fn a_creation_that_failed_is_mended_by_an_update() {
    let mut story = never_complete();
    // The same again: what failed is tried again, and nothing else is touched.
    let before = story.events("app").len();
    let all = [secret("A", "a", "one"), bad("A"), secret("C", "c", "one")];
    story.without_rollback("UpdateStack", &all);
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_IN_PROGRESS",
            "Bad CREATE_IN_PROGRESS",
            "Bad CREATE_FAILED",
            "app UPDATE_FAILED"
        ]
    );
    let before = story.events("app").len();
    let all = [secret("A", "a", "two"), secret("Bad", "bad", "one"), secret("C", "c", "one")];
    story.without_rollback("UpdateStack", &all);
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_IN_PROGRESS",
            "A UPDATE_IN_PROGRESS",
            "A UPDATE_COMPLETE",
            "Bad CREATE_IN_PROGRESS",
            "Bad CREATE_IN_PROGRESS",
            "Bad CREATE_COMPLETE",
            "app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
            "app UPDATE_COMPLETE",
        ]
    );
    assert_eq!((story.superseded(), story.secrets()), (0, 4));
    // From here on it is a stack like any other.
    story.update("app", &template(&[secret("A", "a", "three"), bad("A")]));
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!((described(&mut story, "a").as_str(), story.secrets()), ("two", 4));
}

/// AWS: a rollback leads to what the stack was when it was complete, past everything since.
#[test]
fn the_last_good_state_stays_what_it_was() {
    let mut story = complete_before();
    let shown = story.call("GetTemplate", &[APP]);
    assert!(shown.contains("Description: two"), "{shown}");
    let made = secret("Z", "z", "one");
    let all = [secret("A", "a", "two"), bad("A"), secret("B", "b", "three"), made.clone()];
    story.without_rollback("UpdateStack", &all);
    let refused = secret("A", "a", "four, KmsKeyId: alias/none");
    story.without_rollback("UpdateStack", &[refused, bad("A"), secret("B", "b", "five"), made]);
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    // A is as the first failed update left it, and B as the last. None is like the second.
    assert_eq!(
        (described(&mut story, "a"), described(&mut story, "b")),
        ("two".into(), "five".into())
    );
    story.roll_back();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE", "{:?}", story.events("app"));
    assert_eq!(
        (described(&mut story, "a"), described(&mut story, "b")),
        ("one".into(), "one".into())
    );
    assert_eq!((story.secrets(), story.superseded()), (3, 0));
    let shown = story.call("GetTemplate", &[APP]);
    assert!(shown.contains("Description: one") && !shown.contains("Bad"), "{shown}");
}

#[test]
fn what_never_was_complete_is_rolled_back_to_nothing() {
    let mut story = never_complete();
    let all = [secret("A", "a", "two"), bad("A"), secret("D", "d", "one")];
    story.without_rollback("UpdateStack", &all);
    assert_eq!((story.status("app").as_str(), story.secrets()), ("UPDATE_FAILED", 4));
    story.roll_back();
    assert_eq!((story.status("app").as_str(), story.secrets()), ("ROLLBACK_COMPLETE", 1));
}

/// LIMIT: each update that was left failed is kept as long as a resource is like it.
#[test]
fn only_so_many_updates_are_left_failed() {
    let mut story = story();
    let names: Vec<String> = (0..=SUPERSEDED_MAX).map(|number| format!("s{number}")).collect();
    let all = |updated: usize| {
        let each = names.iter().enumerate().map(|(number, name)| {
            secret(&name.to_uppercase(), name, if number < updated { "two" } else { "one" })
        });
        each.collect::<Vec<_>>()
    };
    story.create("app", &template(&all(0)));
    for updated in 1..=SUPERSEDED_MAX + 1 {
        let updated = [all(updated), vec![bad("S0")]].concat();
        // Another secret each time, before the one that fails.
        let updated = [updated, vec![secret("Z", "a/very-last", "one")]].concat();
        story.without_rollback("UpdateStack", &updated);
    }
    assert_eq!(story.superseded(), SUPERSEDED_MAX);
    let refused = "ValidationError: Limit for failed updates of a stack has been exceeded. To rollback to the last known good state, use the rollback-stack API";
    let next = template(&all(0));
    let answer = story.call("UpdateStack", &[APP, ("TemplateBody", &next), DISABLED]);
    assert_eq!(text(&answer), refused);
    let set = ("ChangeSetName", "next");
    story.call("CreateChangeSet", &[APP, set, ("TemplateBody", &next)]);
    assert_eq!(text(&story.call("ExecuteChangeSet", &[APP, set, DISABLED])), refused);
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    story.roll_back();
    assert_eq!(story.status("app"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!((story.superseded(), described(&mut story, "s0")), (0, "one".into()));
}

/// What waits for a replica that does not come fails, waits anew when it is asked for again, and is
/// taken back when that is cancelled.
#[test]
fn what_came_too_late_is_waited_for_again() {
    let mut story = Story::new(Profile::Strict);
    let all = [secret("A", "a", "one, ReplicaRegions: [{Region: us-west-2}]")];
    story.without_rollback("CreateStack", &all);
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
    story.world.pass_ms(3_600_001);
    story.settle();
    assert_eq!(story.status("app"), "CREATE_FAILED");
    let before = story.events("app").len();
    story.without_rollback("UpdateStack", &all);
    assert_eq!(story.status("app"), "UPDATE_IN_PROGRESS");
    assert_eq!(resource(&mut story, "A"), "CREATE_IN_PROGRESS");
    story.call("CancelUpdateStack", &[APP]);
    story.settle();
    assert_eq!(
        outline(&story.events_after("app", before)),
        [
            "app UPDATE_IN_PROGRESS",
            "A CREATE_IN_PROGRESS",
            "A CREATE_FAILED",
            "app ROLLBACK_IN_PROGRESS",
            "A DELETE_IN_PROGRESS",
            "A DELETE_COMPLETE",
            "app ROLLBACK_COMPLETE",
        ]
    );
    assert_eq!(story.secrets(), 0);
}

/// An update that was refused, and is not wanted any more.
#[test]
fn a_refused_update_is_given_up() {
    let mut story = story();
    let one = [secret("A", "a", "one")];
    story.create("app", &template(&one));
    let refused = [secret("A", "a", "two, KmsKeyId: alias/none")];
    story.without_rollback("UpdateStack", &refused);
    assert_eq!(resource(&mut story, "A"), "UPDATE_FAILED");
    story.without_rollback("UpdateStack", &one);
    assert_eq!(story.status("app"), "UPDATE_COMPLETE");
    assert_eq!(resource(&mut story, "A"), "UPDATE_COMPLETE");
}

/// What only a failed update wanted goes by that update's policies.
#[test]
fn what_a_failed_update_made_is_retained_if_it_said_so() {
    let mut story = story();
    story.create("app", &template(&[secret("A", "a", "one")]));
    let kept = "  Z: {Type: 'AWS::SecretsManager::Secret', DeletionPolicy: Retain, Properties: {Name: z}}\n";
    story.without_rollback("UpdateStack", &[secret("A", "a", "one"), kept.into(), bad("A")]);
    let before = story.events("app").len();
    story.without_rollback("UpdateStack", &[secret("A", "a", "two")]);
    let events = outline(&story.events_after("app", before));
    assert!(events.contains(&"Z DELETE_SKIPPED".to_owned()), "{events:?}");
    assert_eq!((story.status("app").as_str(), story.secrets()), ("UPDATE_COMPLETE", 3));
}

/// What a resource still has of an export is held on to.
#[test]
fn a_failed_update_holds_on_to_its_imports() {
    let mut story = story();
    story.create("exporter", &exporter("shared", "v"));
    story.create("app", &template(&[secret("B", "b", "one")]));
    let imported = secret("B", "b", "!ImportValue shared");
    story.without_rollback("UpdateStack", &[imported, bad("B")]);
    // The next one does not come to B, whose description is the export's.
    let behind = "  B: {Type: 'AWS::SecretsManager::Secret', DependsOn: Bad, Properties: {Name: b, Description: three}}\n";
    let first = bad("Q").replace(", DependsOn: Q", "");
    story.without_rollback("UpdateStack", &[first, behind.into()]);
    assert_eq!(story.status("app"), "UPDATE_FAILED");
    let listed = story.call("ListImports", &[("ExportName", "shared")]);
    assert_eq!(element(&listed, "member").as_deref(), Some("app"), "{listed}");
    story.roll_back();
    assert_eq!(described(&mut story, "b"), "one");
    let listed = story.call("ListImports", &[("ExportName", "shared")]);
    assert!(text(&listed).contains("is not imported by any stack"), "{listed}");
}

/// AWS: a stack imports when it is complete, not when it has failed.
#[test]
fn nothing_is_imported_into_a_failed_stack() {
    let mut story = complete_before();
    let body = template(&[secret("A", "a", "two")]);
    let answer = story.call(
        "CreateChangeSet",
        &[
            APP,
            ("ChangeSetName", "import"),
            ("ChangeSetType", "IMPORT"),
            ("TemplateBody", &body),
            ("ResourcesToImport.member.1.LogicalResourceId", "A"),
            ("ResourcesToImport.member.1.ResourceType", "AWS::SecretsManager::Secret"),
            ("ResourcesToImport.member.1.ResourceIdentifier.entry.1.key", "Id"),
            ("ResourcesToImport.member.1.ResourceIdentifier.entry.1.value", "a"),
        ],
    );
    assert!(
        text(&answer).ends_with("is in UPDATE_FAILED state and can not be updated."),
        "{answer}"
    );
}
