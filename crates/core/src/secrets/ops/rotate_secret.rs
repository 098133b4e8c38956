//! RotateSecret: configures rotation, and begins one or tests the configuration.
//!
//! Nothing is rotated here: the request leaves a state with a deadline, and
//! [`crate::secrets::rotation::machine`] goes on from there. The token of the request is the id of
//! the version to come, which is labelled AWSPENDING before it has a value.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{SecretArn, StageLabel, VersionId};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error;
use crate::secrets::event::{Happening, announce};
use crate::secrets::model::Secret;
use crate::secrets::rotation::machine::hasten;
use crate::secrets::rotation::schedule::{Given, Rules};
use crate::secrets::rotation::{Purpose, Rotation, Run, is_incomplete, reschedule};
use crate::secrets::stages;
use crate::secrets::target::{Found, SecretId, Target};
use crate::secrets::versions::{advance, put_secret, save};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct RotateSecret {
    pub secret: SecretId,
    pub token: VersionId,
    /// The function's ARN. Absent or empty: the one that is stored.
    pub function: Option<Box<str>>,
    /// Absent: the rules that are stored.
    pub rules: Option<Given>,
    pub metadata: Option<Vec<(Box<str>, Box<str>)>>,
    pub role: Option<Box<str>>,
    pub immediately: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Rotating {
    pub arn: SecretArn,
    /// The version to come.
    pub version: VersionId,
}

impl Operation for RotateSecret {
    const ACTION: &'static str = "secretsmanager:RotateSecret";
    type Target = Target;
    type Output = Rotating;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        Target::find(cx, read, &self.secret)
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut demand = target.demand(Self::ACTION);
        let facts = &mut demand.facts.others;
        let given = self.given_function().map(str::to_owned);
        facts.extend(given.map(|arn| ("secretsmanager:rotationlambdaarn", arn)));
        let modifies = self.rules.is_some().to_string();
        facts.push(("secretsmanager:modifyrotationrules", modifies));
        facts.push(("secretsmanager:rotateimmediately", self.immediately.to_string()));
        let stored = target.found.as_ref().and_then(|found| found.secret.rotation.as_ref());
        let stored = stored.and_then(|rotation| rotation.function.as_ref());
        let function = self.given_function().or(stored.map(|arn| &**arn));
        [demand].into_iter().chain(function.and_then(invoke_demand)).collect()
    }
}

/// AWS: whoever has a function rotate must be allowed to invoke it.
///
/// A function has no policy here, so nobody is allowed in an account that is not the function's.
/// `None` for what names no account: it is no function, which the command says.
fn invoke_demand(function: &str) -> Option<Demand> {
    let owner = function.split(':').nth(4)?.parse().ok()?;
    Some(Demand::on("lambda:InvokeFunction", function.to_owned(), owner))
}

impl Command for RotateSecret {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Rotating>, Error> {
        let op = op.into_inner();
        let found = target.writable()?;
        let (scope, before) = (found.scope, &*found.secret);
        let mut secret = before.clone();
        let rotation = op.configure(cx, &secret)?;
        let done = Rotating { arn: found.arn(), version: op.token.clone() };
        if op.is_repeated(tx, &found)? {
            if !op.is_as_before(before.rotation.as_ref(), &rotation) {
                return Err(Error::RotationTokenInUse { token: op.token, arn: done.arn });
            }
            if let Some(rotation) = &mut secret.rotation {
                hasten(rotation, cx.now);
            }
            reschedule(tx, scope, before, &secret);
            put_secret(tx, scope, secret)?;
            return Ok(Step::Done(done));
        }
        if is_incomplete(before) && !(op.immediately && op.resumes(before)) {
            return Err(Error::RotationIncomplete);
        }
        advance(cx, &mut secret);
        secret.rotation = Some(rotation);
        let purpose = if op.immediately { Purpose::Rotation } else { Purpose::Test };
        secret.stages.insert(StageLabel::pending(), op.token.clone());
        stages::within_quota(&secret.stages)?;
        if let Some(rotation) = &mut secret.rotation {
            rotation.run = Some(Run::begin(purpose, op.token, cx.now));
            rotation.plan(cx.now);
        }
        announce(cx, tx, scope, &secret, Happening::Started(purpose));
        reschedule(tx, scope, before, &secret);
        save(cx, tx, scope, secret)?;
        Ok(Step::Done(done))
    }
}

impl RotateSecret {
    fn given_function(&self) -> Option<&str> {
        self.function.as_deref().filter(|arn| !arn.is_empty())
    }

    /// The secret's configuration with what the request changes of it, checked.
    fn configure(&self, cx: &Cx<'_>, secret: &Secret) -> Result<Rotation, Error> {
        let external = self.metadata.is_some() || self.role.is_some();
        if external && secret.secret_type.is_none() {
            return Err(Error::NotExternal);
        }
        let stored = secret.rotation.clone().unwrap_or_default();
        let rules = match &self.rules {
            Some(given) => Rules::new(given.clone()).map_err(Error::RotationRules)?,
            None => stored.rules.clone(),
        };
        let function = self.given_function().map(Into::into).or(stored.function.clone());
        let function = function.ok_or(Error::NoRotationFunction)?;
        if !cx.functions.contains(&function) {
            return Err(Error::FunctionUnusable);
        }
        let fresh = self.rules.is_some() || !stored.enabled;
        Ok(Rotation {
            enabled: true,
            function: Some(function),
            rules,
            since: if fresh { cx.now } else { stored.since },
            metadata: self.metadata.clone().unwrap_or(stored.metadata),
            role: self.role.clone().or(stored.role),
            last: stored.last,
            next: None,
            run: None,
        })
    }

    /// Whether the request was made before: the version is there, or on its way.
    fn is_repeated(&self, tx: &Tx<'_>, found: &Found) -> Result<bool, StoreFault> {
        let secret = &found.secret;
        let run = secret.rotation.as_ref().and_then(|rotation| rotation.run.as_ref());
        if run.is_some_and(|run| run.version == self.token) {
            return Ok(true);
        }
        if self.resumes(secret) {
            return Ok(false);
        }
        let version = tx.version(found.scope, &secret.name, secret.suffix, &self.token)?;
        Ok(version.is_some())
    }

    /// Whether a repeated request asks for what the first one did.
    fn is_as_before(&self, stored: Option<&Rotation>, wanted: &Rotation) -> bool {
        let Some(stored) = stored else { return false };
        let run = stored.run.as_ref().filter(|run| run.version == self.token);
        let is_test = |run: &Run| run.purpose == Purpose::Test;
        stored.is_set_up_like(wanted) && run.is_none_or(|run| is_test(run) != self.immediately)
    }

    /// Whether the request takes up a rotation that was cancelled.
    fn resumes(&self, secret: &Secret) -> bool {
        is_incomplete(secret) && secret.stages.get(&StageLabel::pending()) == Some(&self.token)
    }
}
