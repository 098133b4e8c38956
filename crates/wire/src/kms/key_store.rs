//! What the operations on custom key stores have in common: members, and AWS's words for failures.
//!
//! The texts about proxies are those that AWS's specification of the interface gives to KMS. The same
//! condition has another code where a store is made, where a key is made, and where one is used.

use regent_core::keys::proxy::ProxyProblem;
use regent_core::keys::stores::{Credential, StoreProblem};
use regent_core::plaintext::KeyBytes;
use serde::Deserialize;

use super::fault;
use crate::constraints::Constraints;
use crate::fault::Fault;
use crate::json::{self, Sensitive};
use crate::xks::is_endpoint;

const ENDPOINT_PATTERN: &str = "^https://[a-zA-Z0-9.-]+$";
const PATH_PATTERN: &str = r"^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$";
const ACCESS_KEY_PATTERN: &str = "^[A-Z2-7]+$";
const SECRET_KEY_PATTERN: &str = r"^[a-zA-Z0-9\/+=]+$";
const SERVICE_PATTERN: &str = r"^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$";
const CLUSTER_PATTERN: &str = "cluster-[2-7a-zA-Z]{11,16}";
/// AWS: how KMS may reach a proxy.
pub const PUBLIC: &str = "PUBLIC_ENDPOINT";
pub const IN_VPC: &str = "VPC_ENDPOINT_SERVICE";
/// AWS: the kinds of custom key stores.
pub const CLOUD_HSM: &str = "AWS_CLOUDHSM";
pub const EXTERNAL: &str = "EXTERNAL_KEY_STORE";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OnlyId {
    custom_key_store_id: Option<Box<str>>,
}

/// A request that names a store and nothing else.
pub fn only_id(body: &[u8]) -> Result<Box<str>, Fault> {
    let input: OnlyId = json::parse(body)?;
    let mut check = Constraints::new();
    let id = check_id(&mut check, input.custom_key_store_id.as_deref());
    check.finish()?;
    Ok(id.into())
}

pub fn check_id<'v>(check: &mut Constraints, id: Option<&'v str>) -> &'v str {
    check.text("customKeyStoreId", id).required().length(1..=64).value()
}

/// The members that describe where a store is. CreateCustomKeyStore and UpdateCustomKeyStore have
/// the same.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Place {
    pub cloud_hsm_cluster_id: Option<Box<str>>,
    pub key_store_password: Option<Sensitive>,
    pub xks_proxy_uri_endpoint: Option<Box<str>>,
    pub xks_proxy_uri_path: Option<Box<str>>,
    pub xks_proxy_vpc_endpoint_service_name: Option<Box<str>>,
    pub xks_proxy_vpc_endpoint_service_owner: Option<Box<str>>,
    pub xks_proxy_authentication_credential: Option<CredentialMember>,
    pub xks_proxy_connectivity: Option<Box<str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CredentialMember {
    access_key_id: Option<Box<str>>,
    raw_secret_access_key: Option<Sensitive>,
}

impl Place {
    pub fn check(&self, check: &mut Constraints) {
        check
            .text("cloudHsmClusterId", self.cloud_hsm_cluster_id.as_deref())
            .length(19..=24)
            .pattern(CLUSTER_PATTERN, is_cluster);
        let password = self.key_store_password.as_ref().map(Sensitive::expose);
        check.text("keyStorePassword", password).sensitive().length(7..=32);
        // AWS: HTTPS on the port of its own. HTTP and other ports are for proxies near by.
        check
            .text("xksProxyUriEndpoint", self.xks_proxy_uri_endpoint.as_deref())
            .length(10..=128)
            .pattern(ENDPOINT_PATTERN, is_endpoint);
        check
            .text("xksProxyUriPath", self.xks_proxy_uri_path.as_deref())
            .length(10..=128)
            .pattern(PATH_PATTERN, is_path);
        let service = self.xks_proxy_vpc_endpoint_service_name.as_deref();
        check
            .text("xksProxyVpcEndpointServiceName", service)
            .length(20..=64)
            .pattern(SERVICE_PATTERN, is_service);
        check
            .text(
                "xksProxyVpcEndpointServiceOwner",
                self.xks_proxy_vpc_endpoint_service_owner.as_deref(),
            )
            .length(12..=12)
            .pattern("[0-9]{12}", |text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(credential) = &self.xks_proxy_authentication_credential {
            credential.check(check);
        }
        check
            .text("xksProxyConnectivity", self.xks_proxy_connectivity.as_deref())
            .one_of(&[PUBLIC, IN_VPC]);
    }

    pub fn is_in_vpc(&self) -> bool {
        self.xks_proxy_connectivity.as_deref() == Some(IN_VPC)
    }

    /// Whether there are members of a VPC's endpoint service.
    pub fn names_service(&self) -> bool {
        self.xks_proxy_vpc_endpoint_service_name.is_some()
            || self.xks_proxy_vpc_endpoint_service_owner.is_some()
    }

    /// Whether there are members of a CloudHSM key store.
    pub fn names_cluster(&self) -> bool {
        self.cloud_hsm_cluster_id.is_some() || self.key_store_password.is_some()
    }

    /// Whether there are members of an external key store.
    pub fn names_proxy(&self) -> bool {
        self.xks_proxy_uri_endpoint.is_some()
            || self.xks_proxy_uri_path.is_some()
            || self.xks_proxy_authentication_credential.is_some()
            || self.xks_proxy_connectivity.is_some()
            || self.names_service()
    }
}

impl CredentialMember {
    fn check(&self, check: &mut Constraints) {
        let path = "xksProxyAuthenticationCredential";
        let letters = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte))
        };
        check
            .text(format_args!("{path}.accessKeyId"), self.access_key_id.as_deref())
            .sensitive()
            .required()
            .length(20..=30)
            .pattern(ACCESS_KEY_PATTERN, letters);
        let base64 = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/+=".contains(&byte))
        };
        let secret = self.raw_secret_access_key.as_ref().map(Sensitive::expose);
        check
            .text(format_args!("{path}.rawSecretAccessKey"), secret)
            .sensitive()
            .required()
            .length(43..=64)
            .pattern(SECRET_KEY_PATTERN, base64);
    }

    /// The credential, once it was checked.
    pub fn credential(&self) -> Result<Credential, Fault> {
        let (Some(access_key), Some(secret)) = (&self.access_key_id, &self.raw_secret_access_key)
        else {
            return Err(Fault::serialization());
        };
        let secret = KeyBytes::new(secret.expose().as_bytes().to_vec());
        Ok(Credential { access_key: access_key.clone(), secret })
    }
}

fn is_cluster(text: &str) -> bool {
    text.strip_prefix("cluster-").is_some_and(|id| {
        let letter = |byte: u8| byte.is_ascii_alphabetic() || (b'2'..=b'7').contains(&byte);
        (11..=16).contains(&id.len()) && id.bytes().all(letter)
    })
}

fn is_path(text: &str) -> bool {
    let Some((prefix, version)) = text.rsplit_once("/kms/xks/v") else { return false };
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
    let prefixed = prefix.strip_prefix('/').is_some_and(|rest| !rest.is_empty());
    (prefix.is_empty() || prefixed && prefix.bytes().all(part))
        && (1..=2).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_service(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    match parts.as_slice() {
        ["com" | "eu", "amazonaws", "vpce", region, service] => {
            region.split('-').all(word) && service.strip_prefix("vpce-svc-").is_some_and(word)
        }
        _ => false,
    }
}

/// The fault of a request about a store, or about a key in one.
pub fn of(problem: &StoreProblem) -> Fault {
    match problem {
        StoreProblem::NotFound => Fault::kms_bare("CustomKeyStoreNotFoundException"),
        StoreProblem::NameInUse => Fault::kms_bare("CustomKeyStoreNameInUseException"),
        StoreProblem::AddressInUse => Fault::kms_bare("XksProxyUriInUseException"),
        StoreProblem::TooMany => Fault::kms(
            "LimitExceededException",
            "The number of custom key stores has reached its limit.",
        ),
        StoreProblem::Connected => Fault::kms(
            "CustomKeyStoreInvalidStateException",
            "The custom key store is connected. Disconnect it and try the request again.",
        ),
        StoreProblem::Failed => Fault::kms(
            "CustomKeyStoreInvalidStateException",
            "The custom key store is in the FAILED state. Disconnect it and try the request again.",
        ),
        StoreProblem::HasKeys => Fault::kms_bare("CustomKeyStoreHasCMKsException"),
        StoreProblem::ClusterNotFound => Fault::kms_bare("CloudHsmClusterNotFoundException"),
        StoreProblem::VpcServiceNotFound => {
            Fault::kms_bare("XksProxyVpcEndpointServiceNotFoundException")
        }
        StoreProblem::Members => Fault::validation(
            "The members of the request do not make a custom key store of this type.",
        ),
        StoreProblem::Proxy(problem) => Fault::kms(code_of_store(*problem), text(*problem)),
        StoreProblem::NewKey(problem) => Fault::kms(code_of_new_key(*problem), text(*problem)),
        StoreProblem::NewKeyUnfit => Fault::kms(
            "XksKeyInvalidConfigurationException",
            "The external key must be an enabled AES-256 key that encrypts and decrypts.",
        ),
        StoreProblem::NewKeyInUse => Fault::kms_bare("XksKeyAlreadyInUseException"),
        StoreProblem::NewKeyMembers => Fault::validation(
            "CustomKeyStoreId and XksKeyId go with the origin EXTERNAL_KEY_STORE, a symmetric key and one Region.",
        ),
        StoreProblem::NoRandom => Fault::kms_bare("UnsupportedOperationException"),
        StoreProblem::NotForItsKeys { key } => fault::unsupported(format!(
            "{key} origin is EXTERNAL_KEY_STORE which is not valid for this operation."
        )),
    }
}

/// AWS: the code where a store is made or changed.
const fn code_of_store(problem: ProxyProblem) -> &'static str {
    match problem {
        ProxyProblem::Authentication => "XksProxyIncorrectAuthenticationCredentialException",
        ProxyProblem::InvalidUriPath => "XksProxyInvalidConfigurationException",
        ProxyProblem::Unreachable
        | ProxyProblem::Tls
        | ProxyProblem::TimedOut
        | ProxyProblem::DependencyTimeout
        | ProxyProblem::Throttled => "XksProxyUriUnreachableException",
        ProxyProblem::NotConnected
        | ProxyProblem::Malformed
        | ProxyProblem::AccessDenied
        | ProxyProblem::InvalidState
        | ProxyProblem::InvalidCiphertext
        | ProxyProblem::InvalidKeyUsage
        | ProxyProblem::KeyNotFound
        | ProxyProblem::Unsupported
        | ProxyProblem::Internal => "XksProxyInvalidResponseException",
    }
}

/// AWS: the code where a KMS key is made.
const fn code_of_new_key(problem: ProxyProblem) -> &'static str {
    match problem {
        ProxyProblem::InvalidState | ProxyProblem::InvalidKeyUsage => {
            "XksKeyInvalidConfigurationException"
        }
        ProxyProblem::KeyNotFound => "XksKeyNotFoundException",
        ProxyProblem::AccessDenied => "KMSInvalidStateException",
        ProxyProblem::NotConnected
        | ProxyProblem::Unreachable
        | ProxyProblem::Tls
        | ProxyProblem::TimedOut
        | ProxyProblem::Malformed
        | ProxyProblem::Authentication
        | ProxyProblem::InvalidCiphertext
        | ProxyProblem::InvalidUriPath
        | ProxyProblem::Unsupported
        | ProxyProblem::DependencyTimeout
        | ProxyProblem::Throttled
        | ProxyProblem::Internal => "CustomKeyStoreInvalidStateException",
    }
}

/// AWS: ConnectionErrorCode.
pub const fn connection_error(problem: ProxyProblem) -> &'static str {
    match problem {
        ProxyProblem::Authentication => "INVALID_CREDENTIALS",
        ProxyProblem::AccessDenied => "XKS_PROXY_ACCESS_DENIED",
        ProxyProblem::Unreachable | ProxyProblem::NotConnected => "XKS_PROXY_NOT_REACHABLE",
        ProxyProblem::Tls => "XKS_PROXY_INVALID_TLS_CONFIGURATION",
        ProxyProblem::TimedOut | ProxyProblem::DependencyTimeout => "XKS_PROXY_TIMED_OUT",
        ProxyProblem::InvalidUriPath => "XKS_PROXY_INVALID_CONFIGURATION",
        ProxyProblem::Malformed
        | ProxyProblem::InvalidState
        | ProxyProblem::InvalidCiphertext
        | ProxyProblem::InvalidKeyUsage
        | ProxyProblem::KeyNotFound
        | ProxyProblem::Unsupported
        | ProxyProblem::Throttled
        | ProxyProblem::Internal => "XKS_PROXY_INVALID_RESPONSE",
    }
}

/// AWS: the message, whatever the code.
pub const fn text(problem: ProxyProblem) -> &'static str {
    match problem {
        ProxyProblem::NotConnected => {
            "This KMS key is in a custom key store that is not connected to its external key store proxy. Connect the external key store and try the request again."
        }
        ProxyProblem::Unreachable => {
            "AWS KMS cannot communicate with the external key store proxy. This might be a transient network issue. If you see this error repeatedly, verify that your external key store proxy is active and is connected to the network, and that its endpoint URI is correct in your external keystore."
        }
        ProxyProblem::Tls => {
            "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify the TLS configuration, including its certificate."
        }
        ProxyProblem::TimedOut => {
            "AWS KMS rejected the request because the external key store proxy did not respond in time. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        ProxyProblem::Malformed => {
            "AWS KMS cannot interpret the response from the external key store proxy. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        ProxyProblem::Authentication => {
            "The external key store proxy rejected the request because it could not authenticate AWS KMS. Verify the XKS proxy authentication credentials for your external key store and update if necessary."
        }
        ProxyProblem::AccessDenied => {
            "The external key store proxy denied access to the operation. Verify that the user and the external key are both authorized for this operation, and try the request again."
        }
        ProxyProblem::InvalidState => {
            "The external key associated with this KMS key in an external key store is not enabled in the external key manager. Enable the external key in the external key manager and retry the request."
        }
        ProxyProblem::InvalidCiphertext => {
            "The external key store proxy rejected the request because the specified ciphertext or encryption context is corrupted, missing, or otherwise invalid."
        }
        ProxyProblem::InvalidKeyUsage => {
            "The external key associated with this KMS key in an external key store does not support the requested operation. Enable the operation on the key in your external key manager, and try the request again."
        }
        ProxyProblem::KeyNotFound => {
            "The external key associated with this KMS key in an external key store was not found in its external key manager. If the external key ID associated with this KMS key is incorrect, create a new KMS key with the correct external key ID."
        }
        ProxyProblem::InvalidUriPath => {
            "The external key store proxy rejected the request because of an invalid URI path. Verify the URI path for your external key store and update if necessary."
        }
        ProxyProblem::Unsupported => {
            "The external key store proxy rejected the request because it does not support the requested operation. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        ProxyProblem::DependencyTimeout => {
            "The external key store proxy did not respond to the request in the time allotted. Retry the request. If you see this error repeatedly, report it to your external key store proxy administrator."
        }
        ProxyProblem::Throttled => {
            "The external key store proxy rejected the request due to a very high request rate. Reduce the frequency of your calls using KMS keys in this external key store."
        }
        ProxyProblem::Internal => {
            "The external key store proxy rejected the request because it cannot communicate with the external key manager. Verify that the external key store proxy configuration is correct and that the external key manager is available."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for good in ["https://proxy.example", "http://127.0.0.1:8000", "https://a-b.c:443"] {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in [
            "ftp://proxy",
            "https://",
            "https://u@h",
            "https://h/p",
            "https://h:x",
            "https://h:70000",
        ] {
            assert!(!is_endpoint(bad), "{bad}");
        }
        for good in ["/kms/xks/v1", "/a/b_c-1/kms/xks/v12"] {
            assert!(is_path(good), "{good}");
        }
        for bad in [
            "kms/xks/v1",
            "/kms/xks/v",
            "/kms/xks/v123",
            "/a b/kms/xks/v1",
            "//kms/xks/v1x",
            "a/kms/xks/v1",
        ] {
            assert!(!is_path(bad), "{bad}");
        }
        assert!(is_cluster("cluster-1a23b4cdefg".replace('1', "2").as_str()));
        assert!(!is_cluster("cluster-1a23b4cdefg"));
        assert!(is_service("com.amazonaws.vpce.us-east-1.vpce-svc-09f"));
        assert!(!is_service("com.amazonaws.vpce.us-east-1.svc-09f"));
    }
}
