//! `regent dev`: several Regions in one process, on loopback only.
//!
//! Lesson 24: there is no insecure mode and no way to bind anything but loopback. Starting is in
//! this order: the port, then the data directory, then the stores; the first that cannot be had
//! ends the start with its own exit code. Stopping finishes what runs, then closes the stores.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use regent_core::cx::Profile;
use regent_core::ids::{AccountId, Region};
use regent_crypto::{RootKey, SystemEntropy, TokenKey};
use regent_wire::sigv4::{SecretKey, SigningKeys};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::banner::{Banner, DEFAULT_KEY};
use super::{Exit, Failure, Output, print};
use crate::audit_log::AuditLog;
use crate::cluster::{Cluster, Options, Storage};
use crate::config::{AccessKey, Config, is_access_key};
use crate::credentials::sessions::Sessions;
use crate::credentials::{AccessKeys, AdministratorKey};
use crate::data_dir::{DataDir, Unusable};
use crate::functions::Functions;
use crate::http::host::Hosts;
use crate::http::{Server, serve};
use crate::metrics::Metrics;
use crate::proxies::AllowedProxies;

/// LIMIT: Regions in one process.
const REGIONS_MAX: usize = 32;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; 0 takes any free port
    #[arg(long, env = "REGENT_PORT", default_value_t = 4566)]
    port: u16,
    /// The loopback address to listen on
    #[arg(long, env = "REGENT_HOST", default_value = "127.0.0.1", value_parser = parse_host)]
    host: IpAddr,
    /// Where everything is kept
    #[arg(long, env = "REGENT_DATA_DIR", default_value = ".regent", value_name = "PATH")]
    data_dir: PathBuf,
    /// Keep everything in memory only
    #[arg(long, env = "REGENT_EPHEMERAL", value_parser = FalseyValueParser::new())]
    ephemeral: bool,
    /// The Regions to run
    #[arg(long, env = "REGENT_REGIONS", value_delimiter = ',', value_name = "REGION,...")]
    #[arg(default_value = "us-east-1,us-east-2,us-west-2,eu-west-1")]
    regions: Vec<Region>,
    /// The account of the access key
    #[arg(long, env = "REGENT_ACCOUNT", default_value = "123456789012", value_name = "ID")]
    account: AccountId,
    /// What to do with keys that a replica could not use: refuse them, or accept and fail later as
    /// AWS does
    #[arg(long, env = "REGENT_PROFILE", value_enum, default_value = "strict")]
    profile: ProfileName,
    /// A profile for one Region; can be repeated
    #[arg(long, env = "REGENT_REGION_PROFILES", value_delimiter = ',')]
    #[arg(value_name = "REGION=PROFILE", value_parser = parse_region_profile)]
    region_profile: Vec<(Region, Profile)>,
    /// The administrator's access key
    #[arg(long, env = "REGENT_ACCESS_KEY", default_value = DEFAULT_KEY, value_parser = parse_key)]
    access_key: String,
    /// Its secret key, also of access keys of twelve digits: the administrators of those accounts
    #[arg(long, env = "REGENT_SECRET_KEY", default_value = DEFAULT_KEY, hide_env_values = true)]
    #[arg(value_parser = parse_secret)]
    secret_key: Secret,
    /// A JSON file with further access keys, their policies, roles, rotation functions, and proxies of
    /// key stores
    #[arg(long, env = "REGENT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Memory for cached records, of each Region at most, in MiB: 320 are enough for 100,000
    /// secrets of 1 KiB
    #[arg(long, env = "REGENT_CACHE_MB", default_value_t = 320, value_name = "MIB")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    cache_mb: u32,
    /// Where to append audit records [default: audit.log in the data directory; none in memory]
    #[arg(long, env = "REGENT_AUDIT_FILE", value_name = "FILE")]
    audit_file: Option<PathBuf>,
    /// A further name that clients may call this server by; can be repeated
    #[arg(long, env = "REGENT_ALLOW_HOSTS", value_delimiter = ',', value_name = "HOST")]
    allow_host: Vec<String>,
    /// Seconds until a request must have arrived, and an idle connection is closed
    #[arg(long, env = "REGENT_RECEIVE_TIMEOUT", default_value_t = 30, value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    receive_timeout: u32,
    /// What to log to stderr: a level, or targets with levels
    #[arg(long, env = "REGENT_LOG", default_value = "warn", value_name = "FILTER")]
    log: String,
    /// How to print where the server listens
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileName {
    /// Refuse what a replica Region could not read
    Strict,
    /// Accept it, and fail later, as AWS does
    Aws,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Strict => Self::Strict,
            ProfileName::Aws => Self::Aws,
        }
    }
}

/// A secret key of the command line.
#[derive(Debug, Clone)]
struct Secret {
    key: SecretKey,
    is_default: bool,
}

pub(super) fn run(args: Args) -> Result<(), Failure> {
    start_log(&args.log)?;
    log_panics();
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|cause| Failure::new(Exit::Failure, cause))?;
    runtime.block_on(start(args))
}

async fn start(args: Args) -> Result<(), Failure> {
    check_regions(&args)?;
    let stop = Stop::new().map_err(|cause| Failure::new(Exit::Failure, cause))?;
    let config = config(&args)?;
    let (listener, address) = listen(SocketAddr::new(args.host, args.port)).await?;
    // The first draw of a process is slow.
    SystemEntropy::warm_up();
    let data_dir = if args.ephemeral { None } else { Some(open_data_dir(&args)?) };
    let root_key = match &data_dir {
        None => RootKey::generate(&SystemEntropy),
        Some(data_dir) => data_dir.root_key(&SystemEntropy).map_err(unusable)?,
    };
    let sessions = Sessions::new(config.roles, TokenKey::derive(&root_key));
    let access_keys = Arc::new(access_keys(&args, config.access_keys, sessions)?);
    let audit = Arc::new(open_audit(&args, data_dir.as_ref())?);
    let functions = Arc::new(Functions::new(config.functions, format!("http://{address}")));
    let storage = data_dir
        .as_ref()
        .map_or(Storage::Memory, |data_dir| Storage::Directory(data_dir.path().to_owned()));
    let shared = Shared {
        functions,
        proxies: Arc::new(config.proxies),
        principals: Arc::clone(&access_keys),
        audit: Arc::clone(&audit),
    };
    let cluster = open_cluster(&args, storage, root_key, shared)?;
    let server = Arc::new(Server {
        cluster: Arc::clone(&cluster),
        access_keys,
        signing_keys: SigningKeys::new(),
        hosts: Hosts::new(args.allow_host.clone()),
        audit,
        metrics: Metrics::default(),
        receive_timeout: Duration::from_secs(u64::from(args.receive_timeout)),
    });
    let banner = Banner {
        address,
        regions: &args.regions,
        data_dir: data_dir.as_ref().map(DataDir::path),
        profile: args.profile.into(),
        region_profiles: &args.region_profile,
        account: args.account,
        access_key: &args.access_key,
        default_secret: args.secret_key.is_default,
    };
    print(&match args.output {
        Output::Text => banner.text(),
        Output::Json => banner.json(),
    });
    let served = serve(server, listener, stop.wait()).await;
    cluster.shutdown().await;
    served.map_err(|cause| Failure::new(Exit::Failure, cause))
}

fn check_regions(args: &Args) -> Result<(), Failure> {
    let usage = |text: &str| Err(Failure::new(Exit::Usage, text));
    let mut sorted = args.regions.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != args.regions.len() {
        return usage("--regions names a Region twice");
    }
    if sorted.is_empty() || sorted.len() > REGIONS_MAX {
        return usage("--regions takes 1 to 32 Regions");
    }
    if args.region_profile.iter().any(|(region, _)| !args.regions.contains(region)) {
        return usage("--region-profile names a Region that --regions does not");
    }
    Ok(())
}

fn config(args: &Args) -> Result<Config, Failure> {
    let Some(path) = &args.config else { return Ok(Config::default()) };
    let home = home(args)?;
    Config::read(path, args.account, home).map_err(|cause| Failure::new(Exit::Failure, cause))
}

fn home(args: &Args) -> Result<Region, Failure> {
    let first = args.regions.first().copied();
    first.ok_or_else(|| Failure::new(Exit::Usage, "no Regions"))
}

fn access_keys(
    args: &Args,
    further: Vec<AccessKey>,
    sessions: Sessions,
) -> Result<AccessKeys, Failure> {
    let administrator = AdministratorKey {
        id: args.access_key.clone(),
        secret: args.secret_key.key.clone(),
        account: args.account,
    };
    AccessKeys::new(administrator, further, sessions, home(args)?)
        .map_err(|cause| Failure::new(Exit::Failure, cause))
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::AddrInUse => {
            let port = address.port();
            Failure::new(
                Exit::PortInUse,
                format_args!("port {port} is in use; stop the other server or give --port"),
            )
        }
        _ => Failure::new(Exit::Failure, format_args!("cannot listen on {address}: {cause}")),
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn open_data_dir(args: &Args) -> Result<DataDir, Failure> {
    DataDir::open(&args.data_dir).map_err(unusable)
}

fn unusable(cause: Unusable) -> Failure {
    let exit = match cause {
        Unusable::InUse(_) => Exit::DataInUse,
        Unusable::Create { .. }
        | Unusable::Access { .. }
        | Unusable::Foreign(_)
        | Unusable::KeyShared(_)
        | Unusable::KeyMalformed(_) => Exit::DataUnusable,
    };
    Failure::new(exit, cause)
}

fn open_audit(args: &Args, data_dir: Option<&DataDir>) -> Result<AuditLog, Failure> {
    let path = args.audit_file.clone().or_else(|| data_dir.map(DataDir::audit_file));
    let Some(path) = path else { return Ok(AuditLog::none()) };
    AuditLog::open(&path).map_err(|cause| {
        let text = format_args!("the audit log {} cannot be opened: {cause}", path.display());
        Failure::new(Exit::DataUnusable, text)
    })
}

/// What all Regions have together.
struct Shared {
    functions: Arc<Functions>,
    proxies: Arc<AllowedProxies>,
    principals: Arc<AccessKeys>,
    audit: Arc<AuditLog>,
}

fn open_cluster(
    args: &Args,
    storage: Storage,
    root_key: RootKey,
    shared: Shared,
) -> Result<Arc<Cluster>, Failure> {
    let Shared { functions, proxies, principals, audit } = shared;
    let region_profiles: BTreeMap<_, _> = args.region_profile.iter().copied().collect();
    let options = Options {
        regions: args.regions.clone(),
        profile: args.profile.into(),
        region_profiles,
        storage,
        root_key,
        cache_bytes: u64::from(args.cache_mb) << 20,
        functions,
        proxies,
        principals,
        audit,
    };
    Cluster::open(&options).map_err(|cause| Failure::new(Exit::DataUnusable, cause))
}

/// The signals that stop the server.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub(super) fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        tracing::info!("stopping");
    }
}

fn start_log(filter: &str) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|cause| Failure::new(Exit::Usage, format_args!("--log: {cause}")))?;
    let ansi = io::IsTerminal::is_terminal(&io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(ansi)
        .init();
    Ok(())
}

/// Logs where a panic was. PROMISE R7: of its message only what is fixed in the program's text,
/// because anything else could hold input.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload().downcast_ref::<&'static str>().copied();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, message, "a panic; this is a bug in Regent");
    }));
}

/// Lesson 24: loopback and nothing else.
fn parse_host(text: &str) -> Result<IpAddr, String> {
    let address = if text == "localhost" { "127.0.0.1" } else { text }.parse::<IpAddr>();
    match address {
        Ok(address) if address.is_loopback() => Ok(address),
        Ok(_) => Err("regent dev listens on loopback addresses only".to_owned()),
        Err(_) => Err("expected a loopback address, such as 127.0.0.1 or ::1".to_owned()),
    }
}

fn parse_region_profile(text: &str) -> Result<(Region, Profile), String> {
    let expected = || "expected REGION=strict or REGION=aws".to_owned();
    let (region, profile) = text.split_once('=').ok_or_else(expected)?;
    let profile = ProfileName::from_str(profile, false).map_err(|_| expected())?;
    Ok((region.parse().map_err(|_| expected())?, profile.into()))
}

fn parse_key(text: &str) -> Result<String, String> {
    let expected = || "expected 1 to 128 letters, digits or underscores".to_owned();
    if is_access_key(text) { Ok(text.to_owned()) } else { Err(expected()) }
}

fn parse_secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    Ok(Secret { key: SecretKey::new(text.to_owned()), is_default: text == DEFAULT_KEY })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<Args, String> {
        let words = ["dev"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let args = parse("").unwrap();
        assert_eq!((args.port, args.host.to_string()), (4566, "127.0.0.1".to_owned()));
        let regions: Vec<_> = args.regions.iter().map(Region::as_str).collect();
        assert_eq!(regions, ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"]);
        assert_eq!(args.account.as_str(), "123456789012");
        assert_eq!(Profile::from(args.profile), Profile::Strict);
        assert!(args.secret_key.is_default && !args.ephemeral);
        assert!(check_regions(&args).is_ok());
    }

    #[test]
    fn everything_given() {
        let args = parse(
            "--port 0 --host ::1 --data-dir d --ephemeral --regions us-east-1,us-west-2 \
             --account 000000000001 --profile aws --region-profile us-west-2=strict \
             --access-key AKIA --secret-key hunter2 --config c.json --cache-mb 8 \
             --allow-host regent.test --receive-timeout 1 --log debug --output json",
        )
        .unwrap();
        assert!(check_regions(&args).is_ok());
        assert_eq!(args.region_profile, [(args.regions[1], Profile::Strict)]);
        assert!(!format!("{args:?}").contains("hunter2"));
        assert!(!args.secret_key.is_default);
    }

    /// Lesson 24: dev refuses to be reachable.
    #[test]
    fn only_loopback() {
        for bad in ["0.0.0.0", "::", "10.0.0.1", "example.com"] {
            assert!(parse(&format!("--host {bad}")).unwrap_err().contains("loopback"));
        }
        assert!(parse("--host localhost").is_ok());
    }

    #[test]
    fn mistakes_are_refused() {
        for bad in [
            "--port 70000",
            "--regions nowhere",
            "--account 12",
            "--profile lax",
            "--region-profile us-east-1",
            "--region-profile us-east-1=lax",
            "--access-key a/b",
            "--receive-timeout 0",
            "--cache-mb 0",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for bad in
            ["--regions us-east-1,us-east-1", "--regions us-east-1 --region-profile us-west-2=aws"]
        {
            assert_eq!(check_regions(&parse(bad).unwrap()).unwrap_err().exit, Exit::Usage);
        }
    }
}
