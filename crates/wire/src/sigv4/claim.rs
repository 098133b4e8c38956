//! What a request claims about its signature: the parts of the `Authorization` header, or of the
//! query string of a presigned request.
//!
//! Only presence is checked here. A part given twice counts as missing, and a header that decides
//! something and is given twice is refused: what was signed must be what is read.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE, HeaderName};
use regent_crypto::digest;

use super::canonical::Query;
use super::{AuthFault, MissingParts, SignedRequest};

/// LIMIT: lifetime of a presigned request, in seconds. AWS: one week.
const LIFETIME_S_MAX: i64 = 7 * 24 * 60 * 60;

/// The header with a session token.
pub(super) static TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
static SIGNED_AT: HeaderName = HeaderName::from_static("x-amz-date");

/// The parameters of a signature, in either form.
#[derive(Debug)]
pub(super) struct Claim<'r> {
    pub algorithm: Cow<'r, str>,
    pub credential: Cow<'r, str>,
    pub signed_headers: Cow<'r, str>,
    pub signature: Cow<'r, str>,
    pub date: Cow<'r, str>,
    pub session_token: Option<Cow<'r, str>>,
    pub presigned: bool,
    expires: Option<Cow<'r, str>>,
}

impl<'r> Claim<'r> {
    pub(super) fn read(request: &SignedRequest<'r>, query: &Query<'r>) -> Result<Self, AuthFault> {
        let authorization = single(request.headers, &AUTHORIZATION)?;
        let in_query = query.has("X-Amz-Algorithm");
        match authorization {
            Some(_) if in_query => Err(AuthFault::HeaderAndQuery),
            Some(text) if text.starts_with("AWS4") => Self::of_header(text, request.headers),
            None if in_query || query.has("X-Amz-Signature") || query.has("X-Amz-Credential") => {
                Self::of_query(query, request.headers)
            }
            Some(_) | None => Err(AuthFault::NoAuthentication),
        }
    }

    /// AWS: the parts are separated by a comma, with or without spaces.
    fn of_header(authorization: &'r str, headers: &'r HeaderMap) -> Result<Self, AuthFault> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        let (mut credential, mut signed_headers, mut signature) =
            (Once::default(), Once::default(), Once::default());
        for part in rest.split(',') {
            match part.trim_ascii().split_once('=') {
                Some(("Credential", value)) => credential.give(value),
                Some(("SignedHeaders", value)) => signed_headers.give(value),
                Some(("Signature", value)) => signature.give(value),
                _ => {}
            }
        }
        let date = match single(headers, &SIGNED_AT)? {
            Some(date) => Some(date),
            None => single(headers, &DATE)?,
        };
        let parts = (credential.value(), signed_headers.value(), signature.value(), date);
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) = parts else {
            return Err(AuthFault::HeaderIncomplete(MissingParts {
                algorithm: false,
                credential: parts.0.is_none(),
                signed_headers: parts.1.is_none(),
                signature: parts.2.is_none(),
                date: parts.3.is_none(),
                digest: STANDARD.encode(digest::sha256(authorization.as_bytes())),
            }));
        };
        Ok(Self {
            algorithm: algorithm.into(),
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            date: date.into(),
            session_token: single(headers, &TOKEN)?.map(Cow::Borrowed),
            presigned: false,
            expires: None,
        })
    }

    fn of_query(query: &Query<'r>, headers: &'r HeaderMap) -> Result<Self, AuthFault> {
        let part = |name: &str| query.single(name).filter(|value| !value.is_empty());
        let parts = (
            part("X-Amz-Algorithm"),
            part("X-Amz-Credential"),
            part("X-Amz-SignedHeaders"),
            part("X-Amz-Signature"),
            part("X-Amz-Date"),
        );
        let (Some(algorithm), Some(credential), Some(signed_headers), Some(signature), Some(date)) =
            parts
        else {
            return Err(AuthFault::QueryIncomplete(MissingParts {
                algorithm: parts.0.is_none(),
                credential: parts.1.is_none(),
                signed_headers: parts.2.is_none(),
                signature: parts.3.is_none(),
                date: parts.4.is_none(),
                digest: String::new(),
            }));
        };
        // AWS: it is in the query string like everything else; clients may add it as a header.
        let in_header = single(headers, &TOKEN)?.map(Cow::Borrowed);
        let session_token = query.single("X-Amz-Security-Token").or(in_header);
        if query.has("X-Amz-Security-Token") && session_token.is_none() {
            return Err(AuthFault::SessionTokenInvalid);
        }
        if query.has("X-Amz-Expires") && query.single("X-Amz-Expires").is_none() {
            return Err(AuthFault::ExpiresMalformed);
        }
        Ok(Self {
            algorithm,
            credential,
            signed_headers,
            signature,
            date,
            session_token,
            presigned: true,
            expires: query.single("X-Amz-Expires"),
        })
    }

    /// How long a presigned request is good for, if it says so.
    pub(super) fn lifetime_s(&self) -> Result<Option<i64>, AuthFault> {
        let Some(text) = self.expires.as_deref() else { return Ok(None) };
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let lifetime = text.parse().ok().filter(|s| digits && (1..=LIFETIME_S_MAX).contains(s));
        lifetime.map(Some).ok_or(AuthFault::ExpiresMalformed)
    }

    /// Whether a header, in lower case, is among those signed.
    pub(super) fn signs(&self, name: &str) -> bool {
        let mut signed = self.signed_headers.as_bytes().split(|byte| *byte == b';');
        signed.any(|signed| signed == name.as_bytes())
    }
}

/// A part that has a value if it is given once, and not empty.
#[derive(Default)]
struct Once<'r> {
    first: Option<&'r str>,
    again: bool,
}

impl<'r> Once<'r> {
    fn give(&mut self, value: &'r str) {
        if !value.is_empty() {
            self.again |= self.first.is_some();
            self.first = Some(value);
        }
    }

    fn value(self) -> Option<&'r str> {
        self.first.filter(|_| !self.again)
    }
}

/// The value of a header that may be given once only.
fn single<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<Option<&'r str>, AuthFault> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| AuthFault::SignatureMismatch),
        (Some(_), Some(_)) => Err(AuthFault::SignatureMismatch),
    }
}
