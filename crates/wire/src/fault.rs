//! An error as a client sees it: status, code and AWS's exact words, encoded per protocol.
//!
//! Conditions become faults at the edge only. A fault never carries a secret value or internal
//! text (promise R7): what a constructor takes as text is AWS's sentence, at most with values of
//! members that are not sensitive. Which conditions exist is for `sigv4` and the core to say.

use std::borrow::Cow;

use crate::audit::SecretRead;
use crate::json;
use crate::query_xml::{self, Format};
use crate::service::{Protocol, Service};
use crate::sigv4::{AuthFault, MissingParts, ScopeMismatch, Window};
use crate::time::{Text, basic};
use regent_core::time::Timestamp;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    status: u16,
    code: Code,
    message: Option<Cow<'static, str>>,
    capital: bool,
}

/// A code that the two protocols may spell differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Code {
    json: &'static str,
    query: &'static str,
}

/// A complete answer: what the shell sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    /// Secrets that the answer tells of, each to have an audit record of its own.
    pub reads: Vec<SecretRead>,
}

impl Fault {
    /// A fault without a message, with the same code in either protocol.
    pub const fn new(status: u16, code: &'static str) -> Self {
        Self::named(status, code, code)
    }

    const fn named(status: u16, json: &'static str, query: &'static str) -> Self {
        Self { status, code: Code { json, query }, message: None, capital: false }
    }

    fn says(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.message = Some(text.into());
        self
    }

    /// An error that Secrets Manager's model has: status 400, `Message` with a capital.
    pub fn secrets_manager(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { capital: true, ..Self::new(400, code).says(text) }
    }

    /// An error that KMS's model has: status 400, `message` in lower case.
    pub fn kms(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, code).says(text)
    }

    /// An error that KMS's model calls the server's fault: clients try again.
    pub fn kms_retriable(code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: 500, ..Self::kms(code, text) }
    }

    /// AWS: some KMS errors have no message member at all, such as InvalidCiphertextException.
    pub const fn kms_bare(code: &'static str) -> Self {
        Self::new(400, code)
    }

    /// An error of STS, CloudFormation or IAM.
    pub fn query(status: u16, code: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, code).says(text)
    }

    /// A member breaks a constraint of the model, or the service's own check of its form.
    pub fn validation(text: impl Into<Cow<'static, str>>) -> Self {
        Self::named(400, "ValidationException", "ValidationError").says(text)
    }

    /// The body does not decode, or a member has the wrong type.
    ///
    /// AWS: without a message; ours never says what the parser saw.
    pub const fn serialization() -> Self {
        Self::named(400, "SerializationException", "MalformedInput")
    }

    /// `X-Amz-Target` is absent or names no operation.
    pub const fn unknown_operation() -> Self {
        Self::named(400, "UnknownOperationException", "InvalidAction")
    }

    /// No service answers this method, path or content type.
    pub const fn unroutable() -> Self {
        Self::named(404, "UnknownOperationException", "UnknownOperationException")
    }

    /// A query request without `Action`.
    pub fn missing_action() -> Self {
        Self::query(
            400,
            "MissingAction",
            "The request is missing an action or a required parameter.",
        )
    }

    /// A query request whose `Action` and `Version` name no operation.
    pub fn invalid_action(action: &str, version: &str) -> Self {
        let text = format!("Could not find operation {action} for version {version}");
        Self::query(400, "InvalidAction", text)
    }

    /// The body is longer than the server takes.
    pub fn too_large() -> Self {
        Self::new(413, "RequestEntityTooLargeException").says("Request body is too large")
    }

    /// The request is not authenticated.
    ///
    /// AWS: JSON services answer every one of these with 400.
    pub fn auth(fault: &AuthFault, protocol: Protocol) -> Self {
        let Some((code, text)) = auth_words(fault, protocol) else { return Self::unroutable() };
        let (status, name) = match protocol {
            Protocol::Json => (400, code.json()),
            Protocol::Query => code.query(),
        };
        Self::new(status, name).says(text)
    }

    /// IAM says no. `text` is the sentence with principal, action and resource.
    pub fn access_denied(service: Service, text: impl Into<Cow<'static, str>>) -> Self {
        match service {
            Service::SecretsManager => Self::secrets_manager("AccessDeniedException", text),
            Service::Kms => Self::kms("AccessDeniedException", text),
            Service::Sts | Service::CloudFormation | Service::Iam => {
                Self::query(403, "AccessDenied", text)
            }
        }
    }

    /// The caller sends more than is served; the SDKs retry on this code.
    pub fn throttled() -> Self {
        Self::named(400, "ThrottlingException", "Throttling").says("Rate exceeded")
    }

    /// The server failed. The cause is in its log only.
    pub fn internal(service: Service) -> Self {
        match service {
            Service::SecretsManager => Self {
                status: 500,
                ..Self::secrets_manager(
                    "InternalServiceError",
                    "An error occurred on the server side.",
                )
            },
            Service::Kms => Self::kms_retriable(
                "KMSInternalException",
                "The request was rejected because an internal exception occurred. The request can be retried.",
            ),
            Service::Sts | Service::CloudFormation => Self::query(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
            Service::Iam => Self::query(
                500,
                "ServiceFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            ),
        }
    }

    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The code as clients of `protocol` see it.
    pub const fn code(&self, protocol: Protocol) -> &'static str {
        match protocol {
            Protocol::Json => self.code.json,
            Protocol::Query => self.code.query,
        }
    }

    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The answer to a request of `service`. `format` is the client's wish, for query services.
    pub fn answer(&self, service: Service, format: Format, request_id: &str) -> Answer {
        let (content_type, body) = match (service.protocol(), format) {
            (Protocol::Json, _) => (json::CONTENT_TYPE, self.json_body()),
            (Protocol::Query, Format::Xml) => {
                (format.content_type(), self.xml_body(service, request_id))
            }
            (Protocol::Query, Format::Json) => {
                (format.content_type(), self.query_json_body(request_id))
            }
        };
        Answer { status: self.status, content_type, body, reads: Vec::new() }
    }

    fn json_body(&self) -> Vec<u8> {
        let member = if self.capital { "Message" } else { "message" };
        json::body(128, |body| {
            body.string("__type", self.code.json);
            body.string(member, self.message());
        })
    }

    fn xml_body(&self, service: Service, request_id: &str) -> Vec<u8> {
        let mut xml = String::with_capacity(512);
        xml.push_str("<ErrorResponse xmlns=\"");
        xml.push_str(service.xml_namespace());
        xml.push_str("\">\n  <Error>\n    <Type>");
        xml.push_str(self.blame());
        xml.push_str("</Type>\n    <Code>");
        xml.push_str(self.code.query);
        xml.push_str("</Code>\n");
        if let Some(message) = self.message() {
            xml.push_str("    <Message>");
            query_xml::escape(&mut xml, message);
            xml.push_str("</Message>\n");
        }
        xml.push_str("  </Error>\n  <RequestId>");
        query_xml::escape(&mut xml, request_id);
        xml.push_str("</RequestId>\n</ErrorResponse>\n");
        xml.into_bytes()
    }

    fn query_json_body(&self, request_id: &str) -> Vec<u8> {
        json::body(256, |body| {
            body.object("Error", |error| {
                error.string("Code", self.code.query);
                error.string("Message", self.message());
                error.string("Type", self.blame());
            });
            body.string("RequestId", request_id);
        })
    }

    /// Who has to change something: the `Type` of a query error.
    const fn blame(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }
}

/// The codes of authentication errors.
#[derive(Debug, Clone, Copy)]
enum AuthCode {
    MissingToken,
    Incomplete,
    Invalid,
    UnknownClient,
    Expired,
}

impl AuthCode {
    const fn json(self) -> &'static str {
        match self {
            Self::MissingToken => "MissingAuthenticationTokenException",
            Self::Incomplete => "IncompleteSignatureException",
            Self::Invalid => "InvalidSignatureException",
            Self::UnknownClient => "UnrecognizedClientException",
            Self::Expired => "ExpiredTokenException",
        }
    }

    const fn query(self) -> (u16, &'static str) {
        match self {
            Self::MissingToken => (403, "MissingAuthenticationToken"),
            Self::Incomplete => (400, "IncompleteSignature"),
            Self::Invalid => (403, "SignatureDoesNotMatch"),
            Self::UnknownClient => (403, "InvalidClientTokenId"),
            Self::Expired => (403, "ExpiredToken"),
        }
    }
}

/// AWS's words for a request that is not authenticated.
///
/// `None` for a path where there is no service.
fn auth_words(fault: &AuthFault, protocol: Protocol) -> Option<(AuthCode, Cow<'static, str>)> {
    use AuthCode::{Expired, Incomplete, Invalid, MissingToken, UnknownClient};
    let (code, text): (AuthCode, Cow<'static, str>) = match fault {
        AuthFault::PathNotRoot => return None,
        AuthFault::HeaderAndQuery => (Invalid, HEADER_AND_QUERY.into()),
        AuthFault::NoAuthentication => match protocol {
            Protocol::Json => (MissingToken, "Missing Authentication Token".into()),
            Protocol::Query => (MissingToken, "Request is missing Authentication Token".into()),
        },
        AuthFault::HeaderIncomplete(missing) => (Incomplete, header_incomplete(missing).into()),
        AuthFault::QueryIncomplete(missing) => (Incomplete, query_incomplete(missing).into()),
        AuthFault::DateMalformed { got } => (
            Incomplete,
            format!("Date must be in ISO-8601 'basic format'. Got '{got}'. See http://en.wikipedia.org/wiki/ISO_8601").into(),
        ),
        AuthFault::ExpiresMalformed => (
            Incomplete,
            "X-Amz-Expires must be a number of seconds between 1 and 604800".into(),
        ),
        AuthFault::Expired(window) => (Invalid, expired(window).into()),
        AuthFault::NotYetCurrent(window) => (Invalid, not_yet_current(window).into()),
        AuthFault::HostNotSigned => (
            Invalid,
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".into(),
        ),
        AuthFault::AlgorithmUnsupported { got } => (
            Incomplete,
            format!("Unsupported AWS 'algorithm': '{got}' (only AWS4-HMAC-SHA256 for now). ").into(),
        ),
        AuthFault::CredentialMalformed { got } => (
            Incomplete,
            format!("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{got}'").into(),
        ),
        AuthFault::ScopeMismatch(wrong) => (Invalid, scope_mismatch(wrong).into()),
        AuthFault::AccessKeyUnknown => {
            (UnknownClient, "The security token included in the request is invalid.".into())
        }
        AuthFault::SignatureMismatch => (Invalid, SIGNATURE_MISMATCH.into()),
        AuthFault::SessionTokenInvalid => {
            (UnknownClient, "The security token included in the request is invalid".into())
        }
        AuthFault::SessionExpired => {
            (Expired, "The security token included in the request is expired".into())
        }
    };
    Some((code, text))
}

const HEADER_AND_QUERY: &str =
    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";

const SIGNATURE_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";

/// AWS: newer endpoints show the header as a hash, which ours do too: a header may hold anything.
fn header_incomplete(missing: &MissingParts) -> String {
    let mut text = String::with_capacity(512);
    let parts = [
        (missing.credential, "Credential"),
        (missing.signature, "Signature"),
        (missing.signed_headers, "SignedHeaders"),
    ];
    for (_, name) in parts.iter().filter(|(missing, _)| *missing) {
        text.push_str("Authorization header requires '");
        text.push_str(name);
        text.push_str("' parameter. ");
    }
    if missing.date {
        text.push_str(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
        );
    }
    text.push_str("(Hashed with SHA-256 and encoded with Base64) Authorization=");
    text.push_str(&missing.digest);
    text
}

fn query_incomplete(missing: &MissingParts) -> String {
    let parts = [
        (missing.algorithm, "X-Amz-Algorithm"),
        (missing.credential, "X-Amz-Credential"),
        (missing.signature, "X-Amz-Signature"),
        (missing.signed_headers, "X-Amz-SignedHeaders"),
        (missing.date, "X-Amz-Date"),
    ];
    let mut text = String::with_capacity(512);
    for (_, name) in parts.iter().filter(|(missing, _)| *missing) {
        text.push_str("AWS query-string parameters must include '");
        text.push_str(name);
        text.push_str("'. ");
    }
    text.push_str("Re-examine the query-string parameters.");
    text
}

fn expired(window: &Window) -> String {
    let earliest = shifted(window.now, -window.allowed_s);
    let (signed_at, now) = (basic(window.signed_at), basic(window.now));
    let span = span(window.allowed_s);
    format!("Signature expired: {signed_at} is now earlier than {earliest} ({now} - {span})")
}

fn not_yet_current(window: &Window) -> String {
    let latest = shifted(window.now, window.allowed_s);
    let (signed_at, now) = (basic(window.signed_at), basic(window.now));
    let span = span(window.allowed_s);
    format!("Signature not yet current: {signed_at} is still later than {latest} ({now} + {span})")
}

fn shifted(time: Timestamp, seconds: i64) -> Text<16> {
    basic(Timestamp::from_millis(time.millis().saturating_add(seconds.saturating_mul(1000))))
}

/// A span as AWS prints it; one that is not of whole minutes is from a presigned request.
fn span(seconds: i64) -> String {
    if seconds % 60 == 0 { format!("{} min.", seconds / 60) } else { format!("{seconds} sec.") }
}

/// AWS: each sentence ends with a space but that of the date, which is the last.
fn scope_mismatch(wrong: &ScopeMismatch) -> String {
    let mut text = String::with_capacity(256);
    if let Some(region) = &wrong.region {
        text.push_str("Credential should be scoped to a valid region, not '");
        text.push_str(region);
        text.push_str("'. ");
    }
    if let Some(service) = wrong.service {
        text.push_str("Credential should be scoped to correct service: '");
        text.push_str(service.signing_name());
        text.push_str("'. ");
    }
    if let Some(terminator) = &wrong.terminator {
        text.push_str("Credential should be scoped with a valid terminator: 'aws4_request', not '");
        text.push_str(terminator);
        text.push_str("'. ");
    }
    if let Some((day, date)) = &wrong.date {
        let expected = date.get(..8).unwrap_or_default();
        text.push_str("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ");
        for part in ["'", day, "' != '", expected, "', from '", date, "'."] {
            text.push_str(part);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(fault: &Fault, service: Service, format: Format) -> String {
        let answer = fault.answer(service, format, "ec85c3e8-1a6a-4f1b-8f0a-3d1a2b3c4d5e");
        String::from_utf8(answer.body).unwrap()
    }

    /// AWS: an error recorded from Secrets Manager.
    #[test]
    fn secrets_manager_says_message_with_a_capital() {
        let fault = Fault::secrets_manager(
            "InvalidRequestException",
            "You must provide a ClientRequestToken value. We recommend a UUID-type value.",
        );
        assert_eq!(
            text(&fault, Service::SecretsManager, Format::Xml),
            r#"{"__type":"InvalidRequestException","Message":"You must provide a ClientRequestToken value. We recommend a UUID-type value."}"#
        );
        assert_eq!(fault.status(), 400);
    }

    #[test]
    fn kms_says_message_in_lower_case_or_not_at_all() {
        let fault = Fault::kms("NotFoundException", "Alias \"x\" is not found.");
        assert_eq!(
            text(&fault, Service::Kms, Format::Xml),
            r#"{"__type":"NotFoundException","message":"Alias \"x\" is not found."}"#
        );
        let bare = Fault::kms_bare("InvalidCiphertextException");
        assert_eq!(
            text(&bare, Service::Kms, Format::Xml),
            r#"{"__type":"InvalidCiphertextException"}"#
        );
    }

    #[test]
    fn query_services_answer_in_xml() {
        let fault = Fault::validation("Stack with id <x> & y does not exist");
        assert_eq!(
            text(&fault, Service::CloudFormation, Format::Xml),
            "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\n  \
             <Error>\n    <Type>Sender</Type>\n    <Code>ValidationError</Code>\n    \
             <Message>Stack with id &lt;x&gt; &amp; y does not exist</Message>\n  </Error>\n  \
             <RequestId>ec85c3e8-1a6a-4f1b-8f0a-3d1a2b3c4d5e</RequestId>\n</ErrorResponse>\n"
        );
        let answer = Fault::internal(Service::Iam).answer(Service::Iam, Format::Xml, "r");
        assert_eq!((answer.status, answer.content_type), (500, "text/xml"));
        assert!(String::from_utf8(answer.body).unwrap().contains("<Type>Receiver</Type>"));
    }

    #[test]
    fn query_services_answer_in_json_when_asked() {
        let fault = Fault::access_denied(Service::Sts, "no");
        assert_eq!(
            text(&fault, Service::Sts, Format::Json),
            r#"{"Error":{"Code":"AccessDenied","Message":"no","Type":"Sender"},"RequestId":"ec85c3e8-1a6a-4f1b-8f0a-3d1a2b3c4d5e"}"#
        );
        assert_eq!(fault.status(), 403);
    }

    #[test]
    fn internal_errors_are_the_services_own() {
        let code = |service: Service| Fault::internal(service).code(service.protocol());
        assert_eq!(code(Service::SecretsManager), "InternalServiceError");
        assert_eq!(code(Service::Kms), "KMSInternalException");
        assert_eq!(code(Service::Sts), "InternalFailure");
        assert!(Service::ALL.iter().all(|s| Fault::internal(*s).status() == 500));
    }
}
