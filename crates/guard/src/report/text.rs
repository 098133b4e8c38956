//! The report for people: each finding with its place, its line, and what to do.

use std::fmt::Write as _;

use super::summary;
use crate::finding::{Finding, Severity};
use crate::scan::Checked;

/// Writes to a `String` do not fail.
pub fn text(checked: &Checked) -> String {
    let mut out = String::new();
    for finding in &checked.findings {
        one(&mut out, finding);
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(checked));
    out
}

fn one(out: &mut String, finding: &Finding) {
    let rule = finding.rule;
    let _ = writeln!(out, "{} {}: {}", rule.severity, rule.id, finding.message);
    let resource = finding.resource.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let place = finding.at.map(|at| format!(":{at}")).unwrap_or_default();
    let _ = writeln!(out, "  --> {}{place}{resource}", finding.path);
    if let (Some(snippet), Some(at)) = (&finding.snippet, finding.at) {
        let number = at.line.to_string();
        let margin = " ".repeat(number.len());
        let _ = writeln!(out, " {margin} |");
        let _ = writeln!(out, " {number} | {}", snippet.text);
        let (indent, marks) = (" ".repeat(snippet.offset), "^".repeat(snippet.len));
        let _ = writeln!(out, " {margin} | {indent}{marks}");
    }
    // What is not known needs no repair.
    if rule.severity > Severity::Info {
        let _ = writeln!(out, "  fix: {}", rule.fix);
    }
}
