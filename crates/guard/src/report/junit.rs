//! JUnit's XML, as build servers show it: a finding is a test that failed, what is not known is one
//! that was skipped.

use std::fmt::Write as _;

use crate::finding::{Finding, Severity};
use crate::scan::Checked;

/// Writes to a `String` do not fail.
pub fn junit(checked: &Checked) -> String {
    let infos = checked.count(Severity::Info);
    let failures = checked.findings.len() - infos;
    let tests = checked.findings.len().max(1);
    let command = checked.subject.command();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{command}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" \
         skipped=\"{infos}\">"
    );
    for finding in &checked.findings {
        case(&mut out, finding);
    }
    // A report without a test is taken for a run that went wrong.
    if checked.findings.is_empty() {
        let _ = writeln!(out, "    <testcase classname=\"{command}\" name=\"nothing found\"/>");
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, finding: &Finding) {
    let rule = finding.rule;
    let place = finding.at.map(|at| format!(":{at}")).unwrap_or_default();
    let name = escaped(&format!("{} {}{place}", rule.id, finding.path));
    let (class, message) = (escaped(&finding.path), escaped(&finding.message));
    let _ = writeln!(out, "    <testcase classname=\"{class}\" name=\"{name}\">");
    let _ = if rule.severity == Severity::Info {
        writeln!(out, "      <skipped message=\"{message}\"/>")
    } else {
        let (kind, fix) = (rule.severity, escaped(rule.fix));
        writeln!(out, "      <failure type=\"{kind}\" message=\"{message}\">{fix}</failure>")
    };
    out.push_str("    </testcase>\n");
}

/// Characters that XML does not have are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => {}
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_has_for_itself_is_escaped() {
        assert_eq!(escaped("a<b>&\"c\"\nd\u{1}"), "a&lt;b&gt;&amp;&quot;c&quot; d");
    }
}
