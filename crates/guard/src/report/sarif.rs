//! SARIF 2.1.0, as code scanning services read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::finding::{Finding, Severity};
use crate::rules::{LIVE, RULES, Rule};
use crate::scan::{Checked, Subject};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub fn sarif(checked: &Checked) -> String {
    let table: &[Rule] = match checked.subject {
        Subject::Files => &RULES,
        Subject::Secrets => &LIVE,
    };
    // What `check --live` finds has rules of the other table.
    let found = checked.findings.iter().map(|finding| finding.rule);
    let rules: BTreeMap<_, _> = table.iter().chain(found).map(|one| (one.id, rule(one))).collect();
    let results: Vec<Value> = checked.findings.iter().map(result).collect();
    let report = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": checked.subject.command(),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{report:#}\n")
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn rule(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.explanation },
        "help": { "text": rule.fix },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn result(finding: &Finding) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.path) } });
    if let (Some(at), Some(members)) = (finding.at, place.as_object_mut()) {
        let region = json!({ "startLine": at.line, "startColumn": at.column });
        members.insert("region".to_owned(), region);
    }
    let mut location = json!({ "physicalLocation": place });
    if let (Some(name), Some(members)) = (&finding.resource, location.as_object_mut()) {
        members.insert("logicalLocations".to_owned(), json!([{ "name": name }]));
    }
    json!({
        "ruleId": finding.rule.id,
        "level": level(finding.rule.severity),
        "message": { "text": finding.message },
        "locations": [location],
    })
}

/// A path as a relative URI.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // A string takes everything.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
