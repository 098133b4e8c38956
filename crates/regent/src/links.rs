//! The links between Regions of one process, and the faults that can be put on them.
//!
//! PROMISE R4: Regions exchange encoded frames and nothing else, here too. A link loses frames when
//! it is cut, when either end is down, or when the receiver does not keep up; senders repeat. It
//! may also delay them. Nothing is ever refused for a link's sake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use regent_core::ids::Region;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

/// LIMIT: frames that wait for one Region. What does not fit is lost, and repeated by its sender.
const INBOX_LEN_MAX: usize = 1024;

/// How requests to a Region that is down fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DownMode {
    /// Answered with status 503.
    #[default]
    Unavailable,
    /// The connection is dropped without an answer.
    Refused,
}

/// The links of one process.
pub struct Links {
    regions: Arc<[Region]>,
    faults: Mutex<Faults>,
    inboxes: BTreeMap<Region, mpsc::Sender<Parcel>>,
    counts: BTreeMap<(Region, Region), Counts>,
    /// Raised with each change of faults, so that Regions greet one another anew.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Faults {
    down: BTreeMap<Region, DownMode>,
    /// Pairs that hear nothing of one another; the smaller Region first.
    cut: BTreeSet<(Region, Region)>,
    delays: BTreeMap<(Region, Region), Duration>,
    /// Nothing passes: every Region is being emptied.
    emptying: bool,
    /// How often they were. What was sent before has lost its sense.
    emptied: u64,
}

/// What happened on one direction of a link since the start.
#[derive(Debug, Default)]
pub struct Counts {
    pub sent: AtomicU64,
    pub lost: AtomicU64,
    pub received: AtomicU64,
    /// States that the receiver said it could not hold.
    pub failures: AtomicU64,
    pub backlog: AtomicU64,
    pub lag_ms: AtomicU64,
}

/// The state of all Regions and links.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub regions: Vec<RegionStatus>,
    pub links: Vec<LinkStatus>,
}

#[derive(Debug, Clone, Serialize)]
pub struct RegionStatus {
    pub region: String,
    /// `up`, `down (503)` or `down (refused)`.
    pub state: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct LinkStatus {
    pub from: String,
    pub to: String,
    /// `up`, `cut` or `down`.
    pub state: &'static str,
    pub delay_ms: u64,
    /// Subjects that `to` has not acknowledged.
    pub backlog: u64,
    /// How long the oldest of them has waited.
    pub lag_ms: u64,
    pub failures: u64,
    pub sent: u64,
    pub lost: u64,
    pub received: u64,
}

/// A frame on its way.
#[derive(Debug)]
pub struct Parcel {
    pub frame: Vec<u8>,
    /// [`Faults::emptied`] when it was sent.
    emptied: u64,
}

/// Nothing passes while it is there.
#[derive(Debug)]
pub struct Emptying<'l>(&'l Links);

impl Drop for Emptying<'_> {
    fn drop(&mut self) {
        self.0.faults().emptying = false;
        self.0.raise();
    }
}

/// What arrives at one Region.
pub type Inbox = mpsc::Receiver<Parcel>;

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links").field("regions", &self.regions).finish_non_exhaustive()
    }
}

impl Links {
    /// Links between all `regions`, and the inbox of each.
    pub fn new(regions: &Arc<[Region]>) -> (Arc<Self>, BTreeMap<Region, Inbox>) {
        let mut inboxes = BTreeMap::new();
        let mut receivers = BTreeMap::new();
        for region in regions.iter() {
            let (sender, receiver) = mpsc::channel(INBOX_LEN_MAX);
            inboxes.insert(*region, sender);
            receivers.insert(*region, receiver);
        }
        let pairs = regions.iter().flat_map(|from| regions.iter().map(move |to| (*from, *to)));
        let counts =
            pairs.filter(|(from, to)| from != to).map(|pair| (pair, Counts::default())).collect();
        let links = Self {
            regions: Arc::clone(regions),
            faults: Mutex::default(),
            inboxes,
            counts,
            changed: watch::Sender::new(0),
        };
        (Arc::new(links), receivers)
    }

    /// Puts a frame on its way, or loses it.
    pub fn send(self: &Arc<Self>, from: Region, to: Region, frame: Vec<u8>) {
        self.count(from, to, |counts| &counts.sent);
        let (delay, emptied) = {
            let faults = self.faults();
            (faults.delays.get(&pair(from, to)).copied(), faults.emptied)
        };
        let parcel = Parcel { frame, emptied };
        match delay {
            None => self.deliver(from, to, parcel),
            Some(delay) => {
                let links = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    links.deliver(from, to, parcel);
                });
            }
        }
    }

    fn deliver(&self, from: Region, to: Region, parcel: Parcel) {
        let passes = !self.is_cut(from, to) && self.is_current(&parcel);
        let delivered =
            passes && self.inboxes.get(&to).is_some_and(|inbox| inbox.try_send(parcel).is_ok());
        self.count(from, to, |counts| if delivered { &counts.received } else { &counts.lost });
    }

    /// Whether no Region was emptied since the parcel was sent.
    pub fn is_current(&self, parcel: &Parcel) -> bool {
        let faults = self.faults();
        !faults.emptying && faults.emptied == parcel.emptied
    }

    /// Ends all faults, and loses what is under way and all that is sent until every Region is
    /// empty, when what is returned is dropped.
    pub fn empty(&self) -> Emptying<'_> {
        let mut faults = self.faults();
        *faults = Faults { emptying: true, emptied: faults.emptied + 1, ..Faults::default() };
        Emptying(self)
    }

    fn is_cut(&self, a: Region, b: Region) -> bool {
        let faults = self.faults();
        faults.down.contains_key(&a)
            || faults.down.contains_key(&b)
            || faults.cut.contains(&pair(a, b))
    }

    pub fn down(&self, region: Region, mode: DownMode) {
        self.faults().down.insert(region, mode);
        self.raise();
    }

    pub fn up(&self, region: Region) {
        self.faults().down.remove(&region);
        self.raise();
    }

    /// Whether a Region is down, and how its requests fail.
    pub fn is_down(&self, region: Region) -> Option<DownMode> {
        self.faults().down.get(&region).copied()
    }

    pub fn partition(&self, a: Region, b: Region) {
        self.faults().cut.insert(pair(a, b));
        self.raise();
    }

    pub fn delay(&self, a: Region, b: Region, by: Duration) {
        self.faults().delays.insert(pair(a, b), by);
    }

    /// Ends partitions and delays. Regions that are down stay down.
    pub fn heal(&self) {
        {
            let mut faults = self.faults();
            faults.cut.clear();
            faults.delays.clear();
        }
        self.raise();
    }

    /// Changes with each change of faults.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn counts(&self, from: Region, to: Region) -> Option<&Counts> {
        self.counts.get(&(from, to))
    }

    pub fn status(&self) -> Status {
        let faults = self.faults();
        let regions = self.regions.iter().map(|region| RegionStatus {
            region: region.to_string(),
            state: match faults.down.get(region) {
                None => "up",
                Some(DownMode::Unavailable) => "down (503)",
                Some(DownMode::Refused) => "down (refused)",
            },
        });
        let links = self.counts.iter().map(|((from, to), counts)| {
            let down = faults.down.contains_key(from) || faults.down.contains_key(to);
            let cut = faults.cut.contains(&pair(*from, *to));
            let delay = faults.delays.get(&pair(*from, *to)).copied().unwrap_or_default();
            let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
            LinkStatus {
                from: from.to_string(),
                to: to.to_string(),
                state: if down {
                    "down"
                } else if cut {
                    "cut"
                } else {
                    "up"
                },
                delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                backlog: read(&counts.backlog),
                lag_ms: read(&counts.lag_ms),
                failures: read(&counts.failures),
                sent: read(&counts.sent),
                lost: read(&counts.lost),
                received: read(&counts.received),
            }
        });
        Status { regions: regions.collect(), links: links.collect() }
    }

    fn count(&self, from: Region, to: Region, of: impl Fn(&Counts) -> &AtomicU64) {
        if let Some(counts) = self.counts.get(&(from, to)) {
            of(counts).fetch_add(1, Ordering::Relaxed);
        }
    }

    fn raise(&self) {
        self.changed.send_modify(|version| *version += 1);
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pair(a: Region, b: Region) -> (Region, Region) {
    if a < b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Arc<Links>, BTreeMap<Region, Inbox>, [Region; 3]) {
        let names = ["eu-west-1", "us-east-1", "us-west-2"].map(|name| name.parse().unwrap());
        let (links, inboxes) = Links::new(&Arc::from(names.as_slice()));
        (links, inboxes, names)
    }

    #[tokio::test]
    async fn a_region_that_is_down_neither_sends_nor_receives() {
        let (links, mut inboxes, [a, b, c]) = three();
        links.down(b, DownMode::Refused);
        links.send(a, b, vec![1]);
        links.send(b, c, vec![2]);
        links.send(a, c, vec![3]);
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_err());
        assert_eq!(inboxes.get_mut(&c).unwrap().try_recv().unwrap().frame, [3]);
        links.up(b);
        links.send(a, b, vec![4]);
        assert_eq!(inboxes.get_mut(&b).unwrap().try_recv().unwrap().frame, [4]);
    }

    #[tokio::test]
    async fn a_partition_cuts_both_ways_until_healed() {
        let (links, mut inboxes, [a, b, c]) = three();
        links.partition(b, a);
        links.send(a, b, vec![1]);
        links.send(b, a, vec![2]);
        links.send(a, c, vec![3]);
        assert!(inboxes.get_mut(&a).unwrap().try_recv().is_err());
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_err());
        assert!(inboxes.get_mut(&c).unwrap().try_recv().is_ok());
        let status = links.status();
        let cut = status.links.iter().filter(|link| link.state == "cut").count();
        assert_eq!(cut, 2);
        links.heal();
        links.send(a, b, vec![1]);
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_holds_frames_back() {
        let (links, mut inboxes, [a, b, _]) = three();
        links.delay(a, b, Duration::from_millis(200));
        links.send(a, b, vec![1]);
        tokio::time::sleep(Duration::from_millis(199)).await;
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_err());
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_ok());
    }
    /// What was sent before a reset says nothing after it, however slow it was.
    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_is_lost_when_all_is_emptied() {
        let (links, mut inboxes, [a, b, c]) = three();
        links.delay(a, b, Duration::from_secs(1));
        links.partition(a, c);
        links.send(a, b, vec![1]);
        links.send(b, c, vec![2]);
        let emptying = links.empty();
        links.send(b, c, vec![3]);
        let waiting = inboxes.get_mut(&c).unwrap().try_recv().unwrap();
        assert_eq!(waiting.frame, [2]);
        assert!(!links.is_current(&waiting));
        drop(emptying);
        assert!(!links.is_current(&waiting));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(inboxes.get_mut(&b).unwrap().try_recv().is_err());
        assert!(inboxes.get_mut(&c).unwrap().try_recv().is_err());
        // All faults have ended.
        for to in [b, c] {
            links.send(a, to, vec![4]);
            let parcel = inboxes.get_mut(&to).unwrap().try_recv().unwrap();
            assert!(links.is_current(&parcel));
        }
    }
}
