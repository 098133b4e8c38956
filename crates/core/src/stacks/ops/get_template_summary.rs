//! GetTemplateSummary: the parameters and types of a template, given or of a stack.

use regent_cfn::Template;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::ops::validate_template::validated;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct GetTemplateSummary {
    pub source: Source,
}

#[derive(Debug)]
pub enum Source {
    Template(Box<str>),
    Stack(StackRef),
}

impl Operation for GetTemplateSummary {
    const ACTION: &'static str = "cloudformation:GetTemplateSummary";
    type Target = Option<Target>;
    type Output = Template;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Option<Target>, StoreFault> {
        match &self.source {
            Source::Template(_) => Ok(None),
            Source::Stack(stack) => stack.find(cx, read).map(Some),
        }
    }

    fn demands(&self, cx: &Cx<'_>, target: &Option<Target>) -> Vec<Demand> {
        vec![match target {
            Some(target) => target.demand(cx, Self::ACTION),
            None => Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account),
        }]
    }
}

impl Query for GetTemplateSummary {
    fn run(
        op: Authorized<Self>,
        target: Option<Target>,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Template, Error> {
        if let Source::Template(text) = &op.source {
            return validated(text);
        }
        let target = target.ok_or(StoreFault)?;
        let stack = target.stack()?;
        let side = stack.shown().ok_or(Error::OnlyReviewed)?;
        let documents = Documents::open(cx, cx.caller.account, stack)?;
        let opened = documents.unseal(cx, Document::Template, &side.template)?;
        validated(documents::text(&opened)?)
    }
}
