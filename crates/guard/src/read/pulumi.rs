//! Previews of Pulumi, as `pulumi preview --json` prints them: the providers `aws` and `aws-native`.
//!
//! A preview says which values are known; for the others it names the resources that a property
//! depends on, and neither which value of them nor what is made of it. Secrets stand in it as
//! `[secret]`, if the program says that they are secrets.

use std::collections::{BTreeMap, BTreeSet};

use regent_cfn::node::{Kind, Node};
use regent_cfn::{Bounds, Document, Located};
use serde_json::Value as Json;

use super::resources::{self, DELETED, Described, KEYS};
use super::{Content, Context};
use crate::model::{Given, HOLE, Part, Replica, Setting, Tri};

/// LIMIT: what is read of a preview; one of thousands of resources has some tens of MB.
const PREVIEW: Bounds = Bounds { bytes: 64 << 20, depth: 128, nodes: 20_000_000 };
/// What Pulumi writes for a value that is not known before something is made.
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/// What it writes for a value that it does not show.
const SECRET: &str = "[secret]";

/// What is in a preview with secrets or keys.
pub const MARKS: [&str; 2] = [":secretsmanager", ":kms"];
/// The types that rules look at, and what Terraform calls them.
const TYPES: [(&str, &str); 16] = [
    ("aws:secretsmanager/secret:Secret", "aws_secretsmanager_secret"),
    ("aws:secretsmanager/secretVersion:SecretVersion", "aws_secretsmanager_secret_version"),
    ("aws:secretsmanager/secretPolicy:SecretPolicy", "aws_secretsmanager_secret_policy"),
    ("aws:secretsmanager/secretRotation:SecretRotation", "aws_secretsmanager_secret_rotation"),
    ("aws:kms/key:Key", "aws_kms_key"),
    ("aws:kms/externalKey:ExternalKey", "aws_kms_external_key"),
    ("aws:kms/replicaKey:ReplicaKey", "aws_kms_replica_key"),
    ("aws:kms/replicaExternalKey:ReplicaExternalKey", "aws_kms_replica_external_key"),
    ("aws:kms/alias:Alias", "aws_kms_alias"),
    ("aws:kms/keyPolicy:KeyPolicy", "aws_kms_key_policy"),
    ("aws-native:secretsmanager:Secret", "aws_secretsmanager_secret"),
    ("aws-native:secretsmanager:ResourcePolicy", "aws_secretsmanager_secret_policy"),
    ("aws-native:secretsmanager:RotationSchedule", "aws_secretsmanager_secret_rotation"),
    ("aws-native:kms:Key", "aws_kms_key"),
    ("aws-native:kms:ReplicaKey", "aws_kms_replica_key"),
    ("aws-native:kms:Alias", "aws_kms_alias"),
];

/// The names of properties, and what Terraform calls them.
const PROPERTIES: [(&str, &str); 16] = [
    ("aliasName", "name"),
    ("customerMasterKeySpec", "customer_master_key_spec"),
    ("enabled", "enabled"),
    ("forceOverwriteReplicaSecret", "force_overwrite_replica_secret"),
    ("isEnabled", "is_enabled"),
    ("keyId", "key_id"),
    ("keyMaterialBase64", "key_material_base64"),
    ("keySpec", "key_spec"),
    ("kmsKeyId", "kms_key_id"),
    ("multiRegion", "multi_region"),
    ("name", "name"),
    ("primaryKeyArn", "primary_key_arn"),
    ("region", "region"),
    ("secretArn", "secret_arn"),
    ("secretId", "secret_id"),
    ("targetKeyId", "target_key_id"),
];

pub fn read(text: &str, context: &Context<'_>) -> Result<Content, Located> {
    if !text.contains("\"urn:pulumi:") || !text.contains("\"steps\"") {
        return Ok(Content::Other);
    }
    let document = Document::read(text, PREVIEW)?;
    let root = &document.root;
    let Some(steps) = root.get("steps").and_then(Node::as_list) else {
        return Ok(Content::Other);
    };
    let states = states(steps);
    let ours = |state: &&State<'_>| state.kind.is_some();
    let preview = Preview { root, context, states: &states };
    let mut all: Vec<Described> =
        states.values().filter(ours).filter_map(|state| preview.resource(state)).collect();
    all.extend(steps.iter().filter_map(deleted));
    if all.is_empty() {
        return Ok(Content::Nothing);
    }
    Ok(Content::Unit(Box::new(resources::unit(all, context))))
}

/// A resource as it will be.
struct State<'d> {
    urn: &'d str,
    /// What Terraform calls its type, if rules look at it.
    kind: Option<&'static str>,
    node: &'d Node,
    /// What it was given until now.
    before: Option<&'d Node>,
    created: Tri,
}

/// By URN. A replacement may be told in several steps, of which the first says all; what is deleted
/// has no new state.
fn states(steps: &[Node]) -> BTreeMap<&str, State<'_>> {
    let mut states = BTreeMap::new();
    for step in steps {
        let op = text_of(step, "op").unwrap_or_default();
        let (Some(node), Some(urn)) = (step.get("newState"), text_of(step, "urn")) else {
            continue;
        };
        let kind = text_of(node, "type").and_then(kind);
        let created = match op {
            "create" | "create-replacement" | "replace" => Tri::Yes,
            "same" | "update" | "refresh" | "read" | "import" => Tri::No,
            _ => Tri::Unknown,
        };
        let before = step.get("oldState").and_then(|state| state.get("inputs"));
        states.entry(urn).or_insert(State { urn, kind, node, before, created });
    }
    states
}

/// A key that a step deletes, also to be made anew.
fn deleted(step: &Node) -> Option<Described> {
    let op = text_of(step, "op")?;
    let (state, urn) = (step.get("oldState")?, text_of(step, "urn")?);
    let kind = text_of(state, "type").and_then(kind).filter(|kind| KEYS.contains(kind))?;
    let kept = state.get("retainOnDelete").is_some_and(|flag| flag.kind == Kind::Bool(true));
    if kept || !matches!(op, "delete" | "delete-replaced") {
        return None;
    }
    let mut one = Described::new(kind, short(urn), step.at);
    one.ids = ids(state);
    one.region = one.ids.iter().find_map(|id| resources::region_of(id));
    one.going = Some(DELETED);
    Some(one)
}

/// What a resource is known by already.
fn ids(state: &Node) -> Vec<String> {
    let outputs = state.get("outputs");
    let named = ["arn", "keyId", "id"].map(|name| outputs.and_then(|all| all.get(name)));
    let each = std::iter::once(state.get("id")).chain(named);
    each.filter_map(known).collect()
}

fn kind(name: &str) -> Option<&'static str> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

struct Preview<'d> {
    root: &'d Node,
    context: &'d Context<'d>,
    states: &'d BTreeMap<&'d str, State<'d>>,
}

impl Preview<'_> {
    fn resource(&self, state: &State<'_>) -> Option<Described> {
        let inputs = state.node.get("inputs")?;
        let mut one = Described::new(state.kind?, short(state.urn), state.node.at);
        one.created = state.created;
        for (name, known_as) in PROPERTIES {
            let found = inputs.get(name).and_then(|value| self.given(value, state, name));
            one.given.extend(found.map(|given| (known_as.to_owned(), given)));
        }
        // The native provider names the secret of a policy as that of a rotation.
        if let Some(secret) = one.given.get("secret_id").cloned() {
            one.given.entry("secret_arn".to_owned()).or_insert(secret);
        }
        let own = one.given.get("region").and_then(|given| given.known().map(str::to_owned));
        one.region = own.or_else(|| self.region(state));
        let present = |name| inputs.get(name).is_some_and(|value| value.kind != Kind::Null);
        one.valued = present("secretString") || present("generateSecretString");
        for name in ["replicas", "replicaRegions"] {
            if let Some(list) = inputs.get(name) {
                self.replicas(list, name, state, &mut one);
            }
        }
        for name in ["policy", "keyPolicy", "resourcePolicy"] {
            let policy = inputs.get(name).and_then(|value| Some((value.at, document(value)?)));
            one.policy = one.policy.or(policy);
        }
        one.ids = ids(state.node);
        // What is made anew was under no key before.
        let before = state.before.filter(|_| state.created == Tri::No);
        one.key_before = known(before.and_then(|all| all.get("kmsKeyId")));
        Some(one)
    }

    fn given(&self, value: &Node, state: &State<'_>, property: &str) -> Option<Given> {
        let setting = match value.scalar()? {
            UNKNOWN => self.depends(state, property),
            SECRET => Setting::Unknown("it is a secret of the program".to_owned()),
            text => resources::text(text),
        };
        Some(Given { at: value.at, setting })
    }

    /// What a property is made of, if that is one thing.
    fn depends(&self, state: &State<'_>, property: &str) -> Setting {
        let listed = state.node.get("propertyDependencies").and_then(|all| all.get(property));
        let listed = listed.and_then(Node::as_list).unwrap_or_default();
        let urns: BTreeSet<&str> = listed.iter().filter_map(Node::as_str).collect();
        let mut each = urns.iter();
        match (each.next(), each.next()) {
            (Some(only), None) if self.states.get(only).is_some_and(|x| x.kind.is_some()) => {
                Setting::Of { resource: short(only).to_owned(), part: Part::Computed }
            }
            (None, _) => Setting::Unknown("it is known only after something is made".to_owned()),
            _ => {
                let names: Vec<&str> = urns.iter().map(|urn| short(urn)).collect();
                Setting::Unknown(format!("it depends on {}", names.join(", ")))
            }
        }
    }

    fn replicas(&self, list: &Node, name: &str, state: &State<'_>, one: &mut Described) {
        let why = || "they are known only after something else is made".to_owned();
        if list.as_list().is_none() && list.kind != Kind::Null {
            one.replicas_unknown = Some((list.at, why()));
        }
        for item in list.as_list().unwrap_or_default() {
            let property = |key| item.get(key).and_then(|value| self.given(value, state, name));
            let (region, key) = (property("region"), property("kmsKeyId"));
            match region {
                Some(region) => one.replicas.push(Replica { at: item.at, region, key }),
                None => one.replicas_unknown = Some((item.at, why())),
            }
        }
    }

    /// Where the provider of a resource works. The default one has its Region from the stack's
    /// configuration; without that, from the environment.
    fn region(&self, state: &State<'_>) -> Option<String> {
        let reference = text_of(state.node, "provider")?;
        let (urn, _) = reference.rsplit_once("::")?;
        let (kind, name) = (kind_of(urn), name_of(urn));
        let inputs = self.states.get(urn).and_then(|found| found.node.get("inputs"));
        if let Some(region) = inputs.and_then(|all| all.get("region")) {
            return known(Some(region));
        }
        if !name.starts_with("default") {
            return None;
        }
        let package = kind.rsplit(':').next().unwrap_or_default();
        let configured = self.root.get("config").and_then(|all| {
            all.get(&format!("{package}:region")).or_else(|| all.get("aws:region"))
        });
        known(configured).or_else(|| self.context.region.map(str::to_owned))
    }
}

/// The types and the name of a resource, which tell it from the others of its stack.
fn short(urn: &str) -> &str {
    urn.splitn(3, "::").nth(2).unwrap_or(urn)
}

/// The name alone.
fn name_of(urn: &str) -> &str {
    urn.splitn(4, "::").nth(3).unwrap_or(urn)
}

/// The type in a URN, without those of its parents.
fn kind_of(urn: &str) -> &str {
    let kinds = urn.split("::").nth(2).unwrap_or_default();
    kinds.rsplit('$').next().unwrap_or_default()
}

fn known(value: Option<&Node>) -> Option<String> {
    let text = value?.as_str()?;
    (!matches!(text, UNKNOWN | SECRET | "")).then(|| text.to_owned())
}

fn text_of<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get(name).and_then(Node::as_str)
}

/// A policy, given as an object or as its text; `None` if all of it is not known.
fn document(value: &Node) -> Option<Json> {
    match value.as_str() {
        Some(text) => serde_json::from_str(text).ok(),
        None => Some(json(value)).filter(Json::is_object),
    }
}

fn json(value: &Node) -> Json {
    match &value.kind {
        Kind::Null => Json::Null,
        Kind::Bool(flag) => Json::Bool(*flag),
        Kind::String(text) if matches!(text.as_str(), UNKNOWN | SECRET) => {
            Json::String(HOLE.to_string())
        }
        Kind::String(text) | Kind::Number(text) => Json::String(text.clone()),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(members) => {
            Json::Object(members.iter().map(|one| (one.key.clone(), json(&one.value))).collect())
        }
    }
}
