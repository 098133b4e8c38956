//! Verifies AWS Signature Version 4, in the header and in the presigned form.
//!
//! It authenticates and nothing more: who an access key belongs to is the caller's
//! [`Credentials`] to say, and what the owner may do is for the policies. No part of a body is
//! decoded here. The order of checks is AWS's, so that a client sees the error it would see there.
//!
//! PROMISE: R6. A path that is not canonical, a Region outside the closed list, a header that
//! changes the meaning of a request and is not signed: each is refused. Secrets are compared in
//! constant time, and an unknown access key costs what a known one costs.

mod canonical;
mod claim;
mod keys;
mod sign;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use core::fmt;
use http::{HeaderMap, HeaderName};
use regent_core::ids::Region;
use regent_core::time::Timestamp;
use regent_crypto::digest;
use zeroize::Zeroizing;

use crate::service::{Protocol, Service};
use crate::time::parse_basic;
use canonical::{Hex, Query, hex};
use claim::Claim;
pub use keys::SigningKeys;
pub use sign::{Signature, Unsigned};

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The header that names the operation of a JSON service.
pub static TARGET: HeaderName = HeaderName::from_static("x-amz-target");
/// The last element of a credential scope.
const TERMINATOR: &str = "aws4_request";
/// LIMIT: clock skew of JSON services, in seconds. AWS: 5 minutes.
const SKEW_JSON_S: i64 = 5 * 60;
/// LIMIT: clock skew of query services, in seconds. AWS: 15 minutes.
const SKEW_QUERY_S: i64 = 15 * 60;
/// AWS: IAM is global, and every SDK signs for this Region wherever the server is.
const IAM_REGION: &str = "us-east-1";
/// What a signature with an unknown access key is checked against.
const NOBODY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// A request as it came, nothing decoded.
#[derive(Clone, Copy)]
pub struct SignedRequest<'r> {
    pub method: &'r str,
    /// The path, still percent-encoded.
    pub path: &'r str,
    /// The query string without its question mark, still percent-encoded.
    pub query: &'r str,
    pub headers: &'r HeaderMap,
    pub body: &'r [u8],
}

impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A secret access key. Cloning shares the one copy in memory.
#[derive(Clone)]
pub struct SecretKey(Arc<Zeroizing<String>>);

impl SecretKey {
    pub fn new(secret: String) -> Self {
        Self(Arc::new(Zeroizing::new(secret)))
    }

    /// For a program that is to sign its own requests.
    pub fn expose_text(&self) -> &str {
        &self.0
    }

    fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || digest::equal(self.expose(), other.expose())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(redacted)")
    }
}

/// An access key's secret, and whom the key belongs to.
#[derive(Debug, Clone)]
pub struct Credential<O> {
    pub secret: SecretKey,
    pub owner: O,
    /// Of temporary credentials: when they end.
    pub expires_at: Option<Timestamp>,
}

/// The access keys that exist.
pub trait Credentials {
    /// Whom an access key belongs to, such as account and principal.
    type Owner;

    /// The credential of an access key, compared byte by byte. `None` if there is none, also if it
    /// is inactive. Temporary ones are there with the session token that they were given with.
    fn find(&self, access_key: &str, token: Option<&str>) -> Option<Credential<Self::Owner>>;
}

/// Which service the request is addressed to, before its signature says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// `X-Amz-Target` names the service.
    Service(Service),
    /// A form or a query string: the credential scope decides among the query services.
    Query,
}

impl Expected {
    pub const fn protocol(self) -> Protocol {
        match self {
            Self::Service(service) => service.protocol(),
            Self::Query => Protocol::Query,
        }
    }

    /// The service of a credential scope, if it is one of those expected.
    fn find(self, signing_name: &str) -> Option<Service> {
        Service::from_signing_name(signing_name).filter(|named| match self {
            Self::Service(service) => *named == service,
            Self::Query => named.protocol() == Protocol::Query,
        })
    }

    /// The service that an error names.
    const fn named(self) -> Service {
        match self {
            Self::Service(service) => service,
            Self::Query => Service::Sts,
        }
    }
}

/// What a verified signature proves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified<O> {
    pub owner: O,
    pub access_key: String,
    pub region: Region,
    pub service: Service,
    pub signed_at: Timestamp,
    /// The signature was in the query string.
    pub presigned: bool,
}

/// Why a request is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthFault {
    /// The path is not `/`. All requests go there; anything else is refused unread.
    PathNotRoot,
    /// An `Authorization` header and `X-Amz-Algorithm` in the query.
    HeaderAndQuery,
    /// No `Authorization`, or not one of version 4.
    NoAuthentication,
    /// The `Authorization` header lacks parts.
    HeaderIncomplete(MissingParts),
    /// The query string lacks parameters.
    QueryIncomplete(MissingParts),
    DateMalformed {
        got: String,
    },
    /// `X-Amz-Expires` is not a number of seconds within a week.
    ExpiresMalformed,
    Expired(Window),
    NotYetCurrent(Window),
    HostNotSigned,
    AlgorithmUnsupported {
        got: String,
    },
    /// The credential has not five elements.
    CredentialMalformed {
        got: String,
    },
    ScopeMismatch(ScopeMismatch),
    AccessKeyUnknown,
    /// The signature is another than ours, or what is signed cannot be what was meant.
    SignatureMismatch,
    /// A session token with an access key that has none.
    SessionTokenInvalid,
    SessionExpired,
}

/// What a signature's parameters lack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sentence of one error text")]
pub struct MissingParts {
    pub algorithm: bool,
    pub credential: bool,
    pub signature: bool,
    pub signed_headers: bool,
    pub date: bool,
    /// SHA-256 of the `Authorization` header, in base64.
    pub digest: String,
}

/// The times that decide whether a signature is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub signed_at: Timestamp,
    pub now: Timestamp,
    /// How far the two may be apart, in seconds.
    pub allowed_s: i64,
}

/// What is wrong in the credential scope; at least one is `Some`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeMismatch {
    /// The Region as given, unknown here.
    pub region: Option<String>,
    /// The service that should have been named.
    pub service: Option<Service>,
    /// The last element as given.
    pub terminator: Option<String>,
    /// The day as given, and the date of the request.
    pub date: Option<(String, String)>,
}

/// What verification needs beside the request.
#[derive(Debug)]
pub struct Verifier<'v, C: ?Sized> {
    pub credentials: &'v C,
    /// The Regions served here.
    pub regions: &'v [Region],
    pub keys: &'v SigningKeys,
}

impl<C: Credentials + ?Sized> Verifier<'_, C> {
    /// Verifies `request`. The checks and their order are AWS's.
    pub fn verify(
        &self,
        request: &SignedRequest<'_>,
        expected: Expected,
        now: Timestamp,
    ) -> Result<Verified<C::Owner>, AuthFault> {
        if request.path != "/" {
            return Err(AuthFault::PathNotRoot);
        }
        let query = Query::parse(request.query);
        let claim = Claim::read(request, &query)?;
        let signed_at = parse_basic(&claim.date)
            .ok_or_else(|| AuthFault::DateMalformed { got: claim.date.to_string() })?;
        check_window(signed_at, now, expected.protocol(), claim.lifetime_s()?)?;
        if !claim.signs("host") {
            return Err(AuthFault::HostNotSigned);
        }
        if claim.algorithm != ALGORITHM {
            return Err(AuthFault::AlgorithmUnsupported { got: claim.algorithm.to_string() });
        }
        let scope = Scope::parse(&claim.credential)?;
        let (region, service) = self.check_scope(&scope, &claim.date, expected)?;
        let Credential { owner, expires_at, .. } =
            self.check_signature(request, &query, &claim, &scope)?;
        // AWS: only temporary credentials have a session token.
        match expires_at {
            None if claim.session_token.is_some() => return Err(AuthFault::SessionTokenInvalid),
            Some(end) if end <= now => return Err(AuthFault::SessionExpired),
            None | Some(_) => {}
        }
        let access_key = scope.access_key.to_owned();
        Ok(Verified { owner, access_key, region, service, signed_at, presigned: claim.presigned })
    }

    /// The access key that a refused request names, for the records: whose key somebody else may
    /// have. Only one that exists, because what else stands in its place may be a secret.
    pub fn named_key(&self, request: &SignedRequest<'_>) -> Option<String> {
        let query = Query::parse(request.query);
        let claim = Claim::read(request, &query).ok()?;
        let scope = Scope::parse(&claim.credential).ok()?;
        let found = self.credentials.find(scope.access_key, claim.session_token.as_deref());
        found.map(|_| scope.access_key.to_owned())
    }

    fn check_scope(
        &self,
        scope: &Scope<'_>,
        date: &str,
        expected: Expected,
    ) -> Result<(Region, Service), AuthFault> {
        let service = expected.find(scope.service);
        let global = service == Some(Service::Iam) && scope.region == IAM_REGION;
        let served = |region: &Region| global || self.regions.contains(region);
        let region = scope.region.parse().ok().filter(served);
        let day = date.get(..8).unwrap_or_default();
        let wrong = ScopeMismatch {
            region: region.is_none().then(|| scope.region.to_owned()),
            service: service.is_none().then(|| expected.named()),
            terminator: (scope.terminator != TERMINATOR).then(|| scope.terminator.to_owned()),
            date: (scope.day != day).then(|| (scope.day.to_owned(), date.to_owned())),
        };
        match (region, service) {
            (Some(region), Some(service)) if wrong.terminator.is_none() && wrong.date.is_none() => {
                Ok((region, service))
            }
            _ => Err(AuthFault::ScopeMismatch(wrong)),
        }
    }

    /// Checks the signature under the access key's secret, or under one that nobody has.
    fn check_signature(
        &self,
        request: &SignedRequest<'_>,
        query: &Query<'_>,
        claim: &Claim<'_>,
        scope: &Scope<'_>,
    ) -> Result<Credential<C::Owner>, AuthFault> {
        let token = claim.session_token.as_deref();
        let Some(credential) = self.credentials.find(scope.access_key, token) else {
            let key = keys::derive(NOBODY.as_bytes(), scope);
            let _ = signature(request, query, claim, &key).map(|ours| ours.is(&claim.signature));
            return Err(AuthFault::AccessKeyUnknown);
        };
        let cached = self.keys.find(&claim.credential, &credential.secret);
        let fresh = cached.is_none();
        let key = cached.unwrap_or_else(|| keys::derive(credential.secret.expose(), scope));
        if !signature(request, query, claim, &key)?.is(&claim.signature) {
            return Err(AuthFault::SignatureMismatch);
        }
        // Only after the proof: strangers cannot fill the cache.
        if fresh {
            self.keys.insert(&claim.credential, &credential.secret, key);
        }
        Ok(credential)
    }
}

/// The elements of a credential.
#[derive(Debug, Clone, Copy)]
struct Scope<'c> {
    access_key: &'c str,
    day: &'c str,
    region: &'c str,
    service: &'c str,
    terminator: &'c str,
}

impl<'c> Scope<'c> {
    fn parse(credential: &'c str) -> Result<Self, AuthFault> {
        let mut elements = credential.split('/');
        let mut next = || elements.next();
        match (next(), next(), next(), next(), next(), next()) {
            (Some(access_key), Some(day), Some(region), Some(service), Some(terminator), None) => {
                Ok(Self { access_key, day, region, service, terminator })
            }
            _ => Err(AuthFault::CredentialMalformed { got: credential.to_owned() }),
        }
    }
}

/// Refuses a signature from too long ago, or from the future. Seconds are what the texts show, so
/// seconds decide.
fn check_window(
    signed_at: Timestamp,
    now: Timestamp,
    protocol: Protocol,
    lifetime_s: Option<i64>,
) -> Result<(), AuthFault> {
    let skew_s = match protocol {
        Protocol::Json => SKEW_JSON_S,
        Protocol::Query => SKEW_QUERY_S,
    };
    let age_s = now.millis().div_euclid(1000) - signed_at.millis() / 1000;
    let past = Window { signed_at, now, allowed_s: lifetime_s.unwrap_or(skew_s) };
    if age_s > past.allowed_s {
        Err(AuthFault::Expired(past))
    } else if age_s < -skew_s {
        Err(AuthFault::NotYetCurrent(Window { allowed_s: skew_s, ..past }))
    } else {
        Ok(())
    }
}

/// The signature that `claim` should carry.
fn signature(
    request: &SignedRequest<'_>,
    query: &Query<'_>,
    claim: &Claim<'_>,
    key: &keys::SigningKey,
) -> Result<Hex, AuthFault> {
    // AWS: every client signs these two; unsigned, they could be exchanged on the way.
    for name in [&TARGET, &claim::TOKEN] {
        if request.headers.contains_key(name) && !claim.signs(name.as_str()) {
            return Err(AuthFault::SignatureMismatch);
        }
    }
    let mut text = canonical::request(request, query, claim)?;
    let hashed = hex(&digest::sha256(&text));
    let scope = claim.credential.split_once('/').map_or("", |(_, scope)| scope);
    // What is signed, in one piece and in the same buffer.
    text.clear();
    for part in [ALGORITHM, "\n", &claim.date, "\n", scope, "\n", hashed.as_str()] {
        text.extend_from_slice(part.as_bytes());
    }
    Ok(hex(&key.sign(&[&text])))
}
