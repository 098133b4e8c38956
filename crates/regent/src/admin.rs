//! Regent's own endpoints under `/_regent/`: health, metrics, reset, and outages of Regions.
//!
//! For `regent dev` only, and for loopback peers under an allowed host name. What changes anything
//! needs a header that a browser sends for no other site without asking, and nothing here answers
//! that it may (no CORS). These endpoints know no secrets; bodies here are small and not sensitive.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use regent_core::ids::{Region, RequestId};
use regent_core::ports::random;
use regent_crypto::SystemEntropy;
use regent_wire::audit::Intervention;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::http::Server;
use crate::http::body;
use crate::http::exchange::{Answer, caught};
use crate::links::{DownMode, LinkStatus, Links};
use crate::metrics::{self, Kind, Page};
use crate::node::now;

/// What the paths here begin with.
pub const PREFIX: &str = "/_regent";
/// Says that a request was not made by a web page.
pub const ADMIN_HEADER: &str = "x-regent-admin";
/// LIMIT: the longest delay of a link.
pub const DELAY_MAX: Duration = Duration::from_hours(1);

/// What can be done to Regions and links: the body of `POST /_regent/regions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum Action {
    Down {
        region: String,
        #[serde(default)]
        mode: Mode,
    },
    Up {
        region: String,
    },
    Partition {
        a: String,
        b: String,
    },
    Heal {},
    Delay {
        a: String,
        b: String,
        delay_ms: u64,
    },
}

/// How the requests of a lost Region fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
pub enum Mode {
    /// An answer of status 503.
    #[default]
    #[serde(rename = "503")]
    #[value(name = "503")]
    Unavailable,
    /// The connection is reset without an answer.
    #[serde(rename = "refused")]
    Refused,
}

/// Why a request for an action is refused.
struct Refusal {
    status: StatusCode,
    text: String,
}

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    fn invalid(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }
}

/// Answers one request under [`PREFIX`].
pub async fn answer(server: &Server, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    match caught(pin!(route(server, peer, request))).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(refusal)) => {
            let body = json!({ "error": refusal.text }).to_string();
            let mut answer = plain(refusal.status, "application/json", body);
            if refusal.status == StatusCode::METHOD_NOT_ALLOWED {
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
            }
            answer
        }
        Err(_) => {
            server.metrics.count_panic();
            let body = json!({ "error": "an internal error; see the server's log" }).to_string();
            plain(StatusCode::INTERNAL_SERVER_ERROR, "application/json", body)
        }
    }
}

async fn route(
    server: &Server,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    if !peer.ip().to_canonical().is_loopback() || !server.hosts.allow(request.headers()) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "only for loopback, see --allow-host"));
    }
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/health") => Ok(as_json(&health(server))),
        (&Method::GET, "/metrics") => {
            Ok(plain(StatusCode::OK, metrics::CONTENT_TYPE, metrics_page(server)))
        }
        (&Method::GET, "/regions") => Ok(as_json(&server.cluster.links().status())),
        (&Method::POST, "/reset") => {
            refuse_pages(request.headers())?;
            record(server, peer, request.headers(), &Done { name: "Reset", ..Done::default() })?;
            reset(server).await
        }
        (&Method::POST, "/regions") => {
            refuse_pages(request.headers())?;
            let (head, body) = request.into_parts();
            let body = body::read(body, server.receive_timeout).await;
            let body = body.map_err(|_| Refusal::invalid("the body cannot be read"))?;
            let action: Action = serde_json::from_slice(&body)
                .map_err(|cause| Refusal::invalid(format!("not an action: {cause}")))?;
            let fault = Fault::check(&action, server.cluster.regions())?;
            record(server, peer, &head.headers, &action.done())?;
            fault.apply(server.cluster.links());
            Ok(as_json(&server.cluster.links().status()))
        }
        (_, "/health" | "/metrics" | "/regions" | "/reset") => {
            Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method"))
        }
        _ => Err(Refusal::new(StatusCode::NOT_FOUND, "no such path")),
    }
}

/// Lesson 28: a page of another site can send a POST here, but neither of these headers.
fn refuse_pages(headers: &HeaderMap) -> Result<(), Refusal> {
    let json =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|text| {
            let media_type = text.split(';').next().unwrap_or_default();
            media_type.trim().eq_ignore_ascii_case("application/json")
        });
    let marked = headers.get(ADMIN_HEADER).is_some_and(|value| value == "1");
    if json || marked {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "needs the header content-type: application/json or x-regent-admin: 1",
    ))
}

fn health(server: &Server) -> serde_json::Value {
    let state = |region: &Region| match server.cluster.links().is_down(*region) {
        None => "up",
        Some(DownMode::Unavailable | DownMode::Refused) => "down",
    };
    let regions = server.cluster.regions().iter();
    let regions: Vec<_> = regions
        .map(|region| json!({ "region": region.as_str(), "state": state(region) }))
        .collect();
    json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "regions": regions })
}

/// Empties every Region and ends every outage, so that the next test starts afresh.
async fn reset(server: &Server) -> Result<Answer, Refusal> {
    match server.cluster.reset().await {
        Ok(()) => {
            tracing::info!("reset: every Region is empty");
            Ok(as_json(&json!({ "status": "reset" })))
        }
        Err(cause) => {
            tracing::error!(%cause, "reset failed");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, cause.to_string()))
        }
    }
}

/// An action whose Regions are served: nothing can refuse it any more.
enum Fault {
    Down(Region, DownMode),
    Up(Region),
    Partition(Region, Region),
    Heal,
    Delay(Region, Region, Duration),
}

impl Fault {
    fn check(action: &Action, regions: &[Region]) -> Result<Self, Refusal> {
        let known = |name: &str| known_region(regions, name);
        let pair = |a: &str, b: &str| match (known(a)?, known(b)?) {
            (a, b) if a == b => Err(Refusal::invalid("a link joins two different Regions")),
            pair => Ok(pair),
        };
        Ok(match action {
            Action::Down { region, mode: Mode::Unavailable } => {
                Self::Down(known(region)?, DownMode::Unavailable)
            }
            Action::Down { region, mode: Mode::Refused } => {
                Self::Down(known(region)?, DownMode::Refused)
            }
            Action::Up { region } => Self::Up(known(region)?),
            Action::Partition { a, b } => {
                let (a, b) = pair(a, b)?;
                Self::Partition(a, b)
            }
            Action::Heal {} => Self::Heal,
            Action::Delay { a, b, delay_ms } => {
                let (a, b) = pair(a, b)?;
                let delay = Duration::from_millis(*delay_ms);
                if delay > DELAY_MAX {
                    return Err(Refusal::invalid("the delay is longer than an hour"));
                }
                Self::Delay(a, b, delay)
            }
        })
    }

    fn apply(self, links: &Links) {
        match self {
            Self::Down(region, mode) => links.down(region, mode),
            Self::Up(region) => links.up(region),
            Self::Partition(a, b) => links.partition(a, b),
            Self::Heal => links.heal(),
            Self::Delay(a, b, delay) => links.delay(a, b, delay),
        }
    }
}

/// What the audit log tells of an action.
#[derive(Default)]
struct Done<'a> {
    name: &'static str,
    region: Option<&'a str>,
    parameters: Vec<(&'static str, Cow<'a, str>)>,
}

impl Action {
    fn done(&self) -> Done<'_> {
        let (name, region, parameters) = match self {
            Self::Down { region, mode } => {
                let mode = match mode {
                    Mode::Unavailable => "503",
                    Mode::Refused => "refused",
                };
                ("RegionDown", Some(region), vec![("mode", mode.into())])
            }
            Self::Up { region } => ("RegionUp", Some(region), Vec::new()),
            Self::Partition { a, b } => {
                ("PartitionLink", None, vec![("a", a.into()), ("b", b.into())])
            }
            Self::Heal {} => ("HealLinks", None, Vec::new()),
            Self::Delay { a, b, delay_ms } => {
                let delay = delay_ms.to_string().into();
                ("DelayLink", None, vec![("a", a.into()), ("b", b.into()), ("delayMs", delay)])
            }
        };
        Done { name, region: region.map(String::as_str), parameters }
    }
}

/// PROMISE R6: what is done to the server is in the audit log before it is done.
fn record(
    server: &Server,
    peer: SocketAddr,
    headers: &HeaderMap,
    done: &Done<'_>,
) -> Result<(), Refusal> {
    tracing::info!(name = done.name, region = done.region, "somebody intervenes");
    let parameters: Vec<_> =
        done.parameters.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let written = server.audit.append_intervention(&Intervention {
        at: now(),
        event_id: RequestId::from_entropy(random(&SystemEntropy)),
        name: done.name,
        region: done.region,
        parameters: &parameters,
        source_ip: peer.ip(),
        user_agent: user_agent.unwrap_or_default(),
    });
    written.map_err(|cause| {
        tracing::error!(%cause, "the audit record could not be written");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the audit record could not be written")
    })
}

fn known_region(regions: &[Region], name: &str) -> Result<Region, Refusal> {
    let found = regions.iter().find(|region| region.as_str() == name).copied();
    found.ok_or_else(|| {
        let served: Vec<_> = regions.iter().map(Region::as_str).collect();
        Refusal::invalid(format!("no such Region; there are {}", served.join(", ")))
    })
}

fn metrics_page(server: &Server) -> String {
    let mut page = Page::default();
    server.metrics.write(&mut page);
    page.family("regent_commits_total", Kind::Counter, "Transactions committed.");
    for (region, commits) in server.cluster.commits() {
        page.sample("regent_commits_total", &[("region", region.as_str())], commits);
    }
    write_links(&mut page, server);
    page.into_text()
}

/// A family of samples, one for each link: name, kind, help and value.
type LinkFamily = (&'static str, Kind, &'static str, fn(&LinkStatus) -> u64);

/// PROMISE R3: how far each Region is behind each other can be watched.
fn write_links(page: &mut Page, server: &Server) {
    let links = server.cluster.links().status().links;
    let families: [LinkFamily; 7] = [
        ("backlog", Kind::Gauge, "Changes not acknowledged by the peer.", |link| link.backlog),
        ("lag_milliseconds", Kind::Gauge, "Age of the oldest such change.", |link| link.lag_ms),
        ("failures_total", Kind::Counter, "Changes the peer could not apply.", |link| {
            link.failures
        }),
        ("sent_total", Kind::Counter, "Frames sent.", |link| link.sent),
        ("lost_total", Kind::Counter, "Frames lost on the way.", |link| link.lost),
        ("received_total", Kind::Counter, "Frames received.", |link| link.received),
        ("up", Kind::Gauge, "Whether frames pass.", |link| u64::from(link.state == "up")),
    ];
    for (name, kind, help, value) in families {
        let name = format!("regent_replication_{name}");
        page.family(&name, kind, help);
        for link in &links {
            page.sample(&name, &[("from", &link.from), ("to", &link.to)], value(link));
        }
    }
}

fn as_json(value: &impl Serialize) -> Answer {
    match serde_json::to_string(value) {
        Ok(text) => plain(StatusCode::OK, "application/json", text),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "{}".to_owned()),
    }
}

fn plain(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_as_json() {
        let parse = |text: &str| serde_json::from_str::<Action>(text);
        let region = "us-east-1".to_owned();
        assert_eq!(
            parse(r#"{"action":"down","region":"us-east-1"}"#).unwrap(),
            Action::Down { region: region.clone(), mode: Mode::Unavailable }
        );
        assert_eq!(
            parse(r#"{"action":"down","region":"us-east-1","mode":"refused"}"#).unwrap(),
            Action::Down { region, mode: Mode::Refused }
        );
        assert_eq!(parse(r#"{"action":"heal"}"#).unwrap(), Action::Heal {});
        for bad in [
            "{}",
            r#"{"action":"explode"}"#,
            r#"{"action":"up"}"#,
            r#"{"action":"delay","a":"x","b":"y","delay_ms":-1}"#,
            r#"{"action":"heal","region":"us-east-1"}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pages_of_other_sites_change_nothing() {
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            refuse_pages(&headers).is_ok()
        };
        assert!(with("content-type", "application/json; charset=utf-8"));
        assert!(with("x-regent-admin", "1"));
        for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
            assert!(!with("content-type", simple));
        }
        assert!(refuse_pages(&HeaderMap::new()).is_err());
    }
}
