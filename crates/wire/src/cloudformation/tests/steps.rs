//! What a step costs and begins: no more in a large stack than in a small one, and several resources
//! beside one another.

use std::cell::Cell;
use std::ops::ControlFlow;

use regent_core::cx::Profile;
use regent_core::ports::{Read, StoreFault, Stored};
use regent_core::records::{Key, Record, Scan};
use regent_core::stacks::run::{Cache, Progress, step};
use regent_core::tx::Tx;

use super::Story;
use crate::cloudformation::handlers::Services;

/// A store that counts the records it gives.
struct Counting<'a> {
    store: &'a dyn Read,
    given: Cell<usize>,
}

impl Read for Counting<'_> {
    fn get(&self, key: &Key) -> Result<Option<Stored>, StoreFault> {
        self.given.set(self.given.get() + 1);
        self.store.get(key)
    }

    fn scan(
        &self,
        scan: &Scan,
        visit: &mut dyn FnMut(Key, Record) -> ControlFlow<()>,
    ) -> Result<(), StoreFault> {
        self.store.scan(scan, &mut |key, record| {
            self.given.set(self.given.get() + 1);
            visit(key, record)
        })
    }
}

/// The most records that any step of the run but its first reads.
fn dearest_step(story: &mut Story) -> usize {
    let id = story.runs()[0];
    let mut cache = Cache::default();
    let mut dearest = Vec::new();
    loop {
        story.world.pass_ms(1);
        let counting = Counting { store: &story.world.store, given: Cell::new(0) };
        let (progress, batch) = {
            let mut tx = Tx::new(&counting);
            let cx = story.world.cx();
            let progress = step(&cx, &mut tx, id, &Services::default(), &mut cache).unwrap();
            (progress, tx.into_batch())
        };
        dearest.push(counting.given.get());
        if progress != Progress::Moved {
            return dearest.into_iter().skip(1).max().unwrap();
        }
        story.world.store.commit(batch);
        story.world.committed = story.world.committed.wrapping_add(1);
    }
}

fn secrets(count: usize) -> String {
    let secret = |number| {
        format!(
            "  S{number}: {{Type: 'AWS::SecretsManager::Secret', Properties: {{Name: s{number}}}}}\n"
        )
    };
    format!("Resources:\n{}", (0..count).map(secret).collect::<String>())
}

#[test]
fn a_step_reads_no_more_in_a_larger_stack() {
    let costs = [5, 80].map(|count| {
        let mut story = Story::new(Profile::Aws);
        let template = secrets(count);
        story.call("CreateStack", &[("StackName", "app"), ("TemplateBody", &template)]);
        let made = dearest_step(&mut story);
        assert_eq!(story.status("app"), "CREATE_COMPLETE");
        story.call("DeleteStack", &[("StackName", "app")]);
        let deleted = dearest_step(&mut story);
        assert_eq!(story.secrets(), 0);
        (made, deleted)
    });
    assert_eq!(costs[0], costs[1]);
}

const TWO: &str = "Resources:
  A: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: a, SecretString: x, ReplicaRegions: [{Region: eu-west-1}]}}
  B: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: b, SecretString: x, ReplicaRegions: [{Region: eu-west-1}]}}
  C: {Type: 'AWS::SecretsManager::Secret', Properties: {Name: c, SecretString: !Ref A}}
";

/// What waits, waits beside one another, and what needs it comes after it.
#[test]
fn resources_that_wait_are_begun_beside_one_another() {
    let mut story = Story::new(Profile::Strict);
    story.create("app", TWO);
    let begun = story.events_after("app", 1);
    let expected = [
        "A CREATE_IN_PROGRESS",
        "A CREATE_IN_PROGRESS Resource creation Initiated",
        "B CREATE_IN_PROGRESS",
        "B CREATE_IN_PROGRESS Resource creation Initiated",
    ];
    assert_eq!(begun, expected);
    assert_eq!(story.status("app"), "CREATE_IN_PROGRESS");
}

/// AWS: what fails cancels what is under way beside it.
#[test]
fn a_failure_cancels_what_is_begun_beside_it() {
    let mut story = Story::new(Profile::Strict);
    let failing = TWO.replace("Name: c, SecretString: !Ref A", "Name: a");
    story.create("app", &failing);
    let events = story.events("app").join("\n");
    assert!(events.contains("A CREATE_FAILED Resource creation cancelled"), "{events}");
    assert!(events.contains("B CREATE_FAILED Resource creation cancelled"), "{events}");
    assert!(events.contains("C CREATE_FAILED Resource handler returned message"), "{events}");
    assert_eq!((story.status("app").as_str(), story.secrets()), ("ROLLBACK_COMPLETE", 0));
}
