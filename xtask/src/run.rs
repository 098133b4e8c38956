//! Starting other programs, and where things are in the workspace.
//!
//! A program that fails is an error that names the command line; its output has been shown.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One line for a person.
pub type Result<T> = std::result::Result<T, String>;

/// The workspace's directory.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// A cargo command in the workspace's directory.
pub fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Runs cargo with these arguments.
pub fn cargo_run(arguments: &[&str]) -> Result<()> {
    succeed(cargo().args(arguments))
}

/// Runs a command, with its output shown.
pub fn succeed(command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("xtask: {line}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{line} ended with {status}")),
        Err(cause) => Err(format!("{line} could not be started: {cause}")),
    }
}

/// Runs a command and returns what it printed.
pub fn output(command: &mut Command) -> Result<String> {
    let line = shown(command);
    let done = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| format!("{line} could not be started: {cause}"))?;
    if !done.status.success() {
        return Err(format!("{line} ended with {}", done.status));
    }
    String::from_utf8(done.stdout).map_err(|_| format!("{line} printed no text"))
}

/// Whether a command runs and succeeds. Nothing is shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// What cargo knows of the workspace; `resolved` with the whole dependency graph.
pub fn metadata(resolved: bool) -> Result<serde_json::Value> {
    let mut command = cargo();
    command.args(["metadata", "--format-version=1", "--locked"]);
    if !resolved {
        command.arg("--no-deps");
    }
    let text = output(&mut command)?;
    serde_json::from_str(&text).map_err(|cause| format!("cargo metadata: {cause}"))
}

/// Where cargo builds to.
pub fn target_dir() -> Result<PathBuf> {
    let metadata = metadata(false)?;
    let found = metadata.get("target_directory").and_then(serde_json::Value::as_str);
    found.map(PathBuf::from).ok_or_else(|| "cargo metadata names no target directory".to_owned())
}

/// Builds everything that is run in release, in one go so that dependencies are built once, and
/// returns the directory of the binaries.
pub fn release_binaries() -> Result<PathBuf> {
    let packages = ["-p", "regent", "-p", "regent-sim", "-p", "xtask"];
    succeed(cargo().args(["build", "--release", "--bins"]).args(packages))?;
    Ok(target_dir()?.join("release"))
}

/// Whether this program itself is optimised. If not, what measures or searches starts the one that
/// is.
pub const fn is_release() -> bool {
    !cfg!(debug_assertions)
}
