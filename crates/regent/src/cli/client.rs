//! A minimal HTTP client for Regent's own endpoints: one request, one bounded answer.
//!
//! Plain HTTP only, because `regent dev` listens on loopback only. It knows no AWS and no secrets.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Exit, Failure};
use crate::admin::ADMIN_HEADER;

/// LIMIT: bytes of an answer.
const ANSWER_LEN_MAX: usize = 4 << 20;
/// How long the server may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends one request and returns the body of a successful answer.
pub(super) async fn send(
    endpoint: &str,
    method: Method,
    path: &str,
    body: String,
) -> Result<Bytes, Failure> {
    let host = authority(endpoint)?;
    let unreachable = |cause: &dyn std::fmt::Display| {
        Failure::new(Exit::Unreachable, format_args!("no server answers at {endpoint}: {cause}"))
    };
    let answered = timeout(TIMEOUT, exchange(&host, method, path, body)).await;
    let (status, body) =
        answered.map_err(|_| unreachable(&"timed out"))?.map_err(|cause| unreachable(&*cause))?;
    if status.is_success() {
        return Ok(body);
    }
    let said = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let said = said.as_ref().and_then(|value| value.get("error")?.as_str());
    let text = said.map_or_else(|| format!("{endpoint} answered {status}"), str::to_owned);
    Err(Failure::new(Exit::Failure, text))
}

type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

async fn exchange(
    host: &str,
    method: Method,
    path: &str,
    body: String,
) -> Fallible<(StatusCode, Bytes)> {
    let stream = TcpStream::connect(host).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/json")
        .header(ADMIN_HEADER, "1")
        .body(Full::new(Bytes::from(body)))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_LEN_MAX).collect().await?;
    Ok((head.status, body.to_bytes()))
}

/// Host and port of an endpoint such as `http://127.0.0.1:4566`.
fn authority(endpoint: &str) -> Result<String, Failure> {
    let wrong = || {
        let text = format_args!("not an endpoint: expected http://<host>:<port>, got {endpoint}");
        Failure::new(Exit::Usage, text)
    };
    let uri: Uri = endpoint.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    let user = authority.as_str().contains('@');
    if uri.scheme_str() != Some("http") || !matches!(uri.path(), "/" | "") || user {
        return Err(wrong());
    }
    let port = authority.port_u16().unwrap_or(80);
    Ok(format!("{}:{port}", authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for (endpoint, expected) in [
            ("http://127.0.0.1:4566", "127.0.0.1:4566"),
            ("http://localhost:4566/", "localhost:4566"),
            ("http://[::1]:4566", "[::1]:4566"),
            ("http://localhost", "localhost:80"),
        ] {
            assert_eq!(authority(endpoint).unwrap(), expected);
        }
        for bad in ["", "localhost:4566", "https://localhost:4566", "http://h/p", "http://u@h:1"] {
            assert_eq!(authority(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}
