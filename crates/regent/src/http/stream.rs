//! A connection's bytes, and what is said to a client whose bytes are no request.
//!
//! hyper answers a head that it cannot read by itself and without a body, and hangs up on one that
//! never ends. Here its own answer is kept back, so that such a client hears AWS's manner of error
//! as well (promise R8). Knows nothing of what a request means.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Where a connection is: between requests, or in one.
const IDLE: u8 = 0;
/// Bytes have come, and no head yet.
const BEGUN: u8 = 1;
/// There is a request, or the last answer has been given.
const TAKEN: u8 = 2;

/// What the connection and its requests tell one another.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// A head was read.
    pub fn taken(&self) {
        self.0.store(TAKEN, Ordering::Relaxed);
    }

    /// The request has its answer, and another may follow.
    pub fn answered(&self) {
        self.0.store(IDLE, Ordering::Relaxed);
    }

    /// Whether a head began and did not end.
    pub fn is_half_sent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == BEGUN
    }

    fn received(&self) {
        let _ = self.0.compare_exchange(IDLE, BEGUN, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// A client's stream.
#[derive(Debug)]
pub struct Stream {
    tcp: TcpStream,
    progress: Progress,
    /// The status of hyper's own answer, which was kept back.
    refused: Option<u16>,
}

impl Stream {
    pub fn new(tcp: TcpStream, progress: Progress) -> Self {
        Self { tcp, progress, refused: None }
    }

    /// The stream itself, and the status that hyper would have answered a head with.
    pub fn into_parts(self) -> (TcpStream, Option<u16>) {
        (self.tcp, self.refused)
    }
}

/// The status of an answer that no request of ours got: all of ours have a body, or are a success.
fn status_without_body(answer: &[u8]) -> Option<u16> {
    if !answer.starts_with(b"HTTP/1.1 4") || !answer.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(answer).ok()?;
    let empty = head.contains("\r\ncontent-length: 0\r\n");
    head.get(9..12)?.parse().ok().filter(|_| empty)
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.progress.received();
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(status) = status_without_body(bytes) {
            self.refused = Some(status);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = slices
            && let Some(status) = status_without_body(only)
        {
            self.refused = Some(status);
            return Poll::Ready(Ok(only.len()));
        }
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What is to be said instead is still to come.
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_a_body_are_not_ours() {
        let head = |status: &str, length: u8| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
        };
        let of = |text: &str| status_without_body(text.as_bytes());
        assert_eq!(of(&head("400 Bad Request", 0)), Some(400));
        assert_eq!(of(&head("431 Request Header Fields Too Large", 0)), Some(431));
        assert_eq!(of(&head("200 OK", 0)), None);
        assert_eq!(of(&head("400 Bad Request", 2)), None);
        assert_eq!(of(&(head("400 Bad Request", 2) + "{}")), None);
        assert_eq!(of("HTTP/1.1 4"), None);
    }

    #[test]
    fn a_head_that_begins_is_half_sent_until_it_is_taken() {
        let progress = Progress::default();
        assert!(!progress.is_half_sent());
        progress.received();
        assert!(progress.is_half_sent());
        progress.taken();
        progress.received();
        assert!(!progress.is_half_sent());
        progress.answered();
        assert!(!progress.is_half_sent());
        progress.received();
        assert!(progress.is_half_sent());
    }
}
