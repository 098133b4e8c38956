//! Whole stacks on the real operations: events, rollbacks, and what is left of resources.
//!
//! Each step is one transaction of the core, committed by itself, and made from the store alone, as
//! after a restart. [`Story`] runs requests as clients write them, and prints what clients see.

mod change_sets;
mod drifts;
mod exports;
mod imports;
mod left_failed;
mod operations;
mod policies;
mod refusals;
mod replica_keys;
mod roles;
mod rollbacks;
mod rotation_schedules;
mod steps;
mod stories;

use std::collections::BTreeSet;
use std::sync::Arc;

use regent_core::cx::{Ask, Profile};
use regent_core::policy::document::Policy;
use regent_core::policy::evaluate::PrincipalKind;
use regent_core::records::Key;
use regent_core::replication::change::Answer;
use regent_core::stacks::ids::StackId;
use regent_core::stacks::run::{Cache, Progress, step};
use regent_core::tx::Tx;

use super::handlers::Services;
use super::replicas;
use crate::operations::{Outcome, find};
use crate::query_xml::Format;
use crate::service::Service;
use crate::testing::World;

/// One Region in which stacks are made.
struct Story {
    world: World,
    /// What other Regions answer to whatever they are asked.
    answer: Answer,
    /// A Region that answers for itself.
    peer: Option<Box<Story>>,
    /// A peer that is there, but whose answers are lost.
    is_deaf: bool,
    /// The operations that the audit log has of stacks' steps.
    called: Vec<&'static str>,
    /// Who called them.
    callers: BTreeSet<Arc<str>>,
}

impl Story {
    fn new(profile: Profile) -> Self {
        let mut world = World::new();
        world.profile = profile;
        let scope = world.scope();
        world.edit(|cx, tx| regent_core::keys::managed::ensure(cx, tx, scope)).unwrap();
        Self {
            world,
            answer: Answer::Yes,
            peer: None,
            is_deaf: false,
            called: Vec::new(),
            callers: BTreeSet::new(),
        }
    }

    /// A request with its parameters, form-encoded here. The answer's body, or the error's.
    fn call(&mut self, name: &str, params: &[(&str, &str)]) -> String {
        let row = find(Service::CloudFormation, name).unwrap();
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", name), ("Version", "2010-05-15")])
            .extend_pairs(params)
            .finish();
        let outcome = row.run(&self.world.cx(), &self.world.store, form.as_bytes(), Format::Xml);
        let answer = match outcome {
            Outcome::Answer { answer, .. } => answer,
            Outcome::Commit { answer, batch } => {
                self.world.store.commit(batch);
                self.world.committed = self.world.committed.wrapping_add(1);
                answer
            }
            Outcome::Fault(fault) => fault.answer(Service::CloudFormation, Format::Xml, "id"),
            Outcome::Ask(asks) => panic!("{asks:?}"),
        };
        String::from_utf8(answer.body).unwrap()
    }

    /// The same, for an operation of a JSON service.
    fn service(&mut self, service: Service, name: &str, body: &str) -> String {
        let row = find(service, name).unwrap();
        match row.run(&self.world.cx(), &self.world.store, body.as_bytes(), Format::Xml) {
            Outcome::Answer { answer, .. } => String::from_utf8(answer.body).unwrap(),
            Outcome::Commit { answer, batch } => {
                self.world.store.commit(batch);
                self.world.committed = self.world.committed.wrapping_add(1);
                String::from_utf8(answer.body).unwrap()
            }
            Outcome::Fault(fault) => {
                let answer = fault.answer(service, Format::Xml, "id");
                String::from_utf8(answer.body).unwrap()
            }
            Outcome::Ask(asks) => panic!("{asks:?}"),
        }
    }

    fn runs(&self) -> Vec<StackId> {
        let keys = self.world.store.keys();
        keys.filter_map(|key| match key {
            Key::StackRun { id, .. } => Some(*id),
            _ => None,
        })
        .collect()
    }

    /// One step of every run, from the store alone. Whether anything moved.
    fn step(&mut self) -> bool {
        let mut moved = false;
        for id in self.runs() {
            moved |= self.step_of(id);
        }
        moved
    }

    fn step_of(&mut self, id: StackId) -> bool {
        loop {
            self.world.pass_ms(1);
            let (progress, batch, called) = {
                let mut tx = Tx::new(&self.world.store);
                let (mut cache, handlers) = (Cache::default(), Services::default());
                let progress = step(&self.world.cx(), &mut tx, id, &handlers, &mut cache).unwrap();
                (progress, tx.into_batch(), handlers.take())
            };
            match progress {
                Progress::Moved => {
                    self.called.extend(called.iter().map(|call| call.operation.name));
                    self.callers.extend(called.into_iter().map(|call| call.caller.arn));
                    self.world.store.commit(batch);
                    self.world.committed = self.world.committed.wrapping_add(1);
                    self.world.answers.clear();
                    return true;
                }
                Progress::Ask(asks) => {
                    assert!(self.world.answers.is_empty(), "asked again: {asks:?}");
                    for ask in asks {
                        let answer = self.answer_to(&ask);
                        self.world.answers.insert((ask.region, ask.question), answer);
                    }
                }
                Progress::Wait | Progress::Over => {
                    self.world.answers.clear();
                    return false;
                }
            }
        }
    }

    fn answer_to(&mut self, ask: &Ask) -> Answer {
        let from = self.world.region;
        let Some(peer) = self.peer.as_mut().filter(|peer| peer.world.region == ask.region) else {
            return self.answer.clone();
        };
        let caller = ask.question.caller().caller().unwrap();
        let before = std::mem::replace(&mut peer.world.caller, caller);
        let (cx, store) = (peer.world.cx(), &peer.world.store);
        let considered = replicas::answer(&cx, store, from, &ask.question).unwrap();
        peer.world.store.commit(considered.batch);
        peer.world.committed = peer.world.committed.wrapping_add(1);
        peer.world.caller = before;
        if self.is_deaf { Answer::Unreachable } else { considered.answer }
    }

    /// Steps until nothing moves.
    fn settle(&mut self) {
        while self.step() {}
    }

    fn create(&mut self, name: &str, template: &str) -> String {
        let answer = self.call("CreateStack", &[("StackName", name), ("TemplateBody", template)]);
        self.settle();
        answer
    }

    fn update(&mut self, name: &str, template: &str) -> String {
        let answer = self.call("UpdateStack", &[("StackName", name), ("TemplateBody", template)]);
        self.settle();
        answer
    }

    fn delete(&mut self, name: &str) -> String {
        let answer = self.call("DeleteStack", &[("StackName", name)]);
        self.settle();
        answer
    }

    fn status(&mut self, stack: &str) -> String {
        let answer = self.call("DescribeStacks", &[("StackName", stack)]);
        element(&answer, "StackStatus").unwrap_or(answer)
    }

    /// From now on a user with this policy makes the requests.
    fn be_user(&mut self, policy: &str) {
        let caller = &mut self.world.caller;
        caller.kind = PrincipalKind::User;
        caller.arn = "arn:aws:iam::111122223333:user/a".into();
        caller.policies = [Policy::parse_identity(policy).unwrap()].into();
    }

    /// The events, oldest first: who, what, and why.
    fn events(&mut self, stack: &str) -> Vec<String> {
        let answer = self.call("DescribeStackEvents", &[("StackName", stack)]);
        let mut lines: Vec<String> = answer
            .split("<member>")
            .skip(1)
            .map(|event| {
                let of = |name: &str| element(event, name).unwrap_or_default();
                let line = format!(
                    "{} {} {}",
                    of("LogicalResourceId"),
                    of("ResourceStatus"),
                    of("ResourceStatusReason")
                );
                line.trim_end().to_owned()
            })
            .collect();
        lines.reverse();
        lines
    }

    /// The events that came after so many others.
    fn events_after(&mut self, stack: &str, count: usize) -> Vec<String> {
        self.events(stack).split_off(count)
    }

    fn secret(&mut self, name: &str) -> String {
        let body = format!(r#"{{"SecretId":"{name}"}}"#);
        self.service(Service::SecretsManager, "DescribeSecret", &body)
    }

    fn value(&mut self, name: &str) -> String {
        let body = format!(r#"{{"SecretId":"{name}"}}"#);
        let answer = self.service(Service::SecretsManager, "GetSecretValue", &body);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let found = answer.get("SecretString").or(answer.get("Message")).unwrap();
        found.as_str().unwrap().to_owned()
    }

    fn secrets(&mut self) -> usize {
        let answer = self.service(Service::SecretsManager, "ListSecrets", "{}");
        answer.matches("\"ARN\"").count()
    }
}

/// The text of the first element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.replace("&quot;", "\"").replace("&lt;", "<").replace("&amp;", "&"))
}

/// An error's code and message.
fn text(answer: &str) -> String {
    let code = element(answer, "Code").unwrap_or_else(|| answer.to_owned());
    format!("{code}: {}", element(answer, "Message").unwrap_or_default())
}
