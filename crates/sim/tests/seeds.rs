//! The simulator's own tests: equal seeds run equally, quick seeds keep all promises, and each
//! rule that is broken on purpose is noticed, so that a passing run means something.
#![allow(clippy::panic, reason = "a test fails by it")]

use regent_sim::world::{Break, Failed, Options, Passed, run};

/// LIMIT: seeds within which a broken rule must be noticed.
const NOTICED_WITHIN: u64 = 60;

fn passed(options: Options) -> Passed {
    match run(options) {
        Ok(passed) => passed,
        Err(failed) => {
            let Failed { seed, event, violation, last_lines } = *failed;
            let (lines, promise, what) = (last_lines.join("\n"), violation.promise, violation.what);
            panic!("{lines}\nseed {seed} broke {promise} at event {event}: {what}");
        }
    }
}

/// PROMISE R10. First by name, because nothing else can be relied on without it.
#[test]
fn a_same_seed_same_trace() {
    for seed in 1..=3 {
        let options = Options { steps: 1500, ..Options::of_seed(seed) };
        assert_eq!(passed(options), passed(options));
    }
    let other = |seed| passed(Options { steps: 300, ..Options::of_seed(seed) }).trace;
    assert_ne!(other(1), other(2));
}

/// PROMISE R10: what the real cryptography draws for itself changes nothing that matters.
#[test]
fn real_cryptography_traces_the_same() {
    let options = Options { steps: 300, real_crypto: true, ..Options::of_seed(4) };
    assert_eq!(passed(options), passed(options));
}

#[test]
fn quick_seeds() {
    for seed in 100..130 {
        passed(Options { steps: 1000, ..Options::of_seed(seed) });
    }
}

/// Seeds that found something once, before clients made stacks and since.
#[test]
fn seeds_that_failed_once() {
    for seed in [6, 51, 123, 229, 543, 1340, 2190, 10154] {
        passed(Options { stacks_percent: 0, ..Options::of_seed(seed) });
    }
    passed(Options::of_seed(10));
}

/// Some seed must find the broken rule, under its own promise. Another promise that it breaks with
/// that one may be found first.
fn noticed(broken: Break, promises: &[&str], others: &[&str]) {
    for seed in 1..=NOTICED_WITHIN {
        let options = Options { broken: Some(broken), ..Options::of_seed(seed) };
        if let Err(failed) = run(options) {
            let Failed { violation, .. } = *failed;
            if promises.contains(&violation.promise) {
                return;
            }
            assert!(others.contains(&violation.promise), "{broken:?} noticed as {violation:?}");
        }
    }
    panic!("{broken:?} went unnoticed");
}

/// The same of promise R11, by one of the checks that it has: by its words. Clients of these runs
/// ask for stacks more often.
fn noticed_of_stacks(broken: Break, words: &str) {
    for seed in 1..=NOTICED_WITHIN {
        let busy = Options { steps: 1500, stacks_percent: 30, ..Options::of_seed(seed) };
        if let Err(failed) = run(Options { broken: Some(broken), ..busy }) {
            let Failed { violation, .. } = *failed;
            assert_eq!(violation.promise, "R11", "{broken:?} noticed as {violation:?}");
            if violation.what.contains(words) {
                return;
            }
        }
    }
    panic!("{broken:?} went unnoticed");
}

#[test]
fn an_answer_before_the_sync_is_noticed() {
    noticed(Break::AnswerBeforeSync, &["R1"], &[]);
}

#[test]
fn a_late_frame_that_is_applied_is_noticed() {
    // Whatever stands there is replaced: what was written there is lost, and its epoch.
    noticed(Break::ApplyLateFrames, &["R2"], &["R1", "R9"]);
}

#[test]
fn a_dropped_tombstone_is_noticed() {
    noticed(Break::DropTombstones, &["R2"], &[]);
}

#[test]
fn a_forgotten_peer_is_noticed() {
    noticed(Break::ForgetOutbox, &["R2"], &[]);
}

#[test]
fn a_silent_failure_is_noticed() {
    noticed(Break::SilentFailure, &["R3"], &[]);
}

#[test]
fn a_region_that_is_no_island_is_noticed() {
    noticed(Break::ReachAcross, &["R4"], &[]);
}

#[test]
fn forgotten_material_is_noticed() {
    noticed(Break::ForgetOldMaterial, &["R5"], &[]);
}

#[test]
fn two_owners_in_one_epoch_are_noticed() {
    noticed(Break::KeepEpoch, &["R9"], &[]);
}

#[test]
fn plaintext_is_noticed() {
    noticed(Break::SealNothing, &["R7"], &[]);
}

#[test]
fn a_stack_that_never_ends_is_noticed() {
    noticed_of_stacks(Break::ForgetStacks, "never ended");
}

#[test]
fn what_a_stack_makes_twice_is_noticed() {
    noticed_of_stacks(Break::NoteNothing, "which no stack notes");
}

#[test]
fn what_a_stack_leaves_behind_is_noticed() {
    noticed_of_stacks(Break::DeleteNothing, "has an orphan");
}

#[test]
fn what_is_left_of_a_deleted_stack_is_noticed() {
    noticed_of_stacks(Break::LeaveAll, "is DeleteComplete and left");
}

#[test]
fn a_stack_unlike_its_template_is_noticed() {
    noticed_of_stacks(Break::ChangeNothing, "is complete, and");
}

#[test]
fn a_stack_that_is_not_as_before_is_noticed() {
    noticed_of_stacks(Break::ChangeNothingBack, "was rolled back, and");
}

#[test]
fn a_step_that_is_lost_among_others_is_noticed() {
    noticed_of_stacks(Break::LoseSteps, "is not there");
}

#[test]
fn a_step_that_does_not_see_the_one_before_it_is_noticed() {
    noticed_of_stacks(Break::ReadBehind, "which no stack notes");
}
