//! The properties that resources really have, by the operations that tell them.

use regent_cfn::value::{Data, Field};
use regent_cfn::{Text, Value};

use super::NOWHERE;
use crate::cx::Cx;
use crate::engine::query;
use crate::ids::PolicyName;
use crate::keys::error::Error as KeyError;
use crate::keys::model::{KeyState, KmsKey};
use crate::keys::ops::describe_key::DescribeKey;
use crate::keys::ops::get_key_policy::GetKeyPolicy;
use crate::keys::ops::get_key_rotation_status::GetKeyRotationStatus;
use crate::keys::ops::list_resource_tags::ListResourceTags;
use crate::keys::target::KeyRef;
use crate::ports::{Read, StoreFault};
use crate::secrets::error::Error as SecretError;
use crate::secrets::ops::describe_secret::Description;
use crate::secrets::ops::{DescribeSecret, GetResourcePolicy};
use crate::secrets::target::SecretId;
use crate::tags::{Tags, is_reserved};

/// A resource as it is.
pub(super) enum Live {
    Gone,
    /// The caller may not read it.
    Unreadable,
    /// The properties that can be told, each with its value if it has one.
    Found(Vec<(&'static str, Option<Value>)>),
}

/// Reads as the caller.
pub(super) struct Reader<'a> {
    pub cx: &'a Cx<'a>,
    pub read: &'a dyn Read,
    /// What the template says: some of it has several names.
    pub wanted: &'a Value,
    /// The tags of the stack, which are not the template's.
    pub tags: &'a Tags,
}

impl Reader<'_> {
    pub(super) fn live(&self, type_name: &str, physical: &str) -> Result<Live, StoreFault> {
        match type_name {
            "AWS::SecretsManager::Secret" => self.secret(physical),
            "AWS::SecretsManager::ResourcePolicy" => self.policy(physical),
            "AWS::SecretsManager::RotationSchedule" => self.rotation(physical),
            "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => self.key(type_name, physical),
            "AWS::KMS::Alias" => self.alias(physical),
            _ => Err(StoreFault),
        }
    }

    fn secret(&self, physical: &str) -> Result<Live, StoreFault> {
        let found = match self.described(physical)? {
            Ok(found) => found,
            Err(live) => return Ok(live),
        };
        let secret = &found.found.secret;
        let replicas = found.replicas.iter().map(|replica| {
            let mut fields = vec![field("Region", text(replica.region.as_str()))];
            let key = replica.kms_key_id.as_deref();
            fields.extend(key.map(|key| field("KmsKeyId", text(key))));
            map(fields)
        });
        let of = |value: Option<&str>| value.map(text);
        Ok(Live::Found(vec![
            ("Name", Some(text(secret.name.as_str()))),
            ("Description", of(secret.description.as_deref())),
            ("KmsKeyId", of(secret.kms_key_id.as_deref())),
            ("Type", of(secret.secret_type.as_deref())),
            ("ReplicaRegions", Some(list(replicas.collect()))),
            ("Tags", Some(self.own_tags(secret.tags.as_ref().unwrap_or(&Tags::new())))),
        ]))
    }

    /// A secret that is not on its way out.
    fn described(&self, physical: &str) -> Result<Result<Description, Live>, StoreFault> {
        let secret = SecretId::parse(physical).map_err(|_| StoreFault)?;
        match query(DescribeSecret { secret }, self.cx, self.read) {
            Ok(found) if found.found.secret.deletion.is_some() => Ok(Err(Live::Gone)),
            Ok(found) => Ok(Ok(found)),
            Err(error) => of_secret(&error).map(Err),
        }
    }

    fn policy(&self, physical: &str) -> Result<Live, StoreFault> {
        let secret = SecretId::parse(physical).map_err(|_| StoreFault)?;
        let name = PolicyName::of_requests();
        Ok(match query(GetResourcePolicy { secret, name }, self.cx, self.read) {
            Ok(found) => match found.policy {
                Some(policy) => Live::Found(vec![("ResourcePolicy", Some(text(policy.text())))]),
                None => Live::Gone,
            },
            Err(SecretError::MarkedForDeletion) => Live::Gone,
            Err(error) => return of_secret(&error),
        })
    }

    fn rotation(&self, physical: &str) -> Result<Live, StoreFault> {
        let found = match self.described(physical)? {
            Ok(found) => found,
            Err(live) => return Ok(live),
        };
        let rotation = found.found.secret.rotation.as_ref().filter(|rotation| rotation.enabled);
        let Some(rotation) = rotation else { return Ok(Live::Gone) };
        let given = rotation.rules.given();
        let days = given.after_days.map(|days| days.to_string());
        let rules = [
            ("AutomaticallyAfterDays", days.as_deref()),
            ("Duration", given.duration.as_deref()),
            ("ScheduleExpression", given.expression.as_deref()),
        ];
        let rules = rules.into_iter().filter_map(|(name, value)| Some(field(name, text(value?))));
        let metadata = rotation.metadata.iter().map(|(key, value)| pair(key, value));
        Ok(Live::Found(vec![
            ("RotationLambdaARN", rotation.function.as_deref().map(text)),
            ("RotationRules", Some(map(rules.collect()))),
            ("ExternalSecretRotationMetadata", Some(list(metadata.collect()))),
            ("ExternalSecretRotationRoleArn", rotation.role.as_deref().map(text)),
        ]))
    }

    fn key(&self, type_name: &str, physical: &str) -> Result<Live, StoreFault> {
        let key = match self.known(physical)? {
            Ok(key) => key,
            Err(live) => return Ok(live),
        };
        let named = || KeyRef::from(physical);
        let says = |name: &str| self.wanted.get(name).is_some();
        let mut rotates = false;
        if says("EnableKeyRotation") {
            match query(GetKeyRotationStatus { key: named() }, self.cx, self.read) {
                Ok(found) => rotates = found.rotation.is_some(),
                Err(KeyError::Denied(_)) => return Ok(Live::Unreadable),
                // AWS: keys of other kinds never rotate.
                Err(_) => {}
            }
        }
        let policy = match query(GetKeyPolicy { key: named(), name: None }, self.cx, self.read) {
            Ok(policy) => Some(text(&policy)),
            Err(KeyError::Denied(_)) if says("KeyPolicy") => return Ok(Live::Unreadable),
            Err(_) => None,
        };
        let tags = ListResourceTags { key: named(), limit: usize::MAX, after: None };
        if says("Tags") && matches!(query(tags, self.cx, self.read), Err(KeyError::Denied(_))) {
            return Ok(Live::Unreadable);
        }
        let enabled = key.state != KeyState::Disabled;
        let mut found = vec![
            ("KeyPolicy", policy),
            ("Description", Some(text(&key.description))),
            ("Enabled", Some(flag(enabled))),
            ("Tags", Some(self.own_tags(&key.tags))),
        ];
        if type_name == "AWS::KMS::Key" {
            found.push(("EnableKeyRotation", Some(flag(rotates))));
        }
        Ok(Live::Found(found))
    }

    /// A key that is not on its way out, by whatever name.
    fn known(&self, name: &str) -> Result<Result<std::sync::Arc<KmsKey>, Live>, StoreFault> {
        let key = KeyRef::from(name);
        match query(DescribeKey { key }, self.cx, self.read) {
            Ok(described) => Ok(match described.found.key.state {
                KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. } => {
                    Err(Live::Gone)
                }
                _ => Ok(described.found.key),
            }),
            Err(KeyError::Store(fault)) => Err(fault),
            Err(KeyError::Key(_)) => Ok(Err(Live::Gone)),
            Err(_) => Ok(Err(Live::Unreadable)),
        }
    }

    /// An alias is what leads to a key, also to one that is on its way out.
    fn alias(&self, physical: &str) -> Result<Live, StoreFault> {
        let key = |name: &str| query(DescribeKey { key: KeyRef::from(name) }, self.cx, self.read);
        let target = match key(physical) {
            Ok(found) => found.found.key.id,
            Err(KeyError::Store(fault)) => return Err(fault),
            Err(KeyError::Key(_)) => return Ok(Live::Gone),
            Err(_) => return Ok(Live::Unreadable),
        };
        // A key has several names.
        let wanted = self.wanted.get("TargetKeyId").and_then(Value::scalar);
        let same = wanted
            .filter(|name| key(name.expose()).is_ok_and(|found| found.found.key.id == target));
        let target = same.map_or_else(|| text(&target.to_string()), |name| text(name.expose()));
        Ok(Live::Found(vec![("AliasName", Some(text(physical))), ("TargetKeyId", Some(target))]))
    }

    /// The tags without those that the stack itself and CloudFormation have given.
    fn own_tags(&self, tags: &Tags) -> Value {
        let said = self.wanted.get("Tags").and_then(Value::as_list).unwrap_or_default();
        let says = |key: &str| {
            let keys = said.iter().filter_map(|tag| tag.get("Key").and_then(Value::scalar));
            keys.into_iter().any(|said| said.expose() == key)
        };
        let given = |key: &str, value: &str| {
            is_reserved(key) || self.tags.get(key).is_some_and(|given| **given == *value)
        };
        let own = tags.iter().filter(|(key, value)| says(key) || !given(key, value));
        list(own.map(|(key, value)| pair(key, value)).collect())
    }
}

fn of_secret(error: &SecretError) -> Result<Live, StoreFault> {
    match error {
        SecretError::Store(fault) => Err(*fault),
        SecretError::NotFound => Ok(Live::Gone),
        _ => Ok(Live::Unreadable),
    }
}

pub(super) fn field(key: &str, value: Value) -> Field {
    Field { key: key.to_owned(), at: NOWHERE, value }
}

pub(super) fn map(fields: Vec<Field>) -> Value {
    Data::Map(fields).at(NOWHERE)
}

fn list(items: Vec<Value>) -> Value {
    Data::List(items).at(NOWHERE)
}

fn text(text: &str) -> Value {
    Data::Text(Text::new(text)).at(NOWHERE)
}

fn flag(flag: bool) -> Value {
    Data::Bool(flag).at(NOWHERE)
}

fn pair(key: &str, value: &str) -> Value {
    map(vec![field("Key", text(key)), field("Value", text(value))])
}
