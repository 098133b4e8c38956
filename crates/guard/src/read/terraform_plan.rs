//! Plans of Terraform and OpenTofu, as `terraform show -json` prints them.
//!
//! A plan says what is known, and for the rest which resources an expression refers to; it does not
//! say the expression. A plan is printed on one line, so that a place in it is its column.

use std::collections::BTreeMap;

use regent_cfn::node::{Kind, Node};
use regent_cfn::{Bounds, Document, Located};
use serde_json::Value as Json;

use super::resources::{self, DELETED, Described, KEYS, PENDING, PREFIXES, PROPERTIES};
use super::{Content, Context};
use crate::model::{Given, Part, Replica, Setting, Tri};
use crate::regions;

/// LIMIT: what is read of a plan; one of thousands of resources has some tens of MB.
const PLAN: Bounds = Bounds { bytes: 64 << 20, depth: 128, nodes: 20_000_000 };
/// LIMIT: how far a value is followed through variables and outputs of modules.
const HOPS_MAX: usize = 16;

pub fn read(text: &str, context: &Context<'_>) -> Result<Content, Located> {
    if !text.contains("\"planned_values\"") {
        return Ok(Content::Other);
    }
    let document = Document::read(text, PLAN)?;
    let root = &document.root;
    let planned = root.get("planned_values").and_then(|values| values.get("root_module"));
    let Some(planned) = planned.filter(|_| root.get("format_version").is_some()) else {
        return Ok(Content::Other);
    };
    if !PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        return Ok(Content::Nothing);
    }
    let mut plan = Plan {
        root,
        context,
        addresses: BTreeMap::new(),
        unknown: BTreeMap::new(),
        keys_before: BTreeMap::new(),
    };
    plan.collect(planned);
    plan.changes();
    let scope = Scope {
        prefix: String::new(),
        module: root.get("configuration").and_then(|found| found.get("root_module")),
        parent: None,
    };
    let mut all = Vec::new();
    plan.module(planned, &scope, &mut all);
    plan.deleted(&mut all);
    let prior = root.get("prior_state").and_then(|state| state.get("values")?.get("root_module"));
    if let Some(prior) = prior {
        looked_up(prior, &mut all);
    }
    Ok(Content::Unit(Box::new(resources::unit(all, context))))
}

struct Plan<'d> {
    root: &'d Node,
    context: &'d Context<'d>,
    /// What is planned, and whether it is made now.
    addresses: BTreeMap<&'d str, Tri>,
    /// What of each is not known yet.
    unknown: BTreeMap<&'d str, &'d Node>,
    /// The key of each secret that has one, until now.
    keys_before: BTreeMap<&'d str, &'d str>,
}

/// A module: what it is made of, and who calls it.
struct Scope<'s> {
    /// Empty, or the address of the module with a dot behind it.
    prefix: String,
    module: Option<&'s Node>,
    parent: Option<(&'s Scope<'s>, Option<&'s Node>)>,
}

impl<'d> Plan<'d> {
    fn collect(&mut self, module: &'d Node) {
        for address in list(module, "resources").iter().filter_map(|one| text_of(one, "address")) {
            self.addresses.insert(address, Tri::Unknown);
        }
        for child in list(module, "child_modules") {
            self.collect(child);
        }
    }

    fn changes(&mut self) {
        for resource in list(self.root, "resource_changes") {
            let (Some(address), Some(change)) =
                (text_of(resource, "address"), resource.get("change"))
            else {
                continue;
            };
            if let Some(unknown) = change.get("after_unknown") {
                self.unknown.insert(address, unknown);
            }
            let create = does(change, "create");
            // What is made anew was under no key before.
            let before = change.get("before").filter(|_| !create);
            if let Some(key) = before.and_then(|all| text_of(all, "kms_key_id")) {
                self.keys_before.insert(address, key);
            }
            if let Some(found) = self.addresses.get_mut(address) {
                *found = Tri::of(create);
            }
        }
    }

    /// Keys that are deleted, also to be made anew.
    fn deleted(&self, all: &mut Vec<Described>) {
        for change in list(self.root, "resource_changes") {
            let kind = text_of(change, "type").filter(|kind| KEYS.contains(kind));
            let (Some(kind), Some(address), Some(found)) =
                (kind, text_of(change, "address"), change.get("change"))
            else {
                continue;
            };
            let Some(before) = found.get("before").filter(|_| does(found, "delete")) else {
                continue;
            };
            let mut one = Described::new(kind, address, change.at);
            one.ids = ids(before);
            one.region = one.ids.iter().find_map(|id| resources::region_of(id));
            one.going = Some(DELETED);
            all.push(one);
        }
    }

    fn module(&self, planned: &Node, scope: &Scope<'_>, all: &mut Vec<Described>) {
        for resource in list(planned, "resources") {
            let kind = text_of(resource, "type").unwrap_or_default();
            let managed = text_of(resource, "mode") == Some("managed");
            if managed && PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) {
                all.extend(self.resource(kind, resource, scope));
            }
        }
        for child in list(planned, "child_modules") {
            let address = text_of(child, "address").unwrap_or_default();
            let local = address.strip_prefix(&scope.prefix).unwrap_or(address);
            let name = local.strip_prefix("module.").unwrap_or(local);
            let name = name.split('[').next().unwrap_or(name);
            let call = call(scope.module, name);
            let inner = Scope {
                prefix: format!("{address}."),
                module: call.and_then(|call| call.get("module")),
                parent: Some((scope, call)),
            };
            self.module(child, &inner, all);
        }
    }

    fn resource(&self, kind: &str, planned: &Node, scope: &Scope<'_>) -> Option<Described> {
        let address = text_of(planned, "address")?;
        let values = planned.get("values")?;
        let hidden = planned.get("sensitive_values");
        let local = format!("{kind}.{}", text_of(planned, "name")?);
        let configured = scope.module.map(|module| list(module, "resources")).unwrap_or_default();
        let configured = configured.iter().find(|one| text_of(one, "address") == Some(&local));
        let expressions = configured.and_then(|one| one.get("expressions"));
        let mut one = Described::new(kind, address, planned.at);
        one.created = self.addresses.get(address).copied().unwrap_or(Tri::Unknown);
        for name in PROPERTIES {
            let expression = expressions.and_then(|all| all.get(name));
            let secret = hidden.and_then(|all| all.get(name)).is_some_and(is_true);
            let found = self.given(values.get(name), expression, secret, planned, scope);
            one.given.extend(found.map(|given| (name.to_owned(), given)));
        }
        one.key_before = self.keys_before.get(address).map(|key| (*key).to_owned());
        one.ids = ids(values);
        let own = one.given.get("region").and_then(|given| given.known().map(str::to_owned));
        let own = own.or_else(|| one.ids.iter().find_map(|id| resources::region_of(id)));
        one.region = own.or_else(|| self.region(configured));
        self.replicas(values, expressions, planned, scope, &mut one);
        if let Some(policy) = values.get("policy")
            && let Some(json) = policy.as_str().and_then(|text| serde_json::from_str(text).ok())
        {
            let json: Json = json;
            one.policy = Some((policy.at, json));
        }
        Some(one)
    }

    /// Where the provider of a resource works.
    fn region(&self, configured: Option<&Node>) -> Option<String> {
        let key = configured.and_then(|one| text_of(one, "provider_config_key"));
        let provider = key.and_then(|key| {
            self.root.get("configuration")?.get("provider_config")?.get(key)?.get("expressions")
        });
        let Some(region) = provider.and_then(|found| found.get("region")) else {
            return self.context.region.map(str::to_owned);
        };
        if let Some(text) = region.get("constant_value") {
            return text.as_str().map(str::to_owned);
        }
        let references = references(region);
        let name = references.first()?.strip_prefix("var.")?;
        // What is made of a variable is not in the plan; a piece of a Region's name is none.
        let named = self.variable(name).filter(|name| regions::find(name).is_some());
        named.map(str::to_owned).filter(|_| references.len() == 1)
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.root.get("variables")?.get(name)?.get("value")?.as_str()
    }

    /// A property; one that is not in the plan is not known yet, and only its expression tells.
    fn given(
        &self,
        value: Option<&Node>,
        expression: Option<&Node>,
        secret: bool,
        resource: &Node,
        scope: &Scope<'_>,
    ) -> Option<Given> {
        let (at, setting) = match (value, expression) {
            (Some(value), _) if value.kind == Kind::Null => return None,
            (Some(value), _) if secret => {
                (value.at, Setting::Unknown("it is a sensitive value".to_owned()))
            }
            (Some(value), _) => (value.at, resources::text(value.scalar()?)),
            // The configuration is at the end of a plan; the resource says more.
            (None, Some(expression)) => {
                (resource.at, self.resolve(&references(expression), scope, HOPS_MAX))
            }
            (None, None) => return None,
        };
        Some(Given { at, setting })
    }

    fn replicas(
        &self,
        values: &Node,
        expressions: Option<&Node>,
        resource: &Node,
        scope: &Scope<'_>,
        one: &mut Described,
    ) {
        let configured = expressions.map(|all| list(all, "replica")).unwrap_or_default();
        let Some(planned) = values.get("replica") else {
            if !configured.is_empty() {
                let why = "they are known only after something else is made".to_owned();
                one.replicas_unknown = Some((resource.at, why));
            }
            return;
        };
        let unknown = self.unknown.get(one.name.as_str()).map(|all| list(all, "replica"));
        for (index, replica) in planned.as_list().unwrap_or_default().iter().enumerate() {
            let region = replica.get("region").and_then(Node::as_str);
            let block = configured.iter().find(|block| {
                let constant = block.get("region").and_then(|found| found.get("constant_value"));
                region.is_some() && constant.and_then(Node::as_str) == region
            });
            let block = block.or(if let [only] = configured { Some(only) } else { None });
            let property = |name| {
                let expression = block.and_then(|block| block.get(name));
                self.given(replica.get(name), expression, false, replica, scope)
            };
            let unknown_yet = || {
                let setting = Setting::Unknown("it is not in the plan".to_owned());
                Given { at: replica.at, setting }
            };
            let region = property("region").unwrap_or_else(unknown_yet);
            // The expressions of a dynamic block are in no plan: a key that is not known looks absent.
            let open =
                unknown.and_then(|all| all.get(index)?.get("kms_key_id")).is_some_and(is_true);
            let key = property("kms_key_id").or_else(|| open.then(unknown_yet));
            one.replicas.push(Replica { at: replica.at, region, key });
        }
    }

    /// What an expression refers to, if it is one thing.
    fn resolve(&self, references: &[&str], scope: &Scope<'_>, hops: usize) -> Setting {
        let more = |one: &str, other: &str| {
            one.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        let mut whole =
            references.iter().filter(|one| !references.iter().any(|other| more(other, one)));
        let unknown = || {
            let listed = references.join(", ");
            Setting::Unknown(format!("it depends on {listed}"))
        };
        let (Some(only), None) = (whole.next(), whole.next()) else { return unknown() };
        if hops == 0 {
            return unknown();
        }
        let found = match only.split_once('.') {
            Some(("var", name)) => self.argument(name, scope, hops),
            Some(("module", rest)) => self.output(rest, scope, hops),
            Some((kind, _)) if PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) => {
                let address = format!("{}{only}", scope.prefix);
                address.rsplit_once('.').and_then(|(resource, attribute)| {
                    let known = self.addresses.contains_key(resource);
                    known.then(|| made_of(resource, attribute))
                })
            }
            _ => None,
        };
        found.unwrap_or_else(unknown)
    }

    fn argument(&self, name: &str, scope: &Scope<'_>, hops: usize) -> Option<Setting> {
        match &scope.parent {
            None => self.variable(name).map(resources::text),
            Some((parent, call)) => {
                self.expression((*call)?.get("expressions")?.get(name)?, parent, hops)
            }
        }
    }

    /// An output of a module that is there once.
    fn output(&self, rest: &str, scope: &Scope<'_>, hops: usize) -> Option<Setting> {
        let (name, output) = rest.split_once('.')?;
        let call = call(scope.module, name)?;
        let inner = Scope {
            prefix: format!("{}module.{name}.", scope.prefix),
            module: call.get("module"),
            parent: Some((scope, Some(call))),
        };
        let output = inner.module?.get("outputs")?.get(output)?.get("expression")?;
        self.expression(output, &inner, hops)
    }

    fn expression(&self, expression: &Node, scope: &Scope<'_>, hops: usize) -> Option<Setting> {
        match expression.get("constant_value") {
            Some(constant) => constant.scalar().map(resources::text),
            None => Some(self.resolve(&references(expression), scope, hops.saturating_sub(1))),
        }
    }
}

/// What an expression refers to. An ARN may be given as it is, or with another Region in it, and of
/// what names nothing anything may be made: a plan shows neither.
fn made_of(resource: &str, attribute: &str) -> Setting {
    match resources::reference(resource, attribute) {
        Setting::Of { resource, part: Part::Arn } => Setting::Of { resource, part: Part::Computed },
        named if matches!(attribute, "id" | "key_id" | "name" | "target_key_id") => named,
        _ => Setting::Unknown(format!("it depends on {resource}.{attribute}")),
    }
}

/// Keys that the configuration asks AWS for.
fn looked_up(module: &Node, all: &mut Vec<Described>) {
    for resource in list(module, "resources") {
        let is_key = text_of(resource, "type") == Some("aws_kms_key");
        if is_key && text_of(resource, "mode") == Some("data") {
            all.extend(key_found(resource));
        }
    }
    for child in list(module, "child_modules") {
        looked_up(child, all);
    }
}

fn key_found(resource: &Node) -> Option<Described> {
    let (address, values) = (text_of(resource, "address")?, resource.get("values")?);
    let configured = list(values, "multi_region_configuration").first();
    let primary = configured
        .filter(|found| text_of(found, "multi_region_key_type") == Some("REPLICA"))
        .and_then(|found| list(found, "primary_key").first()?.get("arn"));
    let kind = if primary.is_some() { "aws_kms_replica_key" } else { "aws_kms_key" };
    let mut one = Described::new(kind, address, resource.at);
    for name in PROPERTIES {
        let found = values.get(name).and_then(|value| Some((value.at, value.scalar()?)));
        let given = found.map(|(at, text)| Given { at, setting: resources::text(text) });
        one.given.extend(given.map(|given| (name.to_owned(), given)));
    }
    if let Some((at, arn)) = primary.and_then(|arn| Some((arn.at, arn.as_str()?))) {
        let setting = resources::text(arn);
        one.given.insert("primary_key_arn".to_owned(), Given { at, setting });
    }
    one.created = Tri::No;
    // Whatever it was asked for by, an alias too.
    one.ids = ids(values);
    one.region = one.ids.iter().find_map(|id| resources::region_of(id));
    if matches!(text_of(values, "key_state"), Some("PendingDeletion" | "PendingReplicaDeletion")) {
        one.going = Some(PENDING);
    }
    Some(one)
}

/// Whether an action is among those of a change.
fn does(change: &Node, action: &str) -> bool {
    list(change, "actions").iter().any(|one| one.as_str() == Some(action))
}

fn ids(values: &Node) -> Vec<String> {
    let each = ["arn", "key_id", "id"].map(|name| text_of(values, name));
    each.into_iter().flatten().map(str::to_owned).collect()
}

fn call<'n>(module: Option<&'n Node>, name: &str) -> Option<&'n Node> {
    module?.get("module_calls")?.get(name)
}

fn list<'n>(node: &'n Node, name: &str) -> &'n [Node] {
    node.get(name).and_then(Node::as_list).unwrap_or_default()
}

fn text_of<'n>(node: &'n Node, name: &str) -> Option<&'n str> {
    node.get(name).and_then(Node::as_str)
}

fn references(expression: &Node) -> Vec<&str> {
    list(expression, "references").iter().filter_map(Node::as_str).collect()
}

fn is_true(node: &Node) -> bool {
    node.kind == Kind::Bool(true)
}
