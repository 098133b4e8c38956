//! Judging what becomes of secrets: states that rise, owners that are one, nothing lost unasked.
//!
//! PROMISE R1, R2, R3 and R9, at every commit that writes a secret or the view of a replica.

use regent_core::cx::Profile;
use regent_core::engine;
use regent_core::ids::{Region, SecretName};
use regent_core::records::{Due, Key, Record};
use regent_core::replication::change::Message;
use regent_core::secrets::model::{Replica, ReplicaStatus, Role, Secret};
use regent_core::secrets::ops::GetSecretValue;
use regent_core::secrets::target::SecretId;
use regent_core::time::Timestamp;
use regent_core::tx::Records;

use crate::check::{Checker, Verdict, applied, hold, peek};
use crate::disk::Change;
use crate::job::{Job, short};
use crate::node::Node;
use crate::workload::Action;

impl Checker {
    pub(super) fn secret(
        &mut self,
        node: &Node,
        job: &Job,
        name: &SecretName,
        change: &Change,
    ) -> Verdict {
        let before = secret_of(change.before.as_ref());
        let after = secret_of(change.after.as_ref());
        let replaced = |old: &&Secret| after.is_none_or(|new| new.suffix != old.suffix);
        if let Some(gone) = before.filter(replaced) {
            self.gone(node, job, gone, after.is_some())?;
        }
        for secret in [before, after].into_iter().flatten() {
            self.listed(node.region, name, secret, after);
        }
        let Some(after) = after else { return Ok(()) };
        let held = before.filter(|before| before.suffix == after.suffix);
        let region = node.region;
        let copy = self.copy(region, name, after.suffix);
        let (at, suffix) = (after.at, after.suffix);
        if let Some(held) = held {
            let (was, is) = (short(held.at), short(at));
            hold!("R2", at >= held.at, "{region} took {name}-{suffix} from {was} back to {is}");
            let untold = copy.untold.filter(|former| {
                !held.is_replica() && after.role == Role::Replica { primary: *former }
            });
            hold!(
                "R9",
                untold.is_none(),
                "{region}'s own {name}-{suffix} was taken by {untold:?}, which was never told that it had left"
            );
            if held.is_replica() && !after.is_replica() {
                copy.floor = at;
                copy.floor_failed = false;
                self.detached(region, name, held);
            }
        } else {
            let fresh = at > copy.floor || (copy.floor_failed && at == copy.floor);
            let (was, is) = (short(copy.floor), short(at));
            hold!("R2", fresh, "{region} brought {name}-{suffix} back at {is}, gone at {was}");
            copy.writers.clear();
        }
        let copy = self.copy(region, name, after.suffix);
        copy.reached = copy.reached.max(at);
        let writer = match after.role {
            Role::Primary { .. } | Role::CrossAccountReplica(_) => region,
            Role::Replica { primary } => primary,
        };
        let first = *copy.writers.entry(at.epoch).or_insert(writer);
        let epoch = at.epoch;
        hold!(
            "R9",
            first == writer,
            "{first} and {writer} both wrote {region}'s {name}-{suffix} at epoch {epoch}"
        );
        Ok(())
    }

    /// Notes whom a Region lists as replicas, and so what it has been told.
    fn listed(&mut self, region: Region, name: &SecretName, secret: &Secret, now: Option<&Secret>) {
        let same = now.filter(|now| now.suffix == secret.suffix);
        let listed = same.map(|now| now.replicas().to_vec()).unwrap_or_default();
        for (id, copy) in &mut self.copies {
            let of = id.1 == *name && id.2 == secret.suffix;
            if of && copy.untold == Some(region) && !listed.contains(&id.0) {
                copy.untold = None;
            }
        }
        self.copy(region, name, secret.suffix).listed = listed;
    }

    fn detached(&mut self, region: Region, name: &SecretName, held: &Secret) {
        let Role::Replica { primary } = held.role else { return };
        let lists = self.copy(primary, name, held.suffix).listed.contains(&region);
        self.copy(region, name, held.suffix).untold = lists.then_some(primary);
    }

    /// A secret is gone: somebody must have asked for it.
    fn gone(&mut self, node: &Node, job: &Job, gone: &Secret, replaced: bool) -> Verdict {
        let (region, name) = (node.region, &gone.name);
        let copy = self.copy(region, name, gone.suffix);
        let asked = match (job, applied(job)) {
            (Job::Client(request), _) => {
                matches!(request.action, Action::Delete { days: None, .. })
                    && !gone.is_replica()
                    && gone.replicas().is_empty()
            }
            // Whether it was to is judged where stacks are.
            (Job::StackStep(_), _) => !gone.is_replica(),
            (Job::Deadline(Key::Deadline { due: Due::PurgeSecret { .. }, .. }), _) => {
                gone.deletion.is_some() && !gone.is_replica()
            }
            (_, Some((from, Message::SecretRemoved { at, .. }))) => {
                copy.floor = copy.floor.max(*at);
                copy.floor_failed = false;
                gone.role == Role::Replica { primary: from }
            }
            (_, Some((_, Message::Secret(state)))) => {
                let overwritten =
                    replaced && state.overwrite && !gone.is_replica() && gone.replicas().is_empty();
                let given_up = gone.is_replica() && gone.version_count == 0;
                if given_up {
                    copy.floor = copy.floor.max(state.at);
                    copy.floor_failed = true;
                }
                overwritten || given_up
            }
            _ => false,
        };
        let suffix = gone.suffix;
        hold!("R1", asked, "{region} lost {name}-{suffix} to {job:?}");
        Ok(())
    }

    /// PROMISE R3: what is called in sync was reached there.
    pub(super) fn status(
        &self,
        node: &Node,
        name: &SecretName,
        region: Region,
        replica: &Replica,
    ) -> Verdict {
        let Some(secret) = node.disk.store.secret(node.scope(), name).unwrap() else {
            return Ok(());
        };
        if replica.status != ReplicaStatus::InSync {
            return Ok(());
        }
        let copy = self.copies.get(&(region, name.clone(), secret.suffix));
        let reached = copy.map(|copy| copy.reached);
        let said = replica.acknowledged;
        let own = node.region;
        hold!(
            "R3",
            said.is_some() && reached >= said,
            "{own} calls {name} in sync in {region} at {said:?}, which is at {reached:?}"
        );
        Ok(())
    }
}

fn secret_of(record: Option<&Record>) -> Option<&Secret> {
    match record {
        Some(Record::Secret(secret)) => Some(secret),
        _ => None,
    }
}

/// The secrets that a commit wrote, as they are now.
fn written<'a>(
    node: &'a Node,
    changes: &'a [Change],
) -> impl Iterator<Item = std::sync::Arc<Secret>> {
    changes.iter().filter_map(|change| match &change.key {
        Key::Secret { name, .. } => node.disk.store.secret(node.scope(), name).unwrap(),
        _ => None,
    })
}

/// Every label is on a version that is stored, and a secret with values has a current one.
pub fn labels(node: &Node, changes: &[Change]) -> Verdict {
    let region = node.region;
    for secret in written(node, changes) {
        let (name, suffix) = (&secret.name, secret.suffix);
        for (label, id) in &secret.stages {
            let version = node.disk.store.version(node.scope(), name, suffix, id).unwrap();
            hold!(
                "R2",
                version.is_some(),
                "{region} has no version {id} of {name}-{suffix} for {label}"
            );
            let version = version.unwrap();
            let opens = peek::open(node, name, suffix, id, &version.value) != peek::Opened::Not;
            hold!("R2", opens, "{region} cannot open {name}-{suffix} {id}");
        }
        let current = secret.stages.contains_key(&regent_core::ids::StageLabel::current());
        hold!("R2", current || secret.stages.is_empty(), "{name}-{suffix} has no current version");
    }
    Ok(())
}

/// PROMISE R3: a replica that has just been applied can be read in its Region, all of it in the
/// strict profile, and in the other at least what it has just been given.
pub fn readable(node: &Node, now: Timestamp, job: &Job, changes: &[Change]) -> Verdict {
    let Some((_, Message::Secret(state))) = applied(job) else { return Ok(()) };
    let region = node.region;
    for secret in
        written(node, changes).filter(|secret| secret.is_replica() && secret.at == state.at)
    {
        for id in secret.stages.values() {
            let given = changes.iter().any(
                |change| matches!(&change.key, Key::Version { id: written, .. } if written == id),
            );
            if !given && node.profile == Profile::Aws {
                continue;
            }
            let op = GetSecretValue {
                secret: SecretId::parse(secret.name.as_str()).unwrap(),
                version: Some(id.clone()),
                stage: None,
            };
            let read = node.as_root(now, |cx| engine::query(op, cx, &*node.disk.store));
            let name = &secret.name;
            hold!(
                "R3",
                read.is_ok(),
                "{region} took {name} and cannot read {id}: {:?}",
                read.err()
            );
        }
    }
    Ok(())
}
