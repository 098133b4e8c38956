//! The real AWS CLI and boto3 against the real binary.
//!
//! The tests are Python, because that is what drives these clients; see `tests/e2e`. Here they get
//! what they need: the binary, the operations table, and an interpreter with both clients.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::compat::known::SERVICES;
use crate::run::{Result, output, release_binaries, root, succeed, succeeds, target_dir};
use regent_wire::operations::OPERATIONS;

/// What is installed where the clients are absent. Older models lack operations that are built.
const PACKAGES: [&str; 16] = [
    "awscli>=1.46.3,<2",
    "boto3>=1.44.5",
    "botocore>=1.44.5",
    "aws-secretsmanager-caching>=1.2",
    "aws-encryption-sdk[MPL]>=4",
    "cryptography>=50",
    "sops>=1.18",
    "pre-commit>=4",
    "check-jsonschema>=0.30",
    "junitparser>=3",
    "sarif-pydantic>=0.6",
    "moto>=5.2",
    "flask>=3",
    "flask-cors>=6",
    // The SDK and its types; the engine is in no registry.
    "pulumi>=3,<4",
    "pulumi-aws>=7,<8",
];
/// The clients from the npm registry.
const NODE_PACKAGES: [&str; 6] = [
    "@aws-sdk/client-secrets-manager@3",
    "@aws-sdk/client-kms@3",
    "aws-cdk@2",
    "aws-cdk-lib@2",
    "constructs@10",
    // OASIS's schema of SARIF is in it, and it has no release but this one.
    "@microsoft/jest-sarif@1.0.0-beta.0",
];
/// Programs that tests run, and the Debian packages that they are installed from where absent.
const PROGRAMS: [(&str, &str); 6] = [
    ("strace", "strace"),
    ("faketime", "faketime"),
    ("initdb", "postgresql"),
    ("openssl", "openssl"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];
/// Debian keeps PostgreSQL's programs here, by version, and not on the search path.
const POSTGRESQL: &str = "/usr/lib/postgresql";
/// Succeeds in an interpreter whose clients know all that is tested. The CLI is not imported: it
/// would put a botocore of its own in the other's place.
const HAS_CLIENTS: &str = "import importlib.util, tomllib; \
    import aws_cryptographic_material_providers, aws_encryption_sdk; \
    import aws_secretsmanager_caching, boto3, botocore, moto.server; \
    from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem; \
    assert importlib.util.find_spec('awscli') and importlib.util.find_spec('sops'); \
    assert all(map(importlib.util.find_spec, ('pre_commit', 'check_jsonschema'))); \
    assert all(map(importlib.util.find_spec, ('junitparser', 'sarif_pydantic'))); \
    assert all(map(importlib.util.find_spec, ('pulumi', 'pulumi_aws'))); \
    assert tuple(map(int, botocore.__version__.split('.'))) >= (1, 44, 5)";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only tests whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// How many classes of tests run at once; one more than there are processors if not given
    #[arg(long)]
    jobs: Option<NonZeroUsize>,
}

pub fn run(args: &Args) -> Result<()> {
    let binary = release_binaries()?.join("regent");
    let clients = Clients::find()?;
    install_programs()?;
    println!("xtask: {}", clients.versions()?);
    let operations = write_operations()?;
    let mut command = Command::new(&clients.python);
    command.arg("-B").arg(root().join("tests/e2e/run.py"));
    command.args(&args.filter);
    if let Some(jobs) = args.jobs {
        command.arg("--jobs").arg(jobs.to_string());
    }
    command.env("REGENT_BIN", binary).env("REGENT_OPERATIONS", operations);
    if let Some(modules) = node_modules()? {
        command.env("REGENT_NODE_MODULES", modules);
    }
    if let Some(path) = &clients.path {
        command.env("PATH", path);
    }
    succeed(&mut command)
}

/// The directory of the npm packages, which are installed if absent; `None` without npm.
fn node_modules() -> Result<Option<PathBuf>> {
    if !succeeds(Command::new("npm").arg("--version")) {
        println!("xtask: npm is not installed; the tests that need it are skipped");
        return Ok(None);
    }
    let prefix = target_dir()?.join("e2e-node");
    let modules = prefix.join("node_modules");
    let name = |package: &str| package.rsplit_once('@').map_or("", |(name, _)| name).to_owned();
    if !NODE_PACKAGES.iter().all(|package| modules.join(name(package)).is_dir()) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(&prefix);
        succeed(npm.args(NODE_PACKAGES))?;
    }
    Ok(Some(modules))
}

fn install_programs() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    let directories: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(versions.map(|version| version.path().join("bin")))
        .collect();
    let found = |program: &str| directories.iter().any(|at| at.join(program).is_file());
    let absent = PROGRAMS.iter().filter(|(program, _)| !found(program));
    let packages: Vec<_> = absent.map(|(_, package)| *package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        succeed(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], &*packages].concat())
}

/// An interpreter that has boto3, beside an `aws` command.
struct Clients {
    python: PathBuf,
    /// The search path under which `aws` is found, if it is not the present one.
    path: Option<std::ffi::OsString>,
}

impl Clients {
    /// What is installed, or else a virtual environment below the target directory.
    fn find() -> Result<Self> {
        let python = PathBuf::from("python3");
        let has_boto3 = succeeds(Command::new(&python).args(["-c", HAS_CLIENTS]));
        if has_boto3 && succeeds(Command::new("aws").arg("--version")) {
            return Ok(Self { python, path: None });
        }
        let venv = target_dir()?.join("e2e-venv");
        let bin = venv.join("bin");
        let python = bin.join("python");
        let ready = succeeds(Command::new(&python).args(["-c", HAS_CLIENTS]));
        if !ready {
            Self::install(&venv, &python)?;
        }
        let search = std::env::var_os("PATH").unwrap_or_default();
        let search = std::iter::once(bin).chain(std::env::split_paths(&search));
        let path = std::env::join_paths(search).map_err(|cause| cause.to_string())?;
        Ok(Self { python, path: Some(path) })
    }

    fn install(venv: &Path, python: &Path) -> Result<()> {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv))?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        succeed(pip.args(PACKAGES))
    }

    fn versions(&self) -> Result<String> {
        let mut aws = Command::new("aws");
        if let Some(path) = &self.path {
            aws.env("PATH", path);
            // The search path of a child is not used to find the child itself.
            let beside = self.python.with_file_name("aws");
            aws = Command::new(beside);
        }
        output(aws.arg("--version")).map(|line| line.trim().to_owned())
    }
}

/// The operations of each service, for the tests that derive from the table.
fn write_operations() -> Result<PathBuf> {
    let mut known = serde_json::Map::new();
    let mut built = serde_json::Map::new();
    for (service, names) in SERVICES {
        let rows = OPERATIONS.iter().filter(|row| row.service == service);
        let rows: Vec<_> = rows.map(|row| row.name).collect();
        known.insert(service.signing_name().to_owned(), json!(names));
        built.insert(service.signing_name().to_owned(), json!(rows));
    }
    let path = target_dir()?.join("e2e-operations.json");
    let text = json!({ "known": known, "built": built }).to_string();
    fs::write(&path, text).map_err(|cause| format!("{}: {cause}", path.display()))?;
    Ok(path)
}
