//! The rules: one table for files (`table`), with what each looks for, and one for live accounts
//! (`live`), whose checks are `regent-audit`'s.
//!
//! A check never guesses. What is certainly wrong is reported under its rule; what cannot be known
//! from the files is reported as not known, at the level of `info`.

mod keys;
mod live;
mod others;
mod replicas;
mod table;

use regent_cfn::Position;

use crate::finding::{Finding, Question, Severity, Snippet};
use crate::model::Unit;

pub use live::LIVE;
pub use table::RULES;

/// The rules about what could not be read.
pub const UNREADABLE: [&str; 2] = ["RG102", "RG299"];

/// A rule, with all that there is to say of it.
#[derive(Debug)]
pub struct Rule {
    pub id: &'static str,
    pub severity: Severity,
    pub title: &'static str,
    pub explanation: &'static str,
    pub fix: &'static str,
    /// The bad example has a finding of this rule, the good one has no finding above `info`.
    pub example: Example,
}

#[derive(Debug)]
pub enum Example {
    Templates {
        bad: &'static str,
        good: &'static str,
    },
    /// Of Terraform, for what a template cannot say.
    Terraform {
        bad: &'static str,
        good: &'static str,
    },
    /// A plan of Terraform, for what files cannot say.
    Plan {
        bad: &'static str,
        good: &'static str,
    },
    /// The rule is about files, or about what lives in an account; not about what files describe.
    None,
}

impl Example {
    /// The bad and the good one.
    pub const fn texts(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Templates { bad, good }
            | Self::Terraform { bad, good }
            | Self::Plan { bad, good } => Some((bad, good)),
            Self::None => None,
        }
    }
}

/// A rule by its id, in any case.
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().chain(&LIVE).find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// Everything that is wrong with one unit.
pub fn judge(unit: &Unit, path: &str, text: &str) -> Vec<Finding> {
    let mut report = Report { path, text, findings: Vec::new() };
    for remark in &unit.remarks {
        report.add_as(
            remark.shown,
            remark.rule,
            remark.at,
            remark.resource.as_deref(),
            &remark.message,
        );
    }
    for secret in &unit.secrets {
        replicas::check(unit, secret, &mut report);
    }
    for key in &unit.keys {
        keys::check_key(unit, key, &mut report);
    }
    others::check(unit, &mut report);
    report.findings
}

/// The findings of one file.
struct Report<'f> {
    path: &'f str,
    text: &'f str,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, rule: &str, at: Position, resource: &str, message: impl AsRef<str>) {
        self.add_as(true, rule, Some(at), Some(resource), message.as_ref());
    }

    fn add_as(
        &mut self,
        shown: bool,
        rule: &str,
        at: Option<Position>,
        resource: Option<&str>,
        message: &str,
    ) {
        // Rules are named by constants here; the test of the table finds a name without a rule.
        let Some(rule) = find(rule) else { return };
        let snippet = at.filter(|_| shown).and_then(|at| Snippet::of(self.text, at));
        self.push(rule, at, resource, message, snippet, None);
    }

    /// That a key is where it has to be is not shown by a file; a live account can be asked.
    fn unproven(&mut self, at: Position, resource: &str, user: &str, question: Option<Question>) {
        let Some(rule) = find("RG101") else { return };
        let message = format!("that the key of {user} exists there is not shown by this file");
        let snippet = Snippet::of(self.text, at);
        self.push(rule, Some(at), Some(resource), &message, snippet, question);
    }

    fn push(
        &mut self,
        rule: &'static Rule,
        at: Option<Position>,
        resource: Option<&str>,
        message: &str,
        snippet: Option<Snippet>,
        question: Option<Question>,
    ) {
        let finding = Finding {
            rule,
            path: self.path.to_owned(),
            at,
            resource: resource.map(str::to_owned),
            message: message.to_owned(),
            snippet,
            question,
        };
        let same = |other: &Finding| {
            (other.rule.id, other.at, &other.message, &other.question)
                == (rule.id, at, &finding.message, &finding.question)
        };
        if !self.findings.iter().any(same) {
            self.findings.push(finding);
        }
    }
}
