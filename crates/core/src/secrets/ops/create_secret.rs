//! CreateSecret: a new secret, with or without a value, with or without replicas.
//!
//! The primary's own key is proven before anything is written, also when there is no value yet;
//! replica Regions are admitted by [`crate::secrets::replicas`] (promise R3). A repeated request
//! gets the first one's answer.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, PolicyName, SecretArn, SecretName, VersionId};
use crate::keys::access;
use crate::keys::model::KeyManager;
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::replication::change::Stamp;
use crate::secrets::cross_account::{self, LinkFlaw};
use crate::secrets::error::Error;
use crate::secrets::model::{Link, LinkStatus, Replica, ReplicaStatus, Role, Secret};
use crate::secrets::ops::put_resource_policy::name_fact;
use crate::secrets::policies::Policies;
use crate::secrets::policy_check::PUT_ACTION;
use crate::secrets::replicas::{AddReplica, admit, announced, attach, statuses, tell};
use crate::secrets::stages::Stages;
use crate::secrets::tagging::{self, Tag};
use crate::secrets::target::new_suffix;
use crate::secrets::value::{encryption_error, is_default_key, named_key, prove_key, tell_key};
use crate::secrets::versions::{GivenValue, Value, add, is_repeated, put_secret};
use crate::tx::{Records, Tx};

#[derive(Debug)]
pub struct CreateSecret {
    pub name: SecretName,
    pub token: VersionId,
    pub description: Option<Box<str>>,
    /// Empty is absent.
    pub kms_key_id: Option<Box<str>>,
    pub value: GivenValue,
    pub tags: Option<Vec<Tag>>,
    pub replicas: Vec<AddReplica>,
    pub overwrite: bool,
    pub secret_type: Option<Box<str>>,
    /// The secret of another account that this one is to be a replica of.
    pub cross_account_primary: Option<SecretArn>,
}

#[derive(Debug)]
pub struct Created {
    pub arn: SecretArn,
    /// The version, if a value was given.
    pub version: Option<VersionId>,
    /// The replicas asked for; none if the request had none.
    pub replicas: Vec<Arc<Replica>>,
}

/// A secret that has the name already, the ARN of the one to be created, and its key.
#[derive(Debug)]
pub struct Target {
    existing: Option<Arc<Secret>>,
    arn: SecretArn,
    key: Option<KeyArn>,
}

impl Operation for CreateSecret {
    const ACTION: &'static str = "secretsmanager:CreateSecret";
    type Target = Target;
    type Output = Created;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        let scope = cx.scope();
        let suffix = new_suffix(cx.request_id);
        let arn = SecretArn { scope, name: self.name.clone(), suffix };
        let key = named_key(read, scope, self.kms_key_id.as_deref())?;
        Ok(Target { existing: read.secret(scope, &self.name)?, arn, key })
    }

    fn demands(&self, _cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let mut actions = vec![Self::ACTION];
        if self.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
            actions.push("secretsmanager:TagResource");
        }
        if !self.replicas.is_empty() {
            actions.push("secretsmanager:ReplicateSecretToRegions");
        }
        let mut demands: Vec<_> =
            actions.into_iter().map(|action| self.demand(action, target)).collect();
        if self.cross_account_primary.is_some() {
            let mut demand = self.demand(PUT_ACTION, target);
            demand.facts.others.push(name_fact(&PolicyName::of_cross_account_replication()));
            demands.push(demand);
        }
        demands
    }
}

impl CreateSecret {
    fn demand(&self, action: &'static str, target: &Target) -> Demand {
        let arn = &target.arn;
        let mut demand = Demand::on(action, arn.to_string(), arn.scope.account);
        demand.facts.request_tags = self.tags.as_deref().and_then(tagging::requested);
        let facts = &mut demand.facts.others;
        facts.push(("secretsmanager:name", self.name.as_str().to_owned()));
        let given = [
            ("secretsmanager:description", &self.description),
            ("secretsmanager:type", &self.secret_type),
        ];
        for (key, value) in given {
            facts.extend(value.as_ref().map(|value| (key, value.to_string())));
        }
        tell(&mut demand.facts, &self.replicas, self.overwrite);
        tell_key(&mut demand.facts, self.kms_key_id.as_deref(), target.key);
        demand
    }
}

impl Command for CreateSecret {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Created>, Error> {
        let mut op = op.into_inner();
        let primary = op.primary(&target.arn)?;
        let value = core::mem::take(&mut op.value).one()?;
        let scope = target.arn.scope;
        if let Some(existing) = target.existing {
            return op.repeat(cx, tx, &existing, value.as_ref(), primary.as_ref()).map(Step::Done);
        }
        let adds = match admit(cx, &target.arn, &op.replicas, op.overwrite)? {
            Ok(adds) => adds,
            Err(asks) => return Ok(Step::Ask(asks)),
        };
        let mut secret = op.secret(cx, &target.arn)?;
        if let Some(primary) = primary {
            tie(cx, tx, &mut secret, &target.arn, primary)?;
        }
        secret.created_by = value.is_none().then(|| op.token.clone());
        match &value {
            Some(value) => add(cx, tx, scope, &mut secret, &op.token, value, &[])?,
            None => prove_custom_key(cx, tx, &target.arn, secret.kms_key_id.as_deref())?,
        }
        attach(cx, tx, scope, &mut secret, &adds, op.overwrite)?;
        put_secret(tx, scope, secret)?;
        let version = value.map(|_| op.token);
        Ok(Step::Done(Created { arn: target.arn, version, replicas: announced(&adds) }))
    }
}

impl CreateSecret {
    /// The answer to a request whose name is taken.
    ///
    /// AWS: the first answer again if token and value are those of the secret's version, or if the
    /// secret was created with this token and without a value.
    fn repeat(
        &self,
        cx: &Cx<'_>,
        tx: &Tx<'_>,
        existing: &Secret,
        value: Option<&Value>,
        primary: Option<&SecretArn>,
    ) -> Result<Created, Error> {
        let scope = cx.scope();
        if existing.deletion.is_some() {
            return Err(Error::NameScheduledForDeletion);
        }
        let taken = || Error::NameExists { name: self.name.clone() };
        let repeated = match value {
            Some(value) => is_repeated(cx, tx, scope, existing, &self.token, value)?,
            None => existing.created_by.as_ref() == Some(&self.token),
        };
        let followed = match &existing.role {
            Role::CrossAccountReplica(link) => Some(&link.other),
            _ => None,
        };
        if !repeated || followed != primary {
            return Err(taken());
        }
        let added: Vec<_> = existing
            .replicas()
            .iter()
            .copied()
            .filter(|region| self.replicas.iter().any(|add| *add.region == *region.as_str()))
            .collect();
        let replicas = statuses(tx, scope, &existing.name, &added)?;
        let announced = replicas.into_iter().map(|replica| {
            Arc::new(Replica { status: ReplicaStatus::InProgress, ..Replica::clone(&replica) })
        });
        Ok(Created {
            arn: existing.arn(scope),
            version: value.map(|_| self.token.clone()),
            replicas: announced.collect(),
        })
    }

    /// The secret without values and replicas.
    fn secret(&self, cx: &Cx<'_>, arn: &SecretArn) -> Result<Secret, Error> {
        let given = |text: &Option<Box<str>>| text.clone().filter(|text| !text.is_empty());
        // AWS: a secret that was never tagged shows no tags, not an empty list.
        let tags = self.tags.as_deref().filter(|tags| !tags.is_empty());
        let mut tags = tags.map(tagging::parse).transpose()?;
        if let Some(system) = cx.system_tags {
            tags.get_or_insert_default().extend(system.clone());
        }
        Ok(Secret {
            name: arn.name.clone(),
            suffix: arn.suffix,
            description: given(&self.description),
            kms_key_id: given(&self.kms_key_id),
            secret_type: given(&self.secret_type),
            created_by: None,
            created: cx.now,
            last_changed: cx.now,
            last_accessed: None,
            deletion: None,
            tags,
            policies: Policies::default(),
            stages: Stages::new(),
            version_count: 0,
            rotation: None,
            at: Stamp::FIRST,
            role: Role::Primary { replicas: Vec::new() },
            cross_account_replica: None,
        })
    }

    /// The primary in another account, if the secret is to have one.
    ///
    /// AWS: whatever the replica gets from its primary may not be given.
    fn primary(&self, arn: &SecretArn) -> Result<Option<SecretArn>, Error> {
        let Some(primary) = &self.cross_account_primary else { return Ok(None) };
        let members = [
            ("SecretString", self.value.string.is_some()),
            ("SecretBinary", self.value.binary.is_some()),
            ("Description", self.description.is_some()),
            ("AddReplicaRegions", !self.replicas.is_empty()),
            ("Type", self.secret_type.is_some()),
        ];
        if let Some((member, _)) = members.into_iter().find(|(_, given)| *given) {
            return Err(LinkFlaw::MemberOfPrimary { member }.into());
        }
        cross_account::check_pair(arn.scope.region, arn, primary)?;
        if is_default_key(self.kms_key_id.as_deref().filter(|id| !id.is_empty())) {
            return Err(LinkFlaw::NeedsCustomerKey.into());
        }
        Ok(Some(primary.clone()))
    }
}

/// Makes a new secret the replica of one in another account, whose account may accept for it.
///
/// AWS: the managed key serves no other account, whatever it is called.
fn tie(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    secret: &mut Secret,
    arn: &SecretArn,
    primary: SecretArn,
) -> Result<(), Error> {
    let key = secret.kms_key_id.as_deref().unwrap_or_default();
    let managed = |found: &access::Found| found.key.manager == KeyManager::Aws;
    if access::resolve(tx, arn.scope, key)?.is_ok_and(|found| managed(&found)) {
        return Err(LinkFlaw::NeedsCustomerKey.into());
    }
    let policy = cross_account::policy(cx.region, primary.scope.account)?;
    secret.policies = secret.policies.with(PolicyName::of_cross_account_replication(), policy);
    let link = Link { other: primary, role: None, status: LinkStatus::Pending };
    secret.role = Role::CrossAccountReplica(Box::new(link));
    Ok(())
}

/// AWS: a customer's key is validated at once, also if there is no value to encrypt.
fn prove_custom_key(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    arn: &SecretArn,
    kms_key_id: Option<&str>,
) -> Result<(), Error> {
    if is_default_key(kms_key_id) {
        return Ok(());
    }
    prove_key(cx, tx, arn, kms_key_id)?.map_err(encryption_error)
}
