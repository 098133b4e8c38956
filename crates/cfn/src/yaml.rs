//! YAML with the place of each value, and CloudFormation's short forms spelled out.
//!
//! Scalars follow YAML 1.1 where templates depend on it (`yes` is true), but a date stays text.
//! Aliases are followed within a bound, and the first is reported, so that a reader may refuse
//! them. A key that comes twice is refused. Promise R8.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::error::{Located, Problem, Result};
use crate::node::{Bounds, Document, Kind, Member, Node, Position};

/// The functions that have a short form, besides `!Ref` and `!Condition`, which take no `Fn::`.
const SHORT_FORMS: [&str; 19] = [
    "And",
    "Base64",
    "Cidr",
    "Equals",
    "FindInMap",
    "GetAtt",
    "GetAZs",
    "If",
    "ImportValue",
    "Join",
    "Length",
    "Not",
    "Or",
    "Select",
    "Split",
    "Sub",
    "ToJsonString",
    "Transform",
    "Contains",
];

/// Reads one YAML document; the caller has bounded the text's length.
pub fn read(text: &str, bounds: Bounds) -> Result<Document> {
    let mut builder = Builder { bounds, ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let (event, span) =
            next.map_err(|cause| Problem::YamlNotWellFormed.at(place(*cause.marker())))?;
        builder.take(event, span)?;
    }
    let root = builder.root.ok_or_else(|| Problem::UnsupportedStructure.anywhere())?;
    Ok(Document { root, alias: builder.alias })
}

fn place(marker: saphyr_parser::Marker) -> Position {
    let line = u32::try_from(marker.line()).unwrap_or(u32::MAX).max(1);
    let column = u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1);
    Position { line, column }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    alias: Option<Position>,
    nodes: usize,
    bounds: Bounds,
}

/// A list or map whose end has not come.
struct Open {
    at: Position,
    anchor: usize,
    function: Option<String>,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { members: Vec<Member>, keys: BTreeSet<String>, key: Option<(String, Position)> },
}

impl Default for Bounds {
    fn default() -> Self {
        Self::TEMPLATE
    }
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<()> {
        let at = place(span.start);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Problem::UnsupportedStructure.at(at))
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(id) => {
                self.alias.get_or_insert(at);
                let known = self.anchors.get(&id);
                let mut node = known.ok_or_else(|| Problem::YamlNotWellFormed.at(at))?.clone();
                node.at = at;
                self.count(weight(&node), at)?;
                if self.open.len() + depth(&node) > self.bounds.depth {
                    return Err(Problem::TooDeep { limit: self.bounds.depth }.at(at));
                }
                self.put(node)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(text.into_owned(), style, tag.as_deref(), at)?;
                self.count(1, at)?;
                self.anchor(anchor, &node);
                self.put(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let keys = BTreeSet::new();
                let content = Content::Map { members: Vec::new(), keys, key: None };
                self.begin(at, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn begin(
        &mut self,
        at: Position,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Result<()> {
        self.count(1, at)?;
        if self.open.len() >= self.bounds.depth {
            return Err(Problem::TooDeep { limit: self.bounds.depth }.at(at));
        }
        let function = match tag {
            Some(tag) if !tag.is_yaml_core_schema() => Some(function(tag, at)?),
            _ => None,
        };
        self.open.push(Open { at, anchor, function, content });
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = match open.content {
            Content::List(items) => Kind::List(items),
            Content::Map { members, .. } => Kind::Map(members),
        };
        let plain = Node { at: open.at, kind };
        let node = match open.function {
            Some(name) => call(name, plain),
            None => plain,
        };
        self.anchor(open.anchor, &node);
        self.put(node)
    }

    fn anchor(&mut self, id: usize, node: &Node) {
        if id > 0 {
            self.anchors.insert(id, node.clone());
        }
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > self.bounds.nodes {
            return Err(Problem::TooManyNodes { limit: self.bounds.nodes }.at(at));
        }
        Ok(())
    }

    fn put(&mut self, node: Node) -> Result<()> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { members, keys, key } => {
                if let Some((key, at)) = key.take() {
                    members.push(Member { key, at, value: node });
                    return Ok(());
                }
                let text = match &node.kind {
                    Kind::Null => "null",
                    _ => node.scalar().ok_or_else(|| Problem::UnsupportedStructure.at(node.at))?,
                };
                if !keys.insert(text.to_owned()) {
                    return Err(Problem::DuplicateKey { key: text.to_owned() }.at(node.at));
                }
                *key = Some((text.to_owned(), node.at));
            }
        }
        Ok(())
    }
}

fn weight(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Kind::Map(members) => 1 + members.iter().map(|m| weight(&m.value)).sum::<usize>(),
        _ => 1,
    }
}

fn depth(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Kind::Map(members) => 1 + members.iter().map(|m| depth(&m.value)).max().unwrap_or(0),
        _ => 0,
    }
}

fn call(function: String, argument: Node) -> Node {
    let at = argument.at;
    Node { at, kind: Kind::Map(vec![Member { key: function, at, value: argument }]) }
}

/// The function that a local tag is short for.
fn function(tag: &Tag, at: Position) -> Result<String> {
    let name = tag.suffix.as_str();
    match name {
        "Ref" | "Condition" if tag.handle == "!" => Ok(name.to_owned()),
        _ if tag.handle == "!" && SHORT_FORMS.contains(&name) => Ok(format!("Fn::{name}")),
        _ => Err(unknown_tag(tag, at)),
    }
}

fn unknown_tag(tag: &Tag, at: Position) -> Located {
    Problem::UnknownTag { tag: format!("{}{}", tag.handle, tag.suffix) }.at(at)
}

fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, at: Position) -> Result<Node> {
    let plain = style == ScalarStyle::Plain;
    let Some(tag) = tag else {
        let kind = if plain { resolve(text) } else { Kind::String(text) };
        return Ok(Node { at, kind });
    };
    if !tag.is_yaml_core_schema() {
        let name = function(tag, at)?;
        // A function's scalar argument is a name or a text, whatever it looks like.
        return Ok(call(name, Node { at, kind: Kind::String(text) }));
    }
    let kind = match (tag.suffix.as_str(), resolve(text.clone())) {
        ("str", _) => Kind::String(text),
        ("int" | "float", kind @ Kind::Number(_))
        | ("bool", kind @ Kind::Bool(_))
        | ("null", kind @ Kind::Null) => kind,
        _ => return Err(unknown_tag(tag, at)),
    };
    Ok(Node { at, kind })
}

/// What a plain scalar is.
fn resolve(text: String) -> Kind {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Kind::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Kind::Bool(false)
        }
        _ if is_number(&text) => Kind::Number(text),
        _ => Kind::String(text),
    }
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut digits = 0;
    let mut dot = false;
    let mut chars = unsigned.chars().peekable();
    while let Some(found) = chars.next() {
        match found {
            '0'..='9' => digits += 1,
            '.' if !dot => dot = true,
            'e' | 'E' if digits > 0 => {
                let exponent: String = chars.collect();
                let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(&exponent);
                return !exponent.is_empty() && exponent.bytes().all(|b| b.is_ascii_digit());
            }
            _ => return false,
        }
    }
    digits > 0
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn parse(text: &str) -> Result<Node> {
        read(text, Bounds::TEMPLATE).map(|document| document.root)
    }

    /// A document on one line, to compare by.
    fn shown(node: &Node) -> String {
        match &node.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(flag) => flag.to_string(),
            Kind::Number(text) => text.clone(),
            Kind::String(text) => format!("{text:?}"),
            Kind::List(items) => {
                format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(","))
            }
            Kind::Map(members) => {
                let shown = members.iter().map(|m| format!("{}:{}", m.key, shown(&m.value)));
                format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
            }
        }
    }

    #[test]
    fn scalars_as_templates_mean_them() {
        let text = "[2012-10-17, yes, Off, ~, 012345678901, 1.5, -3, 1e3, 'yes', a:b, 1.2.3, .5]";
        assert_eq!(
            shown(&parse(text).unwrap()),
            "[\"2012-10-17\",true,false,null,012345678901,1.5,-3,1e3,\"yes\",\"a:b\",\"1.2.3\",.5]"
        );
    }

    #[test]
    fn short_forms_are_spelled_out() {
        let text = "a: !Ref X\nb: !GetAtt X.Arn\nc: !Sub '${X}-1'\nd: !Join ['-', [!Ref X, 1]]\n\
                    e: !Condition C\nf: !Select\n  - 0\n  - !GetAZs ''\n";
        assert_eq!(
            shown(&parse(text).unwrap()),
            "{a:{Ref:\"X\"},b:{Fn::GetAtt:\"X.Arn\"},c:{Fn::Sub:\"${X}-1\"},\
             d:{Fn::Join:[\"-\",[{Ref:\"X\"},1]]},e:{Condition:\"C\"},\
             f:{Fn::Select:[0,{Fn::GetAZs:\"\"}]}}"
        );
    }

    #[test]
    fn places_are_those_of_the_text() {
        let node = parse("a:\n  - b: 1\n    c: !Ref X\n").unwrap();
        let item = &node.get("a").unwrap().as_list().unwrap()[0];
        let members = item.as_map().unwrap();
        assert_eq!(members[1].at, Position { line: 3, column: 5 });
        assert_eq!(members[1].value.at.line, 3);
        assert_eq!(members[0].value.at, Position { line: 2, column: 8 });
    }

    #[test]
    fn aliases_are_followed_and_told() {
        let document = read("a: &x [1, 2]\nb: *x\n", Bounds::TEMPLATE).unwrap();
        assert_eq!(shown(&document.root), "{a:[1,2],b:[1,2]}");
        assert_eq!(document.alias, Some(Position { line: 2, column: 4 }));
    }

    #[test]
    fn what_grows_without_end_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let names = vec![format!("*a{}", level - 1); 10].join(",");
            writeln!(text, "a{level}: &a{level} [{names}]").unwrap();
        }
        assert!(matches!(parse(&text).unwrap_err().problem, Problem::TooManyNodes { .. }));
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert!(matches!(parse(&deep).unwrap_err().problem, Problem::TooDeep { .. }));
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..70 {
            writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
        }
        assert!(matches!(parse(&text).unwrap_err().problem, Problem::TooDeep { .. }));
        assert!(parse("a: &a [*a]").is_err());
    }

    #[test]
    fn what_is_not_a_document_is_refused() {
        for text in [
            "",
            "a: b: c",
            "a: 1\na: 2",
            "[a",
            "? [a]\n: b",
            "a: !Nope x",
            "--- a\n--- b",
            "\t- a: \"",
            "a: *nowhere",
            "a: !!binary aGk=",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
