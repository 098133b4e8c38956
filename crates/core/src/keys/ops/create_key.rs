//! CreateKey: a key of any spec, with new material, for material that is imported, or with its other
//! half in an external key store; in one Region or as a multi-Region primary.
//!
//! The id is drawn before permission is asked, because tagging is permitted on the key's own ARN.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cx::Cx;
use crate::engine::{Command, Operation, Step};
use crate::ids::{KeyArn, KeyId, Scope};
use crate::keys::access::Found;
use crate::keys::envelope::new_material;
use crate::keys::error::Error;
use crate::keys::key_policy;
use crate::keys::model::{
    KeyManager, KeyPolicy, KeySpec, KeyState, KeyUsage, KmsKey, MultiRegion, Origin,
};
use crate::keys::proxy::{Asked, ExternalKeyMetadata, ProxyProblem, Purpose, Told};
use crate::keys::stores::{self, ExternalKey, StoreProblem};
use crate::policy::authorized::{Authorized, Demand};
use crate::ports::{Read, StoreFault, random};
use crate::records::{Key, Record};
use crate::replication::change::Stamp;
use crate::tags::Tags;
use crate::tx::Tx;

/// Where the material of a new key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Made,
    Imported,
    /// Half of it is made; the other half is this external key. Only symmetric keys of one Region.
    Store(GivenKey),
}

impl Source {
    const fn origin(&self) -> Origin {
        match self {
            Self::Made => Origin::AwsKms,
            Self::Imported => Origin::External,
            Self::Store(_) => Origin::ExternalKeyStore,
        }
    }
}

/// A key store's id and an external key of it, as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenKey {
    pub store: Box<str>,
    pub key: Box<str>,
}

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
    pub source: Source,
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
        create.facts.others.extend([
            ("kms:keyspec", self.spec.as_str().to_owned()),
            ("kms:keyusage", self.usage.as_str().to_owned()),
            ("kms:keyorigin", self.source.origin().as_str().to_owned()),
            ("kms:multiregion", self.multi_region.to_string()),
            ("kms:bypasspolicylockoutsafetycheck", self.bypass_lockout_check.to_string()),
        ]);
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
        let origin = op.source.origin();
        let made = || vec![new_material(&arn, op.spec, cx.now, cx.crypto, cx.entropy)];
        let (state, materials, external) = match &op.source {
            Source::Made => (KeyState::Enabled, made(), None),
            Source::Imported => (KeyState::PendingImport, Vec::new(), None),
            Source::Store(given) => {
                let external = external_key(cx, tx, scope, given)?;
                (KeyState::Enabled, made(), Some(external))
            }
        };
        let multi_region = op.multi_region.then(|| MultiRegion {
            at: Stamp::FIRST,
            primary: scope.region,
            replicas: BTreeSet::new(),
            installing: BTreeMap::new(),
            requests: BTreeMap::new(),
            pending_everywhere: false,
            holdings: BTreeMap::new(),
            told: 0,
            swap: None,
        });
        let check = op.policy.is_some() && !op.bypass_lockout_check;
        let key = Arc::new(KmsKey {
            id,
            manager: KeyManager::Customer,
            description: op.description,
            spec: op.spec,
            usage: op.usage,
            origin,
            external,
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
        if let Some(external) = &found.key.external {
            stores::count(tx, scope, external, true)?;
        }
        tx.put(Key::KmsKey { scope, id }, Record::KmsKey(Arc::clone(&found.key)));
        Ok(Step::Done(found))
    }
}

/// The external key, if a KMS key can be made of it: its store is connected, no other KMS key has it,
/// and the proxy says that it is an enabled AES key.
fn external_key(
    cx: &Cx<'_>,
    read: &dyn Read,
    scope: Scope,
    given: &GivenKey,
) -> Result<ExternalKey, Error> {
    let GivenKey { store, key } = given;
    let store = stores::find(read, scope, store)?.ok_or(StoreProblem::NotFound)?;
    if !store.is_connected() {
        return Err(StoreProblem::NewKey(ProxyProblem::NotConnected).into());
    }
    // Lesson 1: as a part of a path, these name no key but the directory of the keys, or one above.
    if matches!(&**key, "." | "..") {
        return Err(StoreProblem::NewKey(ProxyProblem::KeyNotFound).into());
    }
    let external = ExternalKey { store: store.id.clone(), key: key.clone() };
    if stores::is_in_use(read, scope, &external)? {
        return Err(StoreProblem::NewKeyInUse.into());
    }
    let purpose = Purpose {
        operation: "CreateKey",
        request: cx.request_id,
        principal: Arc::clone(&cx.caller.arn),
        key: None,
        via_service: None,
    };
    match store.proxy.ask(cx, Asked::Metadata { key: key.clone() }, purpose)? {
        Ok(Told::Metadata(ExternalKeyMetadata {
            is_aes_256: true,
            encrypts: true,
            decrypts: true,
            enabled: true,
        })) => Ok(external),
        Ok(Told::Metadata(_)) => Err(StoreProblem::NewKeyUnfit.into()),
        Ok(_) => Err(StoreProblem::NewKey(ProxyProblem::Malformed).into()),
        Err(problem) => Err(StoreProblem::NewKey(problem).into()),
    }
}
