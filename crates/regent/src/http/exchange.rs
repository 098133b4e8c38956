//! One AWS request, from its head to its answer.
//!
//! Nothing of a body is decoded before the signature is verified, and nothing runs that is not in
//! the operations table (promise R6). The audit record is written before the answer leaves; also
//! for a request that is refused, that panics, or whose client goes away. Every outcome but a
//! refused connection is a well-formed AWS answer (promise R8). What operations do is the
//! cluster's business, what signatures and faults look like `regent_wire`'s.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, EXPIRES, HeaderName, HeaderValue, PRAGMA, USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use regent_core::cx::{Caller, Origin};
use regent_core::ids::{Region, RequestId};
use regent_core::plaintext::Wiped;
use regent_core::ports::random;
use regent_core::time::Timestamp;
use regent_crypto::IdEntropy;
use regent_wire::audit::{Record, SecretRead, write_line};
use regent_wire::fault::{self, Fault};
use regent_wire::json;
use regent_wire::operations::{self, Operation};
use regent_wire::query_xml::{Form, Format};
use regent_wire::service::{Protocol, Service};
use regent_wire::sigv4::{Expected, SignedRequest, TARGET, Verifier};

use super::Server;
use super::body::{self, Unread};
use super::threads::Desk;
use crate::admin;
use crate::links::DownMode;
use crate::metrics::Subject;
use crate::node::{Call, now};

/// The content type of a query request.
const FORM: &str = "application/x-www-form-urlencoded";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// AWS: what a front end answers where there is no service.
const UNROUTABLE: &str = "<UnknownOperationException/>\n";
/// The code recorded for a request whose client went away before the answer.
const CANCELED: &str = "RequestCanceled";

/// Headers of an answer, with those that hyper adds.
const HEADERS_MAX: usize = 8;

/// The answers' body: zeroized when it was sent.
pub type Answer = Response<Full<Bytes>>;

/// The connection is to be dropped without an answer.
#[derive(Debug)]
pub struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the Region is down")
    }
}

impl Error for Dropped {}

/// How a request ended other than well.
enum End {
    Fault(Fault),
    /// The fault, and no more requests on this connection.
    Close(Fault),
    /// No service there.
    Unroutable,
    /// No answer at all; the fault is for the records.
    Drop(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Answers one request.
pub async fn answer(
    desk: &Desk,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Answer, Dropped> {
    if request.uri().path().starts_with(admin::PREFIX) {
        return Ok(admin::answer(&desk.server, peer, request).await);
    }
    let (head, body) = request.into_parts();
    let mut exchange = Exchange::begin(desk, peer, &head.headers);
    let outcome = caught(pin!(exchange.run(&head, body))).await;
    let outcome = outcome.unwrap_or_else(|_| {
        desk.server.metrics.count_panic();
        Err(Fault::internal(exchange.shown_service()).into())
    });
    exchange.finish(outcome).await
}

/// What is said to a client whose bytes never became a request, and recorded of it.
pub async fn unread(desk: &Desk, peer: SocketAddr, fault: Fault) -> Answer {
    let mut exchange = Exchange::begin(desk, peer, &HeaderMap::new());
    let close = |Dropped| Response::new(Full::default());
    exchange.finish(Err(End::Close(fault))).await.unwrap_or_else(close)
}

/// The fault of a head that is not HTTP/1.1, or too large. AWS: the words of the common error.
pub fn malformed(status: u16) -> Fault {
    match status {
        400 => Fault::query(400, "MalformedHttpRequestException", "The request is malformed."),
        large => Fault::query(
            large,
            "RequestEntityTooLargeException",
            "The request's head is too large.",
        ),
    }
}

/// The fault of a request that did not arrive in time. The SDKs retry on this code.
pub fn too_slow() -> Fault {
    Fault::query(
        408,
        "RequestTimeoutException",
        "The request was not received within the timeout period.",
    )
}

/// Runs a future, turning a panic in it into an error. The panic hook has logged where it was. A
/// request's is large: it is not moved again.
pub async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Box<dyn Any + Send>> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// A request, with what is known of it so far.
struct Exchange<'s> {
    desk: &'s Desk,
    server: &'s Server,
    at: Timestamp,
    started: Instant,
    request_id: RequestId,
    event_id: RequestId,
    origin: Origin,
    protocol: Protocol,
    format: Format,
    service: Option<Service>,
    operation: Option<&'static Operation>,
    region: Option<Region>,
    caller: Option<Arc<Caller>>,
    access_key: Option<String>,
    /// Of an authenticated request.
    body: Option<Bytes>,
    recorded: bool,
}

impl<'s> Exchange<'s> {
    fn begin(desk: &'s Desk, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let ids: [u8; 32] = random(&IdEntropy);
        let (request_id, event_id) = ids.split_at(16);
        let id = |bytes: &[u8]| RequestId::from_entropy(bytes.try_into().unwrap_or_default());
        let agent = headers.get(USER_AGENT).map_or(&b""[..], HeaderValue::as_bytes);
        Self {
            desk,
            server: &desk.server,
            at: now(),
            started: Instant::now(),
            request_id: id(request_id),
            event_id: id(event_id),
            origin: Origin {
                source_ip: peer.ip(),
                secure_transport: false,
                user_agent: String::from_utf8_lossy(agent).into(),
            },
            protocol: Protocol::Json,
            format: Format::Xml,
            service: None,
            operation: None,
            region: None,
            caller: None,
            access_key: None,
            body: None,
            recorded: false,
        }
    }

    async fn run(&mut self, head: &Parts, body: Incoming) -> Result<fault::Answer, End> {
        let expected = self.route(head)?;
        let read = body::read(body, self.server.receive_timeout).await;
        let body = read.map_err(|unread| End::Close(unread_fault(unread)))?;
        self.authenticate(head, &body, expected)?;
        let body = match (self.protocol, head.uri.query()) {
            // AWS: a presigned POST has everything in its query string, which is signed too.
            (Protocol::Query, Some(query)) if head.method == Method::GET || body.is_empty() => {
                Bytes::copy_from_slice(query.as_bytes())
            }
            _ => body,
        };
        self.body = Some(body.clone());
        let operation = match self.operation {
            Some(operation) => operation,
            None => self.query_operation(&body)?,
        };
        self.operation = Some(operation);
        self.execute(operation, body).await
    }

    /// Finds out which service and operation the head is for. Reads no body.
    fn route(&mut self, head: &Parts) -> Result<Expected, End> {
        let headers = &head.headers;
        let media_type = media_type(headers);
        let is = |wanted: &str| media_type.eq_ignore_ascii_case(wanted);
        // AWS: clients that presign a POST send neither a body nor its type.
        let presigned = headers.get(CONTENT_TYPE).is_none() && head.uri.query().is_some();
        if head.method == Method::GET || is(FORM) || presigned {
            self.protocol = Protocol::Query;
            self.format = Format::wanted(Service::Sts, headers);
        }
        if !self.server.hosts.allow(headers) {
            return Err(End::Close(host_refused()));
        }
        if head.uri.path() != "/" {
            return Err(End::Unroutable);
        }
        match head.method {
            Method::GET => Ok(Expected::Query),
            Method::POST if is(FORM) || presigned => Ok(Expected::Query),
            Method::POST if is(json::CONTENT_TYPE) => {
                let (service, operation) = target(headers)?;
                self.service = Some(service);
                // AWS: an unknown operation is told before the signature is looked at.
                let found = operations::find(service, operation);
                self.operation = Some(found.ok_or_else(Fault::unknown_operation)?);
                Ok(Expected::Service(service))
            }
            _ => Err(End::Unroutable),
        }
    }

    fn authenticate(&mut self, head: &Parts, body: &[u8], expected: Expected) -> Result<(), Fault> {
        let request = SignedRequest {
            method: head.method.as_str(),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        let verifier = Verifier {
            credentials: &*self.server.access_keys,
            regions: self.server.cluster.regions(),
            keys: &self.server.signing_keys,
        };
        let verified = match verifier.verify(&request, expected, self.at) {
            Ok(verified) => verified,
            Err(fault) => {
                self.access_key = verifier.named_key(&request);
                return Err(Fault::auth(&fault, expected.protocol()));
            }
        };
        self.service = Some(verified.service);
        self.format = Format::wanted(verified.service, &head.headers);
        self.region = Some(verified.region);
        self.caller = Some(verified.owner);
        self.access_key = Some(verified.access_key);
        Ok(())
    }

    /// The operation of a query request, which only the body names.
    fn query_operation(&self, body: &[u8]) -> Result<&'static Operation, Fault> {
        let form = Form::parse(body)?;
        let action = form.action().ok_or_else(Fault::missing_action)?;
        let version = form.version().unwrap_or_default();
        self.service
            .filter(|service| service.api_version() == version)
            .and_then(|service| operations::find(service, action))
            .ok_or_else(|| Fault::invalid_action(action, version))
    }

    async fn execute(
        &self,
        operation: &'static Operation,
        body: Bytes,
    ) -> Result<fault::Answer, End> {
        let (Some(region), Some(caller)) = (self.region, self.caller.as_ref()) else {
            return Err(Fault::internal(operation.service).into());
        };
        match self.server.cluster.links().is_down(region) {
            Some(DownMode::Unavailable) => return Err(unavailable().into()),
            Some(DownMode::Refused) => return Err(End::Drop(unavailable())),
            None => {}
        }
        let call = Call {
            operation,
            body,
            format: self.format,
            caller: Arc::clone(caller),
            origin: self.origin.clone(),
            request_id: self.request_id,
            event_id: self.event_id,
            now: self.at,
        };
        let reply = if operation.is_slow(&call.body) {
            let cluster = Arc::clone(&self.server.cluster);
            // Boxed, or the future of every request had room for it.
            let work = Box::pin(async move { cluster.execute(region, call).await });
            self.desk.elsewhere.run(work).await
        } else {
            self.server.cluster.execute(region, call).await
        };
        match reply {
            Some(reply) => Ok(reply?),
            // The signature named a Region that is served, or one of a global service.
            None => Err(unavailable().into()),
        }
    }

    /// Records the outcome, then makes it an answer.
    async fn finish(&mut self, outcome: Result<fault::Answer, End>) -> Result<Answer, Dropped> {
        let (code, message) = match &outcome {
            Ok(_) => (None, None),
            Err(End::Fault(fault) | End::Close(fault) | End::Drop(fault)) => {
                (Some(fault.code(self.protocol)), fault.message())
            }
            Err(End::Unroutable) => (Some("UnknownOperationException"), None),
        };
        let reads = outcome.as_ref().map_or(&[][..], |answer| &answer.reads);
        let outcome = if self.record(code, message, reads).await {
            outcome
        } else {
            Err(End::Fault(Fault::internal(self.shown_service())))
        };
        let close = matches!(outcome, Err(End::Close(_)));
        let (status, content_type, body) = match outcome {
            Ok(response) => (response.status, response.content_type, response.body),
            Err(End::Fault(fault) | End::Close(fault)) => {
                let id = self.request_id.text();
                let answer = fault.answer(self.shown_service(), self.format, id.as_str());
                (answer.status, answer.content_type, answer.body)
            }
            Err(End::Unroutable) => (404, "text/xml", UNROUTABLE.into()),
            Err(End::Drop(_)) => return Err(Dropped),
        };
        let mut answer = self.response(status, content_type, body);
        if close {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }

    fn response(&self, status: u16, content_type: &'static str, body: Vec<u8>) -> Answer {
        let body = Bytes::from_owner(Wiped::new(body));
        let mut response = Response::new(Full::new(body));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.reserve(HEADERS_MAX);
        if let Ok(id) = HeaderValue::from_str(self.request_id.text().as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // AWS: KMS forbids caching, in these words.
        if self.service == Some(Service::Kms) {
            let never = HeaderValue::from_static("no-cache, no-store, must-revalidate, private");
            headers.insert(CACHE_CONTROL, never);
            headers.insert(EXPIRES, HeaderValue::from_static("0"));
            headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        }
        response
    }

    /// Writes the audit records and counts the request. False if a record could not be written.
    async fn record(
        &mut self,
        error_code: Option<&'static str>,
        error_message: Option<&str>,
        reads: &[SecretRead],
    ) -> bool {
        self.recorded = true;
        let record = self.as_record(error_code, error_message);
        let written = self.desk.records.append(|lines| {
            write_line(lines, &record);
            for read in reads {
                let record = Record {
                    event_id: RequestId::from_entropy(random(&IdEntropy)),
                    operation: Some(SecretRead::OPERATION),
                    error_code: read.error_code,
                    error_message: read.error_message.as_deref(),
                    body: Some(&read.body()),
                    ..record
                };
                write_line(lines, &record);
            }
        });
        let written = written.await;
        self.ended(error_code, &written)
    }

    /// What is known of the request, as a record.
    fn as_record<'r>(
        &'r self,
        error_code: Option<&'static str>,
        error_message: Option<&'r str>,
    ) -> Record<'r> {
        Record {
            at: self.at,
            request_id: self.request_id,
            event_id: self.event_id,
            service: self.service,
            operation: self.operation.map(|operation| operation.name),
            read_only: self.operation.is_some_and(|operation| operation.read_only),
            region: self.region,
            caller: self.caller.as_deref(),
            access_key: self.access_key.as_deref(),
            origin: &self.origin,
            error_code,
            error_message,
            body: self.body.as_deref(),
        }
    }

    /// Counts the request. False if its record was not written.
    fn ended(&self, error_code: Option<&'static str>, written: &io::Result<()>) -> bool {
        let operation = self.operation.map(|operation| operation.name);
        let subject = Subject { service: self.service, operation, region: self.region };
        self.server.metrics.count(subject, error_code, self.started.elapsed());
        if let Err(cause) = written {
            let id = self.request_id;
            tracing::error!(%cause, request_id = %id, "the audit record could not be written");
        }
        written.is_ok()
    }

    /// The service whose fashion an error is written in.
    fn shown_service(&self) -> Service {
        self.service.unwrap_or(match self.protocol {
            Protocol::Json => Service::SecretsManager,
            Protocol::Query => Service::Sts,
        })
    }
}

/// PROMISE R6: a client that goes away takes its answer with it, but not its record.
impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if !self.recorded {
            let written = self.server.audit.append(&self.as_record(Some(CANCELED), None));
            self.ended(Some(CANCELED), &written);
        }
    }
}

/// The service and the operation's name of `X-Amz-Target`, which must be there once.
fn target(headers: &HeaderMap) -> Result<(Service, &str), Fault> {
    let mut values = headers.get_all(&TARGET).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Fault::unknown_operation());
    };
    let text = value.to_str().map_err(|_| Fault::unknown_operation())?;
    Service::of_target(text).ok_or_else(Fault::unknown_operation)
}

/// The content type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.split(';').next()).unwrap_or_default().trim()
}

fn unread_fault(unread: Unread) -> Fault {
    match unread {
        Unread::TooLong => Fault::too_large(),
        Unread::TooSlow | Unread::Broken => too_slow(),
    }
}

fn host_refused() -> Fault {
    Fault::query(
        403,
        "AccessDeniedException",
        "The Host header names no host that this server answers for; see --allow-host.",
    )
}

/// AWS: the words of the common error.
fn unavailable() -> Fault {
    Fault::query(
        503,
        "ServiceUnavailable",
        "The request has failed due to a temporary failure of the server.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PROMISE R8: a panic is caught wherever in a request it happens.
    #[tokio::test]
    async fn a_panic_is_an_error_of_its_request() {
        assert!(caught(pin!(async { 1 })).await.is_ok());
        let later = async {
            tokio::task::yield_now().await;
            panic!("a bug");
        };
        assert!(caught(pin!(later)).await.is_err());
    }

    #[test]
    fn content_types_without_parameters() {
        let of = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(text));
            media_type(&headers).to_owned()
        };
        assert_eq!(of("application/x-www-form-urlencoded; charset=utf-8"), FORM);
        assert_eq!(of("text/plain"), "text/plain");
        assert_eq!(media_type(&HeaderMap::new()), "");
    }
}
