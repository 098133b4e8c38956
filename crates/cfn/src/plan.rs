//! A plan: what an engine has to do to get from one template to another, in which order, and what
//! can go on at the same time.
//!
//! Two phases. In the first, resources are created, updated and replaced, each after those that it
//! needs. In the second, the cleanup, what is no longer wanted is deleted, each before those that
//! it needed; it begins when the first phase is done, so that a failure finds the old resources
//! still there. A plan is made before the run, and says what may only turn out later: a value that
//! depends on a resource still to be made. A rollback is the plan back, a deletion of the stack the
//! plan to nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Disposal;
use crate::error::{Problem, Result};
use crate::graph::{Graph, dependents};
use crate::resolve::{Import, Outside, Resolution};
use crate::schema::{self, Difference, Outcome};
use crate::template::Resource;
use crate::value::Value;

/// One side of a change: a template and what exists of it.
#[derive(Clone, Copy)]
pub struct Side<'s, 't> {
    pub resolution: &'s Resolution<'t>,
    pub graph: &'s Graph<'t>,
    pub outside: &'s dyn Outside,
}

impl std::fmt::Debug for Side<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Side").field("order", &self.graph.order).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Begins when every step is done.
    pub cleanup: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub resource: String,
    pub type_name: String,
    pub action: Action,
    /// Steps of the same phase that come first, by their index.
    pub after: BTreeSet<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Create,
    /// Changed in place.
    Update(Difference),
    /// Made anew; the old one is deleted in the cleanup.
    Replace(Difference),
    /// One of these two or nothing, once what is unknown is known.
    Perhaps(Difference),
    /// AWS refuses this update; the step fails with these words.
    Refuse(Difference, &'static str),
    Delete,
    /// Left alone and no longer part of the stack.
    Retain,
    /// The old resource, deleted if the step of the first phase did replace it.
    DeleteReplaced,
    /// The same, but the old resource is left alone.
    RetainReplaced,
}

impl Action {
    /// Whether attributes of the resource may be others afterwards: they are what names it.
    fn makes_anew(&self) -> bool {
        match self {
            Self::Create | Self::Replace(_) => true,
            Self::Perhaps(difference) => difference.may_replace(),
            _ => false,
        }
    }
}

/// The outside with resources that this plan makes anew left out.
struct Without<'o> {
    outside: &'o dyn Outside,
    unknown: &'o BTreeSet<String>,
}

impl Outside for Without<'_> {
    fn reference(&self, resource: &str) -> Option<String> {
        if self.unknown.contains(resource) { None } else { self.outside.reference(resource) }
    }

    fn attribute(&self, resource: &str, attribute: &str) -> Option<String> {
        if self.unknown.contains(resource) {
            return None;
        }
        self.outside.attribute(resource, attribute)
    }

    fn import(&self, name: &str) -> Import {
        self.outside.import(name)
    }

    fn zones(&self, region: &str) -> Option<Vec<String>> {
        self.outside.zones(region)
    }
}

impl Plan {
    /// The way from `before` to `after`; either may be nothing.
    pub fn new(before: Option<Side<'_, '_>>, after: Option<Side<'_, '_>>) -> Result<Self> {
        let steps = match after {
            Some(after) => steps(before, after)?,
            None => Vec::new(),
        };
        let cleanup = match before {
            Some(before) => cleanup(before, after, &steps)?,
            None => Vec::new(),
        };
        Ok(Self { steps, cleanup })
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.cleanup.is_empty()
    }
}

fn steps(before: Option<Side<'_, '_>>, after: Side<'_, '_>) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut unknown = BTreeSet::new();
    // For each resource the steps that have to be done before it counts as being there.
    let mut there: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    let mut retyped = Vec::new();
    for name in after.graph.order.iter().copied() {
        let Some(resource) = after.resolution.template.resource(name) else { continue };
        let mut waits = BTreeSet::new();
        for needed in after.graph.needs.get(name).into_iter().flatten() {
            waits.extend(there.get(needed).into_iter().flatten());
        }
        let old = before.and_then(|side| existing(side, name).map(|old| (side, old)));
        if old.is_some_and(|(_, old)| old.type_name != resource.type_name) {
            retyped.push(name.to_owned());
            continue;
        }
        let action = match old {
            None => Some(Action::Create),
            Some((side, old)) => {
                let outside = Without { outside: after.outside, unknown: &unknown };
                let was = side.resolution.properties(old, side.outside)?;
                let is = after.resolution.properties(resource, &outside)?;
                change(&resource.type_name, &was, &is)
            }
        };
        let Some(action) = action else {
            there.insert(name, waits);
            continue;
        };
        if action.makes_anew() {
            unknown.insert(name.to_owned());
        }
        there.insert(name, BTreeSet::from([steps.len()]));
        let type_name = resource.type_name.clone();
        steps.push(Step { resource: name.to_owned(), type_name, action, after: waits });
    }
    if retyped.is_empty() {
        Ok(steps)
    } else {
        Err(Problem::TypeChanged { names: retyped }.anywhere())
    }
}

/// A resource of a side, unless its condition is false.
fn existing<'t>(side: Side<'_, 't>, name: &str) -> Option<&'t Resource> {
    let known = side.graph.needs.contains_key(name);
    side.resolution.template.resource(name).filter(|_| known)
}

/// What a change of properties takes; `None` if nothing.
fn change(type_name: &str, was: &Value, is: &Value) -> Option<Action> {
    let declared = schema::find(type_name)?;
    let difference = declared.difference(was, is);
    match declared.outcome(&difference) {
        Outcome::Nothing => None,
        Outcome::Refused(words) => Some(Action::Refuse(difference, words)),
        Outcome::Replacement => Some(Action::Replace(difference)),
        Outcome::Conditional => Some(Action::Perhaps(difference)),
        // All that changed may turn out to be what it was.
        Outcome::Update if difference.changed.iter().all(|changed| changed.unknown) => {
            Some(Action::Perhaps(difference))
        }
        Outcome::Update => Some(Action::Update(difference)),
    }
}

fn cleanup(before: Side<'_, '_>, after: Option<Side<'_, '_>>, steps: &[Step]) -> Result<Vec<Step>> {
    let replaced: BTreeSet<&str> = steps
        .iter()
        .filter(|step| matches!(step.action, Action::Replace(_) | Action::Perhaps(_)))
        .map(|step| step.resource.as_str())
        .collect();
    let dependents = dependents(&before.graph.needs);
    let mut cleanup: Vec<Step> = Vec::new();
    let mut gone: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for name in before.graph.order.iter().rev().copied() {
        let Some(resource) = before.resolution.template.resource(name) else { continue };
        let mut waits = BTreeSet::new();
        for dependent in dependents.get(name).into_iter().flatten() {
            waits.extend(gone.get(dependent).into_iter().flatten());
        }
        let kept = after.is_some_and(|side| existing(side, name).is_some());
        let action = if !kept {
            match before.resolution.deletion_policy(resource)? {
                Disposal::Delete => Some(Action::Delete),
                Disposal::Retain | Disposal::RetainExceptOnCreate => Some(Action::Retain),
            }
        } else if replaced.contains(name) {
            // The template that replaces decides what becomes of the old one.
            let deciding = after.unwrap_or(before);
            let resource = existing(deciding, name).unwrap_or(resource);
            match deciding.resolution.update_replace_policy(resource)? {
                Disposal::Delete => Some(Action::DeleteReplaced),
                Disposal::Retain | Disposal::RetainExceptOnCreate => Some(Action::RetainReplaced),
            }
        } else {
            None
        };
        let Some(action) = action else {
            gone.insert(name, waits);
            continue;
        };
        gone.insert(name, BTreeSet::from([cleanup.len()]));
        let type_name = resource.type_name.clone();
        cleanup.push(Step { resource: name.to_owned(), type_name, action, after: waits });
    }
    Ok(cleanup)
}

/// One phase of a plan while it runs.
#[derive(Debug, Clone)]
pub struct Schedule {
    waiting: Vec<BTreeSet<usize>>,
    states: Vec<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

impl Schedule {
    pub fn new(steps: &[Step]) -> Self {
        let waiting = steps.iter().map(|step| step.after.clone()).collect();
        Self { waiting, states: vec![State::Waiting; steps.len()] }
    }

    /// The steps that can begin now; each is given once and counts as running from here on.
    pub fn begin(&mut self) -> Vec<usize> {
        let mut ready = Vec::new();
        for (index, state) in self.states.iter_mut().enumerate() {
            let free = self.waiting.get(index).is_some_and(BTreeSet::is_empty);
            if *state == State::Waiting && free {
                *state = State::Running;
                ready.push(index);
            }
        }
        ready
    }

    pub fn done(&mut self, step: usize) {
        self.end(step, State::Done);
        for waiting in &mut self.waiting {
            waiting.remove(&step);
        }
    }

    /// What needs a failed step never begins.
    pub fn failed(&mut self, step: usize) {
        self.end(step, State::Failed);
    }

    fn end(&mut self, step: usize, state: State) {
        if let Some(old) = self.states.get_mut(step) {
            *old = state;
        }
    }

    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// Whether nothing runs and nothing can begin.
    pub fn is_over(&self) -> bool {
        self.states.iter().zip(&self.waiting).all(|(state, waiting)| match state {
            State::Running => false,
            State::Waiting => !waiting.is_empty(),
            State::Done | State::Failed => true,
        })
    }

    pub fn succeeded(&self) -> bool {
        self.states.iter().all(|state| *state == State::Done)
    }
}
