//! One Region of one account, through AWS's SDK: read-only calls, paced and counted.
//!
//! AWS's types and error codes end here. A refusal keeps what the caller can act on. Values of
//! secrets are handed out in memory that is wiped; the SDK's own buffers are not in our hands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_config::SdkConfig;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ErrorMetadata, ProvideErrorMetadata, SdkError};
use aws_sdk_kms::types::{
    EncryptionAlgorithmSpec, KeyManagerType, KeyMetadata, MacAlgorithmSpec, SigningAlgorithmSpec,
};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::primitives::{Blob, DateTime};
use aws_sdk_secretsmanager::types::{ReplicationStatusType, SecretListEntry, StatusType};
use zeroize::Zeroizing;

use crate::keys::Metadata;
use crate::observe::{Replica, Secret, Status};
use crate::pace::{Api, Pace};

/// LIMIT: secrets, or aliases, of a page; AWS's own.
const PAGE_LEN: i32 = 100;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Absent(String),
    #[error("{0}")]
    Denied(String),
    /// The Region is not enabled for the account, or not served at this endpoint.
    #[error("{0}")]
    NoRegion(String),
    /// The token of a list is not valid any more.
    #[error("{0}")]
    Token(String),
    #[error("{0}")]
    Other(String),
}

/// A page of a list, and the token of the next.
#[derive(Debug)]
pub struct Page {
    pub secrets: Vec<Secret>,
    pub next: Option<String>,
}

/// The current value of a secret.
pub(crate) struct Value {
    pub(crate) version: Option<String>,
    /// Whether it is text, and its bytes.
    pub(crate) text: bool,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Calls of one account, to Secrets Manager and KMS; retries are not counted.
#[derive(Debug, Default)]
pub struct Counts {
    made: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub struct Client {
    pub region: String,
    pub(crate) account: String,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) kms: aws_sdk_kms::Client,
    pace: Pace,
    counts: Arc<Counts>,
}

impl Client {
    /// A client of a Region; `counts` are of the whole account.
    pub fn new(config: &SdkConfig, region: &str, account: &str, counts: Arc<Counts>) -> Self {
        let there = config.to_builder().region(aws_config::Region::new(region.to_owned())).build();
        Self {
            region: region.to_owned(),
            account: account.to_owned(),
            secrets: aws_sdk_secretsmanager::Client::new(&there),
            kms: aws_sdk_kms::Client::new(&there),
            pace: Pace::default(),
            counts,
        }
    }

    /// What an error means, and counts it.
    pub(crate) fn refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let why = refusal(error);
        if !matches!(why, Refusal::Absent(_)) {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        why
    }

    pub(crate) async fn before(&self, api: Api) {
        self.pace.wait(api).await;
        self.counts.made.fetch_add(1, Ordering::Relaxed);
    }

    pub async fn list(&self, token: Option<String>) -> Result<Page, Refusal> {
        self.before(Api::ListSecrets).await;
        let call = self.secrets.list_secrets().max_results(PAGE_LEN).set_next_token(token);
        let page = call.send().await.map_err(|error| self.refused(&error))?;
        let secrets = page.secret_list.unwrap_or_default().into_iter().map(listed).collect();
        Ok(Page { secrets, next: page.next_token.filter(|token| !token.is_empty()) })
    }

    pub async fn describe(&self, id: &str) -> Result<Secret, Refusal> {
        self.before(Api::DescribeSecret).await;
        let call = self.secrets.describe_secret().secret_id(id);
        call.send().await.map(described).map_err(|error| self.refused(&error))
    }

    pub(crate) async fn value(&self, id: &str) -> Result<Value, Refusal> {
        self.before(Api::GetSecretValue).await;
        let call = self.secrets.get_secret_value().secret_id(id);
        let found = call.send().await.map_err(|error| self.refused(&error))?;
        let (version, text) = (found.version_id, found.secret_string.is_some());
        let string = found.secret_string.map(String::into_bytes);
        let bytes = string.or_else(|| found.secret_binary.map(Blob::into_inner));
        Ok(Value { version, text, bytes: Zeroizing::new(bytes.unwrap_or_default()) })
    }

    pub async fn describe_key(&self, name: &str) -> Result<Metadata, Refusal> {
        self.before(Api::DescribeKey).await;
        let call = self.kms.describe_key().key_id(name);
        let found = call.send().await.map_err(|error| self.refused(&error))?;
        let Some(key) = found.key_metadata else {
            return Err(Refusal::Other("DescribeKey answered nothing".to_owned()));
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Ok(Metadata {
            arn: text(key.arn()),
            state: text(key.key_state().map(aws_sdk_kms::types::KeyState::as_str)),
            spec: text(key.key_spec().map(aws_sdk_kms::types::KeySpec::as_str)),
            multi_region: key.multi_region() == Some(true),
            customer: key.key_manager() == Some(&KeyManagerType::Customer),
            foreign: key.aws_account_id().is_some_and(|account| account != self.account),
            policy: crate::keys::Policy::NotAsked,
            usage: text(key.key_usage().map(aws_sdk_kms::types::KeyUsageType::as_str)),
            algorithm: algorithm(&key),
            regions: regions(&key),
        })
    }

    /// Whether the caller may encrypt under the key, which KMS says without encrypting anything.
    pub async fn may_encrypt(&self, arn: &str) -> Result<(), Refusal> {
        self.before(Api::Cryptography).await;
        let nothing = aws_sdk_kms::primitives::Blob::new(*b"regent check");
        let call = self.kms.encrypt().key_id(arn).plaintext(nothing).dry_run(true);
        match call.send().await {
            // AWS: a dry run never succeeds; that it would have is an error of its own.
            Err(error) if error.code() != Some("DryRunOperationException") => {
                Err(self.refused(&error))
            }
            _ => Ok(()),
        }
    }

    /// The aliases of the account in this Region, each with the id of its key. AWS's own are listed
    /// before there are keys under them.
    pub async fn aliases(&self) -> Result<BTreeMap<String, Option<String>>, Refusal> {
        let mut all = BTreeMap::new();
        let mut marker = None;
        loop {
            self.before(Api::ListAliases).await;
            let call = self.kms.list_aliases().limit(PAGE_LEN).set_marker(marker);
            let page = call.send().await.map_err(|error| self.refused(&error))?;
            let aliases = page.aliases.unwrap_or_default().into_iter();
            all.extend(aliases.filter_map(|one| Some((one.alias_name?, one.target_key_id))));
            marker = page.next_marker.filter(|next| page.truncated && !next.is_empty());
            if marker.is_none() {
                return Ok(all);
            }
        }
    }

    pub async fn key_policy(&self, arn: &str) -> Result<String, Refusal> {
        self.before(Api::GetKeyPolicy).await;
        let call = self.kms.get_key_policy().key_id(arn).policy_name("default");
        let found = call.send().await.map_err(|error| self.refused(&error))?;
        found.policy.ok_or_else(|| Refusal::Other("GetKeyPolicy answered nothing".to_owned()))
    }
}

/// The first algorithm that the key is for.
fn algorithm(key: &KeyMetadata) -> String {
    let encryption = key.encryption_algorithms().first().map(EncryptionAlgorithmSpec::as_str);
    let signing = key.signing_algorithms().first().map(SigningAlgorithmSpec::as_str);
    let mac = key.mac_algorithms().first().map(MacAlgorithmSpec::as_str);
    encryption.or(signing).or(mac).unwrap_or_default().to_owned()
}

/// The Regions of a multi-Region key.
fn regions(key: &KeyMetadata) -> Vec<String> {
    let Some(all) = key.multi_region_configuration() else { return Vec::new() };
    let primary = all.primary_key().into_iter();
    primary.chain(all.replica_keys()).filter_map(|one| one.region.clone()).collect()
}

/// What an error means here. Its text is one line.
pub(crate) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(code) = error.code() else { return Refusal::Other(unanswered(error)) };
    let said = one_line(error.message().unwrap_or("no reason is given"));
    let text = format!("{code}: {said}");
    match code {
        "ResourceNotFoundException" | "NotFoundException" | "InvalidArnException" => {
            Refusal::Absent(text)
        }
        // KMS says so of names that cannot be one.
        "ValidationException" if said.contains("keyId") => Refusal::Absent(text),
        "AccessDeniedException" | "AccessDenied" => Refusal::Denied(text),
        "UnrecognizedClientException" | "InvalidClientTokenId" | "OptInRequired" => {
            Refusal::NoRegion(text)
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" if said.contains("valid region") => {
            Refusal::NoRegion(text)
        }
        "InvalidNextTokenException" => Refusal::Token(text),
        _ => Refusal::Other(text),
    }
}

/// PROMISE R7: an answer that cannot be read may have a value in it, and the SDK's own text of the
/// error has the answer in it. Nothing of it is shown but its status.
fn unanswered<E: std::error::Error + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    if let Some(answer) = error.raw_response() {
        return format!("an answer that is none of AWS's, of status {}", answer.status().as_u16());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The service that gives credentials has refused, and says all that there is to say.
        if let Some(refused) = inner.downcast_ref::<ErrorMetadata>()
            && let (Some(code), Some(said)) = (refused.code(), refused.message())
        {
            return one_line(&format!("{code}: {said}"));
        }
        // Each says what is new in it.
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn listed(entry: SecretListEntry) -> Secret {
    Secret {
        arn: entry.arn.unwrap_or_default(),
        name: entry.name.unwrap_or_default(),
        key: entry.kms_key_id,
        primary_region: entry.primary_region,
        versions: versions(entry.secret_versions_to_stages),
        replicas: Vec::new(),
        created_s: seconds(entry.created_date),
        changed_s: seconds(entry.last_changed_date),
        accessed_s: seconds(entry.last_accessed_date),
        deleted: entry.deleted_date.is_some(),
    }
}

fn described(found: DescribeSecretOutput) -> Secret {
    let replicas = found.replication_status.unwrap_or_default();
    Secret {
        arn: found.arn.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        key: found.kms_key_id,
        primary_region: found.primary_region,
        versions: versions(found.version_ids_to_stages),
        replicas: replicas.into_iter().map(replica).collect(),
        created_s: seconds(found.created_date),
        changed_s: seconds(found.last_changed_date),
        accessed_s: seconds(found.last_accessed_date),
        deleted: found.deleted_date.is_some(),
    }
}

fn replica(entry: ReplicationStatusType) -> Replica {
    let status = match &entry.status {
        Some(StatusType::InSync) => Status::InSync,
        Some(StatusType::InProgress) => Status::InProgress,
        Some(StatusType::Failed) => Status::Failed,
        other => Status::Other(other.as_ref().map_or("none", StatusType::as_str).to_owned()),
    };
    Replica {
        region: entry.region.unwrap_or_default(),
        key: entry.kms_key_id,
        status,
        message: entry.status_message,
        accessed_s: seconds(entry.last_accessed_date),
    }
}

/// Versions without a label are not replicated.
fn versions(all: Option<HashMap<String, Vec<String>>>) -> BTreeMap<String, BTreeSet<String>> {
    let all = all.unwrap_or_default().into_iter();
    let labelled = all.filter(|(_, labels)| !labels.is_empty());
    labelled.map(|(version, labels)| (version, labels.into_iter().collect())).collect()
}

fn seconds(time: Option<DateTime>) -> Option<i64> {
    time.map(|time| time.secs())
}
