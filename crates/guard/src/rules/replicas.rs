//! Replicas: their Regions, their keys, and whether there is anything to replicate.

use std::collections::BTreeSet;

use super::Report;
use super::keys::{self, Use};
use crate::model::{Replica, Secret, Setting, Tri, Unit};
use crate::regions;

pub(super) fn check(unit: &Unit, secret: &Secret, report: &mut Report<'_>) {
    if let Some((at, why)) = &secret.replicas_unknown {
        report.add("RG100", *at, &secret.name, format!("the replicas are not known: {why}"));
    }
    if let Some(key) = &secret.key {
        keys::check_use(unit, &secret.name, key, Use::Secret(secret), report);
    }
    let mut seen = BTreeSet::new();
    for replica in &secret.replicas {
        check_region(secret, replica, report);
        let region = replica.region.shown();
        let comparable = !matches!(replica.region.setting, Setting::Unknown(_));
        if comparable && !seen.insert(region.clone()) {
            let message = format!("{region} is a replica Region of {} twice", secret.name);
            report.add("RG007", replica.region.at, &secret.name, message);
        }
        if let Some(key) = &replica.key {
            let usage = Use::Replica { secret, replica };
            keys::check_use(unit, &secret.name, key, usage, report);
        }
    }
    keys::check_related(unit, secret, report);
    keys::check_before(unit, secret, report);
    check_value(secret, report);
    check_disposal(unit, secret, report);
}

fn check_region(secret: &Secret, replica: &Replica, report: &mut Report<'_>) {
    let given = &replica.region;
    let own = || format!("{} is in {} itself", secret.name, given.shown());
    let name = match &given.setting {
        Setting::OwnRegion => return report.add("RG006", given.at, &secret.name, own()),
        Setting::Text { .. } if given.known().is_some() => given.known().unwrap_or_default(),
        Setting::Text { why, .. } | Setting::Unknown(why) => {
            let message = format!("the Region of a replica is not known: {why}");
            return report.add("RG100", given.at, &secret.name, message);
        }
        Setting::Of { resource, .. } => {
            let message = format!("the Region of a replica is a value of {resource}");
            return report.add("RG100", given.at, &secret.name, message);
        }
    };
    if secret.region.as_deref() == Some(name) {
        return report.add("RG006", given.at, &secret.name, own());
    }
    match regions::find(name) {
        None => {
            let near = regions::nearest(name);
            let near = near.map(|near| format!("; {near} is meant?")).unwrap_or_default();
            let message = format!("there is no Region {name}{near}");
            report.add("RG008", given.at, &secret.name, message);
        }
        Some(region) => {
            let home = secret.region.as_deref().and_then(regions::find);
            if let Some(home) = home.filter(|home| home.partition != region.partition) {
                let message = format!(
                    "{name} is in the partition {}, and {} in {}; no secret is replicated from one \
                     to another",
                    region.partition, home.name, home.partition
                );
                report.add("RG003", given.at, &secret.name, message);
            } else if region.opt_in {
                let message = format!("{name} has to be enabled in the account first");
                report.add("RG009", given.at, &secret.name, message);
            }
        }
    }
}

/// A replica of nothing is in sync at once, whatever its key is.
fn check_value(secret: &Secret, report: &mut Report<'_>) {
    let keyed = secret.replicas.iter().find_map(|replica| replica.key.as_ref());
    if let (Tri::No, Some(key)) = (secret.has_value, keyed) {
        let message = format!(
            "{} is made without a value, so that its replicas are InSync before their keys were \
             ever used",
            secret.name
        );
        report.add("RG010", key.at, &secret.name, message);
    }
}

/// A secret that stays while its key goes cannot be read any more, and neither can its replicas.
fn check_disposal(unit: &Unit, secret: &Secret, report: &mut Report<'_>) {
    if secret.retained != Tri::Yes {
        return;
    }
    let Some(given) = &secret.key else { return };
    let Some(key) = unit.key_meant(given) else { return };
    if key.retained == Tri::No {
        let message = format!(
            "{} is kept when the stack is deleted, and its key {} is not",
            secret.name, key.name
        );
        report.add("RG017", given.at, &secret.name, message);
    }
}
