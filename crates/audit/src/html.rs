//! The report as one HTML file: charts, a table by Region, and every finding.
//!
//! It asks nothing of any host and runs no script; a policy in it forbids both. Every text that came
//! from an account is escaped: names of secrets are whatever somebody gave them.

use std::fmt::Write as _;

use regent_guard::{Finding, Severity};

use crate::run::Audited;
use crate::tally::Row;

/// LIMIT: pixels of the longest bar.
const BAR_WIDTH: u64 = 420;
const BAR_HEIGHT: u64 = 16;

const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>regent audit</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a; background: #fff }
h1, h2 { font-weight: 600 } h2 { margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; overflow-wrap: anywhere }
td.number, th.number { text-align: right }
svg text { font: 12px system-ui, sans-serif; fill: #1a1a1a }
.error { fill: #b3261e; color: #b3261e } .warning { fill: #9a6700; color: #9a6700 } .info { fill: #5f6b7a; color: #5f6b7a } .good { fill: #1a7f37 }
.fix { color: #555 }
</style>
</head>
<body>
";

/// The report of an audit that ended at `now_s`, in seconds since 1970.
pub fn html(audited: &Audited, now_s: i64) -> String {
    let mut out = HEAD.to_owned();
    let checked = &audited.checked;
    let count =
        |severity| checked.findings.iter().filter(|one| one.rule.severity == severity).count();
    let summary = format!(
        "{} errors, {} warnings, {} not known, in {} secrets and replicas of {} Regions",
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Info),
        checked.files,
        checked.opened
    );
    push(&mut out, format_args!("<h1>regent audit</h1>\n<p>{}</p>\n", date(now_s)));
    push(&mut out, format_args!("<p>{}</p>\n<p>{}</p>\n", summary, escaped(&audited.cost.text())));
    replicas(&mut out, audited);
    rules(&mut out, audited);
    regions(&mut out, audited);
    findings(&mut out, &checked.findings);
    out.push_str("</body>\n</html>\n");
    out
}

/// A bar for each Region that has replicas, or should.
fn replicas(out: &mut String, audited: &Audited) {
    let sum = |row: &Row| row.in_sync + row.in_progress + row.failed;
    let rows: Vec<_> = audited.rows.iter().filter(|(_, row)| sum(row) > 0).collect();
    let longest = rows.iter().map(|(_, row)| sum(row)).max().unwrap_or(0);
    let bars: Vec<Bar> = rows
        .iter()
        .map(|((account, region), row)| Bar {
            label: format!("{account} {region}"),
            parts: vec![("good", row.in_sync), ("warning", row.in_progress), ("error", row.failed)],
            note: format!(
                "{} in sync, {} in progress, {} failed",
                row.in_sync, row.in_progress, row.failed
            ),
        })
        .collect();
    chart(out, "Replicas by Region, as their primaries say", &bars, longest);
}

/// A bar for each rule with findings.
fn rules(out: &mut String, audited: &Audited) {
    let mut bars: Vec<Bar> = Vec::new();
    let mut all: Vec<_> = audited.checked.findings.iter().map(|one| one.rule).collect();
    all.sort_by_key(|rule| rule.id);
    let mut longest = 0;
    for same in all.chunk_by(|a, b| a.id == b.id) {
        let Some(rule) = same.first() else { continue };
        let count = u64::try_from(same.len()).unwrap_or(u64::MAX);
        longest = longest.max(count);
        bars.push(Bar {
            label: format!("{} {}", rule.id, rule.title),
            parts: vec![(rule.severity.name(), count)],
            note: count.to_string(),
        });
    }
    chart(out, "Findings by rule", &bars, longest);
}

struct Bar {
    label: String,
    /// Class and length of each part.
    parts: Vec<(&'static str, u64)>,
    note: String,
}

fn chart(out: &mut String, title: &str, bars: &[Bar], longest: u64) {
    if bars.is_empty() || longest == 0 {
        return;
    }
    let step = BAR_HEIGHT * 5 / 2;
    let height = step * u64::try_from(bars.len()).unwrap_or(0);
    let width = BAR_WIDTH + 320;
    push(out, format_args!("<h2>{}</h2>\n<svg role=\"img\" ", escaped(title)));
    push(
        out,
        format_args!("width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n"),
    );
    let mut y = 0;
    for bar in bars {
        let (text, note) = (escaped(&bar.label), escaped(&bar.note));
        push(out, format_args!("<text x=\"0\" y=\"{}\">{text}</text>\n", y + 13));
        let mut x = 0;
        for (class, count) in &bar.parts {
            let wide = (count * BAR_WIDTH).div_ceil(longest);
            let at = y + BAR_HEIGHT;
            push(out, format_args!("<rect class=\"{class}\" x=\"{x}\" y=\"{at}\" "));
            push(out, format_args!("width=\"{wide}\" height=\"{BAR_HEIGHT}\"/>\n"));
            x += wide;
        }
        let (x, y_note) = (x + 8, y + BAR_HEIGHT + 13);
        push(out, format_args!("<text x=\"{x}\" y=\"{y_note}\">{note}</text>\n"));
        y += step;
    }
    out.push_str("</svg>\n");
}

fn regions(out: &mut String, audited: &Audited) {
    out.push_str("<h2>Regions</h2>\n<table>\n<tr><th>account</th><th>Region</th>");
    for head in ["secrets", "replicated", "replicas", "in sync", "in progress", "failed", "unread"]
    {
        push(out, format_args!("<th class=\"number\">{head}</th>"));
    }
    out.push_str("</tr>\n");
    for ((account, region), row) in &audited.rows {
        push(out, format_args!("<tr><td>{}</td><td>{}</td>", escaped(account), escaped(region)));
        let counts = [
            row.secrets,
            row.replicated,
            row.replicas,
            row.in_sync,
            row.in_progress,
            row.failed,
            row.unread,
        ];
        for count in counts {
            push(out, format_args!("<td class=\"number\">{count}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn findings(out: &mut String, findings: &[Finding]) {
    out.push_str("<h2>Findings</h2>\n");
    if findings.is_empty() {
        out.push_str("<p>Nothing was found.</p>\n");
        return;
    }
    out.push_str("<table>\n<tr><th>rule</th><th>place</th><th>secret</th><th>what</th></tr>\n");
    for finding in findings {
        let rule = finding.rule;
        let name = finding.resource.as_deref().unwrap_or_default();
        push(
            out,
            format_args!("<tr><td class=\"{}\">{} {}</td>", rule.severity, rule.severity, rule.id),
        );
        push(out, format_args!("<td>{}</td><td>{}</td>", escaped(&finding.path), escaped(name)));
        push(out, format_args!("<td>{}: {}", escaped(rule.title), escaped(&finding.message)));
        push(out, format_args!("<br><span class=\"fix\">{}</span></td></tr>\n", escaped(rule.fix)));
    }
    out.push_str("</table>\n");
}

/// A text that means itself, between tags and in quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for found in text.chars() {
        match found {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn push(out: &mut String, more: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = out.write_fmt(more);
}

/// Day and minute, in UTC.
pub(crate) fn date(now_s: i64) -> String {
    let (days, second) = (now_s.div_euclid(86_400), now_s.rem_euclid(86_400));
    // Years begin in March here, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use regent_guard::{Checked, Subject, rules};

    use super::*;

    fn audited(name: &str) -> Audited {
        let finding = Finding {
            rule: rules::find("RG201").unwrap(),
            path: "123456789012/us-west-2".to_owned(),
            at: None,
            resource: Some(name.to_owned()),
            message: "Invalid keyId 'x'".to_owned(),
            snippet: None,
            question: None,
        };
        let mut audited = Audited::default();
        let at = ("123456789012".to_owned(), "us-west-2".to_owned());
        audited.rows.insert(at, Row { in_sync: 3, failed: 1, replicas: 3, ..Row::default() });
        let (findings, subject) = (vec![finding], Subject::Secrets);
        audited.checked = Checked { subject, findings, files: 4, opened: 1, ..Checked::default() };
        audited
    }

    #[test]
    fn a_name_is_a_text_and_nothing_else() {
        let report = html(&audited("<script>alert('1')</script>\" onload=\"x"), 0);
        assert!(!report.contains("<script") && !report.contains("\" onload"));
        assert!(
            report.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot; onload=&quot;x")
        );
        assert!(
            !report.contains("http://") && !report.contains("https://") && !report.contains("url(")
        );
    }

    #[test]
    fn charts_and_tables_have_what_was_counted() {
        let report = html(&audited("db"), 1_764_115_200);
        for part in [
            "<p>2025-11-26 00:00 UTC</p>",
            "1 errors, 0 warnings, 0 not known, in 4 secrets and replicas of 1 Regions",
            "3 in sync, 0 in progress, 1 failed",
            "<rect class=\"good\" x=\"0\" y=\"16\" width=\"315\" height=\"16\"/>",
            "<rect class=\"error\" x=\"315\" y=\"16\" width=\"105\" height=\"16\"/>",
            "<td>123456789012/us-west-2</td><td>db</td>",
        ] {
            assert!(report.contains(part), "{part}\n{report}");
        }
        let nothing = html(&Audited::default(), 0);
        assert!(nothing.contains("Nothing was found.") && !nothing.contains("<svg"));
    }

    #[test]
    fn days_have_their_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_399, "2000-02-28 23:59 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_140, "2024-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (4_102_444_799, "2099-12-31 23:59 UTC"),
        ] {
            assert_eq!(date(seconds), text);
        }
    }
}
