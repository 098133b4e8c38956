//! PutSecretValue: a new version of a secret, under the labels that the request gives.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{SecretArn, StageLabel, VersionId};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::model::Secret;
use crate::secrets::rotation::interrupt;
use crate::secrets::rotation::machine::is_present;
use crate::secrets::rotation::token::RotationToken;
use crate::secrets::target::{SecretId, Target};
use crate::secrets::value::is_default_key;
use crate::secrets::versions::{GivenValue, add, advance, is_repeated, save};
use crate::tx::Tx;

#[derive(Debug)]
pub struct PutSecretValue {
    pub secret: SecretId,
    pub token: VersionId,
    pub value: GivenValue,
    /// Empty means AWSCURRENT.
    pub stages: Vec<StageLabel>,
    /// Which invocation of a rotation function asks. `Some(None)` is one that cannot be.
    pub rotation: Option<Option<RotationToken>>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Stored {
    pub arn: SecretArn,
    pub version: VersionId,
    /// The labels that the version has now.
    pub stages: Vec<StageLabel>,
}

impl Operation for PutSecretValue {
    const ACTION: &'static str = "secretsmanager:PutSecretValue";
    type Target = Target;
    type Output = Stored;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        vec![target.demand(Self::ACTION)]
    }
}

impl Command for PutSecretValue {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Stored>, Error> {
        let op = op.into_inner();
        let found = target.writable()?;
        let (scope, arn) = (found.scope, found.arn());
        if let Some(given) = &op.rotation
            && !given.as_ref().is_some_and(|token| is_present(cx, &found.secret, token))
        {
            return Err(Error::RotationToken);
        }
        let value = op.value.one()?.ok_or(Error::NoValue)?;
        let mut secret = Secret::clone(&found.secret);
        if cx.caller.account != scope.account && is_default_key(secret.kms_key_id.as_deref()) {
            return Err(Error::DefaultKeyAcrossAccounts);
        }
        // AWS: a repeated request changes nothing, not even the labels.
        if !is_repeated(cx, tx, scope, &secret, &op.token, &value)? {
            advance(cx, &mut secret);
            add(cx, tx, scope, &mut secret, &op.token, &value, &op.stages)?;
            interrupt(cx, tx, scope, &found.secret, &mut secret, Some(&op.token))?;
            save(cx, tx, scope, secret.clone())?;
        }
        let stages = secret.stages_of(&op.token).cloned().collect();
        Ok(Step::Done(Stored { arn, version: op.token, stages }))
    }
}
