//! `regent watch`: live accounts are looked at again and again, and what changes is told.
//!
//! This module reads options, opens what they name, and turns the end into an exit code; what is
//! done is `watch`'s.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regent_audit::Options;
use regent_audit::account::Access;
use regent_guard::Severity;
use serde_json::json;
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::audit::seconds;
use super::check::{self, Level, usage};
use super::dev::Stop;
use super::{Exit, Failure, Output, print};
use crate::watch::webhook::Webhook;
use crate::watch::{self, Kept, Setup, Standing, Unusable};

/// LIMIT: bytes of a file with a secret in it.
const SECRET_FILE_LEN_MAX: u64 = 4096;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Time between rounds, such as 90s, 5m or 1h
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = seconds)]
    interval: i64,
    /// Up to so much is added to each interval, at random
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = seconds)]
    jitter: i64,
    /// Make one round, deliver what waits, and end: for cron
    #[arg(long, conflicts_with_all = ["listen", "events_file", "events_token_file"])]
    once: bool,
    /// How changes are printed: one in each line
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The least finding that is told
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    level: Level,
    /// A Region, or several with commas [default: all that the account has enabled]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    region: Vec<String>,
    /// A profile of the AWS configuration
    #[arg(long)]
    profile: Option<String>,
    /// A role that is assumed, for each account that is watched [default: the caller's own account]
    #[arg(long, value_name = "ARN")]
    role_arn: Vec<String>,
    /// Watch every active account of the caller's organisation, by the role of this name in each
    #[arg(long, value_name = "NAME", conflicts_with = "role_arn")]
    organization_role: Option<String>,
    /// A file of findings that are known and not told of, as `regent audit --write-baseline` writes it
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Read the value of each replica and of its primary in each round, and compare digests
    #[arg(long)]
    probe: bool,
    /// How long replication may take
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = seconds)]
    patience: i64,
    /// Secrets of a Region that are looked at at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    concurrency: u8,
    /// Keep in this file what is known and what is to be told, so that a restart repeats nothing
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Where notices are sent: https://, or http:// on this machine
    #[arg(long, value_name = "URL", env = "REGENT_WEBHOOK", hide_env_values = true)]
    webhook: Option<String>,
    /// A file with the secret that notices are signed with, as Standard Webhooks has it
    #[arg(long, value_name = "FILE", requires = "webhook")]
    webhook_secret_file: Option<PathBuf>,
    /// Answer /metrics, /health and /events at this address, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// A file with the token that POST /events asks for; without one, events are not taken
    #[arg(long, value_name = "FILE", requires = "listen")]
    events_token_file: Option<PathBuf>,
    /// A file of EventBridge events, one in each line, that is followed
    #[arg(long, value_name = "FILE")]
    events_file: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    if args.once && args.webhook.is_some() && args.state.is_none() {
        return Err(usage("--once with a webhook needs --state, or each run repeats its notices"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|cause| Failure::new(Exit::Failure, cause))?;
    runtime.block_on(async {
        let setup = setup(args).await?;
        if args.once {
            return ended(Box::pin(watch::once(setup)).await);
        }
        let stop = Stop::new().map_err(|cause| Failure::new(Exit::Failure, cause))?;
        Box::pin(watch::run(setup, stop.wait())).await;
        Ok(())
    })
}

fn ended(standing: Standing) -> Result<(), Failure> {
    let Standing { problems, unreadable, waiting } = standing;
    if unreadable > 0 {
        return Err(Failure::new(Exit::Unreadable, format!("{unreadable} could not be read")));
    }
    if problems > 0 || waiting > 0 {
        let text = format!("{problems} problems, {waiting} notices that could not be delivered");
        return Err(Failure::new(Exit::Failure, text));
    }
    Ok(())
}

async fn setup(args: &Args) -> Result<Setup, Failure> {
    let secret = args.webhook_secret_file.as_deref().map(secret_in).transpose()?;
    let secret = secret.as_ref().map(|secret| secret.as_str());
    let webhook = args.webhook.as_deref().map(|url| Webhook::new(url, secret)).transpose();
    let webhook = webhook.map_err(usage)?;
    let events_token = args.events_token_file.as_deref().map(secret_in).transpose()?;
    let (kept, ledger) = match args.state.as_deref().map(Kept::open).transpose() {
        Ok(Some((kept, ledger))) => (Some(kept), ledger),
        Ok(None) => (None, None),
        Err(why @ Unusable::InUse(_)) => return Err(Failure::new(Exit::DataInUse, why)),
        Err(why) => return Err(usage(why)),
    };
    let listener = match args.listen {
        Some(address) => Some(listen(address, args.output).await?),
        None => None,
    };
    let roles = args.role_arn.clone();
    let region = args.region.first().cloned();
    let options = Options {
        regions: args.region.clone(),
        probe: args.probe,
        patience_s: args.patience,
        concurrency: usize::from(args.concurrency),
        ..Options::default()
    };
    Ok(Setup {
        access: Access { profile: args.profile.clone(), roles, region },
        options,
        interval: span(args.interval),
        jitter: span(args.jitter),
        least: Severity::from(args.level),
        baseline: args.baseline.as_deref().map(check::baseline).transpose()?,
        organization: args.organization_role.clone(),
        json: args.output == Output::Json,
        kept,
        ledger,
        webhook,
        listener,
        events_token,
        events_file: args.events_file.clone(),
    })
}

fn span(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

fn secret_in(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let wrong = |why: &dyn std::fmt::Display| usage(format!("{}: {why}", path.display()));
    let length = std::fs::metadata(path).map_err(|why| wrong(&why))?.len();
    if length > SECRET_FILE_LEN_MAX {
        return Err(wrong(&"too long for a secret"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|why| wrong(&why))?);
    let secret = Zeroizing::new(text.trim().to_owned());
    if secret.is_empty() { Err(wrong(&"there is nothing in it")) } else { Ok(secret) }
}

async fn listen(address: SocketAddr, output: Output) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    let bound = bound.map_err(|cause| {
        let in_use = cause.kind() == io::ErrorKind::AddrInUse;
        let exit = if in_use { Exit::PortInUse } else { Exit::Usage };
        Failure::new(exit, format_args!("{address}: {cause}"))
    })?;
    let own = bound.local_addr().map_err(|cause| Failure::new(Exit::Failure, cause))?;
    match output {
        Output::Text => print(&format!("listening on http://{own}\n")),
        Output::Json => {
            let line = json!({"event": "listening", "endpoint": format!("http://{own}")});
            print(&format!("{line}\n"));
        }
    }
    Ok(bound)
}
