//! A document as it was written: maps, lists and scalars, each with its place.
//!
//! JSON and YAML come out the same, with YAML's short forms already spelled out. Nothing here knows
//! what a template means. Size, depth and the number of nodes are bounded before anything is built
//! (promise R8), and `Debug` shows no scalar, because any of them may be a secret (promise R7).

use std::fmt;

use crate::error::{Problem, Result};
use crate::{json, yaml};

/// Where something begins: both count from 1; columns count characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One value of a document.
#[derive(Clone, PartialEq, Eq)]
pub struct Node {
    pub at: Position,
    pub kind: Kind,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    Null,
    Bool(bool),
    /// As it was written: a template's numbers end up as text.
    Number(String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A key of a map and what it holds. A map keeps its order and has no key twice.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    pub key: String,
    pub at: Position,
    pub value: Node,
}

/// What a document may be at most.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub bytes: usize,
    pub depth: usize,
    /// Nodes after aliases have been followed.
    pub nodes: usize,
}

impl Bounds {
    /// LIMIT: a template through S3 has at most 1 MB (AWS's quotas); the rest follows from that.
    pub const TEMPLATE: Self = Self { bytes: 1 << 20, depth: 64, nodes: 200_000 };
}

/// A document, and what its notation allowed that a reader may want to refuse.
#[derive(Debug, Clone)]
pub struct Document {
    pub root: Node,
    /// The first YAML alias, already followed. AWS refuses them.
    pub alias: Option<Position>,
}

impl Document {
    /// Reads JSON if the first character says so, and YAML otherwise, as AWS does.
    pub fn read(text: &str, bounds: Bounds) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > bounds.bytes {
            return Err(Problem::TooLarge { limit: bounds.bytes }.anywhere());
        }
        if text.trim_start().starts_with('{') {
            let root = json::read(text, bounds)?;
            return Ok(Self { root, alias: None });
        }
        yaml::read(text, bounds)
    }
}

impl Node {
    pub fn as_str(&self) -> Option<&str> {
        if let Kind::String(text) = &self.kind { Some(text) } else { None }
    }

    /// The text of any scalar but null: a template's numbers and booleans stand for text as well.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) | Kind::Number(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Null | Kind::List(_) | Kind::Map(_) => None,
        }
    }

    pub fn as_map(&self) -> Option<&[Member]> {
        if let Kind::Map(members) = &self.kind { Some(members) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Node]> {
        if let Kind::List(items) = &self.kind { Some(items) } else { None }
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.iter().find(|member| member.key == key).map(|member| &member.value)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", self.kind, self.at)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(members) => {
                f.debug_map().entries(members.iter().map(|m| (&m.key, &m.value))).finish()
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => {
                f.write_str("<scalar>")
            }
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.key, self.value)
    }
}
