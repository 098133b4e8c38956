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
        let wanted = std::mem::take(&mut self.wanted);
        if self.proxies.len() + wanted.len() > CALLS_MAX {
            return Err(StoreFault);
        }
        for call in wanted {
            let answer = node.ask_proxy(&call).await?;
            self.proxies.answered(call, answer);
        }
        Ok(())
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
}
