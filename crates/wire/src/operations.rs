//! The operations table: one line per operation. Dispatch, IAM actions, the compatibility table
//! and the coverage tests derive from it.
//!
//! A row runs an operation from body to answer without I/O: it decodes, lets the core's engine
//! authorize and run, and encodes. What must happen between (a commit, a question to another
//! Region) is the shell's: see [`Outcome`].

use std::collections::BTreeMap;

use regent_core::cx::{Ask, Cx};
use regent_core::engine::{self, Command, Query, Step, Touch};
use regent_core::ports::Read;
use regent_core::records::Key;
use regent_core::secrets::ops as secrets;
use regent_core::tx::{Batch, Tx};

use crate::fault::{Answer, Fault};
use crate::json;
use crate::json_operation::JsonOperation;
use crate::query_xml::Format;
use crate::service::Service;

/// One operation, as everything outside the core knows it.
#[derive(Debug)]
pub struct Operation {
    pub service: Service,
    /// AWS's name, such as `GetSecretValue`.
    pub name: &'static str,
    /// The IAM action.
    pub action: &'static str,
    /// Whether it changes nothing.
    pub read_only: bool,
    run: Run,
}

type Run = fn(&Cx<'_>, &dyn Read, &Request<'_>) -> Outcome;

/// What an operation decodes.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The body, or the query string of a query service's GET.
    pub body: &'a [u8],
    /// The client's wish, for query services.
    pub format: Format,
}

/// How far an operation came.
#[derive(Debug)]
pub enum Outcome {
    /// A query's answer. It stands if `reads` are unchanged.
    Answer {
        answer: Answer,
        reads: BTreeMap<Key, u64>,
        touch: Option<Touch>,
    },
    /// A command's: to be given once the batch is committed.
    Commit {
        answer: Answer,
        batch: Batch,
    },
    /// Other Regions must be asked; then the operation runs again.
    Ask(Vec<Ask>),
    Fault(Fault),
}

impl Operation {
    /// Runs the operation on one view of the store.
    pub fn run(&self, cx: &Cx<'_>, read: &dyn Read, request: &Request<'_>) -> Outcome {
        (self.run)(cx, read, request)
    }

    const fn query<Op: JsonOperation + Query>(service: Service, name: &'static str) -> Self {
        Self { service, name, action: Op::ACTION, read_only: true, run: json_query::<Op> }
    }

    const fn command<Op: JsonOperation + Command>(service: Service, name: &'static str) -> Self {
        Self { service, name, action: Op::ACTION, read_only: false, run: json_command::<Op> }
    }
}

fn json_query<Op: JsonOperation + Query>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Op::decode(request.body) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let tracked = Tx::new(read);
    match engine::query(op, cx, &tracked) {
        Ok(output) => Outcome::Answer {
            answer: json_answer::<Op>(&output, cx),
            reads: tracked.into_batch().reads,
            touch: Op::touch(&output),
        },
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn json_command<Op: JsonOperation + Command>(
    cx: &Cx<'_>,
    read: &dyn Read,
    request: &Request<'_>,
) -> Outcome {
    let op = match Op::decode(request.body) {
        Ok(op) => op,
        Err(fault) => return Outcome::Fault(fault),
    };
    let mut tx = Tx::new(read);
    match engine::command(op, cx, &mut tx) {
        Ok(Step::Done(output)) => {
            let answer = json_answer::<Op>(&output, cx);
            Outcome::Commit { answer, batch: tx.into_batch() }
        }
        Ok(Step::Ask(asks)) => Outcome::Ask(asks),
        Err(error) => Outcome::Fault(Op::fault(error, cx)),
    }
}

fn json_answer<Op: JsonOperation>(output: &Op::Output, cx: &Cx<'_>) -> Answer {
    let mut body = Vec::new();
    Op::encode(output, cx, &mut body);
    Answer { status: 200, content_type: json::CONTENT_TYPE, body }
}

/// The operation of a service by AWS's name. Names are compared as they are.
pub fn find(service: Service, name: &str) -> Option<&'static Operation> {
    let key = (service, name);
    let at = OPERATIONS.binary_search_by(|row| (row.service, row.name).cmp(&key)).ok()?;
    OPERATIONS.get(at)
}

/// One line per operation, sorted by service and name.
///
/// A line ends in the operation's name, as AWS spells it, once as a type and once as text.
#[rustfmt::skip]
pub static OPERATIONS: &[Operation] = &[
    Operation::command::<secrets::CreateSecret>(Service::SecretsManager, "CreateSecret"),
    Operation::command::<secrets::DeleteSecret>(Service::SecretsManager, "DeleteSecret"),
    Operation::query::<secrets::DescribeSecret>(Service::SecretsManager, "DescribeSecret"),
    Operation::query::<secrets::GetSecretValue>(Service::SecretsManager, "GetSecretValue"),
    Operation::query::<secrets::ListSecretVersionIds>(Service::SecretsManager, "ListSecretVersionIds"),
    Operation::query::<secrets::ListSecrets>(Service::SecretsManager, "ListSecrets"),
    Operation::command::<secrets::PutSecretValue>(Service::SecretsManager, "PutSecretValue"),
    Operation::command::<secrets::RemoveRegionsFromReplication>(Service::SecretsManager, "RemoveRegionsFromReplication"),
    Operation::command::<secrets::ReplicateSecretToRegions>(Service::SecretsManager, "ReplicateSecretToRegions"),
    Operation::command::<secrets::RestoreSecret>(Service::SecretsManager, "RestoreSecret"),
    Operation::command::<secrets::StopReplicationToReplica>(Service::SecretsManager, "StopReplicationToReplica"),
    Operation::command::<secrets::TagResource>(Service::SecretsManager, "TagResource"),
    Operation::command::<secrets::UntagResource>(Service::SecretsManager, "UntagResource"),
    Operation::command::<secrets::UpdateSecret>(Service::SecretsManager, "UpdateSecret"),
    Operation::command::<secrets::UpdateSecretVersionStage>(Service::SecretsManager, "UpdateSecretVersionStage"),
];
