//! The server's listener and connections: HTTP/1.1 on loopback, bounded in number and time.
//!
//! PROMISE R8: a connection that sends nothing, sends slowly or breaks holds one of a bounded
//! number of places for a bounded time. What a request means is [`exchange`]'s and `admin`'s
//! business; there are no CORS headers anywhere, so a browser hands no page an answer.

pub mod body;
pub mod exchange;
pub mod host;
mod stream;
mod threads;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Collected, Full};
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use regent_wire::sigv4::SigningKeys;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::audit_log::AuditLog;
use crate::cluster::Cluster;
use crate::credentials::AccessKeys;
use crate::metrics::Metrics;
use host::Hosts;
use stream::{Progress, Stream};
use threads::{Desk, Threads};

/// LIMIT: connections at one time; further ones wait in the kernel's queue. Half of the usual
/// limit of 1,024 open files.
const CONNECTIONS_MAX: u32 = 512;
/// LIMIT: bytes of a request's head, and of what is read of a body at once.
const HEAD_LEN_MAX: usize = 64 << 10;
/// LIMIT: bytes that are read and thrown away of a client whose bytes are no request.
const UNREAD_LEN_MAX: u64 = 8 << 20;
/// How long such a client may take to hear so.
const LINGER: Duration = Duration::from_secs(2);
/// How long running requests may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// How long to wait before accepting again after a failure, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every request needs.
#[derive(Debug)]
pub struct Server {
    pub cluster: Arc<Cluster>,
    pub access_keys: Arc<AccessKeys>,
    pub signing_keys: SigningKeys,
    pub hosts: Hosts,
    pub audit: Arc<AuditLog>,
    pub metrics: Metrics,
    /// How long a request's head, and then its body, may take to arrive. An idle connection is
    /// closed after the same time.
    pub receive_timeout: Duration,
}

/// Serves until `stop` is ready, then lets running requests finish.
pub async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let threads = Threads::start(&server)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let (stopping, _) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        let next = next_connection(&listener, &places);
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = next => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        server.metrics.count_connection();
        let stopping = stopping.subscribe();
        threads.hand(stream, move |desk, stream| connection(desk, stream, peer, stopping, place));
    }
    drop(listener);
    stopping.send_replace(true);
    if timeout(DRAIN, places.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("requests were still running after {} s", DRAIN.as_secs());
    }
    threads.end().await;
    Ok(())
}

/// Waits for a free place and then for a client.
async fn next_connection(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(cause) => {
            tracing::warn!(%cause, "accepting a connection failed");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Serves one connection until it ends. `_place` is held as long.
async fn connection(
    desk: Arc<Desk>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    // Answers are small; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let receive_timeout = desk.server.receive_timeout;
    let progress = Progress::default();
    let stream = Stream::new(stream, progress.clone());
    let service = service_fn(|request| {
        let (desk, progress) = (&desk, &progress);
        async move {
            progress.taken();
            let answer = exchange::answer(desk, peer, request).await?;
            if !answer.headers().contains_key(CONNECTION) {
                progress.answered();
            }
            Ok::<_, exchange::Dropped>(answer)
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(receive_timeout)
        .max_buf_size(HEAD_LEN_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(&mut stopping) => {
            // Nobody is owed an answer yet, and the rest may never come.
            if progress.is_half_sent() {
                return;
            }
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(cause) = ended else { return };
    let (stream, refused) = connection.into_parts().io.into_inner().into_parts();
    if cause.is_user() {
        // A Region that is down refuses connections: reset, not an orderly end.
        let _ = stream.set_zero_linger();
        return;
    }
    tracing::debug!(%cause, %peer, "a connection broke");
    let fault = match refused {
        Some(status) => exchange::malformed(status),
        None if cause.is_parse() => exchange::malformed(400),
        None if progress.is_half_sent() => exchange::too_slow(),
        None => return,
    };
    let answer = exchange::unread(&desk, peer, fault).await;
    let _ = timeout(LINGER, say(stream, answer)).await;
}

/// Says to a client what no request of its own was answered with, and hangs up.
async fn say(mut stream: TcpStream, answer: Response<Full<Bytes>>) -> io::Result<()> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_or_else(|never| match never {}, Collected::to_bytes);
    let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    text.extend_from_slice(&body);
    stream.write_all(&text).await?;
    stream.shutdown().await?;
    // What the client still sends would turn the end into a reset, and lose the answer.
    tokio::io::copy(&mut stream.take(UNREAD_LEN_MAX), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Waits until the server stops. Nothing is borrowed from the channel afterwards.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
