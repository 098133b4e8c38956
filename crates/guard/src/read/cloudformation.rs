//! CloudFormation and SAM templates, JSON and YAML, into the model.
//!
//! The language is `regent-cfn`'s. A template that cannot be read is the caller's to report; what a
//! stack would refuse of a secret or a key is a remark.

use std::collections::BTreeMap;

use regent_cfn::node::{Kind, Node};
use regent_cfn::parameters::bind;
use regent_cfn::resolve::{Nothing, Pseudo, Resolution};
use regent_cfn::template::Resource;
use regent_cfn::value::{Data, Piece, Reason, Unknown};
use regent_cfn::{Bounds, Disposal, Document, Located, Position, Problem, Template, Text, Value};
use serde_json::Value as Json;

use super::{Content, Context};
use crate::model::{
    Alias, Given, Given3, HOLE, Key, KeyKind, OWN_REGION, Part, Remark, Replica, Secret,
    SecretPolicy, Setting, Tri, Unit, Write, Written,
};
use crate::regions;

/// LIMIT: what is read of a file to see that it is no template; as for plans.
const LARGE: Bounds = Bounds { bytes: 64 << 20, depth: 128, nodes: 20_000_000 };
/// The types that rules look at, by the start of their names.
pub const SERVICES: [&str; 2] = ["AWS::SecretsManager::", "AWS::KMS::"];

pub fn read(text: &str, context: &Context<'_>) -> Result<Content, Located> {
    if !text.contains("Resources") {
        return Ok(Content::Other);
    }
    if !SERVICES.iter().any(|service| text.contains(service)) {
        return Ok(Content::Nothing);
    }
    let mut document = match Document::read(text, Bounds::TEMPLATE) {
        // Something else may be as large as it likes.
        Err(fault) if matches!(fault.problem, Problem::TooLarge { .. }) => {
            let found = Document::read(text, LARGE);
            let ours = found.is_ok_and(|found| found.root.get("Resources").is_some());
            return if ours { Err(fault) } else { Ok(Content::Other) };
        }
        found => found?,
    };
    // Other files speak of resources and of these services too: workflows, policies, notes.
    if document.root.get("Resources").is_none() {
        return Ok(Content::Other);
    }
    let made = made_by_macros(&mut document.root);
    if !made.is_empty()
        && document.root.get("Resources").and_then(Node::as_map).is_none_or(<[_]>::is_empty)
    {
        let unit = Unit { remarks: made, ..Unit::default() };
        return Ok(Content::Unit(Box::new(unit)));
    }
    let given: BTreeMap<String, Text> =
        context.parameters.iter().map(|(name, value)| (name.clone(), Text::new(value))).collect();
    let template = Template::read(&document, &given)?;
    let declared = |name: &String| template.parameters.iter().any(|known| known.name == *name);
    let given = given.into_iter().filter(|(name, _)| declared(name)).collect();
    let bound = bind(&template.parameters, &given);
    let pseudo = pseudo(context);
    let resolution = Resolution::new(&template, &bound.values, &pseudo)?;
    let unit = Unit { remarks: made, ..Unit::default() };
    let mut reader = Reader { resolution: &resolution, unit };
    reader.unit.one_region = true;
    reader.unit.region = context.region.map(str::to_owned);
    reader.unit.account = context.account.map(str::to_owned);
    for problem in &bound.problems {
        if !matches!(
            problem.problem,
            Problem::ParametersMissing { .. } | Problem::ParameterSsm { .. }
        ) {
            reader.remark("RG021", problem.at, None, problem.to_string());
        }
    }
    for resource in resolution.existing() {
        if SERVICES.iter().any(|service| resource.type_name.starts_with(service)) {
            // A stack refuses the template; the other resources are looked at all the same.
            if let Err(problem) = reader.resource(resource) {
                let (at, message) = (problem.at, problem.problem.to_string());
                reader.remark("RG021", at.or(Some(resource.at)), Some(&resource.name), message);
            }
        }
    }
    Ok(Content::Unit(Box::new(reader.unit)))
}

/// Takes out the resources that only a macro makes resources of, and says so.
fn made_by_macros(root: &mut Node) -> Vec<Remark> {
    const TRANSFORM: &str = "Fn::Transform";
    let own = |name: &Node| name.as_str().is_some_and(|name| !name.starts_with("AWS::"));
    let transforms = root.get("Transform");
    let foreign = transforms.is_some_and(|found| match found.as_list() {
        Some(items) => items.iter().any(|item| own(item) || item.as_map().is_some()),
        None => own(found) || found.as_map().is_some(),
    });
    let Kind::Map(members) = &mut root.kind else { return Vec::new() };
    let resources = members.iter_mut().find(|member| member.key == "Resources");
    let Some(Kind::Map(resources)) = resources.map(|member| &mut member.value.kind) else {
        return Vec::new();
    };
    let mut remarks = Vec::new();
    resources.retain(|member| {
        let value = &member.value;
        let made = member.key == TRANSFORM
            || (value.as_map().is_some()
                && value.get("Type").is_none()
                && (foreign || value.get(TRANSFORM).is_some())
                && !member.key.starts_with("Fn::ForEach::"));
        if made {
            let (at, resource) = (Some(member.at), Some(member.key.clone()));
            let message = format!("what {} is, only a macro in AWS says", member.key);
            remarks.push(Remark { rule: "RG100", at, resource, message, shown: true });
        }
        !made
    });
    remarks
}

fn pseudo(context: &Context<'_>) -> Pseudo {
    let partition = context.region.and_then(regions::find).map(|region| region.partition);
    Pseudo {
        account_id: context.account.map(str::to_owned),
        region: context.region.map(str::to_owned),
        partition: partition.map(str::to_owned),
        ..Pseudo::default()
    }
}

struct Reader<'r, 't> {
    resolution: &'r Resolution<'t>,
    unit: Unit,
}

impl Reader<'_, '_> {
    fn remark(
        &mut self,
        rule: &'static str,
        at: Option<Position>,
        resource: Option<&str>,
        message: String,
    ) {
        let resource = resource.map(str::to_owned);
        self.unit.remarks.push(Remark { rule, at, resource, message, shown: true });
    }

    fn resource(&mut self, resource: &Resource) -> Result<(), Located> {
        let properties = self.resolution.properties(resource, &Nothing)?;
        self.misfits(resource, &properties);
        let name = resource.name.clone();
        if let Some((unknown, at)) = unknown_whole(&properties) {
            let message = format!("the properties of {name} are not known: {}", unknown.why());
            self.remark("RG100", Some(at), Some(&name), message);
            return Ok(());
        }
        let given = |key: &str| properties.get(key).map(given);
        match resource.type_name.as_str() {
            "AWS::SecretsManager::Secret" => {
                let secret = self.secret(resource, &properties);
                self.unit.secrets.push(secret);
            }
            "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
                if let Some(key) = self.key(resource, &properties) {
                    self.unit.keys.push(key);
                }
            }
            "AWS::KMS::Alias" => {
                let (alias_name, target) = (given("AliasName"), given("TargetKeyId"));
                let (at, region) = (resource.at, self.unit.region.clone());
                self.unit.aliases.push(Alias { name, at, region, alias_name, target });
            }
            "AWS::SecretsManager::ResourcePolicy" => {
                let policy = properties.get("ResourcePolicy");
                if let Some(secret) = given("SecretId") {
                    self.write(Written::Policy, &name, secret);
                }
                if let (Some(secret), Some(policy)) = (given("SecretId"), policy) {
                    let (at, policy) = (policy.at, document(policy));
                    self.unit.secret_policies.push(SecretPolicy { name, at, secret, policy });
                }
            }
            "AWS::SecretsManager::RotationSchedule" => {
                if let Some(secret) = given("SecretId") {
                    self.write(Written::Rotation, &name, secret);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, kind: Written, name: &str, secret: Given) {
        let (name, region) = (name.to_owned(), self.unit.region.clone());
        self.unit.writes.push(Write { kind, name, region, secret });
    }

    /// What AWS would refuse of the properties. Hosted rotation is AWS's, and good there.
    fn misfits(&mut self, resource: &Resource, properties: &Value) {
        let Some(declared) = regent_cfn::schema::find(&resource.type_name) else { return };
        if let Some(more) = properties.get("Fn::Transform") {
            let message = format!("what a macro in AWS adds to {} is not known", resource.name);
            return self.remark("RG100", Some(more.at), Some(&resource.name), message);
        }
        for misfit in declared.misfits(properties) {
            let message = misfit.to_string();
            if message.contains("HostedRotationLambda is not supported") {
                continue;
            }
            // The text of a secret is never shown, nor the line that it is on.
            let shown = !misfit.pointer.contains("SecretString");
            let (rule, at, resource) = ("RG021", Some(misfit.at), Some(resource.name.clone()));
            self.unit.remarks.push(Remark { rule, at, resource, message, shown });
        }
    }

    fn secret(&self, resource: &Resource, properties: &Value) -> Secret {
        let has = |name: &str| properties.get(name).is_some();
        let mut replicas = Vec::new();
        let mut replicas_unknown = None;
        if let Some(list) = properties.get("ReplicaRegions") {
            replicas_unknown = list.as_unknown().map(|unknown| (list.at, unknown.why()));
            for item in list.as_list().unwrap_or_default() {
                match (item.get("Region"), item.as_unknown()) {
                    (Some(region), _) => replicas.push(Replica {
                        at: item.at,
                        region: given(region),
                        key: item.get("KmsKeyId").map(given),
                    }),
                    (None, Some(unknown)) => {
                        replicas_unknown.get_or_insert((item.at, unknown.why()));
                    }
                    (None, None) => {}
                }
            }
        }
        Secret {
            name: resource.name.clone(),
            called: properties.get("Name").and_then(|name| given(name).known().map(str::to_owned)),
            at: resource.at,
            region: self.unit.region.clone(),
            key: properties.get("KmsKeyId").map(given),
            key_before: None,
            has_value: Tri::of(has("SecretString") || has("GenerateSecretString")),
            replicas,
            replicas_unknown,
            retained: self.retained(resource),
        }
    }

    fn key(&self, resource: &Resource, properties: &Value) -> Option<Key> {
        let kind = if resource.type_name == "AWS::KMS::ReplicaKey" {
            KeyKind::Replica { primary: given(properties.get("PrimaryKeyArn")?) }
        } else {
            KeyKind::Primary { multi_region: flag(properties.get("MultiRegion"), false) }
        };
        let symmetric = match properties.get("KeySpec") {
            None => Tri::Yes,
            Some(value) => match given(value).known() {
                Some(spec) => Tri::of(spec == "SYMMETRIC_DEFAULT"),
                None => Tri::Unknown,
            },
        };
        let place = |name: &str| properties.get(name).map_or(resource.at, |value| value.at);
        let answer = flag(properties.get("Enabled"), true);
        Some(Key {
            name: resource.name.clone(),
            at: resource.at,
            region: self.unit.region.clone(),
            kind,
            enabled: Given3 { at: place("Enabled"), answer },
            symmetric: Given3 { at: place("KeySpec"), answer: symmetric },
            material: match properties.get("Origin").map(given) {
                None => Tri::Yes,
                Some(origin) => match origin.known() {
                    Some(origin) => Tri::of(origin != "EXTERNAL"),
                    None => Tri::Unknown,
                },
            },
            policy: properties.get("KeyPolicy").map(|value| (value.at, document(value))),
            retained: self.retained(resource),
            ids: Vec::new(),
        })
    }

    fn retained(&self, resource: &Resource) -> Tri {
        match self.resolution.deletion_policy(resource) {
            Ok(Disposal::Retain | Disposal::RetainExceptOnCreate) => Tri::Yes,
            Ok(Disposal::Delete) => Tri::No,
            Err(_) => Tri::Unknown,
        }
    }
}

fn unknown_whole(properties: &Value) -> Option<(&Unknown, Position)> {
    properties.as_unknown().map(|unknown| (unknown, properties.at))
}

fn flag(value: Option<&Value>, absent: bool) -> Tri {
    match value.map(|value| (value.scalar(), value)) {
        None => Tri::of(absent),
        Some((Some(text), _)) if text.expose() == "true" => Tri::Yes,
        Some((Some(text), _)) if text.expose() == "false" => Tri::No,
        Some(_) => Tri::Unknown,
    }
}

fn given(value: &Value) -> Given {
    let setting = match &value.data {
        Data::Unknown(unknown) => unknown_setting(unknown),
        data => match data.scalar() {
            Some(text) => known_setting(&text),
            None => Setting::Unknown("it is no text".to_owned()),
        },
    };
    Given { at: value.at, setting }
}

fn known_setting(text: &Text) -> Setting {
    if text.is_sensitive() {
        return Setting::Unknown("it is the value of a NoEcho parameter".to_owned());
    }
    if text.expose().contains("{{resolve:") {
        return Setting::Unknown("it is a dynamic reference".to_owned());
    }
    Setting::Text { text: text.expose().to_owned(), why: String::new() }
}

fn unknown_setting(unknown: &Unknown) -> Setting {
    match unknown.sole() {
        Some(Reason::Reference { resource }) => {
            Setting::Of { resource: resource.clone(), part: Part::Other }
        }
        Some(Reason::Attribute { resource, attribute }) => {
            let part = if attribute == "Arn" { Part::Arn } else { Part::Other };
            Setting::Of { resource: resource.clone(), part }
        }
        Some(Reason::Pseudo(name)) if name == "AWS::Region" => Setting::OwnRegion,
        Some(_) => Setting::Unknown(unknown.why()),
        None => match pieces(unknown) {
            Some(text) => Setting::Text { text, why: unknown.why() },
            None => Setting::Unknown(unknown.why()),
        },
    }
}

/// The known pieces with holes between them; `None` if one of them is sensitive.
fn pieces(unknown: &Unknown) -> Option<String> {
    let mut text = String::new();
    for piece in unknown.pieces() {
        match piece {
            Piece::Known(known) if known.is_sensitive() => return None,
            Piece::Known(known) => text.push_str(known.expose()),
            Piece::Hole(Reason::Pseudo(name)) if name == "AWS::Region" => text.push(OWN_REGION),
            Piece::Hole(_) => text.push(HOLE),
        }
    }
    Some(text)
}

/// A policy as JSON, whether it was given as an object or as its text.
fn document(value: &Value) -> Json {
    match json(value) {
        Json::String(text) => serde_json::from_str(&text).unwrap_or(Json::Null),
        other => other,
    }
}

fn json(value: &Value) -> Json {
    match &value.data {
        Data::Bool(flag) => Json::Bool(*flag),
        Data::Number(text) => Json::String(text.clone()),
        Data::Text(text) if text.is_sensitive() => Json::String(HOLE.to_string()),
        Data::Text(text) => Json::String(text.expose().to_owned()),
        Data::List(items) => Json::Array(items.iter().map(json).collect()),
        Data::Map(fields) => {
            Json::Object(fields.iter().map(|x| (x.key.clone(), json(&x.value))).collect())
        }
        Data::Unknown(unknown) => Json::String(pieces(unknown).unwrap_or_else(|| HOLE.to_string())),
    }
}

/// Suppressions in the metadata of resources, for notations without comments.
pub fn suppressions(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let Ok(document) = Document::read(text, Bounds::TEMPLATE) else { return Vec::new() };
    let resources = document.root.get("Resources").and_then(|node| node.as_map());
    let mut found = Vec::new();
    for resource in resources.unwrap_or_default() {
        let Some(listed) = resource.value.get("Metadata").and_then(|node| node.get("RegentIgnore"))
        else {
            continue;
        };
        let text = |node: &Node, key| {
            node.get(key).and_then(|found| found.as_str()).unwrap_or_default().to_owned()
        };
        let each = listed.as_list().unwrap_or_default();
        let each = each.iter().map(|item| (text(item, "Rule"), text(item, "Reason"))).collect();
        found.push((resource.key.clone(), each));
    }
    found
}
