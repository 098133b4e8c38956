//! Notices on their way to a webhook: the body, the signature, one attempt, and when the next is due.
//!
//! The headers are those of Standard Webhooks, so that receivers have libraries for them. A body has
//! names, keys and reasons in it, never a value (promise R7); the address may hold a token of the
//! receiver's, and is not printed. Redirections are not followed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use regent_audit::ledger::Notice;
use regent_core::time::civil;
use regent_crypto::digest::hmac_sha256;
use serde_json::{Value, json};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause after a failure, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(5);
/// LIMIT: bytes of a shared secret, those of Standard Webhooks.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 24..=64;
const SECRET_PREFIX: &str = "whsec_";
/// The format of the body.
const VERSION: u32 = 1;

#[derive(Debug)]
pub struct Webhook {
    url: Uri,
    secret: Option<Zeroizing<Vec<u8>>>,
    client: Transport,
}

#[derive(Debug)]
enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

#[derive(Debug, thiserror::Error)]
pub enum BadWebhook {
    #[error("the webhook is no address that begins with https://")]
    NoUrl,
    #[error("a webhook that is not on this machine needs https://")]
    Plain,
    #[error("the webhook's secret is not base64 of 24 to 64 bytes")]
    Secret,
    #[error("no certificates of authorities were found: {0}")]
    NoRoots(std::io::Error),
}

/// Why an attempt failed, and how long the receiver asks to be left alone.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error("it answered {0}")]
    Answered(StatusCode, Option<Duration>),
    #[error("no answer: {0}")]
    NoAnswer(String),
}

impl Webhook {
    pub fn new(url: &str, secret: Option<&str>) -> Result<Self, BadWebhook> {
        let url: Uri = url.trim().parse().map_err(|_| BadWebhook::NoUrl)?;
        let host = url.host().ok_or(BadWebhook::NoUrl)?;
        let client = match url.scheme_str() {
            Some("https") => {
                let provider = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider();
                let builder = HttpsConnectorBuilder::new();
                let builder = builder.with_provider_and_native_roots(provider);
                let builder = builder.map_err(BadWebhook::NoRoots)?;
                let connector = builder.https_only().enable_http1().build();
                Transport::Tls(Client::builder(TokioExecutor::new()).build(connector))
            }
            Some("http") if is_loopback(host) => {
                Transport::Plain(Client::builder(TokioExecutor::new()).build_http())
            }
            Some("http") => return Err(BadWebhook::Plain),
            _ => return Err(BadWebhook::NoUrl),
        };
        Ok(Self { secret: secret.map(decoded).transpose()?, url, client })
    }

    /// One attempt.
    pub async fn send(&self, notice: &Notice, now_s: i64) -> Result<(), Undelivered> {
        let body = format!("{}", body(notice));
        let mut request = Request::post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("regent-watch/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", now_s);
        if let Some(secret) = &self.secret {
            request =
                request.header("webhook-signature", signature(secret, &notice.id, now_s, &body));
        }
        let failed = |cause: &dyn std::error::Error| Undelivered::NoAnswer(chain(cause));
        let request = request.body(Full::new(Bytes::from(body))).map_err(|why| failed(&why))?;
        let answered = match &self.client {
            Transport::Plain(client) => timeout(TIMEOUT, client.request(request)).await,
            Transport::Tls(client) => timeout(TIMEOUT, client.request(request)).await,
        };
        let answer = answered.map_err(|why| failed(&why))?.map_err(|why| failed(&why))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        let after = after.and_then(|after| after.parse().ok()).map(Duration::from_secs);
        Err(Undelivered::Answered(answer.status(), after))
    }
}

impl Undelivered {
    /// How long to wait after so many failures in a row; `share` is a random part of one.
    pub fn pause(&self, failures: u32, share: f64) -> Duration {
        let doubled = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
        let own = doubled.mul_f64(0.5 + share / 2.0);
        match self {
            Self::Answered(_, Some(after)) => own.max((*after).min(PAUSE_MAX)),
            _ => own,
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn decoded(secret: &str) -> Result<Zeroizing<Vec<u8>>, BadWebhook> {
    let text = secret.trim();
    let bytes = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text));
    let bytes = Zeroizing::new(bytes.map_err(|_| BadWebhook::Secret)?);
    if !SECRET_LEN.contains(&bytes.len()) {
        return Err(BadWebhook::Secret);
    }
    Ok(bytes)
}

fn signature(secret: &[u8], id: &str, now_s: i64, body: &str) -> String {
    let time = now_s.to_string();
    let parts = [id, ".", &time, ".", body].map(str::as_bytes);
    format!("v1,{}", STANDARD.encode(hmac_sha256(secret, &parts)))
}

/// What is told of a notice, in a body and in a line of output.
pub fn body(notice: &Notice) -> Value {
    let Notice { id, event, at_s, place, problem } = notice;
    let name = (!place.name.is_empty()).then_some(&place.name);
    let region = (!place.region.is_empty()).then_some(&place.region);
    let home = (!problem.home.is_empty()).then_some(&problem.home);
    json!({
        "version": VERSION,
        "id": id,
        "event": event.name(),
        "time": date_time(*at_s),
        "since": date_time(problem.since_s),
        "account": place.account,
        "region": region,
        "primary_region": home,
        "secret": name,
        "key": problem.key,
        "rule": place.rule,
        "severity": notice.rule().map(|rule| rule.severity.name()),
        "title": notice.rule().map(|rule| rule.title),
        "reason": problem.reason,
        "fix": notice.rule().map(|rule| rule.fix),
    })
}

/// A time as RFC 3339 has it, of seconds since 1970.
pub fn date_time(at_s: i64) -> String {
    let (days, second) = (at_s.div_euclid(86400), at_s.rem_euclid(86400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second % 3600 / 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// An error and its causes, without the address.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use regent_audit::ledger::{Event, Place, Problem};

    use super::*;

    fn notice() -> Notice {
        let text = |text: &str| text.to_owned();
        Notice {
            id: text("l-1"),
            event: Event::Found,
            at_s: 1_700_000_060,
            place: Place {
                account: text("111122223333"),
                region: text("us-west-2"),
                name: text("db"),
                rule: text("RG201"),
            },
            problem: Problem {
                home: text("us-east-1"),
                key: Some(text("mrk-1")),
                reason: text("Invalid keyId 'mrk-1'"),
                since_s: 1_700_000_000,
            },
        }
    }

    #[test]
    fn a_body_says_where_what_and_why() {
        insta::assert_snapshot!("notice", format!("{:#}", body(&notice())));
    }

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = decoded("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(
            signature(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn addresses_and_secrets() {
        for good in ["http://127.0.0.1:1/x", "http://[::1]:1", "http://localhost/x?y=1"] {
            assert!(Webhook::new(good, None).is_ok(), "{good}");
        }
        for bad in ["", "x", "ftp://localhost/", "/path"] {
            assert!(matches!(Webhook::new(bad, None), Err(BadWebhook::NoUrl)), "{bad}");
        }
        let far = Webhook::new("http://example.com/", None);
        assert!(matches!(far, Err(BadWebhook::Plain)));
        for bad in ["", "hunter2", "whsec_", "AAAA"] {
            let found = Webhook::new("http://localhost/", Some(bad));
            assert!(matches!(found, Err(BadWebhook::Secret)), "{bad}");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_obey_the_receiver() {
        let silent = Undelivered::NoAnswer(String::new());
        let pauses: Vec<u64> =
            [1, 2, 3, 9, 10, 99].map(|failures| silent.pause(failures, 1.0).as_secs()).into();
        assert_eq!(pauses, [1, 2, 4, 256, 300, 300]);
        assert_eq!(silent.pause(1, 0.0).as_millis(), 500);
        let asks = |after| {
            let status = StatusCode::TOO_MANY_REQUESTS;
            Undelivered::Answered(status, Some(Duration::from_secs(after)))
        };
        assert_eq!(asks(30).pause(1, 0.0).as_secs(), 30);
        assert_eq!(asks(100_000).pause(1, 0.0).as_secs(), 300);
    }
}
