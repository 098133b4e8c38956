//! AWS's XKS proxy API, as a client: questions to signed HTTP requests, responses to answers.
//!
//! The interface is version 1 of AWS's External Key Store Proxy API specification. Whatever a proxy
//! says that is not of it is a malformed answer (promise R8); the words that it adds to an error are
//! not passed on, as AWS does not pass them on either.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regent_core::keys::proxy::{
    Asked, ExternalKeyMetadata, ProxyAnswer, ProxyCall, ProxyProblem, Sealed, Told,
};
use regent_core::ports::{Crypto, StoreFault};
use regent_core::time::Timestamp;
use regent_crypto::digest;
use serde::Deserialize;

use crate::json;
use crate::sigv4::{Signature, Unsigned};

/// LIMIT: bytes of a proxy's response. The longest has a data key pair's worth of base64.
pub const RESPONSE_LEN_MAX: usize = 64 << 10;
/// LIMIT: key managers behind one proxy.
const FLEET_MAX: usize = 10;
/// LIMIT: usages of an external key.
const USAGES_MAX: usize = 10;

const SIGNING_NAME: &str = "kms-xks-proxy";
const ALGORITHM: &str = "AES_GCM";
const INTEGRITY: &str = "SHA_256";

/// A POST to be sent.
#[derive(Debug)]
pub struct ProxyRequest {
    /// Whether the connection is to be encrypted.
    pub tls: bool,
    /// Host and, if it is not the scheme's own, port.
    pub authority: String,
    pub path: String,
    pub signature: Signature,
    pub body: Vec<u8>,
}

/// Whether a text is a proxy's endpoint: scheme, host, and perhaps a port.
pub fn is_endpoint(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    authority.is_some_and(|authority| {
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "0"));
        let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        !host.is_empty() && host.bytes().all(name) && port.parse::<u16>().is_ok()
    })
}

/// The request of a question.
pub fn request(
    call: &ProxyCall,
    now: Timestamp,
    crypto: &dyn Crypto,
) -> Result<ProxyRequest, StoreFault> {
    let ProxyCall { proxy, asked, .. } = call;
    let (tls, authority) = match proxy.endpoint.split_once("://") {
        Some(("https", authority)) => (true, authority),
        Some((_, authority)) => (false, authority),
        None => return Err(StoreFault),
    };
    let path = match asked {
        Asked::Health => format!("{}/health", proxy.path),
        Asked::Metadata { key } => format!("{}/keys/{key}/metadata", proxy.path),
        Asked::Encrypt { key, .. } => format!("{}/keys/{key}/encrypt", proxy.path),
        Asked::Decrypt { key, .. } => format!("{}/keys/{key}/decrypt", proxy.path),
    };
    let mut body = Vec::new();
    write(&mut body, call);
    // A secret that does not unwrap is corruption of this Region's store.
    let secret = proxy.open_secret(crypto).map_err(|_| StoreFault)?;
    let unsigned = Unsigned {
        access_key: &proxy.access_key,
        region: proxy.scope.region.as_str(),
        service: SIGNING_NAME,
        host: authority,
        path: &path,
        body: &body,
    };
    let signature = unsigned.sign(secret.expose(), now);
    Ok(ProxyRequest { tls, authority: authority.to_owned(), path, signature, body })
}

fn write(out: &mut Vec<u8>, call: &ProxyCall) {
    let ProxyCall { asked, purpose, .. } = call;
    json::object(out, |body| {
        body.object("requestMetadata", |metadata| {
            if *asked != Asked::Health {
                metadata.string("awsPrincipalArn", &*purpose.principal);
                let key = purpose.key.map(|key| key.to_string());
                metadata.string("kmsKeyArn", key.as_deref());
                metadata.string("kmsViaService", purpose.via_service.as_deref());
            }
            metadata.string("kmsOperation", purpose.operation);
            metadata.string("kmsRequestId", purpose.request.text().as_str());
        });
        match asked {
            Asked::Health | Asked::Metadata { .. } => {}
            Asked::Encrypt { text, aad, .. } => {
                body.blob("additionalAuthenticatedData", &**aad);
                body.blob("plaintext", &**text);
                body.string("encryptionAlgorithm", ALGORITHM);
                body.string("ciphertextDataIntegrityValueAlgorithm", INTEGRITY);
            }
            Asked::Decrypt { sealed, aad, .. } => {
                body.blob("additionalAuthenticatedData", &**aad);
                body.string("encryptionAlgorithm", ALGORITHM);
                body.blob("ciphertext", &*sealed.text);
                let metadata = Some(&*sealed.metadata).filter(|metadata| !metadata.is_empty());
                body.blob("ciphertextMetadata", metadata);
                body.blob("initializationVector", &*sealed.iv);
                body.blob("authenticationTag", sealed.tag.as_slice());
            }
        }
    });
}

/// What a response says.
pub fn answer(call: &ProxyCall, status: u16, body: &[u8]) -> ProxyAnswer {
    if status != 200 {
        return Err(problem(body));
    }
    let told = match &call.asked {
        Asked::Health => health(body),
        Asked::Metadata { .. } => metadata(body),
        Asked::Encrypt { text, aad, .. } => sealed(body, text.len(), aad),
        Asked::Decrypt { sealed, .. } => opened(body, sealed.text.len()),
    };
    told.ok_or(ProxyProblem::Malformed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    error_name: Box<str>,
}

fn problem(body: &[u8]) -> ProxyProblem {
    let Ok(Failure { error_name }) = serde_json::from_slice(body) else {
        return ProxyProblem::Malformed;
    };
    match &*error_name {
        "InvalidStateException" => ProxyProblem::InvalidState,
        "InvalidCiphertextException" => ProxyProblem::InvalidCiphertext,
        "InvalidKeyUsageException" => ProxyProblem::InvalidKeyUsage,
        "AuthenticationFailedException" => ProxyProblem::Authentication,
        "AccessDeniedException" => ProxyProblem::AccessDenied,
        "KeyNotFoundException" => ProxyProblem::KeyNotFound,
        "InvalidUriPathException" => ProxyProblem::InvalidUriPath,
        "ThrottlingException" => ProxyProblem::Throttled,
        "UnsupportedOperationException" => ProxyProblem::Unsupported,
        "DependencyTimeoutException" => ProxyProblem::DependencyTimeout,
        "InternalException" => ProxyProblem::Internal,
        // AWS: a ValidationException means that the two do not understand each other.
        _ => ProxyProblem::Malformed,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    xks_proxy_fleet_size: u32,
    #[serde(rename = "xksProxyVendor")]
    _vendor: Box<str>,
    #[serde(rename = "xksProxyModel")]
    _model: Box<str>,
    #[serde(rename = "ekmVendor")]
    _ekm_vendor: Box<str>,
    ekm_fleet_details: Vec<Manager>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manager {
    #[serde(rename = "id")]
    _id: Box<str>,
    #[serde(rename = "model")]
    _model: Box<str>,
    health_status: HealthStatus,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum HealthStatus {
    Active,
    Degraded,
    Unavailable,
}

fn health(body: &[u8]) -> Option<Told> {
    let health: Health = serde_json::from_slice(body).ok()?;
    let managers = health.ekm_fleet_details;
    if health.xks_proxy_fleet_size == 0 || !(1..=FLEET_MAX).contains(&managers.len()) {
        return None;
    }
    let available =
        managers.iter().any(|manager| manager.health_status != HealthStatus::Unavailable);
    Some(Told::Health { available })
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "keySpec")]
    spec: Box<str>,
    #[serde(rename = "keyUsage")]
    usage: Vec<Box<str>>,
    #[serde(rename = "keyStatus")]
    status: KeyStatus,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum KeyStatus {
    Enabled,
    Disabled,
}

fn metadata(body: &[u8]) -> Option<Told> {
    let metadata: Metadata = serde_json::from_slice(body).ok()?;
    if metadata.usage.len() > USAGES_MAX {
        return None;
    }
    let has = |usage: &str| metadata.usage.iter().any(|of| **of == *usage);
    Some(Told::Metadata(ExternalKeyMetadata {
        is_aes_256: *metadata.spec == *"AES_256",
        encrypts: has("ENCRYPT"),
        decrypts: has("DECRYPT"),
        enabled: metadata.status == KeyStatus::Enabled,
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    ciphertext: Box<str>,
    ciphertext_metadata: Option<Box<str>>,
    initialization_vector: Box<str>,
    authentication_tag: Box<str>,
    ciphertext_data_integrity_value: Box<str>,
}

/// AWS: the integrity value vouches for the whole response having arrived as the proxy made it.
fn sealed(body: &[u8], len: usize, aad: &[u8]) -> Option<Told> {
    let encrypted: Encrypted = serde_json::from_slice(body).ok()?;
    let decode = |text: &str| STANDARD.decode(text).ok();
    let text = decode(&encrypted.ciphertext)?;
    let metadata = match &encrypted.ciphertext_metadata {
        Some(metadata) => decode(metadata)?,
        None => Vec::new(),
    };
    let iv = decode(&encrypted.initialization_vector)?;
    let tag: [u8; Sealed::TAG_LEN] = decode(&encrypted.authentication_tag)?.try_into().ok()?;
    let vouched = digest::sha256(&[aad, &metadata, &iv, &text, &tag].concat());
    let given = decode(&encrypted.ciphertext_data_integrity_value)?;
    let sealed = Sealed { metadata: metadata.into(), iv: iv.into(), tag, text: text.into() };
    let whole = digest::equal(&vouched, &given) && sealed.text.len() == len;
    (whole && sealed.is_well_formed()).then_some(Told::Sealed(sealed))
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Box<str>,
}

fn opened(body: &[u8], len: usize) -> Option<Told> {
    let decrypted: Decrypted = serde_json::from_slice(body).ok()?;
    let opened = STANDARD.decode(&*decrypted.plaintext).ok()?;
    (opened.len() == len).then(|| Told::Opened(opened.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use regent_core::ids::{RequestId, Scope};
    use regent_core::keys::proxy::Purpose;
    use regent_core::keys::stores::{Credential, Proxy};
    use regent_core::plaintext::KeyBytes;
    use std::sync::Arc;

    use crate::testing::World;

    fn call(asked: Asked) -> ProxyCall {
        let scope = Scope {
            region: "us-east-1".parse().unwrap(),
            account: "111122223333".parse().unwrap(),
        };
        ProxyCall {
            proxy: Arc::new(Proxy {
                scope,
                endpoint: "http://proxy.example:81".into(),
                path: "/p/kms/xks/v1".into(),
                access_key: "ABCDEFGHIJKLMNOPQRST".into(),
                secret: Box::default(),
            }),
            asked,
            purpose: Purpose {
                operation: "Encrypt",
                request: RequestId::from_entropy([1; 16]),
                principal: "arn:aws:iam::111122223333:user/alice".into(),
                key: None,
                via_service: Some("secretsmanager.us-east-1.amazonaws.com".into()),
            },
        }
    }

    fn encrypt(text: &[u8], aad: &[u8]) -> ProxyCall {
        call(Asked::Encrypt { key: "k".into(), text: text.into(), aad: aad.into() })
    }

    fn body(call: &ProxyCall) -> String {
        let mut out = Vec::new();
        write(&mut out, call);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn bodies() {
        assert_eq!(
            body(&call(Asked::Health)),
            r#"{"requestMetadata":{"kmsOperation":"Encrypt","kmsRequestId":"01010101-0101-4101-8101-010101010101"}}"#
        );
        let metadata = r#""requestMetadata":{"awsPrincipalArn":"arn:aws:iam::111122223333:user/alice","kmsViaService":"secretsmanager.us-east-1.amazonaws.com","kmsOperation":"Encrypt","kmsRequestId":"01010101-0101-4101-8101-010101010101"}"#;
        let sealed = Sealed {
            metadata: Box::default(),
            iv: [1; 12].into(),
            tag: [2; 16],
            text: [3; 2].into(),
        };
        let decrypt = call(Asked::Decrypt { key: "k".into(), sealed, aad: [4].into() });
        let cases = [
            (call(Asked::Metadata { key: "k".into() }), ""),
            (
                encrypt(b"text", b"aad"),
                r#","additionalAuthenticatedData":"YWFk","plaintext":"dGV4dA==","encryptionAlgorithm":"AES_GCM","ciphertextDataIntegrityValueAlgorithm":"SHA_256""#,
            ),
            (
                decrypt,
                r#","additionalAuthenticatedData":"BA==","encryptionAlgorithm":"AES_GCM","ciphertext":"AwM=","initializationVector":"AQEBAQEBAQEBAQEB","authenticationTag":"AgICAgICAgICAgICAgICAg==""#,
            ),
        ];
        for (call, rest) in cases {
            assert_eq!(body(&call), format!("{{{metadata}{rest}}}"));
        }
    }

    /// AWS: the example of the specification's appendix C.
    const EXAMPLE: &str = r#"{"authenticationTag":"vBxN2ncH1oEkR8WVXpmyYQ==","ciphertext":"ghxkK1txeDNn3q8Y","ciphertextDataIntegrityValue":"qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=","ciphertextMetadata":"a2V5X3ZlcnNpb249MQ==","initializationVector":"HMrlRw85cAJUd5Ax"}"#;

    #[test]
    fn encryptions_are_vouched_for() {
        let example = encrypt(b"Hello World!", b"project=nile,department=marketing");
        let Ok(Told::Sealed(sealed)) = answer(&example, 200, EXAMPLE.as_bytes()) else {
            panic!("not the example");
        };
        assert_eq!(&*sealed.metadata, b"key_version=1");
        let malformed = Err(ProxyProblem::Malformed);
        // Another length, other associated data, another integrity value.
        for wrong in
            [encrypt(b"Hello", b"project=nile,department=marketing"), encrypt(b"Hello World!", b"")]
        {
            assert_eq!(answer(&wrong, 200, EXAMPLE.as_bytes()), malformed);
        }
        for (from, to) in [
            ("qHA/", "qHB/"),
            ("HMrlRw85cAJUd5Ax", "HMrlRw85cAJU"),
            ("vBxN2nc", "vBxN2nd"),
            (r#""ciphertextDataIntegrityValue""#, r#""other""#),
        ] {
            let altered = EXAMPLE.replace(from, to);
            assert_eq!(answer(&example, 200, altered.as_bytes()), malformed, "{to}");
        }
    }

    /// Where the request goes, and the Region for which it is signed: the store's own.
    #[test]
    fn requests() {
        let mut world = World::new();
        let credential = Credential {
            access_key: "ABCDEFGHIJKLMNOPQRST".into(),
            secret: KeyBytes::new(b"secret".to_vec()),
        };
        let path = |key: &str| format!("/p/kms/xks/v1/{key}");
        let sealed =
            Sealed { metadata: [].into(), iv: [0; 12].into(), tag: [0; 16], text: [0; 2].into() };
        let key: Box<str> = "k".into();
        let cases = [
            (Asked::Health, "us-east-1", "http://h:81", path("health")),
            (
                Asked::Metadata { key: key.clone() },
                "us-west-2",
                "https://h",
                path("keys/k/metadata"),
            ),
            (encrypt(b"", b"").asked, "us-west-2", "https://h:444", path("keys/k/encrypt")),
            (
                Asked::Decrypt { key, sealed, aad: [].into() },
                "eu-west-1",
                "https://h",
                path("keys/k/decrypt"),
            ),
        ];
        for (asked, region, endpoint, path) in cases {
            world.region = region.parse().unwrap();
            let proxy =
                Proxy::new(&world.cx(), endpoint.into(), "/p/kms/xks/v1".into(), &credential);
            let call = ProxyCall { proxy: Arc::new(proxy), ..call(asked) };
            let sent = request(&call, world.now, &world.crypto).unwrap();
            let (scheme, authority) = endpoint.split_once("://").unwrap();
            assert_eq!((sent.tls, &*sent.authority), (scheme == "https", authority));
            assert_eq!(sent.path, path);
            let scope = format!("/{region}/kms-xks-proxy/aws4_request,");
            assert!(sent.signature.authorization.contains(&scope), "{:?}", sent.signature);
        }
    }

    #[test]
    fn healths() {
        let of = |statuses: &[&str], size: u32| {
            let managers: Vec<_> = statuses
                .iter()
                .map(|status| format!(r#"{{"id":"a","model":"b","healthStatus":"{status}"}}"#))
                .collect();
            let body = format!(
                r#"{{"xksProxyFleetSize":{size},"xksProxyVendor":"v","xksProxyModel":"m","ekmVendor":"e","ekmFleetDetails":[{}]}}"#,
                managers.join(",")
            );
            answer(&call(Asked::Health), 200, body.as_bytes())
        };
        let malformed = Err(ProxyProblem::Malformed);
        assert_eq!(of(&["ACTIVE"], 1), Ok(Told::Health { available: true }));
        assert_eq!(of(&["UNAVAILABLE", "DEGRADED"], 2), Ok(Told::Health { available: true }));
        assert_eq!(of(&["UNAVAILABLE"], 2), Ok(Told::Health { available: false }));
        assert_eq!(of(&["FINE"], 2), malformed);
        assert_eq!(of(&[], 1), malformed);
        assert_eq!(of(&["ACTIVE"; 11], 1), malformed);
        assert_eq!(of(&["ACTIVE"], 0), malformed);
    }

    #[test]
    fn metadata_and_plaintexts() {
        let metadata = call(Asked::Metadata { key: "k".into() });
        let body = br#"{"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT","WRAP"],"keyStatus":"ENABLED"}"#;
        let fit =
            ExternalKeyMetadata { is_aes_256: true, encrypts: true, decrypts: true, enabled: true };
        assert_eq!(answer(&metadata, 200, body), Ok(Told::Metadata(fit)));
        let body = br#"{"keySpec":"RSA_2048","keyUsage":["DECRYPT"],"keyStatus":"DISABLED"}"#;
        let unfit = ExternalKeyMetadata {
            is_aes_256: false,
            encrypts: false,
            decrypts: true,
            enabled: false,
        };
        assert_eq!(answer(&metadata, 200, body), Ok(Told::Metadata(unfit)));
        let sealed =
            Sealed { metadata: [].into(), iv: [0; 12].into(), tag: [0; 16], text: [0; 2].into() };
        let decrypt = call(Asked::Decrypt { key: "k".into(), sealed, aad: Box::default() });
        let opened = answer(&decrypt, 200, br#"{"plaintext":"AwM="}"#);
        assert_eq!(opened, Ok(Told::Opened([3, 3].into())));
        let longer = answer(&decrypt, 200, br#"{"plaintext":"AwMD"}"#);
        assert_eq!(longer, Err(ProxyProblem::Malformed));
    }

    #[test]
    fn failures_by_their_names() {
        let said = |name: &str| {
            let body = format!(r#"{{"errorName":"{name}","errorMessage":"x"}}"#);
            answer(&call(Asked::Health), 400, body.as_bytes()).unwrap_err()
        };
        for (name, problem) in [
            ("InvalidStateException", ProxyProblem::InvalidState),
            ("InvalidCiphertextException", ProxyProblem::InvalidCiphertext),
            ("InvalidKeyUsageException", ProxyProblem::InvalidKeyUsage),
            ("AuthenticationFailedException", ProxyProblem::Authentication),
            ("AccessDeniedException", ProxyProblem::AccessDenied),
            ("KeyNotFoundException", ProxyProblem::KeyNotFound),
            ("InvalidUriPathException", ProxyProblem::InvalidUriPath),
            ("ThrottlingException", ProxyProblem::Throttled),
            ("UnsupportedOperationException", ProxyProblem::Unsupported),
            ("DependencyTimeoutException", ProxyProblem::DependencyTimeout),
            ("InternalException", ProxyProblem::Internal),
            ("ValidationException", ProxyProblem::Malformed),
        ] {
            assert_eq!(said(name), problem, "{name}");
        }
        // Nothing but 200 is success, whatever the body says.
        let metadata = call(Asked::Metadata { key: "k".into() });
        let fit = br#"{"keySpec":"AES_256","keyUsage":["ENCRYPT"],"keyStatus":"ENABLED"}"#;
        for (status, good) in [(200, true), (199, false), (201, false), (204, false), (404, false)]
        {
            assert_eq!(answer(&metadata, status, fit).is_ok(), good, "{status}");
        }
        let bare = answer(&call(Asked::Health), 502, b"<html>");
        assert_eq!(bare, Err(ProxyProblem::Malformed));
    }
}
