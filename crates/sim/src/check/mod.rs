//! The promises, held against everything that happens.
//!
//! The checker sees what no Region sees: all stores, all frames, all answers. It keeps its own
//! account of what was acknowledged and which states were reached, and compares. Each violation
//! names its promise. [`secrets`], [`keys`] and [`stacks`] judge commits, [`last`] the end of a run.

mod keys;
pub mod last;
mod peek;
mod secrets;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};

use regent_core::cx::Profile;
use regent_core::ids::{KeyId, Region, SecretName, SecretSuffix};
use regent_core::ports::Read;
use regent_core::records::{Due, Key, Record, Subject};
use regent_core::replication::change::{Answer, Message, Question, Stamp};
use regent_core::time::Timestamp;
use regent_store::codec;

use crate::crypto::{Seen, hash};
use crate::disk::Change;
use crate::job::{Job, Request};
use crate::node::{Node, Out};
use crate::perform::{Kept, Reply};
use crate::workload::{Action, CANARY, value_of};

/// A promise that was not kept.
#[derive(Debug, Clone)]
pub struct Violation {
    pub promise: &'static str,
    pub what: String,
}

/// Whether a promise was kept.
pub type Verdict = Result<(), Violation>;

/// Fails with a promise and a reason unless the condition holds.
macro_rules! hold {
    ($promise:literal, $condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::check::Violation { promise: $promise, what: format!($($why)+) });
        }
    };
}
pub(crate) use hold;

/// What is known of one Region's copy of one secret.
#[derive(Debug, Default)]
struct Copy {
    /// The newest state that this Region ever held.
    reached: Stamp,
    /// What a replica must exceed to come into being, and whether reaching it again is enough.
    floor: Stamp,
    floor_failed: bool,
    /// Who wrote it, by epoch, since it last came into being.
    writers: BTreeMap<u64, Region>,
    /// The former primary that still lists this Region, since the replica here was detached.
    untold: Option<Region>,
    /// The replicas that this Region lists, as the primary.
    listed: Vec<Region>,
}

type CopyId = (Region, SecretName, SecretSuffix);

/// The checker of one run.
#[derive(Debug)]
pub struct Checker {
    seen: Seen,
    /// What each Region must hold after a crash: a fingerprint of each record, 0 for none.
    durable: BTreeMap<Region, BTreeMap<Key, u64>>,
    copies: BTreeMap<CopyId, Copy>,
    /// Which Region called itself the primary of a key, by epoch.
    primaries: BTreeMap<(KeyId, u64), Region>,
    /// The newest state of each key in each Region, there or gone.
    key_states: BTreeMap<(Region, KeyId), Stamp>,
    vouched: BTreeSet<(Region, Question)>,
    stacks: stacks::Stacks,
}

impl Checker {
    pub fn new(seen: Seen) -> Self {
        Self {
            seen,
            durable: BTreeMap::new(),
            copies: BTreeMap::new(),
            primaries: BTreeMap::new(),
            key_states: BTreeMap::new(),
            vouched: BTreeSet::new(),
            stacks: stacks::Stacks::default(),
        }
    }

    /// Judges everything that one event did in one Region.
    pub fn event(&mut self, node: &Node, now: Timestamp, out: &Out, blobs: &[Kept]) -> Verdict {
        hold!("R8", out.faults.is_empty(), "work that cannot be done: {:?}", out.faults);
        for changes in &out.promised {
            self.note_durable(node.region, changes)?;
        }
        for (_, question, answer) in &out.vouched {
            if *answer == Answer::Yes {
                self.vouched.insert((node.region, question.clone()));
            }
        }
        let key_moved = out.commits.iter().flat_map(|(_, changes)| changes).any(|change| {
            matches!(change.key, Key::KmsKey { .. } | Key::Alias { .. }) && change.before.is_some()
        });
        for (job, changes) in &out.commits {
            self.commit(node, now, job, changes, !key_moved)?;
        }
        for (request, reply) in &out.replies {
            self.reply(node, request, reply, blobs)?;
        }
        for (_, message) in &out.frames {
            let text = format!("{message:?}");
            hold!("R7", !text.contains(CANARY), "a value in the Debug of {text}");
        }
        Ok(())
    }

    /// Judges a commit that is durable.
    pub fn commit(
        &mut self,
        node: &Node,
        now: Timestamp,
        job: &Job,
        changes: &[Change],
        settled: bool,
    ) -> Verdict {
        self.note_durable(node.region, changes)?;
        for change in changes {
            match &change.key {
                Key::Secret { name, .. } => self.secret(node, job, name, change)?,
                Key::Version { .. } => peek::version(node, change)?,
                Key::KmsKey { id, .. } => self.key(node, job, *id, change)?,
                Key::Tombstone { subject, .. } => self.forgotten(node.region, job, subject),
                _ => {}
            }
        }
        for change in changes {
            if let (Key::Replica { name, region, .. }, Some(Record::Replica(replica))) =
                (&change.key, &change.after)
            {
                self.status(node, name, *region, replica)?;
            }
        }
        self.stacks.commit(node, job, changes)?;
        secrets::labels(node, changes)?;
        if settled {
            secrets::readable(node, now, job, changes)?;
        }
        Ok(())
    }

    /// PROMISE R11: judges the stacks of a Region at the end of a run.
    pub fn last(&self, node: &Node) -> Verdict {
        self.stacks.last(node)
    }

    /// PROMISE R7: no value and no key in bytes that leave the process, or that are stored.
    pub fn bytes(&self, what: &str, bytes: &[u8]) -> Verdict {
        let canary = CANARY.as_bytes();
        let marked = bytes.windows(canary.len()).any(|window| window == canary);
        hold!("R7", !marked, "a value in {what}");
        let seen = self.seen.borrow();
        let key = bytes.windows(8).find(|window| seen.contains(*window));
        hold!("R7", key.is_none(), "a key in {what}");
        Ok(())
    }

    /// PROMISE R1: after a crash, a Region holds what it held durably, and all of it.
    pub fn crashed(&self, node: &Node) -> Verdict {
        let Some(durable) = self.durable.get(&node.region) else { return Ok(()) };
        for (key, expected) in durable {
            let stored = node.disk.store.get(key).unwrap().map(|stored| stored.record);
            let found = fingerprint(key, stored.as_ref());
            hold!("R1", found == *expected, "{} lost or altered {key:?}", node.region);
        }
        Ok(())
    }

    fn note_durable(&mut self, region: Region, changes: &[Change]) -> Verdict {
        for change in changes {
            if let Some(record) = &change.after {
                let bytes = codec::encode(&change.key, record).unwrap();
                self.bytes("a stored record", &bytes)?;
            }
            let print = fingerprint(&change.key, change.after.as_ref());
            self.durable.entry(region).or_default().insert(change.key.clone(), print);
        }
        Ok(())
    }

    fn reply(&self, node: &Node, request: &Request, reply: &Reply, blobs: &[Kept]) -> Verdict {
        let region = node.region;
        match (&request.action, reply) {
            (_, Reply::Refused(why)) => {
                hold!("R7", !why.contains(CANARY), "a value in an error: {why}");
                if let Action::Decrypt { blob } = request.action {
                    keys::refusal(node, &blobs[blob], why)?;
                }
            }
            (Action::Get { name, .. }, Reply::Value { version, value }) => {
                let right = *value == value_of(name, version);
                hold!("R2", right, "{region} gave a wrong value of {name} {version}");
            }
            (Action::Decrypt { blob }, Reply::Text(text)) => {
                let right = *text == blobs[*blob].text.as_bytes();
                hold!("R5", right, "{region} decrypted to something else");
            }
            (Action::Create { .. } | Action::Replicate { .. }, Reply::Done)
                if node.profile == Profile::Strict =>
            {
                for ((asked, question), answer) in &request.answers {
                    let vouched = self.vouched.contains(&(*asked, question.clone()));
                    let said = *answer != Answer::Yes || vouched;
                    hold!("R3", said, "{asked} never said that it could hold {question:?}");
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A tombstone has served its time: what it kept out may come back.
    fn forgotten(&mut self, region: Region, job: &Job, subject: &Subject) {
        match (job, subject) {
            (Job::Deadline(_), Subject::Secret { name, suffix }) => {
                self.copy(region, name, *suffix).floor = Stamp::default();
            }
            (
                Job::Deadline(Key::Deadline { due: Due::ForgetTombstone { .. }, .. }),
                Subject::Key { id },
            ) => {
                self.key_states.remove(&(region, *id));
            }
            _ => {}
        }
    }

    fn copy(&mut self, region: Region, name: &SecretName, suffix: SecretSuffix) -> &mut Copy {
        self.copies.entry((region, name.clone(), suffix)).or_default()
    }
}

/// The Region and message behind a job that applies one.
fn applied(job: &Job) -> Option<(Region, &Message)> {
    match job {
        Job::Apply { from, message } => Some((*from, message)),
        _ => None,
    }
}

fn fingerprint(key: &Key, record: Option<&Record>) -> u64 {
    record.map_or(0, |record| hash(&[&codec::encode(key, record).unwrap()]))
}
