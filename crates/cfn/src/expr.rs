//! Expressions: nodes with their functions recognised and the shape of each checked.
//!
//! Shapes are checked here, once, so that resolving meets no malformed function. A function that
//! only AWS can run is kept by its name, and refused later where that matters.

use std::fmt;

use crate::error::{Function, Problem, Result};
use crate::node::{Kind, Member, Node, Position};

#[derive(Debug, Clone)]
pub struct Expr {
    pub at: Position,
    pub kind: ExprKind,
}

#[derive(Clone)]
pub enum ExprKind {
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Expr>),
    Map(Vec<ExprField>),
    Ref(String),
    GetAtt {
        resource: String,
        attribute: Box<Expr>,
    },
    Sub {
        pieces: Vec<SubPiece>,
        variables: Vec<ExprField>,
    },
    Join {
        delimiter: String,
        list: Box<Expr>,
    },
    Select {
        index: Box<Expr>,
        list: Box<Expr>,
    },
    Split {
        delimiter: String,
        text: Box<Expr>,
    },
    FindInMap {
        keys: Box<[Expr; 3]>,
        default: Option<Box<Expr>>,
    },
    If {
        condition: String,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    ImportValue(Box<Expr>),
    Base64(Box<Expr>),
    Cidr(Box<[Expr; 3]>),
    GetAzs(Box<Expr>),
    Length(Box<Expr>),
    ToJsonString(Box<Expr>),
    /// Something that only AWS can run: a macro, or a function that is not known here.
    Foreign {
        name: String,
        known: bool,
    },
    Equals(Box<[Expr; 2]>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Condition(String),
    /// `Fn::Contains`, `Fn::EachMemberIn` and `Fn::EachMemberEquals` of rules.
    Members {
        test: MemberTest,
        list: Box<Expr>,
        against: Box<Expr>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberTest {
    Contains,
    EachIn,
    EachEquals,
}

#[derive(Debug, Clone)]
pub struct ExprField {
    pub key: String,
    pub at: Position,
    pub value: Expr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubPiece {
    Literal(String),
    Variable(String),
}

impl fmt::Debug for ExprKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Any of them may be a secret.
            Self::Bool(_) | Self::Number(_) | Self::Text(_) => f.write_str("<scalar>"),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(fields) => {
                f.debug_map().entries(fields.iter().map(|x| (&x.key, &x.value))).finish()
            }
            Self::Ref(name) => write!(f, "Ref({name})"),
            Self::GetAtt { resource, .. } => write!(f, "GetAtt({resource})"),
            _ => f.write_str("<function>"),
        }
    }
}

/// Reads expressions of one template.
#[derive(Debug)]
pub struct Reader {
    pub language_extensions: bool,
    path: Vec<String>,
}

type Make<'r> = &'r mut dyn FnMut(&mut Reader, &Node) -> Result<Expr>;

impl Reader {
    pub fn new(language_extensions: bool) -> Self {
        Self { language_extensions, path: Vec::new() }
    }

    /// Reads with a path, which is named when a null is found.
    pub fn within<T>(
        &mut self,
        step: impl Into<String>,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.path.push(step.into());
        let done = read(self);
        self.path.pop();
        done
    }

    /// Reads an expression that gives a value.
    pub fn value(&mut self, node: &Node) -> Result<Expr> {
        let at = node.at;
        let kind = match &node.kind {
            Kind::Null => {
                return Err(Problem::Null { path: format!("/{}", self.path.join("/")) }.at(at));
            }
            Kind::Bool(flag) => ExprKind::Bool(*flag),
            Kind::Number(text) => ExprKind::Number(text.clone()),
            Kind::String(text) => ExprKind::Text(text.clone()),
            Kind::List(items) => ExprKind::List(self.list(items)?),
            Kind::Map(members) => match members.as_slice() {
                [only] if only.key == "Ref" => ExprKind::Ref(name_of(only, Function::Ref)?),
                [only] if only.key.starts_with("Fn::") => self.function(only)?,
                _ => ExprKind::Map(self.fields(members)?),
            },
        };
        Ok(Expr { at, kind })
    }

    fn list(&mut self, items: &[Node]) -> Result<Vec<Expr>> {
        let read = |(index, item): (usize, &Node)| {
            self.within(index.to_string(), |reader| reader.value(item))
        };
        items.iter().enumerate().map(read).collect()
    }

    pub fn fields(&mut self, members: &[Member]) -> Result<Vec<ExprField>> {
        let read = |member: &Member| {
            let value = self.within(&member.key, |reader| reader.value(&member.value))?;
            Ok(ExprField { key: member.key.clone(), at: member.at, value })
        };
        members.iter().map(read).collect()
    }

    fn boxed(&mut self, node: &Node) -> Result<Box<Expr>> {
        self.value(node).map(Box::new)
    }

    fn function(&mut self, member: &Member) -> Result<ExprKind> {
        let argument = &member.value;
        let at = argument.at;
        let wrong = |function| Problem::Arguments(function).at(at);
        let items = argument.as_list().unwrap_or_default();
        Ok(match (member.key.as_str(), items) {
            ("Fn::GetAtt", _) => self.get_att(argument)?,
            ("Fn::Sub", _) => self.sub(argument)?,
            ("Fn::Join", [delimiter, list]) => {
                let delimiter = delimiter.as_str().ok_or_else(|| wrong(Function::Join))?;
                if list.scalar().is_some() {
                    return Err(wrong(Function::Join));
                }
                ExprKind::Join { delimiter: delimiter.to_owned(), list: self.boxed(list)? }
            }
            ("Fn::Join", _) => return Err(wrong(Function::Join)),
            ("Fn::Select", [index, list]) => {
                if list.scalar().is_some() {
                    return Err(wrong(Function::Select));
                }
                ExprKind::Select { index: self.boxed(index)?, list: self.boxed(list)? }
            }
            ("Fn::Select", _) => return Err(wrong(Function::Select)),
            ("Fn::Split", [delimiter, text]) => {
                let known = delimiter.as_str().filter(|text| !text.is_empty());
                let delimiter = known.ok_or_else(|| wrong(Function::Split))?.to_owned();
                ExprKind::Split { delimiter, text: self.boxed(text)? }
            }
            ("Fn::Split", _) => return Err(wrong(Function::Split)),
            ("Fn::FindInMap", _) => self.find_in_map(argument)?,
            ("Fn::If", [condition, then, otherwise]) => {
                let condition = condition.as_str().ok_or_else(|| wrong(Function::If))?.to_owned();
                let then = self.boxed(then)?;
                ExprKind::If { condition, then, otherwise: self.boxed(otherwise)? }
            }
            ("Fn::If", _) => return Err(wrong(Function::If)),
            ("Fn::ImportValue", _) => {
                ExprKind::ImportValue(self.textual(argument, Function::ImportValue)?)
            }
            ("Fn::Base64", _) => ExprKind::Base64(self.textual(argument, Function::Base64)?),
            ("Fn::GetAZs", _) => ExprKind::GetAzs(self.textual(argument, Function::GetAzs)?),
            ("Fn::Cidr", [block, count, bits]) => ExprKind::Cidr(Box::new([
                self.value(block)?,
                self.value(count)?,
                self.value(bits)?,
            ])),
            ("Fn::Cidr", _) => return Err(wrong(Function::Cidr)),
            ("Fn::Length" | "Fn::ToJsonString", _) => self.extended(member)?,
            ("Fn::Transform", _) => {
                let name = argument.get("Name").and_then(Node::as_str);
                let name = name.ok_or_else(|| wrong(Function::Transform))?.to_owned();
                ExprKind::Foreign { name, known: true }
            }
            ("Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals", _) => self.boolean(member)?,
            (name, _) if name.starts_with("Fn::ForEach::") => {
                return Err(needs_extensions(member));
            }
            (name, _) => ExprKind::Foreign { name: name.to_owned(), known: false },
        })
    }

    /// The functions that come with the language extensions.
    fn extended(&mut self, member: &Member) -> Result<ExprKind> {
        if !self.language_extensions {
            return Err(needs_extensions(member));
        }
        let length = member.key == "Fn::Length";
        if member.value.scalar().is_some() {
            let function = if length { Function::Length } else { Function::ToJsonString };
            return Err(Problem::Arguments(function).at(member.value.at));
        }
        let inner = self.boxed(&member.value)?;
        Ok(if length { ExprKind::Length(inner) } else { ExprKind::ToJsonString(inner) })
    }

    /// An argument that is a scalar, or a function that may give one.
    fn textual(&mut self, node: &Node, function: Function) -> Result<Box<Expr>> {
        let expr = self.boxed(node)?;
        match expr.kind {
            ExprKind::List(_) | ExprKind::Map(_) => Err(Problem::Arguments(function).at(node.at)),
            _ => Ok(expr),
        }
    }

    fn get_att(&mut self, argument: &Node) -> Result<ExprKind> {
        let wrong = || Problem::Arguments(Function::GetAtt).at(argument.at);
        let (resource, attribute) = match (argument.as_str(), argument.as_list()) {
            (Some(dotted), _) => {
                let (resource, attribute) = dotted.split_once('.').ok_or_else(wrong)?;
                let kind = ExprKind::Text(attribute.to_owned());
                (resource.to_owned(), Expr { at: argument.at, kind })
            }
            (None, Some([resource, attribute])) => {
                let resource = resource.as_str().ok_or_else(wrong)?;
                (resource.to_owned(), self.value(attribute)?)
            }
            // A short form written as a list of more than two: the attribute has dots.
            (None, Some([resource, rest @ ..])) if rest.len() > 1 => {
                let parts: Option<Vec<&str>> = rest.iter().map(Node::as_str).collect();
                let kind = ExprKind::Text(parts.ok_or_else(wrong)?.join("."));
                let resource = resource.as_str().ok_or_else(wrong)?;
                (resource.to_owned(), Expr { at: argument.at, kind })
            }
            _ => return Err(wrong()),
        };
        let empty = matches!(&attribute.kind, ExprKind::Text(text) if text.is_empty());
        if resource.is_empty() || empty {
            return Err(wrong());
        }
        Ok(ExprKind::GetAtt { resource, attribute: Box::new(attribute) })
    }

    fn sub(&mut self, argument: &Node) -> Result<ExprKind> {
        let wrong = || Problem::Arguments(Function::Sub).at(argument.at);
        let (text, variables) = match (argument.scalar(), argument.as_list()) {
            (Some(text), _) => (text, Vec::new()),
            (None, Some([text, variables])) => {
                let members = variables.as_map().ok_or_else(wrong)?;
                (text.scalar().ok_or_else(wrong)?, self.fields(members)?)
            }
            _ => return Err(wrong()),
        };
        let pieces = sub_pieces(text).map_err(|name| Problem::SubName { name }.at(argument.at))?;
        Ok(ExprKind::Sub { pieces, variables })
    }

    fn find_in_map(&mut self, argument: &Node) -> Result<ExprKind> {
        let wrong = || Problem::Arguments(Function::FindInMap).at(argument.at);
        let (keys, default) = match argument.as_list() {
            Some([map, top, second]) => ([map, top, second], None),
            Some([map, top, second, options]) => {
                let default = options.get("DefaultValue").ok_or_else(wrong)?;
                if !self.language_extensions {
                    let name = "DefaultValue of Fn::FindInMap".to_owned();
                    return Err(Problem::NeedsLanguageExtensions { name }.at(options.at));
                }
                ([map, top, second], Some(self.boxed(default)?))
            }
            _ => return Err(wrong()),
        };
        let [map, top, second] = keys;
        let keys = [self.value(map)?, self.value(top)?, self.value(second)?];
        Ok(ExprKind::FindInMap { keys: Box::new(keys), default })
    }

    /// Reads an expression that is true or false.
    pub fn condition(&mut self, node: &Node) -> Result<Expr> {
        let Some([only]) = node.as_map() else {
            return Err(Problem::Arguments(Function::Condition).at(node.at));
        };
        let kind = match only.key.as_str() {
            "Condition" => ExprKind::Condition(name_of(only, Function::Condition)?),
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" => self.boolean(only)?,
            "Fn::Contains" => self.members(only, MemberTest::Contains)?,
            "Fn::EachMemberIn" => self.members(only, MemberTest::EachIn)?,
            "Fn::EachMemberEquals" => self.members(only, MemberTest::EachEquals)?,
            name => ExprKind::Foreign { name: name.to_owned(), known: false },
        };
        Ok(Expr { at: node.at, kind })
    }

    fn boolean(&mut self, member: &Member) -> Result<ExprKind> {
        let items = member.value.as_list().unwrap_or_default();
        let at = member.value.at;
        let mut each: Make<'_> = &mut |reader, node| reader.condition(node);
        match member.key.as_str() {
            "Fn::Equals" => match items {
                [left, right] => {
                    Ok(ExprKind::Equals(Box::new([self.value(left)?, self.value(right)?])))
                }
                _ => Err(Problem::Arguments(Function::Equals).at(at)),
            },
            "Fn::Not" => match items {
                [only] => Ok(ExprKind::Not(Box::new(self.condition(only)?))),
                _ => Err(Problem::Arguments(Function::Not).at(at)),
            },
            "Fn::And" => self.operands(items, &mut each, Function::And, at).map(ExprKind::And),
            _ => self.operands(items, &mut each, Function::Or, at).map(ExprKind::Or),
        }
    }

    fn operands(
        &mut self,
        items: &[Node],
        each: Make<'_>,
        function: Function,
        at: Position,
    ) -> Result<Vec<Expr>> {
        // LIMIT: AWS's reference of condition functions.
        if !(2..=10).contains(&items.len()) {
            return Err(Problem::Arguments(function).at(at));
        }
        items.iter().map(|item| each(self, item)).collect()
    }

    fn members(&mut self, member: &Member, test: MemberTest) -> Result<ExprKind> {
        match member.value.as_list() {
            Some([list, against]) => {
                let list = self.boxed(list)?;
                Ok(ExprKind::Members { test, list, against: self.boxed(against)? })
            }
            _ => Err(Problem::Arguments(Function::Rule).at(member.value.at)),
        }
    }
}

fn needs_extensions(member: &Member) -> crate::error::Located {
    Problem::NeedsLanguageExtensions { name: member.key.clone() }.at(member.at)
}

fn name_of(member: &Member, function: Function) -> Result<String> {
    let name = member.value.as_str().filter(|name| !name.is_empty());
    let wrong = || Problem::Arguments(function).at(member.value.at);
    name.map(str::to_owned).ok_or_else(wrong)
}

/// The pieces of a text of `Fn::Sub`, or the name that is none.
fn sub_pieces(text: &str) -> std::result::Result<Vec<SubPiece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        literal.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            literal.push_str("${");
            rest = after;
            continue;
        };
        if let Some(escaped) = name.strip_prefix('!') {
            literal.push_str("${");
            literal.push_str(escaped);
            literal.push('}');
        } else {
            let name = name.trim();
            let valid = |found: char| found.is_ascii_alphanumeric() || "_.:".contains(found);
            if name.is_empty() || !name.chars().all(valid) {
                return Err(name.to_owned());
            }
            if !literal.is_empty() {
                pieces.push(SubPiece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(SubPiece::Variable(name.to_owned()));
        }
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(SubPiece::Literal(literal));
    }
    Ok(pieces)
}

impl Expr {
    /// Calls `visit` for this expression and each one in it.
    pub fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        self.children(&mut |child| child.walk(visit));
    }

    /// Calls `visit` for each expression directly in this one.
    pub fn children<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        match &self.kind {
            ExprKind::List(items) | ExprKind::And(items) | ExprKind::Or(items) => {
                items.iter().for_each(visit);
            }
            ExprKind::Map(fields) | ExprKind::Sub { variables: fields, .. } => {
                for field in fields {
                    visit(&field.value);
                }
            }
            ExprKind::GetAtt { attribute: only, .. }
            | ExprKind::Join { list: only, .. }
            | ExprKind::Split { text: only, .. }
            | ExprKind::ImportValue(only)
            | ExprKind::Base64(only)
            | ExprKind::GetAzs(only)
            | ExprKind::Length(only)
            | ExprKind::ToJsonString(only)
            | ExprKind::Not(only) => visit(only),
            ExprKind::Select { index: first, list: second }
            | ExprKind::If { then: first, otherwise: second, .. }
            | ExprKind::Members { list: first, against: second, .. } => {
                visit(first);
                visit(second);
            }
            ExprKind::FindInMap { keys, default } => {
                keys.iter().for_each(&mut *visit);
                if let Some(default) = default {
                    visit(default);
                }
            }
            ExprKind::Cidr(arguments) => arguments.iter().for_each(visit),
            ExprKind::Equals(sides) => sides.iter().for_each(visit),
            ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Ref(_)
            | ExprKind::Foreign { .. }
            | ExprKind::Condition(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_sub_in_pieces() {
        let variable = |name: &str| SubPiece::Variable(name.to_owned());
        let literal = |text: &str| SubPiece::Literal(text.to_owned());
        assert_eq!(
            sub_pieces("a${B}${C.D}${!E}${AWS::Region}$f${").unwrap(),
            [
                literal("a"),
                variable("B"),
                variable("C.D"),
                literal("${E}"),
                variable("AWS::Region"),
                literal("$f${"),
            ]
        );
        assert_eq!(sub_pieces("${a:-b}").unwrap_err(), "a:-b");
        assert_eq!(sub_pieces("").unwrap(), []);
    }
}
