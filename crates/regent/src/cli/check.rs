//! `regent check`: templates are judged before they are deployed, without a network.
//!
//! What is looked for is the guard's; this module reads options and turns the result into a report
//! and an exit code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use regent_audit::account::{self, Access};
use regent_audit::live;
use regent_guard::config::{self, CONFIG_FILE, Options};
use regent_guard::{Baseline, Checked, Finding, Severity, Subject, report, rules, scan};

use super::{Exit, Failure, bar, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files and folders; in folders, what .gitignore names is left out
    #[arg(required_unless_present_any = ["rules", "explain"])]
    paths: Vec<String>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    output: Format,
    /// The least finding that counts as failure
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    fail_on: Level,
    /// The Region that is deployed to
    #[arg(long)]
    region: Option<String>,
    /// The account that is deployed to
    #[arg(long)]
    account: Option<String>,
    /// A parameter of templates, as KEY=VALUE
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// A JSON file of parameters; `--param` comes before it
    #[arg(long, value_name = "FILE")]
    parameters: Vec<PathBuf>,
    /// A file of findings that are known and do not count
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all that is found into a baseline, and count nothing
    #[arg(long, value_name = "FILE", conflicts_with = "baseline")]
    write_baseline: Option<PathBuf>,
    /// Look the keys of replicas up in their Regions, with the credentials of AWS's tools
    #[arg(long)]
    live: bool,
    /// Ask KMS besides, by a dry run, whether the caller may encrypt under each
    #[arg(long, requires = "live")]
    dry_run_kms: bool,
    /// A profile of the AWS configuration
    #[arg(long, requires = "live")]
    profile: Option<String>,
    /// Options in TOML [default: .regent-check.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print every rule
    #[arg(long, conflicts_with = "explain")]
    rules: bool,
    /// Print all that there is to say of a rule
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: one JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit's XML, for build servers
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// A table, for summaries and comments
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
    /// Also what is not known
    Info,
    Warning,
    Error,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "it is not KEY=VALUE".to_owned())
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.rules {
        return list_rules(args.output, Subject::Files);
    }
    if let Some(id) = &args.explain {
        return explain(args.output, id);
    }
    let options = options(args)?;
    let baseline = args.baseline.as_deref().map(baseline).transpose()?;
    let mut checked = regent_guard::check(&args.paths, &options).map_err(usage)?;
    if args.live {
        let mut asked = std::mem::take(&mut checked.findings);
        asked.append(&mut checked.quiet);
        checked.findings = answered(args, asked)?;
        scan::leave_out(&options, &mut checked.findings).map_err(usage)?;
        checked.sort();
    }
    if let Some(path) = &args.write_baseline {
        return write_baseline(path, &checked);
    }
    if let Some(baseline) = baseline {
        baseline.apply(&mut checked);
    }
    print(&args.output.of(&checked));
    judge(&checked, args.fail_on)
}

/// What a live account says to what the files leave open.
fn answered(args: &Args, findings: Vec<Finding>) -> Result<Vec<Finding>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let access = Access { profile: args.profile.clone(), ..Access::default() };
    runtime.block_on(async {
        let accounts = account::accounts(&access).await;
        let accounts = accounts.map_err(|why| Failure::new(Exit::Unreadable, why))?;
        let open = findings.iter().filter(|finding| finding.question.is_some()).count();
        let open = u64::try_from(open).unwrap_or(u64::MAX);
        let bar = bar(open, "{spinner} {bar:30} {pos} of {len} keys");
        let mut findings = findings;
        for account in &accounts {
            findings = live::answer(account, findings, args.dry_run_kms, &|| bar.inc(1)).await;
        }
        bar.finish_and_clear();
        Ok(findings)
    })
}

impl Format {
    pub(super) fn of(self, checked: &Checked) -> String {
        match self {
            Self::Text => report::text(checked),
            Self::Json => report::json(checked),
            Self::Sarif => report::sarif(checked),
            Self::Junit => report::junit(checked),
            Self::Github => report::github(checked),
            Self::Markdown => report::markdown(checked),
        }
    }
}

/// Prints every rule of a command.
pub(super) fn list_rules(output: Format, subject: Subject) -> Result<(), Failure> {
    print(&match output {
        Format::Text => report::rules(subject),
        Format::Json => report::rules_json(subject),
        _ => return Err(no_report_of_rules()),
    });
    Ok(())
}

/// Prints all that there is to say of a rule.
pub(super) fn explain(output: Format, id: &str) -> Result<(), Failure> {
    let rule = rules::find(id).ok_or_else(|| usage(format!("there is no rule {id}")))?;
    print(&match output {
        Format::Text => report::explain(rule),
        Format::Json => report::explain_json(rule),
        _ => return Err(no_report_of_rules()),
    });
    Ok(())
}

fn no_report_of_rules() -> Failure {
    usage("rules are printed as text or json")
}

pub(super) fn baseline(path: &Path) -> Result<Baseline, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| usage(format!("{name}: {e}")))?;
    Baseline::parse(&text).map_err(|wrong| usage(format!("{name}: {wrong}")))
}

/// What cannot be read is never known, and fails here too.
pub(super) fn write_baseline(path: &Path, checked: &Checked) -> Result<(), Failure> {
    let name = path.display();
    std::fs::write(path, Baseline::write(checked)).map_err(|e| usage(format!("{name}: {e}")))?;
    unreadable(checked)
}

fn unreadable(checked: &Checked) -> Result<(), Failure> {
    match checked.unreadable() {
        0 => Ok(()),
        count => Err(Failure::new(Exit::Unreadable, format!("{count} could not be read"))),
    }
}

/// A file that could not be read says more than a finding: nothing is known of it.
pub(super) fn judge(checked: &Checked, least: Level) -> Result<(), Failure> {
    unreadable(checked)?;
    let least = Severity::from(least);
    let count = checked.findings.iter().filter(|found| found.rule.severity >= least).count();
    if count > 0 {
        return Err(Failure::new(Exit::Failure, format!("{count} to correct or to explain")));
    }
    Ok(())
}

fn options(args: &Args) -> Result<Options, Failure> {
    let mut options = match config_file(args)? {
        Some((name, text)) => {
            Options::parse(&text).map_err(|wrong| usage(format!("{name}: {wrong}")))?
        }
        None => Options::default(),
    };
    for path in &args.parameters {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|e| usage(format!("{name}: {e}")))?;
        let read = config::parameters(&text).map_err(|wrong| usage(format!("{name}: {wrong}")))?;
        options.parameters.extend(read);
    }
    options.parameters.extend(args.params.iter().cloned().collect::<BTreeMap<_, _>>());
    options.region = args.region.clone().or(options.region);
    options.account = args.account.clone().or(options.account);
    Ok(options)
}

/// The file of options and its name, if there is one.
fn config_file(args: &Args) -> Result<Option<(String, String)>, Failure> {
    let path = args.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    let name = path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((name, text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.config.is_none() => {
            Ok(None)
        }
        Err(error) => Err(usage(format!("{name}: {error}"))),
    }
}

pub(super) fn usage(text: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, text)
}
