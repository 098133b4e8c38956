//! CreateChangeSet: what an update or a creation would do, to be executed later.
//!
//! A change set that is to create a stack makes one that is only reviewed. AWS: one without changes
//! is made all the same, and says so.

use std::collections::BTreeMap;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::limits;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Record};
use crate::roles::RoleArn;
use crate::stacks::change_set::{self, Change, ChangeSet, Outcome};
use crate::stacks::changes::{self, Is, Sealer, Was};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::{Error, ImportProblem};
use crate::stacks::exports::Exports;
use crate::stacks::ids::{ChangeSetArn, ChangeSetId, ChangeSetName, StackArn, StackName};
use crate::stacks::model::{OnFailure, Reason, Side, Stack, Status};
use crate::stacks::ops::create_stack::{count_living, new_stack};
use crate::stacks::ops::given::{New, given_again, side};
use crate::stacks::ready::{self, Given, Made, Ready};
use crate::stacks::sameness::{has_same_outputs, is_same};
use crate::stacks::target::{StackRef, Target};
use crate::stacks::to_import::{self, ToImport};
use crate::stacks::{record, role};
use crate::tags::Tags;
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct CreateChangeSet {
    pub kind: Kind,
    pub name: ChangeSetName,
    /// `None` as a value is the value that the stack has.
    pub parameters: Vec<(Box<str>, Option<regent_cfn::Text>)>,
    /// `None` keeps the tags.
    pub tags: Option<Tags>,
    pub capabilities: Vec<Box<str>>,
    pub description: Option<Box<str>>,
    pub on_failure: Option<OnFailure>,
    pub nested: bool,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

/// What the change set is of.
#[derive(Debug)]
pub enum Kind {
    Create {
        stack: StackName,
        template: Box<str>,
    },
    /// `None` is the template that the stack has.
    Update {
        stack: StackRef,
        template: Option<Box<str>>,
    },
    /// Of a stack that there is or, by a name, of a new one.
    Import {
        stack: StackRef,
        template: Box<str>,
        resources: Vec<ToImport>,
    },
}

#[derive(Debug)]
pub struct Created {
    pub change_set: ChangeSetArn,
    pub stack: StackArn,
}

impl Operation for CreateChangeSet {
    const ACTION: &'static str = "cloudformation:CreateChangeSet";
    type Target = Target;
    type Output = Created;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        match &self.kind {
            Kind::Create { stack, .. } => StackRef::from(stack.as_str()).find(cx, read),
            Kind::Update { stack, .. } | Kind::Import { stack, .. } => stack.find(cx, read),
        }
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(cx, Self::ACTION);
        demand.facts.request_tags.clone_from(&self.tags);
        role::demands(demand, self.role.as_ref())
    }
}

impl Command for CreateChangeSet {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Created>, Error> {
        let (op, scope) = (op.into_inner(), cx.scope());
        let mut stack = match &op.kind {
            Kind::Create { stack, .. } => op.reviewed(&target, stack, cx, tx)?,
            Kind::Import { stack, .. } if is_new(&target) => match stack.name() {
                Some(name) => op.reviewed(&target, name, cx, tx)?,
                None => Stack::clone(target.living()?),
            },
            Kind::Update { .. } | Kind::Import { .. } => Stack::clone(target.living()?),
        };
        let arn = stack.arn(scope);
        if let Some(found) = tx.change_set_of_name(scope, stack.id, &op.name)? {
            let found = tx.change_set(scope, found)?.ok_or(StoreFault)?;
            return if op.token.is_some() && op.token == found.token {
                Ok(Step::Done(Created { change_set: found.arn(scope), stack: arn }))
            } else {
                Err(Error::ChangeSetExists { name: op.name })
            };
        }
        if change_set::of_stack(tx, scope, stack.id)?.len() >= limits::CHANGE_SETS_MAX {
            return Err(Error::TooManyChangeSets);
        }
        role::taken(cx, tx, &stack, op.role.clone())?;
        let id = ChangeSetId::new(cx.now, cx.entropy);
        let documents = Documents::open(cx, scope.account, &stack)?;
        let sealer = Sealer { cx, documents: &documents, set: id };
        let is_new = stack.status == Status::ReviewInProgress;
        let mut prepared = match &op.kind {
            Kind::Create { template, .. } => op.creation(&stack, &sealer, template, tx)?,
            Kind::Update { template, .. } => op.update(&stack, &sealer, template.as_deref(), tx)?,
            Kind::Import { template, .. } if is_new => {
                op.creation(&stack, &sealer, template, tx)?
            }
            Kind::Import { template, .. } => op.update(&stack, &sealer, Some(template), tx)?,
        };
        if let Kind::Import { resources, .. } = &op.kind {
            to_import::take(resources, &prepared.ready.template, &mut prepared.changes)?;
            if !prepared.same_outputs {
                return Err(ImportProblem::OutputsChanged.into());
            }
        }
        if is_new {
            stack.change_set = Some((op.name.clone(), id));
            record::put_stack(tx, scope, stack.clone());
        }
        let set = ChangeSet {
            id,
            name: op.name,
            stack: stack.id,
            base: stack.generation,
            side: prepared.side,
            description: op.description,
            created: cx.now,
            token: op.token,
            on_failure: op.on_failure,
            nested: op.nested,
            outcome: prepared.outcome,
            executed: None,
            changes: prepared.changes,
            role: op.role,
        };
        let change_set = set.arn(scope);
        change_set::put(tx, scope, set);
        Ok(Step::Done(Created { change_set, stack: arn }))
    }
}

/// What a change set is made of.
struct Prepared {
    side: Side,
    ready: Ready,
    changes: Vec<Change>,
    outcome: Outcome,
    /// The outputs are those that the stack has.
    same_outputs: bool,
}

/// Whether there is no stack yet, or one that is only reviewed.
fn is_new(target: &Target) -> bool {
    target.living().map_or(true, |found| found.status == Status::ReviewInProgress)
}

impl CreateChangeSet {
    /// The stack that is only reviewed: the one there is, or a new one.
    fn reviewed(
        &self,
        target: &Target,
        name: &StackName,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Stack, Error> {
        let scope = cx.scope();
        if let Ok(found) = target.living() {
            let reviewed = found.status == Status::ReviewInProgress;
            return if reviewed {
                Ok(Stack::clone(found))
            } else {
                let change_set = self.name.clone();
                Err(Error::ExistsAlready { name: name.clone(), change_set })
            };
        }
        count_living(cx, tx)?;
        let mut stack = new_stack(cx, name.clone());
        stack.reason = Some(Reason::UserInitiated);
        record::note(cx, tx, &mut stack, None);
        let name = name.clone();
        tx.put(Key::StackOfName { scope, name }, Record::StackRef(stack.id));
        Ok(stack)
    }

    fn creation(
        &self,
        stack: &Stack,
        sealer: &Sealer<'_>,
        template: &str,
        read: &dyn Read,
    ) -> Result<Prepared, Error> {
        let parameters = given_again(&self.parameters, &Given::new())?;
        let tags = self.tags.clone().unwrap_or_default();
        let new = New {
            generation: stack.generation + 1,
            template,
            parameters: &parameters,
            tags: &tags,
            capabilities: &self.capabilities,
        };
        let (cx, scope) = (sealer.cx, sealer.cx.scope());
        let (side, ready) = side(cx, &stack.arn(scope), sealer.documents, &new)?;
        let ready = ready.revealed();
        let (exports, resources) = (Exports::new(cx, read).lenient(), BTreeMap::new());
        let generation = stack.generation;
        let made = Made { scope, resources: &resources, generation, exports: &exports };
        let is = Is { ready: &ready, tags: &tags };
        let changes = changes::between(sealer, None, &is, &made)?;
        exports.check()?;
        let same_outputs = ready.template.outputs.is_empty();
        Ok(Prepared { side, ready, changes, outcome: Outcome::Complete, same_outputs })
    }

    fn update(
        &self,
        stack: &Stack,
        sealer: &Sealer<'_>,
        template: Option<&str>,
        read: &dyn Read,
    ) -> Result<Prepared, Error> {
        let (cx, documents) = (sealer.cx, sealer.documents);
        let scope = cx.scope();
        let arn = stack.arn(scope);
        let (status, imports) = (stack.status, matches!(self.kind, Kind::Import { .. }));
        let base = stack.base().filter(|_| status.is_updatable() || !imports);
        let base = base.ok_or(Error::NotUpdatable { stack: arn.clone(), status })?;
        let opened = documents.unseal(cx, Document::Template, &base.template)?;
        let template = match template {
            Some(template) => template,
            None => documents::text(&opened)?,
        };
        let parameters = given_again(&self.parameters, &ready::given(cx, documents, base)?)?;
        let tags = self.tags.as_ref().unwrap_or(&base.tags);
        let generation = stack.generation + 1;
        let capabilities = &self.capabilities;
        let new = New { generation, template, parameters: &parameters, tags, capabilities };
        let (side, ready) = side(cx, &arn, documents, &new)?;
        let ready = ready.revealed();
        let was = Ready::open(cx, scope, stack, base)?;
        let resources = record::resources(read, scope, stack.id)?;
        let exports = Exports::new(cx, read).lenient();
        let (resources, generation) = (&resources, base.generation);
        let made = Made { scope, resources, generation, exports: &exports };
        let is = Is { ready: &ready, tags };
        let same_outputs = has_same_outputs(&was, &ready, &made)?;
        let same = base.tags == *tags && is_same(&was, &ready, &made)?;
        // What failed is tried again, also as it was.
        let (changes, outcome) = if same && !status.is_left_failed() {
            (Vec::new(), Outcome::Empty)
        } else {
            let was = Was { ready: &was, tags: &base.tags };
            (changes::between(sealer, Some(&was), &is, &made)?, Outcome::Complete)
        };
        exports.check()?;
        Ok(Prepared { side, ready, changes, outcome, same_outputs })
    }
}
