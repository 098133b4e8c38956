//! JSON with the place of each value.
//!
//! Strict as RFC 8259 is, with two bounds more: depth, and the number of values. A key that comes
//! twice is refused, because readers would not agree on which one counts. Promise R8.

use std::collections::BTreeSet;

use crate::error::{Located, Problem, Result};
use crate::node::{Bounds, Kind, Member, Node, Position};

/// Reads one JSON value; the caller has bounded the text's length.
pub fn read(text: &str, bounds: Bounds) -> Result<Node> {
    let mut reader = Reader { text, rest: text, line: 1, column: 1, depth: 0, nodes: 0, bounds };
    let node = reader.value()?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(node) } else { Err(reader.malformed()) }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    line: u32,
    column: u32,
    depth: usize,
    nodes: usize,
    bounds: Bounds,
}

impl Reader<'_> {
    fn at(&self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn malformed(&self) -> Located {
        Problem::JsonNotWellFormed.at(self.at())
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let found = chars.next()?;
        self.rest = chars.as_str();
        if found == '\n' {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else {
            self.column = self.column.saturating_add(1);
        }
        Some(found)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
            self.next();
        }
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        self.skip_space();
        if self.peek() == Some(wanted) {
            self.next();
            return Ok(());
        }
        Err(self.malformed())
    }

    fn value(&mut self) -> Result<Node> {
        self.skip_space();
        let at = self.at();
        self.nodes += 1;
        if self.nodes > self.bounds.nodes {
            return Err(Problem::TooManyNodes { limit: self.bounds.nodes }.at(at));
        }
        let kind = match self.peek() {
            Some('{') => self.nested(Self::map)?,
            Some('[') => self.nested(Self::list)?,
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => Kind::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node { at, kind })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Kind>) -> Result<Kind> {
        self.depth += 1;
        if self.depth > self.bounds.depth {
            return Err(Problem::TooDeep { limit: self.bounds.depth }.at(self.at()));
        }
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn map(&mut self) -> Result<Kind> {
        self.expect('{')?;
        let mut members = Vec::new();
        let mut keys = BTreeSet::new();
        self.skip_space();
        if self.peek() == Some('}') {
            self.next();
            return Ok(Kind::Map(members));
        }
        loop {
            self.skip_space();
            let at = self.at();
            if self.peek() != Some('"') {
                return Err(self.malformed());
            }
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                return Err(Problem::DuplicateKey { key }.at(at));
            }
            self.expect(':')?;
            let value = self.value()?;
            members.push(Member { key, at, value });
            if !self.goes_on('}')? {
                return Ok(Kind::Map(members));
            }
        }
    }

    fn list(&mut self) -> Result<Kind> {
        self.expect('[')?;
        let mut items = Vec::new();
        self.skip_space();
        if self.peek() == Some(']') {
            self.next();
            return Ok(Kind::List(items));
        }
        loop {
            items.push(self.value()?);
            if !self.goes_on(']')? {
                return Ok(Kind::List(items));
            }
        }
    }

    /// Whether a comma follows, and not the end.
    fn goes_on(&mut self, end: char) -> Result<bool> {
        self.skip_space();
        match self.peek() {
            Some(',') => {
                self.next();
                Ok(true)
            }
            Some(found) if found == end => {
                self.next();
                Ok(false)
            }
            _ => Err(self.malformed()),
        }
    }

    fn word(&mut self) -> Result<Kind> {
        for (word, kind) in
            [("true", Kind::Bool(true)), ("false", Kind::Bool(false)), ("null", Kind::Null)]
        {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                self.column = self.column.saturating_add(u32::try_from(word.len()).unwrap_or(0));
                return Ok(kind);
            }
        }
        Err(self.malformed())
    }

    fn number(&mut self) -> Result<String> {
        let begin = self.text.len() - self.rest.len();
        if self.peek() == Some('-') {
            self.next();
        }
        let zero = self.peek() == Some('0');
        if self.digits() == 0 || (zero && self.text.get(begin..).is_some_and(leading_zero)) {
            return Err(self.malformed());
        }
        if self.peek() == Some('.') {
            self.next();
            if self.digits() == 0 {
                return Err(self.malformed());
            }
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            if matches!(self.peek(), Some('+' | '-')) {
                self.next();
            }
            if self.digits() == 0 {
                return Err(self.malformed());
            }
        }
        let end = self.text.len() - self.rest.len();
        Ok(self.text.get(begin..end).unwrap_or_default().to_owned())
    }

    fn digits(&mut self) -> usize {
        let mut count = 0;
        while matches!(self.peek(), Some('0'..='9')) {
            self.next();
            count += 1;
        }
        count
    }

    fn string(&mut self) -> Result<String> {
        self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => {
                    self.next();
                    text.push(self.escape()?);
                }
                Some(found) if found >= ' ' => {
                    self.next();
                    text.push(found);
                }
                _ => return Err(self.malformed()),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let found = self.next();
        let plain = match found {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(),
            _ => return Err(self.malformed()),
        };
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char> {
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            let paired = self.next() == Some('\\') && self.next() == Some('u');
            let second = if paired { self.hex()? } else { 0 };
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.malformed());
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.malformed())
    }

    fn hex(&mut self) -> Result<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|found| found.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.malformed())?;
        }
        Ok(code)
    }
}

/// Whether a number begins with a zero that another digit follows.
fn leading_zero(text: &str) -> bool {
    let mut digits = text.trim_start_matches('-').bytes();
    digits.next() == Some(b'0') && digits.next().is_some_and(|next| next.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node> {
        read(text, Bounds::TEMPLATE)
    }

    #[test]
    fn places_count_from_one() {
        let node = parse("{\n  \"é\": [1,\n \"x\"]}").unwrap();
        let member = &node.as_map().unwrap()[0];
        assert_eq!(member.at, Position { line: 2, column: 3 });
        let items = member.value.as_list().unwrap();
        assert_eq!(items[0].at, Position { line: 2, column: 9 });
        assert_eq!(items[1].at, Position { line: 3, column: 2 });
    }

    #[test]
    fn escapes_and_surrogates() {
        let node = parse(r#"["\"\\\/\b\f\n\r\t", "\ud83e\udd80", "\u00e9"]"#).unwrap();
        let texts: Vec<_> = node.as_list().unwrap().iter().filter_map(Node::as_str).collect();
        assert_eq!(texts, ["\"\\/\u{8}\u{c}\n\r\t", "🦀", "é"]);
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "-",
            "1.",
            "1e",
            "tru",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "{\"a\" 1}",
            "[1] 2",
            "nul",
            "{a:1}",
            "'a'",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let refused = parse("{\n \"a\": }").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Template format error: JSON not well-formed. (line 2, column 7)"
        );
        assert!(matches!(
            parse("{\"a\":1,\"a\":2}").unwrap_err().problem,
            Problem::DuplicateKey { .. }
        ));
    }

    #[test]
    fn bounds_hold() {
        let deep = "[".repeat(65) + &"]".repeat(65);
        assert!(matches!(parse(&deep).unwrap_err().problem, Problem::TooDeep { .. }));
        let few = Bounds { nodes: 3, ..Bounds::TEMPLATE };
        assert!(read("[1,2]", few).is_ok());
        assert!(matches!(read("[1,2,3]", few).unwrap_err().problem, Problem::TooManyNodes { .. }));
    }

    #[test]
    fn numbers_stay_as_written() {
        let node = parse("[-0, 1.50, 1e309, 0]").unwrap();
        let texts: Vec<_> = node.as_list().unwrap().iter().filter_map(Node::scalar).collect();
        assert_eq!(texts, ["-0", "1.50", "1e309", "0"]);
    }
}
