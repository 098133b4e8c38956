//! What a watch shows Prometheus.
//!
//! Labels are accounts, Regions, rules and severities, so that their number is bounded; no name of a
//! secret and no key is among them (promise R7). Findings are shown as they are known now, everything
//! else as the last round counted it.

use std::collections::BTreeMap;

use regent_audit::events::Asked;
use regent_audit::ledger::{Event, Ledger};
use regent_audit::tally::Row;
use regent_guard::rules;

use crate::metrics::{Kind, Page};

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    Whole,
    /// Something could not be read.
    Partial,
}

#[derive(Debug, Default)]
pub struct Gauges {
    pub rows: BTreeMap<(String, String), Row>,
    /// When the last round ended, in seconds since 1970, and how long it took.
    pub last_s: Option<i64>,
    pub last_took_ms: u64,
    /// Of those, how much was not known, and how many Regions and accounts could not be read.
    pub unknown: u64,
    pub unreadable: u64,
    pub whole: u64,
    pub partial: u64,
    pub looks: u64,
    pub calls: u64,
    pub errors: u64,
    /// Events that were about a secret, about everything, about nothing, and none at all.
    pub events: [u64; 4],
    pub delivered: [u64; Event::ALL.len()],
    pub undelivered: u64,
    pub unsaved: u64,
}

const EVENTS: [&str; 4] = ["secret", "everything", "nothing", "unreadable"];

impl Gauges {
    pub fn count_round(&mut self, ended: Ended) {
        match ended {
            Ended::Whole => self.whole += 1,
            Ended::Partial => self.partial += 1,
        }
    }

    pub fn count_event(&mut self, asked: Option<&Asked>) {
        let at = match asked {
            Some(Asked::Secret { .. }) => 0,
            Some(Asked::Everything) => 1,
            Some(Asked::Nothing) => 2,
            None => 3,
        };
        if let Some(count) = self.events.get_mut(at) {
            *count += 1;
        }
    }

    pub fn count_delivered(&mut self, event: Event) {
        let at = Event::ALL.iter().position(|one| *one == event);
        if let Some(count) = at.and_then(|at| self.delivered.get_mut(at)) {
            *count += 1;
        }
    }

    /// The page.
    pub fn text(&self, ledger: &Ledger, now_s: i64) -> String {
        let mut page = Page::default();
        self.accounts(&mut page, now_s);
        findings(&mut page, ledger);
        self.work(&mut page);
        let mut gauge = |name: &str, help: &str, value: u64| {
            page.family(name, Kind::Gauge, help);
            page.sample(name, &[], value);
        };
        let waiting = u64::try_from(ledger.waiting()).unwrap_or(u64::MAX);
        gauge("regent_watch_notices_waiting", "Notices that are not delivered yet.", waiting);
        gauge("regent_watch_unknown", "Findings of what may not be looked at.", self.unknown);
        gauge(
            "regent_watch_unreadable",
            "Accounts and Regions that the last round could not read.",
            self.unreadable,
        );
        page.into_text()
    }

    fn accounts(&self, page: &mut Page, now_s: i64) {
        let secrets = "regent_watch_secrets";
        page.family(secrets, Kind::Gauge, "Secrets that have their primary there.");
        for ((account, region), row) in &self.rows {
            page.sample(secrets, &[("account", account), ("region", region)], row.secrets);
        }
        let replicas = "regent_watch_replicas";
        page.family(replicas, Kind::Gauge, "Replicas there, by what their primaries say.");
        for ((account, region), row) in &self.rows {
            for (status, count) in
                [("InSync", row.in_sync), ("InProgress", row.in_progress), ("Failed", row.failed)]
            {
                let labels = [("account", &**account), ("region", region), ("status", status)];
                page.sample(replicas, &labels, count);
            }
        }
        let oldest = "regent_watch_oldest_in_progress_seconds";
        page.family(oldest, Kind::Gauge, "Since the last change of what is longest in progress.");
        for ((account, region), row) in &self.rows {
            let age_s = row.in_progress_since_s.map_or(0, |since| (now_s - since).max(0));
            page.sample(oldest, &[("account", account), ("region", region)], age_s);
        }
    }

    fn work(&self, page: &mut Page) {
        let round = "regent_watch_last_round_timestamp_seconds";
        page.family(round, Kind::Gauge, "When the last round ended.");
        if let Some(last_s) = self.last_s {
            page.sample(round, &[], last_s);
        }
        let took = "regent_watch_last_round_duration_seconds";
        page.family(took, Kind::Gauge, "How long the last round took.");
        let (whole, part) = (self.last_took_ms / 1000, self.last_took_ms % 1000);
        page.sample(took, &[], format_args!("{whole}.{part:03}"));
        let rounds = "regent_watch_rounds_total";
        page.family(rounds, Kind::Counter, "Rounds, by whether everything could be read.");
        page.sample(rounds, &[("result", "whole")], self.whole);
        page.sample(rounds, &[("result", "partial")], self.partial);
        let events = "regent_watch_events_total";
        page.family(events, Kind::Counter, "Events that were read, by what they are about.");
        for (about, count) in EVENTS.iter().zip(self.events) {
            page.sample(events, &[("about", about)], count);
        }
        let notices = "regent_watch_notices_total";
        page.family(notices, Kind::Counter, "Notices that were delivered.");
        for (event, count) in Event::ALL.iter().zip(self.delivered) {
            page.sample(notices, &[("event", event.name())], count);
        }
        for (name, help, count) in [
            ("regent_watch_looks_total", "Looks at one secret, after events.", self.looks),
            ("regent_watch_calls_total", "Calls of Secrets Manager and KMS.", self.calls),
            ("regent_watch_call_errors_total", "Calls that were refused.", self.errors),
            ("regent_watch_notice_failures_total", "Attempts that failed.", self.undelivered),
            ("regent_watch_state_errors_total", "Times the state was not saved.", self.unsaved),
        ] {
            page.family(name, Kind::Counter, help);
            page.sample(name, &[], count);
        }
    }
}

fn findings(page: &mut Page, ledger: &Ledger) {
    let mut counts: BTreeMap<(&str, &str, &str, &str), u64> = BTreeMap::new();
    for place in ledger.problems().keys() {
        let Some(rule) = rules::find(&place.rule) else { continue };
        let labels = (rule.id, rule.severity.name(), &*place.account, &*place.region);
        *counts.entry(labels).or_default() += 1;
    }
    let name = "regent_watch_findings";
    page.family(name, Kind::Gauge, "What is wrong, at the level that is watched for.");
    for ((rule, severity, account, region), count) in counts {
        let labels =
            [("rule", rule), ("severity", severity), ("account", account), ("region", region)];
        page.sample(name, &labels, count);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regent_audit::judge::Found;
    use regent_audit::ledger::{Scope, Wanted};
    use regent_guard::Severity;

    use super::*;

    #[test]
    fn a_page() {
        let mut ledger = Ledger::new("l".to_owned());
        let found = |name: &str| Found {
            rule: "RG201".to_owned(),
            path: "111122223333/us-west-2".to_owned(),
            resource: Some(name.to_owned()),
            message: "hunter2".to_owned(),
            key: Some("mrk-1".to_owned()),
            home: "us-east-1".to_owned(),
        };
        let (read, except) = (BTreeSet::new(), BTreeSet::new());
        let scope = Scope::All { read: &read, except: &except };
        let wanted = Wanted { least: Severity::Warning, baseline: None };
        for notice in ledger.take(&[found("a"), found("b")], &scope, &wanted, 1) {
            ledger.tell(notice);
        }
        let mut gauges = Gauges {
            last_s: Some(1000),
            last_took_ms: 1042,
            calls: 7,
            errors: 1,
            ..Gauges::default()
        };
        let row = Row {
            secrets: 2,
            in_progress: 1,
            failed: 2,
            in_progress_since_s: Some(940),
            ..Row::default()
        };
        gauges.rows.insert(("111122223333".to_owned(), "us-west-2".to_owned()), row);
        gauges.count_round(Ended::Whole);
        gauges.count_event(None);
        gauges.count_event(Some(&Asked::Everything));
        gauges.count_delivered(Event::Recovered);
        insta::assert_snapshot!("metrics", gauges.text(&ledger, 1000));
        // A server whose clock is ahead has nothing that is younger than nothing.
        let early = gauges.text(&ledger, 900);
        let oldest = "regent_watch_oldest_in_progress_seconds{account=\"111122223333\",";
        assert!(early.contains(&format!("{oldest}region=\"us-west-2\"}} 0\n")), "{early}");
    }
}
