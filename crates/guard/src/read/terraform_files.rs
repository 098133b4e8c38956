//! A folder of `.tf` files: one configuration of Terraform or OpenTofu, as far as values are literal.
//!
//! Variables with their defaults, `.tfvars`, locals, references between resources and the Regions of
//! providers are followed; a function, a loop or a condition is not run, and its value is not known.
//! The files are one text with one count of lines, which `Folder::place` takes apart again.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::Span;
use hcl_edit::expr::{Expression, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Block, BlockLabel, Body};
use hcl_edit::template::Element;
use regent_cfn::Position;
use serde_json::Value as Json;

use super::resources::{self, Described, PREFIXES, PROPERTIES};
use super::{Content, Context};
use crate::model::{Given, HOLE, Replica, Setting, Tri};

/// LIMIT: how far a value is followed through variables and locals.
const HOPS_MAX: usize = 16;
/// LIMIT: brackets within brackets of a file that is read; the parser calls itself for each.
const DEPTH_MAX: usize = 64;

/// The files of a folder, one behind the other.
#[derive(Debug, Default)]
pub struct Folder {
    pub text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    path: String,
    /// The line of `text` that comes before the first of this file.
    line: u32,
    start: usize,
    end: usize,
}

/// A file that is no HCL.
#[derive(Debug)]
pub struct Broken {
    pub path: String,
    pub at: Option<Position>,
    pub message: String,
}

impl Folder {
    pub fn new(files: Vec<(String, String)>) -> Self {
        let mut folder = Self::default();
        let mut line = 0;
        for (path, text) in files {
            let start = folder.text.len();
            folder.text.push_str(text.strip_prefix('\u{feff}').unwrap_or(&text));
            if !folder.text.ends_with('\n') {
                folder.text.push('\n');
            }
            let end = folder.text.len();
            let lines = folder.text.get(start..end).unwrap_or_default().lines().count();
            folder.parts.push(Part { path, line, start, end });
            line += u32::try_from(lines).unwrap_or(0);
        }
        folder
    }

    /// The file of a place in the text, and the place in that file.
    pub fn place(&self, at: Position) -> Option<(&str, Position)> {
        let part = self.parts.iter().rev().find(|part| part.line < at.line)?;
        Some((&part.path, Position { line: at.line - part.line, ..at }))
    }

    fn position(&self, offset: usize) -> Position {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(column) }
    }
}

/// Reads a folder, with the texts of its `.tfvars` files.
pub fn read(
    folder: &Folder,
    assigned: &[(String, String)],
    context: &Context<'_>,
) -> (Content, Vec<Broken>) {
    let mut broken = Vec::new();
    let mut bodies = Vec::new();
    for part in &folder.parts {
        let text = folder.text.get(part.start..part.end).unwrap_or_default();
        bodies.extend(parse(&part.path, text, &mut broken).map(|body| (part.start, body)));
    }
    let mut reader = Reader::new(folder, context);
    let assigned: Vec<Body> =
        assigned.iter().filter_map(|(path, text)| parse(path, text, &mut broken)).collect();
    for body in &assigned {
        for attribute in body.attributes() {
            reader.variables.insert(attribute.key.as_str(), &attribute.value);
        }
    }
    for (_, body) in &bodies {
        reader.declare(body);
    }
    let resources = bodies.iter().flat_map(|(start, body)| {
        body.get_blocks("resource").map(|block| (*start, block)).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for (start, block) in resources {
        all.extend(reader.resource(start, block));
    }
    if all.is_empty() {
        return (Content::Nothing, broken);
    }
    (Content::Unit(Box::new(resources::unit(all, context))), broken)
}

fn parse(path: &str, text: &str, broken: &mut Vec<Broken>) -> Option<Body> {
    let mut told = |at, message| broken.push(Broken { path: path.to_owned(), at, message });
    if depth(text) > DEPTH_MAX {
        told(None, format!("it has more than {DEPTH_MAX} brackets within brackets"));
        return None;
    }
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => Some(body),
        Err(error) => {
            let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
            let place = error.location();
            let at = Position { line: number(place.line()), column: number(place.column()) };
            told(Some(at), "it is not well-formed HCL".to_owned());
            None
        }
    }
}

/// Brackets in texts count too, so that this is never less than what the parser sees.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

struct Reader<'f> {
    folder: &'f Folder,
    context: &'f Context<'f>,
    variables: BTreeMap<&'f str, &'f Expression>,
    locals: BTreeMap<&'f str, &'f Expression>,
    /// By alias; the one without has an empty name.
    providers: BTreeMap<&'f str, Option<&'f Expression>>,
    /// Resources that are there once.
    single: BTreeSet<String>,
}

impl<'f> Reader<'f> {
    fn new(folder: &'f Folder, context: &'f Context<'f>) -> Self {
        Self {
            folder,
            context,
            variables: BTreeMap::new(),
            locals: BTreeMap::new(),
            providers: BTreeMap::new(),
            single: BTreeSet::new(),
        }
    }

    fn declare(&mut self, body: &'f Body) {
        for block in body.blocks() {
            let label = block.labels.first().map(BlockLabel::as_str);
            match (block.ident.as_str(), label) {
                ("variable", Some(name)) => {
                    if let Some(default) = block.body.get_attribute("default") {
                        self.variables.entry(name).or_insert(&default.value);
                    }
                }
                ("locals", _) => {
                    let each = block.body.attributes();
                    self.locals.extend(each.map(|one| (one.key.as_str(), &one.value)));
                }
                ("provider", Some("aws")) => {
                    let value = |name| block.body.get_attribute(name).map(|one| &one.value);
                    let alias = value("alias").and_then(Expression::as_str).unwrap_or_default();
                    self.providers.insert(alias, value("region"));
                }
                ("resource", Some(kind)) => {
                    let one = ["count", "for_each"].iter().all(|x| !block.body.has_attribute(x));
                    if let Some(name) = block.labels.get(1).filter(|_| one) {
                        self.single.insert(format!("{kind}.{}", name.as_str()));
                    }
                }
                _ => {}
            }
        }
    }

    fn at(&self, start: usize, place: &impl Span) -> Position {
        self.folder.position(start + place.span().map_or(0, |span| span.start))
    }

    fn resource(&self, start: usize, block: &Block) -> Option<Described> {
        let kind = block.labels.first()?.as_str();
        let name = format!("{kind}.{}", block.labels.get(1)?.as_str());
        if !PREFIXES.iter().any(|prefix| kind.starts_with(prefix)) {
            return None;
        }
        let value = |name: &str| block.body.get_attribute(name).map(|one| &one.value);
        let none = value("count").map(|count| self.setting(count, HOPS_MAX));
        if none == Some(resources::text("0")) {
            return None;
        }
        let mut one = Described::new(kind, &name, self.at(start, block));
        // What it was before is not in the files.
        one.created = Tri::Yes;
        for property in PROPERTIES {
            let found = value(property).and_then(|value| self.given(start, value));
            one.given.extend(found.map(|given| (property.to_owned(), given)));
        }
        one.region = match one.given.get("region") {
            Some(own) => own.known().map(str::to_owned),
            None => self.region(value("provider")),
        };
        for replica in block.body.get_blocks("replica") {
            let property = |name| {
                let found = replica.body.get_attribute(name)?;
                self.given(start, &found.value)
            };
            let at = self.at(start, replica);
            let unknown = Setting::Unknown("it is not given".to_owned());
            let region = property("region").unwrap_or(Given { at, setting: unknown });
            one.replicas.push(Replica { at, region, key: property("kms_key_id") });
        }
        let dynamic = |block: &&Block| block.has_labels(&["replica"]);
        if let Some(dynamic) = block.body.get_blocks("dynamic").find(dynamic) {
            let why = "they come from a dynamic block".to_owned();
            one.replicas_unknown = Some((self.at(start, dynamic), why));
        }
        if let Some(policy) = value("policy")
            && let Some(json) = self.policy(policy)
        {
            one.policy = Some((self.at(start, policy), json));
        }
        Some(one)
    }

    /// Where a provider works, if that is known.
    fn region(&self, provider: Option<&Expression>) -> Option<String> {
        let alias = match provider {
            Some(Expression::Traversal(path)) => attributes(path)?.get(1).copied()?,
            _ => "",
        };
        match self.providers.get(alias) {
            Some(Some(region)) => match self.setting(region, HOPS_MAX) {
                Setting::Text { text, why } if why.is_empty() => Some(text),
                _ => None,
            },
            _ if alias.is_empty() => self.context.region.map(str::to_owned),
            _ => None,
        }
    }

    fn given(&self, start: usize, value: &Expression) -> Option<Given> {
        if value.is_null() {
            return None;
        }
        Some(Given { at: self.at(start, value), setting: self.setting(value, HOPS_MAX) })
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
