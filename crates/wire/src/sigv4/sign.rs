//! Signs a request of our own, as a client does.

use regent_core::time::Timestamp;
use regent_crypto::digest;

use super::{ALGORITHM, Scope, TERMINATOR, keys};
use crate::time::basic;

/// A POST without a query string, to be signed over its host, its date and its body.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    pub access_key: &'a str,
    pub region: &'a str,
    /// The signing name.
    pub service: &'a str,
    pub host: &'a str,
    /// In its canonical form.
    pub path: &'a str,
    pub body: &'a [u8],
}

/// The headers that a signature adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub x_amz_date: String,
    pub authorization: String,
}

impl Unsigned<'_> {
    pub fn sign(&self, secret: &[u8], now: Timestamp) -> Signature {
        let Self { access_key, region, service, host, path, body } = *self;
        let date = basic(now);
        let date = date.as_str();
        let day = date.get(..8).unwrap_or_default();
        let body = digest::hex(&digest::sha256(body));
        let canonical =
            format!("POST\n{path}\n\nhost:{host}\nx-amz-date:{date}\n\nhost;x-amz-date\n{body}");
        let canonical = digest::hex(&digest::sha256(canonical.as_bytes()));
        let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
        let text = format!("{ALGORITHM}\n{date}\n{scope}\n{canonical}");
        let key = keys::derive(
            secret,
            &Scope { access_key, day, region, service, terminator: TERMINATOR },
        );
        let signature = digest::hex(&key.sign(&[text.as_bytes()]));
        Signature {
            x_amz_date: date.to_owned(),
            authorization: format!(
                "{ALGORITHM} Credential={access_key}/{scope}, SignedHeaders=host;x-amz-date, Signature={signature}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{
        SignableBody, SignableRequest, SigningSettings, sign as reference,
    };
    use aws_sigv4::sign::v4;
    use std::time::{Duration, UNIX_EPOCH};

    /// The reference signs the same request to the same header.
    #[test]
    fn signs_as_the_reference_does() {
        let (body, path) = (br#"{"a":1}"#.as_slice(), "/p/kms/xks/v1/keys/a-b_c.d/encrypt");
        let unsigned = Unsigned {
            access_key: "ABCDEFGHIJKLMNOPQRST",
            region: "us-east-1",
            service: "kms-xks-proxy",
            host: "proxy.example:8443",
            path,
            body,
        };
        let secret = "FYtE5EFA5FT0mCc3DrGUe2sti527BitkQ0Zr9MO9fvE";
        let signed = unsigned.sign(secret.as_bytes(), Timestamp::from_millis(1_700_000_000_000));
        let identity = Credentials::new(unsigned.access_key, secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(unsigned.region)
            .name(unsigned.service)
            .time(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let uri = format!("http://{}{path}", unsigned.host);
        let request = SignableRequest::new(
            "POST",
            uri.as_str(),
            std::iter::empty(),
            SignableBody::Bytes(body),
        )
        .unwrap();
        let (instructions, _) = reference(request, &params.into()).unwrap().into_parts();
        let expected = |name: &str| {
            let header = instructions.headers().find(|(header, _)| header == &name);
            header.unwrap().1.to_owned()
        };
        assert_eq!(signed.authorization, expected("authorization"));
        assert_eq!(signed.x_amz_date, expected("x-amz-date"));
    }
}
