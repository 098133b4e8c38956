//! The load: connections that each send a request, wait for the answer, and send the next.
//!
//! The client reads no more of an answer than it must: status and length. One thread, so that the
//! server has the other core.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::run::Result;

/// Makes the n-th request.
pub type Source = Arc<dyn Fn(u64) -> Arc<[u8]> + Send + Sync>;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Time(Duration),
    Count(u64),
}

/// What a run showed.
#[derive(Debug)]
pub struct Run {
    pub count: u64,
    pub took: Duration,
    /// Sorted.
    latencies: Vec<Duration>,
}

impl Run {
    pub fn per_second(&self) -> f64 {
        count_f64(self.count) / self.took.as_secs_f64()
    }

    /// The latency that `percent` of the requests did not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        percentile(&self.latencies, percent)
    }
}

/// Of sorted latencies.
pub fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
pub const fn count_f64(count: u64) -> f64 {
    count as f64
}

/// Sends requests on this many connections. Any answer but 200 is an error.
pub async fn run(port: u16, connections: usize, until: Until, source: Source) -> Result<Run> {
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        tasks.spawn(work(port, until, started, Arc::clone(&next), Arc::clone(&source)));
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.append(&mut done.map_err(|cause| cause.to_string())??);
    }
    let took = started.elapsed();
    latencies.sort_unstable();
    let count = u64::try_from(latencies.len()).unwrap_or_default();
    if count == 0 {
        Err("no request was answered".to_owned())
    } else {
        Ok(Run { count, took, latencies })
    }
}

async fn work(
    port: u16,
    until: Until,
    started: Instant,
    next: Arc<AtomicU64>,
    source: Source,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(port).await?;
    let mut latencies = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let over = match until {
            Until::Time(time) => started.elapsed() >= time,
            Until::Count(count) => number >= count,
        };
        if over {
            return Ok(latencies);
        }
        let request = source(number);
        let sent = Instant::now();
        connection.exchange(&request).await?;
        latencies.push(sent.elapsed());
    }
}

/// One kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        let stream = stream.map_err(|cause| format!("cannot connect: {cause}"))?;
        stream.set_nodelay(true).map_err(|cause| cause.to_string())?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request and returns the body of its answer, which must be a success.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<&[u8]> {
        let lost = |cause: std::io::Error| format!("the connection broke: {cause}");
        self.stream.write_all(request).await.map_err(lost)?;
        self.buffer.clear();
        let (head, length) = loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err("the server closed the connection".to_owned());
            }
            if let Some(found) = head(&self.buffer) {
                break found;
            }
        };
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await.map_err(lost)? == 0 {
                return Err("the server closed the connection".to_owned());
            }
        }
        if !self.buffer.starts_with(b"HTTP/1.1 200") {
            return Err(format!("refused: {}", String::from_utf8_lossy(&self.buffer)));
        }
        Ok(self.buffer.get(head..head + length).unwrap_or_default())
    }
}

/// Length of the head, and the length of the body that it names.
fn head(buffer: &[u8]) -> Option<(usize, usize)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(buffer.get(..end)?).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((end + 4, length.unwrap_or(0)))
}
