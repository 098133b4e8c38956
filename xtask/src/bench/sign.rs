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

    /// The bytes of one signed request.
    pub fn request(&self, operation: &str, body: &str) -> Vec<u8> {
        let Self { host, service, region, prefix } = self;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or_default());
        let stamp = time::basic(now).as_str().to_owned();
        let day = stamp.get(..8).unwrap_or_default();
        let target = format!("{prefix}.{operation}");
        let content_type = "application/x-amz-json-1.1";
        let hash = hex(&sha256(body.as_bytes()));
        let canonical = format!(
            "POST\n/\n\ncontent-type:{content_type}\nhost:{host}\nx-amz-date:{stamp}\n\
             x-amz-target:{target}\n\n{SIGNED}\n{hash}"
        );
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let canonical = hex(&sha256(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{canonical}");
        let mut key = b"AWS4test".to_vec();
        for part in [day, region, service, "aws4_request"] {
            key = hmac_sha256(&key, &[part.as_bytes()]).to_vec();
        }
        let signature = hex(&hmac_sha256(&key, &[text.as_bytes()]));
        format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\n\
             x-amz-date: {stamp}\r\nx-amz-target: {target}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={SIGNED}, \
             Signature={signature}\r\nuser-agent: regent-bench\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";

fn host(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
