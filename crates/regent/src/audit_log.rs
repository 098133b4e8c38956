//! The audit log file: lines appended whole, before the answer leaves.
//!
//! PROMISE R6: a request whose record cannot be written is not answered with its result. The file is in
//! append mode and whole lines are written at once, so lines of many threads never mix and no lock is
//! held across I/O. Lines of requests that one thread answers at the same time share a write
//! ([`Together`]). What a line says is `regent_wire::audit`'s business. The file is opened where the
//! operator says, at start; no request can choose it.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regent_core::ids::RequestId;
use regent_core::keys::event::KeyEvent;
use regent_core::secrets::event::ServiceEvent;
use regent_wire::audit::{
    Intervention, Record, write_event, write_intervention, write_key_event, write_line,
};
use tokio::sync::{Notify, oneshot};

/// LIMIT: bytes of a buffer that are kept for the next line.
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

    /// Appends one of KMS's own events.
    pub fn append_key_event(&self, event: &KeyEvent, event_id: RequestId) -> io::Result<()> {
        self.append_line(|buffer| write_key_event(buffer, event, event_id))
    }

    /// Appends what was done to the server itself.
    pub fn append_intervention(&self, done: &Intervention<'_>) -> io::Result<()> {
        self.append_line(|buffer| write_intervention(buffer, done))
    }

    fn append_line(&self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        with_lines(write, |lines| match self.write(lines)? {
            written if written == lines.len() => Ok(()),
            // A torn line: the disk is full.
            _ => Err(io::ErrorKind::WriteZero.into()),
        })
    }

    /// Writes whole lines, and says how many bytes of them are in the file.
    fn write(&self, lines: &[u8]) -> io::Result<usize> {
        match &self.0 {
            Some(file) => (&mut &*file).write(lines),
            None => Ok(lines.len()),
        }
    }
}

/// Makes lines in the thread's buffer, and does something with them.
fn with_lines<T>(write: impl FnOnce(&mut Vec<u8>), then: impl FnOnce(&[u8]) -> T) -> T {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.shrink_to(BUFFER_LEN_MAX);
        write(buffer);
        then(buffer)
    })
}

/// Lines of requests that one thread answers: what has come when [`Self::write_as_they_come`] has its
/// turn is written at once.
#[derive(Debug)]
pub struct Together {
    log: Arc<AuditLog>,
    waiting: Mutex<Waiting>,
    come: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Who waits, by where its last line ends.
    whose: Vec<(usize, oneshot::Sender<io::Result<()>>)>,
}

impl Together {
    pub fn new(log: Arc<AuditLog>) -> Self {
        Self { log, waiting: Mutex::default(), come: Notify::new() }
    }

    /// Has the lines that `write` appends written, and returns when they are in the file. They are
    /// written, too, if nobody waits for that any more.
    pub async fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let (sender, written) = oneshot::channel();
        with_lines(write, |lines| {
            let mut waiting = self.lock();
            waiting.lines.extend_from_slice(lines);
            let end = waiting.lines.len();
            waiting.whose.push((end, sender));
        });
        self.come.notify_one();
        written.await.unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Writes what waits, again and again. Other tasks of the thread that are ready go first.
    pub async fn write_as_they_come(&self) {
        loop {
            self.come.notified().await;
            self.write();
        }
    }

    /// Writes what waits.
    fn write(&self) {
        let Waiting { mut lines, mut whose } = std::mem::take(&mut *self.lock());
        if lines.is_empty() {
            return;
        }
        let written = self.log.write(&lines);
        for (end, sender) in whose.drain(..) {
            let result = match &written {
                Ok(written) if *written >= end => Ok(()),
                // A torn line: the disk is full.
                Ok(_) => Err(io::ErrorKind::WriteZero.into()),
                Err(cause) => Err(cause.kind().into()),
            };
            // Whoever has gone away does not wait for it.
            let _ = sender.send(result);
        }
        lines.clear();
        lines.shrink_to(BUFFER_LEN_MAX);
        let mut waiting = self.lock();
        if waiting.lines.is_empty() {
            *waiting = Waiting { lines, whose };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What nobody has written yet is written when the thread ends.
impl Drop for Together {
    fn drop(&mut self) {
        self.write();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{IpAddr, Ipv4Addr};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::task::Poll;

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

    /// A log whose writes arrive one by one.
    fn observed() -> (Together, UnixDatagram) {
        let (log, seen) = UnixDatagram::pair().unwrap();
        seen.set_nonblocking(true).unwrap();
        (Together::new(Arc::new(AuditLog(Some(OwnedFd::from(log).into())))), seen)
    }

    fn next_write(seen: &UnixDatagram) -> Option<String> {
        let mut bytes = [0; 1024];
        let len = seen.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..len].to_vec()).unwrap())
    }

    /// PROMISE R6: whoever is told that its lines are written finds them in the file.
    #[tokio::test]
    async fn lines_that_come_together_share_a_write() {
        let (together, seen) = observed();
        let append = async |lines: &'static str| {
            let written = together.append(|out| out.extend_from_slice(lines.as_bytes())).await;
            written.unwrap();
            next_write(&seen)
        };
        let all = async {
            // What the first has seen written is all there was to write.
            let written = tokio::join!(biased; append("a\n"), append("b\nc\n"), append("d\n"));
            assert_eq!(written, (Some("a\nb\nc\nd\n".to_owned()), None, None));
            assert_eq!(append("e\n").await.as_deref(), Some("e\n"));
        };
        tokio::select! {
            () = all => {}
            () = together.write_as_they_come() => {}
        }
    }

    /// PROMISE R6: nobody's line is lost because somebody goes away, or because the thread ends.
    #[tokio::test]
    async fn a_line_is_written_though_nobody_waits_for_it() {
        let (together, seen) = observed();
        let mut gone = Box::pin(together.append(|out| out.extend_from_slice(b"gone\n")));
        assert!(polled_once(gone.as_mut()).await.is_none());
        drop(gone);
        assert_eq!(next_write(&seen), None);
        drop(together);
        assert_eq!(next_write(&seen).as_deref(), Some("gone\n"));
    }

    /// PROMISE R6: of a write that ends early, those whose lines are whole are told that they are, and
    /// only those.
    #[tokio::test]
    async fn a_torn_write_fails_those_whose_lines_it_tears() {
        let (log, mut seen) = UnixStream::pair().unwrap();
        log.set_nonblocking(true).unwrap();
        seen.set_nonblocking(true).unwrap();
        let together = Together::new(Arc::new(AuditLog(Some(OwnedFd::from(log).into()))));
        let mut line = vec![b'x'; 100_000];
        line.push(b'\n');
        let append = || together.append(|out| out.extend_from_slice(&line));
        let all = async {
            tokio::join!(biased; append(), append(), append(), append(), append(), append())
        };
        let written = tokio::select! {
            all = all => all,
            () = together.write_as_they_come() => unreachable!(),
        };
        let written = <[_; 6]>::from(written).map(|written| written.is_ok());
        let mut bytes = Vec::new();
        let _ = seen.read_to_end(&mut bytes);
        let whole = bytes.split(|byte| *byte == b'\n').count() - 1;
        assert!((1..6).contains(&whole), "{whole} lines of six fit");
        assert_eq!(written, std::array::from_fn(|at| at < whole));
    }

    /// What one poll of a future gives.
    async fn polled_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
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
