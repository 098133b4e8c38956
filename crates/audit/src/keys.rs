//! Keys as a secret depends on them: what KMS says of each in its Region, asked once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regent_guard::{policy, regions};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OnceCell};

use regent_guard::key_id::{Arn, KeyName, Resource};

use crate::client::{Client, Refusal};

/// A key by the name that a secret has for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Key {
    There(Metadata),
    /// KMS has none of that name in the Region; what it said.
    Absent(String),
    /// The caller may not look, or KMS did not answer.
    Unknown(String),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metadata {
    pub arn: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and so on.
    pub state: String,
    /// `SYMMETRIC_DEFAULT` is the only one that Secrets Manager can use.
    pub spec: String,
    pub multi_region: bool,
    /// Made and paid for by the account, not by AWS.
    pub customer: bool,
    /// Of another account, whose policies cannot be read.
    pub foreign: bool,
    pub policy: Policy,
    /// `ENCRYPT_DECRYPT`, `SIGN_VERIFY` and so on.
    pub usage: String,
    /// The first algorithm that it is for.
    pub algorithm: String,
    /// Where the related keys of a multi-Region key are, this one among them.
    pub regions: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub enum Policy {
    Read(Json),
    Unknown(String),
    /// Keys of AWS, and of other accounts.
    #[default]
    NotAsked,
}

/// Why a key is of no use to Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Absent(String),
    PendingDeletion(String),
    /// Disabled, or no symmetric key.
    Unusable(String),
    ShutsOut(String),
}

impl Key {
    /// What is certainly wrong with it.
    pub fn fault(&self) -> Option<Fault> {
        let key = match self {
            Self::Absent(said) => return Some(Fault::Absent(said.clone())),
            Self::Unknown(_) => return None,
            Self::There(key) => key,
        };
        let arn = &key.arn;
        match key.state.as_str() {
            "Enabled" | "Updating" | "Creating" => {}
            "PendingDeletion" => {
                return Some(Fault::PendingDeletion(format!("{arn} is pending deletion")));
            }
            "PendingReplicaDeletion" => {
                let text = format!("{arn} is pending deletion once its replica keys are deleted");
                return Some(Fault::PendingDeletion(text));
            }
            "Disabled" => return Some(Fault::Unusable(format!("{arn} is disabled"))),
            "PendingImport" => {
                return Some(Fault::Unusable(format!("{arn} has no key material yet")));
            }
            other => return Some(Fault::Unusable(format!("{arn} is in the state {other}"))),
        }
        if key.spec != "SYMMETRIC_DEFAULT" {
            return Some(Fault::Unusable(format!("{arn} is a key of the spec {}", key.spec)));
        }
        let Policy::Read(policy) = &key.policy else { return None };
        let region = arn.split(':').nth(3);
        policy::shuts_out(policy, region).map(|why| Fault::ShutsOut(format!("{arn}: {why}")))
    }

    /// What could not be found out about it.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::Unknown(why) | Self::There(Metadata { policy: Policy::Unknown(why), .. }) => {
                Some(why)
            }
            _ => None,
        }
    }
}

type Cell = Arc<OnceCell<Arc<Key>>>;
/// Aliases of a Region and the ids of their keys, or why they cannot be listed.
type Aliases = Result<BTreeMap<String, Option<String>>, Refusal>;

/// The keys of one account that were asked for, by Region and name.
#[derive(Debug, Default)]
pub struct Keys {
    cells: Mutex<HashMap<(String, String), Cell>>,
    aliases: Mutex<HashMap<String, Arc<OnceCell<Aliases>>>>,
}

impl Keys {
    pub async fn forget(&self) {
        self.cells.lock().await.clear();
        self.aliases.lock().await.clear();
    }

    /// As `look`, with aliases found in the list of their Region, which also says what there is
    /// instead of one that is absent. Whoever may not list may look at one all the same.
    pub async fn look_listed(&self, client: &Client, name: &str) -> Arc<Key> {
        let Some(alias) = own_alias(name, &client.region, &client.account) else {
            return self.look(client, name).await;
        };
        let cell = {
            let mut all = self.aliases.lock().await;
            Arc::clone(all.entry(client.region.clone()).or_default())
        };
        match cell.get_or_init(|| client.aliases()).await {
            Ok(listed) => match listed.get(alias) {
                Some(Some(key)) => self.look(client, key).await,
                Some(None) => self.look(client, name).await,
                None => Arc::new(Key::Absent(no_alias(alias, listed))),
            },
            Err(refused) => {
                let key = self.look(client, name).await;
                let Key::Unknown(why) = &*key else { return key };
                Arc::new(Key::Unknown(format!("{why}; its aliases: {refused}")))
            }
        }
    }

    /// Each key is asked for once, however many secrets are under it.
    pub async fn look(&self, client: &Client, name: &str) -> Arc<Key> {
        let cell = {
            let mut cells = self.cells.lock().await;
            Arc::clone(cells.entry((client.region.clone(), name.to_owned())).or_default())
        };
        Arc::clone(cell.get_or_init(|| async { Arc::new(ask(client, name).await) }).await)
    }
}

/// The name of an alias of this account and Region.
fn own_alias<'n>(name: &'n str, region: &str, account: &str) -> Option<&'n str> {
    match KeyName::parse(name) {
        KeyName::Alias(alias) => Some(alias),
        KeyName::Arn(Arn { resource: Resource::Alias(alias), region: of, account: by, .. }) => {
            (of == region && by == account).then_some(alias)
        }
        _ => None,
    }
}

fn no_alias(alias: &str, listed: &BTreeMap<String, Option<String>>) -> String {
    let near = regions::nearest_of(alias, listed.keys().map(String::as_str));
    let near = near.map(|near| format!("; {near} is meant?")).unwrap_or_default();
    format!("there is no {alias}{near}")
}

async fn ask(client: &Client, name: &str) -> Key {
    let mut key = match client.describe_key(name).await {
        Ok(key) => key,
        Err(Refusal::Absent(said)) => return Key::Absent(said),
        Err(other) => return Key::Unknown(format!("{name}: {other}")),
    };
    if key.customer && !key.foreign {
        key.policy = match client.key_policy(&key.arn).await {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(policy) => Policy::Read(policy),
                Err(_) => Policy::Unknown(format!("the policy of {} is no JSON", key.arn)),
            },
            Err(why) => Policy::Unknown(format!("the policy of {}: {why}", key.arn)),
        };
    }
    Key::There(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(state: &str, spec: &str, policy: &str) -> Key {
        let policy = serde_json::from_str(policy).map_or(Policy::NotAsked, Policy::Read);
        let (arn, state, spec) = ("a".to_owned(), state.to_owned(), spec.to_owned());
        Key::There(Metadata { arn, state, spec, policy, customer: true, ..Metadata::default() })
    }

    #[test]
    fn what_is_certainly_wrong() {
        let spec = "SYMMETRIC_DEFAULT";
        let text = |text: &str| text.to_owned();
        let all = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}}"#;
        let admin = all.replace("kms:*", "kms:Describe*");
        for (key, fault) in [
            (key("Enabled", spec, ""), None),
            (key("Enabled", spec, all), None),
            (key("Updating", spec, all), None),
            (
                key("Enabled", spec, &admin),
                Some(Fault::ShutsOut(text(
                    "a: no statement lets the account use kms:GenerateDataKey with this key",
                ))),
            ),
            (key("Disabled", spec, all), Some(Fault::Unusable(text("a is disabled")))),
            (
                key("PendingImport", spec, all),
                Some(Fault::Unusable(text("a has no key material yet"))),
            ),
            (
                key("PendingDeletion", spec, all),
                Some(Fault::PendingDeletion(text("a is pending deletion"))),
            ),
            (
                key("Enabled", "RSA_2048", all),
                Some(Fault::Unusable(text("a is a key of the spec RSA_2048"))),
            ),
            (Key::Absent(text("no")), Some(Fault::Absent(text("no")))),
            (Key::Unknown(text("no")), None),
        ] {
            assert_eq!(key.fault(), fault);
        }
    }
}
