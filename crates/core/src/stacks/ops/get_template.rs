//! GetTemplate: a stack's template or that of a change set, as it was given.

use regent_cfn::Text;

use crate::cx::Cx;
use crate::engine::{Operation, Query};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::stacks::change_set::{ChangeSetRef, Named};
use crate::stacks::documents::{self, Document, Documents};
use crate::stacks::error::Error;
use crate::stacks::target::{StackRef, Target};

#[derive(Debug)]
pub struct GetTemplate {
    pub of: Of,
}

#[derive(Debug)]
pub enum Of {
    Stack(StackRef),
    ChangeSet(ChangeSetRef),
}

#[derive(Debug)]
pub enum Found {
    Stack(Target),
    ChangeSet(Named),
}

impl Operation for GetTemplate {
    const ACTION: &'static str = "cloudformation:GetTemplate";
    type Target = Found;
    /// It may have secrets in it. A stack that is only reviewed has none.
    type Output = Option<Text>;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Found, StoreFault> {
        Ok(match &self.of {
            Of::Stack(stack) => Found::Stack(stack.find(cx, read)?),
            Of::ChangeSet(set) => Found::ChangeSet(set.find(cx, read)?),
        })
    }

    fn demands(&self, cx: &Cx<'_>, target: &Found) -> Vec<Demand> {
        vec![match target {
            Found::Stack(target) => target.demand(cx, Self::ACTION),
            Found::ChangeSet(target) => target.demand(cx, Self::ACTION),
        }]
    }
}

impl Query for GetTemplate {
    fn run(
        _op: Authorized<Self>,
        target: Found,
        cx: &Cx<'_>,
        _read: &dyn Read,
    ) -> Result<Option<Text>, Error> {
        let (stack, side) = match &target {
            Found::Stack(target) => {
                let stack = target.stack()?;
                (stack, stack.shown())
            }
            Found::ChangeSet(target) => {
                let (stack, set) = target.found()?;
                (stack, Some(&set.side))
            }
        };
        let Some(side) = side else { return Ok(None) };
        let documents = Documents::open(cx, cx.caller.account, stack)?;
        let opened = documents.unseal(cx, Document::Template, &side.template)?;
        Ok(Some(Text::sensitive(documents::text(&opened)?)))
    }
}
