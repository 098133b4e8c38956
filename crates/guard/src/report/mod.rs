//! Reports: the same findings for people, for programs, and for code scanning.

mod github;
mod json;
mod junit;
mod markdown;
mod sarif;
mod text;

use std::fmt::Write as _;

use crate::rules::{LIVE, RULES, Rule};
use crate::scan::{Checked, Subject};

pub use github::github;
pub use json::{explain_json, json, members, rules_json};
pub use junit::junit;
pub use markdown::{cell, markdown};
pub use sarif::sarif;
pub use text::text;

/// Every rule of a command, in one line each.
pub fn rules(subject: Subject) -> String {
    let line = |rule: &Rule| format!("{}  {:7}  {}\n", rule.id, rule.severity.name(), rule.title);
    of(subject).iter().map(line).collect()
}

const fn of(subject: Subject) -> &'static [Rule] {
    match subject {
        Subject::Files => &RULES,
        Subject::Secrets => &LIVE,
    }
}

/// All that there is to say of one rule.
pub fn explain(rule: &Rule) -> String {
    let mut out = format!(
        "{} ({}): {}\n\n{}\n\nFix: {}\n",
        rule.id, rule.severity, rule.title, rule.explanation, rule.fix
    );
    if let Some((bad, good)) = rule.example.texts() {
        // A string takes everything.
        for (title, template) in [("Bad", bad), ("Good", good)] {
            let _ = write!(out, "\n{title}:\n\n");
            for line in template.lines() {
                let indent = if line.is_empty() { "" } else { "    " };
                let _ = writeln!(out, "{indent}{line}");
            }
        }
    }
    out
}

/// What was looked at and found, in one line.
fn summary(checked: &Checked) -> String {
    use crate::finding::Severity::{Error, Info, Warning};
    let plural = |count: usize, word: &str| {
        if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
    };
    let known = match checked.known {
        0 => String::new(),
        known => format!("; {known} more in the baseline"),
    };
    let place = match checked.subject {
        Subject::Files => {
            let files = plural(checked.files, "file");
            format!("{files} with secrets or keys ({} opened)", checked.opened)
        }
        Subject::Secrets => {
            format!("{} of {}", plural(checked.files, "secret"), plural(checked.opened, "Region"))
        }
    };
    format!(
        "{} in {place}{known}",
        [
            plural(checked.count(Error), "error"),
            plural(checked.count(Warning), "warning"),
            format!("{} not known", checked.count(Info)),
        ]
        .join(", ")
    )
}
