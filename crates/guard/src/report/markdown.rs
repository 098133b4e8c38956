//! A table in Markdown, for the summary of a job or a comment on a pull request.

use std::fmt::Write as _;

use super::summary;
use crate::scan::Checked;

/// Writes to a `String` do not fail.
pub fn markdown(checked: &Checked) -> String {
    let mut out = format!("### {}\n\n{}\n", checked.subject.command(), summary(checked));
    if checked.findings.is_empty() {
        return out;
    }
    out.push_str("\n| | rule | place | resource | what |\n|---|---|---|---|---|\n");
    for finding in &checked.findings {
        let (rule, severity) = (finding.rule.id, finding.rule.severity);
        let place = finding.at.map(|at| format!(":{at}")).unwrap_or_default();
        let path = cell(&finding.path);
        let resource = finding.resource.as_deref().map(cell).unwrap_or_default();
        let message = cell(&finding.message);
        let _ = writeln!(out, "| {severity} | {rule} | {path}{place} | {resource} | {message} |");
    }
    out
}

/// A text that means itself and stays in its cell.
pub fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' => out.extend(['\\', found]),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_in_its_cell() {
        assert_eq!(cell("a|b\nc_<d>"), "a\\|b c\\_&lt;d>");
    }
}
