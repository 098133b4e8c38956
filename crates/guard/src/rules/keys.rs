//! Keys: how a secret and its replicas name them, and whether such a key can be used.

use super::Report;
use crate::finding::Question;
use crate::key_id::{Arn, Fault, KeyName, Resource, is_open};
use crate::model::{
    Alias, Given, Key, KeyKind, OWN_REGION, Part, Replica, Secret, Setting, Tri, Unit,
};
use crate::{policy, regions};

/// Who uses a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Use<'u> {
    Secret(&'u Secret),
    Replica { secret: &'u Secret, replica: &'u Replica },
}

impl<'u> Use<'u> {
    fn secret(self) -> &'u Secret {
        match self {
            Self::Secret(secret) | Self::Replica { secret, .. } => secret,
        }
    }

    /// Where the key has to be, if that is known.
    fn region(self) -> Option<&'u str> {
        match self {
            Self::Secret(secret) => secret.region.as_deref(),
            Self::Replica { replica, .. } => replica.region.known(),
        }
    }

    fn is_replica(self) -> bool {
        matches!(self, Self::Replica { .. })
    }

    fn user(self) -> String {
        match self {
            Self::Secret(secret) => secret.name.clone(),
            Self::Replica { replica, .. } => match &replica.region.setting {
                Setting::Unknown(_) => "a replica in a Region that is not known".to_owned(),
                _ => format!("the replica in {}", replica.region.shown()),
            },
        }
    }
}

/// A key that a secret or a replica is given.
pub(super) fn check_use(
    unit: &Unit,
    resource: &str,
    given: &Given,
    usage: Use<'_>,
    report: &mut Report<'_>,
) {
    match &given.setting {
        Setting::Text { text, .. } => check_name(unit, resource, given, text, usage, report),
        Setting::Of { resource, part } => check_made(unit, given, (resource, *part), usage, report),
        Setting::OwnRegion => {
            let message = "a Region is given where a key is meant";
            report.add("RG001", given.at, resource, message);
        }
        Setting::Unknown(why) => {
            let message = format!("the key of {} is not known: {why}", usage.user());
            report.add("RG100", given.at, resource, message);
        }
    }
    let named = || key_in(unit, given.known()?, usage.region()?);
    if let Some(key) = unit.key_meant(given).or_else(named) {
        check_usable(key, given, usage, report);
    }
    if let Some(going) = given.known().and_then(|text| unit.going(text, usage.region())) {
        let message =
            format!("{} {}, and {} is encrypted under it", going.name, going.why, usage.user());
        report.add("RG026", given.at, resource, message);
    }
}

/// A key that goes while its secret is taken off it.
pub(super) fn check_before(unit: &Unit, secret: &Secret, report: &mut Report<'_>) {
    let Some(before) = &secret.key_before else { return };
    let Some(going) = unit.going(before, secret.region.as_deref()) else { return };
    let now = secret.key.as_ref().and_then(Given::known);
    if now.is_none_or(|now| !going.ids.iter().any(|id| id == now)) {
        let at = secret.key.as_ref().map_or(secret.at, |given| given.at);
        let message =
            format!("{} is under {} until now, which {}", secret.name, going.name, going.why);
        report.add("RG027", at, &secret.name, message);
    }
}

/// A key of the same unit.
fn check_made(
    unit: &Unit,
    given: &Given,
    (name, part): (&str, Part),
    usage: Use<'_>,
    report: &mut Report<'_>,
) {
    let secret = &usage.secret().name;
    if let Some(alias) = unit.alias(name) {
        return check_alias_made(unit, alias, secret, given, usage, report);
    }
    let Some(key) = unit.key(name) else {
        let message = format!("the key of {} is made by {name}, which is no key", usage.user());
        return report.add("RG100", given.at, secret, message);
    };
    let user = usage.user();
    match elsewhere(unit, key.region.as_deref(), usage) {
        Tri::No => return,
        Tri::Yes => {}
        Tri::Unknown => {
            let message =
                format!("that {name} is in the Region of {user} is not shown by this file");
            return report.add("RG101", given.at, secret, message);
        }
    }
    let multi_region = match &key.kind {
        KeyKind::Primary { multi_region } => *multi_region,
        KeyKind::Replica { .. } => Tri::Yes,
    };
    if multi_region == Tri::No {
        let message = format!(
            "{name} is a single-Region key in another Region than {user}, which cannot use it"
        );
        report.add("RG012", given.at, secret, message);
    } else if part == Part::Arn {
        let message = format!(
            "the ARN of {name} names the Region that {name} is made in, and {user} looks for its \
             key in its own Region"
        );
        report.add("RG002", given.at, secret, message);
    } else if part == Part::Computed {
        report.add("RG100", given.at, secret, computed(&user, name));
    } else if related(unit, key, usage.region()).is_none() {
        let message = format!("that {name} has a replica key for {user} is not shown by this file");
        report.add("RG101", given.at, secret, message);
    }
}

fn computed(user: &str, name: &str) -> String {
    format!(
        "the key of {user} is made of a value of {name}, which is in another Region; how is not shown \
         by this file"
    )
}

/// Whether something is in another Region than it is used in.
fn elsewhere(unit: &Unit, home: Option<&str>, usage: Use<'_>) -> Tri {
    match (home, usage.region()) {
        (Some(home), Some(wanted)) => Tri::of(home != wanted),
        // What is made by a stack is made where its secret is.
        _ if unit.one_region => Tri::of(usage.is_replica()),
        _ => Tri::Unknown,
    }
}

/// An alias of the same unit.
fn check_alias_made(
    unit: &Unit,
    alias: &Alias,
    resource: &str,
    given: &Given,
    usage: Use<'_>,
    report: &mut Report<'_>,
) {
    let home = alias.region.as_deref().unwrap_or("the Region of the stack");
    let (name, user) = (&alias.name, usage.user());
    let called = alias.alias_name.as_ref().and_then(Given::known);
    if let (Setting::Of { part: Part::Other, .. }, Some(called)) = (&given.setting, called)
        && let Some(same) = alias_of_name(unit, called, usage)
        && elsewhere(unit, same.region.as_deref(), usage) == Tri::No
    {
        return;
    }
    match elsewhere(unit, alias.region.as_deref(), usage) {
        Tri::No => {}
        Tri::Yes if matches!(given.setting, Setting::Of { part: Part::Computed, .. }) => {
            report.add("RG100", given.at, resource, computed(&user, name));
        }
        Tri::Yes => {
            let message = format!("the alias {name} is made in {home}; aliases are not replicated");
            report.add("RG004", given.at, resource, message);
        }
        Tri::Unknown => {
            let message =
                format!("that {name} is in the Region of {user} is not shown by this file");
            report.add("RG101", given.at, resource, message);
        }
    }
}

/// The alias of this unit that has this name, where it is used if there is one: each Region may have
/// one of the same name.
fn alias_of_name<'u>(unit: &'u Unit, name: &str, usage: Use<'_>) -> Option<&'u Alias> {
    let called = |made: &&Alias| made.alias_name.as_ref().and_then(Given::known) == Some(name);
    let here = |made: &&Alias| elsewhere(unit, made.region.as_deref(), usage) == Tri::No;
    let mut all = unit.aliases.iter().filter(called);
    all.clone().find(here).or_else(|| all.next())
}

/// The replica key of a multi-Region key of this unit in a Region, also of this unit.
fn related<'u>(unit: &'u Unit, key: &Key, region: Option<&str>) -> Option<&'u Key> {
    unit.keys.iter().find(|other| {
        let KeyKind::Replica { primary } = &other.kind else { return false };
        let of_key = match &primary.setting {
            Setting::Of { resource, .. } => *resource == key.name,
            Setting::Text { text, .. } => key.is_arn(text),
            Setting::OwnRegion | Setting::Unknown(_) => false,
        };
        of_key && region.is_some() && other.region.as_deref() == region
    })
}

/// The key of this unit that has this id or ARN in a Region.
fn key_in<'u>(unit: &'u Unit, text: &str, region: &str) -> Option<&'u Key> {
    let here = |key: &&Key| key.region.as_deref() == Some(region);
    unit.keys.iter().filter(here).find(|key| key.ids.iter().any(|id| id == text))
}

/// The replica of a secret under a multi-Region key, where that key has a replica key in the same
/// unit that is not the one used.
pub(super) fn check_related(unit: &Unit, secret: &Secret, report: &mut Report<'_>) {
    let Some(own) = secret.key.as_ref().and_then(|given| unit.key_meant(given)) else { return };
    if !matches!(own.kind, KeyKind::Primary { multi_region: Tri::Yes }) {
        return;
    }
    for replica in &secret.replicas {
        let Some(related) = related(unit, own, replica.region.known()) else { continue };
        let usage = Use::Replica { secret, replica };
        let (at, other) = match &replica.key {
            None => (replica.at, "aws/secretsmanager".to_owned()),
            Some(given) => match unit.key_meant(given) {
                Some(used) if used.name == related.name || used.name == own.name => continue,
                // It cannot be read at all, which is another rule's.
                Some(used) if used.region != related.region => continue,
                Some(used) => (given.at, used.name.clone()),
                None => continue,
            },
        };
        let message = format!(
            "{} is encrypted under {other}, although {} is the replica key of {} there",
            usage.user(),
            related.name,
            own.name
        );
        report.add("RG011", at, &secret.name, message);
    }
}

/// A key that is named by a text.
fn check_name(
    unit: &Unit,
    resource: &str,
    given: &Given,
    text: &str,
    usage: Use<'_>,
    report: &mut Report<'_>,
) {
    let user = usage.user();
    // A key that goes is there as well, and is told of by itself.
    let made_here = usage.region().is_some_and(|wanted| key_in(unit, text, wanted).is_some())
        || unit.going(text, usage.region()).is_some();
    let unproven = |report: &mut Report<'_>| {
        let question = usage.region().and_then(|region| question(region, given));
        let question = question.map(|asked| Question { quiet: !usage.is_replica(), ..asked });
        // AWS: a secret that is made under a key that is not there is refused at once.
        if !made_here && (usage.is_replica() || question.is_some()) {
            report.unproven(given.at, resource, &user, question);
        }
    };
    match KeyName::parse(text) {
        KeyName::Malformed(fault) => report.add("RG001", given.at, resource, fault_text(fault)),
        KeyName::Arn(arn) => {
            let wrong = check_arn(&arn, resource, given, usage, report);
            let named = match arn.resource {
                Resource::Alias(alias) => check_alias(alias, resource, given, report),
                Resource::Key(_) => false,
            };
            if !wrong && !named {
                unproven(report);
            }
        }
        KeyName::Alias(alias) => {
            let made = alias_of_name(unit, alias, usage);
            if check_alias(alias, resource, given, report) {
                return;
            }
            match made {
                Some(made) => check_alias_made(unit, made, resource, given, usage, report),
                None => unproven(report),
            }
        }
        KeyName::Id(_) => unproven(report),
    }
}

/// What a live account can be asked of a key.
fn question(region: &str, given: &Given) -> Option<Question> {
    let key = given.known()?.to_owned();
    Some(Question { region: region.to_owned(), key, quiet: false })
}

/// AWS's own aliases; true if nothing more is to be said of this one.
fn check_alias(alias: &str, resource: &str, given: &Given, report: &mut Report<'_>) -> bool {
    match alias.strip_prefix("alias/aws/") {
        Some("secretsmanager") => true,
        Some(service) if !is_open(service) => {
            let message = format!("{alias} is the key of another service of AWS");
            report.add("RG005", given.at, resource, message);
            true
        }
        _ => false,
    }
}

/// Whether an ARN is of the wrong Region or partition, and says so.
fn check_arn(
    arn: &Arn<'_>,
    resource: &str,
    given: &Given,
    usage: Use<'_>,
    report: &mut Report<'_>,
) -> bool {
    let user = usage.user();
    let own = arn.region.chars().eq([OWN_REGION]);
    let wanted = usage.region();
    if own && usage.is_replica() {
        let message = format!("the key is in the Region of the stack, and {user} cannot use it");
        report.add("RG002", given.at, resource, message);
        return true;
    }
    if is_open(arn.region) {
        return false;
    }
    let Some(wanted) = wanted else { return false };
    let partition = regions::find(wanted).map(|region| region.partition);
    if partition.is_some_and(|known| !is_open(arn.partition) && known != arn.partition) {
        let message =
            format!("the key is in the partition {}, and {user} is in another", arn.partition);
        report.add("RG003", given.at, resource, message);
        return true;
    }
    if arn.region != wanted {
        let message = format!("the key is in {}, and {user} looks for it in {wanted}", arn.region);
        report.add("RG002", given.at, resource, message);
        return true;
    }
    false
}

fn fault_text(fault: Fault<'_>) -> String {
    match fault {
        Fault::Empty => "the key is an empty text".to_owned(),
        Fault::MultiRegion(digits) => {
            let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let (count, kind) =
                (digits.chars().count(), if hex { "hexadecimal digits" } else { "characters" });
            format!("mrk- is followed by {count} {kind}; it has to be 32 hexadecimal digits")
        }
        Fault::Id(_) => "this is no key id, no key ARN and no alias".to_owned(),
        Fault::Alias(_) => "this is no name of an alias".to_owned(),
        Fault::Arn(_) => "this is no ARN of a KMS key or alias".to_owned(),
    }
}

/// A key that is used, and cannot be.
fn check_usable(key: &Key, given: &Given, usage: Use<'_>, report: &mut Report<'_>) {
    let (secret, user) = (&usage.secret().name, usage.user());
    if key.symmetric.answer == Tri::No {
        let message = format!("{} is no symmetric encryption key", key.name);
        report.add("RG016", given.at, secret, message);
    }
    // A replica key has a policy and a state of its own; this one may be its primary.
    let elsewhere = key.region.is_none() || key.region.as_deref() != usage.region();
    if usage.is_replica() && elsewhere {
        return;
    }
    if key.enabled.answer == Tri::No {
        let message = format!("{} is disabled, and {user} is encrypted under it", key.name);
        report.add("RG015", given.at, secret, message);
    }
    if key.material == Tri::No && usage.secret().has_value == Tri::Yes {
        let message = format!("{} has no key material, and {user} has a value", key.name);
        report.add("RG025", given.at, secret, message);
    }
    if let Some((at, document)) = &key.policy
        && let Some(reason) = policy::shuts_out(document, usage.region())
    {
        let message = format!("{user} cannot use {}: {reason}", key.name);
        report.add("RG014", *at, &key.name, message);
    }
}

/// What is wrong with a key of the unit, whoever uses it.
pub(super) fn check_key(unit: &Unit, key: &Key, report: &mut Report<'_>) {
    let KeyKind::Replica { primary } = &key.kind else { return };
    match &primary.setting {
        Setting::Of { resource, .. } => {
            let Some(found) = unit.key(resource) else { return };
            if matches!(found.kind, KeyKind::Primary { multi_region: Tri::No }) {
                let message = format!("{resource} is not a multi-Region key");
                report.add("RG013", primary.at, &key.name, message);
            } else if matches!(found.kind, KeyKind::Replica { .. }) {
                let message = format!("{resource} is a replica key itself");
                report.add("RG024", primary.at, &key.name, message);
            } else if unit.one_region || (key.region.is_some() && found.region == key.region) {
                let message = format!("{resource} is made in the Region that {} is in", key.name);
                report.add("RG020", primary.at, &key.name, message);
            }
        }
        Setting::Text { text, .. } => {
            let KeyName::Arn(arn) = KeyName::parse(text) else {
                let message = "the primary key has to be given by its ARN";
                return report.add("RG001", primary.at, &key.name, message);
            };
            let Resource::Key(id) = arn.resource else { return };
            if !is_open(id) && !KeyName::is_multi_region(text) {
                let message = "the id of a multi-Region key begins with mrk-, and this does not";
                report.add("RG013", primary.at, &key.name, message);
            } else if arn.region.chars().eq([OWN_REGION])
                || key.region.as_deref() == Some(arn.region)
            {
                let message = format!("the primary key is in the Region that {} is in", key.name);
                report.add("RG020", primary.at, &key.name, message);
            } else if let Some(asked) = question(arn.region, primary)
                && key_in(unit, text, arn.region).is_none()
            {
                let (user, asked) =
                    (format!("the replica key {}", key.name), Question { quiet: true, ..asked });
                report.unproven(primary.at, &key.name, &user, Some(asked));
            }
        }
        Setting::OwnRegion => {}
        Setting::Unknown(why) => {
            let message = format!("the primary key of {} is not known: {why}", key.name);
            report.add("RG100", primary.at, &key.name, message);
        }
    }
}
