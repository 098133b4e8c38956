//! What the blocks of a configuration mean: variables, locals, providers and references, followed as far
//! as they are literal.
//!
//! A value that comes from a function, a loop, a condition or a data source is not known, and says why.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::expr::{Expression, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::Element;
use serde_json::Value as Json;

use super::blocks::{Block, Value};
use crate::model::{Given, HOLE, Replica, Setting, Tri};
use crate::read::Context;
use crate::read::resources::{self, Described, PREFIXES, PROPERTIES};

/// LIMIT: how far a value is followed through variables and locals.
const HOPS_MAX: usize = 16;

pub struct Reader<'b> {
    context: &'b Context<'b>,
    variables: BTreeMap<&'b str, &'b Expression>,
    locals: BTreeMap<&'b str, &'b Expression>,
    /// By alias; the one without has an empty name.
    providers: BTreeMap<&'b str, Option<&'b Expression>>,
    /// Resources that are there once.
    single: BTreeSet<String>,
    /// Resources that are taken over, and so are there already.
    imported: BTreeSet<String>,
}

impl<'b> Reader<'b> {
    pub fn new(
        blocks: &'b [Block],
        assigned: &'b [(String, Expression)],
        context: &'b Context<'b>,
    ) -> Self {
        let assigned = assigned.iter().map(|(name, value)| (name.as_str(), value));
        let mut reader = Self {
            context,
            variables: assigned.collect(),
            locals: BTreeMap::new(),
            providers: BTreeMap::new(),
            single: BTreeSet::new(),
            imported: BTreeSet::new(),
        };
        for block in blocks {
            reader.declare(block);
        }
        reader
    }

    fn declare(&mut self, block: &'b Block) {
        let label = block.labels.first().map(String::as_str);
        match (block.kind.as_str(), label) {
            ("variable", Some(name)) => {
                if let Some(default) = block.value("default") {
                    self.variables.entry(name).or_insert(&default.expression);
                }
            }
            ("locals", _) => {
                let each = block.values.iter();
                self.locals.extend(each.map(|(name, one)| (name.as_str(), &one.expression)));
            }
            ("provider", Some("aws")) => {
                let value = |name| block.value(name).map(|one| &one.expression);
                let alias = value("alias").and_then(Expression::as_str).unwrap_or_default();
                self.providers.insert(alias, value("region"));
            }
            ("import", _) => {
                let to = block.value("to").and_then(|value| names_of(&value.expression));
                self.imported.extend(to.map(|names| names.join(".")));
            }
            ("resource", Some(kind)) => {
                let one = ["count", "for_each"].iter().all(|name| block.value(name).is_none());
                if let Some(name) = block.labels.get(1).filter(|_| one) {
                    self.single.insert(format!("{kind}.{name}"));
                }
            }
            _ => {}
        }
    }

    pub fn resource(&self, block: &Block) -> Option<Described> {
        if block.kind != "resource" {
            return None;
        }
        let kind = block.labels.first()?.as_str();
        let name = format!("{kind}.{}", block.labels.get(1)?);
        if !PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) {
            return None;
        }
        let none = block.value("count").map(|count| self.setting(&count.expression, HOPS_MAX));
        if none == Some(resources::text("0")) {
            return None;
        }
        let mut one = Described::new(kind, &name, block.at);
        // What it was before is not in the files.
        one.created = if self.imported.contains(&name) { Tri::No } else { Tri::Yes };
        for property in PROPERTIES {
            let found = block.value(property).and_then(|value| self.given(value));
            one.given.extend(found.map(|given| (property.to_owned(), given)));
        }
        one.region = match one.given.get("region") {
            Some(own) => own.known().map(str::to_owned),
            None => self.region(block.value("provider")),
        };
        for replica in block.blocks.iter().filter(|inner| inner.kind == "replica") {
            let property = |name| replica.value(name).and_then(|value| self.given(value));
            let unknown = Setting::Unknown("it is not given".to_owned());
            let region = property("region").unwrap_or(Given { at: replica.at, setting: unknown });
            one.replicas.push(Replica { at: replica.at, region, key: property("kms_key_id") });
        }
        let dynamic = |inner: &&Block| inner.kind == "dynamic" && inner.labels == ["replica"];
        if let Some(dynamic) = block.blocks.iter().find(dynamic) {
            let why = "they come from a dynamic block".to_owned();
            one.replicas_unknown = Some((dynamic.at, why));
        }
        if let Some(policy) = block.value("policy")
            && let Some(json) = self.policy(&policy.expression)
        {
            one.policy = Some((policy.at, json));
        }
        Some(one)
    }

    /// Where a provider works, if that is known.
    fn region(&self, provider: Option<&Value>) -> Option<String> {
        let alias = match provider {
            Some(value) => alias(&value.expression)?,
            None => String::new(),
        };
        match self.providers.get(alias.as_str()) {
            Some(Some(region)) => match self.setting(region, HOPS_MAX) {
                Setting::Text { text, why } if why.is_empty() => Some(text),
                _ => None,
            },
            _ if alias.is_empty() => self.context.region.map(str::to_owned),
            _ => None,
        }
    }

    fn given(&self, value: &Value) -> Option<Given> {
        if value.expression.is_null() {
            return None;
        }
        Some(Given { at: value.at, setting: self.setting(&value.expression, HOPS_MAX) })
    }

    fn setting(&self, value: &Expression, hops: usize) -> Setting {
        let unknown = |why: &str| Setting::Unknown(why.to_owned());
        if hops == 0 {
            return unknown("it refers to itself");
        }
        match value {
            Expression::String(text) => resources::text(text.value()),
            Expression::Bool(flag) => resources::text(if *flag.value() { "true" } else { "false" }),
            Expression::Number(number) => resources::text(&number.value().to_string()),
            Expression::Parenthesis(inner) => self.setting(inner.inner(), hops),
            Expression::Traversal(path) => self.reference(path, hops),
            Expression::StringTemplate(template) => self.pieces(template.iter(), hops),
            Expression::HeredocTemplate(template) => self.pieces(template.template.iter(), hops),
            Expression::Null(_) => unknown("it is null"),
            Expression::FuncCall(call) => {
                Setting::Unknown(format!("it comes from {}()", call.name.name.as_str()))
            }
            _ => unknown("it is the result of an expression"),
        }
    }

    fn reference(&self, path: &Traversal, hops: usize) -> Setting {
        let unknown = |name: &str| Setting::Unknown(format!("it depends on {name}"));
        let Some(names) = attributes(path) else {
            return Setting::Unknown("it is one of several values".to_owned());
        };
        match names.as_slice() {
            ["var", name] => {
                if let Some(given) = self.context.parameters.get(*name) {
                    return resources::text(given);
                }
                let value = self.variables.get(name);
                value.map_or_else(
                    || unknown(&names.join(".")),
                    |found| self.setting(found, hops - 1),
                )
            }
            ["local", name] => {
                let value = self.locals.get(name);
                value.map_or_else(
                    || unknown(&names.join(".")),
                    |found| self.setting(found, hops - 1),
                )
            }
            [kind, name, attribute] if self.single.contains(&format!("{kind}.{name}")) => {
                resources::reference(&format!("{kind}.{name}"), attribute)
            }
            _ => unknown(&names.join(".")),
        }
    }

    /// The pieces of a text; what is not known of it is a hole.
    fn pieces<'e>(&self, elements: impl Iterator<Item = &'e Element>, hops: usize) -> Setting {
        let elements: Vec<&Element> = elements.collect();
        if let [Element::Interpolation(only)] = elements.as_slice() {
            return self.setting(&only.expr, hops);
        }
        let (mut text, mut why) = (String::new(), String::new());
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.value()),
                Element::Interpolation(inner) => match self.setting(&inner.expr, hops) {
                    Setting::Text { text: known, why: unknown } => {
                        text.push_str(&known);
                        why.push_str(&unknown);
                    }
                    Setting::Unknown(unknown) => {
                        text.push(HOLE);
                        why = unknown;
                    }
                    Setting::Of { resource, .. } => {
                        text.push(HOLE);
                        why = format!("it depends on {resource}");
                    }
                    Setting::OwnRegion => text.push(crate::model::OWN_REGION),
                },
                Element::Directive(_) => {
                    return Setting::Unknown("it is the result of a template".to_owned());
                }
            }
        }
        Setting::Text { text, why }
    }

    fn policy(&self, value: &Expression) -> Option<Json> {
        if let Expression::FuncCall(call) = value
            && call.name.name.as_str() == "jsonencode"
        {
            return call.args.get(0).map(|argument| self.json(argument));
        }
        match self.setting(value, HOPS_MAX) {
            Setting::Text { text, .. } => serde_json::from_str(&text).ok(),
            _ => None,
        }
    }

    fn json(&self, value: &Expression) -> Json {
        match value {
            Expression::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Expression::Object(members) => {
                let each = members.iter().map(|(key, value)| {
                    let key = match key {
                        ObjectKey::Ident(name) => name.as_str().to_owned(),
                        ObjectKey::Expression(key) => self.text_or_hole(key),
                    };
                    (key, self.json(value.expr()))
                });
                Json::Object(each.collect())
            }
            Expression::Parenthesis(inner) => self.json(inner.inner()),
            other => Json::String(self.text_or_hole(other)),
        }
    }

    fn text_or_hole(&self, value: &Expression) -> String {
        match self.setting(value, HOPS_MAX) {
            Setting::Text { text, .. } => text,
            _ => HOLE.to_string(),
        }
    }
}

/// The names of a path that has nothing but names.
fn attributes(path: &Traversal) -> Option<Vec<&str>> {
    let mut names = vec![path.expr.as_variable()?.as_str()];
    for operator in &path.operators {
        let TraversalOperator::GetAttr(name) = operator.value() else { return None };
        names.push(name.as_str());
    }
    Some(names)
}

/// The names of a path, which in JSON is the only piece of a text, or the text itself.
fn names_of(value: &Expression) -> Option<Vec<String>> {
    match value {
        Expression::Traversal(path) => {
            Some(attributes(path)?.into_iter().map(str::to_owned).collect())
        }
        Expression::Variable(name) => Some(vec![name.as_str().to_owned()]),
        Expression::String(text) => Some(text.value().split('.').map(str::to_owned).collect()),
        Expression::StringTemplate(template) => match template.as_single_element()? {
            Element::Interpolation(only) => names_of(&only.expr),
            _ => None,
        },
        _ => None,
    }
}

/// The alias of `aws.alias`; empty for the provider without one.
fn alias(provider: &Expression) -> Option<String> {
    match names_of(provider)?.as_slice() {
        [_] => Some(String::new()),
        [_, alias] => Some(alias.clone()),
        _ => None,
    }
}
