//! The blocks of a configuration, written in HCL or in JSON, in one form.
//!
//! In JSON every text is a template, a block is an object or a list of objects, and its labels are keys
//! around it; which of a resource's properties are blocks is not said, so that those that rules look at
//! are named here.

use hcl_edit::Span;
use hcl_edit::expr::{Array, Expression};
use hcl_edit::structure::{self, BlockLabel, Body};
use hcl_edit::template::{Element, StringTemplate, Template};
use regent_cfn::Position;
use regent_cfn::node::{Kind, Node};

use super::{DEPTH_MAX, depth};

/// A value, and where it is given.
#[derive(Debug)]
pub struct Value {
    pub at: Position,
    pub expression: Expression,
}

#[derive(Debug)]
pub struct Block {
    pub at: Position,
    pub kind: String,
    pub labels: Vec<String>,
    pub values: Vec<(String, Value)>,
    pub blocks: Vec<Block>,
}

impl Block {
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// The blocks of a file in HCL.
pub fn of_hcl(body: &Body, place: &dyn Fn(usize) -> Position) -> Vec<Block> {
    body.blocks().map(|block| hcl_block(block, place)).collect()
}

fn hcl_block(block: &structure::Block, place: &dyn Fn(usize) -> Position) -> Block {
    let at = |of: &dyn Span| place(of.span().map_or(0, |span| span.start));
    let labels = block.labels.iter().map(BlockLabel::as_str).map(str::to_owned);
    let values = block.body.attributes().map(|one| {
        let value = Value { at: at(&one.value), expression: one.value.clone() };
        (one.key.as_str().to_owned(), value)
    });
    Block {
        at: at(block),
        kind: block.ident.as_str().to_owned(),
        labels: labels.collect(),
        values: values.collect(),
        blocks: of_hcl(&block.body, place),
    }
}

/// The values of a `.tfvars` file.
pub fn values_of_hcl(body: &Body) -> Vec<(String, Expression)> {
    let each = body.attributes();
    each.map(|one| (one.key.as_str().to_owned(), one.value.clone())).collect()
}

/// Kinds of blocks on top of a file, and how many labels they have.
const LABELS: [(&str, usize); 5] =
    [("resource", 2), ("provider", 1), ("variable", 1), ("locals", 0), ("import", 0)];
/// Properties of a resource that are blocks, and how many labels they have.
const INNER: [(&str, usize); 2] = [("replica", 0), ("dynamic", 1)];

/// The blocks of a file in JSON that begins after `line`.
pub fn of_json(root: &Node, line: u32) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (kind, labels) in LABELS {
        if let Some(found) = root.get(kind) {
            expand(found, kind, labels, &mut Vec::new(), line, &mut blocks);
        }
    }
    blocks
}

/// Takes the labels of a block off, which may be objects or lists of objects.
fn expand(
    node: &Node,
    kind: &str,
    labels: usize,
    above: &mut Vec<String>,
    line: u32,
    blocks: &mut Vec<Block>,
) {
    if let Some(items) = node.as_list() {
        for item in items {
            expand(item, kind, labels, above, line, blocks);
        }
        return;
    }
    let Some(members) = node.as_map() else { return };
    if labels == 0 {
        return blocks.push(json_block(node, kind, above, line));
    }
    for member in members {
        above.push(member.key.clone());
        expand(&member.value, kind, labels - 1, above, line, blocks);
        above.pop();
    }
}

fn json_block(node: &Node, kind: &str, labels: &[String], line: u32) -> Block {
    let at = |node: &Node| Position { line: node.at.line.saturating_add(line), ..node.at };
    let (mut values, mut blocks) = (Vec::new(), Vec::new());
    for member in node.as_map().unwrap_or_default() {
        // Inside a dynamic block stands what each of its blocks would have.
        let inner = INNER.iter().find(|(name, _)| kind == "resource" && *name == member.key);
        if let Some((name, labels)) = inner {
            expand(&member.value, name, *labels, &mut Vec::new(), line, &mut blocks);
        } else if member.key != "//" {
            let value = Value { at: at(&member.value), expression: expression(&member.value) };
            values.push((member.key.clone(), value));
        }
    }
    Block { at: at(node), kind: kind.to_owned(), labels: labels.to_vec(), values, blocks }
}

/// The values of a `.tfvars.json` file, in which texts are no templates.
pub fn values_of_json(root: &Node) -> Vec<(String, Expression)> {
    let each = root.as_map().unwrap_or_default().iter();
    each.map(|one| {
        let plain = one.value.as_str().map(Expression::from);
        (one.key.clone(), plain.unwrap_or_else(|| expression(&one.value)))
    })
    .collect()
}

/// A list or an object is no value of a property that rules look at, and stands for one unknown.
fn expression(node: &Node) -> Expression {
    match &node.kind {
        Kind::Null => Expression::null(),
        Kind::Bool(flag) => Expression::from(*flag),
        Kind::Number(text) => Expression::from(text.as_str()),
        Kind::String(text) => template(text),
        Kind::List(_) | Kind::Map(_) => Expression::from(Array::new()),
    }
}

fn template(text: &str) -> Expression {
    if !text.contains("${") && !text.contains("%{") {
        return Expression::from(text);
    }
    // The parser calls itself for each bracket.
    let parsed = if depth(text) > DEPTH_MAX { None } else { text.parse::<Template>().ok() };
    match parsed {
        Some(template) => {
            let elements: Vec<Element> = template.into_iter().collect();
            Expression::from(StringTemplate::from(elements))
        }
        None => Expression::from(Array::new()),
    }
}
