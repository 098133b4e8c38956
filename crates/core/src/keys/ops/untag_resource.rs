//! UntagResource: removes tags from a key. A tag that is not there is no error.

use std::collections::BTreeSet;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::keys::error::Error;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tx::Tx;

#[derive(Debug)]
pub struct UntagResource {
    pub key: KeyRef,
    pub tag_keys: BTreeSet<Box<str>>,
}

impl Operation for UntagResource {
    const ACTION: &'static str = "kms:UntagResource";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    /// `aws:TagKeys` are the keys to be removed.
    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION, None);
        let keys = self.tag_keys.iter().map(ToString::to_string);
        demand.facts.lists.push(("aws:tagkeys", keys.collect()));
        vec![demand]
    }
}

impl Command for UntagResource {
    fn run(
        op: Authorized<Self>,
        target: Target,
        _: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        Rule::Change.check(&found)?;
        found.update(tx, |key| key.tags.retain(|tag, _| !op.tag_keys.contains(tag)));
        Ok(Step::Done(()))
    }
}
