//! TagResource: adds tags to a secret, or overwrites them.
//!
//! AWS: tags that would take from the caller the right to tag are refused as a denial.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::policy::authorized::{Authorized, Demand, permit};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::tagging::{self, Tag, within_quota};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct TagResource {
    pub secret: SecretId,
    pub tags: Vec<Tag>,
}

impl Operation for TagResource {
    const ACTION: &'static str = "secretsmanager:TagResource";
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

impl TagResource {
    fn demand(&self, target: &Target) -> Demand {
        let mut demand = target.demand(Self::ACTION);
        demand.facts.request_tags = tagging::requested(&self.tags);
        demand
    }
}

impl Command for TagResource {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let mut demand = op.demand(&target);
        let found = target.manageable()?;
        tagging::modifiable(found.secret.tags.as_ref(), op.tags.iter().map(|(key, _)| key))?;
        let mut added = tagging::parse(&op.tags)?;
        added.extend(cx.system_tags.cloned().unwrap_or_default());
        if added.is_empty() {
            return Ok(Step::Done(()));
        }
        let mut tags = found.secret.tags.clone().unwrap_or_default();
        tags.extend(added);
        within_quota(&tags)?;
        demand.facts.resource_tags = Some(tags.clone());
        permit(cx, tx, &demand)??;
        let mut secret = Secret { tags: Some(tags), ..Secret::clone(&found.secret) };
        if secret.tags != found.secret.tags {
            advance(cx, &mut secret);
            save(cx, tx, found.scope, secret)?;
        }
        Ok(Step::Done(()))
    }
}
