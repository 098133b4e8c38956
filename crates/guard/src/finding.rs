//! Findings: which rule, where, and what is said of it.
//!
//! A finding keeps the line that it stands on only if nothing secret can be on that line.

use std::fmt;

use regent_cfn::Position;
use serde::Deserialize;

use crate::rules::Rule;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that cannot be known from the files.
    Info,
    /// It works today, or may; it will not help on the day it is needed.
    Warning,
    /// A replica that will not be readable, or a deployment that fails.
    Error,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone)]
pub struct Finding {
    pub rule: &'static Rule,
    /// As it was given or found, with `/` between the parts.
    pub path: String,
    pub at: Option<Position>,
    /// The resource that it is about, by the name that the file gives it.
    pub resource: Option<String>,
    pub message: String,
    pub snippet: Option<Snippet>,
    /// What a live account would have to be asked.
    pub question: Option<Question>,
}

/// Whether KMS has a key of this name in a Region, and a usable one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub region: String,
    pub key: String,
    /// Without a live account there is nothing to tell: AWS itself refuses a bad answer in time.
    pub quiet: bool,
}

impl Finding {
    /// Whether there is nothing to tell until somebody has asked.
    pub fn is_quiet(&self) -> bool {
        self.question.as_ref().is_some_and(|question| question.quiet)
    }
}

/// A line of the file, or the part of it that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    /// Where in `text` the finding begins, and how many characters it takes.
    pub offset: usize,
    pub len: usize,
}

/// LIMIT: characters of a line that is shown whole; of a longer one only the value is shown.
const LINE_LEN_MAX: usize = 160;

/// What a secret is called next to which it stands.
const SECRETS: [&str; 3] = ["SecretString", "secret_string", "secretString"];

impl Snippet {
    pub fn of(text: &str, at: Position) -> Option<Self> {
        let line = text.lines().nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
        let offset = usize::try_from(at.column).ok()?.checked_sub(1)?;
        let rest: String = line.chars().skip(offset).collect();
        let token = token(&rest);
        let len = token.chars().count().max(1);
        // A template on one line, or a map on one line, may have the secret next to the finding.
        if line.chars().count() > LINE_LEN_MAX || SECRETS.iter().any(|name| line.contains(name)) {
            // A whole object is nothing to show.
            if matches!(token, "{" | "[") {
                return None;
            }
            let text: String = token.chars().take(LINE_LEN_MAX).collect();
            let len = text.chars().count();
            return (len > 0).then_some(Self { text, offset: 0, len });
        }
        Some(Self { text: line.trim_end().replace('\t', " "), offset, len })
    }
}

/// The value that begins here, up to the end of its text or to what ends a value.
fn token(rest: &str) -> &str {
    let end = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let ends = |(_, found): &(usize, char)| {
                let ends = *found == quote && !escaped;
                escaped = *found == '\\' && !escaped;
                ends
            };
            rest.char_indices().skip(1).find(ends).map(|(at, _)| at + 1)
        }
        Some('{' | '[') => Some(1),
        _ => rest.find([',', '}', ']']),
    };
    let token = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    // A comment is no part of a value.
    token.split(" #").next().unwrap_or(token).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snippet(line: &str, column: u32) -> Option<Snippet> {
        Snippet::of(line, Position { line: 1, column })
    }

    #[test]
    fn a_line_is_shown_with_its_value_marked() {
        let found = snippet("  KmsKeyId: mrk-1 # why", 13).unwrap();
        assert_eq!(
            (found.text.as_str(), found.offset, found.len),
            ("  KmsKeyId: mrk-1 # why", 12, 5)
        );
    }

    #[test]
    fn a_line_with_a_secret_shows_the_value_only() {
        let line = r#"{"SecretString": "hunter2", "KmsKeyId": "mrk-1", "Name": "n"}"#;
        let found = snippet(line, 41).unwrap();
        assert_eq!(found, Snippet { text: "\"mrk-1\"".to_owned(), offset: 0, len: 7 });
        let quoted = r#"{"SecretString": "x", "P": "{\"a\": 1}", "Name": "n"}"#;
        assert_eq!(snippet(quoted, 28).unwrap().text, r#""{\"a\": 1}""#);
        assert_eq!(snippet("secret_string = 1, r = {}", 24), None);
        let long = format!("{}{}, hunter2", " ".repeat(200), "mrk-1");
        assert_eq!(snippet(&long, 201).unwrap().text, "mrk-1");
    }
}
