//! Accounts that are audited: whose credentials, and which Regions they have.
//!
//! Credentials come from AWS's normal chain: environment, profiles, single sign-on, web identity,
//! processes, containers, instances. Nothing of them is kept here or printed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::SharedCredentialsProvider;
use futures_util::StreamExt as _;
use futures_util::stream;
use regent_guard::regions::{self, REGIONS};
use tokio::sync::Mutex;

use crate::client::{Client, Refusal, refusal};
use crate::keys::Keys;

/// Where the credentials service is asked if nothing names a Region.
const FIRST_REGION: &str = "us-east-1";
/// LIMIT: attempts of a call; throttled ones are slowed down besides.
const ATTEMPTS_MAX: u32 = 8;
/// What the SDK has if nothing is configured.
const ATTEMPTS_DEFAULT: u32 = 3;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// How accounts are reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub profile: Option<String>,
    /// Roles that are assumed, each for an account; none for the caller's own account.
    pub roles: Vec<String>,
    /// Where the credentials service is asked.
    pub region: Option<String>,
}

/// Why an account cannot be audited.
#[derive(Debug, thiserror::Error)]
pub enum NoAccess {
    #[error("no credentials: {0}")]
    Credentials(Refusal),
    #[error("{role}: {why}")]
    Role { role: String, why: Refusal },
}

/// An account whose credentials are good.
#[derive(Debug)]
pub struct Account {
    pub id: String,
    partition: String,
    config: SdkConfig,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    pub keys: Keys,
    calls: Arc<AtomicU64>,
}

/// The accounts, in the order of the roles.
pub async fn accounts(access: &Access) -> Result<Vec<Account>, NoAccess> {
    let own = configuration(access).await;
    if access.roles.is_empty() {
        return Ok(vec![account(own).await.map_err(NoAccess::Credentials)?]);
    }
    let mut accounts = Vec::new();
    for role in &access.roles {
        let builder =
            AssumeRoleProvider::builder(role).session_name("regent-audit").configure(&own);
        let provider = match own.credentials_provider() {
            Some(provider) => builder.build_from_provider(provider).await,
            None => builder.build().await,
        };
        let provider = SharedCredentialsProvider::new(provider);
        let assumed = own.to_builder().credentials_provider(provider).build();
        let found = account(assumed).await;
        accounts.push(found.map_err(|why| NoAccess::Role { role: role.clone(), why })?);
    }
    Ok(accounts)
}

async fn configuration(access: &Access) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &access.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    let config = loader.load().await;
    // What the environment or the profile says of attempts is kept, if it is not what the SDK has
    // anyway.
    let given = config.retry_config().map_or(ATTEMPTS_DEFAULT, RetryConfig::max_attempts);
    let attempts = if given == ATTEMPTS_DEFAULT { ATTEMPTS_MAX } else { given };
    let region = config.region().cloned();
    config
        .into_builder()
        .retry_config(RetryConfig::adaptive().with_max_attempts(attempts))
        .region(region.unwrap_or_else(|| aws_config::Region::new(FIRST_REGION)))
        .build()
}

async fn account(config: SdkConfig) -> Result<Account, Refusal> {
    let (id, arn) = identity(&config).await?;
    Ok(Account {
        partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
        id,
        config,
        clients: Mutex::default(),
        keys: Keys::default(),
        calls: Arc::default(),
    })
}

/// AWS: anybody with credentials may ask who they are.
async fn identity(config: &SdkConfig) -> Result<(String, String), Refusal> {
    let sts = aws_sdk_sts::Client::new(config);
    let found = sts.get_caller_identity().send().await.map_err(|error| refusal(&error))?;
    match (found.account, found.arn) {
        (Some(account), Some(arn)) => Ok((account, arn)),
        _ => Err(Refusal::Other("GetCallerIdentity answered nothing".to_owned())),
    }
}

impl Account {
    /// The client of a Region; there is one for each.
    pub async fn client(&self, region: &str) -> Arc<Client> {
        let mut clients = self.clients.lock().await;
        let new = || Arc::new(Client::new(&self.config, region, &self.id, Arc::clone(&self.calls)));
        Arc::clone(clients.entry(region.to_owned()).or_insert_with(new))
    }

    /// The Regions that take the account's credentials, of all that its partition has; and those of
    /// which that is not known, with the reason.
    ///
    /// AWS: a Region that is not enabled refuses the credentials themselves.
    pub async fn regions(&self) -> (Vec<String>, Vec<(String, Refusal)>) {
        let names = REGIONS.iter().filter(|region| region.partition == self.partition);
        let asked =
            stream::iter(names.map(|region| region.name)).map(async |region: &'static str| {
                let there =
                    self.config.to_builder().region(aws_config::Region::new(region)).build();
                (region, identity(&there).await.err())
            });
        let mut answers: Vec<_> = asked.buffer_unordered(REGIONS.len()).collect().await;
        answers.sort_by_key(|(region, _)| *region);
        let (mut enabled, mut unknown) = (Vec::new(), Vec::new());
        for (region, refused) in answers {
            match refused {
                None => enabled.push(region.to_owned()),
                Some(Refusal::NoRegion(_)) => {}
                Some(why) => unknown.push((region.to_owned(), why)),
            }
        }
        (enabled, unknown)
    }

    /// Calls that were made so far, retries not counted.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether this account can have the Region at all.
    pub fn has_region(&self, name: &str) -> bool {
        regions::find(name).is_none_or(|region| region.partition == self.partition)
    }
}
