//! Requests as an AWS SDK would send them, signed ahead of time.
//!
//! A signature is valid for five minutes, so a pool of requests can be sent again and again without
//! the client's cost in the measurement.

use std::time::{SystemTime, UNIX_EPOCH};

use regent_core::time::Timestamp;
use regent_crypto::digest::{hex, hmac_sha256, sha256};
use regent_wire::time;

/// A service of one Region, as the access key `test` reaches it.
#[derive(Debug, Clone)]
pub struct Signer {
    host: String,
    service: &'static str,
    region: &'static str,
    prefix: &'static str,
}

impl Signer {
    pub fn secrets(port: u16, region: &'static str) -> Self {
        Self { host: host(port), service: "secretsmanager", region, prefix: "secretsmanager" }
    }

    pub fn keys(port: u16, region: &'static str) -> Self {
        Self { host: host(port), service: "kms", region, prefix: "TrentService" }
    }

    /// CloudFormation, whose requests are [`Self::form`]s.
    pub fn stacks(port: u16, region: &'static str) -> Self {
        Self { host: host(port), service: "cloudformation", region, prefix: "" }
    }

    /// The bytes of one signed request.
    pub fn request(&self, operation: &str, body: &str) -> Vec<u8> {
        let target = format!("{}.{operation}", self.prefix);
        let named = [("content-type", JSON), ("x-amz-target", &target)];
        self.signed(&named, body)
    }

    /// The same, for a service that takes forms.
    pub fn form(&self, operation: &str, members: &[(&str, &str)]) -> Vec<u8> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("Action", operation), ("Version", "2010-05-15")])
            .extend_pairs(members)
            .finish();
        self.signed(&[("content-type", FORM)], &body)
    }

    /// Signs with `host` and `x-amz-date`, and these headers.
    fn signed(&self, named: &[(&str, &str)], body: &str) -> Vec<u8> {
        let Self { host, service, region, .. } = self;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or_default());
        let stamp = time::basic(now).as_str().to_owned();
        let day = stamp.get(..8).unwrap_or_default();
        let mut headers = [named, &[("host", host.as_str()), ("x-amz-date", &stamp)]].concat();
        headers.sort_unstable();
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let list = |between: &str, end: &str| -> String {
            let parts = headers.iter().flat_map(|(name, value)| [name, ":", between, value, end]);
            parts.collect()
        };
        let hash = hex(&sha256(body.as_bytes()));
        let canonical = format!("POST\n/\n\n{}\n{names}\n{hash}", list("", "\n"));
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let canonical = hex(&sha256(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}");
        let mut key = b"AWS4test".to_vec();
        for part in [day, region, service, "aws4_request"] {
            key = hmac_sha256(&key, &[part.as_bytes()]).to_vec();
        }
        let signature = hex(&hmac_sha256(&key, &[text.as_bytes()]));
        format!(
            "POST / HTTP/1.1\r\n{}authorization: AWS4-HMAC-SHA256 Credential=test/{scope}, \
             SignedHeaders={names}, Signature={signature}\r\nuser-agent: regent-bench\r\n\
             content-length: {}\r\n\r\n{body}",
            list(" ", "\r\n"),
            body.len()
        )
        .into_bytes()
    }
}

const JSON: &str = "application/x-amz-json-1.1";
const FORM: &str = "application/x-www-form-urlencoded";

fn host(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
