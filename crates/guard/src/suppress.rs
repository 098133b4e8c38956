//! Suppressions in the files themselves: a comment with a rule and a reason, on the line of the
//! finding or alone on the line before it; in JSON, `RegentIgnore` in the metadata of the resource.
//!
//! One without a reason, or one that suppresses nothing, is a finding: neither may hide what comes
//! later.

use regent_cfn::Position;

use crate::finding::Finding;
use crate::read::cloudformation;
use crate::rules;

/// The beginning of a suppression in a comment.
const MARK: &str = "regent: ignore ";
/// What is said of files and suppressions themselves, and is never left out.
pub(crate) const NEVER: [&str; 3] = ["RG102", "RG103", "RG299"];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Suppression {
    place: Place,
    rule: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// The line that it stands on, and the one that it means.
    Line {
        own: u32,
        meant: u32,
        column: u32,
    },
    Resource(String),
}

/// What is wrong with a suppression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Option<Position>,
    pub resource: Option<String>,
    pub message: String,
}

/// Takes out what is suppressed; gives what is left, and what is wrong with the suppressions.
pub fn apply(text: &str, findings: Vec<Finding>) -> (Vec<Finding>, Vec<Fault>) {
    let mut all = comments(text);
    if text.contains("RegentIgnore") {
        for (resource, listed) in cloudformation::suppressions(text) {
            all.extend(listed.into_iter().map(|(rule, reason)| Suppression {
                place: Place::Resource(resource.clone()),
                rule,
                reason,
            }));
        }
    }
    let mut used = vec![false; all.len()];
    let valid = |one: &Suppression| {
        rules::find(&one.rule).is_some_and(|rule| !NEVER.contains(&rule.id))
            && !one.reason.is_empty()
    };
    let mut keep = |finding: &Finding| {
        let mut kept = true;
        for (one, used) in all.iter().zip(&mut used) {
            if valid(one) && meets(one, finding) {
                *used = true;
                kept = false;
            }
        }
        kept
    };
    let left = findings.into_iter().filter(|finding| keep(finding)).collect();
    let mut faults = Vec::new();
    for (one, used) in all.iter().zip(used) {
        let message = if rules::find(&one.rule).is_none() {
            format!("there is no rule {}", one.rule)
        } else if NEVER.iter().any(|never| one.rule.eq_ignore_ascii_case(never)) {
            format!("{} cannot be suppressed", one.rule)
        } else if one.reason.is_empty() {
            format!("{} is not suppressed: there is no reason", one.rule)
        } else if !used {
            format!("{} finds nothing here", one.rule)
        } else {
            continue;
        };
        let (at, resource) = match &one.place {
            Place::Line { own, column, .. } => {
                (Some(Position { line: *own, column: *column }), None)
            }
            Place::Resource(name) => (None, Some(name.clone())),
        };
        faults.push(Fault { at, resource, message });
    }
    (left, faults)
}

fn meets(one: &Suppression, finding: &Finding) -> bool {
    if !finding.rule.id.eq_ignore_ascii_case(&one.rule) {
        return false;
    }
    match &one.place {
        Place::Line { meant, .. } => finding.at.is_some_and(|at| at.line == *meant),
        Place::Resource(name) => finding.resource.as_deref() == Some(name),
    }
}

fn comments(text: &str) -> Vec<Suppression> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (own, line) in (1_u32..).zip(&lines) {
        let Some((before, after)) = line.split_once(MARK) else { continue };
        let before = before.trim_end();
        let Some(before) = before.strip_suffix('#').or_else(|| before.strip_suffix("//")) else {
            continue;
        };
        let alone = before.trim().is_empty();
        let meant = if alone { own + comment_lines(&lines, own) } else { own };
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(1);
        let (rule, reason) = after.trim().split_once(' ').unwrap_or((after.trim(), ""));
        let place = Place::Line { own, meant, column };
        let reason = reason.trim().to_owned();
        found.push(Suppression { place, rule: rule.to_owned(), reason });
    }
    found
}

/// How many lines further the first is that is no comment.
fn comment_lines(lines: &[&str], own: u32) -> u32 {
    let after = lines.iter().skip(usize::try_from(own).unwrap_or(usize::MAX));
    let comments = after.take_while(|line| line.trim_start().starts_with(['#', '/'])).count();
    1 + u32::try_from(comments).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_mean_their_line_or_the_next() {
        let text =
            "a: 1 # regent: ignore RG001 known\n# regent: ignore RG002 why not\n# more\nb: 2\n";
        let found = comments(text);
        let line = |own, meant, column| Place::Line { own, meant, column };
        let places: Vec<_> = found.iter().map(|one| one.place.clone()).collect();
        assert_eq!(places, [line(1, 1, 6), line(2, 4, 1)]);
        let reasons: Vec<_> = found.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(reasons, ["known", "why not"]);
        // A text that is no comment suppresses nothing.
        assert_eq!(comments("Description: regent: ignore RG001 x"), []);
    }
}
