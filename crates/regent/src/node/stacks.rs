//! Carrying out stacks' operations: each run in the store has a task that asks the core for the
//! next steps and commits them, those that wait for nothing together.
//!
//! What a run still has to do is in the store alone, so that runs go on after a restart where their
//! last commit was. A Region that is down does nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use regent_core::cx::{Answers, Caller, Cx, Origin};
use regent_core::ids::{AccountId, Region, RequestId, Scope};
use regent_core::keys::usage::Uses;
use regent_core::ports::{Read, StoreFault, random};
use regent_core::records::{Key, Prefix, Scan};
use regent_core::replication::change::{Answer, Question};
use regent_core::stacks::ids::StackId;
use regent_core::stacks::model::Phase;
use regent_core::stacks::run::{Cache, Progress, step};
use regent_core::tx::{Batch, Records, Tx};
use regent_crypto::SystemEntropy;
use regent_store::{CommitError, Group};
use regent_wire::audit::Record;
use regent_wire::cloudformation::handlers::{Called, Services};
use regent_wire::cloudformation::replicas;
use tokio::task::JoinSet;

use super::proxies::Consultation;
use super::{Node, apart, now};

/// How long to wait for news before looking again without any.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The same where there was nothing to do.
const LOOK_AROUND: Duration = Duration::from_mins(1);

/// LIMIT: steps of a stack in one commit, which are repeated together if somebody was in between.
const STEPS_MAX: usize = 32;
/// How long steps are gathered for one commit. Those that make key pairs take longer each.
const GATHER: Duration = Duration::from_millis(20);

type Run = (AccountId, StackId);

/// Whose steps are taken.
struct Steps<'a> {
    id: StackId,
    phase: Phase,
    caller: &'a Caller,
    origin: &'a Origin,
    most: usize,
}

/// Steps that follow one another and are not committed yet.
struct Taken {
    progress: Progress,
    batch: Batch,
    made: Vec<Made>,
}

/// What is recorded of one step, besides what it writes.
struct Made {
    request_id: RequestId,
    calls: Vec<Called>,
    uses: Uses,
}

impl Node {
    /// Carries out every run until the process ends.
    pub async fn run_stacks(self: Arc<Self>) {
        let mut tasks: JoinSet<Run> = JoinSet::new();
        let mut active: BTreeSet<Run> = BTreeSet::new();
        loop {
            let begun = self.effects.stack_begun.notified();
            match self.runs() {
                Ok(runs) => {
                    for run in runs {
                        if active.insert(run) {
                            tasks.spawn(Arc::clone(&self).carry_out(run));
                        }
                    }
                }
                Err(StoreFault) => {
                    tracing::error!(region = %self.region, "stacks could not be looked for");
                }
            }
            tokio::select! {
                () = begun => {}
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
                    Ok(run) => drop(active.remove(&run)),
                    // Which one panicked is not told; all that are left are looked for again.
                    Err(_) => active.clear(),
                },
                () = tokio::time::sleep(LOOK_AROUND) => {}
            }
        }
    }

    fn runs(&self) -> Result<Vec<Run>, StoreFault> {
        let mut runs = Vec::new();
        let scan = Scan::all(Prefix::StackRuns { region: self.region });
        self.store.scan(&scan, &mut |key, _| {
            if let Key::StackRun { scope, id } = key {
                runs.push((scope.account, id));
            }
            ControlFlow::Continue(())
        })?;
        Ok(runs)
    }

    async fn carry_out(self: Arc<Self>, run: Run) -> Run {
        let mut cache = Cache::default();
        loop {
            let settling = self.effects.replica_changed.notified();
            if self.links.is_down(self.region).is_some() {
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            match self.stack_steps(run, &mut cache).await {
                Ok(Progress::Moved) => {}
                Ok(Progress::Over) => return run,
                Ok(Progress::Wait | Progress::Ask(_)) => {
                    let _ = tokio::time::timeout(LOOK_AGAIN, settling).await;
                }
                Err(StoreFault) => {
                    let (region, stack) = (self.region, run.1);
                    tracing::error!(%region, %stack, "a step of a stack could not be done");
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Some steps, committed together.
    async fn stack_steps(&self, run: Run, cache: &mut Cache) -> Result<Progress, StoreFault> {
        let (account, id) = run;
        let scope = Scope { region: self.region, account };
        let Some(found) = self.store.stack_run(scope, id)? else { return Ok(Progress::Over) };
        let caller = self.principals.principal(account, &found.principal);
        let origin = origin();
        let mut answers = Answers::new();
        // Its request is the same for every attempt: what the first step asks other Regions about is
        // named after it.
        let mut consultation = Consultation::own();
        let mut most = STEPS_MAX;
        loop {
            let turn = self.slow.acquire().await.ok();
            let of = Steps { id, phase: found.phase, caller: &caller, origin: &origin, most };
            // They may make a key pair, and read whole templates.
            let taken = apart(|| self.take_steps(&of, &answers, &mut consultation, cache));
            drop(turn);
            let Some(taken) = taken? else {
                consultation.ask(self).await?;
                continue;
            };
            match taken.progress {
                Progress::Ask(asks) => answers.extend(self.ask(asks).await),
                Progress::Moved => match self.commit_steps(taken, &origin).await {
                    Ok(()) => return Ok(Progress::Moved),
                    // Somebody was in between, which is the less likely the less is at stake.
                    Err(CommitError::Conflict) => most = 1,
                    Err(CommitError::Fault) => return Err(StoreFault),
                },
                done => return Ok(done),
            }
        }
    }

    /// Takes the next steps, each on what those before it write. Only the first one gets other
    /// Regions' and proxies' answers: another one that lacks some, waits or fails is left until it
    /// is the first. `None` if a proxy is to be asked.
    fn take_steps(
        &self,
        of: &Steps<'_>,
        answers: &Answers,
        consultation: &mut Consultation,
        cache: &mut Cache,
    ) -> Result<Option<Taken>, StoreFault> {
        let started = Instant::now();
        let mut group = Group::new(&*self.store);
        let first = self.take_step(of, &group, answers, consultation, cache)?;
        let Some((progress, batch, made)) = first else { return Ok(None) };
        let mut taken = Taken { progress, batch, made: vec![made] };
        if taken.progress != Progress::Moved {
            return Ok(Some(taken));
        }
        group.add(taken.batch);
        let scope = Scope { region: self.region, account: of.caller.account };
        while taken.made.len() < of.most && started.elapsed() < GATHER {
            // What an operation comes to is told when it does.
            if group.stack_run(scope, of.id)?.is_none_or(|run| run.phase != of.phase) {
                break;
            }
            let mut consultation = Consultation::own();
            match self.take_step(of, &group, &Answers::new(), &mut consultation, cache) {
                Ok(Some((Progress::Moved, batch, made))) => {
                    group.add(batch);
                    taken.made.push(made);
                }
                _ => break,
            }
        }
        taken.batch = group.into_batch();
        Ok(Some(taken))
    }

    fn take_step(
        &self,
        of: &Steps<'_>,
        read: &dyn Read,
        answers: &Answers,
        consultation: &mut Consultation,
        cache: &mut Cache,
    ) -> Result<Option<(Progress, Batch, Made)>, StoreFault> {
        let (services, uses) = (Services::default(), Uses::default());
        let request_id = consultation.request();
        let outcome = consultation.run(|entropy, proxies| {
            let cx = Cx {
                now: now(),
                region: self.region,
                caller: of.caller,
                request_id,
                origin: of.origin,
                profile: self.profile,
                regions: &self.regions,
                answers,
                functions: &self.own_functions,
                roles: self.principals.roles(),
                entropy,
                crypto: &*self.crypto,
                proxies,
                uses: &uses,
                system_tags: None,
            };
            let mut tx = Tx::new(read);
            let progress = step(&cx, &mut tx, of.id, &services, cache)?;
            Ok((progress, tx.into_batch()))
        });
        if consultation.is_void() {
            return Ok(None);
        }
        let (progress, batch) = outcome?;
        Ok(Some((progress, batch, Made { request_id, calls: services.take(), uses })))
    }

    /// Records what steps have called, and commits what they have written.
    async fn commit_steps(&self, taken: Taken, origin: &Origin) -> Result<(), CommitError> {
        let mut recorded = Vec::with_capacity(taken.made.len());
        for Made { request_id, calls, uses } in taken.made {
            let event = self.record_calls(&calls, origin, request_id);
            recorded.push((request_id, event.map_err(|StoreFault| CommitError::Fault)?, uses));
        }
        self.commit(taken.batch).await?;
        for (request_id, event, uses) in recorded {
            self.note_uses((now(), request_id, event), uses);
        }
        Ok(())
    }

    /// Answers a stack of another Region that wants a replica of a key of this one, or no more.
    pub(super) async fn grant_replica(
        &self,
        principal: &Caller,
        from: Region,
        question: &Question,
    ) -> Result<Answer, StoreFault> {
        let origin = origin();
        loop {
            let mut consultation = Consultation::own();
            let considered = self.as_caller(principal, &mut consultation, |cx| {
                let cx = Cx { origin: &origin, ..*cx };
                replicas::answer(&cx, &*self.store, from, question)
            });
            // Keys of several Regions are in no key store: no proxy has anything to say of them.
            let considered = considered.ok_or(StoreFault)??;
            let request_id = consultation.request();
            self.record_calls(&considered.calls, &origin, request_id)?;
            if considered.batch.writes.is_empty() {
                return Ok(considered.answer);
            }
            match self.commit(considered.batch).await {
                Ok(()) => return Ok(considered.answer),
                Err(CommitError::Conflict) => {}
                Err(CommitError::Fault) => return Err(StoreFault),
            }
        }
    }

    /// PROMISE R6: what a stack calls is in the audit log before it is done, as if its role or
    /// its principal had called it through CloudFormation. It is not done after all if somebody was in
    /// between; then it is done and recorded again. Gives the id of the last record.
    fn record_calls(
        &self,
        calls: &[Called],
        origin: &Origin,
        request_id: RequestId,
    ) -> Result<RequestId, StoreFault> {
        let mut event_id = request_id;
        for called in calls {
            event_id = RequestId::from_entropy(random(&SystemEntropy));
            let record = Record {
                at: now(),
                request_id,
                event_id,
                service: Some(called.operation.service),
                operation: Some(called.operation.name),
                read_only: called.operation.read_only,
                region: Some(self.region),
                caller: Some(&called.caller),
                access_key: None,
                origin,
                error_code: called.error_code,
                error_message: None,
                body: Some(&called.body),
            };
            self.audit.append(&record).map_err(|cause| {
                tracing::error!(%cause, %request_id, "the audit record could not be written");
                StoreFault
            })?;
        }
        Ok(event_id)
    }
}

/// Where a stack's calls come from.
fn origin() -> Origin {
    Origin {
        source_ip: std::net::IpAddr::from([127, 0, 0, 1]),
        secure_transport: true,
        user_agent: "cloudformation.amazonaws.com".into(),
    }
}
