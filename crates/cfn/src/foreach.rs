//! `Fn::ForEach`, which the transform `AWS::LanguageExtensions` runs before anything else is read.
//!
//! It works on nodes: a loop's member is replaced by one member for each value, with the
//! identifier replaced in keys and in texts. What it makes keeps the places of what it was made
//! from, and is bounded (promise R8).

use std::collections::BTreeMap;

use crate::error::{Function, Problem, Result};
use crate::limits::FOR_EACH_NODES_MAX;
use crate::node::{Kind, Member, Node};
use crate::parameters::ParameterValue;

const PREFIX: &str = "Fn::ForEach::";

/// The document with every loop run. The values come from lists and from parameters.
pub fn expand(node: &Node, parameters: &BTreeMap<String, ParameterValue>) -> Result<Node> {
    let mut expansion = Expansion { parameters, scope: Vec::new(), nodes: 0 };
    expansion.node(node)
}

struct Expansion<'p> {
    parameters: &'p BTreeMap<String, ParameterValue>,
    /// The identifiers of the loops around, and their values.
    scope: Vec<(String, String)>,
    nodes: usize,
}

impl Expansion<'_> {
    fn node(&mut self, node: &Node) -> Result<Node> {
        self.nodes += 1;
        if self.nodes > FOR_EACH_NODES_MAX {
            return Err(Problem::TooManyNodes { limit: FOR_EACH_NODES_MAX }.at(node.at));
        }
        let kind = match &node.kind {
            Kind::String(text) => Kind::String(self.replaced(text)),
            Kind::List(items) => {
                Kind::List(items.iter().map(|item| self.node(item)).collect::<Result<_>>()?)
            }
            Kind::Map(members) => match members.as_slice() {
                [only] if only.key == "Ref" => match only.value.as_str().and_then(|x| self.of(x)) {
                    Some(value) => Kind::String(value.to_owned()),
                    None => Kind::Map(self.members(members)?),
                },
                _ => Kind::Map(self.members(members)?),
            },
            other => other.clone(),
        };
        Ok(Node { at: node.at, kind })
    }

    fn members(&mut self, members: &[Member]) -> Result<Vec<Member>> {
        let mut made: Vec<Member> = Vec::with_capacity(members.len());
        for member in members {
            match member.key.strip_prefix(PREFIX) {
                Some(name) => self.repeat(name, member, &mut made)?,
                None => made.push(Member {
                    key: self.replaced(&member.key),
                    at: member.at,
                    value: self.node(&member.value)?,
                }),
            }
        }
        Ok(made)
    }

    fn repeat(&mut self, name: &str, member: &Member, made: &mut Vec<Member>) -> Result<()> {
        let wrong = || Problem::Arguments(Function::ForEach).at(member.at);
        let Some([identifier, values, body]) = member.value.as_list() else {
            return Err(wrong());
        };
        let identifier = identifier.as_str().filter(|text| !text.is_empty()).ok_or_else(wrong)?;
        let body = body.as_map().ok_or_else(wrong)?;
        for value in self.values(name, values)? {
            self.scope.push((identifier.to_owned(), value));
            for one in self.members(body)? {
                if made.iter().any(|other| other.key == one.key) {
                    let name = name.to_owned();
                    return Err(Problem::ForEachDuplicate { name, key: one.key }.at(member.at));
                }
                made.push(one);
            }
            self.scope.pop();
        }
        Ok(())
    }

    fn values(&self, name: &str, node: &Node) -> Result<Vec<String>> {
        let unknown = || Problem::ForEachUnknown { name: name.to_owned() }.at(node.at);
        let Some(items) = node.as_list() else {
            return match reference(node).and_then(|name| self.parameters.get(name)) {
                Some(ParameterValue::Many(texts)) => {
                    Ok(texts.iter().map(|text| text.expose().to_owned()).collect())
                }
                _ => Err(unknown()),
            };
        };
        let one = |item: &Node| {
            if let Some(text) = item.scalar() {
                return Ok(self.replaced(text));
            }
            let name = reference(item).ok_or_else(unknown)?;
            match (self.of(name), self.parameters.get(name)) {
                (Some(value), _) => Ok(value.to_owned()),
                (None, Some(ParameterValue::One(text))) => Ok(text.expose().to_owned()),
                _ => Err(unknown()),
            }
        };
        items.iter().map(one).collect()
    }

    fn of(&self, identifier: &str) -> Option<&str> {
        let found = self.scope.iter().rev().find(|(name, _)| name == identifier);
        found.map(|(_, value)| value.as_str())
    }

    /// `${Identifier}` becomes the value, and `&{Identifier}` its letters and digits.
    fn replaced(&self, text: &str) -> String {
        let mut made = text.to_owned();
        for (name, value) in self.scope.iter().rev() {
            if made.contains(&format!("{{{name}}}")) {
                let plain: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
                made = made.replace(&format!("${{{name}}}"), value);
                made = made.replace(&format!("&{{{name}}}"), &plain);
            }
        }
        made
    }
}

/// The name that a `Ref` refers to.
fn reference(node: &Node) -> Option<&str> {
    match node.as_map()? {
        [only] if only.key == "Ref" => only.value.as_str(),
        _ => None,
    }
}
