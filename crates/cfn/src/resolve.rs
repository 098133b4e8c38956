//! Resolving: from expressions, parameters and what the caller knows to values.
//!
//! What is not known yet becomes an `Unknown` with its reason, and so does what is made of it; a
//! second resolution, once more is known, gives more. Conditions are decided once, at the start.
//! What resolves is bounded in size (promise R8).

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::cidr;
use crate::dynamic::{self, Resolve};
use crate::error::{Function, Problem, Result};
use crate::expr::{Expr, ExprField, ExprKind, MemberTest, SubPiece};
use crate::limits::RESOLVED_LEN_MAX;
use crate::node::Position;
use crate::parameters::ParameterValue;
use crate::template::{Resource, Template};
use crate::value::{Data, Field, Reason, Text, Unknown, Value, Words};

/// The pseudo parameters, as far as the caller knows them.
#[derive(Debug, Clone, Default)]
pub struct Pseudo {
    pub account_id: Option<String>,
    pub region: Option<String>,
    pub partition: Option<String>,
    pub url_suffix: Option<String>,
    pub stack_id: Option<String>,
    pub stack_name: Option<String>,
    pub notification_arns: Option<Vec<String>>,
}

/// What the world outside the template says. Each answer may be "not known yet".
pub trait Outside {
    /// What `Ref` gives for a resource that exists.
    fn reference(&self, resource: &str) -> Option<String>;
    fn attribute(&self, resource: &str, attribute: &str) -> Option<String>;
    fn import(&self, name: &str) -> Import;
    /// The availability zones of a Region, in order.
    fn zones(&self, region: &str) -> Option<Vec<String>>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Import {
    Known(String),
    Unknown,
    Missing,
}

/// Nothing is known of the outside.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Outside for Nothing {
    fn reference(&self, _: &str) -> Option<String> {
        None
    }

    fn attribute(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    fn import(&self, _: &str) -> Import {
        Import::Unknown
    }

    fn zones(&self, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    Yes,
    No,
    Unknown(Reason),
}

/// Where an expression stands; errors name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    Resources,
    Outputs,
    Conditions,
    Rules,
}

impl Block {
    pub fn name(self) -> &'static str {
        match self {
            Self::Resources => "Resources",
            Self::Outputs => "Outputs",
            Self::Conditions => "Conditions",
            Self::Rules => "Rules",
        }
    }
}

/// A template with its parameters bound and its conditions decided.
#[derive(Debug, Clone)]
pub struct Resolution<'t> {
    pub template: &'t Template,
    pub pseudo: &'t Pseudo,
    parameters: &'t BTreeMap<String, ParameterValue>,
    conditions: BTreeMap<String, Truth>,
    spent: Cell<usize>,
}

/// `None` is `AWS::NoValue`.
type Resolved = Result<Option<Value>>;

impl<'t> Resolution<'t> {
    pub fn new(
        template: &'t Template,
        parameters: &'t BTreeMap<String, ParameterValue>,
        pseudo: &'t Pseudo,
    ) -> Result<Self> {
        let conditions = BTreeMap::new();
        let mut made = Self { template, pseudo, parameters, conditions, spent: Cell::new(0) };
        for name in template.conditions.keys() {
            made.decide(name, &mut Vec::new())?;
        }
        Ok(made)
    }

    /// Decides one condition and those that it names.
    fn decide(&mut self, name: &str, around: &mut Vec<String>) -> Result<()> {
        if self.conditions.contains_key(name) {
            return Ok(());
        }
        let block = Block::Conditions.name();
        let Some(expr) = self.template.conditions.get(name) else {
            return Err(Problem::UnresolvedCondition { name: name.to_owned(), block }.anywhere());
        };
        if around.iter().any(|other| other == name) {
            return Err(Problem::ConditionCycle { name: name.to_owned() }.at(expr.at));
        }
        around.push(name.to_owned());
        let mut names = Vec::new();
        expr.walk(&mut |inner| match &inner.kind {
            ExprKind::Condition(name) | ExprKind::If { condition: name, .. } => names.push(name),
            _ => {}
        });
        for name in names {
            self.decide(name, around)?;
        }
        around.pop();
        self.spent.set(0);
        let truth = self.truth(expr, Block::Conditions)?;
        self.conditions.insert(name.to_owned(), truth);
        Ok(())
    }

    /// A condition by its name.
    pub fn condition(&self, name: &str) -> Option<&Truth> {
        self.conditions.get(name)
    }

    /// Whether a resource exists, as far as its condition is known.
    pub fn exists(&self, resource: &Resource) -> Truth {
        match &resource.condition {
            Some(name) => self.conditions.get(name).cloned().unwrap_or(Truth::Yes),
            None => Truth::Yes,
        }
    }

    /// The properties of a resource: a map, or something unknown.
    pub fn properties(&self, resource: &Resource, outside: &dyn Outside) -> Result<Value> {
        self.whole(&resource.properties, Block::Resources, outside)
    }

    /// One expression from the start, with nothing spent.
    pub fn whole(&self, expr: &Expr, block: Block, outside: &dyn Outside) -> Result<Value> {
        self.spent.set(0);
        let found = Run { resolution: self, block, outside }.value(expr)?;
        Ok(found.unwrap_or(Value { at: expr.at, data: Data::Map(Vec::new()) }))
    }

    /// Whether a condition expression holds.
    pub fn truth(&self, expr: &Expr, block: Block) -> Result<Truth> {
        Run { resolution: self, block, outside: &Nothing }.truth(expr)
    }

    /// Counts what has been made; refuses at the bound.
    fn spend(&self, bytes: usize, at: Position, block: Block) -> Result<()> {
        // Each value costs something, also when its text is empty.
        let spent = self.spent.get().saturating_add(bytes).saturating_add(16);
        self.spent.set(spent);
        if spent > RESOLVED_LEN_MAX {
            let path = block.name().to_owned();
            return Err(Problem::ValueTooLarge { path, limit: RESOLVED_LEN_MAX }.at(at));
        }
        Ok(())
    }
}

/// The value with every dynamic reference replaced by what it stands for.
pub fn resolve_dynamic(value: &Value, resolver: &dyn Resolve) -> Result<Value> {
    let at = value.at;
    let data = match &value.data {
        Data::Text(text) => {
            Data::Text(dynamic::resolve(text, resolver).map_err(|problem| problem.at(at))?)
        }
        Data::List(items) => {
            let each = items.iter().map(|item| resolve_dynamic(item, resolver));
            Data::List(each.collect::<Result<_>>()?)
        }
        Data::Map(fields) => {
            let each = fields.iter().map(|field| {
                let value = resolve_dynamic(&field.value, resolver)?;
                Ok(Field { key: field.key.clone(), at: field.at, value })
            });
            Data::Map(each.collect::<Result<_>>()?)
        }
        other => other.clone(),
    };
    Ok(Value { at, data })
}

/// One run over an expression.
struct Run<'r, 't> {
    resolution: &'r Resolution<'t>,
    block: Block,
    outside: &'r dyn Outside,
}

impl Run<'_, '_> {
    fn value(&self, expr: &Expr) -> Resolved {
        let at = expr.at;
        let data = match &expr.kind {
            ExprKind::Bool(flag) => Data::Bool(*flag),
            ExprKind::Number(text) => Data::Number(text.clone()),
            ExprKind::Text(text) => Data::text(text.clone()),
            ExprKind::List(items) => self.list(items)?,
            ExprKind::Map(fields) => Data::Map(self.fields(fields)?),
            ExprKind::Ref(name) => return self.reference(name, at),
            ExprKind::If { condition, then, otherwise } => {
                return match self.resolution.conditions.get(condition) {
                    Some(Truth::Yes) => self.value(then),
                    Some(Truth::No) => self.value(otherwise),
                    Some(Truth::Unknown(_)) => {
                        let reason = Reason::Condition(condition.clone());
                        Ok(Some(Data::unknown(reason).at(at)))
                    }
                    None => Err(Problem::UnresolvedIf { name: condition.clone() }.at(at)),
                };
            }
            ExprKind::FindInMap { keys, default } => {
                return self.find_in_map(keys, default.as_deref(), at);
            }
            ExprKind::Select { index, list } => return self.select(index, list, at),
            ExprKind::GetAtt { resource, attribute } => self.attribute(resource, attribute, at)?,
            ExprKind::Sub { pieces, variables } => self.sub(pieces, variables, at)?,
            ExprKind::Join { delimiter, list } => self.join(delimiter, list, at)?,
            ExprKind::Split { delimiter, text } => self.split(delimiter, text, at)?,
            ExprKind::ImportValue(name) => self.import(name, at)?,
            ExprKind::Base64(text) => self.base64(text)?,
            ExprKind::Cidr(arguments) => self.cidr(arguments, at)?,
            ExprKind::GetAzs(region) => self.zones(region, at)?,
            ExprKind::Length(list) => self.length(list, at)?,
            ExprKind::ToJsonString(inner) => self.to_json(inner, at)?,
            ExprKind::Foreign { name, .. } => Data::unknown(Reason::Macro(name.clone())),
            ExprKind::Equals(_)
            | ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Not(_)
            | ExprKind::Condition(_)
            | ExprKind::Members { .. } => match self.truth(expr)? {
                Truth::Yes => Data::Bool(true),
                Truth::No => Data::Bool(false),
                Truth::Unknown(reason) => Data::unknown(reason),
            },
        };
        let bytes = match &data {
            Data::Text(text) => text.expose().len(),
            Data::Number(text) => text.len(),
            _ => 0,
        };
        self.resolution.spend(bytes, at, self.block)?;
        Ok(Some(data.at(at)))
    }

    fn list(&self, items: &[Expr]) -> Result<Data> {
        let values = items.iter().filter_map(|item| self.value(item).transpose());
        Ok(Data::List(values.collect::<Result<_>>()?))
    }

    fn fields(&self, fields: &[ExprField]) -> Result<Vec<Field>> {
        let read = |field: &ExprField| {
            let value = self.value(&field.value)?;
            Ok(value.map(|value| Field { key: field.key.clone(), at: field.at, value }))
        };
        fields.iter().filter_map(|field| read(field).transpose()).collect()
    }

    /// The data of an argument; nothing is an empty text.
    fn argument(&self, expr: &Expr) -> Result<Data> {
        Ok(self.value(expr)?.map_or_else(|| Data::text(""), |value| value.data))
    }

    /// An argument that has to be a text: the text, or what is unknown of it.
    fn text(&self, expr: &Expr, function: Function) -> Result<std::result::Result<Text, Unknown>> {
        match self.argument(expr)? {
            Data::Unknown(unknown) => Ok(Err(unknown)),
            data => {
                let text = data.scalar();
                text.map(Ok).ok_or_else(|| Problem::Arguments(function).at(expr.at))
            }
        }
    }

    fn reference(&self, name: &str, at: Position) -> Resolved {
        let resolution = self.resolution;
        let data = match resolution.parameters.get(name) {
            Some(ParameterValue::One(text)) => Some(Data::Text(text.clone())),
            Some(ParameterValue::Many(texts)) => Some(texts_data(texts, at)),
            None => None,
        };
        let data = match data {
            Some(data) => data,
            None if resolution.template.parameter(name).is_some() => {
                Data::unknown(Reason::Parameter(name.to_owned()))
            }
            None if name == "AWS::NoValue" => return Ok(None),
            None => match self.pseudo(name, at) {
                Some(data) => data,
                None => self.resource(name, at)?,
            },
        };
        self.resolution.spend(size(&data), at, self.block)?;
        Ok(Some(data.at(at)))
    }

    fn pseudo(&self, name: &str, at: Position) -> Option<Data> {
        let pseudo = self.resolution.pseudo;
        let known = match name {
            "AWS::AccountId" => &pseudo.account_id,
            "AWS::Region" => &pseudo.region,
            "AWS::Partition" => &pseudo.partition,
            "AWS::URLSuffix" => &pseudo.url_suffix,
            "AWS::StackId" => &pseudo.stack_id,
            "AWS::StackName" => &pseudo.stack_name,
            "AWS::NotificationARNs" => {
                return Some(match &pseudo.notification_arns {
                    Some(arns) => {
                        let texts: Vec<Text> = arns.iter().map(Text::new).collect();
                        texts_data(&texts, at)
                    }
                    None => Data::unknown(Reason::Pseudo(name.to_owned())),
                });
            }
            _ => return None,
        };
        Some(match known {
            Some(text) => Data::text(text.clone()),
            None => Data::unknown(Reason::Pseudo(name.to_owned())),
        })
    }

    /// Refuses what is not a resource that exists.
    fn existing(&self, name: &str, at: Position, missing: Problem) -> Result<()> {
        let block = self.block.name();
        if matches!(self.block, Block::Conditions | Block::Rules) {
            return Err(Problem::ResourceInBlock { name: name.to_owned(), block }.at(at));
        }
        let found = self.resolution.template.resource(name).ok_or_else(|| missing.at(at))?;
        if self.resolution.exists(found) == Truth::No {
            let names = vec![name.to_owned()];
            return Err(Problem::Unresolved { names, block }.at(at));
        }
        Ok(())
    }

    fn resource(&self, name: &str, at: Position) -> Result<Data> {
        let (names, block) = (vec![name.to_owned()], self.block.name());
        self.existing(name, at, Problem::Unresolved { names, block })?;
        Ok(match self.outside.reference(name) {
            Some(text) => Data::text(text),
            None => Data::unknown(Reason::Reference { resource: name.to_owned() }),
        })
    }

    fn attribute(&self, resource: &str, attribute: &Expr, at: Position) -> Result<Data> {
        let missing = Problem::GetAttUndefined { name: resource.to_owned() };
        self.existing(resource, at, missing)?;
        match self.text(attribute, Function::GetAtt)? {
            Ok(attribute) => Ok(self.attribute_of(resource, attribute.expose())),
            Err(unknown) => Ok(Data::Unknown(unknown.made())),
        }
    }

    fn attribute_of(&self, resource: &str, attribute: &str) -> Data {
        match self.outside.attribute(resource, attribute) {
            Some(text) => Data::text(text),
            None => Data::unknown(Reason::Attribute {
                resource: resource.to_owned(),
                attribute: attribute.to_owned(),
            }),
        }
    }

    fn sub(&self, pieces: &[SubPiece], variables: &[ExprField], at: Position) -> Result<Data> {
        let variables = self.fields(variables)?;
        let mut words = Words::default();
        for piece in pieces {
            let name = match piece {
                SubPiece::Literal(text) => {
                    words.push(&Text::new(text.clone()));
                    continue;
                }
                SubPiece::Variable(name) => name,
            };
            let given = variables.iter().find(|field| field.key == *name);
            let data = match (given, name.split_once('.')) {
                (Some(field), _) => field.value.data.clone(),
                (None, Some((resource, attribute))) => {
                    let (names, block) = (vec![resource.to_owned()], self.block.name());
                    self.existing(resource, at, Problem::Unresolved { names, block })?;
                    self.attribute_of(resource, attribute)
                }
                (None, None) => {
                    self.reference(name, at)?.map_or_else(|| Data::text(""), |value| value.data)
                }
            };
            self.resolution.spend(size(&data), at, self.block)?;
            match (&data, data.scalar()) {
                (Data::Unknown(unknown), _) => words.push_unknown(unknown),
                (_, Some(text)) => words.push(&text),
                (_, None) => return Err(Problem::SubNotText { name: name.clone() }.at(at)),
            }
        }
        Ok(words.finish())
    }

    fn join(&self, delimiter: &str, list: &Expr, at: Position) -> Result<Data> {
        let wrong = || Problem::Arguments(Function::Join).at(at);
        let items = match self.argument(list)? {
            Data::Unknown(unknown) => return Ok(Data::Unknown(unknown.made())),
            Data::List(items) => items,
            _ => return Err(wrong()),
        };
        let delimiter = Text::new(delimiter);
        let mut words = Words::default();
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                words.push(&delimiter);
                self.resolution.spend(delimiter.expose().len(), at, self.block)?;
            }
            match (&item.data, item.scalar()) {
                (Data::Unknown(unknown), _) => words.push_unknown(unknown),
                (_, Some(text)) => words.push(&text),
                (_, None) => return Err(wrong()),
            }
        }
        Ok(words.finish())
    }

    fn select(&self, index: &Expr, list: &Expr, at: Position) -> Resolved {
        let wrong = || Problem::Arguments(Function::Select).at(at);
        let index = match self.text(index, Function::Select)? {
            Ok(text) => text,
            Err(unknown) => return Ok(Some(Data::Unknown(unknown.made()).at(at))),
        };
        let number: usize = index.expose().parse().map_err(|_| wrong())?;
        match self.argument(list)? {
            Data::Unknown(unknown) => Ok(Some(Data::Unknown(unknown.made()).at(at))),
            Data::List(items) => {
                let index = number.to_string();
                let found = items.into_iter().nth(number);
                found.map(Some).ok_or_else(|| Problem::SelectIndex { index }.at(at))
            }
            _ => Err(wrong()),
        }
    }

    fn split(&self, delimiter: &str, text: &Expr, at: Position) -> Result<Data> {
        Ok(match self.text(text, Function::Split)? {
            Ok(text) => {
                let parts: Vec<Text> =
                    text.expose().split(delimiter).map(|part| text.derived(part)).collect();
                self.resolution.spend(parts.len() * 16, at, self.block)?;
                texts_data(&parts, at)
            }
            Err(unknown) => Data::Unknown(unknown.made()),
        })
    }

    fn find_in_map(&self, keys: &[Expr; 3], default: Option<&Expr>, at: Position) -> Resolved {
        let mut texts = Vec::with_capacity(3);
        for key in keys {
            match self.text(key, Function::FindInMap)? {
                Ok(text) => texts.push(text.expose().to_owned()),
                Err(unknown) => return Ok(Some(Data::Unknown(unknown.made()).at(at))),
            }
        }
        let [map, top, second] = texts.try_into().unwrap_or_default();
        let mapping = self.resolution.template.mappings.get(&map);
        let found = mapping.and_then(|mapping| mapping.get(&top)?.get(&second));
        match (found, default) {
            (Some(data), _) => {
                self.resolution.spend(size(data), at, self.block)?;
                Ok(Some(data.clone().at(at)))
            }
            (None, Some(default)) => self.value(default),
            (None, None) => Err(Problem::NoMapping { map, top, second }.at(at)),
        }
    }

    fn import(&self, name: &Expr, at: Position) -> Result<Data> {
        if matches!(self.block, Block::Conditions | Block::Rules) {
            return Err(Problem::Arguments(Function::ImportValue).at(at));
        }
        let name = match self.text(name, Function::ImportValue)? {
            Ok(name) => name.expose().to_owned(),
            Err(unknown) => return Ok(Data::Unknown(unknown.made())),
        };
        match self.outside.import(&name) {
            Import::Known(text) => Ok(Data::text(text)),
            Import::Unknown => Ok(Data::unknown(Reason::Import(name))),
            Import::Missing => Err(Problem::NoExport { name }.at(at)),
        }
    }

    fn base64(&self, text: &Expr) -> Result<Data> {
        use base64::Engine as _;
        Ok(match self.text(text, Function::Base64)? {
            Ok(text) => {
                let encoded = base64::engine::general_purpose::STANDARD.encode(text.expose());
                Data::Text(text.derived(encoded))
            }
            Err(unknown) => Data::Unknown(unknown.made()),
        })
    }

    fn cidr(&self, arguments: &[Expr; 3], at: Position) -> Result<Data> {
        let mut texts = Vec::with_capacity(3);
        for argument in arguments {
            match self.text(argument, Function::Cidr)? {
                Ok(text) => texts.push(text),
                Err(unknown) => return Ok(Data::Unknown(unknown.made())),
            }
        }
        let [block, count, bits] = texts.as_slice() else {
            return Err(Problem::Arguments(Function::Cidr).at(at));
        };
        let blocks = cidr::blocks(block.expose(), count.expose(), bits.expose());
        let blocks = blocks.ok_or_else(|| Problem::CidrRange.at(at))?;
        let texts: Vec<Text> = blocks.into_iter().map(Text::new).collect();
        Ok(texts_data(&texts, at))
    }

    fn zones(&self, region: &Expr, at: Position) -> Result<Data> {
        let region = match self.text(region, Function::GetAzs)? {
            Ok(text) if text.expose().is_empty() => {
                let Some(region) = &self.resolution.pseudo.region else {
                    let region = Unknown::of(Reason::Pseudo("AWS::Region".to_owned()));
                    return Ok(Data::Unknown(region.made()));
                };
                region.clone()
            }
            Ok(text) => text.expose().to_owned(),
            Err(unknown) => return Ok(Data::Unknown(unknown.made())),
        };
        Ok(match self.outside.zones(&region) {
            Some(zones) => {
                let texts: Vec<Text> = zones.into_iter().map(Text::new).collect();
                texts_data(&texts, at)
            }
            None => Data::unknown(Reason::Zones(region)),
        })
    }

    fn length(&self, list: &Expr, at: Position) -> Result<Data> {
        match self.argument(list)? {
            Data::Unknown(unknown) => Ok(Data::Unknown(unknown.made())),
            Data::List(items) => Ok(Data::Number(items.len().to_string())),
            _ => Err(Problem::Arguments(Function::Length).at(at)),
        }
    }

    fn to_json(&self, inner: &Expr, at: Position) -> Result<Data> {
        let Some(value) = self.value(inner)? else {
            return Err(Problem::Arguments(Function::ToJsonString).at(at));
        };
        match &value.data {
            Data::Unknown(unknown) => Ok(Data::Unknown(unknown.made())),
            Data::List(_) | Data::Map(_) => match (value.to_json(), value.first_unknown()) {
                (Some(text), _) => Ok(Data::Text(text)),
                (None, Some((unknown, _))) => Ok(Data::Unknown(unknown.made())),
                (None, None) => Err(Problem::Arguments(Function::ToJsonString).at(at)),
            },
            _ => Err(Problem::Arguments(Function::ToJsonString).at(at)),
        }
    }

    fn truth(&self, expr: &Expr) -> Result<Truth> {
        match &expr.kind {
            ExprKind::Condition(name) => {
                let found = self.resolution.conditions.get(name).cloned();
                let block = self.block.name();
                found.ok_or_else(|| {
                    Problem::UnresolvedCondition { name: name.clone(), block }.at(expr.at)
                })
            }
            ExprKind::Equals(sides) => self.equals(sides),
            ExprKind::Not(inner) => Ok(match self.truth(inner)? {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                unknown @ Truth::Unknown(_) => unknown,
            }),
            ExprKind::And(items) => self.all(items, &Truth::No, Truth::Yes),
            ExprKind::Or(items) => self.all(items, &Truth::Yes, Truth::No),
            ExprKind::Members { test, list, against } => self.members(*test, list, against),
            ExprKind::Foreign { name, .. } => Ok(Truth::Unknown(Reason::Macro(name.clone()))),
            _ => Err(Problem::Arguments(Function::Condition).at(expr.at)),
        }
    }

    /// `decisive` if any operand is that, else the first unknown, else `otherwise`.
    fn all(&self, items: &[Expr], decisive: &Truth, otherwise: Truth) -> Result<Truth> {
        let mut found = otherwise;
        for item in items {
            match self.truth(item)? {
                truth if truth == *decisive => return Ok(truth),
                unknown @ Truth::Unknown(_) => found = unknown,
                _ => {}
            }
        }
        Ok(found)
    }

    fn equals(&self, sides: &[Expr; 2]) -> Result<Truth> {
        let [left, right] = sides;
        let (at, left, right) = (left.at, self.argument(left)?, self.argument(right)?);
        let (left, right) = (left.at(at), right.at(at));
        let unknown = left.first_unknown().or(right.first_unknown());
        if let Some(reason) = unknown.and_then(|(unknown, _)| unknown.reasons().next()) {
            return Ok(Truth::Unknown(reason.clone()));
        }
        Ok(if left.same_as(&right) { Truth::Yes } else { Truth::No })
    }

    fn members(&self, test: MemberTest, list: &Expr, against: &Expr) -> Result<Truth> {
        let (items, other) = (self.argument(list)?.at(list.at), self.argument(against)?);
        let other = other.at(against.at);
        let unknown = items.first_unknown().or(other.first_unknown());
        if let Some(reason) = unknown.and_then(|(unknown, _)| unknown.reasons().next()) {
            return Ok(Truth::Unknown(reason.clone()));
        }
        let wrong = || Problem::Arguments(Function::Rule).at(list.at);
        let items = items.as_list().ok_or_else(wrong)?;
        let holds = match test {
            MemberTest::Contains => items.iter().any(|item| item.same_as(&other)),
            MemberTest::EachEquals => items.iter().all(|item| item.same_as(&other)),
            MemberTest::EachIn => {
                let allowed = other.as_list().ok_or_else(wrong)?;
                items.iter().all(|item| allowed.iter().any(|one| one.same_as(item)))
            }
        };
        Ok(if holds { Truth::Yes } else { Truth::No })
    }
}

fn texts_data(texts: &[Text], at: Position) -> Data {
    Data::List(texts.iter().map(|text| Data::Text(text.clone()).at(at)).collect())
}

/// About how many bytes a value holds.
fn size(data: &Data) -> usize {
    match data {
        Data::Text(text) => text.expose().len(),
        Data::Number(text) => text.len(),
        Data::Bool(_) => 1,
        Data::List(items) => items.iter().map(|item| 16 + size(&item.data)).sum(),
        Data::Map(fields) => fields.iter().map(|field| 16 + size(&field.value.data)).sum(),
        Data::Unknown(unknown) => unknown.pieces().len() * 16,
    }
}
