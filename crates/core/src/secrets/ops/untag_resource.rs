//! UntagResource: removes tags from a secret.
//!
//! AWS: keys that are not there are ignored; what would take from the caller the right to untag is
//! refused as a denial. A secret whose last tag is removed keeps an empty list.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand, permit};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::tagging;
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct UntagResource {
    pub secret: SecretId,
    pub keys: Vec<Box<str>>,
}

impl Operation for UntagResource {
    const ACTION: &'static str = "secretsmanager:UntagResource";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![self.demand(target)]
    }
}

impl UntagResource {
    /// AWS: the keys are in `aws:TagKeys`; a request without values has no `aws:RequestTag`.
    fn demand(&self, target: &Target) -> Demand {
        let mut demand = target.demand(Self::ACTION);
        let keys = self.keys.iter().map(ToString::to_string);
        demand.facts.lists.push(("aws:tagkeys", keys.collect()));
        demand
    }
}

impl Command for UntagResource {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let mut demand = op.demand(&target);
        let found = target.manageable()?;
        tagging::modifiable(found.secret.tags.as_ref(), &op.keys)?;
        let mut secret = Secret::clone(&found.secret);
        if let Some(tags) = &mut secret.tags {
            tags.retain(|key, _| !op.keys.contains(key));
        }
        if secret.tags != found.secret.tags {
            demand.facts.resource_tags.clone_from(&secret.tags);
            permit(cx, tx, &demand)??;
            advance(cx, &mut secret);
            save(cx, tx, found.scope, secret)?;
        }
        Ok(Step::Done(()))
    }
}
