//! What a watch answers over HTTP: its metrics, whether it runs, and events that are sent to it.
//!
//! Events only make it look; they are taken from whoever has the token, and from nobody if there is
//! none. Connections and bodies are bounded in number, length and time.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use regent_audit::events::{self, EVENT_LEN_MAX};
use regent_crypto::digest::equal;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::Shared;
use crate::metrics::CONTENT_TYPE as METRICS;

/// LIMIT: connections at one time; further ones wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Answer = Response<Full<Bytes>>;

/// Serves for as long as it is polled.
pub async fn serve(shared: Arc<Shared>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            // Whoever hangs up has nothing to be told.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(place);
        });
    }
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Answer {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => said(StatusCode::OK, METRICS, shared.page()),
        (&Method::GET, "/health") => text(StatusCode::OK, "ok\n"),
        (&Method::POST, "/events") => event(shared, request).await,
        (_, path @ ("/metrics" | "/health" | "/events")) => {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "");
            let allowed = if path == "/events" { "POST" } else { "GET" };
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            refused
        }
        _ => text(StatusCode::NOT_FOUND, "there are /metrics, /health and /events\n"),
    }
}

async fn event(shared: &Shared, request: Request<Incoming>) -> Answer {
    let Some(token) = &shared.events_token else {
        return text(StatusCode::NOT_FOUND, "events are not taken: there is no token for them\n");
    };
    let given = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|given| given.strip_prefix(b"Bearer "));
    if !given.is_some_and(|given| equal(given, token.as_bytes())) {
        return text(StatusCode::UNAUTHORIZED, "");
    }
    let body = Limited::new(request.into_body(), EVENT_LEN_MAX).collect();
    let Ok(Ok(body)) = timeout(PATIENCE, body).await else {
        return text(StatusCode::BAD_REQUEST, "the event is too long, or did not arrive\n");
    };
    let read = events::read(&body.to_bytes());
    match shared.event(read) {
        Ok(()) => text(StatusCode::ACCEPTED, ""),
        Err(why) => text(StatusCode::BAD_REQUEST, &format!("{why}\n")),
    }
}

fn text(status: StatusCode, body: &str) -> Answer {
    said(status, "text/plain; charset=utf-8", body.to_owned())
}

fn said(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
