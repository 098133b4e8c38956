//! Asking external key store proxies for what operations need, and running them again.
//!
//! The core only says which questions it has no answer to. Here they become HTTP requests, each on a
//! connection of its own, with no lock held. An operation that runs again draws the same randomness,
//! so that it asks the same and a data key is the one that was encrypted. What is exchanged with other
//! Regions waits for proxies apart, so that nothing else waits with it (promise R4).

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use regent_core::ids::RequestId;
use regent_core::keys::proxy::{Proxies, ProxyAnswer, ProxyCall, ProxyProblem};
use regent_core::ports::{Entropy, StoreFault, random};
use regent_crypto::SystemEntropy;
use regent_wire::xks::{self, ProxyRequest};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Node, now};
use crate::proxies::Connection;

/// How long a proxy may take. AWS: 250 ms; a proxy near by may still share its machine.
const TIMEOUT: Duration = Duration::from_secs(1);
/// LIMIT: questions of one request. The most have those that read twenty secrets at once.
const CALLS_MAX: usize = 64;

/// Randomness that is drawn again in the same order by each further run.
#[derive(Debug, Default)]
struct Remembered {
    drawn: RefCell<Zeroizing<Vec<u8>>>,
    at: Cell<usize>,
}

impl Entropy for Remembered {
    fn fill(&self, bytes: &mut [u8]) {
        let mut drawn = self.drawn.borrow_mut();
        let start = self.at.get();
        let end = start + bytes.len();
        if let Some(missing) = end.checked_sub(drawn.len()).filter(|missing| *missing > 0) {
            let mut more = Zeroizing::new(vec![0; missing]);
            SystemEntropy.fill(&mut more);
            drawn.extend_from_slice(&more);
        }
        if let Some(again) = drawn.get(start..end) {
            bytes.copy_from_slice(again);
        }
        self.at.set(end);
    }
}

/// LIMIT: messages to and from peers that wait for proxies, in one Region. Further ones are given up,
/// and come again as lost ones do.
pub(super) const CONSULTING_MAX: usize = 64;

/// The proxies' side of one request, or of one piece of the node's own work, over its runs.
#[derive(Debug)]
pub(super) struct Consultation {
    /// The same in every run, since a proxy is told it.
    request: RequestId,
    proxies: Proxies,
    /// What the last run lacked.
    wanted: Vec<ProxyCall>,
    /// From the run on that has found that a proxy must be asked. All others draw anew.
    remembered: Option<Remembered>,
}

impl Consultation {
    pub(super) fn new(request: RequestId) -> Self {
        Self { request, proxies: Proxies::default(), wanted: Vec::new(), remembered: None }
    }

    /// That of work that no request asks for.
    pub(super) fn own() -> Self {
        Self::new(RequestId::from_entropy(random(&SystemEntropy)))
    }

    pub(super) const fn request(&self) -> RequestId {
        self.request
    }

    /// What the next run gets.
    pub(super) fn run<T>(&self, run: impl FnOnce(&dyn Entropy, &Proxies) -> T) -> T {
        match &self.remembered {
            None => run(&SystemEntropy, &self.proxies),
            Some(remembered) => {
                remembered.at.set(0);
                run(remembered, &self.proxies)
            }
        }
    }

    /// Whether the last run lacked answers. Then whatever it said is void, and it has to be repeated
    /// after [`Self::ask`].
    pub(super) fn is_void(&mut self) -> bool {
        self.wanted = self.proxies.take_wanted();
        let void = !self.wanted.is_empty();
        if void && self.remembered.is_none() {
            // What this run has drawn is lost, and its questions with it.
            self.remembered = Some(Remembered::default());
            self.wanted.clear();
        }
        void
    }

    /// Gets the answers that the last run lacked. The caller holds no lock.
    pub(super) async fn ask(&mut self, node: &Node) -> Result<(), StoreFault> {
        for call in self.take_wanted()? {
            let answer = node.ask_proxy(&call).await?;
            self.proxies.answered(call, answer);
        }
        Ok(())
    }

    /// What is to be asked now, if that is not too much.
    fn take_wanted(&mut self) -> Result<Vec<ProxyCall>, StoreFault> {
        let wanted = std::mem::take(&mut self.wanted);
        let calls = self.proxies.len() + wanted.len();
        if calls > CALLS_MAX { Err(StoreFault) } else { Ok(wanted) }
    }
}

impl Node {
    async fn ask_proxy(&self, call: &ProxyCall) -> Result<ProxyAnswer, StoreFault> {
        let request = xks::request(call, now(), &*self.crypto)?;
        let answered = match timeout(TIMEOUT, self.exchange(request)).await {
            Err(_) => Err(ProxyProblem::TimedOut),
            Ok(Err(problem)) => Err(problem),
            Ok(Ok((status, body))) => xks::answer(call, status, &body),
        };
        if let Err(problem) = &answered {
            tracing::warn!(region = %self.region, endpoint = %call.proxy.endpoint, ?problem, "an external key store proxy was of no use");
        }
        Ok(answered)
    }

    /// Sends one request on a connection of its own. Status and body.
    async fn exchange(&self, request: ProxyRequest) -> Result<(u16, Bytes), ProxyProblem> {
        match self.allowed_proxies.connect(request.tls, &request.authority).await {
            Ok(stream) => send(stream, request).await,
            Err(cause) => {
                tracing::warn!(region = %self.region, proxy = request.authority, %cause, "an external key store proxy was not connected to");
                Err(cause.problem())
            }
        }
    }
}

async fn send(
    stream: Box<dyn Connection>,
    request: ProxyRequest,
) -> Result<(u16, Bytes), ProxyProblem> {
    let ProxyRequest { authority, path, signature, body, .. } = request;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| ProxyProblem::Unreachable)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .header("x-amz-date", signature.x_amz_date)
        .header(AUTHORIZATION, signature.authorization)
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| ProxyProblem::Malformed)?;
    let response = sender.send_request(request).await.map_err(|_| ProxyProblem::Unreachable)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, xks::RESPONSE_LEN_MAX).collect().await;
    let body = body.map_err(|_| ProxyProblem::Malformed)?.to_bytes();
    Ok((head.status.as_u16(), body))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use regent_core::ids::Scope;
    use regent_core::keys::proxy::{Asked, Purpose, Told};
    use regent_core::keys::stores::Proxy;
    use regent_wire::sigv4::Signature;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    #[test]
    fn randomness_comes_again() {
        let remembered = Remembered::default();
        let draw = |len: usize| {
            let mut bytes = vec![0; len];
            remembered.fill(&mut bytes);
            bytes
        };
        let first = [draw(5), draw(32)];
        assert_ne!(first, [vec![0; 5], vec![0; 32]]);
        remembered.at.set(0);
        // Another cut of the same bytes, and more than there were.
        assert_eq!(draw(37), first.concat());
        let more = draw(3);
        remembered.at.set(37);
        assert_eq!(draw(3), more);
    }

    /// A question that randomness is part of.
    fn call(random: [u8; 8]) -> ProxyCall {
        let scope = Scope {
            region: "us-east-1".parse().unwrap(),
            account: "123456789012".parse().unwrap(),
        };
        ProxyCall {
            proxy: Arc::new(Proxy {
                scope,
                endpoint: "http://127.0.0.1:1".into(),
                path: "/kms/xks/v1".into(),
                access_key: "ABCDEFGHIJKLMNOPQRST".into(),
                secret: [0; 32].into(),
            }),
            asked: Asked::Encrypt { key: "k".into(), text: random.into(), aad: [].into() },
            purpose: Purpose {
                operation: "GenerateDataKey",
                request: RequestId::from_entropy([1; 16]),
                principal: "arn:aws:iam::123456789012:user/test".into(),
                key: None,
                via_service: None,
            },
        }
    }

    /// Only what a run asks whose randomness comes again is asked, and it is what the last run asks.
    #[test]
    fn the_question_that_is_asked_is_the_one_that_is_answered() {
        let mut consultation = Consultation::own();
        let run = |consultation: &Consultation| {
            consultation.run(|entropy, proxies| proxies.ask(call(random(entropy))))
        };
        assert_eq!(run(&consultation), Err(StoreFault));
        assert!(consultation.is_void());
        assert_eq!(consultation.take_wanted().unwrap(), [], "its randomness is lost");
        assert_eq!(run(&consultation), Err(StoreFault));
        assert!(consultation.is_void());
        let [asked] = consultation.take_wanted().unwrap().try_into().unwrap();
        consultation.proxies.answered(asked, Ok(Told::Opened([7].into())));
        assert_eq!(run(&consultation), Ok(Ok(Told::Opened([7].into()))));
        assert!(!consultation.is_void());
    }

    #[test]
    fn one_request_asks_so_much_and_no_more() {
        let mut consultation = Consultation::own();
        consultation.wanted = vec![call([0; 8]); CALLS_MAX];
        assert_eq!(consultation.take_wanted().unwrap().len(), CALLS_MAX);
        consultation.wanted = vec![call([0; 8]); CALLS_MAX + 1];
        assert_eq!(consultation.take_wanted(), Err(StoreFault));
        consultation.proxies.answered(call([0; 8]), Err(ProxyProblem::TimedOut));
        consultation.wanted = vec![call([0; 8]); CALLS_MAX];
        assert_eq!(consultation.take_wanted(), Err(StoreFault), "what was asked before counts");
    }

    fn request() -> ProxyRequest {
        let signature =
            Signature { x_amz_date: "DATE".to_owned(), authorization: "SIGNED".to_owned() };
        let (authority, path) = ("proxy.example:81".to_owned(), "/kms/xks/v1/health".to_owned());
        ProxyRequest { tls: false, authority, path, signature, body: b"{}".to_vec() }
    }

    /// What comes of a request, and what the other side saw of it.
    async fn exchanged(answer: &[u8]) -> (Result<(u16, Bytes), ProxyProblem>, String) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let serve = async |theirs: &mut DuplexStream| {
            let mut seen = Vec::new();
            while !seen.ends_with(b"{}") {
                assert_ne!(theirs.read_buf(&mut seen).await.unwrap(), 0);
            }
            theirs.write_all(answer).await.unwrap();
            theirs.shutdown().await.unwrap();
            String::from_utf8(seen).unwrap()
        };
        tokio::join!(send(Box::new(ours), request()), serve(&mut theirs))
    }

    fn answer(status: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    #[tokio::test]
    async fn a_request_as_it_is_sent() {
        let (told, seen) = exchanged(&answer("404 Not Found", b"a body")).await;
        assert_eq!(told, Ok((404, Bytes::from_static(b"a body"))));
        assert_eq!(
            seen.to_ascii_lowercase(),
            "post /kms/xks/v1/health http/1.1\r\nhost: proxy.example:81\r\n\
             content-type: application/json\r\nx-amz-date: date\r\nauthorization: signed\r\n\
             content-length: 2\r\n\r\n{}"
        );
    }

    /// PROMISE R8: what a proxy sends is bounded, and whatever it sends is an answer.
    #[tokio::test]
    async fn what_is_no_response_is_a_problem() {
        let longest = vec![b' '; xks::RESPONSE_LEN_MAX];
        let (told, _) = exchanged(&answer("200 OK", &longest)).await;
        assert_eq!(told.map(|(_, body)| body.len()), Ok(longest.len()));
        for (sent, problem) in [
            (answer("200 OK", &[&longest[..], b" "].concat()), ProxyProblem::Malformed),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ncut".to_vec(), ProxyProblem::Malformed),
            (b"not HTTP at all\r\n\r\n".to_vec(), ProxyProblem::Unreachable),
            (Vec::new(), ProxyProblem::Unreachable),
        ] {
            assert_eq!(exchanged(&sent).await.0, Err(problem));
        }
    }
}
