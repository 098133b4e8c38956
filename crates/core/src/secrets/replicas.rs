//! Adding replica Regions to a secret: what is proven before, and what is recorded.
//!
//! Shared by CreateSecret and ReplicateSecretToRegions. PROMISE R3: in the strict profile each
//! Region proves that it could hold the replica before anything is accepted; in the `aws` profile
//! any key is accepted and fails later, as on AWS.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::cx::{Ask, Cx, Profile};
use crate::ids::{Region, Scope, SecretArn, SecretName};
use crate::policy::authorized::Facts;
use crate::ports::{StoreFault, random};
use crate::records::Intent;
use crate::replication::change::{Answer, Asker, Question};
use crate::replication::compose::problem;
use crate::replication::outbox::{enqueue, put_replica, subject_of};
use crate::secrets::error::{Error, RefusedRegion, RefusedReplica, RegionProblem, ReplicaRefusal};
use crate::secrets::event::announce_status;
use crate::secrets::model::{Replica, ReplicaFailure, ReplicaStatus, Role, Secret};
use crate::secrets::value::{DEFAULT_KEY, open_data_key};
use crate::tx::{Records, Tx};

/// One entry of `AddReplicaRegions`, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddReplica {
    pub region: Box<str>,
    pub kms_key_id: Option<Box<str>>,
}

/// One entry of `AddReplicaRegions`, with a Region that can hold replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplica {
    pub region: Region,
    pub kms_key_id: Option<Box<str>>,
}

impl NewReplica {
    fn refused(&self, reason: ReplicaRefusal) -> RefusedReplica {
        let kms_key_id = self.kms_key_id.as_deref().unwrap_or(DEFAULT_KEY).into();
        RefusedReplica { region: self.region, kms_key_id, reason }
    }
}

/// What conditions see of a request that adds replica Regions.
pub fn tell(facts: &mut Facts, adds: &[AddReplica], overwrite: bool) {
    facts.others.push(("secretsmanager:forceoverwritereplicasecret", overwrite.to_string()));
    let regions: Vec<_> = adds.iter().map(|add| add.region.to_string()).collect();
    if !regions.is_empty() {
        facts.lists.push(("secretsmanager:addreplicaregions", regions));
    }
}

/// Whether the Regions may be added, or which Regions must answer first.
pub fn admit(
    cx: &Cx<'_>,
    arn: &SecretArn,
    adds: &[AddReplica],
    overwrite: bool,
) -> Result<Result<Vec<NewReplica>, Vec<Ask>>, Error> {
    let replicas = parse(cx, arn.scope.region, adds)?;
    if cx.profile == Profile::Aws {
        return Ok(Ok(replicas));
    }
    let (mut asks, mut refused) = (Vec::new(), Vec::new());
    for replica in &replicas {
        let question = Question::CanHold {
            arn: arn.clone(),
            kms_key_id: replica.kms_key_id.clone(),
            overwrite,
            caller: Asker::of(cx.caller),
        };
        let region = replica.region;
        match cx.answers.get(&(region, question.clone())) {
            Some(Answer::Yes) => {}
            Some(Answer::No(failure)) => {
                refused.push(replica.refused(ReplicaRefusal::Failure(failure.clone())));
            }
            // Only what services there are asked to do is refused in their words.
            Some(Answer::Unreachable | Answer::Refused { .. }) => {
                refused.push(replica.refused(ReplicaRefusal::Unreachable));
            }
            None => asks.push(Ask { region, question }),
        }
    }
    // Whoever has to mend several keys is told of all of them.
    match (asks.is_empty(), refused.is_empty()) {
        (false, _) => Ok(Err(asks)),
        (true, false) => Err(Error::ReplicasRefused(refused)),
        (true, true) => Ok(Ok(replicas)),
    }
}

/// PROMISE R3: in the strict profile the primary proves that it can open what replicas are to hold.
pub fn prove_readable(
    cx: &Cx<'_>,
    tx: &Tx<'_>,
    scope: Scope,
    secret: &Secret,
    adds: &[NewReplica],
) -> Result<(), Error> {
    let Some(first) = adds.first().filter(|_| cx.profile == Profile::Strict) else {
        return Ok(());
    };
    let ids: BTreeSet<_> = secret.stages.values().collect();
    for id in ids {
        // AWS: a rotation labels its version before there is a value.
        let Some(version) = tx.version(scope, &secret.name, secret.suffix, id)? else { continue };
        match open_data_key(cx, tx, &secret.arn(scope), id, &version.value) {
            Ok(_) => {}
            Err(Error::Store(fault)) => return Err(fault.into()),
            Err(error) => {
                let failure = ReplicaFailure::PrimaryKey(problem(secret, scope, error));
                let refused = first.refused(ReplicaRefusal::Failure(failure));
                return Err(Error::ReplicasRefused(vec![refused]));
            }
        }
    }
    Ok(())
}

fn parse(cx: &Cx<'_>, own: Region, adds: &[AddReplica]) -> Result<Vec<NewReplica>, Error> {
    let mut replicas: Vec<NewReplica> = Vec::with_capacity(adds.len());
    for add in adds {
        let invalid = |problem| {
            let kms_key_id = add.kms_key_id.as_deref().unwrap_or(DEFAULT_KEY).into();
            let region = add.region.clone();
            Error::InvalidReplicaRegion(RefusedRegion { region, kms_key_id, problem })
        };
        let unknown = |_| invalid(RegionProblem::Unknown);
        let region: Region = add.region.parse().map_err(unknown)?;
        let repeated = replicas.iter().any(|earlier| earlier.region == region);
        if region == own {
            return Err(invalid(RegionProblem::Own));
        }
        // AWS: a Region that is not enabled is accepted and fails later.
        if cx.profile == Profile::Strict {
            if repeated {
                return Err(invalid(RegionProblem::Repeated));
            }
            if !cx.regions.contains(&region) {
                return Err(invalid(RegionProblem::Unknown));
            }
        }
        if repeated {
            replicas.retain(|earlier| earlier.region != region);
        }
        // AWS: an empty key id means the managed key, as in UpdateSecret.
        let kms_key_id = add.kms_key_id.clone().filter(|id| !id.is_empty());
        replicas.push(NewReplica { region, kms_key_id });
    }
    Ok(replicas)
}

/// Records the replicas of a secret whose new state is in `secret.at`, and sends it to them. A
/// Region that is already a replica is driven again, under the key given now.
pub fn attach(
    cx: &Cx<'_>,
    tx: &mut Tx<'_>,
    scope: Scope,
    secret: &mut Secret,
    adds: &[NewReplica],
    overwrite: bool,
) -> Result<(), StoreFault> {
    for add in adds {
        if let Role::Primary { replicas } = &mut secret.role
            && let Err(at) = replicas.binary_search(&add.region)
        {
            replicas.insert(at, add.region);
        }
        let known = cx.regions.contains(&add.region);
        let earlier = tx.replica(scope, &secret.name, add.region)?;
        let replica = Replica {
            region: add.region,
            kms_key_id: add.kms_key_id.clone(),
            status: if known { ReplicaStatus::InProgress } else { not_enabled(cx) },
            // Everything is sent anew: the key may have changed.
            acknowledged: None,
            overwrite,
            last_accessed: earlier.as_ref().and_then(|earlier| earlier.last_accessed),
        };
        let before = earlier.as_ref().map(|earlier| &earlier.status);
        announce_status(cx, tx, scope, secret, before, &replica);
        put_replica(tx, scope, secret, replica);
        if known {
            enqueue(cx, tx, scope, add.region, subject_of(secret), secret.at, Intent::State)?;
        }
    }
    Ok(())
}

fn not_enabled(cx: &Cx<'_>) -> ReplicaStatus {
    let request_id = crate::ids::RequestId::from_entropy(random(cx.entropy));
    ReplicaStatus::Failed { failure: ReplicaFailure::RegionNotEnabled, request_id }
}

/// The primary's view of all replicas, by Region.
pub fn statuses(
    read: &dyn crate::ports::Read,
    scope: Scope,
    name: &SecretName,
    regions: &[Region],
) -> Result<Vec<Arc<Replica>>, StoreFault> {
    let found = regions.iter().map(|region| read.replica(scope, name, *region));
    found.filter_map(Result::transpose).collect()
}

/// What the answer to a request shows of the replicas that it has just added.
///
/// AWS: `InProgress` without a message, whatever the key.
pub fn announced(adds: &[NewReplica]) -> Vec<Arc<Replica>> {
    let mut shown: Vec<_> = adds
        .iter()
        .map(|add| {
            Arc::new(Replica {
                region: add.region,
                kms_key_id: add.kms_key_id.clone(),
                status: ReplicaStatus::InProgress,
                acknowledged: None,
                overwrite: false,
                last_accessed: None,
            })
        })
        .collect();
    shown.sort_by_key(|replica| replica.region);
    shown
}
