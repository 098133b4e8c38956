//! Workflow commands, with which GitHub Actions annotates the lines of a pull request.

use std::fmt::Write as _;

use super::summary;
use crate::finding::Severity;
use crate::scan::{Checked, Subject};

/// Writes to a `String` do not fail.
pub fn github(checked: &Checked) -> String {
    let mut out = String::new();
    for finding in &checked.findings {
        let rule = finding.rule;
        let command = match rule.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let _ = write!(out, "::{command} ");
        // What lives in an account is in no file of the repository.
        let place = match (checked.subject, &finding.resource) {
            (Subject::Files, _) => {
                let _ = write!(out, "file={},", property(&finding.path));
                String::new()
            }
            (Subject::Secrets, None) => format!("{}: ", finding.path),
            (Subject::Secrets, Some(name)) => format!("{} in {}: ", name, finding.path),
        };
        if let Some(at) = finding.at {
            let _ = write!(out, "line={},col={},", at.line, at.column);
        }
        let title = property(&format!("{} {}", rule.id, rule.title));
        let fix = if rule.severity == Severity::Info { "" } else { rule.fix };
        let message = data(format!("{place}{}\n{fix}", finding.message).trim_end());
        let _ = writeln!(out, "title={title}::{message}");
    }
    let _ = writeln!(out, "{}", summary(checked));
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_command_is_escaped() {
        assert_eq!(data("100%\nb: c"), "100%25%0Ab: c");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
