//! Judging stacks: what they make, once, and only what they say; and that they come to an end.
//!
//! PROMISE R11. Each step is judged by itself: it makes and deletes what it notes, no more and no
//! less. At the end of an operation a stack is as its template says, or as it was before, or gone
//! with all that it ever made. What is found at last belongs to a stack or was to stay.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use regent_core::cx::Profile;
use regent_core::ids::StageLabel;
use regent_core::keys::model::{KeyState, KmsKey};
use regent_core::ports::Read;
use regent_core::records::{Key, Prefix, Record, Scan};
use regent_core::secrets::model::{ReplicaStatus, Secret};
use regent_core::stacks::ids::{LogicalId, StackId};
use regent_core::stacks::model::{Event, Instance, Phase, Resource, Side, Stack, Status};
use regent_core::tx::Records;

use crate::blueprint;
use crate::blueprint::{Blueprint, KEY_MARK, Part, Under, What};
use crate::check::last::secrets;
use crate::check::{Verdict, hold, peek};
use crate::disk::Change;
use crate::job::Job;
use crate::node::Node;
use crate::workload;

const SECRET: &str = "AWS::SecretsManager::Secret";
const POLICY: &str = "AWS::SecretsManager::ResourcePolicy";
const KEY: &str = "AWS::KMS::Key";
const ALIAS: &str = "AWS::KMS::Alias";

/// What a resource is called outside its stack: its type, and its physical id.
type Thing = (Box<str>, Box<str>);

/// What is remembered of the stacks of all Regions.
#[derive(Debug, Default)]
pub struct Stacks {
    /// What each instance was when it was noted.
    noted: BTreeMap<(StackId, LogicalId, u32), Thing>,
    /// What was to stay when it left its stack.
    retained: BTreeSet<Thing>,
    before: BTreeMap<StackId, Before>,
    /// Stacks of which something was skipped: they count as what they may not be.
    loose: BTreeSet<StackId>,
}

/// A stack at the beginning of an update.
#[derive(Debug)]
struct Before {
    was: Option<Box<str>>,
    wanted: Option<Box<str>>,
    physical: BTreeMap<LogicalId, Box<str>>,
}

impl Stacks {
    /// Judges a commit that is durable.
    pub fn commit(&mut self, node: &Node, job: &Job, changes: &[Change]) -> Verdict {
        let (noted, forgotten) = self.note(changes)?;
        if let Job::StackStep(_) = job {
            step(node, changes, &noted, &forgotten)?;
        }
        // First what was let go: the same commit may end the operation.
        for change in changes {
            if let (Key::StackEvent { stack, .. }, Some(Record::StackEvent(event))) =
                (&change.key, &change.after)
            {
                self.event(node, *stack, event, changes)?;
            }
        }
        for change in changes {
            match (&change.key, &change.before, &change.after) {
                (Key::StackRun { id, .. }, _, Some(Record::StackRun(run)))
                    if run.phase == Phase::UpdateRollback && !run.retained.is_empty() =>
                {
                    self.loose.insert(*id);
                }
                (Key::Stack { .. }, before, Some(Record::Stack(after))) => {
                    let before = match before {
                        Some(Record::Stack(before)) => Some(before.status),
                        _ => None,
                    };
                    if before != Some(after.status) {
                        self.stack(node, after)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a commit newly notes of instances, and what it no longer does.
    fn note(&mut self, changes: &[Change]) -> Result<(Vec<Thing>, Vec<Thing>), super::Violation> {
        let (mut noted, mut forgotten) = (Vec::new(), Vec::new());
        for change in changes {
            let Key::StackResource { stack, logical, .. } = &change.key else { continue };
            let of = |record: &Option<Record>| match record {
                Some(Record::StackResource(found)) => Some(Arc::clone(found)),
                _ => None,
            };
            let (before, after) = (of(&change.before), of(&change.after));
            let all = |found: &Option<Arc<Resource>>| {
                let found = found.iter().flat_map(|found| {
                    found.instances.iter().map(|one| (one.made, thing(found, one)))
                });
                found.collect::<BTreeMap<u32, Thing>>()
            };
            let (before, after) = (all(&before), all(&after));
            for (made, thing) in &after {
                if before.get(made) == Some(thing) {
                    continue;
                }
                noted.push(thing.clone());
                let known = self.noted.insert((*stack, logical.clone(), *made), thing.clone());
                let once = known.as_ref().is_none_or(|known| known == thing);
                hold!("R11", once, "{stack} made {logical} twice: {known:?} and {thing:?}");
            }
            let gone = before.into_iter().filter(|(made, _)| !after.contains_key(made));
            forgotten.extend(gone.map(|(_, thing)| thing));
        }
        Ok((noted, forgotten))
    }

    /// What a stack lets go is what its template says may stay.
    fn event(&mut self, node: &Node, stack: StackId, event: &Event, changes: &[Change]) -> Verdict {
        if event.status != Status::DeleteSkipped {
            return Ok(());
        }
        // As it was before: a commit that ends an operation forgets what the stack leaves.
        let before = changes.iter().find_map(|change| match (&change.key, &change.before) {
            (Key::Stack { id, .. }, Some(Record::Stack(before))) if *id == stack => {
                Some(Arc::clone(before))
            }
            _ => None,
        });
        let found = match before {
            Some(before) => before,
            None => node.disk.store.stack(node.scope(), stack).unwrap().unwrap(),
        };
        let logical = event.logical.as_ref().unwrap();
        let stays = found.sides().any(|side| {
            let parts = parts(node, side);
            parts.iter().any(|part| part.logical == logical.as_str() && part.retained)
        });
        let region = node.region;
        hold!("R11", stays, "{region}'s stack {} let {logical} go, and was not to", found.name);
        self.retained.insert((event.type_name.clone(), event.physical.clone()));
        Ok(())
    }

    /// A stack comes into another state.
    fn stack(&mut self, node: &Node, stack: &Stack) -> Verdict {
        let (region, name, id) = (node.region, &stack.name, stack.id);
        match stack.status {
            Status::UpdateInProgress => {
                let wanted = description(stack.target.as_ref());
                let was = description(stack.current.as_ref());
                let physical = current(node, stack);
                self.before.insert(id, Before { was, wanted, physical });
            }
            Status::CreateComplete => self.fits(node, stack, "is complete", true)?,
            Status::UpdateComplete => {
                let wanted = self.before.get(&id).and_then(|before| before.wanted.as_deref());
                let is = description(stack.current.as_ref());
                hold!(
                    "R11",
                    wanted.is_none() || wanted == is.as_deref(),
                    "{region}'s stack {name} was updated to {is:?}, not {wanted:?}"
                );
                self.fits(node, stack, "is complete", true)?;
            }
            Status::UpdateRollbackComplete if !self.loose.contains(&id) => {
                let before = &self.before[&id];
                let (was, is) = (&before.was, description(stack.current.as_ref()));
                hold!(
                    "R11",
                    *was == is,
                    "{region}'s stack {name} was rolled back to {is:?}, not {was:?}"
                );
                let (was, is) = (&before.physical, current(node, stack));
                hold!(
                    "R11",
                    *was == is,
                    "{region}'s stack {name} was rolled back to {is:?}, not {was:?}"
                );
                self.fits(node, stack, "was rolled back", false)?;
            }
            Status::RollbackComplete | Status::DeleteComplete => self.nothing_left(node, stack)?,
            _ => {}
        }
        Ok(())
    }

    /// What there is, is as the stack's template says. What has just been waited for is in sync.
    fn fits(&self, node: &Node, stack: &Stack, how: &str, waited: bool) -> Verdict {
        if self.loose.contains(&stack.id) {
            return Ok(());
        }
        let side = stack.current.as_ref().unwrap();
        let (region, name) = (node.region, &stack.name);
        let view = View { node, stack, side, waited };
        let parts = parts(node, side);
        for part in &parts {
            let unlike = view.unlike(part);
            let logical = part.logical;
            hold!(
                "R11",
                unlike.is_none(),
                "{region}'s stack {name} {how}, and {logical} {unlike:?}"
            );
        }
        for (logical, resource) in resources(node, stack.id) {
            let wanted = parts.iter().any(|part| part.logical == logical.as_str());
            // AWS: an update is complete also if something old could not be deleted.
            let left = resource.instances.is_empty() || resource.status == Status::DeleteFailed;
            hold!("R11", wanted || left, "{region}'s stack {name} {how}, and still has {logical}");
        }
        Ok(())
    }

    /// Nothing that a stack has ever made is there, but what was to stay.
    fn nothing_left(&self, node: &Node, stack: &Stack) -> Verdict {
        let (region, name, id) = (node.region, &stack.name, stack.id);
        let owned = owned(node);
        let own = self.noted.range((id, "A".parse().unwrap(), 0)..);
        for ((_, logical, _), thing) in own.take_while(|((of, _, _), _)| *of == id) {
            let gone = !exists(node, thing)
                || self.retained.contains(thing)
                || owned.contains(&known_as(thing.clone()));
            let how = stack.status;
            hold!("R11", gone, "{region}'s stack {name} is {how:?} and left {logical}: {thing:?}");
        }
        let listed = resources(node, id).into_iter().any(|(_, found)| !found.instances.is_empty());
        hold!("R11", !listed, "{region}'s stack {name} is {:?} and lists resources", stack.status);
        if stack.status == Status::DeleteComplete {
            let found = node.disk.store.stack_of_name(node.scope(), name).unwrap();
            hold!("R11", found != Some(id), "{region}'s stack {name} is deleted and has its name");
        }
        Ok(())
    }

    /// Judges the end of a run, when everything has healed.
    pub fn last(&self, node: &Node) -> Verdict {
        let (region, scope) = (node.region, node.scope());
        let stacks = scan(node, Prefix::Stacks { scope }, |_, record| match record {
            Record::Stack(stack) => Some(stack),
            _ => None,
        });
        for stack in stacks {
            let run = node.disk.store.stack_run(scope, stack.id).unwrap();
            let (name, status) = (&stack.name, stack.status);
            let over = run.is_none() && !is_under_way(status);
            hold!("R11", over, "{region}'s stack {name} never ended: {status:?} {run:?}");
            if status.is_updatable() {
                self.fits(node, &stack, "is complete", false)?;
            }
        }
        let owned = owned(node);
        for thing in things(node) {
            let known = owned.contains(&thing) || self.retained.contains(&thing);
            hold!("R11", known, "{region} has an orphan: {thing:?}");
        }
        Ok(())
    }
}

/// A step makes what it notes and deletes what it no longer notes, and nothing else.
fn step(node: &Node, changes: &[Change], noted: &[Thing], forgotten: &[Thing]) -> Verdict {
    let region = node.region;
    let (mut made, mut gone) = (Vec::new(), Vec::new());
    for change in changes {
        let before = change.before.as_ref().and_then(|found| outside(node, &change.key, found));
        let after = change.after.as_ref().and_then(|found| outside(node, &change.key, found));
        if before != after {
            gone.extend(before);
            made.extend(after);
        }
    }
    for thing in &made {
        hold!("R11", noted.contains(thing), "{region} made {thing:?}, which no stack notes");
    }
    let forgotten: Vec<Thing> = forgotten.iter().cloned().map(known_as).collect();
    for thing in &gone {
        hold!(
            "R11",
            forgotten.contains(thing),
            "{region} deleted {thing:?}, which no stack gave up"
        );
    }
    let one_step = [SECRET, KEY, ALIAS];
    for thing in noted.iter().filter(|(of, _)| one_step.contains(&&**of)) {
        hold!("R11", made.contains(thing), "{region} notes {thing:?}, which it has not made");
    }
    Ok(())
}

/// What a record is to the stack that made it, if it is a thing that one step makes.
fn outside(node: &Node, key: &Key, record: &Record) -> Option<Thing> {
    let scope = node.scope();
    match (key, record) {
        (Key::Secret { .. }, Record::Secret(secret)) if !secret.is_replica() => {
            Some((SECRET.into(), secret.arn(scope).to_string().into()))
        }
        (Key::KmsKey { .. }, Record::KmsKey(key)) if !is_leaving(key) => {
            Some((KEY.into(), key.id.to_string().into()))
        }
        (Key::Alias { .. }, Record::Alias(alias)) => {
            Some((ALIAS.into(), alias.name.as_str().into()))
        }
        _ => None,
    }
}

fn thing(resource: &Resource, instance: &Instance) -> Thing {
    (resource.type_name.clone(), instance.physical.clone())
}

fn description(side: Option<&Side>) -> Option<Box<str>> {
    side.and_then(|side| side.description.clone())
}

fn parts(node: &Node, side: &Side) -> Vec<Part> {
    let blueprint = Blueprint::of(side.description.as_deref().unwrap());
    blueprint.parts(node.region, &node.regions)
}

/// The instances that a stack has as what it is.
fn current(node: &Node, stack: &Stack) -> BTreeMap<LogicalId, Box<str>> {
    let Some(side) = &stack.current else { return BTreeMap::new() };
    let names: BTreeSet<_> = parts(node, side).into_iter().map(|part| part.logical).collect();
    let found = resources(node, stack.id).into_iter().filter_map(|(logical, resource)| {
        let instance = resource.instance(side.generation)?;
        names.contains(logical.as_str()).then(|| (logical, instance.physical.clone()))
    });
    found.collect()
}

const fn is_under_way(status: Status) -> bool {
    matches!(
        status,
        Status::CreateInProgress
            | Status::RollbackInProgress
            | Status::DeleteInProgress
            | Status::UpdateInProgress
            | Status::UpdateCompleteCleanupInProgress
            | Status::UpdateRollbackInProgress
            | Status::UpdateRollbackCompleteCleanupInProgress
            | Status::ImportInProgress
            | Status::ImportRollbackInProgress
    )
}

fn is_leaving(key: &KmsKey) -> bool {
    matches!(key.state, KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. })
}

fn scan<T>(node: &Node, prefix: Prefix, pick: impl Fn(Key, Record) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    let scanned = node.disk.store.scan(&Scan::all(prefix), &mut |key, record| {
        found.extend(pick(key, record));
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    found
}

fn resources(node: &Node, stack: StackId) -> Vec<(LogicalId, Arc<Resource>)> {
    let scope = node.scope();
    scan(node, Prefix::StackResources { scope, stack }, |key, record| match (key, record) {
        (Key::StackResource { logical, .. }, Record::StackResource(found)) => {
            Some((logical, found))
        }
        _ => None,
    })
}

/// What the stacks of a Region have.
fn owned(node: &Node) -> BTreeSet<Thing> {
    let scope = node.scope();
    let stacks = scan(node, Prefix::Stacks { scope }, |_, record| match record {
        Record::Stack(stack) => Some(stack.id),
        _ => None,
    });
    let all = stacks.into_iter().flat_map(|id| resources(node, id));
    let each = all.flat_map(|(_, found)| {
        found.instances.iter().map(|one| thing(&found, one)).collect::<Vec<_>>()
    });
    each.map(known_as).collect()
}

/// A replica key is a key like any other.
fn known_as((type_name, physical): Thing) -> Thing {
    if &*type_name == "AWS::KMS::ReplicaKey" {
        (KEY.into(), physical)
    } else {
        (type_name, physical)
    }
}

/// What there is that only stacks make.
fn things(node: &Node) -> Vec<Thing> {
    let scope = node.scope();
    let mut all: Vec<Thing> = secrets(node)
        .iter()
        .filter(|secret| !workload::is_clients(secret.name.as_str()))
        .filter_map(|secret| {
            let key = Key::Secret { scope, name: secret.name.clone() };
            outside(node, &key, &Record::Secret(Arc::clone(secret)))
        })
        .collect();
    all.extend(scan(node, Prefix::KmsKeys { scope }, |key, record| match &record {
        Record::KmsKey(found) if found.description.starts_with(KEY_MARK) => {
            outside(node, &key, &record)
        }
        _ => None,
    }));
    all.extend(scan(node, Prefix::Aliases { scope }, |key, record| match &record {
        Record::Alias(alias) if alias.name.as_str().starts_with("alias/st-") => {
            outside(node, &key, &record)
        }
        _ => None,
    }));
    all
}

fn secret(node: &Node, arn: &str) -> Option<Arc<Secret>> {
    let scope = node.scope();
    secrets(node).into_iter().find(|secret| secret.arn(scope).to_string() == arn)
}

fn key(node: &Node, id: &str) -> Option<Arc<KmsKey>> {
    let found = node.disk.store.kms_key(node.scope(), id.parse().unwrap()).unwrap();
    found.filter(|key| !is_leaving(key))
}

fn exists(node: &Node, (type_name, physical): &Thing) -> bool {
    match &**type_name {
        SECRET => secret(node, physical).is_some(),
        POLICY => secret(node, physical).is_some_and(|found| found.policies.iter().count() > 0),
        ALIAS => {
            let name = physical.parse().unwrap();
            node.disk.store.alias(node.scope(), &name).unwrap().is_some()
        }
        _ => key(node, physical).is_some(),
    }
}

/// A stack beside what it is to be.
struct View<'a> {
    node: &'a Node,
    stack: &'a Stack,
    side: &'a Side,
    waited: bool,
}

impl View<'_> {
    fn physical(&self, logical: &str) -> Option<Box<str>> {
        let (node, logical) = (self.node, logical.parse().unwrap());
        let found = node.disk.store.stack_resource(node.scope(), self.stack.id, &logical).unwrap();
        Some(found?.instance(self.side.generation)?.physical.clone())
    }

    /// In what a resource is not what it should be.
    fn unlike(&self, part: &Part) -> Option<String> {
        let Some(physical) = self.physical(part.logical) else {
            return Some("is not there".to_owned());
        };
        let node = self.node;
        let unlike = match &part.what {
            What::Secret(wanted) => return self.unlike_secret(&physical, wanted),
            What::Key(wanted) => {
                key(node, &physical).is_none_or(|key| *key.description != **wanted)
            }
            What::Replica(primary) => {
                *primary.id.to_string() != *physical || key(node, &physical).is_none()
            }
            What::Alias(name) => {
                let found = node.disk.store.alias(node.scope(), &name.parse().unwrap()).unwrap();
                let target = found.map(|alias| alias.target.to_string());
                target.as_deref() != self.physical("Key").as_deref() || **name != *physical
            }
            What::Policy(number) => {
                let found = secret(node, &physical);
                let mark = format!(r#""Sid":"{number}""#);
                found.is_none_or(|found| {
                    !found.policies.iter().any(|(_, policy)| policy.text().contains(&mark))
                })
            }
        };
        unlike.then(|| format!("is not {:?}", part.what))
    }

    fn unlike_secret(&self, arn: &str, wanted: &blueprint::Secret) -> Option<String> {
        let node = self.node;
        let Some(found) = secret(node, arn) else { return Some("is gone".to_owned()) };
        let key = match wanted.key {
            Under::Managed => None,
            Under::Own => self.physical("Key"),
            Under::Named(name) => Some(name.into()),
        };
        let mut replicas: Vec<_> = wanted.replicas.iter().map(|(region, _)| *region).collect();
        replicas.sort_unstable();
        let named = wanted.name.is_none_or(|name| name == found.name.as_str());
        let same = named
            && found.description.as_deref() == Some(&*wanted.description)
            && found.kms_key_id == key
            && found.deletion.is_none()
            && found.replicas() == replicas;
        if !same {
            return Some(format!("is {found:?}, not {wanted:?}"));
        }
        let id = &found.stages[&StageLabel::current()];
        let scope = node.scope();
        let version = node.disk.store.version(scope, &found.name, found.suffix, id).unwrap();
        let opened = peek::open(node, &found.name, found.suffix, id, &version.unwrap().value);
        let value = peek::Opened::Value(wanted.value.as_bytes().to_vec());
        if opened != value && opened != peek::Opened::KeyGone {
            return Some(format!("holds {opened:?}, not {value:?}"));
        }
        if !self.waited || node.profile == Profile::Aws {
            return None;
        }
        let behind = replicas.into_iter().find(|region| {
            let view = node.disk.store.replica(scope, &found.name, *region).unwrap();
            view.is_none_or(|view| match view.status {
                ReplicaStatus::InSync => false,
                // Its policy is a resource by itself, whose way there is not waited for.
                ReplicaStatus::InProgress => view.acknowledged.is_none(),
                ReplicaStatus::Failed { .. } => true,
            })
        });
        behind.map(|region| format!("is not in sync in {region}"))
    }
}
