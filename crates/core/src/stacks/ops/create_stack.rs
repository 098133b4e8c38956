//! CreateStack: a new stack, whose resources are made by its run.
//!
//! Everything that can be found in the template is found before anything is made. A request that
//! is repeated with its token is answered as the first was.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Prefix, Record};
use crate::roles::RoleArn;
use crate::stacks::documents::Documents;
use crate::stacks::error::Error;
use crate::stacks::ids::{StackArn, StackId, StackName};
use crate::stacks::model::{Options, Phase, Stack, Status};
use crate::stacks::ops::given::{New, side};
use crate::stacks::ready::Given;
use crate::stacks::record::{self, Begun};
use crate::stacks::role;
use crate::stacks::target::of_name;
use crate::tags::Tags;
use crate::tx::{Records, Tx, collect};

#[derive(Debug)]
pub struct CreateStack {
    pub name: StackName,
    pub template: Box<str>,
    pub parameters: Given,
    pub options: Options,
    pub tags: Tags,
    pub capabilities: Vec<Box<str>>,
    pub policy: Option<Box<str>>,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

impl Operation for CreateStack {
    const ACTION: &'static str = "cloudformation:CreateStack";
    type Target = Option<StackId>;
    type Output = StackArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Option<StackId>, StoreFault> {
        read.stack_of_name(cx.scope(), &self.name)
    }

    fn demands(&self, cx: &Cx<'_>, _target: &Option<StackId>) -> Vec<Demand> {
        let resource = of_name(cx, self.name.as_str());
        let mut demand = Demand::on(Self::ACTION, resource, cx.caller.account);
        demand.facts.request_tags = (!self.tags.is_empty()).then(|| self.tags.clone());
        role::demands(demand, self.role.as_ref())
    }
}

impl Command for CreateStack {
    fn run(
        op: Authorized<Self>,
        existing: Option<StackId>,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<StackArn>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let found = existing.map(|id| tx.stack(scope, id)).transpose()?.flatten();
        let reviewed = match found {
            Some(found) if found.status == Status::ReviewInProgress => Some(Stack::clone(&found)),
            Some(found) => {
                let repeated = found.is_begun_by(op.token.as_deref());
                return if repeated && found.generation == 1 {
                    Ok(Step::Done(found.arn(scope)))
                } else {
                    Err(Error::Exists { name: op.name })
                };
            }
            None => {
                count_living(cx, tx)?;
                None
            }
        };
        let mut stack = match reviewed {
            Some(stack) => stack,
            None => new_stack(cx, op.name),
        };
        let arn = stack.arn(scope);
        stack.role = role::taken(cx, tx, &stack, op.role)?;
        let documents = Documents::open(cx, scope.account, &stack)?;
        let new = New {
            generation: 1,
            template: &op.template,
            parameters: &op.parameters,
            tags: &op.tags,
            capabilities: &op.capabilities,
        };
        let (target, _) = side(cx, &arn, &documents, &new)?;
        stack.options = op.options;
        // One that is only reviewed may have got its policy before.
        stack.policy = op.policy.or(stack.policy);
        stack.target = Some(target);
        stack.generation = 1;
        let (phase, status) = (Phase::Create, Status::CreateInProgress);
        let begun = Begun { phase, status, token: op.token, retained: BTreeSet::new() };
        record::begin(cx, tx, &mut stack, begun);
        let name = stack.name.clone();
        tx.put(Key::StackOfName { scope, name }, Record::StackRef(arn.id));
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(arn))
    }
}

/// A stack that is nothing yet.
pub(super) fn new_stack(cx: &Cx<'_>, name: StackName) -> Stack {
    let id = StackId::new(cx.now, cx.entropy);
    let (_, data_key) = Documents::new(cx, id);
    Stack {
        id,
        name,
        data_key,
        created: cx.now,
        updated: None,
        deleted: None,
        status: Status::ReviewInProgress,
        reason: None,
        options: Options::default(),
        current: None,
        target: None,
        leaving: None,
        superseded: Vec::new(),
        outputs: Vec::new(),
        generation: 0,
        next_event: 1,
        imports: BTreeSet::new(),
        policy: None,
        token: None,
        change_set: None,
        detection: None,
        role: None,
    }
}

/// Refuses one stack too many.
pub(super) fn count_living(cx: &Cx<'_>, read: &dyn Read) -> Result<(), Error> {
    let scope = cx.scope();
    let living = collect(read, Prefix::Stacks { scope }, |_, record| match record {
        Record::Stack(stack) if stack.deleted.is_none() => Some(()),
        _ => None,
    })?;
    if living.len() < limits::STACKS_MAX { Ok(()) } else { Err(Error::TooManyStacks) }
}
