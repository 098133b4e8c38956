//! UpdatePrimaryRegion: the primary of a multi-Region key and one of its replicas change places.
//!
//! PROMISE R9: the epoch rises, and only the present primary can raise it. A replica that was asked
//! for and has not confirmed stands in the way: only this Region knows what it begins with.

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, Region, Scope};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::model::KmsKey;
use crate::keys::multi_region::publish;
use crate::keys::pending;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
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

    /// AWS asks for the permission on the replica key too. Its policy is another Region's.
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
        let mut key = KmsKey::clone(&found.key);
        if let Some(multi) = &mut key.multi_region {
            multi.at = multi.at.next_epoch();
            multi.replicas.remove(&new);
            multi.replicas.insert(multi.primary);
            multi.primary = new;
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
    if let Some(creating) = multi.installing.keys().next() {
        let scope = Scope { region: *creating, account: found.scope.account };
        return Err(Error::ReplicaCreating { key: KeyArn { scope, id: found.key.id } });
    }
    Ok(region)
}
