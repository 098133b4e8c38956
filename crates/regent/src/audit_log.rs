//! The audit log file: lines appended whole, before the answer leaves.
//!
//! PROMISE R6: a request whose record cannot be written is not answered with its result. Each line
//! is one write to a file in append mode, so lines of many threads never mix and no lock is held
//! across I/O. What a line says is `regent_wire::audit`'s business. The file is opened where the
//! operator says, at start; no request can choose it.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use regent_core::ids::RequestId;
use regent_core::secrets::event::ServiceEvent;
use regent_wire::audit::{Intervention, Record, write_event, write_intervention, write_line};

/// LIMIT: bytes of a thread's buffer that are kept for the next line.
const BUFFER_LEN_MAX: usize = 16 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Where audit records go.
#[derive(Debug)]
pub struct AuditLog(Option<File>);

impl AuditLog {
    /// Appends to `path`; a new file is for its owner alone.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        Ok(Self(Some(file)))
    }

    /// Keeps nothing, for servers that keep nothing.
    pub const fn none() -> Self {
        Self(None)
    }

    /// Appends one record.
    pub fn append(&self, record: &Record<'_>) -> io::Result<()> {
        self.append_line(|buffer| write_line(buffer, record))
    }

    /// Appends one of the service's own events.
    pub fn append_event(&self, event: &ServiceEvent, event_id: RequestId) -> io::Result<()> {
        self.append_line(|buffer| write_event(buffer, event, event_id))
    }

    /// Appends what was done to the server itself.
    pub fn append_intervention(&self, done: &Intervention<'_>) -> io::Result<()> {
        self.append_line(|buffer| write_intervention(buffer, done))
    }

    fn append_line(&self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let Some(mut file) = self.0.as_ref() else { return Ok(()) };
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            buffer.shrink_to(BUFFER_LEN_MAX);
            write(buffer);
            match file.write(buffer)? {
                written if written == buffer.len() => Ok(()),
                // A torn line: the disk is full.
                _ => Err(io::ErrorKind::WriteZero.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use regent_core::cx::Origin;
    use regent_core::time::Timestamp;

    use super::*;

    #[test]
    fn lines_of_many_threads_stay_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let log = AuditLog::open(&path).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let log = &log;
                scope.spawn(move || {
                    let origin = Origin {
                        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                        secure_transport: false,
                        user_agent: "x".repeat(usize::from(thread) * 20).into(),
                    };
                    for _ in 0..100 {
                        log.append(&record(&origin)).unwrap();
                    }
                });
            }
        });
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text.lines().count(), 800);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    fn record(origin: &Origin) -> Record<'_> {
        Record {
            at: Timestamp::EPOCH,
            request_id: RequestId::from_entropy([1; 16]),
            event_id: RequestId::from_entropy([2; 16]),
            service: None,
            operation: None,
            read_only: false,
            region: None,
            caller: None,
            access_key: None,
            origin,
            error_code: None,
            error_message: None,
            body: None,
        }
    }
}
