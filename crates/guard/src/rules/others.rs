//! Rotations, and who may read a secret from another account.

use super::Report;
use crate::model::{Given, Secret, SecretPolicy, Setting, Unit, Write, Written};
use crate::policy::{Guest, guests};

pub(super) fn check(unit: &Unit, report: &mut Report<'_>) {
    for write in &unit.writes {
        check_write(unit, write, report);
    }
    for policy in &unit.secret_policies {
        check_policy(unit, policy, report);
    }
}

/// Only a primary rotates, and takes a policy or a value: an ARN that is a replica's is refused.
fn check_write(unit: &Unit, write: &Write, report: &mut Report<'_>) {
    let (rule, refused) = match write.kind {
        Written::Rotation => ("RG018", "which cannot rotate"),
        Written::Policy => ("RG023", "which takes no policy of its own"),
        Written::Version => ("RG023", "which takes no value of its own"),
    };
    if let Setting::Of { resource, .. } = &write.secret.setting {
        let secret = unit.secret(resource).and_then(|secret| secret.region.as_deref());
        if let (Some(region), Some(home)) = (secret, write.region.as_deref())
            && region != home
        {
            let message = format!("{resource} is in {region}, and {} in {home}", write.name);
            report.add(rule, write.secret.at, &write.name, message);
        }
        return;
    }
    let Some(text) = write.secret.known() else { return };
    let mut parts = text.split(':');
    let (Some("secretsmanager"), Some(region)) = (parts.nth(2), parts.next()) else { return };
    let name = parts.nth(2).unwrap_or_default();
    if let Some(home) = write.region.as_deref().filter(|home| *home != region) {
        let message = format!("the secret is in {region}, and {} in {home}", write.name);
        return report.add(rule, write.secret.at, &write.name, message);
    }
    let replica_there = |secret: &&Secret| {
        secret.replicas.iter().any(|replica| replica.region.known() == Some(region))
            && secret.called.as_deref().is_some_and(|called| is_named(name, called))
    };
    if let Some(secret) = unit.secrets.iter().find(replica_there) {
        let message = format!("in {region} there is a replica of {}, {refused}", secret.name);
        report.add(rule, write.secret.at, &write.name, message);
    }
}

/// Whether the name in an ARN is this one with the six characters that AWS adds.
fn is_named(found: &str, called: &str) -> bool {
    let rest = found.strip_prefix(called);
    rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('-') && rest.len() == 7))
}

/// The key that AWS keeps for Secrets Manager serves its own account only.
fn check_policy(unit: &Unit, policy: &SecretPolicy, report: &mut Report<'_>) {
    let Setting::Of { resource, .. } = &policy.secret.setting else { return };
    let Some(secret) = unit.secret(resource) else { return };
    let managed = |key: &Option<Given>| match key {
        None => true,
        Some(given) => given.known().is_some_and(|text| text.ends_with("alias/aws/secretsmanager")),
    };
    let place = if managed(&secret.key) {
        "it".to_owned()
    } else if let Some(replica) = secret.replicas.iter().find(|replica| managed(&replica.key)) {
        format!("its replica in {}", replica.region.shown())
    } else {
        return;
    };
    for guest in guests(&policy.policy, unit.account.as_deref()) {
        let (rule, who) = match guest {
            Guest::Account(id) => ("RG019", format!("the account {id}")),
            Guest::Organisation => ("RG019", "other accounts of the organisation".to_owned()),
            Guest::Anyone => ("RG019", "every account".to_owned()),
            Guest::Perhaps(id) => ("RG100", format!("the account {id}, which may be another one,")),
        };
        let message = format!(
            "{who} may read {resource}, but {place} is encrypted under aws/secretsmanager, which \
             serves no other account"
        );
        report.add(rule, policy.at, &policy.name, message);
    }
}
