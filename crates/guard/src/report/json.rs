//! The report for programs: one JSON object. Members are added, never renamed.

use serde_json::{Map, Value, json};

use crate::finding::{Finding, Severity};
use crate::rules::Rule;
use crate::scan::{Checked, Subject};

pub fn json(checked: &Checked) -> String {
    format!("{:#}\n", Value::Object(members(checked)))
}

/// The members of the report, for a command that has more to say.
pub fn members(checked: &Checked) -> Map<String, Value> {
    let findings: Vec<Value> = checked.findings.iter().map(one).collect();
    let (looked, opened) = match checked.subject {
        Subject::Files => ("files", "opened"),
        Subject::Secrets => ("secrets", "regions"),
    };
    let report = json!({
        "findings": findings,
        looked: checked.files,
        opened: checked.opened,
        "errors": checked.count(Severity::Error),
        "warnings": checked.count(Severity::Warning),
        "infos": checked.count(Severity::Info),
        "unreadable": checked.unreadable(),
        "baseline": checked.known,
    });
    match report {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Every rule of a command.
pub fn rules_json(subject: Subject) -> String {
    let rules: Vec<Value> = super::of(subject).iter().map(rule).collect();
    format!("{:#}\n", json!({ "rules": rules }))
}

/// One rule.
pub fn explain_json(of: &Rule) -> String {
    format!("{:#}\n", rule(of))
}

fn rule(rule: &Rule) -> Value {
    let (bad, good) = rule.example.texts().unzip();
    json!({
        "rule": rule.id,
        "severity": rule.severity.name(),
        "title": rule.title,
        "explanation": rule.explanation,
        "fix": rule.fix,
        "bad": bad,
        "good": good,
    })
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
