//! `regent watch`: audits again and again, looks at once where an event points, and tells what changes.
//!
//! One task does everything in turns: rounds, looks, deliveries, the events file. A change is in the
//! ledger's file before anybody is told, and taken out of it once the receiver has it, so that a
//! restart loses no notice and repeats none but one that was on its way. What fails is told and tried
//! again; nothing but a signal ends a watch.

mod feed;
mod gauges;
mod kept;
mod listener;
pub mod webhook;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regent_audit::account::{self, Access, NoAccess};
use regent_audit::events::{self, Asked, NoEvent};
use regent_audit::judge::Found;
use regent_audit::ledger::{Ledger, Notice, Scope, Wanted};
use regent_audit::{Account, Audited, Options, audit, look_at};
use regent_core::ports::random;
use regent_crypto::SystemEntropy;
use regent_guard::{Baseline, Severity};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use zeroize::Zeroizing;

pub use feed::Feed;
use gauges::{Ended, Gauges};
pub use kept::{Kept, Unusable};
use webhook::{Webhook, body, date_time};

/// LIMIT: secrets that wait to be looked at. Where there are more, all are looked at.
const ASKED_MAX: usize = 1000;
/// How long events are gathered, because one change makes several.
const GATHER: Duration = Duration::from_millis(200);
/// A replica that has not settled is looked at again after twice as long each time.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: u32 = 6;
/// The least time between rounds that events ask for.
const ROUND_PAUSE: Duration = Duration::from_secs(10);
/// How often the file of events is looked at.
const FOLLOW: Duration = Duration::from_millis(250);
/// How long it is left alone, and not told of again, if it cannot be read.
const UNREAD_PAUSE: Duration = Duration::from_secs(10);
/// LIMIT: attempts at each notice where nobody waits for later ones.
const ONCE_ATTEMPTS: u32 = 3;

/// What a watch is made of.
#[derive(Debug)]
pub struct Setup {
    pub access: Access,
    pub options: Options,
    pub interval: Duration,
    /// Up to so much is added to each interval.
    pub jitter: Duration,
    pub least: Severity,
    /// Findings that are known, and not told of.
    pub baseline: Option<Baseline>,
    /// The role that opens each account of the organisation, if all of it is watched.
    pub organization: Option<String>,
    /// Whether lines of output are JSON.
    pub json: bool,
    pub kept: Option<Kept>,
    pub ledger: Option<Ledger>,
    pub webhook: Option<Webhook>,
    pub listener: Option<TcpListener>,
    pub events_token: Option<Zeroizing<String>>,
    pub events_file: Option<PathBuf>,
}

/// What one round says of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub problems: usize,
    pub unreadable: u64,
    pub waiting: usize,
}

/// What connections see too.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    events_token: Option<Zeroizing<String>>,
    asked: mpsc::Sender<Asked>,
    /// A round is wanted at once.
    sooner: Notify,
    /// A notice waits.
    more: Notify,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    gauges: Gauges,
    kept: Option<Kept>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole after each of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self) -> String {
        let state = self.state();
        state.gauges.text(&state.ledger, now_s())
    }

    fn event(&self, read: Result<Asked, NoEvent>) -> Result<(), NoEvent> {
        self.state().gauges.count_event(read.as_ref().ok());
        match read? {
            Asked::Nothing => {}
            Asked::Everything => self.sooner.notify_one(),
            asked @ Asked::Secret { .. } => {
                if self.asked.try_send(asked).is_err() {
                    self.sooner.notify_one();
                }
            }
        }
        Ok(())
    }
}

impl State {
    fn save(&mut self) {
        let Some(kept) = &self.kept else { return };
        if let Err(cause) = kept.save(&self.ledger) {
            self.gauges.unsaved += 1;
            say(&format!("the state could not be saved: {cause}"));
        }
    }
}

/// A secret by account, home and name.
type Secret = (String, String, String);

struct Watch {
    access: Access,
    options: Options,
    interval: Duration,
    jitter: Duration,
    least: Severity,
    baseline: Option<Baseline>,
    organization: Option<String>,
    json: bool,
    webhook: Option<Webhook>,
    shared: Arc<Shared>,
    asked: RefCell<Option<mpsc::Receiver<Asked>>>,
    accounts: RefCell<Option<Rc<Vec<Account>>>>,
    /// Calls and errors of accounts that were given up.
    retired: Cell<(u64, u64)>,
    /// The caller's own account, once it is known.
    own: RefCell<String>,
    /// What the last round has read; nothing before it.
    watched: RefCell<BTreeSet<(String, String)>>,
    /// What was looked at while a round runs.
    looked: RefCell<BTreeSet<Secret>>,
    rounds: Cell<u64>,
}

impl Watch {
    fn new(setup: Setup) -> (Self, Option<TcpListener>, Option<PathBuf>) {
        let (sender, receiver) = mpsc::channel(ASKED_MAX);
        let ledger = setup.ledger.unwrap_or_else(|| Ledger::new(name()));
        let state = State { ledger, gauges: Gauges::default(), kept: setup.kept };
        let shared = Shared {
            state: Mutex::new(state),
            events_token: setup.events_token,
            asked: sender,
            sooner: Notify::new(),
            more: Notify::new(),
        };
        let watch = Self {
            access: setup.access,
            options: setup.options,
            interval: setup.interval,
            jitter: setup.jitter,
            least: setup.least,
            baseline: setup.baseline,
            organization: setup.organization,
            json: setup.json,
            webhook: setup.webhook,
            shared: Arc::new(shared),
            asked: RefCell::new(Some(receiver)),
            accounts: RefCell::default(),
            retired: Cell::default(),
            own: RefCell::default(),
            watched: RefCell::default(),
            looked: RefCell::default(),
            rounds: Cell::default(),
        };
        (watch, setup.listener, setup.events_file)
    }

    /// The accounts that can be reached, and what is told of the others.
    async fn reach(&self) -> (Rc<Vec<Account>>, Vec<Found>) {
        let known = self.accounts.borrow().clone();
        if let Some(accounts) = known {
            for account in accounts.iter() {
                account.forget().await;
            }
            return (accounts, Vec::new());
        }
        let (accounts, lost) = match &self.organization {
            Some(role) => self.members(role).await,
            None => self.named().await,
        };
        if let Some(first) = accounts.first().filter(|_| self.access.roles.is_empty()) {
            self.own.borrow_mut().clone_from(&first.id);
        }
        let accounts = Rc::new(accounts);
        *self.accounts.borrow_mut() = Some(Rc::clone(&accounts));
        (accounts, lost)
    }

    /// The accounts that roles open, or the caller's own.
    async fn named(&self) -> (Vec<Account>, Vec<Found>) {
        let (mut accounts, mut lost) = (Vec::new(), Vec::new());
        for found in account::each_account(&self.access).await {
            match found {
                Ok(account) => accounts.push(account),
                Err(why) => lost.push(self.no_access(&why)),
            }
        }
        (accounts, lost)
    }

    /// The accounts of the organisation.
    async fn members(&self, role: &str) -> (Vec<Account>, Vec<Found>) {
        match account::organization(&self.access, role).await {
            Ok((accounts, unreached)) => {
                let each = unreached.iter();
                let each = each.map(|one| lost(&one.id, format!("{}: {}", one.role, one.why)));
                (accounts, each.collect())
            }
            Err(why) => (Vec::new(), vec![self.no_access(&why)]),
        }
    }

    fn no_access(&self, why: &NoAccess) -> Found {
        let account = match why {
            NoAccess::Credentials(_) | NoAccess::Organization(_) => self.own.borrow().clone(),
            NoAccess::Role { role, .. } => role.split(':').nth(4).unwrap_or_default().to_owned(),
        };
        lost(&account, why.to_string())
    }

    /// Adds up calls; accounts that are given up are asked for anew in the next round.
    fn count_calls(&self, accounts: &[Account], give_up: bool) {
        let (mut calls, mut errors) = self.retired.get();
        calls += accounts.iter().map(Account::calls).sum::<u64>();
        errors += accounts.iter().map(Account::errors).sum::<u64>();
        if give_up {
            self.retired.set((calls, errors));
            *self.accounts.borrow_mut() = None;
        }
        let mut state = self.shared.state();
        (state.gauges.calls, state.gauges.errors) = (calls, errors);
    }

    async fn round(&self) -> Standing {
        let begun = Instant::now();
        self.looked.borrow_mut().clear();
        let before = self.accounts.borrow().clone();
        // Accounts come and go.
        if let Some(before) = before.filter(|_| self.organization.is_some()) {
            self.count_calls(&before, true);
        }
        let (accounts, mut found) = self.reach().await;
        let options = Options { now_s: now_s(), ..self.options.clone() };
        let mut audited = Audited::default();
        if !accounts.is_empty() {
            match audit(&accounts, &options, &|_| {}).await {
                Ok(whole) => audited = whole,
                Err(why) => {
                    let each = accounts.iter().map(|account| lost(&account.id, why.to_string()));
                    found.extend(each);
                }
            }
        }
        found.append(&mut audited.found);
        let with = |rule: &str| found.iter().filter(|one| one.rule == rule).count() as u64;
        let (unknown, unreadable) = (with("RG298"), with("RG299"));
        // Credentials may have been replaced; the SDK only renews those that it knows.
        let no_account = found.iter().any(|one| one.path.ends_with('/'));
        self.count_calls(&accounts, no_account || audited.read.is_empty());
        let looked = std::mem::take(&mut *self.looked.borrow_mut());
        let took = begun.elapsed();
        {
            let gauges = &mut self.shared.state().gauges;
            gauges.rows = std::mem::take(&mut audited.rows);
            (gauges.unknown, gauges.unreadable) = (unknown, unreadable);
            gauges.last_s = Some(now_s());
            gauges.last_took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            gauges.count_round(if unreadable == 0 { Ended::Whole } else { Ended::Partial });
        }
        let scope = Scope::All { read: &audited.read, except: &looked };
        self.take(&found, &scope);
        *self.watched.borrow_mut() = audited.read;
        self.rounds.set(self.rounds.get() + 1);
        self.standing(took, audited.cost.secrets, unreadable)
    }

    fn standing(&self, took: Duration, secrets: u64, unreadable: u64) -> Standing {
        let state = self.shared.state();
        let (problems, waiting) = (state.ledger.problems().len(), state.ledger.waiting());
        drop(state);
        let round = self.rounds.get();
        say(&format!(
            "round {round}: {secrets} secrets, {problems} problems, {unreadable} unreadable, \
             {waiting} notices waiting, {:.1} s",
            took.as_secs_f64()
        ));
        if self.json {
            let line = json!({
                "event": "round", "time": date_time(now_s()), "round": round, "secrets": secrets,
                "problems": problems, "unreadable": unreadable, "waiting": waiting,
            });
            print(&line.to_string());
        }
        Standing { problems, unreadable, waiting }
    }

    /// Takes what was found, tells what has changed, and keeps it.
    fn take(&self, found: &[Found], scope: &Scope<'_>) {
        let mut state = self.shared.state();
        let wanted = Wanted { least: self.least, baseline: self.baseline.as_ref() };
        let changes = state.ledger.take(found, scope, &wanted, now_s());
        if self.webhook.is_some() {
            changes.iter().cloned().for_each(|notice| state.ledger.tell(notice));
        }
        // Reasons may have changed too.
        state.save();
        drop(state);
        self.shared.more.notify_one();
        for notice in &changes {
            print(&self.line(notice));
        }
    }

    fn line(&self, notice: &Notice) -> String {
        if self.json {
            return body(notice).to_string();
        }
        let severity = notice.rule().map_or("", |rule| rule.severity.name());
        let (place, problem) = (&notice.place, &notice.problem);
        let key = problem.key.as_ref().map(|key| format!(" (key {key})")).unwrap_or_default();
        format!(
            "{} {} {severity} {} {}/{} {}: {}{key}",
            date_time(notice.at_s),
            notice.event.name(),
            place.rule,
            place.account,
            place.region,
            place.name,
            problem.reason,
        )
    }

    async fn rounds(&self) {
        loop {
            self.round().await;
            let next = Instant::now() + self.interval + self.jitter.mul_f64(share());
            let soonest = Instant::now() + ROUND_PAUSE;
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.shared.sooner.notified() => sleep_until(soonest.min(next)).await,
            }
        }
    }

    /// Looks at secrets that events have named, once the first round has said what is watched.
    async fn looks(&self) {
        let Some(mut asked) = self.asked.borrow_mut().take() else { return };
        let mut due: BTreeMap<Asked, (Instant, u32)> = BTreeMap::new();
        loop {
            let next = due.values().map(|(at, _)| *at).min();
            let wait = async {
                match next.filter(|_| self.rounds.get() > 0) {
                    Some(at) => sleep_until(at).await,
                    None => sleep(GATHER).await,
                }
            };
            tokio::select! {
                Some(one) = asked.recv(), if due.len() < ASKED_MAX => {
                    due.insert(one, (Instant::now() + GATHER, 0));
                }
                () = wait => {}
            }
            if self.rounds.get() == 0 {
                continue;
            }
            let now = Instant::now();
            let ready = due.iter().filter(|(_, (at, _))| *at <= now);
            let ready: Vec<(Asked, u32)> =
                ready.map(|(one, (_, looks))| (one.clone(), *looks)).collect();
            for (one, looks) in ready {
                due.remove(&one);
                if self.look(&one).await && looks < AGAIN_MAX {
                    let after = AGAIN.saturating_mul(1 << looks);
                    due.insert(one, (Instant::now() + after, looks + 1));
                }
            }
        }
    }

    /// Looks at one secret. Whether it is to be looked at again.
    async fn look(&self, asked: &Asked) -> bool {
        let Asked::Secret { account, region, id } = asked else { return false };
        let (accounts, _) = self.reach().await;
        let Some(account) = accounts.iter().find(|one| one.id == *account) else { return false };
        let options = Options { now_s: now_s(), ..self.options.clone() };
        let looked = look_at(account, region, id, &options).await;
        self.count_calls(&accounts, false);
        self.shared.state().gauges.looks += 1;
        let Some(looked) = looked else { return false };
        let home = (account.id.clone(), looked.home.clone());
        if !self.watched.borrow().contains(&home) {
            return false;
        }
        self.looked.borrow_mut().insert((home.0, home.1, looked.name.clone()));
        let (home, name) = (looked.home.as_str(), looked.name.as_str());
        self.take(&looked.found, &Scope::Secret { account: &account.id, home, name });
        looked.in_progress
    }

    /// Delivers what waits, in order. Gives up after so many failures at one notice, if it may.
    async fn deliver(&self, webhook: &Webhook, attempts_max: Option<u32>) {
        let mut failures = 0;
        loop {
            let first = self.shared.state().ledger.first().cloned();
            let Some(notice) = first else {
                if attempts_max.is_some() {
                    return;
                }
                self.shared.more.notified().await;
                continue;
            };
            match webhook.send(&notice, now_s()).await {
                Ok(()) => {
                    failures = 0;
                    let mut state = self.shared.state();
                    state.ledger.delivered(&notice.id);
                    state.gauges.count_delivered(notice.event);
                    state.save();
                }
                Err(why) => {
                    failures += 1;
                    self.shared.state().gauges.undelivered += 1;
                    say(&format!("notice {} was not delivered: {why}", notice.id));
                    if attempts_max.is_some_and(|max| failures >= max) {
                        return;
                    }
                    sleep(why.pause(failures, share())).await;
                }
            }
        }
    }

    async fn follow(&self, path: PathBuf) {
        let mut feed = None;
        loop {
            match self.feed_events(&mut feed, &path) {
                Ok(()) => sleep(FOLLOW).await,
                Err(why) => {
                    self.unread(&why);
                    sleep(UNREAD_PAUSE).await;
                }
            }
        }
    }

    fn feed_events(&self, feed: &mut Option<Feed>, path: &Path) -> io::Result<()> {
        let open = match feed {
            Some(open) => open,
            None => feed.insert(Feed::open(path.to_owned())?),
        };
        open.lines()?.iter().for_each(|line| self.event_line(line));
        Ok(())
    }

    fn event_line(&self, line: &[u8]) {
        // What is no event is counted, and the next line is read.
        let _ = self.shared.event(events::read(line));
    }

    fn unread(&self, why: &io::Error) {
        let _ = self.shared.event(Err(NoEvent));
        say(&format!("the file of events: {why}"));
    }
}

/// Watches until `stop` is ready.
pub async fn run(setup: Setup, stop: impl Future<Output = ()>) {
    let (watch, listener, events_file) = Watch::new(setup);
    let nothing = std::future::pending::<()>;
    let serve = async {
        match listener {
            Some(listener) => listener::serve(Arc::clone(&watch.shared), listener).await,
            None => nothing().await,
        }
    };
    let deliver = async {
        match &watch.webhook {
            Some(webhook) => watch.deliver(webhook, None).await,
            None => nothing().await,
        }
    };
    let follow = async {
        match events_file {
            Some(path) => watch.follow(path).await,
            None => nothing().await,
        }
    };
    tokio::select! {
        () = stop => {}
        () = watch.rounds() => {}
        () = watch.looks() => {}
        () = serve => {}
        () = deliver => {}
        () = follow => {}
    }
    say("stopped");
}

/// One round, and what waits is delivered, if the receiver is there.
pub async fn once(setup: Setup) -> Standing {
    let (watch, ..) = Watch::new(setup);
    let standing = watch.round().await;
    if let Some(webhook) = &watch.webhook {
        watch.deliver(webhook, Some(ONCE_ATTEMPTS)).await;
    }
    let waiting = watch.shared.state().ledger.waiting();
    Standing { waiting, ..standing }
}

fn lost(account: &str, message: String) -> Found {
    Found {
        rule: "RG299".to_owned(),
        path: format!("{account}/"),
        resource: None,
        message,
        key: None,
        home: String::new(),
    }
}

/// A name that no other ledger has.
fn name() -> String {
    format!("{:032x}", u128::from_le_bytes(random(&SystemEntropy)))
}

/// A random number from 0 to 1.
fn share() -> f64 {
    f64::from(u32::from_le_bytes(random(&SystemEntropy))) / f64::from(u32::MAX)
}

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// One line on stderr; nothing is left to tell a failure to.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "regent: {text}");
}

/// One line of output; a reader that has gone away is no failure.
fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More events than can wait have everything looked at, and one that is none has nothing.
    #[tokio::test]
    async fn events_that_find_no_room_ask_for_a_round() {
        let (asked, mut waiting) = mpsc::channel(1);
        let ledger = Ledger::new("l".to_owned());
        let state = State { ledger, gauges: Gauges::default(), kept: None };
        let shared = Shared {
            state: Mutex::new(state),
            events_token: None,
            asked,
            sooner: Notify::new(),
            more: Notify::new(),
        };
        let secret = |id: &str| Asked::Secret {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            id: id.to_owned(),
        };
        let sooner = async || {
            tokio::select! {
                biased;
                () = shared.sooner.notified() => true,
                () = std::future::ready(()) => false,
            }
        };
        assert!(shared.event(Ok(secret("a"))).is_ok() && !sooner().await);
        assert!(shared.event(Ok(secret("b"))).is_ok() && sooner().await);
        assert!(shared.event(Ok(Asked::Nothing)).is_ok() && !sooner().await);
        assert!(shared.event(Err(NoEvent)).is_err() && !sooner().await);
        assert!(shared.event(Ok(Asked::Everything)).is_ok() && sooner().await);
        assert_eq!(waiting.try_recv().ok(), Some(secret("a")));
        assert!(waiting.try_recv().is_err());
    }
}
