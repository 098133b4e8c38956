//! From what a caller wrote to a key that may be used: resolution, state, usage, permission.
//!
//! Every path that touches key material comes through here, KMS operations and Secrets Manager
//! alike. An id alone resolves nothing: it is looked up in one account and one Region.

use std::sync::Arc;

use crate::cx::Cx;
use crate::ids::{AccountId, AliasArn, AliasName, KeyArn, KeyId, Region, Scope};
use crate::keys::ciphertext::ALGORITHM;
use crate::keys::envelope::EncryptionContext;
use crate::keys::grants::Grants;
use crate::keys::model::{KeyState, KeyUsage, KmsKey};
use crate::keys::problem::KeyProblem;
use crate::policy::authorized::{Demand, Denied, Facts, is_permitted_anyhow, permit};
use crate::policy::evaluate::ResourceMode;
use crate::ports::{Read, StoreFault};
use crate::records::{Key, Record};
use crate::tx::{Records, Tx};

/// A key as somebody named it, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    Id(KeyId),
    Arn(KeyArn),
    Alias(AliasName),
    AliasArn(AliasArn),
}

impl KeyName {
    /// Parses any of the four forms.
    pub fn parse(given: &str) -> Result<Self, KeyProblem> {
        let invalid = || KeyProblem::Invalid { given: given.into() };
        if given.starts_with("alias/") {
            return given.parse().map(Self::Alias).map_err(|_| invalid());
        }
        let Some(rest) = given.strip_prefix("arn:") else {
            return given.parse().map(Self::Id).map_err(|_| invalid());
        };
        let mut fields = rest.splitn(5, ':');
        let (Some(partition), Some("kms"), Some(region), Some(account), Some(resource)) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(invalid());
        };
        let region: Region = region.parse().map_err(|_| invalid())?;
        let account: AccountId = account.parse().map_err(|_| invalid())?;
        if partition != region.partition() {
            return Err(invalid());
        }
        let scope = Scope { region, account };
        if let Some(id) = resource.strip_prefix("key/") {
            let id = id.parse().map_err(|_| KeyProblem::Invalid { given: id.into() })?;
            return Ok(Self::Arn(KeyArn { scope, id }));
        }
        let name = resource.parse().map_err(|_| invalid())?;
        Ok(Self::AliasArn(AliasArn { scope, name }))
    }

    /// Whether this names an alias. AWS: management operations take only ids and key ARNs.
    pub fn is_alias(&self) -> bool {
        matches!(self, Self::Alias(_) | Self::AliasArn(_))
    }
}

/// A key that was found, and where.
#[derive(Debug, Clone)]
pub struct Found {
    pub key: Arc<KmsKey>,
    /// The Region and the account that owns the key.
    pub scope: Scope,
    /// The alias that was used to name it.
    pub alias: Option<AliasName>,
}

impl Found {
    pub fn arn(&self) -> KeyArn {
        self.key.arn(self.scope)
    }

    /// What a condition key in lower case says of the key, if it is one that describes a key. A key of
    /// one Region has no `kms:MultiRegionKeyType`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let key = &self.key;
        match name {
            "kms:keyspec" => Some(key.spec.as_str()),
            "kms:keyusage" => Some(key.usage.as_str()),
            "kms:keyorigin" => Some(key.origin.as_str()),
            "kms:multiregion" => Some(if key.multi_region.is_some() { "true" } else { "false" }),
            "kms:multiregionkeytype" => key.multi_region.as_ref().map(|_| {
                let primary = key.is_multi_region_primary(self.scope.region);
                if primary { "PRIMARY" } else { "REPLICA" }
            }),
            "kms:requestalias" => self.alias.as_ref().map(AliasName::as_str),
            _ => None,
        }
    }

    /// Writes the key with a change, and gives it as it is now.
    pub fn update(&self, tx: &mut Tx<'_>, change: impl FnOnce(&mut KmsKey)) -> Arc<KmsKey> {
        let mut key = KmsKey::clone(&self.key);
        change(&mut key);
        self.put(tx, key)
    }

    /// Writes the key as it is now.
    pub fn put(&self, tx: &mut Tx<'_>, key: KmsKey) -> Arc<KmsKey> {
        let key = Arc::new(key);
        let at = Key::KmsKey { scope: self.scope, id: key.id };
        tx.put(at, Record::KmsKey(Arc::clone(&key)));
        key
    }
}

/// Finds a key by any of its names, as seen from `scope`.
pub fn resolve(
    read: &dyn Read,
    scope: Scope,
    given: &str,
) -> Result<Result<Found, KeyProblem>, StoreFault> {
    match KeyName::parse(given) {
        Ok(name) => find(read, scope, &name),
        Err(problem) => Ok(Err(problem)),
    }
}

/// Finds a parsed key name.
pub fn find(
    read: &dyn Read,
    scope: Scope,
    name: &KeyName,
) -> Result<Result<Found, KeyProblem>, StoreFault> {
    let (arn, alias) = match name {
        KeyName::Id(id) => (KeyArn { scope, id: *id }, None),
        KeyName::Arn(arn) => (*arn, None),
        KeyName::Alias(name) => match follow(read, AliasArn { scope, name: name.clone() })? {
            Ok(arn) => (arn, Some(name.clone())),
            Err(problem) => return Ok(Err(problem)),
        },
        KeyName::AliasArn(alias) => match foreign(scope, alias.scope.region) {
            Some(problem) => return Ok(Err(problem)),
            None => match follow(read, alias.clone())? {
                Ok(arn) => (arn, Some(alias.name.clone())),
                Err(problem) => return Ok(Err(problem)),
            },
        },
    };
    if let Some(problem) = foreign(scope, arn.scope.region) {
        return Ok(Err(problem));
    }
    // AWS: the text names the Region asked and the caller's account, also when an ARN was given.
    let absent = KeyProblem::Absent { key: KeyArn { scope, id: arn.id } };
    let key = read.kms_key(arn.scope, arn.id)?;
    Ok(key.map(|key| Found { key, scope: arn.scope, alias }).ok_or(absent))
}

fn follow(read: &dyn Read, alias: AliasArn) -> Result<Result<KeyArn, KeyProblem>, StoreFault> {
    let found = read.alias(alias.scope, &alias.name)?;
    Ok(match found {
        Some(found) => Ok(KeyArn { scope: alias.scope, id: found.target }),
        None => Err(KeyProblem::AliasAbsent { alias }),
    })
}

fn foreign(scope: Scope, region: Region) -> Option<KeyProblem> {
    (region != scope.region).then(|| KeyProblem::OtherRegion { region: region.as_str().into() })
}

/// Whether a key's state allows cryptographic use.
pub fn check_state(found: &Found) -> Result<(), KeyProblem> {
    let key = found.arn();
    match found.key.state {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(KeyProblem::Disabled { key }),
        KeyState::PendingImport => Err(KeyProblem::PendingImport { key }),
        KeyState::PendingDeletion { .. } => Err(KeyProblem::PendingDeletion { key }),
        KeyState::PendingReplicaDeletion { .. } => Err(KeyProblem::PendingReplicaDeletion { key }),
    }
}

/// Whether a key is for what `operation`, in AWS's spelling, does with it.
pub fn check_usage(found: &Found, usage: KeyUsage, operation: &str) -> Result<(), KeyProblem> {
    if found.key.usage == usage { Ok(()) } else { Err(wrong_usage(found, operation)) }
}

/// Whether a key can do what only symmetric keys can, such as GenerateDataKey.
pub fn check_symmetric(found: &Found, operation: &str) -> Result<(), KeyProblem> {
    if found.key.spec.is_symmetric() { Ok(()) } else { Err(wrong_usage(found, operation)) }
}

fn wrong_usage(found: &Found, operation: &str) -> KeyProblem {
    let (key, usage) = (found.arn(), found.key.usage.as_str().into());
    KeyProblem::WrongUsage { key, usage, operation: operation.into() }
}

/// The demand that using `found` for `action` makes.
pub fn demand(
    found: &Found,
    action: &'static str,
    context: Option<&EncryptionContext>,
    via_service: Option<String>,
) -> Demand {
    Demand {
        action,
        resource: found.arn().text(),
        owner: found.scope.account,
        policy: Some((Arc::clone(&found.key.policy.compiled), ResourceMode::Gate)),
        grants: Grants::On(found.arn()),
        facts: Facts {
            encryption_context: context.cloned(),
            via_service,
            key: Some(found.clone()),
            ..Facts::default()
        },
    }
}

/// Whether the caller may encrypt or decrypt with `found`, through a service if `via_service` says so.
pub fn check_permission(
    cx: &Cx<'_>,
    read: &dyn Read,
    found: &Found,
    action: &'static str,
    context: Option<&EncryptionContext>,
    via_service: Option<String>,
) -> Result<Result<(), Denied>, StoreFault> {
    let policy = (found.key.policy.compiled.as_ref(), ResourceMode::Gate);
    if is_permitted_anyhow(cx, action, found.scope.account, Some(policy)) {
        return Ok(Ok(()));
    }
    permit(cx, read, &demand_of_service(found, action, context, via_service))
}

/// What a service that uses a key for the caller demands.
pub fn demand_of_service(
    found: &Found,
    action: &'static str,
    context: Option<&EncryptionContext>,
    via_service: Option<String>,
) -> Demand {
    let mut demand = demand(found, action, context, via_service);
    demand.facts.others.push(("kms:encryptionalgorithm", ALGORITHM));
    demand
}

impl From<Denied> for KeyProblem {
    fn from(denied: Denied) -> Self {
        Self::Denied { action: denied.action.into(), key: denied.resource }
    }
}
