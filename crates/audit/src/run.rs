//! One audit: the lists of every account and Region, page by page, each secret looked at in turn.
//!
//! Memory holds a page of each list, the keys, and what was found and counted. A secret costs one
//! call, and each of its replicas another; lists have a hundred secrets in a call. A Region that
//! cannot be read is a finding, and the others go on.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, stream};
use regent_guard::{Checked, Subject};

use crate::account::{Account, Unreached};
use crate::client::{Client, Refusal};
use crate::cost::{Cost, UNREAD_DAYS};
use crate::judge::{Found, Judge, difference};
use crate::keys::{Key, Metadata};
use crate::observe::{Replica, Secret, Seen, Status, arn_in, own_key};
use crate::probe::{self, Digests, Read};
use crate::state::{BadState, List, Next, Pass, Plan, State};
use crate::tally::{Delta, Row, hash};

/// AWS: characters after the last hyphen of a secret's ARN.
const SUFFIX_LEN: usize = 6;

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// All that are enabled, if none is named.
    pub regions: Vec<String>,
    /// Read values and compare them.
    pub probe: bool,
    /// How long replication may take.
    pub patience_s: i64,
    /// Secrets of one Region that are looked at at once.
    pub concurrency: usize,
    /// The time, in seconds since 1970.
    pub now_s: i64,
    /// Where to keep how far the audit has come.
    pub state: Option<PathBuf>,
    /// Accounts that should have been audited too; each is a finding.
    pub unreached: Vec<Unreached>,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    #[error("the state file: {0}")]
    State(#[from] BadState),
    #[error("the state file: {0}")]
    Io(#[from] io::Error),
    #[error("account {0} has no Region that could be audited")]
    NoRegions(String),
}

/// What was found, and what was counted.
#[derive(Debug, Default)]
pub struct Audited {
    pub checked: Checked,
    /// The findings as they are kept, each with the Region that it came from.
    pub found: Vec<Found>,
    /// Accounts and Regions whose lists were read to their ends.
    pub read: BTreeSet<(String, String)>,
    /// By account and Region.
    pub rows: BTreeMap<(String, String), Row>,
    pub cost: Cost,
}

/// What has been done, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Secrets and replicas that were listed since the last call.
    pub listed: u64,
    /// Lists that were finished since the last call, and how many there are.
    pub done: u64,
    pub lists: u64,
}

/// Audits accounts. `progress` is called after each page.
pub async fn audit(
    accounts: &[Account],
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Audited, Stopped> {
    let mut plan = Plan {
        version: 1,
        accounts: BTreeMap::new(),
        probe: options.probe,
        patience_s: options.patience_s,
    };
    let mut lost: Vec<Found> =
        options.unreached.iter().map(|one| unreached(one, options)).collect();
    for account in accounts {
        let (regions, unknown) = regions(account, options).await;
        let judge = judge(&account.id, options);
        let refused = |(region, why): (String, Refusal)| {
            judge.found("RG299", &region, "", format!("whether it is enabled: {why}"))
        };
        lost.extend(unknown.into_iter().map(refused));
        if regions.is_empty() && lost.is_empty() {
            return Err(Stopped::NoRegions(account.id.clone()));
        }
        plan.accounts.insert(account.id.clone(), regions);
    }
    let state = match &options.state {
        Some(path) => State::open(path, &plan)?,
        None => State::default(),
    };
    let lists = plan.accounts.values().map(Vec::len).sum::<usize>() * 2;
    let run = Run {
        options,
        plan: &plan,
        lists: u64::try_from(lists).unwrap_or(u64::MAX),
        progress,
        digests: Digests::default(),
        state: Mutex::new(state),
        lost: Mutex::new(lost),
    };
    run.pass(accounts, Pass::Secrets).await?;
    run.pass(accounts, Pass::Replicas).await?;
    run.finish(accounts)
}

/// What there is to say of one secret.
#[derive(Debug, Default)]
pub struct Looked {
    /// Its name, and the Region of its primary.
    pub name: String,
    pub home: String,
    pub found: Vec<Found>,
    /// A replica has not settled, and has to be looked at again.
    pub in_progress: bool,
}

/// Looks at one secret, given by name or ARN in a Region, as an audit does. `None` if the caller may
/// not look.
pub async fn look_at(
    account: &Account,
    region: &str,
    id: &str,
    options: &Options,
) -> Option<Looked> {
    let client = account.client(region).await;
    let listed = match client.describe(id).await {
        Ok(secret) => secret,
        Err(Refusal::Absent(_)) => {
            let (name, home) = (name_of(id).to_owned(), region.to_owned());
            return Some(Looked { name, home, ..Looked::default() });
        }
        Err(_) => return None,
    };
    let home = listed.primary_region.clone().unwrap_or_else(|| region.to_owned());
    let arn = arn_in(&listed.arn, &home)?;
    let run = Run {
        options,
        plan: &Plan::default(),
        lists: 0,
        progress: &|_| {},
        digests: Digests::default(),
        state: Mutex::default(),
        lost: Mutex::default(),
    };
    let client = account.client(&home).await;
    let place = Place { account, client: &client, judge: judge(&account.id, options) };
    let name = listed.name.clone();
    let primary = Secret { arn, primary_region: Some(home.clone()), ..listed };
    let mut delta = run.secret(&place, primary).await;
    for found in &mut delta.found {
        found.home.clone_from(&home);
    }
    let in_progress = delta.rows.values().any(|row| row.in_progress > 0);
    Some(Looked { name, home, found: delta.found, in_progress })
}

/// The name in an ARN, which ends with six characters that are not of it.
fn name_of(id: &str) -> &str {
    let Some((_, whole)) = id.split_once(":secret:") else { return id };
    let cut = whole.rsplit_once('-').filter(|(_, suffix)| suffix.len() == SUFFIX_LEN);
    cut.map_or(whole, |(name, _)| name)
}

async fn regions(account: &Account, options: &Options) -> (Vec<String>, Vec<(String, Refusal)>) {
    if options.regions.is_empty() {
        return account.regions().await;
    }
    let named: BTreeSet<&String> = options.regions.iter().collect();
    let ours = named.into_iter().filter(|region| account.has_region(region));
    (ours.cloned().collect(), Vec::new())
}

fn judge<'j>(account: &'j str, options: &Options) -> Judge<'j> {
    Judge { account, now_s: options.now_s, patience_s: options.patience_s }
}

fn unreached(account: &Unreached, options: &Options) -> Found {
    let Unreached { id, role, why } = account;
    judge(id, options).found("RG299", "*", "", format!("{role}: {why}"))
}

struct Run<'r> {
    options: &'r Options,
    plan: &'r Plan,
    lists: u64,
    progress: &'r (dyn Fn(Progress) + Sync),
    digests: Digests,
    state: Mutex<State>,
    /// What could not be read; never kept, so that it is tried again.
    lost: Mutex<Vec<Found>>,
}

/// A secret's Region, as seen by one that looks at it.
struct Place<'p> {
    account: &'p Account,
    client: &'p Client,
    judge: Judge<'p>,
}

impl Run<'_> {
    fn state(&self) -> MutexGuard<'_, State> {
        // A state is whole after each of its calls.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, accounts: &[Account], pass: Pass) -> io::Result<()> {
        let mut all = Vec::new();
        for account in accounts {
            let known = Arc::new(self.listed(account));
            for region in self.plan.accounts.get(&account.id).into_iter().flatten() {
                let (account_id, region) = (account.id.clone(), region.clone());
                let list = List { account: account_id, region, pass };
                all.push(self.list(account, list, Arc::clone(&known)));
            }
        }
        try_join_all(all).await.map(|_| ())
    }

    /// The replicas that primaries list, of all that is known so far.
    fn listed(&self, account: &Account) -> HashSet<u64> {
        let state = self.state();
        let ours = state.lists().filter(|(list, _)| list.account == account.id);
        ours.flat_map(|(_, delta)| delta.listed.iter().copied()).collect()
    }

    async fn list(
        &self,
        account: &Account,
        list: List,
        known: Arc<HashSet<u64>>,
    ) -> io::Result<()> {
        let client = account.client(&list.region).await;
        let place = Place { account, client: &client, judge: judge(&account.id, self.options) };
        let mut resumed = true;
        loop {
            let token = match self.state().next(&list) {
                Next::Done => break,
                Next::First => None,
                Next::Page(token) => Some(token),
            };
            let page = match client.list(token.clone()).await {
                Ok(page) => page,
                // A token that was kept may have expired since.
                Err(Refusal::Token(_)) if resumed && token.is_some() => {
                    self.state().again(&list)?;
                    continue;
                }
                Err(why) => {
                    let found = place.judge.found("RG299", &list.region, "", why.to_string());
                    self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(found);
                    break;
                }
            };
            resumed = false;
            let listed = u64::try_from(page.secrets.len()).unwrap_or(u64::MAX);
            let each = stream::iter(page.secrets).map(|secret| match list.pass {
                Pass::Secrets => futures_util::future::Either::Left(self.secret(&place, secret)),
                Pass::Replicas => {
                    futures_util::future::Either::Right(self.orphan(&place, secret, &known))
                }
            });
            let concurrency = self.options.concurrency.max(1);
            let mut delta = Delta::default();
            let mut each = std::pin::pin!(each.buffer_unordered(concurrency));
            while let Some(one) = each.next().await {
                delta.add(one);
            }
            self.state().page(&list, page.next, delta)?;
            (self.progress)(Progress { listed, done: 0, lists: self.lists });
        }
        (self.progress)(Progress { listed: 0, done: 1, lists: self.lists });
        Ok(())
    }

    /// All that there is to say of one entry of a list, unless it is a replica.
    async fn secret(&self, place: &Place<'_>, listed: Secret) -> Delta {
        let region = place.client.region.as_str();
        let mut delta = Delta::default();
        if listed.is_replica_in(region) {
            delta.row(region).replicas += 1;
            return delta;
        }
        let secret = match place.client.describe(&listed.arn).await {
            Ok(secret) if secret.is_replica_in(region) => {
                delta.row(region).replicas += 1;
                return delta;
            }
            Ok(secret) => secret,
            // It has been deleted since it was listed.
            Err(Refusal::Absent(_)) => return delta,
            Err(why) => {
                delta.found.push(place.judge.found("RG298", region, &listed.name, why.to_string()));
                listed
            }
        };
        self.count(&mut delta, region, &secret);
        let key = self.key(place.account, place.client, secret.key.as_deref(), &mut delta).await;
        let found = place.judge.secret(region, &secret, key.as_deref());
        delta.found.extend(under(found, secret.key.as_ref()));
        let mut value = None;
        for entry in &secret.replicas {
            let there = place.account.client(&entry.region).await;
            let found = self.replica(place, &there, &secret, entry, &mut delta).await;
            delta.found.extend(under(found, entry.key.as_ref()));
            if self.options.probe && entry.status == Status::InSync && !secret.versions.is_empty() {
                let found = self.probe(place, &there, &secret, &mut value).await;
                let found = under(found.into_iter().collect(), entry.key.as_ref());
                let new: Vec<_> = found.filter(|found| !delta.found.contains(found)).collect();
                delta.found.extend(new);
            }
        }
        delta
    }

    fn count(&self, delta: &mut Delta, region: &str, secret: &Secret) {
        let row = delta.row(region);
        row.secrets += 1;
        row.replicated += u64::from(!secret.replicas.is_empty());
        let since = self.options.now_s - UNREAD_DAYS * 24 * 3600;
        let reads = secret.replicas.iter().map(|entry| entry.accessed_s);
        let last = reads.chain([secret.accessed_s, secret.created_s]).flatten().max();
        row.unread += u64::from(last.is_some_and(|last| last < since));
        for entry in &secret.replicas {
            let row = delta.row(&entry.region);
            match entry.status {
                Status::InSync => row.in_sync += 1,
                Status::InProgress => {
                    row.in_progress += 1;
                    let since_s = secret.changed_s.or(secret.created_s);
                    let both = [row.in_progress_since_s, since_s];
                    row.in_progress_since_s = both.into_iter().flatten().min();
                }
                Status::Failed => row.failed += 1,
                Status::Other(_) => {}
            }
            delta.listed.extend(arn_in(&secret.arn, &entry.region).map(|arn| hash(&arn)));
        }
        delta.member(&secret.name, secret.replicas.iter().map(|entry| entry.region.clone()));
    }

    /// What KMS says of a key, unless it is the one of Secrets Manager.
    async fn key(
        &self,
        account: &Account,
        client: &Client,
        name: Option<&str>,
        delta: &mut Delta,
    ) -> Option<Arc<Key>> {
        let key = account.keys.look(client, own_key(name)?).await;
        if let Key::There(Metadata { arn, customer: true, .. }) = &*key {
            delta.keys.insert(arn.clone());
        }
        Some(key)
    }

    async fn replica(
        &self,
        place: &Place<'_>,
        there: &Client,
        primary: &Secret,
        entry: &Replica,
        delta: &mut Delta,
    ) -> Vec<Found> {
        let key = self.key(place.account, there, entry.key.as_deref(), delta).await;
        let (region, key) = (place.client.region.as_str(), key.as_deref());
        if entry.status != Status::InSync {
            return place.judge.replica(region, primary, entry, &Seen::Absent, key);
        }
        let arn = arn_in(&primary.arn, &entry.region).unwrap_or_else(|| primary.name.clone());
        let seen = look(there, &arn).await;
        // A write between the two looks is no fault: where they differ, both are taken again.
        let differs = match &seen {
            Seen::There(replica) => difference(primary, replica).is_some(),
            Seen::Absent => true,
            Seen::Unknown(_) => false,
        };
        if differs && let Ok(primary) = place.client.describe(&primary.arn).await {
            let entry = primary.replicas.iter().find(|one| one.region == entry.region);
            let Some(entry) = entry else { return Vec::new() };
            let seen = look(there, &arn).await;
            return place.judge.replica(region, &primary, entry, &seen, key);
        }
        place.judge.replica(region, primary, entry, &seen, key)
    }

    /// Reads both values; the primary's is read once for all replicas.
    async fn probe(
        &self,
        place: &Place<'_>,
        there: &Client,
        primary: &Secret,
        value: &mut Option<Result<Read, Refusal>>,
    ) -> Option<Found> {
        let name = primary.name.as_str();
        if value.is_none() {
            *value = Some(self.digests.read(place.client, &primary.arn).await);
        }
        let here = match value.as_ref()? {
            Ok(read) => read,
            Err(why) => return Some(unread(&place.judge, &place.client.region, name, why)),
        };
        match self.digests.read(there, &arn_in(&primary.arn, &there.region)?).await {
            Ok(read) => probe::compare(here, &read)
                .map(|text| place.judge.found("RG216", &there.region, name, text)),
            Err(why) => Some(unread(&place.judge, &there.region, name, &why)),
        }
    }

    /// A replica that no primary lists: stranded, if its primary says so too.
    async fn orphan(&self, place: &Place<'_>, listed: Secret, known: &HashSet<u64>) -> Delta {
        let region = place.client.region.as_str();
        let mut delta = Delta::default();
        if !listed.is_replica_in(region) || known.contains(&hash(&listed.arn)) {
            return delta;
        }
        let home = listed.primary_region.as_deref().unwrap_or(region);
        let Some(arn) = arn_in(&listed.arn, home) else { return delta };
        let seen = look(&*place.account.client(home).await, &arn).await;
        delta.found.extend(place.judge.stranded(region, &listed, &seen));
        delta
    }

    fn finish(self, accounts: &[Account]) -> Result<Audited, Stopped> {
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let lost = self.lost.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut audited = Audited::default();
        let mut keys = BTreeSet::new();
        let mut found: Vec<Found> = Vec::new();
        for (list, delta) in state.lists() {
            let home = list.region.as_str();
            let came = |found: &Found| Found { home: home.to_owned(), ..found.clone() };
            found.extend(delta.found.iter().map(came));
            keys.extend(delta.keys.iter().cloned());
            for (region, row) in &delta.rows {
                let at = (list.account.clone(), region.clone());
                audited.rows.entry(at).or_default().add(row);
            }
            let judge = judge(&list.account, self.options);
            let groups = delta.groups.iter();
            let groups = groups.filter_map(|(name, group)| judge.group(home, name, group));
            found.extend(groups.map(|group| came(&group)));
        }
        if lost.is_empty() {
            state.remove()?;
        }
        let planned = self.plan.accounts.iter();
        let planned = planned.flat_map(|(id, regions)| regions.iter().map(move |at| (id, at)));
        let planned = planned.map(|(id, region)| (id.clone(), region.clone()));
        let judged = |(id, region): &(String, String)| {
            lost.iter().all(|found| found.path != format!("{id}/{region}"))
        };
        audited.read = planned.filter(judged).collect();
        found.extend(lost);
        let sum = |count: fn(&Row) -> u64| audited.rows.values().map(count).sum::<u64>();
        audited.cost = Cost {
            secrets: sum(|row| row.secrets),
            replicas: sum(|row| row.replicas),
            keys: u64::try_from(keys.len()).unwrap_or(u64::MAX),
            calls: accounts.iter().map(Account::calls).sum(),
            unread: sum(|row| row.unread),
        };
        audited.checked = Checked {
            subject: Subject::Secrets,
            findings: found.iter().cloned().filter_map(Found::finding).collect(),
            files: usize::try_from(audited.cost.secrets + audited.cost.replicas)
                .unwrap_or(usize::MAX),
            opened: self.plan.accounts.values().map(Vec::len).sum(),
            ..Checked::default()
        };
        audited.checked.sort();
        audited.found = found;
        Ok(audited)
    }
}

/// Findings of a secret or replica under this key.
fn under(found: Vec<Found>, key: Option<&String>) -> impl Iterator<Item = Found> {
    let key = key.cloned();
    found.into_iter().map(move |found| Found { key: key.clone(), ..found })
}

pub(crate) async fn look(client: &Client, arn: &str) -> Seen {
    match client.describe(arn).await {
        Ok(secret) => Seen::There(Box::new(secret)),
        Err(Refusal::Absent(_)) => Seen::Absent,
        Err(why) => Seen::Unknown(why.to_string()),
    }
}

/// A value that could not be read. That the caller may not read it says nothing of it, unless it is
/// the key that he may not use.
fn unread(judge: &Judge<'_>, region: &str, name: &str, why: &Refusal) -> Found {
    let text = format!("it cannot be read: {why}");
    let rule = match why {
        Refusal::Denied(said) if !said.contains("KMS") => "RG298",
        _ => "RG216",
    };
    judge.found(rule, region, name, text)
}
