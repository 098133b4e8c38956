//! The `functions` of the configuration file: which ARN is which rotation function.
//!
//! Everything that can be wrong is found at start. No problem repeats a part of the file, because
//! an environment may hold secrets (promise R7).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regent_core::ids::{AccountId, Region};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::AccessKey;
use crate::functions::{Command, Function, Target};

/// LIMIT: seconds of a step. AWS: Lambda's limit, 15 minutes.
const TIMEOUT_S_MAX: u64 = 900;
const TIMEOUT_S_DEFAULT: u64 = 30;

/// What is wrong with an entry of `functions`.
#[derive(Debug, thiserror::Error)]
pub enum FunctionProblem {
    #[error("arn must be arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME")]
    Arn,
    #[error("arn is given twice")]
    Duplicate,
    #[error("exactly one of url and command must be given")]
    Target,
    #[error("url must be http://HOST:PORT[/PATH] with a loopback address or localhost as its host")]
    Url,
    #[error("command must begin with the absolute path of a program that can be executed")]
    Command,
    #[error("environment and access_key go with command only")]
    NoCommand,
    #[error("environment has a name or value that no environment can have")]
    Environment,
    #[error("access_key must be the id of one of access_keys")]
    AccessKey,
    #[error("timeout_s must be 1 to {TIMEOUT_S_MAX}")]
    Timeout,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    arn: String,
    url: Option<String>,
    command: Option<Vec<String>>,
    environment: Option<BTreeMap<String, Zeroizing<String>>>,
    access_key: Option<String>,
    timeout_s: Option<u64>,
}

/// Checks the entries; a problem comes with its place.
pub(super) fn functions(
    entries: Vec<Entry>,
    keys: &[AccessKey],
) -> Result<Vec<Function>, (usize, FunctionProblem)> {
    let mut functions: Vec<Function> = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let taken = functions.iter().any(|function| *function.arn == *entry.arn);
        let checked = if taken { Err(FunctionProblem::Duplicate) } else { function(entry, keys) };
        functions.push(checked.map_err(|problem| (index, problem))?);
    }
    Ok(functions)
}

fn function(entry: Entry, keys: &[AccessKey]) -> Result<Function, FunctionProblem> {
    let (region, name) = parse_arn(&entry.arn).ok_or(FunctionProblem::Arn)?;
    let timeout_s = entry.timeout_s.unwrap_or(TIMEOUT_S_DEFAULT);
    if !(1..=TIMEOUT_S_MAX).contains(&timeout_s) {
        return Err(FunctionProblem::Timeout);
    }
    let target = match (entry.url, entry.command) {
        (Some(_), None) if entry.environment.is_some() || entry.access_key.is_some() => {
            return Err(FunctionProblem::NoCommand);
        }
        (Some(url), None) => lambda(&url, name).ok_or(FunctionProblem::Url)?,
        (None, Some(argv)) => {
            let environment = entry.environment.unwrap_or_default();
            Target::Command(command(argv, environment, entry.access_key, keys)?)
        }
        _ => return Err(FunctionProblem::Target),
    };
    let timeout = Duration::from_secs(timeout_s);
    Ok(Function { arn: entry.arn.into(), region, target, timeout })
}

/// The Region of a function's ARN, and its name.
fn parse_arn(arn: &str) -> Option<(Region, &str)> {
    let fields: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "lambda", region, account, "function", name, qualifier @ ..] =
        fields.as_slice()
    else {
        return None;
    };
    let region: Region = region.parse().ok()?;
    account.parse::<AccountId>().ok()?;
    let is_name = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_$".contains(&b))
    };
    let plain = qualifier.len() <= 1 && qualifier.iter().all(|text| is_name(text));
    (*partition == region.partition() && is_name(name) && plain).then_some((region, name))
}

/// Lesson 18: no name is resolved, and nothing but this machine is called.
fn lambda(url: &str, name: &str) -> Option<Target> {
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?;
    let address = match host.trim_start_matches('[').trim_end_matches(']') {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().ok().filter(IpAddr::is_loopback)?,
    };
    let authority = uri.authority()?.as_str();
    if uri.scheme_str() != Some("http") || authority.contains('@') || uri.query().is_some() {
        return None;
    }
    let path = match uri.path() {
        "" | "/" => format!("/2015-03-31/functions/{name}/invocations"),
        path => path.to_owned(),
    };
    Some(Target::Lambda {
        address: SocketAddr::new(address, uri.port_u16()?),
        host: authority.into(),
        path: path.into(),
    })
}

fn command(
    argv: Vec<String>,
    environment: BTreeMap<String, Zeroizing<String>>,
    access_key: Option<String>,
    keys: &[AccessKey],
) -> Result<Command, FunctionProblem> {
    let mut argv = argv.into_iter();
    let program: PathBuf = argv.next().ok_or(FunctionProblem::Command)?.into();
    let arguments: Vec<String> = argv.collect();
    if !is_program(&program) || arguments.iter().any(|text| text.contains('\0')) {
        return Err(FunctionProblem::Command);
    }
    let is_name = |name: &str| !name.is_empty() && !name.contains(['=', '\0']);
    if !environment.iter().all(|(name, value)| is_name(name) && !value.contains('\0')) {
        return Err(FunctionProblem::Environment);
    }
    let key_of = |id: String| {
        let key = keys.iter().find(|key| key.id == id);
        key.map(|key| (id, key.secret.clone())).ok_or(FunctionProblem::AccessKey)
    };
    let access_key = access_key.map(key_of).transpose()?;
    Ok(Command { program, arguments, environment, access_key })
}

fn is_program(path: &Path) -> bool {
    let executable =
        |found: std::fs::Metadata| found.is_file() && found.permissions().mode() & 0o111 != 0;
    path.is_absolute() && std::fs::metadata(path).is_ok_and(executable)
}
