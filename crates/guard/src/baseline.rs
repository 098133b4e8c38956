//! A baseline: findings that are known, so that only new ones count.
//!
//! A finding is known by its rule, its file, its resource and its message, and not by its line,
//! which moves; as many as the baseline has are left out. A file that cannot be read and a
//! suppression that suppresses nothing are never known.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::finding::Finding;
use crate::scan::Checked;
use crate::suppress::NEVER;

type Known = (String, String, String, String);

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    known: BTreeMap<Known, usize>,
}

/// Why a file is no baseline.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no baseline that `--write-baseline` wrote")]
pub struct NoBaseline;

impl Baseline {
    pub fn parse(text: &str) -> Result<Self, NoBaseline> {
        let json: Json = serde_json::from_str(text).map_err(|_| NoBaseline)?;
        let listed = json.get("findings").and_then(Json::as_array).ok_or(NoBaseline)?;
        let mut known = BTreeMap::new();
        for one in listed {
            let text = |name| one.get(name).and_then(Json::as_str).map(str::to_owned);
            let (rule, path, message) = (text("rule"), text("path"), text("message"));
            let (Some(rule), Some(path), Some(message)) = (rule, path, message) else {
                return Err(NoBaseline);
            };
            let resource = text("resource").unwrap_or_default();
            *known.entry((rule, path, resource, message)).or_default() += 1;
        }
        Ok(Self { known })
    }

    /// The baseline that knows all that was found, as it is kept in a file.
    pub fn write(checked: &Checked) -> String {
        let known = checked.findings.iter().filter(|finding| can_be_known(finding));
        let mut known: Vec<Known> = known.map(identity).collect();
        known.sort();
        let each = known.into_iter().map(|(rule, path, resource, message)| {
            json!({ "rule": rule, "path": path, "resource": resource, "message": message })
        });
        format!("{:#}\n", json!({ "version": 1, "findings": each.collect::<Vec<_>>() }))
    }

    /// Whether a finding of this rule, place and resource is known, whatever is said of it: reasons
    /// change while a problem stays.
    pub fn knows(&self, rule: &str, path: &str, resource: &str) -> bool {
        let same = |(other, at, of, _): &Known| other == rule && at == path && of == resource;
        !NEVER.contains(&rule) && self.known.keys().any(same)
    }

    /// Takes out what is known.
    pub fn apply(mut self, checked: &mut Checked) {
        let before = checked.findings.len();
        checked.findings.retain(|finding| {
            if !can_be_known(finding) {
                return true;
            }
            let left = self.known.get_mut(&identity(finding)).filter(|left| **left > 0);
            let known = left.map(|left| *left -= 1);
            known.is_none()
        });
        checked.known += before - checked.findings.len();
    }
}

fn can_be_known(finding: &Finding) -> bool {
    !NEVER.contains(&finding.rule.id)
}

fn identity(finding: &Finding) -> Known {
    let resource = finding.resource.clone().unwrap_or_default();
    (finding.rule.id.to_owned(), finding.path.clone(), resource, finding.message.clone())
}
