//! Accounts that are audited: whose credentials, and which Regions they have.
//!
//! Credentials come from AWS's normal chain: environment, profiles, single sign-on, web identity,
//! processes, containers, instances. Nothing of them is kept here or printed.

use std::collections::HashMap;
use std::sync::Arc;
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

use crate::client::{Client, Counts, Refusal, refusal};
use crate::keys::Keys;

/// Where the credentials service is asked if nothing names a Region.
const FIRST_REGION: &str = "us-east-1";
/// LIMIT: attempts of a call; throttled ones are slowed down besides.
const ATTEMPTS_MAX: u32 = 8;
/// What the SDK has if nothing is configured.
const ATTEMPTS_DEFAULT: u32 = 3;
/// LIMIT: accounts of an organisation whose role is assumed at once.
const ROLES_AT_ONCE: usize = 16;
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
    #[error("the accounts of the organisation: {0}")]
    Organization(Refusal),
}

/// An account of an organisation whose role could not be assumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    pub id: String,
    pub role: String,
    pub why: Refusal,
}

/// An account whose credentials are good.
#[derive(Debug)]
pub struct Account {
    pub id: String,
    partition: String,
    config: SdkConfig,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    pub keys: Keys,
    counts: Arc<Counts>,
}

/// The accounts, in the order of the roles.
pub async fn accounts(access: &Access) -> Result<Vec<Account>, NoAccess> {
    each_account(access).await.into_iter().collect()
}

/// The accounts, in the order of the roles, whichever of them can be reached.
pub async fn each_account(access: &Access) -> Vec<Result<Account, NoAccess>> {
    let own = configuration(access).await;
    if access.roles.is_empty() {
        return vec![account(own).await.map_err(NoAccess::Credentials)];
    }
    let mut accounts = Vec::new();
    for role in &access.roles {
        let found = assume(&own, role).await;
        accounts.push(found.map_err(|why| NoAccess::Role { role: role.clone(), why }));
    }
    accounts
}

/// The active accounts of the caller's organisation, and those that the role of that name does not
/// open. The caller's own account is read as the caller: AWS makes no such role there.
pub async fn organization(
    access: &Access,
    role: &str,
) -> Result<(Vec<Account>, Vec<Unreached>), NoAccess> {
    let own = configuration(access).await;
    let caller = account(own.clone()).await.map_err(NoAccess::Credentials)?;
    let mut others = members(&own).await.map_err(NoAccess::Organization)?;
    others.retain(|id| *id != caller.id);
    let (own, partition) = (&own, caller.partition.clone());
    let reached = stream::iter(others).map(async |id: String| {
        let role = format!("arn:{partition}:iam::{id}:role/{role}");
        assume(own, &role).await.map_err(|why| Unreached { id, role, why })
    });
    let (mut accounts, mut unreached) = (vec![caller], Vec::new());
    let mut reached = std::pin::pin!(reached.buffered(ROLES_AT_ONCE));
    while let Some(one) = reached.next().await {
        match one {
            Ok(account) => accounts.push(account),
            Err(refused) => unreached.push(refused),
        }
    }
    Ok((accounts, unreached))
}

/// The ids of the organisation's accounts that are in use.
async fn members(own: &SdkConfig) -> Result<Vec<String>, Refusal> {
    let client = aws_sdk_organizations::Client::new(own);
    let mut pages = client.list_accounts().into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let accounts = page.map_err(|error| refusal(&error))?.accounts.unwrap_or_default();
        ids.extend(accounts.into_iter().filter(is_active).filter_map(|account| account.id));
    }
    Ok(ids)
}

/// AWS: `State` takes the place of `Status`, and says more.
fn is_active(account: &aws_sdk_organizations::types::Account) -> bool {
    use aws_sdk_organizations::types::{AccountState, AccountStatus};

    match (account.state(), account.status()) {
        (Some(state), _) => *state == AccountState::Active,
        (None, Some(status)) => *status == AccountStatus::Active,
        (None, None) => true,
    }
}

async fn assume(own: &SdkConfig, role: &str) -> Result<Account, Refusal> {
    let builder = AssumeRoleProvider::builder(role).session_name("regent-audit").configure(own);
    let provider = match own.credentials_provider() {
        Some(provider) => builder.build_from_provider(provider).await,
        None => builder.build().await,
    };
    let provider = SharedCredentialsProvider::new(provider);
    account(own.to_builder().credentials_provider(provider).build()).await
}

/// Where calls go, if it is not AWS.
pub async fn endpoint(access: &Access) -> Option<String> {
    configuration(access).await.endpoint_url().map(str::to_owned)
}

/// The Region that is configured, if any is.
pub async fn region(access: &Access) -> Option<String> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await.region().map(ToString::to_string)
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
        counts: Arc::default(),
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
        let new =
            || Arc::new(Client::new(&self.config, region, &self.id, Arc::clone(&self.counts)));
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
        self.counts.made()
    }

    /// Those of them that were refused or not answered; that something is absent is an answer.
    pub fn errors(&self) -> u64 {
        self.counts.refused()
    }

    /// Keys may have changed: each is asked for anew.
    pub async fn forget(&self) {
        self.keys.forget().await;
    }

    /// Whether this account can have the Region at all.
    pub fn has_region(&self, name: &str) -> bool {
        regions::find(name).is_none_or(|region| region.partition == self.partition)
    }
}
