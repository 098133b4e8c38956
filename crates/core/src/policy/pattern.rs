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

impl Piece {
    const fn of(c: char) -> Self {
        match c {
            '*' => Self::Many,
            '?' => Self::One,
            c => Self::Char(c),
        }
    }
}

/// A pattern with wildcards and no variables, as policies that are not IAM's have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wildcards(Box<[Piece]>);

impl Wildcards {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.chars().map(Piece::of).collect())
    }

    /// Whether the pattern matches the whole of `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        glob(&self.0, text.chars(), Case::Exact)
    }
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
                c if syntax.wildcards => pieces.push(Piece::of(c)),
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

/// What a pattern leaves open, for analysis without a request.
impl Pattern {
    /// Whether every text matches.
    pub fn is_any(&self) -> bool {
        self.shape == Shape::Any
    }

    /// Whether exactly one text matches, up to its case.
    pub fn is_fixed(&self) -> bool {
        match &self.shape {
            Shape::Any | Shape::Template(_) => false,
            Shape::Literal(text) => !text.is_empty(),
            Shape::Glob(pieces) => !pieces.is_empty() && pieces.iter().all(|piece| piece.is_char()),
        }
    }

    /// The pieces before the first wildcard or variable.
    fn fixed_prefix(&self) -> String {
        let chars = |pieces: &[Piece]| {
            let chars = pieces.iter().map_while(|piece| match piece {
                Piece::Char(c) => Some(*c),
                Piece::One | Piece::Many => None,
            });
            chars.collect()
        };
        match &self.shape {
            Shape::Any => String::new(),
            Shape::Literal(text) => text.to_string(),
            Shape::Glob(pieces) => chars(pieces),
            Shape::Template(parts) => match parts.first() {
                Some(Part::Fixed(pieces)) => chars(pieces),
                Some(Part::Variable { .. }) | None => String::new(),
            },
        }
    }

    /// Whether every text that matches begins with the same part up to `separator`, not empty.
    pub fn fixes_up_to(&self, separator: char) -> bool {
        self.fixed_prefix().split_once(separator).is_some_and(|(first, _)| !first.is_empty())
    }

    /// Whether every ARN that matches as text, wildcards over colons, is of the same account.
    pub fn fixes_account(&self) -> bool {
        let prefix = self.fixed_prefix();
        let mut fields = prefix.splitn(ARN_PARTS, ':').skip(ARN_PARTS - 2);
        matches!((fields.next(), fields.next()), (Some(account), Some(_)) if !account.is_empty())
    }

    /// Whether every ARN that matches part by part is of the same account.
    pub fn fixes_arn_account(&self) -> bool {
        match &self.shape {
            Shape::Any | Shape::Template(_) => false,
            Shape::Literal(_) => self.fixes_account(),
            Shape::Glob(pieces) => arn_parts(pieces).nth(ARN_PARTS - 2).is_some_and(|account| {
                !account.is_empty() && account.iter().all(|piece| piece.is_char())
            }),
        }
    }

    /// Whether every text that matches `other` surely matches this pattern.
    pub fn covers(&self, other: &Self) -> bool {
        if self.shape == Shape::Any || self == other {
            return true;
        }
        let Shape::Glob(pieces) = &self.shape else { return false };
        let Some((Piece::Many, fixed)) = pieces.split_last() else { return false };
        let prefix = other.fixed_prefix();
        let mut begins = prefix.chars();
        self.case == other.case
            && fixed.iter().all(|piece| match (piece, begins.next()) {
                (Piece::Char(c), Some(d)) => self.case.equal(*c, d),
                _ => false,
            })
    }
}

impl Piece {
    const fn is_char(self) -> bool {
        matches!(self, Self::Char(_))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::tests::Keys;

    const LIKE: Syntax = Syntax { wildcards: true, variables: true, case: Case::Exact };

    fn hit(pattern: &str, text: &str) -> Hit {
        let keys = Keys::new(&[
            ("aws:username", &["ann"]),
            ("aws:principaltag/Team", &["*"]),
            ("aws:userid", &["${aws:username}"]),
            ("aws:tagkeys", &["a", "b"]),
            ("aws:sourceidentity", &[]),
        ]);
        Pattern::compile(pattern, LIKE).unwrap().matches(text, &keys)
    }

    #[test]
    fn wildcards() {
        for (pattern, text) in [
            ("*", ""),
            ("**", "a"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("a*b*c", "aXbXbXc"),
            ("?", "é"),
            ("a?c", "a:c"),
            (
                "arn:aws:secretsmanager:*",
                "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a/b",
            ),
            ("arn:*:secret:prod*", "arn:aws:secretsmanager:eu-west-1:1:secret:prod/db/x-AbCdEf"),
        ] {
            assert_eq!(hit(pattern, text), Hit::Yes, "{pattern} {text}");
        }
        for (pattern, text) in [
            ("", "a"),
            ("?", ""),
            ("?", "ab"),
            ("a*c", "acb"),
            ("a", "A"),
            ("a*A", "aa"),
            ("a", "ab"),
        ] {
            assert_eq!(hit(pattern, text), Hit::No, "{pattern} {text}");
        }
    }

    #[test]
    fn values_of_variables_are_literal() {
        for (pattern, text, expected) in [
            ("u/${aws:username}/*", "u/ann/x", Hit::Yes),
            ("u/${AWS:UserName}", "u/ann", Hit::Yes),
            ("u/${aws:username}", "u/bob", Hit::No),
            ("t/${aws:PrincipalTag/Team}", "t/*", Hit::Yes),
            ("t/${aws:PrincipalTag/Team}", "t/red", Hit::No),
            ("i/${aws:userid}", "i/${aws:username}", Hit::Yes),
            ("i/${aws:userid}", "i/ann", Hit::No),
            ("${aws:SourceIdentity, 'no*one'}", "no*one", Hit::Yes),
            ("${aws:SourceIdentity, 'no*one'}", "no-one", Hit::No),
            ("${aws:username,''}", "ann", Hit::Yes),
            ("x${aws:SourceIdentity}*", "x", Hit::Undefined),
            ("${aws:TagKeys}", "a", Hit::Unknown),
            ("${aws:TagKeys, 'a'}", "a", Hit::Unknown),
            ("${aws:NoSuchKey, 'a'}", "a", Hit::Unknown),
            ("${*}${?}${$}", "*?$", Hit::Yes),
            ("${*}", "x", Hit::No),
        ] {
            assert_eq!(hit(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn malformed_variables() {
        for bad in ["${", "${}", "${ }", "${a", "${a,b}", "${a,'b}", "${a,'b'", "${a${b}}", "${**}"]
        {
            assert_eq!(Pattern::compile(bad, LIKE), Err(PolicySyntax::Variable), "{bad}");
        }
    }

    #[test]
    fn variables_are_text_in_the_older_language() {
        let older = Syntax { variables: false, ..LIKE };
        let pattern = Pattern::compile("u/${aws:username}", older).unwrap();
        assert_eq!(pattern.matches("u/${aws:username}", &Keys::new(&[])), Hit::Yes);
        assert_eq!(pattern.matches("u/ann", &Keys::new(&[("aws:username", &["ann"])])), Hit::No);
    }

    #[test]
    fn arns_are_compared_part_by_part() {
        let keys = Keys::new(&[
            ("aws:principalarn", &["arn:aws:iam::1:role/a"]),
            ("aws:username", &["x"]),
        ]);
        let arn = "arn:aws:iam::1:role/a";
        for (pattern, text, expected) in [
            ("*", arn, Hit::Yes),
            (arn, arn, Hit::Yes),
            ("arn:aws:iam::*:role/?", arn, Hit::Yes),
            ("arn:aws:*:*:*:*", "arn:aws:s:r:1:a:b/c", Hit::Yes),
            ("arn:*:iam::1:role/*", "arn:aws:x:iam::1:role/a", Hit::No),
            ("arn:aws:iam:*:role/a:*", arn, Hit::No),
            ("${aws:PrincipalArn}", arn, Hit::Yes),
            ("${aws:username}", arn, Hit::Undefined),
            ("*", "not-an-arn", Hit::Unknown),
        ] {
            let pattern = Pattern::compile(pattern, LIKE).unwrap();
            assert_eq!(pattern.matches_arn(text, &keys), expected, "{pattern:?} {text}");
        }
    }

    #[test]
    fn many_stars_are_not_exponential() {
        let pattern = "*a".repeat(1000) + "b";
        assert_eq!(hit(&pattern, &"a".repeat(2000)), Hit::No);
    }

    /// The definition of a match, without care for time.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', tail)), _) => (0..=text.len()).any(|n| reference(tail, &text[n..])),
            (Some(('?', tail)), Some((_, rest))) => reference(tail, rest),
            (Some((c, tail)), Some((d, rest))) => c == d && reference(tail, rest),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn matches_as_the_reference_does(pattern in "[ab*?é]{0,8}", text in "[ab?é]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            let expected = Hit::from(reference(&chars(&pattern), &chars(&text)));
            prop_assert_eq!(hit(&pattern, &text), expected);
        }

        #[test]
        fn a_value_matches_only_itself(value in "[a*?:$/{}]{0,6}", text in "[a*?:$/{}]{0,6}") {
            let keys = Keys::new(&[("aws:username", &[&value])]);
            let pattern = Pattern::compile("${aws:username}", LIKE).unwrap();
            prop_assert_eq!(pattern.matches(&text, &keys), Hit::from(value == text));
        }
    }
}
