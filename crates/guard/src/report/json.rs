//! The report for programs: one JSON object. Members are added, never renamed.

use serde_json::{Value, json};

use crate::finding::{Finding, Severity};
use crate::scan::Checked;

pub fn json(checked: &Checked) -> String {
    let findings: Vec<Value> = checked.findings.iter().map(one).collect();
    let report = json!({
        "findings": findings,
        "files": checked.files,
        "opened": checked.opened,
        "errors": checked.count(Severity::Error),
        "warnings": checked.count(Severity::Warning),
        "infos": checked.count(Severity::Info),
        "unreadable": checked.unreadable(),
        "baseline": checked.known,
    });
    format!("{report:#}\n")
}

fn one(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule.id,
        "severity": finding.rule.severity.name(),
        "title": finding.rule.title,
        "message": finding.message,
        "path": finding.path,
        "line": finding.at.map(|at| at.line),
        "column": finding.at.map(|at| at.column),
        "resource": finding.resource,
        "fix": finding.rule.fix,
    })
}
