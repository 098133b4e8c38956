//! Asking external key store proxies for what operations need, and running them again.
//!
//! The core only says which questions it has no answer to. Here they become HTTP requests, each on a
//! connection of its own, with no lock held. An operation that runs again draws the same randomness,
//! so that it asks the same and a data key is the one that was encrypted.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use regent_core::cx::{Caller, Cx};
use regent_core::ids::RequestId;
use regent_core::keys::proxy::{Proxies, ProxyAnswer, ProxyCall, ProxyProblem};
use regent_core::ports::{Entropy, StoreFault, random};
use regent_crypto::SystemEntropy;
use regent_wire::xks::{self, ProxyRequest};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Node, now};

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

/// The proxies' side of one request, over its runs.
#[derive(Debug, Default)]
pub(super) struct Consultation {
    proxies: Proxies,
    /// From the run on that has found that a proxy must be asked. All others draw anew.
    remembered: Option<Remembered>,
}

impl Consultation {
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

    /// Whether the last run has to be repeated, once what it asked is answered.
    pub(super) async fn goes_on(&mut self, node: &Node) -> Result<bool, StoreFault> {
        let wanted = self.proxies.take_wanted();
        if wanted.is_empty() {
            return Ok(false);
        }
        if self.remembered.is_none() {
            // What this run has drawn is lost, and its questions with it.
            self.remembered = Some(Remembered::default());
            return Ok(true);
        }
        if self.proxies.len() + wanted.len() > CALLS_MAX {
            return Err(StoreFault);
        }
        for call in wanted {
            let answer = node.ask_proxy(&call).await?;
            self.proxies.answered(call, answer);
        }
        Ok(true)
    }
}

impl Node {
    /// Runs work of the node's own, which may need proxies, to its end.
    pub(super) async fn consult<T>(
        &self,
        caller: &Caller,
        mut work: impl FnMut(&Cx<'_>) -> Result<T, StoreFault>,
    ) -> Result<T, StoreFault> {
        let id = RequestId::from_entropy(random(&SystemEntropy));
        let mut consultation = Consultation::default();
        loop {
            let result = self.as_caller(caller, id, &consultation, &mut work);
            if !consultation.goes_on(self).await? {
                return result;
            }
        }
    }

    async fn ask_proxy(&self, call: &ProxyCall) -> Result<ProxyAnswer, StoreFault> {
        let request = xks::request(call, now(), &self.crypto)?;
        if request.tls {
            // LIMIT: there is no TLS for outgoing connections yet.
            return Ok(Err(ProxyProblem::Tls));
        }
        let answered = match timeout(TIMEOUT, exchange(request)).await {
            Err(_) => Err(ProxyProblem::TimedOut),
            Ok(Err(problem)) => Err(problem),
            Ok(Ok((status, body))) => xks::answer(call, status, &body),
        };
        if let Err(problem) = &answered {
            tracing::warn!(region = %self.region, endpoint = %call.proxy.endpoint, ?problem, "an external key store proxy was of no use");
        }
        Ok(answered)
    }
}

/// Sends one request on a connection of its own. Status and body.
async fn exchange(request: ProxyRequest) -> Result<(u16, Bytes), ProxyProblem> {
    let ProxyRequest { authority, path, signature, body, .. } = request;
    let has_port = authority.rsplit_once(':').is_some();
    let address = if has_port { authority.clone() } else { format!("{authority}:80") };
    let stream = TcpStream::connect(address).await.map_err(|_| ProxyProblem::Unreachable)?;
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
