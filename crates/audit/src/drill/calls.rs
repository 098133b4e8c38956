//! What a drill asks of a Region besides what an audit asks: lists by name and tag, the versions of
//! a secret, and the use of a key.
//!
//! Nothing here changes anything. What is encrypted is the drill's own text, never a value of a secret.

use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::SdkError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{EncryptionAlgorithmSpec, MacAlgorithmSpec, SigningAlgorithmSpec};
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::Selection;
use crate::client::{Client, Refusal, listed};
use crate::keys::Metadata;
use crate::observe::Secret;
use crate::pace::Api;

/// LIMIT: entries of a page, AWS's own.
const PAGE_LEN: i32 = 100;
/// The encryption context of a drill's ciphertexts, which CloudTrail shows.
const CONTEXT: (&str, &str) = ("regent", "drill");

/// A version of a secret, and when it was made, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    pub created_ms: i64,
}

impl Client {
    /// A page of the secrets that are selected by prefix and tags, and the token of the next.
    pub(super) async fn selected(
        &self,
        selection: &Selection,
        token: Option<String>,
    ) -> Result<(Vec<Secret>, Option<String>), Refusal> {
        self.before(Api::ListSecrets).await;
        let mut call = self.secrets.list_secrets().max_results(PAGE_LEN).set_next_token(token);
        if let Some(prefix) = &selection.prefix {
            call = call.filters(filter(FilterNameStringType::Name, prefix));
        }
        for (key, value) in &selection.tags {
            call = call.filters(filter(FilterNameStringType::TagKey, key));
            if let Some(value) = value {
                call = call.filters(filter(FilterNameStringType::TagValue, value));
            }
        }
        let page = call.send().await.map_err(|error| self.refused(&error))?;
        // AWS: filters find words and beginnings, in any case, and do not pair keys with values.
        let entries = page.secret_list.unwrap_or_default().into_iter();
        let ours = entries.filter(|entry| {
            let tags = entry.tags.as_deref().unwrap_or_default();
            let tags = tags.iter().filter_map(|tag| Some((tag.key()?, tag.value()?)));
            selection.has(entry.name().unwrap_or_default(), &tags.collect::<Vec<_>>())
        });
        Ok((ours.map(listed).collect(), page.next_token.filter(|token| !token.is_empty())))
    }

    /// All versions of a secret, also those without a label.
    pub(super) async fn versions(&self, id: &str) -> Result<Vec<Version>, Refusal> {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            self.before(Api::ListSecretVersionIds).await;
            let call = self.secrets.list_secret_version_ids().secret_id(id);
            let call = call.include_deprecated(true).max_results(PAGE_LEN).set_next_token(token);
            let page = call.send().await.map_err(|error| self.refused(&error))?;
            all.extend(page.versions.unwrap_or_default().into_iter().filter_map(|one| {
                let created_ms = one.created_date?.to_millis().ok()?;
                Some(Version { id: one.version_id?, created_ms })
            }));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// Whether the Region answers at all, asked once.
    pub async fn answers(&self) -> bool {
        let once = || aws_sdk_secretsmanager::config::retry::RetryConfig::disabled();
        let config = aws_sdk_secretsmanager::config::Config::builder().retry_config(once());
        let call = self.secrets.list_secrets().max_results(1).customize().config_override(config);
        let secrets = call.send().await.map_or_else(|error| refused(&error), |_| true);
        let config = aws_sdk_kms::config::Config::builder().retry_config(once());
        let call = self.kms.list_keys().limit(1).customize().config_override(config);
        secrets || call.send().await.map_or_else(|error| refused(&error), |_| true)
    }

    /// The ids of all multi-Region keys.
    pub(super) async fn multi_region_keys(&self) -> Result<Vec<String>, Refusal> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            self.before(Api::ListKeys).await;
            let call = self.kms.list_keys().limit(PAGE_LEN).set_marker(marker);
            let page = call.send().await.map_err(|error| self.refused(&error))?;
            let ids = page.keys.unwrap_or_default().into_iter().filter_map(|key| key.key_id);
            all.extend(ids.filter(|id| id.starts_with("mrk-")));
            marker = page.next_marker.filter(|_| page.truncated);
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    /// Uses the key for what it is for, so that the related key in another Region can tell.
    pub(super) async fn prove(&self, key: &Metadata, text: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.before(Api::Cryptography).await;
        let (text, algorithm) = (Blob::new(text), key.algorithm.as_str());
        let proof = match key.usage.as_str() {
            "ENCRYPT_DECRYPT" => {
                let call = self.kms.encrypt().key_id(&key.arn).plaintext(text);
                let call = call.encryption_algorithm(EncryptionAlgorithmSpec::from(algorithm));
                let call = call.set_encryption_context(context(key));
                call.send().await.map_err(|error| self.refused(&error))?.ciphertext_blob
            }
            "SIGN_VERIFY" => {
                let call = self.kms.sign().key_id(&key.arn).message(text);
                let call = call.signing_algorithm(SigningAlgorithmSpec::from(algorithm));
                call.send().await.map_err(|error| self.refused(&error))?.signature
            }
            "GENERATE_VERIFY_MAC" => {
                let call = self.kms.generate_mac().key_id(&key.arn).message(text);
                let call = call.mac_algorithm(MacAlgorithmSpec::from(algorithm));
                call.send().await.map_err(|error| self.refused(&error))?.mac
            }
            // The same public key is the same private key.
            _ => {
                let call = self.kms.get_public_key().key_id(&key.arn);
                call.send().await.map_err(|error| self.refused(&error))?.public_key
            }
        };
        proof.map(Blob::into_inner).ok_or_else(|| Refusal::Other("KMS answered nothing".to_owned()))
    }

    /// Whether what the related key made is good here.
    pub(super) async fn proven(
        &self,
        key: &Metadata,
        text: &[u8],
        proof: &[u8],
    ) -> Result<bool, Refusal> {
        self.before(Api::Cryptography).await;
        let (blob, algorithm) = (Blob::new(proof), key.algorithm.as_str());
        Ok(match key.usage.as_str() {
            "ENCRYPT_DECRYPT" => {
                let call = self.kms.decrypt().key_id(&key.arn).ciphertext_blob(blob);
                let call = call.encryption_algorithm(EncryptionAlgorithmSpec::from(algorithm));
                let call = call.set_encryption_context(context(key));
                let found = call.send().await.map_err(|error| self.refused(&error))?.plaintext;
                found.is_some_and(|found| found.as_ref() == text)
            }
            "SIGN_VERIFY" => {
                let call = self.kms.verify().key_id(&key.arn).message(Blob::new(text));
                let call = call.signing_algorithm(SigningAlgorithmSpec::from(algorithm));
                let call = call.signature(blob);
                call.send().await.map_err(|error| self.refused(&error))?.signature_valid
            }
            "GENERATE_VERIFY_MAC" => {
                let call = self.kms.verify_mac().key_id(&key.arn).message(Blob::new(text));
                let call = call.mac_algorithm(MacAlgorithmSpec::from(algorithm)).mac(blob);
                call.send().await.map_err(|error| self.refused(&error))?.mac_valid
            }
            _ => {
                let call = self.kms.get_public_key().key_id(&key.arn);
                let found = call.send().await.map_err(|error| self.refused(&error))?.public_key;
                found.is_some_and(|found| found.as_ref() == proof)
            }
        })
    }
}

/// A refusal is an answer; a Region that is gone has none, or one of the status 5xx.
fn refused<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|answer| answer.status().as_u16() < 500)
}

fn filter(key: FilterNameStringType, value: &str) -> Filter {
    Filter::builder().key(key).values(value).build()
}

/// AWS: asymmetric keys take no context.
fn context(key: &Metadata) -> Option<std::collections::HashMap<String, String>> {
    let (name, value) = CONTEXT;
    (key.spec == "SYMMETRIC_DEFAULT").then(|| [(name.to_owned(), value.to_owned())].into())
}
