//! A replica in another account: a secret of its own, in the same Region, that follows a primary.
//!
//! Both secrets are in one store, so the transaction that changes the primary changes the replica
//! too: there is no moment in which one is committed and the other is not, and nothing to be sent
//! again. AWS: the key of either secret is used with the leave of whoever changes the primary, or of
//! a role that the association names. What the replica cannot be given fails its status, never the
//! change. Values are sealed anew, because a sealed value is bound to its secret; tags, policies and
//! the key are the replica's own.

use std::sync::Arc;

use crate::cx::{Caller, Cx};
use crate::ids::{AccountId, Region, Scope, SecretArn, VersionId};
use crate::keys::problem::KeyProblem;
use crate::limits;
use crate::ports::{Read, StoreFault};
use crate::records::Record;
use crate::replication::compose::problem;
use crate::roles::RoleArn;
use crate::secrets::error::Error;
use crate::secrets::event::announce_link;
use crate::secrets::model::{Link, LinkStatus, ReplicaFailure, Role, Secret, Version};
use crate::secrets::policies::ResourcePolicy;
use crate::secrets::target::version_key;
use crate::secrets::value::{KeyUse, may_use_key, open, seal};
use crate::secrets::versions::{advance, forget_old_versions, labelled, put_secret};
use crate::sts::passed::Assumer;
use crate::tx::{Records, Tx};

/// The permission that the replica's policies must give to whoever associates it.
pub const ACCEPT_ACTION: &str = "secretsmanager:AcceptCrossAccountReplication";

/// Who assumes replication roles.
pub const REPLICATION: Assumer = Assumer {
    service: "secretsmanager.amazonaws.com",
    session: "SecretsManagerCrossAccountReplication",
};

/// What is wrong with a request about secrets of two accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkFlaw {
    /// The two secrets are not in this Region, both.
    OtherRegion,
    /// The two secrets are of one account.
    SameAccount,
    /// CreateSecret: the replica gets this from its primary.
    MemberOfPrimary { member: &'static str },
    /// CreateSecret: the replica has no key of a customer's.
    NeedsCustomerKey,
    /// The primary is another account's.
    NotTheOwner,
    /// The secret was not created as a replica of this primary.
    NotItsReplica { primary: SecretArn },
    /// The primary is not associated with this replica.
    NotAssociated,
    /// The primary has another replica.
    TooMany,
    /// Association: one of the two keys cannot be used.
    Key(ReplicaFailure),
    /// Association: there is no such role, or Secrets Manager may not assume it.
    RoleUnusable { role: RoleArn },
    /// The change is the primary's to make.
    OnReplica,
    /// DeleteSecret: the replica has to be disassociated first.
    Associated { arn: SecretArn, replica: SecretArn },
    /// DeleteSecret: replication to this replica has to be stopped first.
    Replica { arn: SecretArn },
}

/// The policy that a replica has from the service: the primary's account may accept on the replica's behalf. Which primary it may
/// be, the replica's link says.
pub fn policy(region: Region, primary: AccountId) -> Result<ResourcePolicy, StoreFault> {
    let partition = region.partition();
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:{partition}:iam::{primary}:root"}},"Action":"{ACCEPT_ACTION}","Resource":"*"}}]}}"#
    );
    ResourcePolicy::parse(&text).map_err(|_| StoreFault)
}

/// Whether two secrets can be a primary and its replica here.
pub fn check_pair(region: Region, one: &SecretArn, other: &SecretArn) -> Result<(), Error> {
    if one.scope.region != region || other.scope.region != region {
        return Err(LinkFlaw::OtherRegion.into());
    }
    if one.scope.account == other.scope.account {
        Err(LinkFlaw::SameAccount.into())
    } else {
        Ok(())
    }
}

/// Who replicates in the name of a role, if the role trusts Secrets Manager.
///
/// AWS: the trust policy may ask for the account and the secret that it is assumed for.
pub fn assume(
    cx: &Cx<'_>,
    read: &dyn Read,
    role: &RoleArn,
    primary: &SecretArn,
) -> Result<Option<Caller>, StoreFault> {
    REPLICATION.assume(cx, read, role, (primary.scope.account, primary.to_string()))
}

/// Whether the caller, and the role if there is one, may read under the primary's key and seal under
/// the replica's.
///
/// AWS: this is tried before an association is made, which replication to Regions never does.
pub fn prove(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    scope: Scope,
    primary: &Secret,
    (replica_scope, replica): (Scope, &Secret),
    role: Option<&RoleArn>,
) -> Result<(), Error> {
    prove_keys(cx, tx, (scope, primary), (replica_scope, replica))?;
    let Some(role) = role else { return Ok(()) };
    let session = assume(cx, tx, role, &primary.arn(scope))?
        .ok_or_else(|| LinkFlaw::RoleUnusable { role: role.clone() })?;
    let cx = Cx { caller: &session, ..*cx };
    prove_keys(&cx, tx, (scope, primary), (replica_scope, replica))
}

fn prove_keys(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    (scope, primary): (Scope, &Secret),
    (replica_scope, replica): (Scope, &Secret),
) -> Result<(), Error> {
    let key = KeyUse::read(primary.kms_key_id.as_deref());
    may_use_key(cx, tx, &primary.arn(scope), key)?
        .map_err(|problem| refusal(problem, ReplicaFailure::PrimaryKey))?;
    let key = KeyUse::give(replica.kms_key_id.as_deref());
    may_use_key(cx, tx, &replica.arn(replica_scope), key)?
        .map_err(|problem| refusal(problem, ReplicaFailure::ReplicaKey))
}

fn refusal(problem: KeyProblem, of: fn(KeyProblem) -> ReplicaFailure) -> Error {
    match problem {
        KeyProblem::Denied { .. } => Error::KmsDenied,
        problem => LinkFlaw::Key(of(problem)).into(),
    }
}

/// Brings the replica in another account, if there is one, to the state of `primary`, and notes in
/// both what came of it.
pub fn replicate(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    primary: &mut Secret,
) -> Result<(), StoreFault> {
    let Some(link) = &primary.cross_account_replica else { return Ok(()) };
    let (other, role) = (link.other.clone(), link.role.clone());
    let Some(replica) = linked(tx, &other, &primary.arn(scope))? else { return Ok(()) };
    let to = other.scope;
    let mut after = Secret::clone(&replica);
    let given = match &role {
        None => missing_versions(cx, tx, scope, primary, to, &replica)?,
        Some(role) => match assume(cx, tx, role, &primary.arn(scope))? {
            Some(session) => {
                let cx = Cx { caller: &session, ..*cx };
                missing_versions(&cx, tx, scope, primary, to, &replica)?
            }
            None => Err(ReplicaFailure::RoleUnusable),
        },
    };
    let status = match given {
        Ok(versions) => {
            take(cx, tx, to, &mut after, primary, versions)?;
            LinkStatus::InSync
        }
        Err(failure) => LinkStatus::Failed { failure, request_id: cx.request_id },
    };
    announce_link(cx, tx, scope, primary, &other, &status);
    let back = Link { other: primary.arn(scope), role: None, status: status.clone() };
    after.role = Role::CrossAccountReplica(Box::new(back));
    put_secret(tx, to, after)?;
    primary.cross_account_replica = Some(Box::new(Link { other, role, status }));
    Ok(())
}

/// The secret called `other`, if it is tied to the one called `to`, from whichever side, and has not
/// left it.
fn linked(
    tx: &Tx<'_>,
    other: &SecretArn,
    to: &SecretArn,
) -> Result<Option<Arc<Secret>>, StoreFault> {
    let found = tx.secret(other.scope, &other.name)?;
    Ok(found.filter(|found| {
        let link = match &found.role {
            Role::CrossAccountReplica(link) => Some(link),
            _ => found.cross_account_replica.as_ref(),
        };
        found.suffix == other.suffix && link.is_some_and(|link| link.other == *to)
    }))
}

/// Tells the secret at the other end of `link` that this one, called `arn`, has left it.
pub fn detach(tx: &mut Tx<'_>, link: &Link, arn: &SecretArn) -> Result<(), StoreFault> {
    let Some(other) = linked(tx, &link.other, arn)? else { return Ok(()) };
    let mut other = Secret::clone(&other);
    let link_back = match &mut other.role {
        Role::CrossAccountReplica(link) => Some(link),
        _ => other.cross_account_replica.as_mut(),
    };
    if let Some(link) = link_back {
        link.status = LinkStatus::Detached;
    }
    put_secret(tx, link.other.scope, other)
}

/// The labelled versions that the replica has not got, under its key.
///
/// A version's id can come back with another value once the first was forgotten, so the time of its
/// creation tells as well.
fn missing_versions(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    scope: Scope,
    primary: &Secret,
    to: Scope,
    replica: &Secret,
) -> Result<Result<Vec<Version>, ReplicaFailure>, StoreFault> {
    let mut versions = Vec::new();
    for version in labelled(tx, scope, primary)? {
        let held = tx.version(to, &replica.name, replica.suffix, &version.id)?;
        if held.is_some_and(|held| held.created == version.created) {
            continue;
        }
        match hand_over(cx, tx, (scope, primary), (to, replica), &version)? {
            Ok(version) => versions.push(version),
            Err(failure) => return Ok(Err(failure)),
        }
    }
    Ok(Ok(versions))
}

/// Opens a value of the primary's and seals it for the replica, with the leave of `cx` for both.
fn hand_over(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    (scope, primary): (Scope, &Secret),
    (to, replica): (Scope, &Secret),
    version: &Version,
) -> Result<Result<Version, ReplicaFailure>, StoreFault> {
    let id: &VersionId = &version.id;
    let plaintext = match open(cx, tx, &primary.arn(scope), id, &version.value) {
        Ok(plaintext) => plaintext,
        Err(Error::Store(fault)) => return Err(fault),
        Err(error) => return Ok(Err(ReplicaFailure::PrimaryKey(problem(primary, scope, error)))),
    };
    let key = KeyUse::give(replica.kms_key_id.as_deref());
    let sealed = seal(cx, tx, &replica.arn(to), id, key, version.value.kind, &plaintext)?;
    Ok(sealed.map_err(ReplicaFailure::ReplicaKey).map(|value| Version {
        id: id.clone(),
        created: version.created,
        last_accessed: None,
        changed: replica.at.next().revision,
        value,
    }))
}

/// Writes what the replica gets, and begins a new state of it.
fn take(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    to: Scope,
    replica: &mut Secret,
    primary: &Secret,
    versions: Vec<Version>,
) -> Result<(), StoreFault> {
    advance(cx, replica);
    for version in versions {
        let key = version_key(to, replica, &version.id);
        let new = tx.version(to, &replica.name, replica.suffix, &version.id)?.is_none();
        replica.version_count += u32::from(new);
        tx.put(key, Record::Version(Arc::new(version)));
    }
    replica.stages.clone_from(&primary.stages);
    replica.description.clone_from(&primary.description);
    replica.secret_type.clone_from(&primary.secret_type);
    forget_old_versions(cx, tx, to, replica, limits::VERSIONS_PER_SECRET_MAX)
}
