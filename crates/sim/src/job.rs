//! What a Region is in the middle of: transactions that wait for the disk, and why they run.
//!
//! A job knows how to do its work again after a conflict; what it does after its commit is the
//! node's. A crash forgets all jobs.

use std::collections::BTreeMap;

use regent_core::cx::{Answers, Cx};
use regent_core::engine::Touch;
use regent_core::ids::{AccountId, Region, RequestId};
use regent_core::keys::managed;
use regent_core::ports::{StoreFault, TransportKey};
use regent_core::records::{Key, Outbox, Record, Subject};
use regent_core::replication::acknowledge::acknowledge;
use regent_core::replication::change::{Answer, Message, Outcome, Question, Stamp};
use regent_core::replication::outbox::dequeue;
use regent_core::replication::receiver;
use regent_core::replication::sender::Item;
use regent_core::secrets::accessed;
use regent_core::secrets::model::ReplicaFailure;
use regent_core::stacks::ids::StackId;
use regent_core::stacks::model::Phase;
use regent_core::time::Timestamp;
use regent_core::tx::{Records, Tx};

use crate::perform::Reply;
use crate::workload::Action;

/// One client's request on its way through a Region.
#[derive(Debug, Clone)]
pub struct Request {
    pub number: u64,
    pub action: Action,
    pub id: RequestId,
    pub now: Timestamp,
    pub answers: Answers,
}

/// The next step of a stack's operation.
#[derive(Debug, Clone)]
pub struct StackStep {
    pub id: StackId,
    /// The same for every attempt, as in the shell.
    pub request: RequestId,
    pub answers: Answers,
    /// What the operation is at.
    pub phase: Phase,
}

/// What waits until the account is known to have its managed key.
#[derive(Debug, Clone)]
pub enum Next {
    Client(Box<Request>),
    Consider { from: Region, id: u64, question: Box<Question> },
}

/// A transaction, and what it is for.
#[derive(Debug, Clone)]
pub enum Job {
    Client(Box<Request>),
    Ensure(Next),
    Apply {
        from: Region,
        message: Box<Message>,
    },
    Greeted {
        from: Region,
        key: TransportKey,
    },
    Forget {
        peer: Region,
        item: Item,
        entry: Outbox,
    },
    Unsendable {
        peer: Region,
        item: Item,
        at: Stamp,
        failure: ReplicaFailure,
    },
    Deadline(Key),
    Touch(Touch),
    StackStep(Box<StackStep>),
    /// What a stack of another Region wants of a key of this one.
    Grant {
        from: Region,
        id: u64,
        question: Box<Question>,
    },
}

/// What a job has to say once it is committed.
#[derive(Debug, Clone)]
pub enum Product {
    Reply(Reply),
    Message(Option<Message>),
    Answer(Answer),
}

impl Job {
    /// The account that the job acts for; `account` is the one that clients are in.
    pub fn account(&self, account: AccountId) -> AccountId {
        match self {
            Self::Client(_) | Self::Ensure(_) | Self::Touch(_) | Self::StackStep(_) => account,
            Self::Grant { question, .. } => question.account(),
            Self::Apply { message, .. } => receiver::account_of(message).unwrap_or(account),
            Self::Greeted { .. } => AccountId::NOBODY,
            Self::Forget { item, .. } | Self::Unsendable { item, .. } => item.0,
            Self::Deadline(key) => match key {
                Key::Deadline { account, .. } => *account,
                _ => account,
            },
        }
    }

    /// The transaction of every job that is one and nothing else.
    pub fn work(&self, cx: &Cx<'_>, tx: &mut Tx<'_>) -> Result<Option<Message>, StoreFault> {
        let scope = cx.scope();
        match self {
            Self::Client(_) | Self::StackStep(_) | Self::Grant { .. } => {}
            Self::Ensure(_) => managed::ensure(cx, tx, scope)?,
            Self::Apply { from, message } => {
                return receiver::receive(cx, tx, *from, Message::clone(message));
            }
            Self::Greeted { from, key } => {
                let at = Key::Peer { region: cx.region, peer: *from };
                tx.put(at, Record::Peer(key.clone()));
            }
            Self::Forget { peer, item: (_, subject), entry } => {
                if tx.outbox(scope, *peer, subject)?.as_ref() == Some(entry) {
                    dequeue(tx, scope, *peer, subject.clone());
                }
            }
            Self::Unsendable { peer, item: (_, subject), at, failure } => {
                let outcome = Outcome::Failed(failure.clone());
                acknowledge(cx, tx, *peer, subject, *at, outcome)?;
            }
            // No client here configures a rotation, so there is never a function to invoke.
            Self::Deadline(key) => drop(regent_core::deadlines::handle(cx, tx, key)?),
            Self::Touch(touch) => accessed::touch(cx, tx, touch)?,
        }
        Ok(None)
    }
}

/// Who asks other Regions.
#[derive(Debug)]
pub enum Asker {
    Client(Box<Request>),
    Step(Box<StackStep>),
}

impl Asker {
    const fn answers(&mut self) -> &mut Answers {
        match self {
            Self::Client(request) => &mut request.answers,
            Self::Step(step) => &mut step.answers,
        }
    }

    pub fn into_job(self) -> Job {
        match self {
            Self::Client(request) => Job::Client(request),
            Self::Step(step) => Job::StackStep(step),
        }
    }
}

/// Who waits for other Regions' words, by the number of the first question.
#[derive(Debug, Default)]
pub struct Asking {
    waiting: BTreeMap<u64, (Asker, usize)>,
    /// Whom a question belongs to, and what was asked whom.
    asked: BTreeMap<u64, (u64, Region, Question)>,
}

impl Asking {
    pub fn wait(&mut self, asker: Asker, questions: Vec<(u64, Region, Question)>) {
        let number = questions[0].0;
        self.waiting.insert(number, (asker, questions.len()));
        let asked = questions.into_iter().map(|(id, region, q)| (id, (number, region, q)));
        self.asked.extend(asked);
    }

    /// Takes an answer; gives whoever asked back once all the answers are there.
    pub fn answer(&mut self, id: u64, answer: Answer) -> Option<Asker> {
        let (number, region, question) = self.asked.remove(&id)?;
        let (asker, missing) = self.waiting.get_mut(&number)?;
        asker.answers().insert((region, question), answer);
        *missing -= 1;
        if *missing > 0 {
            return None;
        }
        self.waiting.remove(&number).map(|(asker, _)| asker)
    }

    /// The requests that a crash cuts off.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.waiting.values().filter_map(|(asker, _)| match asker {
            Asker::Client(request) => Some(&**request),
            Asker::Step(_) => None,
        })
    }
}

/// A short name of what a message says, for the trace.
pub fn told(message: &Message) -> String {
    match message {
        Message::Hello { answer, .. } => format!("Hello answer={answer}"),
        Message::Secret(state) => {
            let values = state.versions.iter().filter(|version| version.value.is_some()).count();
            let (name, suffix) = (&state.arn.name, state.arn.suffix);
            let (at, base) = (short(state.at), state.base.map(short));
            let versions = state.versions.len();
            format!("Secret {name}-{suffix} at {at} base {base:?} values {values}/{versions}")
        }
        Message::SecretRemoved { name, suffix, at, .. } => {
            format!("SecretRemoved {name}-{suffix} at {}", short(*at))
        }
        Message::Detached { name, suffix, at, .. } => {
            format!("Detached {name}-{suffix} at {}", short(*at))
        }
        Message::Key(state) => {
            let (id, at, primary) = (state.arn.id, short(state.at), state.primary);
            let install = state.install.is_some();
            format!("Key {id} at {at} primary {primary} {:?} install={install}", state.replicas)
        }
        Message::Accessed { name, suffix, day, .. } => {
            format!("Accessed {name}-{suffix} on {day:?}")
        }
        Message::PendingHeld { id, holding, .. } => {
            let held = holding.material.map(|held| held.material);
            format!("PendingHeld {id} at {}: {held:?}", short(holding.at))
        }
        Message::KeyGone { id, at, .. } => format!("KeyGone {id} at {}", short(*at)),
        Message::Acknowledged { subject, at, outcome, .. } => {
            format!("Acknowledged {} at {}: {outcome:?}", named(subject), short(*at))
        }
        Message::Ask { id, question } => match question {
            Question::CanHold { arn, kms_key_id, overwrite, .. } => {
                format!("Ask {id:x} {arn} under {kms_key_id:?} overwrite={overwrite}")
            }
            Question::CanBePrimary { key, .. } => {
                format!("Ask {id:x} whether {key} can be the primary")
            }
            Question::Replicate { key, token, .. } => {
                format!("Ask {id:x} a replica of {key} for {token}")
            }
            Question::Withdraw { key, token, .. } => {
                format!("Ask {id:x} no replica of {key} for {token}")
            }
        },
        Message::Answer { id, answer } => format!("Answer {id:x} {answer:?}"),
    }
}

/// A short name of a subject.
pub fn named(subject: &Subject) -> String {
    match subject {
        Subject::Secret { name, suffix } => format!("secret {name}-{suffix}"),
        Subject::Detached { name, suffix } => format!("detached {name}-{suffix}"),
        Subject::Key { id } => format!("key {id}"),
        Subject::KeyGone { id } => format!("key gone {id}"),
        Subject::Accessed { name, suffix } => format!("accessed {name}-{suffix}"),
        Subject::PendingHeld { id } => format!("pending held {id}"),
    }
}

/// A stamp as `epoch.revision`.
pub fn short(at: Stamp) -> String {
    format!("{}.{}", at.epoch, at.revision)
}
