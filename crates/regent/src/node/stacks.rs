//! Carrying out stacks' operations: each run in the store has a task that asks the core for the
//! next step and commits it.
//!
//! What a run still has to do is in the store alone, so that runs go on after a restart where their
//! last commit was. A Region that is down does nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use regent_core::cx::{Answers, Caller, Cx, Origin};
use regent_core::ids::{AccountId, Region, RequestId, Scope};
use regent_core::keys::usage::Uses;
use regent_core::ports::{StoreFault, random};
use regent_core::records::{Key, Prefix, Scan};
use regent_core::replication::change::{Answer, Question};
use regent_core::stacks::ids::StackId;
use regent_core::stacks::run::{Cache, Progress, step};
use regent_core::tx::{Records, Tx};
use regent_crypto::SystemEntropy;
use regent_store::CommitError;
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

type Run = (AccountId, StackId);

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
            match self.stack_step(run, &mut cache).await {
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

    /// One step, committed.
    async fn stack_step(&self, run: Run, cache: &mut Cache) -> Result<Progress, StoreFault> {
        let (account, id) = run;
        let scope = Scope { region: self.region, account };
        let Some(found) = self.store.stack_run(scope, id)? else { return Ok(Progress::Over) };
        let caller = self.principals.principal(account, &found.principal);
        let origin = origin();
        // The same for every attempt: what a step asks other Regions about is named after it.
        let request_id = RequestId::from_entropy(random(&SystemEntropy));
        let mut answers = Answers::new();
        let mut consultation = Consultation::new(request_id);
        loop {
            let turn = self.slow.acquire().await.ok();
            let (services, uses) = (Services::default(), Uses::default());
            let outcome = consultation.run(|entropy, proxies| {
                let cx = Cx {
                    now: now(),
                    region: self.region,
                    caller: &caller,
                    request_id,
                    origin: &origin,
                    profile: self.profile,
                    regions: &self.regions,
                    answers: &answers,
                    functions: &self.own_functions,
                    roles: self.principals.roles(),
                    entropy,
                    crypto: &*self.crypto,
                    proxies,
                    uses: &uses,
                    system_tags: None,
                };
                let mut tx = Tx::new(&*self.store);
                // It may make a key pair, and reads whole templates.
                let progress = apart(|| step(&cx, &mut tx, id, &services, cache))?;
                Ok::<_, StoreFault>((progress, tx.into_batch()))
            });
            drop(turn);
            if consultation.is_void() {
                consultation.ask(self).await?;
                continue;
            }
            let (progress, batch) = outcome?;
            match progress {
                Progress::Ask(asks) => answers.extend(self.ask(asks).await),
                Progress::Moved => {
                    let calls = services.take();
                    let event = self.record_calls(&calls, &origin, request_id)?;
                    match self.commit(batch).await {
                        Ok(()) => {
                            self.note_uses((now(), request_id, event), uses);
                            return Ok(Progress::Moved);
                        }
                        Err(CommitError::Conflict) => {}
                        Err(CommitError::Fault) => return Err(StoreFault),
                    }
                }
                done => return Ok(done),
            }
        }
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
    /// its principal had called it through CloudFormation. Some of it may not be done after all. Gives the id of
    /// the last record.
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
