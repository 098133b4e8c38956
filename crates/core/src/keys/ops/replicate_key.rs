//! ReplicateKey: asks another Region to hold a replica of a multi-Region primary.
//!
//! The answer describes the replica as it will be; the Region installs it when the message arrives,
//! however long it is away. Every related key learns the new list of replicas. What permission the
//! replica Region asks for is asked here: the caller's identity policies are the same in each.

use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, Region, Scope};
use crate::keys::access::Found;
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::model::{Install, KeyPolicy, KeyState, KmsKey};
use crate::keys::multi_region::publish;
use crate::keys::pending;
use crate::keys::states::Rule;
use crate::keys::target::{KeyRef, Target};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault};
use crate::tags::Tags;
use crate::tx::Tx;

/// The condition keys that are the same for all related keys.
const SHARED: [&str; 4] = ["kms:keyspec", "kms:keyusage", "kms:keyorigin", "kms:multiregion"];

#[derive(Debug)]
pub struct ReplicateKey {
    pub key: KeyRef,
    pub region: Box<str>,
    /// `None` is the default policy; the primary's is not copied.
    pub policy: Option<KeyPolicy>,
    pub bypass_lockout_check: bool,
    pub description: Box<str>,
    pub tags: Tags,
}

impl Operation for ReplicateKey {
    const ACTION: &'static str = "kms:ReplicateKey";
    type Target = Target;
    /// The replica as it will be, in its own Region.
    type Output = Found;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, read: &dyn Read) -> Result<Target, StoreFault> {
        self.key.own(cx, read)
    }

    fn demands(&self, cx: &Cx<'_>, target: &Target) -> Vec<Demand> {
        let account = cx.caller.account;
        let region = ("kms:replicaregion", self.region.to_string());
        let mut create = Demand::on("kms:CreateKey", "*".to_owned(), account);
        create.facts.request_tags = Some(self.tags.clone());
        if let Ok(found) = target.as_found() {
            let shared = SHARED.map(|name| found.attribute(name).map(|of| (name, of.to_owned())));
            create.facts.others.extend(shared.into_iter().flatten());
            create.facts.others.push(("kms:multiregionkeytype", "REPLICA"));
        }
        let bypass = ("kms:bypasspolicylockoutsafetycheck", self.bypass_lockout_check.to_string());
        create.facts.others.push(bypass);
        let mut demands = vec![target.demand_with(Self::ACTION, None, [region]), create];
        if !self.tags.is_empty()
            && let (Ok(found), Ok(region)) = (target.as_found(), self.region.parse())
        {
            let arn = KeyArn { scope: Scope { region, account }, id: found.key.id };
            let mut tag = Demand::on("kms:TagResource", arn.to_string(), account);
            tag.facts.request_tags = Some(self.tags.clone());
            demands.push(tag);
        }
        demands
    }
}

impl Command for ReplicateKey {
    fn run(
        op: Authorized<Self>,
        target: Target,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Found>, Error> {
        let op = op.into_inner();
        let primary = target.found()?;
        let region = admit(cx, &primary, &op.region)?;
        let scope = Scope { region, account: primary.scope.account };
        let check = op.policy.is_some() && !op.bypass_lockout_check;
        let policy = key_policy::of_new_key(scope, op.policy)?;
        let install = Install {
            policy: policy.text.clone(),
            description: op.description.clone(),
            tags: op.tags.clone(),
        };
        let key = primary.update(tx, |key| {
            if let Some(multi) = &mut key.multi_region {
                multi.at = multi.at.next();
                multi.replicas.insert(region);
                multi.installing.insert(region, install);
                multi.pending_everywhere = false;
                pending::expect(multi, region);
            }
        });
        let replica = KmsKey {
            description: op.description,
            created: cx.now,
            state: KeyState::Enabled,
            policy,
            tags: op.tags,
            ..KmsKey::clone(&key)
        };
        let replica = Found { key: Arc::new(replica), scope, alias: None };
        if check {
            key_policy::check_lockout(cx, &replica)?;
        }
        publish(cx, tx, primary.scope, &key)?;
        Ok(Step::Done(replica))
    }
}

/// The Region to replicate to, if this key may be replicated and the Region can hold it.
fn admit(cx: &Cx<'_>, primary: &Found, region: &str) -> Result<Region, Error> {
    let multi =
        primary.key.multi_region.as_ref().ok_or(Error::NotMultiRegion { key: primary.arn() })?;
    if multi.primary != cx.region {
        return Err(Error::NotMultiRegionPrimary { key: primary.arn() });
    }
    Rule::Use.check_settled(primary, cx)?;
    let unknown = || Error::UnknownRegion { region: region.into() };
    let region: Region = region.parse().map_err(|_| unknown())?;
    // AWS: related keys are of one partition.
    if !cx.regions.contains(&region) || region.partition() != cx.region.partition() {
        return Err(unknown());
    }
    if region == multi.primary || multi.replicas.contains(&region) {
        let scope = Scope { region, account: primary.scope.account };
        return Err(Error::ReplicaExists { key: KeyArn { scope, id: primary.key.id } });
    }
    Ok(region)
}
