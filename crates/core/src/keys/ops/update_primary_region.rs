//! UpdatePrimaryRegion: the primary of a multi-Region key and one of its replicas change places.
//!
//! PROMISE R9: the epoch rises, and only the present primary can raise it. Another replica that was
//! asked for and has not confirmed stands in the way: only this Region knows what it begins with.
//!
//! The replica's Region is asked first, for its key's policy and state are its own. Both keys are
//! `Updating` until each knows that the other knows, a while at most.

use crate::cx::{Ask, Cx};
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, Region, Scope};
use crate::keys::access::{self, Found, KeyName};
use crate::keys::error::Error;
use crate::keys::model::{KmsKey, Swap};
use crate::keys::multi_region::publish;
use crate::keys::pending;
use crate::keys::problem::KeyProblem;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand, permit};
use crate::ports::{Read, StoreFault};
use crate::replication::change::{Answer, Asker, Question};
use crate::secrets::model::ReplicaFailure;
use crate::tx::Tx;

#[derive(Debug)]
pub struct UpdatePrimaryRegion {
    pub key: KeyRef,
    pub primary: Box<str>,
}

impl Operation for UpdatePrimaryRegion {
    const ACTION: &'static str = "kms:UpdatePrimaryRegion";
    type Target = Target;
    type Output = ();
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, _: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let region = ("kms:primaryregion", self.primary.to_string());
        vec![target.demand_with(Self::ACTION, None, [region])]
    }
}

impl Command for UpdatePrimaryRegion {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<()>, Error> {
        let found = target.found()?;
        let new = admit(cx, &found, &op.primary)?;
        if let Some(ask) = agreed(cx, &found, new)? {
            return Ok(Step::Ask(vec![ask]));
        }
        let mut key = KmsKey::clone(&found.key);
        if let Some(multi) = &mut key.multi_region {
            multi.at = multi.at.next_epoch();
            multi.installing.remove(&new);
            multi.replicas.remove(&new);
            multi.replicas.insert(multi.primary);
            multi.primary = new;
            multi.swap = Some(Swap::begin(new, cx.now));
        }
        if key.pending.is_some() {
            pending::tell(cx, tx, found.scope, &mut key)?;
        }
        publish(cx, tx, found.scope, &key)?;
        found.put(tx, key);
        Ok(Step::Done(()))
    }
}

/// The new primary's Region, if it holds a replica.
fn admit(cx: &Cx<'_>, found: &Found, region: &str) -> Result<Region, Error> {
    let multi =
        found.key.multi_region.as_ref().ok_or(Error::NotMultiRegion { key: found.arn() })?;
    if multi.primary != cx.region {
        return Err(Error::NotMultiRegionPrimary { key: found.arn() });
    }
    Rule::Use.check(found)?;
    let region: Region =
        region.parse().map_err(|_| Error::UnknownRegion { region: region.into() })?;
    if !multi.replicas.contains(&region) {
        return Err(Error::NoReplicaIn { key: found.arn(), region });
    }
    if let Some(creating) = multi.installing.keys().find(|creating| **creating != region) {
        return Err(Error::ReplicaCreating { key: related(found, *creating) });
    }
    Ok(region)
}

fn related(found: &Found, region: Region) -> KeyArn {
    KeyArn { scope: Scope { region, account: found.scope.account }, id: found.key.id }
}

/// Whether the replica can be the primary; what is to be asked if it has not said so yet.
fn agreed(cx: &Cx<'_>, found: &Found, region: Region) -> Result<Option<Ask>, Error> {
    let key = related(found, region);
    let question = Question::CanBePrimary { key, caller: Asker::of(cx.caller) };
    let ask = Ask { region, question };
    // It may be there, and this Region not have heard so yet.
    let multi = found.key.multi_region.as_ref();
    let is_creating = multi.is_some_and(|multi| multi.installing.contains_key(&region));
    match cx.answers.get(&(region, ask.question.clone())) {
        None => Ok(Some(ask)),
        Some(Answer::Yes) => Ok(None),
        Some(
            Answer::No(ReplicaFailure::ReplicaKey(KeyProblem::Absent { .. })) | Answer::Unreachable,
        ) if is_creating => Err(Error::ReplicaCreating { key }),
        Some(Answer::No(ReplicaFailure::ReplicaKey(problem))) => Err(problem.clone().into()),
        Some(Answer::No(_) | Answer::Refused { .. } | Answer::Unreachable) => {
            Err(Error::ReplicaUnheard { key })
        }
    }
}

/// Whether a replica key of this Region can be the primary.
///
/// AWS: the caller needs the permission on the replica key too, and both keys are enabled.
pub fn can_be_primary(
    cx: &Cx<'_>,
    read: &dyn Read,
    key: KeyArn,
) -> Result<Result<(), KeyProblem>, StoreFault> {
    let target = Target::of_arn(key, access::find(read, cx.scope(), &KeyName::Arn(key))?);
    let region = ("kms:primaryregion", cx.region.to_string());
    let demand = target.demand_with(UpdatePrimaryRegion::ACTION, None, [region]);
    if let Err(denied) = permit(cx, read, &demand)? {
        return Ok(Err(denied.into()));
    }
    Ok(target.as_found().map_err(Clone::clone).and_then(access::check_state))
}
