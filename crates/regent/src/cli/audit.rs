//! `regent audit`: live accounts are looked at, through read-only calls.
//!
//! What is looked for is the guard's; this module reads options, shows how far the audit has come,
//! and turns the result into a report and an exit code.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use regent_audit::account::{self, Access, NoAccess};
use regent_audit::run::Progress;
use regent_audit::{Account, Audited, Options, Stopped, tally};
use regent_guard::{Checked, Subject, report};
use serde_json::{Value, json};

use super::check::{self, Format, Level, usage};
use super::{Exit, Failure, bar, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The least finding that counts as failure
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    fail_on: Level,
    /// A Region, or several with commas [default: all that the account has enabled]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    region: Vec<String>,
    /// A profile of the AWS configuration
    #[arg(long)]
    profile: Option<String>,
    /// A role that is assumed, for each account that is audited [default: the caller's own account]
    #[arg(long, value_name = "ARN")]
    role_arn: Vec<String>,
    /// Audit every active account of the caller's organisation, by the role of this name in each
    #[arg(long, value_name = "NAME", conflicts_with = "role_arn")]
    organization_role: Option<String>,
    /// Read the value of each replica and of its primary, and compare digests
    #[arg(long)]
    probe: bool,
    /// How long replication may take, such as 90s, 15m or 2h
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = seconds)]
    patience: i64,
    /// Secrets of a Region that are looked at at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Keep how far the audit has come in this file, and go on there
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write a report in HTML besides, with charts, that needs no other file and no host
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// A file of findings that are known and do not count
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all that is found into a baseline, and count nothing
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Print every rule
    #[arg(long, conflicts_with = "explain")]
    rules: bool,
    /// Print all that there is to say of a rule
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
}

/// Reads `90s`, `15m` or `2h`.
pub(super) fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "expected a whole number and s, m or h, such as 15m".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(i64::from(number) * unit)
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.rules {
        return check::list_rules(args.output, Subject::Secrets);
    }
    if let Some(id) = &args.explain {
        return check::explain(args.output, id);
    }
    let baseline = args.baseline.as_deref().map(check::baseline).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_s = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let mut audited = runtime.block_on(audit(args, now_s))?;
    if let Some(path) = &args.write_baseline {
        return check::write_baseline(path, &audited.checked);
    }
    if let Some(baseline) = baseline {
        baseline.apply(&mut audited.checked);
    }
    if let Some(path) = &args.html {
        let text = regent_audit::html(&audited, now_s);
        std::fs::write(path, text).map_err(|e| usage(format!("{}: {e}", path.display())))?;
    }
    print(&printed(args.output, &audited));
    check::judge(&audited.checked, args.fail_on)
}

async fn audit(args: &Args, now_s: i64) -> Result<Audited, Failure> {
    let access = Access {
        profile: args.profile.clone(),
        roles: args.role_arn.clone(),
        region: args.region.first().cloned(),
    };
    let (accounts, unreached): (Vec<Account>, _) = match &args.organization_role {
        Some(role) => account::organization(&access, role).await.map_err(no_access)?,
        None => (account::accounts(&access).await.map_err(no_access)?, Vec::new()),
    };
    let options = Options {
        regions: args.region.clone(),
        probe: args.probe,
        patience_s: args.patience,
        concurrency: usize::from(args.concurrency),
        now_s,
        state: args.state.clone(),
        unreached,
    };
    let bar = bar(0, "{spinner} {bar:30} {pos} of {len} lists, {msg}");
    let listed = std::sync::atomic::AtomicU64::new(0);
    let show = |progress: Progress| {
        let before = listed.fetch_add(progress.listed, std::sync::atomic::Ordering::Relaxed);
        bar.set_length(progress.lists);
        bar.inc(progress.done);
        bar.set_message(format!("{} entries", before + progress.listed));
    };
    let audited = regent_audit::audit(&accounts, &options, &show).await;
    bar.finish_and_clear();
    audited.map_err(stopped)
}

fn no_access(why: NoAccess) -> Failure {
    Failure::new(Exit::Unreadable, why)
}

fn stopped(why: Stopped) -> Failure {
    match why {
        Stopped::NoRegions(_) => Failure::new(Exit::Unreadable, why),
        Stopped::State(_) | Stopped::Io(_) => usage(why),
    }
}

/// The report, with the table and the costs where they have a place.
fn printed(format: Format, audited: &Audited) -> String {
    let report = format.of(&audited.checked);
    match format {
        Format::Text => {
            let table = tally::table(&rows(audited));
            format!("{report}\n{table}\n{}", audited.cost.text())
        }
        Format::Json => {
            let mut members = report::members(&audited.checked);
            members.insert("table".to_owned(), json_rows(audited));
            members.insert("cost".to_owned(), audited.cost.json());
            format!("{:#}\n", Value::Object(members))
        }
        Format::Markdown => {
            let mut lines = rows(audited).into_iter().map(|row| format!("| {} |", row.join(" | ")));
            let head = lines.next().unwrap_or_default();
            let rule = "|---".repeat(HEADS.len());
            let body = lines.collect::<Vec<_>>().join("\n");
            format!("{report}\n{head}\n{rule}|\n{body}\n\n{}", audited.cost.text())
        }
        Format::Sarif | Format::Junit | Format::Github => report,
    }
}

const HEADS: [&str; 8] =
    ["ACCOUNT", "REGION", "SECRETS", "REPLICAS", "IN SYNC", "IN PROGRESS", "FAILED", "FINDINGS"];

fn rows(audited: &Audited) -> Vec<Vec<String>> {
    let mut all = vec![HEADS.map(str::to_owned).to_vec()];
    all.extend(audited.rows.iter().map(|((account, region), row)| {
        let counts = [row.secrets, row.replicas, row.in_sync, row.in_progress, row.failed];
        let mut cells = vec![account.clone(), region.clone()];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(findings(&audited.checked, account, region).to_string());
        cells
    }));
    all
}

fn findings(checked: &Checked, account: &str, region: &str) -> usize {
    let path = format!("{account}/{region}");
    checked.findings.iter().filter(|finding| finding.path == path).count()
}

fn json_rows(audited: &Audited) -> Value {
    let each = audited.rows.iter().map(|((account, region), row)| {
        json!({
            "account": account,
            "region": region,
            "secrets": row.secrets,
            "replicated": row.replicated,
            "replicas": row.replicas,
            "in_sync": row.in_sync,
            "in_progress": row.in_progress,
            "failed": row.failed,
            "unread": row.unread,
            "findings": findings(&audited.checked, account, region),
        })
    });
    Value::Array(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_read() {
        for (text, found) in [("90s", 90), ("15m", 900), ("2h", 7200), ("0s", 0)] {
            assert_eq!(seconds(text), Ok(found));
        }
        for bad in ["", "s", "15", "1.5h", "-1s", "15 m", "99999999999s", "1é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
