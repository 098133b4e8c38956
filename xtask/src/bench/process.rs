//! The servers under measurement, as processes of their own: what the kernel says that they cost.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::run::Result;

/// A server process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub port: u16,
    /// From the start of the process to the line that says where it listens.
    pub listening_after: Duration,
}

impl Process {
    /// The bare server, from this program's own binary.
    pub fn bare(body_len: usize) -> Result<Self> {
        let program = std::env::current_exe().map_err(|cause| cause.to_string())?;
        let mut command = Command::new(program);
        command.args(["bare-server", "--body-len", &body_len.to_string()]);
        Self::start(command, |line| line.trim().parse().ok())
    }

    /// `regent dev` on a data directory.
    pub fn regent(binary: &Path, data_dir: &Path) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["dev", "--port", "0", "--output", "json", "--data-dir"]).arg(data_dir);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("REGENT_") {
                command.env_remove(name);
            }
        }
        Self::start(command, |line| {
            let banner: serde_json::Value = serde_json::from_str(line).ok()?;
            banner.get("endpoint")?.as_str()?.rsplit_once(':')?.1.parse().ok()
        })
    }

    fn start(mut command: Command, port_of: impl Fn(&str) -> Option<u16>) -> Result<Self> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|cause| format!("a server cannot be started: {cause}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let _ = stdout.read_line(&mut line);
        }
        let listening_after = started.elapsed();
        if let Some(port) = port_of(&line) {
            return Ok(Self { child, port, listening_after });
        }
        let _ = child.kill();
        let _ = child.wait();
        Err(format!("a server said {line:?} instead of where it listens"))
    }

    /// Processor time so far, user and system, of all threads that live; a server keeps its.
    pub fn cpu(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let times = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(times.sum())
    }

    /// Resident memory in KiB.
    pub fn memory_kib(&self) -> u64 {
        status_kib(self.child.id(), "VmRSS:")
    }
}

/// The most that a process had resident so far, in KiB; 0 once it has ended.
pub fn peak_memory_kib(id: u32) -> u64 {
    status_kib(id, "VmHWM:")
}

fn status_kib(id: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
