//! Resources of Terraform's AWS provider, and of Pulumi's, which is made of it, into the model.
//!
//! Plans, previews and `.tf` files differ in how they say it; the readers bring each resource into
//! one form, and what its properties mean is said here once.

use std::collections::BTreeMap;

use regent_cfn::Position;
use serde_json::Value as Json;

use super::Context;
use crate::model::{
    Alias, Given, Given3, Going, Key, KeyKind, Part, Remark, Replica, Secret, SecretPolicy,
    Setting, Tri, Unit, Write, Written,
};

/// The types that rules look at, by the start of their names.
pub const PREFIXES: [&str; 2] = ["aws_secretsmanager_secret", "aws_kms_"];

/// One resource, with the property names of Terraform.
#[derive(Debug, Clone)]
pub struct Described {
    pub kind: String,
    /// Its address, which is what others refer to it by.
    pub name: String,
    pub at: Position,
    pub region: Option<String>,
    /// Whether it is made now, and not there already.
    pub created: Tri,
    pub given: BTreeMap<String, Given>,
    pub replicas: Vec<Replica>,
    pub replicas_unknown: Option<(Position, String)>,
    pub policy: Option<(Position, Json)>,
    /// The ids and ARNs that it is known by already.
    pub ids: Vec<String>,
    /// Whether a value is part of it, and not a resource of its own.
    pub valued: bool,
    /// Why a key will not be usable any more, if it will not.
    pub going: Option<&'static str>,
    /// The key of a secret until now.
    pub key_before: Option<String>,
}

impl Described {
    pub fn new(kind: &str, name: &str, at: Position) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            at,
            region: None,
            created: Tri::Unknown,
            given: BTreeMap::new(),
            replicas: Vec::new(),
            replicas_unknown: None,
            policy: None,
            ids: Vec::new(),
            valued: false,
            going: None,
            key_before: None,
        }
    }

    fn flag(&self, names: &[&str], absent: bool) -> Given3 {
        let Some(given) = names.iter().find_map(|name| self.given.get(*name)) else {
            return Given3 { at: self.at, answer: Tri::of(absent) };
        };
        let answer = match given.known() {
            Some("true") => Tri::Yes,
            Some("false") => Tri::No,
            _ => Tri::Unknown,
        };
        Given3 { at: given.at, answer }
    }
}

/// The types of keys.
pub const KEYS: [&str; 4] =
    ["aws_kms_key", "aws_kms_external_key", "aws_kms_replica_key", "aws_kms_replica_external_key"];
/// Why keys go.
pub const DELETED: &str = "is deleted by this deployment";
pub const PENDING: &str = "is pending deletion";

/// Names of properties that hold one value each and that rules look at.
pub const PROPERTIES: [&str; 17] = [
    "customer_master_key_spec",
    "enabled",
    "force_overwrite_replica_secret",
    "is_enabled",
    "key_id",
    "key_material_base64",
    "key_spec",
    "kms_key_id",
    "multi_region",
    "name",
    "primary_key_arn",
    "region",
    "secret_arn",
    "secret_id",
    "target_key_arn",
    "target_key_id",
    "arn",
];

pub fn unit(all: Vec<Described>, context: &Context<'_>) -> Unit {
    let mut unit = Unit { account: context.account.map(str::to_owned), ..Unit::default() };
    let is_version = |one: &&Described| one.kind == "aws_secretsmanager_secret_version";
    let values: Vec<Given> = all
        .iter()
        .filter(is_version)
        .filter_map(|one| one.given.get("secret_id").cloned())
        .collect();
    let policies = all.iter().filter(|one| one.kind == "aws_kms_key_policy");
    let policies: Vec<(Given, (Position, Json))> = policies
        .filter_map(|one| Some((one.given.get("key_id")?.clone(), one.policy.clone()?)))
        .collect();
    for one in all {
        if let Some(why) = one.going {
            let Described { name, region, ids, .. } = one;
            unit.going.push(Going { name, region, ids, why });
            continue;
        }
        match one.kind.as_str() {
            "aws_secretsmanager_secret" => secret(one, &values, &mut unit),
            "aws_kms_key" | "aws_kms_external_key" => {
                let multi_region = one.flag(&["multi_region"], false).answer;
                unit.keys.push(key(one, KeyKind::Primary { multi_region }));
            }
            "aws_kms_replica_key" | "aws_kms_replica_external_key" => {
                if let Some(primary) = one.given.get("primary_key_arn").cloned() {
                    unit.keys.push(key(one, KeyKind::Replica { primary }));
                }
            }
            "aws_kms_alias" => {
                let (alias_name, target) = (one.given.get("name"), one.given.get("target_key_id"));
                let (alias_name, target) = (alias_name.cloned(), target.cloned());
                let (name, at, region) = (one.name, one.at, one.region);
                unit.aliases.push(Alias { name, at, region, alias_name, target });
            }
            "aws_secretsmanager_secret_policy" => {
                write(Written::Policy, &one, "secret_arn", &mut unit);
                if let (Some(secret), Some((at, policy))) =
                    (one.given.get("secret_arn"), one.policy)
                {
                    let (name, secret) = (one.name, secret.clone());
                    unit.secret_policies.push(SecretPolicy { name, at, secret, policy });
                }
            }
            "aws_secretsmanager_secret_rotation" => {
                write(Written::Rotation, &one, "secret_id", &mut unit);
            }
            "aws_secretsmanager_secret_version" => {
                write(Written::Version, &one, "secret_id", &mut unit);
            }
            _ => {}
        }
    }
    // A policy that is a resource of its own comes in the place of the key's.
    for (given, policy) in policies {
        let name = unit.key_meant(&given).map(|key| key.name.clone());
        if let Some(key) = unit.keys.iter_mut().find(|key| Some(&key.name) == name.as_ref()) {
            key.policy = Some(policy);
        }
    }
    unit
}

fn write(kind: Written, one: &Described, secret: &str, unit: &mut Unit) {
    if let Some(secret) = one.given.get(secret).cloned() {
        let (name, region) = (one.name.clone(), one.region.clone());
        unit.writes.push(Write { kind, name, region, secret });
    }
}

fn secret(one: Described, values: &[Given], unit: &mut Unit) {
    let forced = one.flag(&["force_overwrite_replica_secret"], false);
    if forced.answer == Tri::Yes && !one.replicas.is_empty() {
        unit.remarks.push(Remark {
            rule: "RG022",
            at: Some(forced.at),
            resource: Some(one.name.clone()),
            message: format!("{} replaces any secret of its name in each replica Region", one.name),
            shown: true,
        });
    }
    if let Some((at, policy)) = one.policy {
        let setting = Setting::Of { resource: one.name.clone(), part: Part::Arn };
        let (name, secret) = (one.name.clone(), Given { at, setting });
        unit.secret_policies.push(SecretPolicy { name, at, secret, policy });
    }
    let mut has_value = match one.created {
        Tri::Yes => Tri::No,
        // What is there already may have got its value in any way.
        Tri::No | Tri::Unknown => Tri::Unknown,
    };
    if one.valued {
        has_value = Tri::Yes;
    }
    for given in values {
        match &given.setting {
            Setting::Of { resource, .. } if *resource == one.name => has_value = Tri::Yes,
            Setting::Text { text, .. } if one.ids.contains(text) => has_value = Tri::Yes,
            Setting::Unknown(_) if has_value == Tri::No => has_value = Tri::Unknown,
            _ => {}
        }
    }
    unit.secrets.push(Secret {
        called: one.given.get("name").and_then(|name| name.known().map(str::to_owned)),
        key: one.given.get("kms_key_id").cloned(),
        key_before: one.key_before,
        name: one.name,
        at: one.at,
        region: one.region,
        has_value,
        replicas: one.replicas,
        replicas_unknown: one.replicas_unknown,
        // Whether it outlives its key is decided by who destroys what, and when.
        retained: Tri::Unknown,
    });
}

fn key(one: Described, kind: KeyKind) -> Key {
    let spec = ["customer_master_key_spec", "key_spec"];
    let symmetric = match spec.iter().find_map(|name| one.given.get(*name)) {
        None => Given3 { at: one.at, answer: Tri::Yes },
        Some(given) => {
            let answer = given.known().map(|spec| Tri::of(spec == "SYMMETRIC_DEFAULT"));
            Given3 { at: given.at, answer: answer.unwrap_or(Tri::Unknown) }
        }
    };
    let material = match one.given.get("key_material_base64") {
        None if one.kind.contains("_external_") && one.created == Tri::Yes => Tri::No,
        None if one.kind.contains("_external_") => Tri::Unknown,
        Some(_) | None => Tri::Yes,
    };
    Key {
        material,
        enabled: one.flag(&["is_enabled", "enabled"], true),
        name: one.name,
        at: one.at,
        region: one.region,
        kind,
        symmetric,
        policy: one.policy,
        retained: Tri::Unknown,
        ids: one.ids,
    }
}

/// A value of one resource that another is given.
pub fn reference(resource: &str, attribute: &str) -> Setting {
    let arn = attribute == "arn" || attribute.ends_with("_arn");
    let part = if arn { Part::Arn } else { Part::Other };
    Setting::Of { resource: resource.to_owned(), part }
}

pub fn text(text: &str) -> Setting {
    Setting::Text { text: text.to_owned(), why: String::new() }
}

/// The Region in an ARN.
pub fn region_of(arn: &str) -> Option<String> {
    let mut parts = arn.split(':');
    let scheme = parts.next();
    parts.nth(2).filter(|region| scheme == Some("arn") && !region.is_empty()).map(str::to_owned)
}
