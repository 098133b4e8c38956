//! Carrying out stacks' operations, as the shell's own file of this name does.
//!
//! Which runs there are is told by commits and, after a start, by the store. What is worth keeping
//! between two steps is forgotten in a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::rc::Rc;

use regent_core::cx::Answers;
use regent_core::ids::{Region, RequestId};
use regent_core::ports::{Read, StoreFault};
use regent_core::records::{Key, Prefix, Scan};
use regent_core::replication::change::Question;
use regent_core::stacks::ids::StackId;
use regent_core::stacks::model::Phase;
use regent_core::stacks::run::{Cache, Progress, step};
use regent_core::time::Timestamp;
use regent_core::tx::{Batch, Records, Tx};
use regent_store::Group;
use regent_wire::cloudformation::handlers::Services;
use regent_wire::cloudformation::replicas;

use super::{Node, Out};
use crate::disk::Change;
use crate::job::{Asker, Job, Product, StackStep};
use crate::perform::Kept;
use crate::world::Break;

/// How long a run waits for news before it looks again without any, as in the shell.
const LOOK_AGAIN_MS: i64 = 1000;
/// LIMIT: steps in one commit. Fewer than the shell's: stacks are small here.
const STEPS_MAX: usize = 8;

/// The runs that a Region is at.
#[derive(Debug, Default)]
pub(super) struct Active(BTreeMap<StackId, Run>);

#[derive(Debug, Default)]
struct Run {
    cache: Cache,
    /// A step is under way.
    busy: bool,
    again: Option<Timestamp>,
}

impl Active {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A step is committed: the next one can be taken.
    pub(super) fn go_on(&mut self, id: StackId) {
        if let Some(run) = self.0.get_mut(&id) {
            run.busy = false;
        }
    }

    /// Hears of a commit: of a run that began, or of a replica that one may wait for.
    pub(super) fn note(&mut self, change: &Change) {
        match (&change.key, &change.after) {
            (Key::StackRun { id, .. }, Some(_)) => {
                self.0.entry(*id).or_default();
            }
            (Key::Replica { .. }, _) => self.0.values_mut().for_each(|run| run.again = None),
            _ => {}
        }
    }
}

impl Node {
    /// Finds the runs that were under way before a start.
    pub(super) fn find_stacks(&mut self) {
        if self.broken == Some(Break::ForgetStacks) {
            return;
        }
        let active = &mut self.volatile.stacks.0;
        let scan = Scan::all(Prefix::StackRuns { region: self.region });
        let scanned = self.disk.store.scan(&scan, &mut |key, _| {
            if let Key::StackRun { id, .. } = key {
                active.insert(id, Run::default());
            }
            ControlFlow::Continue(())
        });
        scanned.unwrap();
    }

    /// Takes the next step of every run that waits for nothing.
    pub(super) fn step_stacks(&mut self, now: Timestamp, blobs: &[Kept], out: &mut Out) {
        let is_due = |run: &Run| !run.busy && run.again.is_none_or(|again| again <= now);
        let active = self.volatile.stacks.0.iter();
        let due: Vec<StackId> = active.filter(|(_, run)| is_due(run)).map(|(id, _)| *id).collect();
        for id in due {
            let Some(found) = self.disk.store.stack_run(self.scope(), id).unwrap() else {
                self.volatile.stacks.0.remove(&id);
                continue;
            };
            let (request, answers) = (self.new_request_id(), Answers::new());
            let step = StackStep { id, request, answers, phase: found.phase };
            self.run_step(now, Box::new(step), blobs, out);
        }
    }

    /// One step, as far as it comes.
    pub(super) fn run_step(
        &mut self,
        now: Timestamp,
        taken: Box<StackStep>,
        blobs: &[Kept],
        out: &mut Out,
    ) {
        let Some(run) = self.volatile.stacks.0.get_mut(&taken.id) else { return };
        run.busy = true;
        let mut cache = core::mem::take(&mut run.cache);
        let result = self.take_steps(now, &taken, &mut cache);
        let run = self.volatile.stacks.0.get_mut(&taken.id).unwrap();
        run.cache = cache;
        match result {
            Ok((Progress::Moved, batch)) => {
                run.again = None;
                self.submit(now, Job::StackStep(taken), Product::Message(None), batch, blobs, out);
            }
            Ok((Progress::Ask(asks), _)) => self.ask(Asker::Step(taken), asks, out),
            Ok((Progress::Wait, _)) => {
                run.busy = false;
                run.again = Some(Timestamp::from_millis(now.millis() + LOOK_AGAIN_MS));
            }
            Ok((Progress::Over, _)) => drop(self.volatile.stacks.0.remove(&taken.id)),
            Err(StoreFault) => out.faults.push(format!("a step of {}", taken.id)),
        }
    }

    /// Takes some steps for one commit, as the shell does: all but the first are left, if they lack
    /// or wait for something, until they are the first.
    fn take_steps(
        &self,
        now: Timestamp,
        taken: &StackStep,
        cache: &mut Cache,
    ) -> Result<(Progress, Batch), StoreFault> {
        let store = Rc::clone(&self.disk.store);
        let mut group = Group::new(&*store);
        let (progress, batch) =
            self.take_step(now, taken, (taken.request, &taken.answers), &group, cache)?;
        if progress != Progress::Moved {
            return Ok((progress, batch));
        }
        let mut last: BTreeSet<Key> = batch.writes.keys().cloned().collect();
        group.add(batch);
        for _ in 0..self.rng.below(STEPS_MAX) {
            let run = group.stack_run(self.scope(), taken.id)?;
            if run.is_none_or(|run| run.phase != taken.phase) {
                break;
            }
            let at = (self.new_request_id(), &Answers::new());
            let read: &dyn Read = match self.broken {
                Some(Break::ReadBehind) => &*store,
                _ => &group,
            };
            let (progress, batch) = self.take_step(now, taken, at, read, cache)?;
            if progress != Progress::Moved {
                break;
            }
            last = batch.writes.keys().cloned().collect();
            group.add(batch);
        }
        let mut batch = group.into_batch();
        if self.broken == Some(Break::LoseSteps) {
            batch.writes.retain(|key, _| last.contains(key));
        }
        Ok((Progress::Moved, batch))
    }

    fn take_step(
        &self,
        now: Timestamp,
        taken: &StackStep,
        (request, answers): (RequestId, &Answers),
        read: &dyn Read,
        cache: &mut Cache,
    ) -> Result<(Progress, Batch), StoreFault> {
        self.with_cx(now, self.account, request, answers, None, |cx| {
            let mut tx = Tx::new(read);
            let progress = step(cx, &mut tx, taken.id, &Services::default(), cache)?;
            Ok((progress, tx.into_batch()))
        })
    }

    /// Considers what a stack of another Region wants of a key of this one.
    pub(super) fn run_grant(
        &mut self,
        now: Timestamp,
        (from, id, question): (Region, u64, Box<Question>),
        blobs: &[Kept],
        out: &mut Out,
    ) {
        let store = Rc::clone(&self.disk.store);
        let principal = question.caller().caller().unwrap();
        let (account, request) = (self.account, self.new_request_id());
        let none = Answers::new();
        let considered = self.with_cx(now, account, request, &none, Some(&principal), |cx| {
            replicas::answer(cx, &*store, from, &question)
        });
        match considered {
            Ok(considered) => {
                let product = Product::Answer(considered.answer);
                let job = Job::Grant { from, id, question };
                self.submit(now, job, product, considered.batch, blobs, out);
            }
            Err(StoreFault) => out.faults.push(format!("a grant of {question:?}")),
        }
    }
}

/// The faults that are built in on purpose: a step does without what it notes, or notes nothing.
impl Node {
    pub(super) fn spoil_step(&self, step: &StackStep, batch: &mut Batch) {
        let Some(broken) = self.broken else { return };
        let (mut makes, mut changes, mut deletes) = (false, false, false);
        for (key, record) in &batch.writes {
            let Key::Secret { scope, name } = key else { continue };
            let there = self.disk.store.secret(*scope, name).unwrap().is_some();
            makes |= record.is_some() && !there;
            changes |= record.is_some() && there;
            deletes |= record.is_none();
        }
        let undone = match step.phase {
            Phase::Update => changes && broken == Break::ChangeNothing,
            Phase::UpdateRollback => changes && broken == Break::ChangeNothingBack,
            Phase::Delete | Phase::Rollback => deletes && broken == Break::LeaveAll,
            Phase::Create | Phase::Import => false,
            Phase::UpdateCleanup | Phase::UpdateRollbackCleanup => {
                deletes && broken == Break::DeleteNothing
            }
        };
        if undone {
            batch.writes.retain(|key, _| is_note(key));
        }
        if makes && broken == Break::NoteNothing && self.rng.percent(20) {
            batch.writes.retain(|key, _| !is_note(key));
        }
    }
}

/// Whether a record is a stack's own.
const fn is_note(key: &Key) -> bool {
    matches!(
        key,
        Key::Stack { .. }
            | Key::StackResource { .. }
            | Key::StackEvent { .. }
            | Key::StackRun { .. }
    )
}
