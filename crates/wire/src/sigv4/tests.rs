//! Signatures: AWS's published vectors, a differential test against the SDK's signer in which any
//! one change must be refused, and every row of the error table by its exact words.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SdkCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::fault::Fault;

const ACCESS_KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY+x";
const NOW: Timestamp = Timestamp::from_millis(1_440_938_160_500); // 20150830T123600Z
const HOST: &str = "localhost:4566";

/// One access key, of the owner 7.
struct OneKey(SecretKey);

impl Credentials for OneKey {
    type Owner = u8;

    fn find(&self, access_key: &str, _token: Option<&str>) -> Option<Credential<u8>> {
        (access_key == ACCESS_KEY).then(|| Credential {
            secret: self.0.clone(),
            owner: 7,
            expires_at: None,
        })
    }
}

/// The same access key, given with a session token, until [`SESSION_END`].
struct OneSession;

const TOKEN: &str = "FwoGZXIvYXdzEJ+/=";
const SESSION_END: Timestamp = Timestamp::from_millis(NOW.millis() + 60_000);

impl Credentials for OneSession {
    type Owner = u8;

    fn find(&self, access_key: &str, token: Option<&str>) -> Option<Credential<u8>> {
        (access_key == ACCESS_KEY && token == Some(TOKEN)).then(|| Credential {
            secret: SecretKey::new(SECRET.to_owned()),
            owner: 8,
            expires_at: Some(SESSION_END),
        })
    }
}

/// A request that owns its parts.
#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(method: &str, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let mut request = Self {
            method: method.to_owned(),
            path: "/".to_owned(),
            query: query.to_owned(),
            headers: HeaderMap::new(),
            body: body.to_vec(),
        };
        for (name, value) in headers {
            request.append(name, value);
        }
        request
    }

    /// A signed call of Secrets Manager.
    fn json() -> Self {
        let target = ("x-amz-target", "secretsmanager.GetSecretValue");
        let headers = [("host", HOST), ("content-type", "application/x-amz-json-1.1"), target];
        Self::new("POST", "", &headers, b"{}").signed("secretsmanager", &Signing::default())
    }

    /// A signed call of STS.
    fn form() -> Self {
        let body = b"Action=GetCallerIdentity&Version=2011-06-15";
        Self::new("POST", "", &[("host", HOST)], body).signed("sts", &Signing::default())
    }

    fn append(&mut self, name: &str, value: &str) {
        self.headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        self
    }

    /// The same with one text in the `Authorization` header exchanged.
    fn edit(self, from: &str, to: &str) -> Self {
        let text = self.headers["authorization"].to_str().unwrap().to_owned();
        assert!(text.contains(from), "{text}");
        self.set("authorization", &text.replace(from, to))
    }

    /// The same with another credential.
    fn credential(self, credential: &str) -> Self {
        let text = self.headers["authorization"].to_str().unwrap().to_owned();
        let (_, rest) = text.split_once(',').unwrap();
        self.set("authorization", &format!("AWS4-HMAC-SHA256 Credential={credential},{rest}"))
    }

    /// Where the signature's parameters are.
    fn signed_part(&self) -> &str {
        self.headers.get("authorization").map_or(&*self.query, |value| value.to_str().unwrap())
    }

    /// Exchanges one text in the signature's parameters.
    fn replace(&mut self, (from, to): (&str, &str)) {
        let part = self.signed_part().replacen(from, to, 1);
        match self.headers.get_mut("authorization") {
            Some(value) => *value = part.parse().unwrap(),
            None => self.query = part,
        }
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name).unwrap();
        self
    }

    /// Signs with the SDK's signer.
    fn signed(mut self, service: &str, how: &Signing) -> Self {
        let identity =
            SdkCredentials::new(ACCESS_KEY, SECRET, how.token.map(str::to_owned), None, "test")
                .into();
        let mut settings = SigningSettings::default();
        if how.checksum {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        if how.presign {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_mins(1));
        }
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(how.seconds);
        let builder = SigningParams::builder().identity(&identity).region(how.region);
        let params = builder.name(service).time(time).settings(settings).build().unwrap().into();
        let uri = format!("http://{HOST}/?{}", self.query);
        let headers = self.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap()));
        let body = SignableBody::Bytes(&self.body);
        let request = SignableRequest::new(&self.method, uri, headers, body).unwrap();
        let (added, parameters) = sign(request, &params).unwrap().into_parts().0.into_parts();
        for header in added {
            self.append(header.name(), header.value());
        }
        for (name, value) in parameters {
            let pair =
                form_urlencoded::Serializer::new(String::new()).append_pair(name, &value).finish();
            let separator = if self.query.is_empty() { "" } else { "&" };
            self.query = format!("{}{separator}{pair}", self.query);
        }
        self
    }

    fn verify(&self, expected: Expected, now: Timestamp) -> Result<Verified<u8>, AuthFault> {
        self.verify_among(&OneKey(SecretKey::new(SECRET.to_owned())), expected, now)
    }

    fn verify_among(
        &self,
        credentials: &dyn Credentials<Owner = u8>,
        expected: Expected,
        now: Timestamp,
    ) -> Result<Verified<u8>, AuthFault> {
        let regions = ["us-east-1", "eu-west-1"].map(|region| region.parse().unwrap());
        let keys = SigningKeys::new();
        let verifier = Verifier { credentials, regions: &regions, keys: &keys };
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        let first = verifier.verify(&request, expected, now);
        // A cached signing key makes no difference.
        assert_eq!(verifier.verify(&request, expected, now), first);
        first
    }

    /// The error as a client of Secrets Manager sees it.
    fn json_words(&self) -> (u16, &'static str, String) {
        words(&self.verify(SECRETS_MANAGER, NOW).unwrap_err(), Protocol::Json)
    }

    /// The error as a client of STS sees it.
    fn query_words(&self) -> (u16, &'static str, String) {
        words(&self.verify(Expected::Query, NOW).unwrap_err(), Protocol::Query)
    }
}

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const SECRETS_MANAGER: Expected = Expected::Service(Service::SecretsManager);

struct Signing {
    region: &'static str,
    seconds: u64,
    checksum: bool,
    presign: bool,
    token: Option<&'static str>,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            region: "eu-west-1",
            seconds: 1_440_938_160,
            checksum: false,
            presign: false,
            token: None,
        }
    }
}

fn words(fault: &AuthFault, protocol: Protocol) -> (u16, &'static str, String) {
    let fault = Fault::auth(fault, protocol);
    (fault.status(), fault.code(protocol), fault.message().unwrap_or_default().to_owned())
}

/// Method, query, headers without the first two, body, signed headers, signature.
type Vector = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
    &'static str,
);

/// AWS: cases of the signature version 4 test suite whose path is `/`.
const VECTORS: [Vector; 7] = [
    (
        "GET",
        "",
        &[],
        "",
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "POST",
        "Param1=value1",
        &[],
        "",
        "host;x-amz-date",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
    (
        "GET",
        "Param2=value2&Param1=value1",
        &[],
        "",
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        &[],
        "",
        "host;x-amz-date",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    ),
    (
        "GET",
        "",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "",
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "GET",
        "",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "",
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "POST",
        "",
        &[
            ("content-length", "13"),
            ("content-type", "application/x-www-form-urlencoded"),
            (
                "x-amz-content-sha256",
                "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
            ),
        ],
        "Param1=value1",
        "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
    ),
];

#[test]
fn published_vectors() {
    for (method, query, headers, body, signed_headers, expected) in VECTORS {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={signed_headers}, Signature={expected}"
        );
        let owned = Request::new(method, query, headers, body.as_bytes())
            .set("host", "example.amazonaws.com")
            .set("x-amz-date", "20150830T123600Z")
            .set("authorization", &authorization);
        let (headers, body) = (&owned.headers, &*owned.body);
        let request = SignedRequest { method, path: "/", query, headers, body };
        let query = Query::parse(query);
        let claim = Claim::read(&request, &query).unwrap();
        let scope = Scope::parse(&claim.credential).unwrap();
        let key = keys::derive(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope);
        assert_eq!(signature(&request, &query, &claim, &key).unwrap().as_str(), expected);
    }
}

#[test]
fn a_signed_request_is_verified() {
    let verified = Request::json().verify(SECRETS_MANAGER, NOW).unwrap();
    assert_eq!((verified.owner, &*verified.access_key), (7, ACCESS_KEY));
    assert_eq!(
        (verified.region.as_str(), verified.service),
        ("eu-west-1", Service::SecretsManager)
    );
    assert_eq!((verified.signed_at.millis(), verified.presigned), (1_440_938_160_000, false));
}

#[test]
fn the_scope_names_the_query_service() {
    for (name, service) in [("sts", Service::Sts), ("cloudformation", Service::CloudFormation)] {
        let request = Request::new("POST", "", &[("host", HOST)], b"Action=X");
        let verified = request.signed(name, &Signing::default()).verify(Expected::Query, NOW);
        assert_eq!(verified.unwrap().service, service);
    }
}

/// AWS: IAM is global; its clients sign for us-east-1 wherever they are.
#[test]
fn iam_is_signed_for_a_region_that_need_not_be_served() {
    let keys = SigningKeys::new();
    let credentials = OneKey(SecretKey::new(SECRET.to_owned()));
    let regions = ["eu-west-1".parse().unwrap()];
    let verifier = Verifier { credentials: &credentials, regions: &regions, keys: &keys };
    let verify = |service| {
        let how = Signing { region: "us-east-1", ..Signing::default() };
        let owned = Request::new("POST", "", &[("host", HOST)], b"").signed(service, &how);
        let (headers, body) = (&owned.headers, &*owned.body);
        let request = SignedRequest { method: "POST", path: "/", query: "", headers, body };
        verifier.verify(&request, Expected::Query, NOW)
    };
    assert_eq!(verify("iam").unwrap().service, Service::Iam);
    assert!(matches!(verify("sts"), Err(AuthFault::ScopeMismatch(_))));
}

#[test]
fn authorization_may_be_written_tightly_or_loosely() {
    for separator in [",", " , ", ",   "] {
        Request::json().edit(", ", separator).verify(SECRETS_MANAGER, NOW).unwrap();
    }
}

/// Lessons 1 and 19: paths and headers that a proxy could read in another way.
#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for path in ["", "//", "/.", "/..", "/%2e", "/%2F", "/a/..", "/v1/secrets", "*"] {
        let request = Request { path: path.to_owned(), ..Request::json() };
        assert_eq!(request.verify(SECRETS_MANAGER, NOW), Err(AuthFault::PathNotRoot));
        assert_eq!(request.json_words().0, 404);
    }
    let mismatch = Err(AuthFault::SignatureMismatch);
    let unsigned = Request::form().set("x-amz-target", "secretsmanager.GetSecretValue");
    assert_eq!(unsigned.verify(Expected::Query, NOW), mismatch);
    let refused = [
        Request::json().edit("content-type;host;", "host;content-type;"),
        Request::json().edit("content-type;host;", "content-type;host;host;"),
        Request::json().edit("content-type;host;", "Content-Type;host;"),
        Request::json().edit("content-type;host;", "content-type;host;x-absent;"),
        Request::json().edit("content-type;host;", "content-type;host;;"),
        Request::json().without("content-type"),
    ];
    for request in refused {
        assert_eq!(request.verify(SECRETS_MANAGER, NOW), mismatch);
    }
    for name in ["authorization", "x-amz-date", "x-amz-target", "host"] {
        let mut twice = Request::json();
        twice.headers.append(HeaderName::from_static(name), HeaderValue::from_static("x"));
        assert_eq!(twice.verify(SECRETS_MANAGER, NOW), mismatch, "{name}");
    }
}

/// AWS: an unsigned payload is for S3 only.
#[test]
fn a_signed_payload_hash_must_be_the_bodys() {
    let how = Signing { checksum: true, ..Signing::default() };
    let request = Request::new("POST", "", &[("host", HOST)], b"{}").signed("kms", &how);
    let kms = Expected::Service(Service::Kms);
    request.verify(kms, NOW).unwrap();
    let other = Request { body: b"{ }".to_vec(), ..request.clone() };
    assert_eq!(other.verify(kms, NOW), Err(AuthFault::SignatureMismatch));
    let unsigned = request.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_eq!(unsigned.verify(kms, NOW), Err(AuthFault::SignatureMismatch));
}

fn presigned() -> Request {
    let query = "Action=GetCallerIdentity&Version=2011-06-15";
    let how = Signing { presign: true, ..Signing::default() };
    Request::new("GET", query, &[("host", HOST)], b"").signed("sts", &how)
}

#[test]
fn presigned_requests_live_as_long_as_they_say() {
    let request = presigned();
    let at = |seconds: u64| NOW.plus(Duration::from_secs(seconds));
    assert!(request.verify(Expected::Query, at(60)).unwrap().presigned);
    let late = request.verify(Expected::Query, at(61)).unwrap_err();
    assert_eq!(
        words(&late, Protocol::Query),
        (403, "SignatureDoesNotMatch", "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 1 min.)".to_owned())
    );
    for lifetime in ["0", "604801", "-1", "%2B5", "x", "", "99999999999999999999"] {
        let query = request.query.replace("X-Amz-Expires=60", &format!("X-Amz-Expires={lifetime}"));
        let edited = Request { query, ..request.clone() };
        assert_eq!(edited.verify(Expected::Query, NOW), Err(AuthFault::ExpiresMalformed));
    }
    let query = request.query.replace("X-Amz-Expires=60", "X-Amz-Expires=61");
    let longer = Request { query, ..request.clone() };
    assert_eq!(longer.verify(Expected::Query, NOW), Err(AuthFault::SignatureMismatch));
    let query = request.query.replace("Action=GetCallerIdentity", "Action=GetSessionToken");
    let other = Request { query, ..request };
    assert_eq!(other.verify(Expected::Query, NOW), Err(AuthFault::SignatureMismatch));
}

#[test]
fn presigned_requests_must_be_complete() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20150830T123600Z".to_owned();
    assert_eq!(
        Request { query, ..presigned() }.query_words(),
        (400, "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.".to_owned())
    );
    let twice = format!("{}&X-Amz-Credential=x", presigned().query);
    assert_eq!(
        Request { query: twice, ..presigned() }.query_words().2,
        "AWS query-string parameters must include 'X-Amz-Credential'. Re-examine the query-string parameters."
    );
}

/// Checks a row of the error table: JSON code, query status and code, and the text.
fn row(json: &Request, form: &Request, codes: (&'static str, u16, &'static str), text: &str) {
    assert_eq!(json.json_words(), (400, codes.0, text.to_owned()));
    assert_eq!(form.query_words(), (codes.1, codes.2, text.to_owned()));
}

const INVALID: (&str, u16, &str) = ("InvalidSignatureException", 403, "SignatureDoesNotMatch");
const INCOMPLETE: (&str, u16, &str) = ("IncompleteSignatureException", 400, "IncompleteSignature");
const UNKNOWN: (&str, u16, &str) = ("UnrecognizedClientException", 403, "InvalidClientTokenId");

/// Applies one change to a JSON request and to a query request.
fn both(change: impl Fn(Request) -> Request) -> (Request, Request) {
    (change(Request::json()), change(Request::form()))
}

#[test]
fn table_no_authentication() {
    for (json, form) in [
        both(|r| r.without("authorization")),
        both(|r| r.set("authorization", "Bearer x")),
        both(|r| r.set("authorization", "")),
    ] {
        assert_eq!(
            json.json_words(),
            (400, "MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
        );
        assert_eq!(
            form.query_words(),
            (
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token".to_owned()
            )
        );
    }
}

#[test]
fn table_header_and_query() {
    let (json, form) =
        both(|r| Request { query: "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(), ..r });
    let text =
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.";
    row(&json, &form, INVALID, text);
}

#[test]
fn table_incomplete_header() {
    let (json, form) = both(|r| r.without("x-amz-date").set("authorization", "AWS4-HMAC-SHA256"));
    let text = "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization=";
    let hash = STANDARD.encode(digest::sha256(b"AWS4-HMAC-SHA256"));
    row(&json, &form, INCOMPLETE, &format!("{text}{hash}"));
    let (json, form) = both(|r| r.edit("Signature=", "Signatur="));
    assert!(
        json.json_words().2.starts_with(
            "Authorization header requires 'Signature' parameter. (Hashed with SHA-256"
        )
    );
    assert_eq!(form.query_words().1, "IncompleteSignature");
}

#[test]
fn table_date() {
    let (json, form) = both(|r| r.set("x-amz-date", "Mon, 09 Sep 2011 23:36:00 GMT"));
    let text = "Date must be in ISO-8601 'basic format'. Got 'Mon, 09 Sep 2011 23:36:00 GMT'. See http://en.wikipedia.org/wiki/ISO_8601";
    row(&json, &form, INCOMPLETE, text);
    let date_header = Request::json().without("x-amz-date").set("date", "20150830T123600Z");
    assert_eq!(date_header.json_words(), (400, INVALID.0, MISMATCH.to_owned()));
}

#[test]
fn table_window() {
    let (json, form) = (Request::json(), Request::form());
    let at = |seconds: i64| Timestamp::from_millis(NOW.millis() + seconds * 1000);
    for seconds in [-300, 300] {
        json.verify(SECRETS_MANAGER, at(seconds)).unwrap();
        form.verify(Expected::Query, at(seconds * 3)).unwrap();
    }
    let json_words =
        |seconds| words(&json.verify(SECRETS_MANAGER, at(seconds)).unwrap_err(), Protocol::Json);
    let query_words =
        |seconds| words(&form.verify(Expected::Query, at(seconds)).unwrap_err(), Protocol::Query);
    assert_eq!(
        json_words(301),
        (400, "InvalidSignatureException", "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)".to_owned())
    );
    assert_eq!(
        json_words(-301),
        (400, "InvalidSignatureException", "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)".to_owned())
    );
    assert_eq!(
        query_words(901),
        (403, "SignatureDoesNotMatch", "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)".to_owned())
    );
    assert_eq!(
        query_words(-901),
        (403, "SignatureDoesNotMatch", "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)".to_owned())
    );
}

#[test]
fn table_host_algorithm_credential() {
    let (json, form) = both(|r| r.edit("host;", ""));
    let text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
    row(&json, &form, INVALID, text);
    let (json, form) = both(|r| r.edit("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"));
    let text =
        "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). ";
    row(&json, &form, INCOMPLETE, text);
    for credential in ["AKIDEXAMPLE", "AKID/20150830/eu-west-1/kms/aws4_request/x"] {
        let (json, form) = both(|r| r.credential(credential));
        let text = format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        );
        row(&json, &form, INCOMPLETE, &text);
    }
}

#[test]
fn table_scope() {
    let scoped = |scope: &str| Request::json().credential(&format!("{ACCESS_KEY}/{scope}"));
    let cases = [
        (
            "20150830/eu-west-9/secretsmanager/aws4_request",
            "Credential should be scoped to a valid region, not 'eu-west-9'. ",
        ),
        (
            "20150830/EU-WEST-1/secretsmanager/aws4_request",
            "Credential should be scoped to a valid region, not 'EU-WEST-1'. ",
        ),
        (
            "20150830/eu-west-1/kms/aws4_request",
            "Credential should be scoped to correct service: 'secretsmanager'. ",
        ),
        (
            "20150830/eu-west-1/secretsmanager/aws5_request",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'. ",
        ),
        (
            "20150829/eu-west-1/secretsmanager/aws4_request",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'.",
        ),
        (
            "1/2/3/4",
            "Credential should be scoped to a valid region, not '2'. Credential should be scoped to correct service: 'secretsmanager'. Credential should be scoped with a valid terminator: 'aws4_request', not '4'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '1' != '20150830', from '20150830T123600Z'.",
        ),
    ];
    for (scope, text) in cases {
        assert_eq!(scoped(scope).json_words(), (400, INVALID.0, text.to_owned()));
    }
    let form = Request::form().credential("AKID/20150830/eu-west-9/sts/aws4_request");
    let text = "Credential should be scoped to a valid region, not 'eu-west-9'. ";
    assert_eq!(form.query_words(), (INVALID.1, INVALID.2, text.to_owned()));
    // A JSON service is not reached by a form.
    let form = Request::form().credential("AKID/20150830/eu-west-1/kms/aws4_request");
    let text = "Credential should be scoped to correct service: 'sts'. ";
    assert_eq!(form.query_words(), (INVALID.1, INVALID.2, text.to_owned()));
}

/// Lesson 3: access keys are compared byte by byte.
#[test]
fn table_access_key_and_signature() {
    for key in ["AKIDEXAMPLF", "akidexample", " AKIDEXAMPLE", ""] {
        let (json, form) = both(|r| r.edit(ACCESS_KEY, key));
        row(&json, &form, UNKNOWN, "The security token included in the request is invalid.");
    }
    for signature in ["0", "z", ""] {
        let (json, form) = both(|r| r.edit("Signature=", &format!("Signature={signature}x")));
        row(&json, &form, INVALID, MISMATCH);
    }
}

#[test]
fn table_session_token() {
    let token = |headers: &[(&str, &str)], service| {
        let headers = [headers, &[("host", HOST), ("x-amz-security-token", "token")]].concat();
        Request::new("POST", "", &headers, b"").signed(service, &Signing::default())
    };
    let json = token(&[("x-amz-target", "secretsmanager.ListSecrets")], "secretsmanager");
    let text = "The security token included in the request is invalid";
    row(&json, &token(&[], "sts"), UNKNOWN, text);
    let (json, form) = both(|r| r.set("x-amz-security-token", "token"));
    row(&json, &form, INVALID, MISMATCH);
    let expired = "The security token included in the request is expired".to_owned();
    let shown = words(&AuthFault::SessionExpired, Protocol::Json);
    assert_eq!(shown, (400, "ExpiredTokenException", expired.clone()));
    let shown = words(&AuthFault::SessionExpired, Protocol::Query);
    assert_eq!(shown, (403, "ExpiredToken", expired));
}

/// PROMISE R6: a session's key is one only together with its token, signed, and until it ends.
#[test]
fn sessions() {
    let with = |token, presign| {
        let how = Signing { presign, token, ..Signing::default() };
        let query = "Action=GetCallerIdentity&Version=2011-06-15";
        let (method, query) = if presign { ("GET", query) } else { ("POST", "") };
        Request::new(method, query, &[("host", HOST)], b"").signed("sts", &how)
    };
    let verify = |request: &Request, now| request.verify_among(&OneSession, Expected::Query, now);
    for presign in [false, true] {
        let request = with(Some(TOKEN), presign);
        assert_eq!(verify(&request, NOW).map(|verified| verified.owner), Ok(8), "{presign}");
        let end = Timestamp::from_millis(SESSION_END.millis() - 1);
        assert!(verify(&request, end).is_ok());
        assert_eq!(verify(&request, SESSION_END), Err(AuthFault::SessionExpired));
        for token in [None, Some("FwoGZXIvYXdzEJ"), Some("")] {
            assert_eq!(verify(&with(token, presign), NOW), Err(AuthFault::AccessKeyUnknown));
        }
    }
    // The token of somebody else's request is not theirs to add.
    let unsigned = with(None, false).set("x-amz-security-token", TOKEN);
    assert_eq!(verify(&unsigned, NOW), Err(AuthFault::SignatureMismatch));
    let mut twice = with(Some(TOKEN), false);
    twice.append("x-amz-security-token", TOKEN);
    assert!(verify(&twice, NOW).is_err());
    let mut twice = with(Some(TOKEN), true);
    twice.query.push_str("&X-Amz-Security-Token=x");
    assert!(verify(&twice, NOW).is_err());
}

/// AWS: the first failing check decides, so each change hides those behind it.
#[test]
fn checks_come_in_the_order_of_aws() {
    let mut request = Request::json().edit("Signature=", "Signature=x");
    let mut seen = vec![request.json_words().2];
    let changes: [fn(Request) -> Request; 6] = [
        |r| r.edit(ACCESS_KEY, "AKIDOTHER"),
        |r| r.edit("aws4_request", "aws5_request"),
        |r| r.edit("/eu-west-1", ""),
        |r| r.edit("AWS4-HMAC-SHA256", "AWS4-X"),
        |r| r.edit("host;", ""),
        |r| r.set("x-amz-date", "20150830T110000Z"),
    ];
    for change in changes {
        request = change(request);
        seen.push(request.json_words().2);
    }
    let starts = [
        "The request signature",
        "The security token",
        "Credential should be scoped with",
        "Credential must have exactly 5",
        "Unsupported AWS 'algorithm'",
        "'Host' or ':authority'",
        "Signature expired",
    ];
    for (text, start) in seen.iter().zip(starts) {
        assert!(text.starts_with(start), "{text}");
    }
}

fn header_value() -> impl Strategy<Value = String> {
    "[!-~][ -~]{0,30}"
}

prop_compose! {
    /// A request with anything in it that HTTP can carry, signed in either form.
    fn any_signed()(
        method in prop::sample::select(vec!["GET", "POST"]),
        pairs in prop::collection::vec(("[a-z+%]{0,4}", any::<String>()), 0..4),
        names in prop::collection::btree_set("x-[a-z]{1,6}(-[a-z0-9]{1,4})?", 0..4),
        values in prop::collection::vec(header_value(), 8),
        body in any::<Vec<u8>>(),
        region in prop::sample::select(vec!["us-east-1", "eu-west-1"]),
        checksum in any::<bool>(),
        presign in any::<bool>(),
    ) -> Request {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut request = Request::new(method, &query, &[("host", HOST)], &body);
        for (index, value) in values.iter().enumerate() {
            if let Some(name) = names.iter().nth(index % 4) {
                request.append(name, value);
            }
        }
        request.signed("sts", &Signing { region, checksum, presign, ..Signing::default() })
    }
}

proptest! {
    #[test]
    fn what_the_sdk_signs_is_verified(request in any_signed()) {
        let verified = request.verify(Expected::Query, NOW);
        prop_assert_eq!(verified.map(|v| v.owner), Ok(7));
    }

    #[test]
    fn any_one_change_is_refused(
        request in any_signed(),
        kind in 0..7,
        at in any::<prop::sample::Index>(),
        byte in b'a'..=b'z',
    ) {
        let mut changed = request.clone();
        let signature = request.signed_part();
        match kind {
            0 => changed.method = if request.method == "GET" { "PUT" } else { "GET" }.to_owned(),
            1 => changed.query = format!("{}&k={}", request.query, char::from(byte)),
            2 => changed.body.insert(at.index(request.body.len() + 1), byte),
            3 => {
                let names: Vec<_> = request.headers.keys().collect();
                let name = at.get(&names).as_str().to_owned();
                let value = request.headers[&name].to_str().unwrap().to_owned();
                changed = changed.set(&name, &format!("{value}{}", char::from(byte)));
            }
            4 => changed.replace(if signature.contains("us-east-1") { ("us-east-1", "eu-west-1") } else { ("eu-west-1", "us-east-1") }),
            5 => changed.replace(("20150830", "20150831")),
            _ => changed.replace(("AKIDEXAMPLE", "AKIDEXAMPLF")),
        }
        prop_assert!(changed.verify(Expected::Query, NOW).is_err(), "{changed:?}");
    }

    #[test]
    fn any_bytes_are_an_answer(
        query in any::<String>(),
        authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,80}",
        date in "[ -~]{0,20}",
    ) {
        let request = Request::new("GET", &query, &[("authorization", &authorization), ("x-amz-date", &date)], b"");
        prop_assert!(request.verify(Expected::Query, NOW).is_err());
    }
}
