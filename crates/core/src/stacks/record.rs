//! Reading and writing the records of one stack.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::Scope;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::stacks::exports;
use crate::stacks::ids::{LogicalId, StackId};
use crate::stacks::model::{Event, Phase, Reason, Resource, Run, Stack, Status};
use crate::tx::{Tx, collect};

/// AWS: the type that events of the stack itself have.
pub(super) const STACK_TYPE: &str = "AWS::CloudFormation::Stack";

/// Every resource of a stack, by its logical id.
pub(super) fn resources(
    read: &dyn Read,
    scope: Scope,
    stack: StackId,
) -> Result<BTreeMap<String, Resource>, StoreFault> {
    let found = collect(read, Prefix::StackResources { scope, stack }, |key, record| {
        match (key, record) {
            (Key::StackResource { logical, .. }, Record::StackResource(found)) => {
                Some((logical.to_string(), Resource::clone(&found)))
            }
            _ => None,
        }
    })?;
    Ok(found.into_iter().collect())
}

pub(super) fn put_stack(tx: &mut Tx<'_>, scope: Scope, stack: Stack) {
    tx.put(Key::Stack { scope, id: stack.id }, Record::Stack(Arc::new(stack)));
}

pub(super) fn put_run(tx: &mut Tx<'_>, scope: Scope, id: StackId, run: Run) {
    tx.put(Key::StackRun { scope, id }, Record::StackRun(Arc::new(run)));
}

pub(super) fn put_resource(
    tx: &mut Tx<'_>,
    scope: Scope,
    stack: StackId,
    logical: &LogicalId,
    resource: Resource,
) {
    let key = Key::StackResource { scope, stack, logical: logical.clone() };
    tx.put(key, Record::StackResource(Arc::new(resource)));
}

pub(super) fn put_event(
    tx: &mut Tx<'_>,
    scope: Scope,
    stack: StackId,
    run: &mut Run,
    event: Event,
) {
    let number = run.next_event;
    run.next_event += 1;
    let key = Key::StackEvent { scope, stack, number };
    tx.put(key, Record::StackEvent(Arc::new(event)));
}

/// What holds for an update, and afterwards.
#[derive(Debug, Default)]
pub(super) struct Policies {
    pub during: Option<Box<str>>,
    pub after: Option<Box<str>>,
}

/// A run under the policy that the stack has.
pub(super) fn begin(cx: &Cx<'_>, tx: &mut Tx<'_>, stack: &mut Stack, begun: Begun) {
    let policies = Policies { during: stack.policy.clone(), after: None };
    begin_under(cx, tx, stack, begun, policies);
}

/// A new run of a stack, which its requester's authority carries, with the stack's first event.
pub(super) fn begin_under(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    stack: &mut Stack,
    begun: Begun,
    policies: Policies,
) {
    let scope = cx.scope();
    let mut run = Run {
        phase: begun.phase,
        account: cx.caller.account,
        principal: (*cx.caller.arn).into(),
        started: cx.now,
        next_event: stack.next_event,
        position: 0,
        failed: std::collections::BTreeSet::new(),
        retained: begun.retained,
        policy: policies.during,
        policy_after: policies.after,
        token: begun.token,
    };
    stack.status = begun.status;
    stack.reason = Some(Reason::UserInitiated);
    stack.token.clone_from(&run.token);
    exports::keep_imports(tx, scope, stack);
    let event = of_stack(cx, stack, run.token.clone());
    put_event(tx, scope, stack.id, &mut run, event);
    put_run(tx, scope, stack.id, run);
}

/// The stack's present state as an event of its own, where no run is under way.
pub(super) fn note(cx: &Cx<'_>, tx: &mut Tx<'_>, stack: &mut Stack, token: Option<Box<str>>) {
    let (scope, number) = (cx.scope(), stack.next_event);
    stack.next_event += 1;
    let key = Key::StackEvent { scope, stack: stack.id, number };
    tx.put(key, Record::StackEvent(Arc::new(of_stack(cx, stack, token))));
}

/// How a run begins.
pub(super) struct Begun {
    pub phase: Phase,
    pub status: Status,
    pub token: Option<Box<str>>,
    pub retained: std::collections::BTreeSet<LogicalId>,
}

/// An event of the stack itself, in its present state.
pub(super) fn of_stack(cx: &Cx<'_>, stack: &Stack, token: Option<Box<str>>) -> Event {
    Event {
        at: cx.now,
        logical: None,
        physical: stack.arn(cx.scope()).to_string().into(),
        type_name: STACK_TYPE.into(),
        status: stack.status,
        reason: stack.reason.clone(),
        token,
    }
}
