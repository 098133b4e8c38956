//! The report of a drill, for people, for programs, and for a file that is kept.

use std::fmt::Write as _;
use std::time::Duration;

use regent_guard::report::cell;
use serde_json::{Value, json};

use super::verdict::{Outcome, Verdict, shown};
use crate::html::date;
use crate::tally::table;

/// What came of a drill.
#[derive(Debug, Clone)]
pub struct Report {
    pub account: String,
    pub from: String,
    pub to: String,
    /// When it ended, in seconds since 1970.
    pub ended_s: i64,
    /// How long the primary Region was down, if it was.
    pub outage: Option<Duration>,
    pub outcomes: Vec<Outcome>,
    /// What was asked for.
    pub recovery_point_max: Duration,
    pub recovery_time_max: Option<Duration>,
    pub calls: u64,
}

impl Report {
    /// Of the worst item, and of the time that it took.
    pub fn verdict(&self) -> Verdict {
        let worst = self.outcomes.iter().map(|one| one.verdict).max().unwrap_or(Verdict::Unknown);
        if self.too_slow() { Verdict::Fail } else { worst }
    }

    fn too_slow(&self) -> bool {
        self.recovery_time_max.is_some_and(|max| self.last().is_some_and(|last| last > max))
    }

    /// How much older what the backup has is, of all that it could read.
    pub fn recovery_point(&self) -> Option<Duration> {
        self.outcomes.iter().filter_map(|one| one.behind).max()
    }

    /// When the last item was readable that ever was.
    fn last(&self) -> Option<Duration> {
        self.outcomes.iter().filter_map(|one| one.readable_after).max()
    }

    /// When the last item was readable; `None` if one never was.
    pub fn recovery_time(&self) -> Option<Duration> {
        self.last().filter(|_| self.never() == 0)
    }

    fn never(&self) -> usize {
        self.outcomes.iter().filter(|one| one.readable_after.is_none()).count()
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.outcomes.iter().filter(|one| one.verdict == verdict).count()
    }

    /// The day and minute of its end, in UTC.
    pub fn date(&self) -> String {
        date(self.ended_s)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut rows = vec![HEADS.map(str::to_owned).to_vec()];
        rows.extend(self.outcomes.iter().map(|one| row(one).to_vec()));
        let mut out = format!("{}\n\n{}\n", self.title(), table(&rows));
        for line in self.summary() {
            // A string takes everything.
            let _ = writeln!(out, "{line}");
        }
        out
    }

    /// A table in Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n| {} |\n", self.title(), HEADS.join(" | "));
        let _ = writeln!(out, "{}|", "|---".repeat(HEADS.len()));
        for one in &self.outcomes {
            let _ = writeln!(out, "| {} |", row(one).map(|text| cell(&text)).join(" | "));
        }
        for line in self.summary() {
            let _ = write!(out, "\n{line}\n");
        }
        out
    }

    /// One JSON object; spans are milliseconds.
    pub fn json(&self) -> Value {
        let items = self.outcomes.iter().map(|one| {
            json!({
                "kind": one.kind,
                "name": one.name,
                "verdict": one.verdict.name(),
                "reasons": one.reasons,
                "recovery_point_ms": one.behind.map(millis),
                "readable_after_ms": one.readable_after.map(millis),
            })
        });
        json!({
            "date": self.date(),
            "ended_s": self.ended_s,
            "account": self.account,
            "from": self.from,
            "to": self.to,
            "for_real": self.outage.is_some(),
            "outage_ms": self.outage.map(millis),
            "verdict": self.verdict().name(),
            "passed": self.count(Verdict::Pass),
            "failed": self.count(Verdict::Fail),
            "unknown": self.count(Verdict::Unknown),
            "recovery_point_ms": self.recovery_point().map(millis),
            "recovery_point_max_ms": millis(self.recovery_point_max),
            "recovery_time_ms": self.recovery_time().map(millis),
            "recovery_time_max_ms": self.recovery_time_max.map(millis),
            "calls": self.calls,
            "items": items.collect::<Vec<_>>(),
        })
    }

    fn title(&self) -> String {
        let how = if self.outage.is_some() { ", for real" } else { "" };
        let Self { account, from, to, .. } = self;
        format!("Failover of {account} from {from} to {to}{how}, {}", self.date())
    }

    fn summary(&self) -> Vec<String> {
        let counts = [Verdict::Pass, Verdict::Fail, Verdict::Unknown]
            .map(|verdict| format!("{} {}", self.count(verdict), verdict.name()));
        let mut lines =
            vec![format!("{}: {}", self.verdict().name().to_uppercase(), counts.join(", "))];
        let point = match self.recovery_point() {
            Some(point) if point <= self.recovery_point_max => shown(point),
            Some(point) => {
                format!("{}, of {} allowed", shown(point), shown(self.recovery_point_max))
            }
            None => "not known".to_owned(),
        };
        lines.push(format!("Recovery point: {point}"));
        let slow = match self.recovery_time_max {
            Some(max) if self.too_slow() => format!(", of {} allowed", shown(max)),
            _ => String::new(),
        };
        lines.push(match (self.last(), self.never()) {
            (Some(last), 0) => format!("Recovery time: {}{slow}", shown(last)),
            (Some(last), never) => format!(
                "Recovery time: {}{slow} for those that were; {never} never were readable",
                shown(last)
            ),
            (None, _) => "Recovery time: not known, for nothing was readable".to_owned(),
        });
        lines.extend(
            self.outage
                .map(|outage| format!("{} was down for {} and is back", self.from, shown(outage))),
        );
        lines
    }
}

const HEADS: [&str; 6] = ["VERDICT", "KIND", "NAME", "RECOVERY POINT", "READABLE AFTER", "REASON"];

fn row(one: &Outcome) -> [String; 6] {
    let span = |span: Option<Duration>| span.map_or_else(|| "-".to_owned(), shown);
    [
        one.verdict.name().to_owned(),
        one.kind.to_owned(),
        one.name.clone(),
        span(one.behind),
        span(one.readable_after),
        one.reasons.join("; "),
    ]
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, verdict: Verdict, behind: Option<u64>, after: Option<u64>) -> Outcome {
        let reasons = match verdict {
            Verdict::Pass => Vec::new(),
            Verdict::Unknown => vec!["us-east-1: no".to_owned()],
            Verdict::Fail => vec!["replication failed: Invalid keyId 'a|b'".to_owned()],
        };
        Outcome {
            kind: "secret",
            name: name.to_owned(),
            verdict,
            reasons,
            behind: behind.map(Duration::from_millis),
            readable_after: after.map(Duration::from_millis),
        }
    }

    fn report(outcomes: Vec<Outcome>) -> Report {
        Report {
            account: "123456789012".to_owned(),
            from: "us-east-1".to_owned(),
            to: "us-west-2".to_owned(),
            ended_s: 1_795_690_000,
            outage: None,
            outcomes,
            recovery_point_max: Duration::ZERO,
            recovery_time_max: None,
            calls: 7,
        }
    }

    fn all() -> Report {
        report(vec![
            outcome("app/a", Verdict::Pass, Some(0), Some(12)),
            outcome("app_b", Verdict::Fail, None, None),
            outcome("old", Verdict::Fail, Some(65_000), Some(48)),
            outcome("c", Verdict::Unknown, None, Some(3)),
        ])
    }

    #[test]
    fn every_form() {
        insta::assert_snapshot!("text", all().text());
        insta::assert_snapshot!("markdown", all().markdown());
        insta::assert_snapshot!("json", format!("{:#}", all().json()));
        let real = Report {
            outage: Some(Duration::from_millis(640)),
            recovery_time_max: Some(Duration::from_millis(40)),
            ..report(vec![outcome("a", Verdict::Pass, Some(0), Some(41))])
        };
        insta::assert_snapshot!("for_real", real.text());
    }

    #[test]
    fn the_worst_item_decides() {
        use Verdict::{Fail, Pass, Unknown};
        let verdict = |verdicts: &[Verdict]| {
            let each = verdicts.iter().map(|one| outcome("a", *one, None, Some(1)));
            report(each.collect()).verdict()
        };
        assert_eq!(verdict(&[Pass, Pass]), Pass);
        assert_eq!(verdict(&[Pass, Unknown, Pass]), Unknown);
        assert_eq!(verdict(&[Unknown, Fail, Pass]), Fail);
        // Nothing was rehearsed.
        assert_eq!(verdict(&[]), Unknown);
    }

    #[test]
    fn recovery() {
        let times = |after: &[Option<u64>], max: Option<u64>| {
            let each = after.iter().map(|after| outcome("a", Verdict::Pass, Some(5), *after));
            let recovery_time_max = max.map(Duration::from_millis);
            let found = Report { recovery_time_max, ..report(each.collect()) };
            (found.recovery_time().map(millis), found.verdict())
        };
        assert_eq!(times(&[Some(9), Some(20)], None), (Some(20), Verdict::Pass));
        assert_eq!(times(&[Some(9), Some(20)], Some(20)), (Some(20), Verdict::Pass));
        assert_eq!(times(&[Some(9), Some(20)], Some(19)), (Some(20), Verdict::Fail));
        // One that never was readable makes it endless.
        assert_eq!(times(&[Some(9), None], None), (None, Verdict::Pass));
        assert_eq!(all().recovery_point(), Some(Duration::from_secs(65)));
        let nothing = report(vec![outcome("a", Verdict::Fail, None, None)]);
        assert_eq!(nothing.recovery_point(), None);
        let text = nothing.text();
        assert!(text.contains("\nRecovery time: not known, for nothing was readable\n"), "{text}");
    }
}
