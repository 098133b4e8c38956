//! GetSecretValue: one version's value, opened.
//!
//! The only operation that lets a value out, and only into [`Plaintext`] (promise R7). It writes
//! nothing: that a value was read today is left to the shell as a [`Touch`].

use crate::cx::Cx;
use crate::engine::{Operation, Query, Touch};
use crate::ids::{SecretArn, StageLabel, VersionId};
use crate::plaintext::Plaintext;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::accessed::touch_of;
use crate::secrets::error::Error;
use crate::secrets::model::{Secret, ValueKind};
use crate::secrets::target::{SecretId, Target};
use crate::secrets::value::{is_default_key, open};
use crate::time::Timestamp;
use crate::tx::Records;

#[derive(Debug)]
pub struct GetSecretValue {
    pub secret: SecretId,
    pub version: Option<VersionId>,
    pub stage: Option<StageLabel>,
}

#[derive(Debug)]
pub struct SecretValue {
    pub arn: SecretArn,
    pub version: VersionId,
    pub kind: ValueKind,
    pub plaintext: Plaintext,
    /// Empty for a deprecated version.
    pub stages: Vec<StageLabel>,
    /// When the version was created.
    pub created: Timestamp,
    pub touch: Option<Touch>,
}

impl Operation for GetSecretValue {
    const ACTION: &'static str = "secretsmanager:GetSecretValue";
    type Target = Target;
    type Output = SecretValue;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        let version = self.version.as_ref().map(VersionId::as_str);
        // AWS: the key is present with its default if the request names neither.
        let stage = self.stage.as_ref().map(StageLabel::as_str);
        let stage = stage.or(if version.is_none() { Some("AWSCURRENT") } else { None });
        let facts = &mut demand.facts.others;
        facts.extend(version.map(|id| ("secretsmanager:versionid", id.to_owned())));
        facts.extend(stage.map(|stage| ("secretsmanager:versionstage", stage.to_owned())));
        vec![demand]
    }
}

impl Query for GetSecretValue {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        read: &dyn Read,
    ) -> Result<SecretValue, Error> {
        let found = target.active()?;
        let (scope, secret) = (found.scope, &*found.secret);
        if cx.caller.account != scope.account && is_default_key(secret.kms_key_id.as_deref()) {
            return Err(Error::DefaultKeyAcrossAccounts);
        }
        let (id, absent) = op.choose(secret)?;
        let version = read.version(scope, &secret.name, secret.suffix, &id)?.ok_or(absent)?;
        if let Some(stage) = &op.stage
            && secret.stages.get(stage) != Some(&id)
        {
            return Err(Error::StageNotOnVersion);
        }
        let arn = found.arn();
        let plaintext = open(cx, read, &arn, &id, &version.value)?;
        Ok(SecretValue {
            kind: version.value.kind,
            plaintext,
            stages: secret.stages_of(&id).cloned().collect(),
            created: version.created,
            touch: touch_of(cx, &found, &version),
            version: id,
            arn,
        })
    }

    fn touches(output: &SecretValue) -> Vec<Touch> {
        output.touch.iter().cloned().collect()
    }
}

impl GetSecretValue {
    /// The version to read, and what to say if there is none.
    fn choose(&self, secret: &Secret) -> Result<(VersionId, Error), Error> {
        if let Some(id) = &self.version {
            return Ok((id.clone(), Error::NoVersion { id: id.as_str().into() }));
        }
        let stage = self.stage.clone().unwrap_or_else(StageLabel::current);
        let on = secret.stages.get(&stage).cloned();
        let absent = Error::NoVersionAtStage { stage };
        match on {
            Some(id) => Ok((id, absent)),
            None => Err(absent),
        }
    }
}
