//! A drill: the failover of secrets and keys to another Region, rehearsed.
//!
//! Three steps, between which whoever runs it may take the primary Region down and bring it back:
//! `prepare` reads and encrypts in the primary, `fail_over` reads and decrypts in the backup and
//! encrypts there, `fail_back` decrypts that in the primary. Calls are reads and uses of keys; nothing is
//! changed. PROMISE R7: values stay in `probe`, which says whether two are equal.

mod calls;
mod report;
mod verdict;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};

use crate::account::Account;
use crate::client::{Client, Refusal};
use crate::judge::difference;
use crate::keys::Metadata;
use crate::observe::{Secret, Seen, arn_in};
use crate::probe::Digests;
use crate::run::look;

pub use report::Report;
pub use verdict::{KeySeen, Outcome, Route, SecretSeen, Verdict, shown};

/// What is rehearsed; everything that is replicated to the backup Region if nothing is named.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names or ARNs.
    pub secrets: Vec<String>,
    pub prefix: Option<String>,
    /// Tags, each with a value or any.
    pub tags: Vec<(String, Option<String>)>,
    /// Ids, ARNs or aliases.
    pub keys: Vec<String>,
}

impl Selection {
    fn everything(&self) -> bool {
        self.secrets.is_empty() && self.keys.is_empty() && !self.filters()
    }

    fn filters(&self) -> bool {
        self.prefix.is_some() || !self.tags.is_empty()
    }

    /// Whether a secret has the prefix and all of the tags.
    fn has(&self, name: &str, tags: &[(&str, &str)]) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix.as_str()))
            && self.tags.iter().all(|(key, value)| {
                let same = |value: &String, found: &str| value == found;
                tags.iter().any(|(its, found)| {
                    its == key && value.as_ref().is_none_or(|value| same(value, found))
                })
            })
    }
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where secrets and keys have their primary, and where they are to be readable.
    pub from: String,
    pub to: String,
    pub selection: Selection,
    /// Items that are looked at at once.
    pub concurrency: usize,
    /// How much older what the backup has may be.
    pub recovery_point: Duration,
    /// How long it may take until the last item is readable.
    pub recovery_time: Option<Duration>,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum NoDrill {
    #[error("{region} cannot be read: {why}")]
    Region { region: String, why: Refusal },
    #[error("nothing is selected in {0} that could be rehearsed")]
    Nothing(String),
}

/// A drill between two of its steps.
#[derive(Debug)]
pub struct Drill<'d> {
    account: &'d Account,
    options: &'d Options,
    here: Arc<Client>,
    there: Arc<Client>,
    digests: Digests,
    /// What is encrypted.
    text: Vec<u8>,
    items: Vec<Item>,
    /// When the failover began.
    begun: Instant,
}

#[derive(Debug)]
enum Item {
    Secret(Box<SecretSeen>),
    Key(Box<KeyItem>),
}

#[derive(Debug, Default)]
struct KeyItem {
    seen: KeySeen,
    /// What each Region made for the other.
    made_here: Option<Result<Vec<u8>, Refusal>>,
    made_there: Option<Result<Vec<u8>, Refusal>>,
}

/// Called after each item of a step, with how many there are.
pub type Progress<'p> = &'p (dyn Fn(usize) + Sync);

impl<'d> Drill<'d> {
    /// Selects, and does all that needs the primary Region before it is gone.
    pub async fn prepare(
        account: &'d Account,
        options: &'d Options,
        progress: Progress<'_>,
    ) -> Result<Self, NoDrill> {
        let (here, there) =
            (account.client(&options.from).await, account.client(&options.to).await);
        let mut drill = Self {
            account,
            options,
            here,
            there,
            digests: Digests::default(),
            text: format!("regent drill {}", now_ms()).into_bytes(),
            items: Vec::new(),
            begun: Instant::now(),
        };
        let selected = drill.select().await;
        let selected =
            selected.map_err(|why| NoDrill::Region { region: options.from.clone(), why })?;
        if selected.is_empty() {
            return Err(NoDrill::Nothing(options.from.clone()));
        }
        drill.items = drill.each(selected, progress, Self::prepared).await;
        Ok(drill)
    }

    /// Whether the primary Region answers, which it does not while it is down.
    pub async fn primary_answers(&self) -> bool {
        self.here.answers().await
    }

    /// Reads and decrypts in the backup Region, and encrypts there.
    pub async fn fail_over(&mut self, progress: Progress<'_>) {
        self.begun = Instant::now();
        let items = std::mem::take(&mut self.items);
        self.items = self.each(items, progress, Self::failed_over).await;
    }

    /// Decrypts in the primary Region what the backup encrypted, and looks again where the two read
    /// different versions. With `again`, the backup is read again too: a write may have been on its way.
    pub async fn fail_back(&mut self, again: bool, progress: Progress<'_>) {
        let items = std::mem::take(&mut self.items);
        let step = async |drill: &Self, item| drill.failed_back(item, again).await;
        self.items = self.each(items, progress, step).await;
    }

    /// The result; `outage` is how long the primary Region was down.
    pub fn report(&self, outage: Option<Duration>) -> Report {
        let route = Route { from: &self.options.from, to: &self.options.to };
        let limit = self.options.recovery_point;
        let outcomes = self.items.iter().map(|item| match item {
            Item::Secret(seen) => verdict::secret(route, seen, limit),
            Item::Key(item) => verdict::key(route, &item.seen),
        });
        Report {
            account: self.account.id.clone(),
            from: self.options.from.clone(),
            to: self.options.to.clone(),
            ended_s: now_ms() / 1000,
            outage,
            outcomes: outcomes.collect(),
            recovery_point_max: limit,
            recovery_time_max: self.options.recovery_time,
            calls: self.account.calls(),
        }
    }

    /// Does one step to all items, several at once, and keeps their order.
    async fn each(
        &self,
        items: Vec<Item>,
        progress: Progress<'_>,
        step: impl AsyncFn(&Self, Item) -> Item,
    ) -> Vec<Item> {
        let all = items.len();
        let step = &step;
        let steps = stream::iter(items).map(async |item| {
            let item = step(self, item).await;
            progress(all);
            item
        });
        steps.buffered(self.options.concurrency.max(1)).collect().await
    }

    async fn select(&self) -> Result<Vec<Item>, Refusal> {
        let selection = &self.options.selection;
        let mut items: Vec<Item> = selection.secrets.iter().map(|name| secret(name)).collect();
        if selection.filters() || selection.everything() {
            let mut token = None;
            loop {
                let (page, next) = self.here.selected(selection, token).await?;
                let primaries =
                    page.into_iter().filter(|one| !one.is_replica_in(&self.here.region));
                let named = |one: &Secret| {
                    selection.secrets.iter().any(|name| *name == one.name || *name == one.arn)
                };
                items.extend(primaries.filter(|one| !named(one)).map(|one| secret(&one.arn)));
                token = next;
                if token.is_none() {
                    break;
                }
            }
        }
        if selection.everything() {
            items = self.each(items, &|_| {}, Self::described).await;
            items.retain(|item| match item {
                Item::Secret(seen) => replicated_to(seen, &self.there.region),
                Item::Key(_) => true,
            });
            items.extend(self.multi_region_keys().await?);
        }
        items.extend(selection.keys.iter().map(|name| key(name)));
        Ok(items)
    }

    /// The multi-Region keys that the backup Region should have.
    async fn multi_region_keys(&self) -> Result<Vec<Item>, Refusal> {
        let ids = self.here.multi_region_keys().await?.into_iter().map(|id| key(&id)).collect();
        let mut keys = self.each(ids, &|_| {}, Self::described).await;
        keys.retain(|item| match item {
            Item::Key(item) => match &item.seen.here {
                Some(Ok(key)) => verdict::taken(key, &self.there.region),
                _ => true,
            },
            Item::Secret(_) => false,
        });
        Ok(keys)
    }

    /// Looks an item up in the primary Region.
    async fn described(&self, item: Item) -> Item {
        match item {
            Item::Secret(mut seen) if seen.primary.is_none() => {
                let found = look(&self.here, &seen.name).await;
                if let Seen::There(secret) = &found {
                    seen.name.clone_from(&secret.name);
                }
                seen.primary = Some(found);
                Item::Secret(seen)
            }
            Item::Key(mut item) if item.seen.here.is_none() => {
                item.seen.here = Some(self.here.describe_key(&item.seen.name).await);
                Item::Key(item)
            }
            known => known,
        }
    }

    async fn prepared(&self, item: Item) -> Item {
        match self.described(item).await {
            Item::Secret(mut seen) => {
                self.compared(&mut seen).await;
                // A write between the two looks is no fault: where they differ, both are taken again.
                if let (Some(Seen::There(here)), Some(Seen::There(there))) =
                    (&seen.primary, &seen.backup)
                    && difference(here, there).is_some()
                {
                    seen.primary = Some(look(&self.here, &here.arn.clone()).await);
                    self.compared(&mut seen).await;
                }
                Item::Secret(seen)
            }
            Item::Key(mut item) => {
                self.key_prepared(&mut item).await;
                Item::Key(item)
            }
        }
    }

    /// What the backup says of the secret, and the value that the primary has.
    async fn compared(&self, seen: &mut SecretSeen) {
        let name = self.name_there(seen);
        seen.backup = Some(look(&self.there, &name).await);
        if let Some(Seen::There(secret)) = &seen.primary {
            seen.here = Some(self.digests.read(&self.here, &secret.arn).await);
        }
    }

    /// How the backup knows the secret.
    fn name_there(&self, seen: &SecretSeen) -> String {
        let there = |arn: &str| arn_in(arn, &self.there.region);
        match &seen.primary {
            Some(Seen::There(secret)) => there(&secret.arn),
            _ => there(&seen.name),
        }
        .unwrap_or_else(|| seen.name.clone())
    }

    async fn key_prepared(&self, item: &mut KeyItem) {
        let name = &item.seen.name;
        let Some(Ok(here)) = &item.seen.here else { return };
        if !here.multi_region {
            return;
        }
        // An application that uses an alias needs it in the backup too.
        let name = match arn_in(name, &self.there.region) {
            Some(arn) => arn,
            None if name.starts_with("alias/") => name.clone(),
            None => here.key_id().to_owned(),
        };
        item.seen.there = Some(self.there.describe_key(&name).await);
        item.made_here = Some(self.here.prove(here, &self.text).await);
    }

    async fn failed_over(&self, item: Item) -> Item {
        match item {
            Item::Secret(mut seen) => {
                let name = self.name_there(&seen);
                seen.there = Some(self.digests.read(&self.there, &name).await);
                seen.read_ms = now_ms();
                seen.readable_after =
                    matches!(seen.there, Some(Ok(_))).then(|| self.begun.elapsed());
                Item::Secret(seen)
            }
            Item::Key(mut item) => {
                if let Some(Ok(there)) = &item.seen.there {
                    item.seen.forth =
                        self.proven(&self.there, there, item.made_here.as_ref()).await;
                    item.made_there = Some(self.there.prove(there, &self.text).await);
                    let made = matches!(item.made_there, Some(Ok(_)));
                    let used = item.seen.forth == Some(Ok(true)) && made;
                    item.seen.usable_after = used.then(|| self.begun.elapsed());
                }
                Item::Key(item)
            }
        }
    }

    async fn failed_back(&self, item: Item, again: bool) -> Item {
        match item {
            Item::Secret(mut seen) => {
                if let (Some(Seen::There(secret)), Some(Ok(here)), Some(Ok(there))) =
                    (&seen.primary, &seen.here, &seen.there)
                    && here.version() != there.version()
                {
                    let arn = secret.arn.clone();
                    self.looked_again(&mut seen, &arn, again).await;
                }
                Item::Secret(seen)
            }
            Item::Key(mut item) => {
                if let Some(Ok(here)) = &item.seen.here {
                    item.seen.back = self.proven(&self.here, here, item.made_there.as_ref()).await;
                }
                Item::Key(item)
            }
        }
    }

    async fn looked_again(&self, seen: &mut SecretSeen, arn: &str, again: bool) {
        seen.primary = Some(look(&self.here, arn).await);
        seen.here = Some(self.digests.read(&self.here, arn).await);
        seen.versions = self.here.versions(arn).await.unwrap_or_default();
        if again {
            let name = self.name_there(seen);
            seen.there = Some(self.digests.read(&self.there, &name).await);
            seen.read_ms = now_ms();
        }
    }

    /// Whether what one Region made is good in the other; what could not be made is why.
    async fn proven(
        &self,
        client: &Client,
        key: &Metadata,
        made: Option<&Result<Vec<u8>, Refusal>>,
    ) -> Option<Result<bool, Refusal>> {
        match made? {
            Ok(proof) => Some(client.proven(key, &self.text, proof).await),
            Err(why) => Some(Err(why.clone())),
        }
    }
}

fn secret(name: &str) -> Item {
    Item::Secret(Box::new(SecretSeen { name: name.to_owned(), ..SecretSeen::default() }))
}

fn key(name: &str) -> Item {
    let seen = KeySeen { name: name.to_owned(), ..KeySeen::default() };
    Item::Key(Box::new(KeyItem { seen, ..KeyItem::default() }))
}

/// Whether a secret lists the Region; one that could not be looked at counts too.
fn replicated_to(seen: &SecretSeen, region: &str) -> bool {
    match &seen.primary {
        Some(Seen::There(secret)) => secret.replicas.iter().any(|entry| entry.region == region),
        Some(Seen::Absent) => false,
        Some(Seen::Unknown(_)) | None => true,
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_tags_select_together() {
        let selection = Selection {
            prefix: Some("app/".to_owned()),
            tags: vec![("stage".to_owned(), Some("prod".to_owned())), ("dr".to_owned(), None)],
            ..Selection::default()
        };
        let tags = [("stage", "prod"), ("dr", "yes")];
        assert!(selection.has("app/a", &tags));
        for (name, tags) in [
            ("App/a", &tags[..]),
            ("my/app/a", &tags[..]),
            ("app/a", &tags[..1]),
            ("app/a", &[("stage", "production"), ("dr", "yes")]),
            ("app/a", &[("other", "prod"), ("stage", "dr"), ("dr", "yes")]),
        ] {
            assert!(!selection.has(name, tags), "{name} {tags:?}");
        }
        assert!(!selection.everything() && selection.filters());
        assert!(Selection::default().everything() && Selection::default().has("x", &[]));
        let keys = Selection { keys: vec!["k".to_owned()], ..Selection::default() };
        assert!(!keys.everything() && !keys.filters());
    }

    #[test]
    fn what_is_gone_is_not_replicated_and_what_is_not_known_may_be() {
        let seen = |primary| SecretSeen { primary, ..SecretSeen::default() };
        let entry = crate::observe::Replica {
            region: "us-west-2".to_owned(),
            key: None,
            status: crate::observe::Status::InSync,
            message: None,
            accessed_s: None,
        };
        let secret = Secret { replicas: vec![entry], ..Secret::default() };
        let there = seen(Some(Seen::There(Box::new(secret))));
        for (seen, region, wanted) in [
            (&there, "us-west-2", true),
            (&there, "eu-west-1", false),
            (&seen(Some(Seen::Absent)), "us-west-2", false),
            (&seen(Some(Seen::Unknown("no".to_owned()))), "us-west-2", true),
            (&seen(None), "us-west-2", true),
        ] {
            assert_eq!(replicated_to(seen, region), wanted, "{seen:?} {region}");
        }
    }
}
