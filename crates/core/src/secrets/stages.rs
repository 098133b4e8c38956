//! Staging labels: which version each one is on, and how they move.
//!
//! A pure state machine over the map of labels. A label is on one version; a version without labels
//! is deprecated. Once a secret has a value, exactly one version is AWSCURRENT, and nothing here
//! can take that away. Whether the versions exist is the caller's to check.

use std::collections::BTreeMap;

use crate::ids::{StageLabel, VersionId};
use crate::limits;
use crate::secrets::error::Error;

/// Which version each label is on.
pub type Stages = BTreeMap<StageLabel, VersionId>;

/// Puts the labels of a new value: `labels`, or AWSCURRENT if there are none.
///
/// AWS: the first value is AWSCURRENT, whatever else it is.
pub fn put(stages: &mut Stages, id: &VersionId, labels: &[StageLabel]) -> Result<(), Error> {
    let current = StageLabel::current();
    if labels.is_empty() || labels.contains(&current) || !stages.contains_key(&current) {
        promote(stages, id);
    }
    for label in labels.iter().filter(|label| **label != current) {
        stages.insert(label.clone(), id.clone());
    }
    within_quota(stages)
}

/// What UpdateSecretVersionStage asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub label: StageLabel,
    pub from: Option<VersionId>,
    pub to: Option<VersionId>,
}

/// Moves, adds or removes one label.
pub fn apply(stages: &mut Stages, change: &Move) -> Result<(), Error> {
    let Move { label, from, to } = change;
    let on = stages.get(label);
    let misses =
        |id: &VersionId| Error::StageNotOnRemoveFrom { stage: label.clone(), id: id.clone() };
    let Some(to) = to else {
        let from = from.as_ref().ok_or(Error::StageMoveEmpty)?;
        if *label == StageLabel::current() {
            return Err(Error::CurrentCannotBeRemoved);
        }
        if on != Some(from) {
            return Err(misses(from));
        }
        stages.remove(label);
        return Ok(());
    };
    match (on, from) {
        (on, Some(from)) if on != Some(from) => return Err(misses(from)),
        (Some(on), None) if on != to => {
            return Err(Error::StageNeedsRemoveFrom { stage: label.clone(), on: on.clone() });
        }
        _ => {}
    }
    if *label == StageLabel::current() {
        promote(stages, to);
    } else {
        stages.insert(label.clone(), to.clone());
    }
    within_quota(stages)
}

/// Makes `id` the current version.
///
/// AWS: the version that was current becomes AWSPREVIOUS and is no longer AWSPENDING; the version
/// that was previous loses that label.
fn promote(stages: &mut Stages, id: &VersionId) {
    let Some(old) = stages.insert(StageLabel::current(), id.clone()) else { return };
    if old == *id {
        return;
    }
    let pending = StageLabel::pending();
    if stages.get(&pending) == Some(&old) {
        stages.remove(&pending);
    }
    stages.insert(StageLabel::previous(), old);
}

/// AWS: the quota is on all labels of all versions together.
pub fn within_quota(stages: &Stages) -> Result<(), Error> {
    if stages.len() > limits::STAGES_PER_SECRET_MAX { Err(Error::TooManyStages) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> VersionId {
        format!("version-{number:0>30}").parse().unwrap()
    }

    fn label(text: &str) -> StageLabel {
        text.parse().unwrap()
    }

    /// The labels of each version, as `1[AWSCURRENT] 2[AWSPENDING]`.
    fn shown(stages: &Stages) -> String {
        let of = |number| {
            let on = stages.iter().filter(|(_, on)| **on == id(number));
            on.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(",")
        };
        let all = (1..=3).map(|number| (number, of(number)));
        let all = all.filter(|(_, labels)| !labels.is_empty());
        all.map(|(number, labels)| format!("{number}[{labels}]")).collect::<Vec<_>>().join(" ")
    }

    fn moved(label: StageLabel, from: Option<u8>, to: Option<u8>) -> Move {
        Move { label, from: from.map(id), to: to.map(id) }
    }

    /// AWS: the movement recorded from the service, step by step.
    #[test]
    fn the_recorded_movement() {
        let mut stages = Stages::new();
        put(&mut stages, &id(1), &[]).unwrap();
        assert_eq!(shown(&stages), "1[AWSCURRENT]");
        put(&mut stages, &id(2), &[StageLabel::pending()]).unwrap();
        assert_eq!(shown(&stages), "1[AWSCURRENT] 2[AWSPENDING]");
        apply(&mut stages, &moved(StageLabel::current(), Some(1), Some(2))).unwrap();
        assert_eq!(shown(&stages), "1[AWSPREVIOUS] 2[AWSCURRENT,AWSPENDING]");
        put(&mut stages, &id(3), &[]).unwrap();
        assert_eq!(shown(&stages), "2[AWSPREVIOUS] 3[AWSCURRENT]");
    }

    #[test]
    fn custom_labels_survive() {
        let mut stages = Stages::new();
        put(&mut stages, &id(1), &[]).unwrap();
        put(&mut stages, &id(2), &[label("PUT0"), StageLabel::current()]).unwrap();
        put(&mut stages, &id(3), &[]).unwrap();
        assert_eq!(shown(&stages), "2[AWSPREVIOUS,PUT0] 3[AWSCURRENT]");
        put(&mut stages, &id(1), &[]).unwrap();
        assert_eq!(shown(&stages), "1[AWSCURRENT] 2[PUT0] 3[AWSPREVIOUS]");
        put(&mut stages, &id(3), &[label("PUT0")]).unwrap();
        assert_eq!(shown(&stages), "1[AWSCURRENT] 3[AWSPREVIOUS,PUT0]");
    }

    #[test]
    fn the_first_value_is_current_whatever_else_it_is() {
        let mut stages = Stages::new();
        put(&mut stages, &id(1), &[label("AWSSOMETHING")]).unwrap();
        assert_eq!(shown(&stages), "1[AWSCURRENT,AWSSOMETHING]");
    }

    #[test]
    fn moves_that_are_refused() {
        let mut stages = Stages::new();
        put(&mut stages, &id(1), &[label("A")]).unwrap();
        let before = stages.clone();
        let current = StageLabel::current;
        let cases = [
            (moved(current(), None, None), Error::StageMoveEmpty),
            (moved(current(), Some(1), None), Error::CurrentCannotBeRemoved),
            (
                moved(current(), None, Some(2)),
                Error::StageNeedsRemoveFrom { stage: current(), on: id(1) },
            ),
            (
                moved(label("A"), Some(2), Some(3)),
                Error::StageNotOnRemoveFrom { stage: label("A"), id: id(2) },
            ),
            (
                moved(label("A"), Some(2), None),
                Error::StageNotOnRemoveFrom { stage: label("A"), id: id(2) },
            ),
            (
                moved(label("B"), Some(1), Some(1)),
                Error::StageNotOnRemoveFrom { stage: label("B"), id: id(1) },
            ),
        ];
        for (change, error) in cases {
            assert_eq!(apply(&mut stages, &change), Err(error), "{change:?}");
            assert_eq!(stages, before);
        }
        assert_eq!(apply(&mut stages, &moved(label("A"), None, Some(1))), Ok(()));
        assert_eq!(stages, before);
    }

    #[test]
    fn twenty_labels_at_most() {
        let mut stages = Stages::new();
        let labels: Vec<_> = (0..19).map(|n| label(&format!("L{n}"))).collect();
        put(&mut stages, &id(1), &labels).unwrap();
        assert_eq!(put(&mut stages, &id(2), &[label("ONE-MORE")]), Err(Error::TooManyStages));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Put(u8, Vec<StageLabel>),
        Apply(Move),
    }

    fn any_label() -> impl Strategy<Value = StageLabel> {
        prop_oneof![
            Just(StageLabel::current()),
            Just(StageLabel::previous()),
            Just(StageLabel::pending()),
            Just(label("A")),
            Just(label("B")),
        ]
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let put =
            (1..4u8, prop::collection::vec(any_label(), 0..3)).prop_map(|(n, l)| Step::Put(n, l));
        let version = || prop::option::of((1..4u8).prop_map(id));
        let apply = (any_label(), version(), version())
            .prop_map(|(label, from, to)| Step::Apply(Move { label, from, to }));
        prop_oneof![put, apply]
    }

    proptest! {
        /// Whatever is asked: one version stays current, the version that was current before a
        /// change of it is previous after it unless the request says otherwise, and a refused
        /// request changes nothing.
        #[test]
        fn one_version_is_current(steps in prop::collection::vec(any_step(), 1..30)) {
            let mut stages = Stages::new();
            put(&mut stages, &id(1), &[]).unwrap();
            for step in steps {
                let before = stages.clone();
                let (result, explicit) = match &step {
                    Step::Put(number, labels) => {
                        (put(&mut stages, &id(*number), labels),
                            labels.contains(&StageLabel::previous()))
                    }
                    Step::Apply(change) => (apply(&mut stages, change), false),
                };
                let current = StageLabel::current();
                prop_assert!(stages.contains_key(&current));
                if result.is_err() {
                    prop_assert_eq!(&stages, &before);
                } else if stages[&current] != before[&current] && !explicit {
                    prop_assert_eq!(&stages[&StageLabel::previous()], &before[&current]);
                    prop_assert_ne!(stages.get(&StageLabel::pending()), Some(&before[&current]));
                }
                // No label is lost but AWSPENDING, or by a request to remove it.
                let removed = matches!(&step, Step::Apply(Move { to: None, .. }));
                let lost = before.keys().filter(|label| !stages.contains_key(*label));
                prop_assert!(removed || lost.clone().all(|label| *label == StageLabel::pending()));
            }
        }
    }
}
