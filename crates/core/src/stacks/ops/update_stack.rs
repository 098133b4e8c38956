//! UpdateStack: another template, other parameters or other tags for a stack.
//!
//! AWS: an update that would change nothing is refused.

use std::collections::BTreeSet;

use regent_cfn::Text;
use regent_cfn::error::Problem;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::roles::RoleArn;
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::exports::Exports;
use crate::stacks::ids::StackArn;
use crate::stacks::model::{OnFailure, Phase, Stack, Status};
use crate::stacks::ops::given::{New, given_again, side};
use crate::stacks::ready::{self, Made, Ready};
use crate::stacks::record::{self, Begun, Policies};
use crate::stacks::role;
use crate::stacks::sameness::is_same;
use crate::stacks::target::{StackRef, Target};
use crate::tags::Tags;
use crate::tx::Tx;

#[derive(Debug)]
pub struct UpdateStack {
    pub stack: StackRef,
    /// `None` is the template that the stack has.
    pub template: Option<Box<str>>,
    /// `None` as a value is the value that the stack has.
    pub parameters: Vec<(Box<str>, Option<Text>)>,
    /// `None` keeps the tags.
    pub tags: Option<Tags>,
    pub capabilities: Vec<Box<str>>,
    pub on_failure: OnFailure,
    pub retain_except_on_create: Option<bool>,
    /// The stack's policy after the update, and the one during it.
    pub policy: Option<Box<str>>,
    pub policy_during: Option<Box<str>>,
    pub token: Option<Box<str>>,
    pub role: Option<RoleArn>,
}

impl Operation for UpdateStack {
    const ACTION: &'static str = "cloudformation:UpdateStack";
    type Target = Target;
    type Output = StackArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(cx, Self::ACTION);
        demand.facts.request_tags.clone_from(&self.tags);
        role::demands(demand, self.role.as_ref())
    }
}

impl Command for UpdateStack {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<StackArn>, Error> {
        let op = op.into_inner();
        let scope = cx.scope();
        let mut stack = Stack::clone(target.living()?);
        let arn = stack.arn(scope);
        if stack.is_begun_by(op.token.as_deref()) && stack.generation > 1 {
            return Ok(Step::Done(arn));
        }
        let status = stack.status;
        let base = stack.base().ok_or(Error::NotUpdatable { stack: arn.clone(), status })?;
        if status.is_left_failed() && op.on_failure != OnFailure::DoNothing {
            return Err(Error::LeftFailed { status });
        }
        let role = role::taken(cx, tx, &stack, op.role.clone())?;
        let documents = Documents::open(cx, scope.account, &stack)?;
        let opened = documents.unseal(cx, Document::Template, &base.template)?;
        let template = match &op.template {
            Some(template) => template,
            None => documents::text(&opened)?,
        };
        let before = ready::given(cx, &documents, base)?;
        let parameters = given_again(&op.parameters, &before)?;
        let new = New {
            generation: stack.generation + 1,
            template,
            parameters: &parameters,
            tags: op.tags.as_ref().unwrap_or(&base.tags),
            capabilities: &op.capabilities,
        };
        let (side, ready) = side(cx, &arn, &documents, &new)?;
        let was = Ready::open(cx, scope, &stack, base)?;
        let resources = record::resources(tx, scope, stack.id)?;
        let exports = Exports::new(cx, tx).lenient();
        let (resources, generation) = (&resources, base.generation);
        let made = Made { scope, resources, generation, exports: &exports };
        // AWS: a dynamic reference in a template that is given again may have come to mean another.
        let may_differ = op.template.is_some() && regent_cfn::dynamic::is_dynamic(template);
        let same = base.tags == side.tags && is_same(&was, &ready, &made)?;
        exports.check()?;
        // What failed is tried again, also as it was.
        if same && !may_differ && !status.is_left_failed() {
            return Err(Problem::NoUpdates.anywhere().into());
        }
        stack.role = role;
        stack.supersede(side, resources)?;
        op.begin(cx, tx, &mut stack);
        record::put_stack(tx, scope, stack);
        Ok(Step::Done(arn))
    }
}

impl UpdateStack {
    fn begin(&self, cx: &Cx<'_>, tx: &mut Tx<'_>, stack: &mut Stack) {
        stack.generation += 1;
        stack.updated = Some(cx.now);
        stack.options.on_failure = self.on_failure;
        stack.options.retain_except_on_create = self.retain_except_on_create.unwrap_or_default();
        let (phase, status) = (Phase::Update, Status::UpdateInProgress);
        let token = self.token.clone();
        let begun = Begun { phase, status, token, retained: BTreeSet::new() };
        let during = self.policy_during.clone().or_else(|| stack.policy.clone());
        let policies = Policies { during, after: self.policy.clone() };
        record::begin_under(cx, tx, stack, begun, policies);
    }
}
