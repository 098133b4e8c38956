//! TagResource: adds tags to a key, or gives them new values.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::states::Rule;
use crate::keys::tagging::bounded;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tags::Tags;
use crate::tx::Tx;

#[derive(Debug)]
pub struct TagResource {
    pub key: KeyRef,
    pub tags: Tags,
}

impl Operation for TagResource {
    const ACTION: &'static str = "kms:TagResource";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION, None);
        demand.facts.request_tags = Some(self.tags.clone());
        vec![demand]
    }
}

impl Command for TagResource {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        Rule::Change.check(&found)?;
        let mut tags = found.key.tags.clone();
        tags.extend(op.into_inner().tags);
        bounded(&tags)?;
        found.update(tx, |key| key.tags = tags);
        Ok(Step::Done(()))
    }
}
