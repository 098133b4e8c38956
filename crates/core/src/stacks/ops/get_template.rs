//! GetTemplate: a stack's template, as it was given.

use regent_cfn::Text;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct GetTemplate {
    pub stack: StackRef,
}

impl Operation for GetTemplate {
    const ACTION: &'static str = "cloudformation:GetTemplate";
    type Target = Target;
    /// It may have secrets in it.
    type Output = Text;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.stack.find(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(cx, Self::ACTION)]
    }
}

impl Query for GetTemplate {
    fn run(
        _op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Text, Error> {
        let stack = target.stack()?;
        let side = stack.shown().ok_or(StoreFault)?;
        let documents = Documents::open(cx, cx.caller.account, stack)?;
        let opened = documents.unseal(cx, Document::Template, &side.template)?;
        Ok(Text::sensitive(documents::text(&opened)?))
    }
}
