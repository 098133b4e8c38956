//! Calling a service's operation within a stack's step, and how AWS's events quote its refusal.

use std::cell::RefCell;

use regent_core::cx::{Ask, Cx};
use regent_core::ports::StoreFault;
use regent_core::stacks::handlers::{Done, Failure};
use regent_core::tx::Tx;
use zeroize::Zeroizing;

use super::Called;
use crate::fault::Fault;
use crate::json::{self, Object};
use crate::operations::{Operation, Outcome, find};
use crate::query_xml::Format;
use crate::service::{Protocol, Service};

/// An operation's answer: JSON, which may have a secret in it.
pub(in crate::cloudformation) type Body = Zeroizing<Vec<u8>>;

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::cloudformation) enum Unanswered {
    Ask(Vec<Ask>),
    Fault(Fault),
}

/// Where calls are made, and where they are noted.
pub(in crate::cloudformation) struct Calls<'a> {
    pub(super) cx: &'a Cx<'a>,
    pub(super) log: &'a RefCell<Vec<Called>>,
}

impl Calls<'_> {
    /// One call. What it writes is in `tx` afterwards.
    pub(in crate::cloudformation) fn call(
        &self,
        tx: &mut Tx<'_>,
        service: Service,
        name: &'static str,
        capacity: usize,
        write: impl FnOnce(&mut Object<'_>),
    ) -> Result<Body, Unanswered> {
        let body = Zeroizing::new(json::body(capacity, write));
        let internal = || Unanswered::Fault(Fault::internal(service));
        let operation = find(service, name).ok_or_else(internal)?;
        let (answer, batch) = match operation.run(self.cx, &*tx, &body, Format::Xml) {
            Outcome::Answer { answer, .. } => (answer, None),
            Outcome::Commit { answer, batch } => (answer, Some(batch)),
            // It runs again with the answers, and is noted then.
            Outcome::Ask(asks) => return Err(Unanswered::Ask(asks)),
            Outcome::Fault(fault) => {
                self.note(operation, body, Some(fault.code(Protocol::Json)), false);
                return Err(Unanswered::Fault(fault));
            }
        };
        self.note(operation, body, None, batch.is_some());
        if let Some(batch) = batch {
            tx.take_over(batch);
        }
        Ok(Zeroizing::new(answer.body))
    }

    fn note(
        &self,
        operation: &'static Operation,
        body: Body,
        error_code: Option<&'static str>,
        writes: bool,
    ) {
        let caller = self.cx.caller.clone();
        self.log.borrow_mut().push(Called { operation, body, error_code, caller, writes });
    }
}

/// Ends a handler's work for want of an answer.
pub(super) fn unanswered<T>(
    cx: &Cx<'_>,
    service: Service,
    why: Unanswered,
) -> Result<Done<T>, Failure> {
    match why {
        Unanswered::Ask(asks) => Ok(Done::Ask(asks)),
        Unanswered::Fault(fault) if fault.status() >= 500 => Err(Failure::Store(StoreFault)),
        Unanswered::Fault(fault) => {
            let code = fault.code(Protocol::Json);
            let text = fault.message().unwrap_or(code);
            Err(refused(cx, service, text, handler_code(code)))
        }
    }
}

/// AWS: how an event quotes a service.
pub(super) fn refused(cx: &Cx<'_>, service: Service, text: &str, code: &str) -> Failure {
    let name = match service {
        Service::Kms => "Kms",
        _ => "SecretsManager",
    };
    let id = cx.request_id;
    said(cx, &format!("{text} (Service: {name}, Status Code: 400, Request ID: {id})"), code)
}

/// AWS: how an event quotes a handler's own words.
pub(super) fn said(cx: &Cx<'_>, text: &str, code: &str) -> Failure {
    let id = cx.request_id;
    let text = format!(
        "Resource handler returned message: \"{text}\" (RequestToken: {id}, HandlerErrorCode: {code})"
    );
    Failure::Refused(text.into())
}

pub(super) fn handler_code(code: &str) -> &'static str {
    match code {
        "ResourceNotFoundException" | "NotFoundException" => "NotFound",
        "ResourceExistsException" | "AlreadyExistsException" => "AlreadyExists",
        "AccessDeniedException" => "AccessDenied",
        "LimitExceededException" => "ServiceLimitExceeded",
        "ThrottlingException" => "Throttling",
        _ => "InvalidRequest",
    }
}

/// Whether a service says that there is no such thing.
pub(super) fn is_absent(why: &Unanswered) -> bool {
    let Unanswered::Fault(fault) = why else { return false };
    matches!(fault.code(Protocol::Json), "ResourceNotFoundException" | "NotFoundException")
}

/// The answer of a call, or the end of the handler.
macro_rules! answer {
    ($cx:expr, $service:expr, $called:expr) => {
        match $called {
            Ok(body) => body,
            Err(why) => {
                return crate::cloudformation::handlers::call::unanswered($cx, $service, why);
            }
        }
    };
}
pub(super) use answer;
