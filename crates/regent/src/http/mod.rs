//! The server's listener and connections: HTTP/1.1 on loopback, bounded in number and time.
//!
//! PROMISE R8: a connection that sends nothing, sends slowly or breaks holds one of a bounded
//! number of places for a bounded time. What a request means is [`exchange`]'s and `admin`'s
//! business; there are no CORS headers anywhere, so a browser hands no page an answer.

pub mod body;
pub mod exchange;
pub mod host;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use regent_wire::sigv4::SigningKeys;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::audit_log::AuditLog;
use crate::cluster::Cluster;
use crate::credentials::AccessKeys;
use crate::metrics::Metrics;
use host::Hosts;

/// LIMIT: connections at one time; further ones wait in the kernel's queue. Half of the usual
/// limit of 1,024 open files.
const CONNECTIONS_MAX: u32 = 512;
/// LIMIT: bytes of a request's head, and of what is read of a body at once.
const HEAD_LEN_MAX: usize = 64 << 10;
/// How long running requests may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// How long to wait before accepting again after a failure, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every request needs.
#[derive(Debug)]
pub struct Server {
    pub cluster: Arc<Cluster>,
    pub access_keys: AccessKeys,
    pub signing_keys: SigningKeys,
    pub hosts: Hosts,
    pub audit: Arc<AuditLog>,
    pub metrics: Metrics,
    /// How long a request's head, and then its body, may take to arrive. An idle connection is
    /// closed after the same time.
    pub receive_timeout: Duration,
}

/// Serves until `stop` is ready, then lets running requests finish.
pub async fn serve(server: Arc<Server>, listener: TcpListener, stop: impl Future<Output = ()>) {
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
        tokio::spawn(connection(Arc::clone(&server), stream, peer, stopping.subscribe(), place));
    }
    drop(listener);
    stopping.send_replace(true);
    if timeout(DRAIN, places.acquire_many(CONNECTIONS_MAX)).await.is_err() {
        tracing::warn!("requests were still running after {} s", DRAIN.as_secs());
    }
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
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
) {
    // Answers are small; waiting to fill a segment would only delay them.
    let _ = stream.set_nodelay(true);
    let receive_timeout = server.receive_timeout;
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { exchange::answer(&server, peer, request).await }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(receive_timeout)
        .max_buf_size(HEAD_LEN_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopped(&mut stopping) => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    match ended {
        Err(cause) if cause.is_user() => {
            // A Region that is down refuses connections: reset, not an orderly end.
            let _ = connection.into_parts().io.into_inner().set_zero_linger();
        }
        Err(cause) => tracing::debug!(%cause, %peer, "a connection broke"),
        Ok(()) => {}
    }
}

/// Waits until the server stops. Nothing is borrowed from the channel afterwards.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
