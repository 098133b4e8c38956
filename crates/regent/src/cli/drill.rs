//! `regent drill`: the failover of secrets and keys to another Region, rehearsed.
//!
//! What is looked at and judged is the audit's; this module reads options, asks before anything is
//! taken down, and turns the result into reports and an exit code.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use regent_audit::account::{self, Access};
use regent_audit::drill::{Drill, Options, Report, Selection, Verdict};
use regent_audit::private;

use super::audit::seconds;
use super::check::usage;
use super::outage::{self, Outage};
use super::{Exit, Failure, bar, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The backup Region, in which everything has to be readable
    #[arg(long, value_name = "REGION")]
    to: String,
    /// The primary Region [default: the one that is configured]
    #[arg(long, value_name = "REGION")]
    from: Option<String>,
    /// A secret, by name or ARN [default: all secrets and keys that are replicated to the backup]
    #[arg(long, value_name = "ID")]
    secret: Vec<String>,
    /// The secrets whose names begin so
    #[arg(long, value_name = "TEXT")]
    prefix: Option<String>,
    /// The secrets that have this tag; of several, all of them
    #[arg(long, value_name = "KEY[=VALUE]", value_parser = tag)]
    tag: Vec<(String, Option<String>)>,
    /// A multi-Region key, by id, ARN or alias
    #[arg(long, value_name = "ID")]
    key: Vec<String>,
    /// How much older what the backup has may be, such as 30s, 15m or 2h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = seconds)]
    recovery_point: i64,
    /// How long it may take until the last item is readable
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    recovery_time: Option<i64>,
    /// Take the primary Region of a `regent dev` down meanwhile, and bring it back
    #[arg(long)]
    for_real: bool,
    /// Do not ask before the Region is taken down
    #[arg(long, requires = "for_real")]
    yes: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// Where the report is kept: a folder, or a file, as JSON if its name ends so and else as Markdown
    #[arg(long, value_name = "PATH", default_value = ".")]
    report: PathBuf,
    /// Keep no report
    #[arg(long, conflicts_with = "report")]
    no_report: bool,
    /// A profile of the AWS configuration
    #[arg(long)]
    profile: Option<String>,
    /// A role that is assumed
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Items that are looked at at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object
    Json,
    /// A table, for a wiki or a ticket
    Markdown,
}

impl Format {
    fn of(self, report: &Report) -> String {
        match self {
            Self::Text => report.text(),
            Self::Json => format!("{:#}\n", report.json()),
            Self::Markdown => report.markdown(),
        }
    }
}

fn tag(text: &str) -> Result<(String, Option<String>), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() { Err("it has no key".to_owned()) } else { Ok((key.to_owned(), value)) }
}

fn span(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let (from, endpoint) = runtime.block_on(primary(args))?;
    if let Some(endpoint) = &endpoint {
        consent(args.yes, &from, endpoint)?;
    }
    let report = runtime.block_on(async {
        let interrupted = interrupted()?;
        // What is dropped here brings a Region back that it had taken down.
        tokio::select! {
            report = drill(args, from, endpoint) => report,
            () = interrupted => Err(Failure::new(Exit::Unreadable, "the drill was interrupted")),
        }
    })?;
    print(&args.output.of(&report));
    if !args.no_report {
        let path = kept(&args.report, &report);
        write(&path, &report).map_err(|e| usage(format!("{}: {e}", path.display())))?;
        eprintln!("report: {}", path.display());
    }
    match report.verdict() {
        Verdict::Pass => Ok(()),
        Verdict::Fail => Err(Failure::new(Exit::Failure, "the drill failed")),
        Verdict::Unknown => {
            Err(Failure::new(Exit::Unreadable, "not everything could be rehearsed"))
        }
    }
}

/// Ends with the first signal that ends processes.
fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let on = |kind| signal(kind).map_err(|cause| Failure::new(Exit::Failure, cause));
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut hangup = on(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

fn access(args: &Args) -> Access {
    Access {
        profile: args.profile.clone(),
        roles: args.role_arn.iter().cloned().collect(),
        region: args.from.clone(),
    }
}

/// The primary Region, and the endpoint at which it can be taken down, if it is to be. Nothing is
/// asked of the account yet.
async fn primary(args: &Args) -> Result<(String, Option<String>), Failure> {
    let access = access(args);
    let from = match &args.from {
        Some(from) => Some(from.clone()),
        None => account::region(&access).await,
    };
    let from =
        from.ok_or_else(|| usage("no Region is configured: which is the primary? --from"))?;
    if from == args.to {
        return Err(usage("the backup Region is the primary itself"));
    }
    if !args.for_real {
        return Ok((from, None));
    }
    let endpoint = outage::possible(account::endpoint(&access).await, &from).await?;
    Ok((from, Some(endpoint)))
}

async fn drill(args: &Args, from: String, endpoint: Option<String>) -> Result<Report, Failure> {
    let accounts = account::accounts(&access(args)).await;
    let accounts = accounts.map_err(|why| Failure::new(Exit::Unreadable, why))?;
    let account = accounts.first().ok_or_else(|| Failure::new(Exit::Unreadable, "no account"))?;
    let options = Options {
        from: from.clone(),
        to: args.to.clone(),
        selection: Selection {
            secrets: args.secret.clone(),
            prefix: args.prefix.clone(),
            tags: args.tag.clone(),
            keys: args.key.clone(),
        },
        concurrency: usize::from(args.concurrency),
        recovery_point: span(args.recovery_point),
        recovery_time: args.recovery_time.map(span),
    };
    let bar = Bar::new();
    let prepared = Drill::prepare(account, &options, &bar.step("preparing")).await;
    let mut drill = prepared.map_err(|why| Failure::new(Exit::Unreadable, why))?;
    let Some(endpoint) = endpoint else {
        drill.fail_over(&bar.step("reading in the backup")).await;
        drill.fail_back(true, &bar.step("looking back")).await;
        return Ok(drill.report(None));
    };
    let outage = Outage::begin(&endpoint, &from).await?;
    bar.say(&format!("{from} is down"));
    if drill.primary_answers().await {
        let text = format!("{from} answers although {endpoint} has taken it down: it is elsewhere");
        return Err(Failure::new(Exit::Unreadable, text));
    }
    drill.fail_over(&bar.step("reading in the backup")).await;
    let lasted = outage.end().await?;
    bar.say(&format!("{from} is back"));
    drill.fail_back(false, &bar.step("looking back")).await;
    Ok(drill.report(Some(lasted)))
}

/// Asks, unless that is said already.
fn consent(yes: bool, region: &str, endpoint: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(usage("--for-real needs --yes where nobody can be asked"));
    }
    let mut out = io::stderr().lock();
    let asked =
        write!(out, "Take {region} of {endpoint} down now? [y/N] ").and_then(|()| out.flush());
    asked.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|cause| Failure::new(Exit::Failure, cause))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Exit::Unreadable, "nothing was taken down")),
    }
}

/// How far a step of the drill is.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        Self(bar(0, "{spinner} {bar:30} {pos} of {len}, {msg}"))
    }

    fn step(&self, name: &'static str) -> impl Fn(usize) + Sync {
        self.0.set_position(0);
        self.0.set_message(name);
        |all| {
            self.0.set_length(u64::try_from(all).unwrap_or(u64::MAX));
            self.0.inc(1);
        }
    }

    /// What is to be seen in every log.
    fn say(&self, text: &str) {
        self.0.suspend(|| eprintln!("{text}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// The file, with a name of the day and time if a folder was given.
fn kept(path: &Path, report: &Report) -> PathBuf {
    if !path.is_dir() {
        return path.to_owned();
    }
    let digits: String = report.date().chars().filter(char::is_ascii_digit).collect();
    let (day, minute) = digits.split_at_checked(8).unwrap_or((&digits, ""));
    path.join(format!("regent-drill-{day}-{minute}{:02}.md", report.ended_s.rem_euclid(60)))
}

fn write(path: &Path, report: &Report) -> io::Result<()> {
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let format = if json { Format::Json } else { Format::Markdown };
    private(path)?.write_all(format.of(report).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let found = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        assert_eq!(tag("stage"), Ok(found("stage", None)));
        assert_eq!(tag("stage="), Ok(found("stage", Some(""))));
        assert_eq!(tag("stage=a=b"), Ok(found("stage", Some("a=b"))));
        assert!(tag("=a").is_err() && tag("").is_err());
    }
}
