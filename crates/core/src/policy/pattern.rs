//! Text patterns of policies: `*`, `?` and policy variables, compiled once when a policy is parsed.
//!
//! Matching is iterative, in time at most pattern times text, and allocates only for a pattern with
//! variables. The value of a variable is matched literally: a `*` in it is an asterisk, never a
//! wildcard, and a `${` in it is never expanded again. This file knows nothing of statements.

use super::document::PolicySyntax;
use super::evaluate::{Context, Lookup};

/// Parts of an ARN; the last takes every further colon.
const ARN_PARTS: usize = 6;

/// How letters are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Exact,
    /// ASCII letters of either case are equal: actions.
    Ascii,
    /// Letters that have the same lower case are equal: the `IgnoreCase` operators.
    Unicode,
}

impl Case {
    fn equal(self, a: char, b: char) -> bool {
        match self {
            Self::Exact => a == b,
            Self::Ascii => a.eq_ignore_ascii_case(&b),
            Self::Unicode => a == b || a.to_lowercase().eq(b.to_lowercase()),
        }
    }
}

/// What a pattern says of a text. Of several patterns the greatest answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hit {
    No,
    /// A variable has no value in this request and no default: the pattern matches nothing, and
    /// its negation must not match everything either.
    Undefined,
    /// It cannot be known.
    Unknown,
    Yes,
}

impl From<bool> for Hit {
    fn from(matched: bool) -> Self {
        if matched { Self::Yes } else { Self::No }
    }
}

/// One compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    shape: Shape,
    case: Case,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Any,
    Literal(Box<str>),
    Glob(Box<[Piece]>),
    Template(Box<[Part]>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Char(char),
    /// `?`: one character.
    One,
    /// `*`: any number of characters, also `/` and `:`.
    Many,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Fixed(Box<[Piece]>),
    Variable { key: Box<str>, default: Option<Box<str>> },
}

/// Which parts of the pattern language a text is written in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Syntax {
    pub wildcards: bool,
    pub variables: bool,
    pub case: Case,
}

impl Pattern {
    pub fn compile(text: &str, syntax: Syntax) -> Result<Self, PolicySyntax> {
        let mut parts = Vec::new();
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables && rest.starts_with("${") {
                let (token, after) = variable(rest)?;
                rest = after;
                match token {
                    Token::Escaped(c) => pieces.push(Piece::Char(c)),
                    Token::Variable(part) => {
                        parts.push(Part::Fixed(std::mem::take(&mut pieces).into()));
                        parts.push(part);
                    }
                }
                continue;
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            match first {
                '*' if syntax.wildcards && pieces.last() == Some(&Piece::Many) => {}
                '*' if syntax.wildcards => pieces.push(Piece::Many),
                '?' if syntax.wildcards => pieces.push(Piece::One),
                c => pieces.push(Piece::Char(c)),
            }
        }
        if !parts.is_empty() {
            parts.push(Part::Fixed(pieces.into()));
            return Ok(Self { shape: Shape::Template(parts.into()), case: syntax.case });
        }
        Ok(Self { shape: fixed_shape(pieces, syntax.case), case: syntax.case })
    }

    /// Whether the pattern matches the whole of `text`.
    pub fn matches(&self, text: &str, context: &dyn Context) -> Hit {
        match &self.shape {
            Shape::Any => Hit::Yes,
            Shape::Literal(literal) if self.case == Case::Exact => (**literal == *text).into(),
            Shape::Literal(literal) => literal.eq_ignore_ascii_case(text).into(),
            Shape::Glob(pieces) => glob(pieces, text.chars(), self.case).into(),
            Shape::Template(parts) => match resolve(parts, context) {
                Ok(pieces) => glob(&pieces, text.chars(), self.case).into(),
                Err(hit) => hit,
            },
        }
    }

    /// Whether the pattern matches `text` part by part, as ARNs are compared: a wildcard does not
    /// reach over a colon, except in the last part. A text that is no ARN cannot be known.
    pub fn matches_arn(&self, text: &str, context: &dyn Context) -> Hit {
        if text.splitn(ARN_PARTS, ':').count() < ARN_PARTS {
            return Hit::Unknown;
        }
        match &self.shape {
            Shape::Any => Hit::Yes,
            Shape::Literal(literal) => (**literal == *text).into(),
            Shape::Glob(pieces) => glob_arn(pieces, text, self.case),
            Shape::Template(parts) => match resolve(parts, context) {
                Ok(pieces) => glob_arn(&pieces, text, self.case),
                Err(hit) => hit,
            },
        }
    }

    /// Whether the pattern can match an ARN part by part: `*` alone, or all six parts. One with
    /// variables has as many parts as their values give it.
    pub fn is_arn_shaped(&self) -> bool {
        match &self.shape {
            Shape::Any | Shape::Template(_) => true,
            Shape::Literal(literal) => literal.splitn(ARN_PARTS, ':').count() == ARN_PARTS,
            Shape::Glob(pieces) => arn_parts(pieces).count() == ARN_PARTS,
        }
    }
}

/// The cheapest shape of a pattern without variables.
fn fixed_shape(pieces: Vec<Piece>, case: Case) -> Shape {
    if pieces == [Piece::Many] {
        return Shape::Any;
    }
    let literal: Option<String> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::One | Piece::Many => None,
        })
        .collect();
    match literal {
        Some(text) if case != Case::Unicode => Shape::Literal(text.into()),
        _ => Shape::Glob(pieces.into()),
    }
}

enum Token {
    Escaped(char),
    Variable(Part),
}

/// Reads `${key}`, `${key, 'default'}`, `${*}`, `${?}` or `${$}`, and gives what follows it.
fn variable(text: &str) -> Result<(Token, &str), PolicySyntax> {
    let malformed = PolicySyntax::Variable;
    let inner = text.strip_prefix("${").ok_or(malformed)?;
    for escaped in ['*', '?', '$'] {
        if let Some(rest) = inner.strip_prefix(escaped).and_then(|rest| rest.strip_prefix('}')) {
            return Ok((Token::Escaped(escaped), rest));
        }
    }
    let end = inner.find(['}', ',']).ok_or(malformed)?;
    let (key, rest) = inner.split_at(end);
    let key = key.trim();
    if key.is_empty() || key.contains(['$', '{', '*', '?', '\'']) {
        return Err(malformed);
    }
    let key = super::condition::fold_key(key);
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((Token::Variable(Part::Variable { key, default: None }), rest));
    }
    let quoted = rest.strip_prefix(',').ok_or(malformed)?.trim_start();
    let (default, rest) =
        quoted.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).ok_or(malformed)?;
    let rest = rest.trim_start().strip_prefix('}').ok_or(malformed)?;
    Ok((Token::Variable(Part::Variable { key, default: Some(default.into()) }), rest))
}

/// Puts the values of this request in place of the variables, each character as itself.
fn resolve(parts: &[Part], context: &dyn Context) -> Result<Vec<Piece>, Hit> {
    let mut pieces = Vec::new();
    for part in parts {
        match part {
            Part::Fixed(fixed) => pieces.extend_from_slice(fixed),
            Part::Variable { key, default } => match (context.lookup(key), default) {
                (Lookup::One(value), _) => pieces.extend(value.chars().map(Piece::Char)),
                (Lookup::Absent, Some(value)) => pieces.extend(value.chars().map(Piece::Char)),
                (Lookup::Absent, None) => return Err(Hit::Undefined),
                // AWS: only a key with a single value can be a variable.
                (Lookup::Many(_) | Lookup::Unknown, _) => return Err(Hit::Unknown),
            },
        }
    }
    Ok(pieces)
}

fn arn_parts(pieces: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    pieces.splitn(ARN_PARTS, |piece| *piece == Piece::Char(':'))
}

/// Compares part by part. Variables can leave a pattern with fewer than six parts: undefined.
fn glob_arn(pieces: &[Piece], text: &str, case: Case) -> Hit {
    if pieces == [Piece::Many] {
        return Hit::Yes;
    }
    if arn_parts(pieces).count() < ARN_PARTS {
        return Hit::Undefined;
    }
    let fields = text.splitn(ARN_PARTS, ':');
    arn_parts(pieces).zip(fields).all(|(part, field)| glob(part, field.chars(), case)).into()
}

/// Matches with one point of return: the last `*` seen, which takes one more character at a time.
/// Earlier ones need no second try, because what follows them was matched as early as possible.
fn glob(pattern: &[Piece], text: std::str::Chars<'_>, case: Case) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    let mut last_star = None;
    loop {
        let mut after = text.clone();
        match (pattern.split_first(), after.next()) {
            (Some((Piece::Many, [])), _) | (None, None) => return true,
            (Some((Piece::Many, tail)), _) => {
                last_star = Some((tail, text.clone()));
                pattern = tail;
                continue;
            }
            (Some(_), None) => return false,
            (Some((Piece::One, tail)), Some(_)) => {
                (pattern, text) = (tail, after);
                continue;
            }
            (Some((Piece::Char(c), tail)), Some(d)) if case.equal(*c, d) => {
                (pattern, text) = (tail, after);
                continue;
            }
            _ => {}
        }
        let Some((tail, from)) = last_star.as_mut() else { return false };
        from.next();
        (pattern, text) = (*tail, from.clone());
    }
}
