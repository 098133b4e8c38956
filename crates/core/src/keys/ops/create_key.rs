//! CreateKey: a key of any spec, with new material or for material that is imported, in one Region
//! or as a multi-Region primary.
//!
//! The id is drawn before permission is asked, because tagging is permitted on the key's own ARN.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, KeyId};
use crate::keys::access::Found;
use crate::keys::envelope::new_material;
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::model::{
    KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey, MultiRegion, Origin,
};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault, random};
use crate::records::{Key, Record};
use crate::replication::change::Stamp;
use crate::tags::Tags;
use crate::tx::Tx;

#[derive(Debug)]
pub struct CreateKey {
    /// `None` is the default policy.
    pub policy: Option<KeyPolicy>,
    pub bypass_lockout_check: bool,
    pub description: Box<str>,
    pub tags: Tags,
    pub spec: KeySpec,
    /// One of those that the spec allows.
    pub usage: KeyUsage,
    pub origin: Origin,
    pub multi_region: bool,
}

impl Operation for CreateKey {
    const ACTION: &'static str = "kms:CreateKey";
    /// The new key.
    type Target = KeyArn;
    type Output = Found;
    type Error = Error;

    fn target(&self, cx: &Cx<'_>, _: &dyn Read) -> Result<KeyArn, StoreFault> {
        let id = KeyId::from_entropy(random(cx.entropy), self.multi_region);
        Ok(KeyArn { scope: cx.scope(), id })
    }

    fn demands(&self, cx: &Cx<'_>, arn: &KeyArn) -> Vec<Demand> {
        let mut create = Demand::on(Self::ACTION, "*".to_owned(), cx.caller.account);
        create.facts.request_tags = Some(self.tags.clone());
        create.facts.others = vec![
            ("kms:keyspec", self.spec.as_str().to_owned()),
            ("kms:keyusage", self.usage.as_str().to_owned()),
            ("kms:keyorigin", self.origin.as_str().to_owned()),
            ("kms:multiregion", self.multi_region.to_string()),
            ("kms:bypasspolicylockoutsafetycheck", self.bypass_lockout_check.to_string()),
        ];
        if self.multi_region {
            create.facts.others.push(("kms:multiregionkeytype", "PRIMARY".to_owned()));
        }
        let mut demands = vec![create];
        if !self.tags.is_empty() {
            let mut tag = Demand::on("kms:TagResource", arn.to_string(), cx.caller.account);
            tag.facts.request_tags = Some(self.tags.clone());
            demands.push(tag);
        }
        demands
    }
}

impl Command for CreateKey {
    fn run(
        op: Authorized<Self>,
        arn: KeyArn,
        cx: &Cx<'_>,
        tx: &mut Tx<'_>,
    ) -> Result<Step<Found>, Error> {
        let op = op.into_inner();
        let KeyArn { scope, id } = arn;
        let multi_region = op.multi_region.then(|| MultiRegion {
            at: Stamp::FIRST,
            primary: scope.region,
            replicas: BTreeSet::new(),
            installing: BTreeMap::new(),
        });
        let check = op.policy.is_some() && !op.bypass_lockout_check;
        let (state, materials) = match op.origin {
            Origin::AwsKms => {
                let material = new_material(&arn, op.spec, cx.now, cx.crypto, cx.entropy);
                (KeyState::Enabled, vec![material])
            }
            Origin::External => (KeyState::PendingImport, Vec::new()),
        };
        let key = Arc::new(KmsKey {
            id,
            manager: KeyManager::Customer,
            description: op.description,
            spec: op.spec,
            usage: op.usage,
            origin: op.origin,
            created: cx.now,
            state,
            materials,
            pending: None,
            policy: key_policy::of_new_key(scope, op.policy)?,
            tags: op.tags,
            rotation: None,
            multi_region,
        });
        let found = Found { key, scope, alias: None };
        if check {
            key_policy::check_lockout(cx, &found)?;
        }
        tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::clone(&found.key)));
        Ok(Step::Done(found))
    }
}
