//! UpdateSecretVersionStage: moves, adds or removes one staging label.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::SecretArn;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::rotation::interrupt;
use crate::secrets::stages::{self, Move};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::versions::{advance, save};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct UpdateSecretVersionStage {
    pub secret: SecretId,
    pub change: Move,
}

impl Operation for UpdateSecretVersionStage {
    const ACTION: &'static str = "secretsmanager:UpdateSecretVersionStage";
    type Target = Target;
    type Output = SecretArn;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        let label = self.change.label.as_str().to_owned();
        demand.facts.others.push(("secretsmanager:versionstage", label));
        vec![demand]
    }
}

impl Command for UpdateSecretVersionStage {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<SecretArn>, Error> {
        let found = target.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        let ids = [(&op.change.to, false), (&op.change.from, true)];
        for (id, labelled) in ids.into_iter().filter_map(|(id, from)| Some((id.as_ref()?, from))) {
            // A rotation labels its version before there is a value, and the label can be removed.
            let labelled = labelled && found.secret.stages_of(id).next().is_some();
            if !labelled && tx.version(scope, &arn.name, arn.suffix, id)?.is_none() {
                return Err(Error::NoVersion { id: id.as_str().into() });
            }
        }
        let mut secret = Secret::clone(&found.secret);
        stages::apply(&mut secret.stages, &op.change)?;
        if secret.stages != found.secret.stages {
            advance(cx, &mut secret);
            interrupt(cx, tx, scope, &found.secret, &mut secret, None)?;
            save(cx, tx, scope, secret)?;
        }
        Ok(Step::Done(arn))
    }
}
